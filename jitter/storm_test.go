package jitter

import "testing"

// learn goes on with frames that are so many ticks late, in such an order.
func (m *delayModel) learn(frames int64, late func(n int64) (ticks int64, way order)) {
	for range frames {
		n := m.learned
		ticks, way := late(n)
		m.arrived(n*FrameSize+ticks*tick, n, way)
	}
}

func calmly(int64) (int64, order) { return 0, inOrder }

// A storm is over when some of the times should have come that frames were late at; a frame so late brings half of it
// back.
func TestStormsEnd(t *testing.T) {
	every := func(step int64, w order) func(int64) (int64, order) {
		return func(n int64) (int64, order) {
			if n%step == 0 {
				return 20, w
			}
			return 0, inOrder
		}
	}
	for _, tt := range []struct {
		name         string
		frames       int64
		late         func(int64) (int64, order)
		still, after int64 // frames after which it is still on, and over
	}{
		{"frames that went astray one by one", 300, every(10, astray), 40, 150},
		{"every other frame for a while is more than one time", 300, every(2, astray), 60, 300},
		{"astray", 1000, every(20, astray), 100, 300},
		{"stalls, which come in busy periods, prove half as much", 1000, every(20, inOrder), 300, 1000},
	} {
		var m delayModel
		m.reset()
		m.learn(1, calmly)
		m.learn(tt.frames, tt.late)
		before := m.later(10 * tick)
		m.learn(tt.still, calmly)
		if m.later(10*tick) < before/10 {
			t.Errorf("%s: over within %d frames", tt.name, tt.still)
		}
		m.learn(tt.after-tt.still, calmly)
		if m.later(10*tick) > 0 {
			t.Errorf("%s: still on after %d frames", tt.name, tt.after)
			continue
		}
		m.learn(1, func(int64) (int64, order) { return 20, astray })
		if back := m.later(10 * tick); back < before/10 {
			t.Errorf("%s: of %.4f later ones %.4f are known of when it comes back", tt.name, before, back)
		}
	}
}

// The queue is the least delay of two datagrams at least, however many frames they hold.
func TestTheQueueIsOfTwoDatagrams(t *testing.T) {
	for stride := 1; stride <= maxStride; stride++ {
		b := New(&fakeCodec{}, Config{})
		for n := stride; n < 100*stride; n += stride {
			at := filled(n)
			if n/stride%2 == 1 {
				at += way
			}
			b.Push(at, framesOf(n, stride))
			if n > 2*stride && b.model.queue != -int64(stride)*FrameSize-samples(way) { // the clock began with the first, late one
				t.Fatalf("stride %d: the queue is not the least", stride)
			}
		}
	}
}
