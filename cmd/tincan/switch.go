package main

import (
	"context"
	"sync"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/clean"
	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/screen"
)

// devices are what --in and --out name, and others that are chosen in a call.
type devices struct {
	keeper *device.Keeper
	mic    *clean.Mic
	files  bool // the cleaning is for files too
	chimes chimes

	mu      sync.Mutex // guards what follows
	in, out string
}

// reopen has devices opened again when they are lost; files are not.
func (d *devices) reopen(cfg *engine.Config) {
	in, out := d.names()
	if isDevice(in) {
		cfg.ReopenSource = func(ctx context.Context) (audio.Source, error) {
			mic, err := d.keeper.AwaitSource(ctx)
			if err != nil {
				return nil, err
			}
			return d.mic.Source(mic), nil
		}
	}
	if isDevice(out) {
		cfg.ReopenSink = func(ctx context.Context) (audio.Sink, error) {
			speaker, err := d.keeper.AwaitSink(ctx)
			if err != nil {
				return nil, err
			}
			return d.sink(speaker), nil
		}
	}
}

func (d *devices) names() (in, out string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.in, d.out
}

// list tells which there are.
func (d *devices) list() (screen.Devices, error) {
	all, err := d.keeper.List()
	if err != nil {
		return screen.Devices{}, err
	}
	var s screen.Devices
	for _, one := range all {
		name := one.API + ": " + one.Name
		if one.Inputs > 0 {
			s.Inputs = append(s.Inputs, name)
		}
		if one.Outputs > 0 {
			s.Outputs = append(s.Outputs, name)
		}
	}
	s.In, s.Out = d.names()
	return s, nil
}

// use opens other devices, and has the call take them in the place of those in use.
func (d *devices) use(call *engine.Call, in, out string) error {
	wasIn, wasOut := d.names()
	if in != wasIn {
		mic, err := d.keeper.OpenSource(in)
		if err != nil {
			return err
		}
		call.SetSource(d.mic.Source(mic))
		d.mu.Lock()
		d.in = in
		d.mu.Unlock()
	}
	if out != wasOut {
		speaker, err := d.keeper.OpenSink(out)
		if err != nil {
			return err
		}
		call.SetSink(d.sink(speaker))
		d.mu.Lock()
		d.out = out
		d.mu.Unlock()
	}
	return nil
}
