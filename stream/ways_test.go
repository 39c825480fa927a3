package stream

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// The two ways of a talker are told apart, whatever the stride and the copies, and pauses are no loss.
func TestWays(t *testing.T) {
	for _, tt := range []struct {
		name     string
		stride   int
		copies   []int
		up, down float64
		resent   bool // what is lost on the way up comes after all, three datagrams later
	}{
		{"nothing lost", 1, nil, 0, 0, false},
		{"stride 3", 3, nil, 0, 0, false},
		{"up", 1, nil, 0.12, 0, false},
		{"up, sent again", 1, nil, 0.12, 0, true},
		{"up, stride 2", 2, nil, 0.12, 0, false},
		{"up, copies", 1, []int{1}, 0.12, 0, false},
		{"down", 1, nil, 0, 0.2, false},
		{"down, stride 3", 3, []int{1, 2}, 0, 0.2, false},
		{"both", 1, nil, 0.1, 0.1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newReceiver(ReceiverConfig{})
			p := newPacketizer(t, Config{Stride: tt.stride, Copies: tt.copies})
			chance := rand.New(rand.NewPCG(1, 2))
			var sent, lost, down, downLost int
			count := uint8(0)
			var again [][]byte
			forward := func(i int, d []byte) {
				count++
				netproto.SetHop(d, netproto.Hop{Count: count % netproto.HopCounts})
				down++
				if chance.Float64() < tt.down {
					downLost++
					return
				}
				if err := r.Handle(at(i), d); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 20000 {
				f := speech(i)
				if i%400 > 300 {
					f = Frame{Level: Silent}
				}
				d := say(t, p, f)
				if d == nil {
					continue
				}
				sent++
				if chance.Float64() < tt.up && i > 10 && i%400 < 290 && i%400 > 20 {
					lost++
					if tt.resent {
						again = append(again, d)
					}
					continue
				}
				forward(i, d)
				if len(again) > 2 {
					forward(i, again[0])
					again = again[1:]
				}
			}
			w := r.Ways(session)
			if got, want := w.Up(), float64(lost)/float64(sent); math.Abs(got-want) > want/5+0.002 {
				t.Errorf("up %.3f, want %.3f: %+v of %d sent", got, want, w, sent)
			}
			if got, want := w.Down(), float64(downLost)/float64(down); math.Abs(got-want) > want/5+0.002 {
				t.Errorf("down %.3f, want %.3f: %+v", got, want, w)
			}
		})
	}
}

func TestWaysOfAnotherOrderAndABeginningAnew(t *testing.T) {
	var w ways
	for _, d := range []struct {
		seq   uint32
		count uint8
		again bool
	}{{1, 1, false}, {2, 2, false}, {4, 4, false}, {3, 3, false}, {5, 5, false}, {5, 5, true}} {
		w.arrived(d.seq, netproto.Hop{Count: d.count, Again: d.again}, true, 1)
	}
	if w.Ways != (Ways{Came: 5}) {
		t.Errorf("another order: %+v", w.Ways)
	}
	w.arrived(900, netproto.Hop{Count: 100}, true, 1) // an outage
	w.arrived(901, netproto.Hop{Count: 2}, true, 1)   // a relay that counts anew
	w.arrived(902, netproto.Hop{Count: 3}, true, 1)
	if w.Ways != (Ways{Came: 8}) {
		t.Errorf("beginning anew: %+v", w.Ways)
	}
	if got := (Ways{10, 4, 2}).Since(Ways{6, 4, 1}); got != (Ways{4, 0, 1}) {
		t.Errorf("since: %+v", got)
	}
}

// A talker who goes from a frame and its copy to two frames in a datagram, as often as it likes, loses nothing by that,
// though both have two frames.
func TestWaysOfAnotherStride(t *testing.T) {
	r := newReceiver(ReceiverConfig{})
	p := newPacketizer(t, Config{Stride: 1, Copies: []int{1}})
	count := uint8(0)
	for i := range 4000 {
		if i%200 == 0 {
			stride, copies := 1, []int{1}
			if i%400 == 200 {
				stride, copies = 2, nil
			}
			if err := p.SetRedundancy(stride, copies); err != nil {
				t.Fatal(err)
			}
		}
		d := say(t, p, speech(i))
		if d == nil {
			continue
		}
		count++
		netproto.SetHop(d, netproto.Hop{Count: count % netproto.HopCounts})
		if err := r.Handle(at(i), d); err != nil {
			t.Fatal(err)
		}
	}
	if w := r.Ways(session); w.LostUp > 2 || w.LostDown > 0 || w.Came < 2000 {
		t.Errorf("%+v", w)
	}
}
