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

// hush is what came and what was heard of a talker.
type hush struct {
	came  []time.Duration // datagrams with frames newer than all before, in order
	heard [][2]time.Duration
}

// unexplained is the longest time without speech that the network does not explain, which it does until the ceiling
// of the buffer, a frame and a block after a datagram with new frames came. where says when it began.
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

// 100 s over every network with ten seeds: a longest gap that the network does not explain fails. The
// buffer is the real one, Opus is not.
func TestNoGapThatTheNetworkDoesNotExplain(t *testing.T) {
	seeds := uint64(10)
	if testing.Short() {
		seeds = 1
	}
	var jobs sync.WaitGroup
	for _, preset := range netsim.Presets() {
		jobs.Go(func() {
			for seed := range seeds {
				h, err := bufferAlone(preset.Name, seed+1)
				if err != nil {
					t.Error(err)
					return
				}
				if gap, where := h.unexplained(); gap > 0 {
					t.Errorf("%s, seed %d: silent from %v for %v longer than the network explains", preset.Name, seed+1, where, gap)
				}
			}
		})
	}
	jobs.Wait()
}

// bufferAlone plays 100 s of frames that came over both sides of a relay, in talkspurts of 10 s that are sent in
// different ways.
func bufferAlone(preset string, seed uint64) (*hush, error) {
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
		frames []jitter.Frame
	}
	var sent []datagram
	for spurt := range 8 {
		stride, copies := []int{1, 3, 6}[(int(seed)+spurt)%3], spurt%2
		first := spurt*625 + 1
		for n := first - 1 + stride; n < first+500; n += stride {
			var frames []jitter.Frame
			for i := range stride * (1 + copies) {
				if n-i >= first {
					frames = append(frames, jitter.Frame{Number: uint32(n - i), Data: []byte{1}})
				}
			}
			if n+stride >= first+500 {
				frames = append([]jitter.Frame{{Number: uint32(n + 1)}}, frames...) // and then a pause of 2.5 s
			}
			now := time.Duration(n) * frame
			fate := link.Send(now, 40+60*len(frames))
			if fate.Copies == 0 { // asked for and sent again
				fate = netsim.Arrive(now + time.Second)
			}
			for _, at := range fate.At[:fate.Copies] {
				sent = append(sent, datagram{at, frames})
			}
		}
	}
	slices.SortStableFunc(sent, func(a, b datagram) int { return int(a.at - b.at) })
	h, now, position, newest := &hush{}, time.Duration(0), 0, uint32(0)
	at := func() time.Duration { return time.Duration(position) * time.Second / codec.SampleRate }
	b := jitter.New(cheap{}, jitter.Config{Trace: func(s jitter.Segment) {
		from := at()
		if position += s.Out; s.Kind == jitter.Decoded || s.Kind == jitter.Redundant {
			h.heard = append(h.heard, [2]time.Duration{from, at()})
		}
	}})
	out := make([]float32, blockSamples)
	for now = 0; now < 100*time.Second+after; now += block {
		for ; len(sent) > 0 && sent[0].at <= now; sent = sent[1:] {
			b.Push(sent[0].at, sent[0].frames)
			if n := sent[0].frames[0]; n.Number > newest {
				if newest = n.Number; len(n.Data) > 0 {
					h.came = append(h.came, sent[0].at)
				}
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
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	var jobs sync.WaitGroup
	for seed := range seeds {
		jobs.Go(func() {
			if err := gapless(speech[:length], seed+1); err != nil {
				t.Error(err)
			}
		})
	}
	jobs.Wait()
}

func gapless(speech []float32, seed uint64) error {
	cfg := Config{Speech: speech, Network: Network{Preset: "edge"}, Where: Both, Adaptive: true, Seed: seed, Unjudged: true}.withDefaults()
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
		return fmt.Errorf("seed %d: silent from %v for %v longer than the network explains", seed, where, gap)
	}
	return nil
}

// Nothing counts as lost, repaired or late on a LAN, however it is sent.
func TestNothingIsLostOnALAN(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	for stride := 1; stride <= 6; stride++ {
		for _, dtx := range []bool{false, true} {
			cfg := Config{Speech: speech, Network: Network{Preset: "lan"}, Where: Both, Stride: stride, DTX: dtx, Unjudged: true}.withDefaults()
			if stride%2 == 0 {
				cfg.Copies = []int{1}
			}
			c, err := newCall(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			p := c.members[listens].listener.Peers(c.now, nil)[0]
			if p.Lost+p.Repaired+p.Concealed+p.Late+p.Buffer.Dropped > 0 {
				t.Errorf("stride %d, DTX %v: lost %d, repaired %d, concealed %d, late %d, dropped %d",
					stride, dtx, p.Lost, p.Repaired, p.Concealed, p.Late, p.Buffer.Dropped)
			}
		}
	}
}
