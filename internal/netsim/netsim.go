// Package netsim imitates networks: seeded, in virtual time, without a socket or a clock.
//
// A Link decides the fate of one direction's datagrams at the moment they are sent: lost,
// delivered at some time, or delivered twice. Links compose, each stage handing on what it
// lets through:
//
//	          Chain
//	sent ---> Rate ---> Jitter ---> Burst ---> Outage ---> arrives
//	          queue     spread      Gilbert-   held, then
//	          drops     order       Elliott    a clump
//
// Presets are such chains with names; a Trace replays a recorded network. The same seed and
// the same sends always give the same arrivals. Pipe carries the datagrams themselves.
//
// A Link is for one goroutine. Time is a time.Duration since any fixed start, and sends should
// not go back in time.
package netsim

import (
	"math/rand/v2"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// HeaderBytes is what IPv4 (RFC 791, 20 bytes) and UDP (RFC 768, 8 bytes) add to a payload;
// rate limits count it.
const HeaderBytes = wire.IPv4Overhead

// Link decides what happens to the datagrams of one direction.
type Link interface {
	// Send returns the fate of a datagram with size bytes of UDP payload sent at now.
	Send(now time.Duration, size int) Fate
}

// Fate is when a datagram arrives: never (Copies 0), once, or twice.
type Fate struct {
	Copies int
	At     [2]time.Duration // the first Copies entries are valid
}

// Arrive is the fate of a datagram that arrives once, at t.
func Arrive(t time.Duration) Fate { return Fate{Copies: 1, At: [2]time.Duration{t}} }

// Lost is the fate of a datagram that never arrives.
var Lost = Fate{}

// chain is a row of links.
type chain []Link

// Chain sends every datagram through all links in turn: it enters a link at the moment the
// one before lets it out. No links at all is a perfect network.
func Chain(links ...Link) Link {
	if len(links) == 1 {
		return links[0]
	}
	return chain(links)
}

func (c chain) Send(now time.Duration, size int) Fate {
	fate := Arrive(now)
	for _, link := range c {
		var next Fate
		for _, t := range fate.At[:fate.Copies] {
			f := link.Send(t, size)
			for _, t := range f.At[:f.Copies] {
				if next.Copies < len(next.At) {
					next.At[next.Copies] = t
					next.Copies++
				}
			}
		}
		if fate = next; fate.Copies == 0 {
			return Lost
		}
	}
	return fate
}

// newRand returns the random stream of one stage.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x74696e63616e)) }

// seeds hands out independent seeds derived from one (splitmix64, Steele et al. 2014).
type seeds uint64

func (s *seeds) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
