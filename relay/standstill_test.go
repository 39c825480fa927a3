package relay

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/internal/udpio"
	"github.com/tincan-voice/tincan/internal/udpio/udpiotest"
)

// stopped is a socket whose reader stands still in the middle of it, once.
type stopped struct {
	udpio.Conn
	still atomic.Int64
}

func (c *stopped) Read(msgs []udpio.Message, wait time.Duration) (int, error) {
	time.Sleep(time.Duration(c.still.Swap(0)))
	return c.Conn.Read(msgs, wait)
}

// What waits in a socket after a standstill is passed over, what comes then is not.
func TestWorkerPassesOldOver(t *testing.T) {
	for _, tt := range []struct {
		still time.Duration
		stale uint64
	}{{time.Second, 0}, {30 * time.Second, 200}} {
		synctest.Test(t, func(t *testing.T) {
			n := udpiotest.NewNetwork()
			relay, peer := netip.MustParseAddrPort("10.0.0.1:9999"), n.Listen(netip.MustParseAddrPort("10.0.0.2:1"))
			conn := &stopped{Conn: n.Listen(relay)}
			s := &Server{core: rooms.NewCore(rooms.Config{}), start: time.Now()}
			s.wg.Go(func() { s.work(conn) })
			send := func() {
				if err := peer.Send(udpio.Path{Remote: relay}, []byte("no datagram of ours")); err != nil {
					t.Fatal(err)
				}
			}
			conn.still.Store(int64(tt.still))
			time.Sleep(pulse) // the next Read stands still
			synctest.Wait()
			for range 200 {
				send()
			}
			time.Sleep(tt.still + time.Millisecond)
			send()
			time.Sleep(10 * time.Second) // nothing happens, which is no standstill
			send()
			synctest.Wait()
			if st := s.core.Stats(); st.Received != 202 || st.Dropped[forward.DropStale] != tt.stale || st.Dropped[forward.DropType] != 202-tt.stale {
				t.Errorf("after %v: %+v", tt.still, st)
			}
			_ = conn.Close()
			_ = peer.Close()
			s.wg.Wait()
		})
	}
}

// sleepy is a connection whose reader and writer stand still once, before their deadline is looked at.
type sleepy struct {
	net.Conn
	still time.Duration
}

func (c *sleepy) sleep() {
	time.Sleep(c.still)
	c.still = 0
}

func (c *sleepy) Read(p []byte) (int, error)  { c.sleep(); return c.Conn.Read(p) }
func (c *sleepy) Write(p []byte) (int, error) { c.sleep(); return c.Conn.Write(p) }

// Who was late because the relay stood still has a while more, and then no more.
func TestDeadlinesAfterAStandstill(t *testing.T) {
	for _, write := range []bool{false, true} {
		for _, tt := range []struct {
			still, answer time.Duration
			ok            bool
		}{
			{0, 9 * time.Second, true},
			{0, 11 * time.Second, false},
			{30 * time.Second, time.Second, true},
			{30 * time.Second, 33 * time.Second, true},
			{30 * time.Second, 36 * time.Second, false},
		} {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				l := &link{Conn: &sleepy{near, tt.still}}
				_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
				_ = l.SetWriteDeadline(time.Now().Add(10 * time.Second))
				buf := make([]byte, 4)
				done := make(chan struct{})
				go func() {
					defer close(done)
					time.Sleep(tt.answer)
					if write {
						_, _ = far.Read(buf)
					} else {
						_, _ = far.Write(buf)
					}
				}()
				var err error
				if write {
					_, err = l.Write(make([]byte, 4))
				} else {
					_, err = l.Read(make([]byte, 4))
				}
				if tt.ok != (err == nil) || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("write %v, still for %v, answer after %v: %v", write, tt.still, tt.answer, err)
				}
				_ = near.Close()
				<-done
			})
		}
	}
}
