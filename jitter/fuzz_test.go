package jitter

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// FuzzArrivals feeds any arrivals at all, and checks that the output always flows, is finite
// and adds up with the trace.
func FuzzArrivals(f *testing.F) {
	f.Add([]byte{0, 1, 10, 0, 2, 10, 1, 0, 0, 3, 10, 1, 1, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	seed := make([]byte, 1000)
	r := rand.New(rand.NewPCG(8, 8))
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 1000 {
			return
		}
		var traced int
		b := New(&fakeCodec{fec: len(ops)%2 == 1}, Config{
			MaxDelay: time.Duration(len(ops)) * time.Millisecond,
			Trace: func(s Segment) {
				traced += s.Out
				if s.Out <= 0 || s.Len < 0 || math.IsNaN(s.Start) {
					t.Fatalf("segment %+v", s)
				}
			},
		})
		out := make([]float32, 1000)
		number, now := uint32(1), time.Duration(0)
		pulled := 0
		next := func() byte {
			if len(ops) == 0 {
				return 0
			}
			v := ops[0]
			ops = ops[1:]
			return v
		}
		for len(ops) > 0 {
			op := next()
			switch arg := next(); op % 8 {
			case 0, 1: // some frames, newest first, as they should be
				number += uint32(arg % 4)
				frames := make([]Frame, 1+arg%3)
				for i := range frames {
					frames[i] = fakeFrame(number - uint32(i))
				}
				b.Push(now, frames)
			case 2: // any number, any order, any content
				number += uint32(arg) << (op / 8)
				b.Push(now, []Frame{{Number: number, Data: make([]byte, next())}, {Number: uint32(arg), Data: nil}})
			case 3: // any time
				now += time.Duration(arg) << (op / 4)
			case 4:
				now -= time.Duration(arg) << (op / 4)
			case 5:
				b.Expect(now, number+uint32(arg), time.Duration(op)*time.Millisecond)
				if op > 127 {
					b.End(now, number+uint32(arg)<<(op/16)-100)
				}
				b.Stats()
			default:
				n := (1 + int(arg)) * int(1+op/64) % len(out)
				for i := range out {
					out[i] = 99
				}
				b.Pull(now, out[:n])
				pulled += n
				now += duration(int64(n))
				for _, v := range out[:n] {
					if !(v > -4 && v < 4) {
						t.Fatalf("sample %v", v)
					}
				}
			}
		}
		if traced != pulled {
			t.Fatalf("traced %d samples, pulled %d", traced, pulled)
		}
	})
}
