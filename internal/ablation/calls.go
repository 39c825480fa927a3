package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/lab"
)

// call is what is measured of one.
type call struct {
	Network string
	Where   lab.Where
	Seed    uint64
	Sound   float64 // CQ by the sound
	EModel  float64 // CQ by the E-model
	Delay   float64 // mean from mouth to ear, ms
	Rate    float64 // sent by the talker, kbit/s
}

// makeCalls makes all calls of the options, on all cores, with the talker that adapts.
func makeCalls(ctx context.Context, o options) ([]call, error) {
	made, err := lab.MadeSpeech()
	if err != nil {
		return nil, err
	}
	speech := make([]float32, o.seconds*codec.SampleRate)
	for n := 0; n < len(speech); {
		n += copy(speech[n:], made)
	}
	var calls []call
	for network := range strings.SplitSeq(o.networks, ",") {
		for _, where := range []lab.Where{lab.Down, lab.Up} {
			for seed := range o.seeds {
				calls = append(calls, call{Network: network, Where: where, Seed: uint64(seed + 1)})
			}
		}
	}
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
		next <- i
	}
	close(next)
	workers.Wait()
	return calls, errors.Join(failures...)
}

func (c *call) make(ctx context.Context, speech []float32) error {
	r, err := lab.Run(ctx, lab.Config{
		Speech: speech, Network: lab.Network{Preset: c.Network}, Where: c.Where, Seed: c.Seed, Adaptive: true, DTX: true,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Network, err)
	}
	f := r.Figures
	c.Sound, c.EModel, c.Delay, c.Rate = f.Quality.CQ, f.Quality.EModel.CQ, f.Delay.MouthToEar.Mean, f.Wire.Up
	return nil
}
