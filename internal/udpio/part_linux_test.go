package udpio

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// reader counts what comes to a program's sockets, by number and socket.
type reader struct {
	conns []Conn
	wg    sync.WaitGroup
	mu    sync.Mutex
	got   []string
}

func read(conns []Conn) *reader {
	r := &reader{conns: conns}
	for i, c := range conns {
		r.wg.Go(func() {
			msgs := make([]Message, BatchSize)
			for {
				n, err := c.Read(msgs, 100*time.Millisecond)
				if err == ErrClosed {
					return
				}
				r.mu.Lock()
				for _, m := range msgs[:n] {
					r.got = append(r.got, fmt.Sprintf("%x on %d", binary.BigEndian.Uint32(m.Data[1:]), i))
				}
				r.mu.Unlock()
			}
		})
	}
	return r
}

func (r *reader) close() {
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.wg.Wait()
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// took empties what has come.
func (r *reader) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	slices.Sort(got)
	return got
}

// Programs follow each other on a port. While the old one is there each gets its own half of the numbers, on the socket
// that they name; when it has ended the new one does as the old one did. Nothing is lost.
func TestPart(t *testing.T) {
	for _, sockets := range []int{1, 2, 3} {
		conns, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Options{Sockets: sockets, SteerOffset: 1})
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("udp", conns[0].LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		// say sends numbers of both halves, and returns what comes of those in the upper one or the lower one.
		say := func(upper bool) (want []string) {
			t.Helper()
			for i := range uint32(6) {
				for _, half := range []uint32{0, 1 << 31} {
					id := half + i
					if _, err := client.Write(binary.BigEndian.AppendUint32([]byte{0}, id)); err != nil {
						t.Fatal(err)
					}
					if upper == (half != 0) {
						want = append(want, fmt.Sprintf("%x on %d", id, id%uint32(sockets)))
					}
				}
			}
			slices.Sort(want)
			return want
		}
		wait := func(r *reader, n int) {
			t.Helper()
			for end := time.Now().Add(10 * time.Second); r.count() < n; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d sockets: %d of %d: %v", sockets, r.count(), n, r.took())
				}
			}
		}
		now := read(conns)
		for generation := range 4 {
			upper := generation%2 == 1
			say(upper)
			wait(now, 12)
			now.took()
			handed, err := Files(now.conns)
			if err != nil {
				t.Fatal(err)
			}
			next, err := Adopt(handed)
			if err != nil {
				t.Fatal(err)
			}
			closeAll(handed)
			if err := Part(now.conns, 1, upper); err != nil {
				t.Fatal(err)
			}
			after := read(next)
			want, others := say(upper), say(!upper) // both halves twice
			want = append(want, want...)
			others = append(others, others...)
			slices.Sort(want)
			slices.Sort(others)
			wait(now, len(want))
			wait(after, len(others))
			if got := now.took(); !slices.Equal(got, want) {
				t.Errorf("%d sockets: the old one got %v, want %v", sockets, got, want)
			}
			if got := after.took(); !slices.Equal(got, others) {
				t.Errorf("%d sockets: the new one got %v, want %v", sockets, got, others)
			}
			now.close()
			now = after
		}
		now.close()
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
