package stream

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

func TestResend(t *testing.T) {
	talker := newPacketizer(t, Config{Stride: 2})
	if talker.Resend(0) != nil || talker.Resend(1) != nil {
		t.Error("resent what never was")
	}
	var was [][]byte // what was sealed, by number
	for i := range 800 {
		d, err := talker.Frame(speech(i))
		if err != nil {
			t.Fatal(err)
		}
		if d == nil {
			continue
		}
		sealed, hop, err := netproto.SplitHop(forwarded(t, d))
		if err != nil || hop.Again || hop.Count != uint8(talker.counted.Newest()%netproto.HopCounts) || int(hop.Count) != (len(was)+1)%netproto.HopCounts {
			t.Fatalf("datagram %d: %+v, %v", len(was)+1, hop, err)
		}
		was = append(was, slices.Clone(sealed))
		for age := range min(len(was), 60) {
			count := uint8((len(was) - age) % netproto.HopCounts)
			d := talker.Resend(count)
			if late := 2*age > sentAge; late || d == nil {
				if late != (d == nil) {
					t.Fatalf("%d datagrams back: %d bytes", age, len(d))
				}
				continue
			}
			again, hop, err := netproto.SplitHop(forwarded(t, d))
			if err != nil || hop != (netproto.Hop{Count: count, Again: true}) || !bytes.Equal(again, was[len(was)-1-age]) {
				t.Fatalf("%d datagrams back: %+v, %d bytes, %v", age, hop, len(again), err)
			}
		}
	}
}

