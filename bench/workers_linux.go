//go:build cgo

package bench

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

const (
	workerRooms     = 4
	workerListeners = 250
	inFlight        = 256 // datagrams on their way to a relay that is kept busy: some 20 ms of work
	senderPause     = time.Millisecond
)

// workers is how many datagrams per second a relay with so many workers sends
// when it is never out of work: four rooms, whose listeners do not read, so
// that the relay has the machine for itself: the sender sleeps most of the time. The listeners'
// sockets are full and the kernel throws away what is sent to them, which costs it less than
// delivering would: it is the ratio of two workers to one that counts.
func workers(n int) func(*testing.B) {
	return func(b *testing.B) {
		server, err := relay.Listen(relay.Config{
			Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: b.TempDir(),
			Workers: n, SessionRate: 1 << 30,
		})
		must(b, err)
		ctx, cancel := context.WithCancel(context.Background())
		end := make(chan error, 1)
		go func() { end <- server.Serve(ctx) }()
		p := &party{addr: server.Addr(), tagger: netproto.NewHopTagger()}
		b.Cleanup(func() {
			cancel()
			p.close()
			must(b, <-end)
		})
		p.fill(b, workerListeners, workerRooms)
		to := &unix.SockaddrInet4{Port: int(p.addr.Port()), Addr: p.addr.Addr().As4()}

		before, start, spent := server.Stats(), time.Now(), cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID)
		done := before.Received
		for sent, i := before.Received, 0; b.Loop(); i++ {
			for sent >= done+inFlight {
				nanosleep(senderPause)
				done = server.Stats().Received
			}
			talker := p.members[i%workerRooms*workerListeners]
			d, _ := talker.say(p.tagger)
			must(b, unix.Sendto(talker.fd, d, 0, to))
			sent++
		}
		took := time.Since(start)
		for last := done; ; last = done { // those on their way
			nanosleep(senderPause)
			if done = server.Stats().Received; done == last {
				break
			}
			took = time.Since(start)
		}
		st := server.Stats()
		spent = cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID) - spent
		b.ReportMetric(0, "ns/op") // of the sender, who mostly sleeps
		b.ReportMetric(float64(spent)/float64(st.Delivered-before.Delivered), "cpu-ns/send")
		b.ReportMetric(float64(st.Delivered-before.Delivered)/took.Seconds(), "sends/s")
		b.ReportMetric(float64(st.Received-before.Received)/float64(b.N), "taken/sent")
	}
}
