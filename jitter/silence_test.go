package jitter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// weather is a random network, talker and listener.
type weather struct {
	r      *rand.Rand
	stride int
	copies int // offset in datagrams, 0 none
	cfg    Config
	block  int
	sent   []datagram
	stalls [][2]time.Duration // times in which nobody pulls
}

// newWeather makes 40 s of it.
func newWeather(seed uint64) *weather {
	r := rand.New(rand.NewPCG(seed, 14))
	w := &weather{r: r, stride: 1 + r.IntN(6), block: []int{480, 480, 480, 960, 441, 1024, 2400}[r.IntN(7)]}
	if r.IntN(3) == 0 {
		w.copies = 1 + r.IntN(4)
	}
	w.cfg.MaxDelay = []time.Duration{0, 60, 80, 120, 200, 500, 1000, 5000}[r.IntN(8)] * time.Millisecond
	ms := func(most int) time.Duration { return time.Duration(r.IntN(most)+1) * time.Millisecond }
	// The path changes every few seconds.
	delay, jitter, order, loss := ms(300), ms(60), true, 0.0
	lateEvery, late := 0, time.Duration(0)
	var held, last, change, stall time.Duration // an outage lasts until held
	lose := false
	spoken, pause := 0, 0
	number := r.Uint32()
	for n := 0; n < 2000; n++ {
		now := time.Duration(n) * FrameDuration
		if now >= change {
			change = now + 500*time.Millisecond + ms(5000)
			delay, jitter, order, loss, lateEvery = ms(300), ms(5), true, 0, 0
			switch r.IntN(8) {
			case 0:
				delay = ms(2000)
			case 1:
				jitter = ms(400)
			case 2:
				jitter, order = ms(300), false
			case 3:
				loss = 0.3 * r.Float64()
			case 4:
				lateEvery, late = 2+r.IntN(8), ms(1500)
			case 5:
				held, lose = now+ms(3000), r.IntN(2) == 0
			case 6:
				stall = now + ms(2500)
				w.stalls = append(w.stalls, [2]time.Duration{now, stall})
			}
		}
		switch {
		case pause > 0:
			pause--
			continue
		case spoken > 50 && r.IntN(200) == 0:
			if pause, spoken = 1+r.IntN(200), 0; r.IntN(2) == 0 {
				last = max(last, now+FrameDuration+delay)
				w.send(last, Frame{Number: number + uint32(n)})
				continue
			}
		}
		if spoken++; n%w.stride != w.stride-1 || spoken < w.stride || r.Float64() < loss || now < held && lose {
			continue
		}
		at := now + FrameDuration + delay + time.Duration(r.Int64N(int64(jitter)))
		if lateEvery > 0 && (n/w.stride)%lateEvery == 0 {
			at += late
		} else if order {
			at = max(at, last, held)
			last = at
		}
		fs := w.frames(number+uint32(n), w.stride)
		if w.copies > 0 && spoken > (w.copies+1)*w.stride {
			fs = append(fs, w.frames(number+uint32(n-w.copies*w.stride), w.stride)...)
		}
		w.send(at, fs...)
	}
	slices.SortStableFunc(w.sent, func(a, b datagram) int { return int(a.at - b.at) })
	return w
}

func (w *weather) send(at time.Duration, fs ...Frame) { w.sent = append(w.sent, datagram{at, fs}) }

func (w *weather) frames(n uint32, count int) (fs []Frame) {
	for k := range uint32(count) {
		fs = append(fs, fakeFrame(n-k))
	}
	return fs
}

// stalled tells whether nobody pulls at some time between.
func (w *weather) stalled(from, to time.Duration) bool {
	return slices.ContainsFunc(w.stalls, func(s [2]time.Duration) bool { return s[0] < to && s[1] > from })
}

// Whatever the network does: where new speech comes, some is heard before the ceiling and a frame are over, and
// neither what is held back nor the delay, wanted or had, is ever above the ceiling.
func TestNeverSilentWhileSpeechComes(t *testing.T) {
	seeds := []uint64{303, 461, 710, 1078, 1681, 3250} // silent or late where rules of the first 250 do not suffice
	for seed := range uint64(250) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		if err := newWeather(seed).check(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func (w *weather) check() error {
	var real time.Duration // when speech was heard last
	var now time.Duration
	played := int64(0)
	start := time.Duration(0)
	cfg := w.cfg
	cfg.Trace = func(s Segment) {
		if s.Kind == Decoded || s.Kind == Redundant || s.Kind == FEC {
			real = start + duration(played+int64(s.Out))
		}
		played += int64(s.Out)
	}
	b := New(&fakeCodec{}, cfg)
	out := make([]float32, w.block)
	due := time.Duration(-1) // when speech has to be heard
	var from time.Duration   // since it came
	over := 0
	highest := w.sent[0].frames[0].Number - 1
	for len(w.sent) > 0 || now < due {
		for len(w.sent) > 0 && w.sent[0].at <= now {
			d := w.sent[0]
			w.sent = w.sent[1:]
			b.Push(d.at, d.frames)
			if newest := d.frames[0]; int32(newest.Number-highest) > 0 {
				highest = newest.Number
				switch {
				case len(newest.Data) == 0:
					due = -1 // the end of a talkspurt
				case b.frames.extend(highest) < b.frames.next:
					over++ // given up just before it came
				case due >= 0:
					over = 0
				default:
					over, from, due = 0, d.at, d.at+duration(b.ceiling()+int64(w.block))+FrameDuration
				}
			}
			if err := withinCeiling(b); err != nil {
				return fmt.Errorf("at %v: %w", now, err)
			}
			if over > 2 {
				return fmt.Errorf("at %v: %d datagrams in a row come after their time", now, over)
			}
		}
		if !w.stalled(now, now+1) {
			start, played = now, 0
			b.Pull(now, out)
			if err := withinCeiling(b); err != nil {
				return fmt.Errorf("at %v: %w", now, err)
			}
		}
		now += duration(int64(w.block))
		if real > from {
			due = -1
		}
		if due >= 0 && now > due {
			if !w.stalled(from, due) {
				return fmt.Errorf("silent until %v, where speech came at %v: ceiling %v, stride %d, block %d", now, from, duration(b.ceiling()), w.stride, w.block)
			}
			due = -1
		}
	}
	return nil
}

func withinCeiling(b *Buffer) error {
	s, most := b.Stats(), duration(b.ceiling())
	if s.Held > most || s.Current > most || s.Target > most {
		return fmt.Errorf("held %v, current %v, target %v, with a ceiling of %v", s.Held, s.Current, s.Target, most)
	}
	return nil
}