// A receiver gets every frame once, in order, whatever the shape; silence is said once and costs nothing.
func TestFramesComeThrough(t *testing.T) {
	for _, tt := range []struct {
		stride int
		copies []int
	}{{1, nil}, {3, nil}, {6, nil}, {1, []int{1}}, {2, []int{3}}, {3, []int{1, 2}}} {
		p := newPacketizer(t, Config{Stride: tt.stride, Copies: tt.copies})
		got := map[uint32][]byte{}
		var order []uint32
		r := newReceiver(ReceiverConfig{Take: func(_ time.Duration, a *Arrival) error {
			for _, f := range slices.Backward(a.Frames) {
				if got[f.Number] == nil {
					got[f.Number] = slices.Clone(f.Data)
					order = append(order, f.Number)
				}
			}
			return nil
		}})
		datagrams := 0
		for i := range 200 {
			f := Frame{Level: Silent}
			if i%100 < 50 {
				f = speech(i)
			}
			if d := say(t, p, f); d != nil {
				datagrams++
				if err := r.Handle(at(i), d); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 200 {
			if data := got[uint32(i+1)]; i%100 < 50 && !bytes.Equal(data, speech(i).Data) || i%100 == 50 && len(data) != 0 {
				t.Errorf("%+v: frame %d is %x", tt, i+1, data)
			}
		}
		if !slices.IsSorted(order) || datagrams > 2*(50/tt.stride+tt.stride+8) || !p.Settled() {
			t.Errorf("%+v: %d datagrams, %v", tt, datagrams, order)
		}
		if nack, _ := r.Poll(at(200)); nack != nil {
			t.Errorf("%+v: asks for %x", tt, nack)
		}
	}
}

// What is held back takes no count: nobody misses it.
func TestHeldBackTakesNoCount(t *testing.T) {
	held := 0
	i := 0
	p := newPacketizer(t, Config{May: func(size int) bool {
		if size < 60 {
			t.Errorf("%d bytes", size)
		}
		if i%5 == 2 {
			held++
			return false
		}
		return true
	}})
	r := newReceiver(ReceiverConfig{})
	for ; i < 100; i++ {
		if d := say(t, p, speech(i)); d != nil {
			if err := r.Handle(at(i), d); err != nil {
				t.Fatal(err)
			}
		}
		if nack, _ := r.Poll(at(i) + at(1)/2); nack != nil {
			t.Fatalf("frame %d: asks for %x", i, nack)
		}
	}
	if held != 20 || uint8(p.counted.Newest()%netproto.HopCounts) != 80 || r.Datagrams(session) != 80 {
		t.Errorf("%d held back, the last count is %d, %d came", held, uint8(p.counted.Newest()%netproto.HopCounts), r.Datagrams(session))
	}
}

func TestPacketizerRefuses(t *testing.T) {
	p, err := NewPacketizer(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := p.Frame(speech(1)); d != nil || err != nil {
		t.Errorf("without keys: %x, %v", d, err)
	}
	p.SetTag(hop.TagKey())
	p.SetSecret(1, secret, netproto.EpochGrace)
	for _, f := range []Frame{{Data: make([]byte, p.Room()+1)}, {Data: make([]byte, 10), Coarse: make([]byte, CoarseRoom+1)}} {
		if _, err := p.Frame(f); !errors.Is(err, ErrFrame) {
			t.Error(err)
		}
	}
	if d, err := p.Frame(Frame{Data: make([]byte, p.Room())}); err != nil || d == nil || len(d) > netproto.MaxDatagram {
		t.Errorf("%d bytes, %v", len(d), err)
	}
	if _, err := NewPacketizer(Config{Copies: []int{1, 4, 1}}); !errors.Is(err, ErrRedundancy) {
		t.Errorf("an offset twice: %v", err)
	}
	if _, err := NewPacketizer(Config{Stride: 7}); !errors.Is(err, ErrRedundancy) {
		t.Error(err)
	}
}

func TestStreamDoesNotAllocate(t *testing.T) {
	p := newPacketizer(t, Config{Stride: 2, Copies: []int{1}})
	r := newReceiver(ReceiverConfig{})
	i := 0
	f, key := speech(1), hop.TagKey()
	step := func() {
		d, err := p.Frame(f)
		i++
		if err == nil && d != nil && i%7 != 0 {
			voice, _ := strip.Check(key, d)
			err = r.Handle(at(i), voice)
		}
		r.Poll(at(i))
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 300 {
		step()
	}
	if n := testing.AllocsPerRun(500, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Under another session numbers and counts go on, whatever the keys are; datagrams of the one before are not sent
// again.
func TestRenew(t *testing.T) {
	p := newPacketizer(t, Config{})
	r := newReceiver(ReceiverConfig{})
	for i := range 10 {
		if err := r.Handle(at(i), say(t, p, speech(i))); err != nil {
			t.Fatal(err)
		}
	}
	p.Renew(session + 1)
	if d, err := p.Frame(speech(10)); d != nil || err != nil || p.Resend(5) != nil {
		t.Errorf("%x, %v; resends %v", d, err, p.Resend(5) != nil)
	}
	p.SetTag(hop.TagKey())
	p.SetSecret(0, secret, 0) // an epoch before the last one
	d := say(t, p, speech(11))
	if h, err := netproto.ParseHeader(d); err != nil || h.Seq != 12 || h.Session != session+1 || h.Epoch != 0 {
		t.Errorf("%+v, %v", h, err)
	}
	if _, hop, _ := netproto.SplitHop(d); hop.Count != 11 {
		t.Errorf("%+v", hop)
	}
	r.Add(session + 1)
	if err := r.Handle(at(10), d); err == nil {
		t.Error("opened without its epoch")
	}
	r.Renew()
	r.SetSecret(0, 0, secret)
	if err := r.Handle(at(10), d); err != DropUnknown {
		t.Errorf("nobody is there: %v", err)
	}
	r.Add(session + 1)
	if err := r.Handle(at(10), d); err != nil {
		t.Error(err)
	}
	if u := r.Unheard(nil); len(u) != 1 || u[0].Session != session+1 || u[0].Count != 0 { // a stranger no more
		t.Errorf("%+v", u)
	}
}
