package lab

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/jitter"
)

// hush is what came and what was heard of a talker who never stops.
type hush struct {
	came  []time.Duration // datagrams with frames newer than all before, in order
	heard [][2]time.Duration
}

// unexplained is the longest time without speech that the network does not explain, which it does until the ceiling of the
// buffer, a frame and a block after a datagram with new frames came. where says when it began.
func (h *hush) unexplained() (longest, where time.Duration) {
	const grace = 500*time.Millisecond + frame + block
	from := time.Duration(0)
	h.heard = append(h.heard, [2]time.Duration{h.came[len(h.came)-1], 0})
	for _, heard := range h.heard {
		if i, _ := slices.BinarySearch(h.came, from); i < len(h.came) {
			if gap := heard[0] - h.came[i] - grace; gap > longest {
				longest, where = gap, from
			}
		}
		from = max(from, heard[1])
	}
	return longest, where
}

// cheap is a codec of which a frame costs nothing.
type cheap struct{}

func (cheap) Decode([]byte, []float32) error    { return nil }
func (cheap) DecodeFEC([]byte, []float32) error { return nil }
func (cheap) HasFEC([]byte) bool                { return false }
func (cheap) Conceal([]float32) error           { return nil }

// 100 s over every network with ten seeds, at every stride: a longest gap that the network does not explain fails. The
// buffer is the real one, Opus is not.
func TestNoGapThatTheNetworkDoesNotExplain(t *testing.T) {
	var jobs sync.WaitGroup
	for _, preset := range netsim.Presets() {
		jobs.Go(func() {
			for seed := range uint64(10) {
				stride := []int{1, 3, 6}[seed%3]
				h, err := bufferAlone(preset.Name, seed+1, stride)
				if err != nil {
					t.Error(err)
					return
				}
				if gap, where := h.unexplained(); gap > 0 {
					t.Errorf("%s, seed %d, stride %d: silent from %v for %v longer than the network explains", preset.Name, seed+1, stride, where, gap)
				}
			}
		})
	}
	jobs.Wait()
}

// bufferAlone plays 100 s of frames that came over both sides of a relay.
func bufferAlone(preset string, seed uint64, stride int) (*hush, error) {
	up, _, err := netsim.Preset(preset, 4*seed)
	if err != nil {
		return nil, err
	}
	_, down, err := netsim.Preset(preset, 4*seed+1)
	if err != nil {
		return nil, err
	}
	link := netsim.Chain(up, down)
	type datagram struct {
		at     time.Duration
		newest int
	}
	var sent []datagram
	for n := stride; n < 5000; n += stride {
		fate := link.Send(time.Duration(n)*frame, 40+60*stride)
		for _, at := range fate.At[:fate.Copies] {
			sent = append(sent, datagram{at, n})
		}
	}
	slices.SortStableFunc(sent, func(a, b datagram) int { return int(a.at - b.at) })
	h, now, position, newest := &hush{}, time.Duration(0), 0, 0
	at := func() time.Duration { return time.Duration(position) * time.Second / codec.SampleRate }
	b := jitter.New(cheap{}, jitter.Config{Trace: func(s jitter.Segment) {
		from := at()
		if position += s.Out; s.Kind == jitter.Decoded || s.Kind == jitter.Redundant {
			h.heard = append(h.heard, [2]time.Duration{from, at()})
		}
	}})
	frames := make([]jitter.Frame, stride)
	out := make([]float32, blockSamples)
	for now = 0; now < 100*time.Second+after; now += block {
		for ; len(sent) > 0 && sent[0].at <= now; sent = sent[1:] {
			for i := range frames {
				frames[i] = jitter.Frame{Number: uint32(sent[0].newest - i), Data: []byte{1, 2, 3}}
			}
			b.Push(sent[0].at, frames)
			if sent[0].newest > newest {
				newest = sent[0].newest
				h.came = append(h.came, sent[0].at)
			}
		}
		b.Pull(now, out)
	}
	return h, nil
}

// The same through the whole of a call whose ladder adapts, where it fell silent for 13 s.
func TestNoGapInAnAdaptiveCall(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	const length = 99 * codec.SampleRate
	for len(speech) < length {
		speech = append(speech, speech...)
	}
	var jobs sync.WaitGroup
	for _, network := range []string{"edge", "thin16", "handover", "bufferbloat"} {
		for seed := range uint64(2) {
			jobs.Go(func() {
				if err := gapless(speech[:length], network, seed+1); err != nil {
					t.Error(err)
				}
			})
		}
	}
	jobs.Wait()
}

func gapless(speech []float32, network string, seed uint64) error {
	cfg := Config{Speech: speech, Network: Network{Preset: network}, Where: Both, Adaptive: true, Seed: seed}.withDefaults()
	c, err := newCall(cfg)
	if err != nil {
		return err
	}
	for c.due() < c.end()-after { // the speech, not the end of it
		if err := c.step(c.due()); err != nil {
			return err
		}
	}
	h := &hush{}
	last := time.Duration(0)
	for _, t := range c.log.trips { // in the order of the frames
		if t.arrived > last {
			last = t.arrived
			h.came = append(h.came, last)
		}
	}
	for _, p := range c.log.pieces {
		if p.isSpeech() {
			from := fromMilliseconds(1000 * seconds(float64(p.at)))
			h.heard = append(h.heard, [2]time.Duration{from, from + fromMilliseconds(1000*seconds(float64(p.Out)))})
		}
	}
	if gap, where := h.unexplained(); gap > 0 {
		return fmt.Errorf("%s, seed %d: silent from %v for %v longer than the network explains", network, seed, where, gap)
	}
	return nil
}
