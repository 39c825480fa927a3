package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/lab"
)

// path is where and how a call is made: over a preset, with a cap and several talkers if asked for. "loss10@24*3" is
// loss10 with a cap of 24 kbit/s and three talkers, "wifi/fixed" is wifi with a sender that does not adapt: nothing is
// mended, but what arrives is the same whatever the listener does.
type path struct {
	preset       string
	cap, talkers int
	fixed        bool
}

func parsePath(name string) (p path, err error) {
	rest, fixed := strings.CutSuffix(name, "/fixed")
	rest, talkers, _ := strings.Cut(rest, "*")
	preset, kbps, _ := strings.Cut(rest, "@")
	p.preset, p.fixed = preset, fixed
	for _, f := range []struct {
		text string
		to   *int
	}{{kbps, &p.cap}, {talkers, &p.talkers}} {
		if *f.to, err = strconv.Atoi(cmp.Or(f.text, "0")); err != nil {
			return path{}, fmt.Errorf("%q is no network: want a preset, as loss10, @KBPS for a cap, *N for that many talkers, /fixed for a sender that does not adapt", name)
		}
	}
	return p, nil
}

// call is what is measured of one.
type call struct {
	Network string // see path
	Where   lab.Where
	Seed    uint64
	Sound   float64 // CQ by the sound
	EModel  float64 // CQ by the E-model
	Delay   float64 // mean from mouth to ear, ms
	Rate    float64 // sent by the talker, kbit/s
}

// makeCalls makes all calls of the options, on all cores. Those of plain, if there are any,
// were made with other code: where the first seed's is the same with both, the further seeds' are taken for the same.
func makeCalls(ctx context.Context, o options, plain []call) (calls []call, err error) {
	made, err := lab.MadeSpeech()
	if err != nil {
		return nil, err
	}
	speech := make([]float32, o.seconds*codec.SampleRate)
	for n := 0; n < len(speech); {
		n += copy(speech[n:], made)
	}
	for seed := range o.seeds {
		for network := range strings.SplitSeq(o.networks, ",") {
			for _, where := range []lab.Where{lab.Down, lab.Up} {
				calls = append(calls, call{Network: network, Where: where, Seed: uint64(seed + 1)})
			}
		}
	}
	first := len(calls) / o.seeds
	if err := makeAll(ctx, speech, calls, func(i int) bool { return i < first }); err != nil {
		return nil, err
	}
	known := len(plain) == len(calls)
	same := func(i int) bool { return known && calls[i%first] == plain[i%first] }
	err = makeAll(ctx, speech, calls, func(i int) bool { return i >= first && !same(i) })
	for i := first; i < len(calls); i++ {
		if same(i) {
			calls[i] = plain[i]
		}
	}
	return calls, err
}

// makeAll makes those of the calls for whose number which is true.
func makeAll(ctx context.Context, speech []float32, calls []call, which func(i int) bool) error {
	failures := make([]error, len(calls))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				failures[i] = calls[i].make(ctx, speech)
			}
		})
	}
	for i := range calls {
		if which(i) {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	return errors.Join(failures...)
}

func (c *call) make(ctx context.Context, speech []float32) error {
	p, err := parsePath(c.Network)
	if err != nil {
		return err
	}
	r, err := lab.Run(ctx, lab.Config{
		Speech: speech, Network: lab.Network{Preset: p.preset}, Where: c.Where, Seed: c.Seed, Adaptive: !p.fixed, DTX: true, Cap: p.cap, Talkers: p.talkers,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Network, err)
	}
	f := r.Figures
	c.Sound, c.EModel, c.Delay, c.Rate = f.Quality.CQ, f.Quality.EModel.CQ, f.Delay.MouthToEar.Mean, f.Wire.Up
	return nil
}
