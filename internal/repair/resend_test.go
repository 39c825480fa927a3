package repair

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

func datagram(seq uint32, n int) []byte {
	d := make([]byte, n)
	for i := range d {
		d[i] = byte(seq) + byte(i)
	}
	return d
}

func TestCacheKeepsTheLastSecond(t *testing.T) {
	for _, size := range []int{60, 150, 700, 1200} {
		var c Cache
		for seq := uint32(1); seq <= 500; seq++ {
			c.Put(at(seq), seq, datagram(seq, size))
			for _, ago := range []uint32{0, 1, 25, 49} {
				if want := seq - ago; seq > ago {
					if got := c.Get(at(seq), want); !bytes.Equal(got, datagram(want, size)) {
						t.Fatalf("size %d: datagram %d is not there %d frames later", size, want, ago)
					}
				}
			}
			if seq > 52 && c.Get(at(seq), seq-52) != nil {
				t.Fatalf("size %d: a datagram older than a second is there", size)
			}
		}
		c.Put(at(2000), 2000, datagram(9, size))
		if !bytes.Equal(c.Get(at(2000), 2000), datagram(9, size)) || c.Get(at(2000), 500) != nil {
			t.Error("does not work after idling")
		}
	}
}

// Against a map: what Get returns is right, memory bounded, whatever the sizes and times.
func TestCacheOnRandomDatagrams(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var c Cache
		type kept struct {
			at time.Duration
			d  []byte
		}
		all := map[uint32]kept{}
		now := time.Duration(0)
		for range 4000 {
			now += time.Duration(rng.IntN(30)) * ms
			seq := rng.Uint32N(300)
			if c.Get(now, seq) == nil {
				d := datagram(rng.Uint32(), 1+rng.IntN(1200))
				c.Put(now, seq, d)
				all[seq] = kept{now, d}
			}
			probe := rng.Uint32N(300)
			if got := c.Get(now, probe); got != nil {
				if k := all[probe]; !bytes.Equal(got, k.d) || now-k.at > CacheAge {
					t.Fatalf("seed %d: wrong datagram", seed)
				}
			}
		}
	}
}

func TestCopiesAreOfEveryDatagram(t *testing.T) {
	var cache Cache
	var c Copies
	put := func(seq uint32) { cache.Put(at(seq), seq, datagram(seq, 100)) }
	put(1)
	if d, _ := c.Next(&cache, at(1)); d != nil {
		t.Error("there are copies without being asked for")
	}
	c.delay = 80 * ms
	var got []uint32
	for now := at(2); now < at(60); now += ms {
		if now%wire.FrameDuration == 0 && now < at(50) {
			put(uint32(now / wire.FrameDuration))
		}
		d, next := c.Next(&cache, now)
		for ; d != nil; d, next = c.Next(&cache, now) {
			seq := uint32(d[0])
			if now != at(seq)+80*ms {
				t.Errorf("copy of %d after %v", seq, now-at(seq))
			}
			got = append(got, seq)
		}
		if next <= now || next > now+80*ms {
			t.Fatalf("at %v the next is due at %v", now, next)
		}
	}
	if len(got) != 48 || got[0] != 2 {
		t.Errorf("%d copies, the first of %d; want 48 from 2 on", len(got), got[0])
	}
	c.delay = 0
	put(70)
	if d, next := c.Next(&cache, at(80)); d != nil || next < at(80)+time.Second {
		t.Error("goes on when off")
	}
}

// Any flood of nacks costs at most half of the voice in any second.
func TestResenderMakesNoStorm(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var r Resender
		voice := wire.Kbps(16 + rng.IntN(160))
		r.SetRate(voice)
		rtt := time.Duration(rng.IntN(200)) * ms
		share := max((voice / 2).Bytes(time.Second), netproto.MaxDatagram+wire.IPv4Overhead)
		sent := 0.0
		for now := time.Duration(0); now < 10*time.Second; now += ms {
			newest := uint32(now / wire.FrameDuration)
			for range 10 {
				size := 60 + rng.IntN(200)
				if ok, _ := r.Allow(now, rng.Uint32N(4), newest-rng.Uint32N(50), size, rtt); ok {
					sent += float64(size + wire.IPv4Overhead)
				}
			}
		}
		if sent > 10*share || sent < 8*share {
			t.Errorf("seed %d: %v bytes resent in 10 s, the share is %v", seed, sent, 10*share)
		}
	}
}

// A datagram goes twice when asked for twice in a row, and then not again within a round trip.
func TestResenderGuards(t *testing.T) {
	var r Resender
	r.SetRate(400)
	var sent []time.Duration
	now := time.Duration(0)
	for ; now < 900*ms; now += ms {
		if ok, spare := r.Allow(now, 7, 1, 100, 60*ms); ok {
			if sent = append(sent, now); spare != (len(sent)%2 == 0) {
				t.Errorf("time %d: spare %v", len(sent), spare)
			}
		}
	}
	if want := []time.Duration{0, Twin / 2, Twin/2 + 60*ms, 2*Twin/2 + 60*ms}; !slices.Equal(sent, want) {
		t.Errorf("sent at %v, want %v", sent, want)
	}
	other, _ := r.Allow(now, 8, 1, 100, 60*ms)
	next, _ := r.Allow(now, 7, 2, 100, 60*ms)
	if !other || !next {
		t.Error("another talker or number is refused")
	}
}

func BenchmarkCachePut(b *testing.B) {
	var c Cache
	d := datagram(1, 120)
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		c.Put(at(seq), seq, d)
	}
}

func TestCacheDoesNotAllocate(t *testing.T) {
	var c Cache
	d := datagram(1, 120)
	seq := uint32(0)
	put := func() {
		seq++
		c.Put(at(seq), seq, d)
	}
	for range 200 {
		put()
	}
	if n := testing.AllocsPerRun(1000, put); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
