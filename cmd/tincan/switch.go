package main

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/screen"
)

// exchange holds what can be exchanged while it is in use: a Source, or a Sink. What is in use is closed then.
type exchange[D io.Closer] struct {
	mu     sync.Mutex // never held while anything is read, written or closed
	now    D
	turns  int // how often it has been exchanged
	closed bool
}

func (x *exchange[D]) get() (d D, turns int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now, x.turns
}

// use puts another one in place; it reports whether it is in use.
func (x *exchange[D]) use(d D) bool {
	x.mu.Lock()
	was, ok := x.now, !x.closed
	if ok {
		x.now = d
		x.turns++
	}
	x.mu.Unlock()
	if !ok {
		was = d
	}
	_ = was.Close()
	return ok
}

// Close closes what is in use, for good.
func (x *exchange[D]) Close() error {
	x.mu.Lock()
	x.closed = true
	d := x.now
	x.mu.Unlock()
	return d.Close()
}

// try does something with what is in use, and with the next one if that has been exchanged meanwhile.
func (x *exchange[D]) try(do func(D) error) error {
	for {
		d, turns := x.get()
		err := do(d)
		if err == nil {
			return nil
		}
		if _, later := x.get(); later == turns {
			return err
		}
	}
}

// anySource is a Source that can be exchanged, and anySink a Sink.
type (
	anySource struct{ exchange[audio.Source] }
	anySink   struct{ exchange[audio.Sink] }
)

// Live implements audio.Source.
func (*anySource) Live() {}

// Live implements audio.Sink.
func (*anySink) Live() {}

// Read implements audio.Source.
func (s *anySource) Read(pcm []float32) (n int, err error) {
	err = s.try(func(d audio.Source) (err error) { n, err = d.Read(pcm); return err })
	return n, err
}

// Write implements audio.Sink.
func (s *anySink) Write(pcm []float32) error {
	return s.try(func(d audio.Sink) error { return d.Write(pcm) })
}

// devices are the sound devices of a call that can be exchanged. Of what is a file, or nothing, there is none.
type devices struct {
	mu      sync.Mutex // guards what follows; the engine opens one again while the user chooses another
	in, out string     // their names, "" the default
	source  *anySource // nil: none
	sink    *anySink
}

// errNoSwitch: a call began without a microphone, or with a file.
var errNoSwitch = errors.New("this call began without that kind of device: leave it, then join again with one")

// hold makes what was opened for a call one that can be exchanged.
func (d *devices) hold(source audio.Source, sink audio.Sink) (audio.Source, audio.Sink) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if source != nil && isDevice(d.in) {
		d.source = &anySource{exchange[audio.Source]{now: source}}
		source = d.source
	}
	if sink != nil && isDevice(d.out) {
		d.sink = &anySink{exchange[audio.Sink]{now: sink}}
		sink = d.sink
	}
	return source, sink
}

// isDevice tells a device from a file, a tone and nothing.
func isDevice(spec string) bool { return spec != "none" && spec != "tone" && !isFile(spec) }

// exchangeable makes the sound of a call such, and has the device that was chosen last opened again when it breaks.
func (d *devices) exchangeable(cfg *engine.Config) {
	open := cfg.Open
	cfg.Open = func(ctx context.Context) (audio.Source, audio.Sink, error) {
		source, sink, err := open(ctx)
		if err != nil {
			return nil, nil, err
		}
		source, sink = d.hold(source, sink)
		return source, sink, nil
	}
	if cfg.ReopenSource != nil {
		cfg.ReopenSource = func(context.Context) (audio.Source, error) {
			in, _ := d.names()
			mic, err := device.OpenSource(in)
			if err != nil {
				return nil, err
			}
			source, _ := d.hold(mic, nil)
			return source, nil
		}
	}
	if cfg.ReopenSink != nil {
		cfg.ReopenSink = func(context.Context) (audio.Sink, error) {
			_, out := d.names()
			speaker, err := device.OpenSink(out)
			if err != nil {
				return nil, err
			}
			_, sink := d.hold(nil, speaker)
			return sink, nil
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
	all, err := device.List()
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

// use opens other devices, and puts them in the place of those in use.
func (d *devices) use(in, out string) error {
	wasIn, wasOut := d.names()
	d.mu.Lock()
	source, sink := d.source, d.sink
	d.mu.Unlock()
	if in != wasIn {
		if source == nil {
			return errNoSwitch
		}
		mic, err := device.OpenSource(in)
		if err != nil {
			return err
		}
		source.use(mic)
		d.mu.Lock()
		d.in = in
		d.mu.Unlock()
	}
	if out != wasOut {
		if sink == nil {
			return errNoSwitch
		}
		speaker, err := device.OpenSink(out)
		if err != nil {
			return err
		}
		sink.use(speaker)
		d.mu.Lock()
		d.out = out
		d.mu.Unlock()
	}
	return nil
}
