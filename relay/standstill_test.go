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

	"github.com/tincan-voice/tincan/internal/udpio"
	"github.com/tincan-voice/tincan/internal/udpio/udpiotest"
	"github.com/tincan-voice/tincan/netproto"
)

// After a minute in which the relay stood still nobody counts as silent until all have had
// their time again.
func TestNobodyIsSilentAfterAStandstill(t *testing.T) {
	c := newTestCore(t, CoreConfig{SilenceTimeout: 30 * time.Second})
	for range 3 {
		c.settled("", "a")
	}
	listening := func() (n int) {
		for _, s := range c.Sessions() {
			if s.Listening {
				n++
			}
		}
		return n
	}
	c.Tick(c.now)
	c.now += time.Minute
	c.Resume(c.now)
	c.Tick(c.now)
	if n := listening(); n != 3 {
		t.Errorf("%d of 3 are sent to", n)
	}
	for _, s := range c.Core.sessions {
		if s.live.Load() {
			s.heard.Store(int64(c.now)) // one says something
			break
		}
	}
	c.now += 31 * time.Second
	c.Tick(c.now)
	if n := listening(); n > 1 {
		t.Errorf("%d are sent to, and all but one have been silent for 31 s", n)
	}
}

// A talker is told at once how it fares: it has heard nothing for long.
func TestFeedbackAfterAStandstill(t *testing.T) {
	c := newTestCore(t, CoreConfig{})
	a, b := c.settled("", "a"), c.settled("", "b")
	talk := func(frames int) (reports int) {
		for range frames {
			c.now += netproto.FrameDuration
			c.handle(a.addr, a.said("x"))
			c.worker.Flush(c.now)
			b.took()
			for _, d := range a.took() {
				if kind, _ := netproto.DatagramType(d); kind == netproto.TypeReport {
					reports++
				}
			}
		}
		return reports
	}
	if n := talk(500); n < 4 {
		t.Fatalf("%d reports in 10 s", n)
	}
	c.now += time.Minute
	a.seq[netproto.TypeVoice] += 3000
	c.Resume(c.now)
	if n := talk(5); n != 1 {
		t.Errorf("%d reports in the first 100 ms, want 1", n)
	}
}

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
			s := &Server{core: NewCore(CoreConfig{}), start: time.Now()}
			s.wg.Go(func() { s.work(0, conn) })
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
			if st := s.core.Stats(); st.Received != 202 || st.Dropped[DropStale] != tt.stale || st.Dropped[DropType] != 202-tt.stale {
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
