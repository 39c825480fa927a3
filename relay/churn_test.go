package relay

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
)

// While people come, go and move and somebody floods the port with rubbish, a
// call in the same room loses nothing, and at the end nothing is left over.
func TestChurn(t *testing.T) {
	s := startServer(t, Config{Workers: 2, Talkers: -1, HoldTime: -1})
	a, b := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b")
	roamer := joinVoice(t, s, "r", "roamer")
	_ = roamer.conn.SetDeadline(time.Time{})
	before := runtime.NumGoroutine()

	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() { // comes and goes, without TCP's farewell now and then
		for i := 0; !stop.Load(); i++ {
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(conn, `{"KEY": 2, "NAME": "n%d", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ROOM": "r"}`, i)
			_, _ = conn.Read(make([]byte, 1024))
			if i%2 == 0 {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
			_ = conn.Close()
		}
	})
	wg.Go(func() { // rubbish, some of it with a's own header
		conn, err := net.Dial("udp", s.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		for i := 0; !stop.Load(); i++ {
			d := make([]byte, 1+rng.IntN(100))
			for j := range d {
				d[j] = byte(rng.Uint32())
			}
			if i%2 == 0 {
				d = append([]byte{0x40, byte(a.session >> 24), byte(a.session >> 16), byte(a.session >> 8), byte(a.session)}, d...)
			}
			_, _ = conn.Write(d)
			if i%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	wg.Go(func() { // moves, as fast as challenges allow
		for range 5 {
			roamer.bind()
			roamer.settle()
		}
	})
	var want [][]byte
	for i := range 200 {
		want = append(want, a.say(fmt.Sprint("sentence ", i)))
		time.Sleep(5 * time.Millisecond)
	}
	relaytest.SameSet(t, b.hear(len(want)), want)
	stop.Store(true)
	wg.Wait()

	for range 500 {
		if len(s.Clients()) == 3 && runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := len(s.Clients()); n != 3 {
		t.Errorf("%d clients are left", n)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	st := s.Stats()
	if st.Dropped[DropUnknown]+st.Dropped[DropVersion] == 0 || st.Dropped[DropStranger]+st.Dropped[DropForged] == 0 {
		t.Errorf("the flood left no trace: %v", st.Dropped)
	}
}
