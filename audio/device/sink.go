package device

import (
	"time"

	"github.com/tincan-voice/tincan/audio"
)

const (
	// playTime is the size of the speaker's ring.
	playTime = 60 * time.Millisecond

	// readyTime is what is left to play when Write returns and the next block is made: one callback
	// of 10 ms that may come before it is written, and 10 ms in case it is late.
	readyTime = 2 * bufferTime

	// drainTime is how long Close waits for the ring to be played.
	drainTime = 200 * time.Millisecond
)

// Sink is a speaker, an audio.Sink.
type Sink struct {
	sys    system
	device Device
	stream stream
	ending ending
	*playWriter
}

// OpenSink opens a device for playback, named as for OpenSource. It plays silence until
// the first Write.
//
// Errors: ErrNoDevice, ErrAmbiguous, ErrDeviceBusy, ErrOpen, ErrSystem.
func OpenSink(name string) (*Sink, error) {
	return openBy(acquire, name, openSink)
}

func openSink(sys system, name string) (*Sink, error) {
	list, err := sys.devices()
	if err != nil {
		return nil, err
	}
	d, err := choose(list, name, playback)
	if err != nil {
		return nil, err
	}
	s := &Sink{sys: sys, device: d}
	// Stereo where there is stereo: some systems play mono on the left only.
	s.stream, err = openAny(sys, d, attempts(d, min(2, d.Outputs), 1), func(a attempt) (stream, error) {
		var err error
		if s.playWriter, err = newPlayWriter(a.rate, a.channels); err != nil {
			return nil, err
		}
		return sys.playback(d, a, s.ring.callback)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close implements audio.Sink. It lets what was written be played first. Error: ErrStuck.
func (s *Sink) Close() error {
	played := s.end()
	return s.ending.do(func() error { return finish(s.sys, s.stream, s.device, played) })
}

// lose closes it at once, for who uses it as if it were unplugged.
func (s *Sink) lose() {
	s.wait.end(errLost)
	_ = s.ending.do(func() error { return finish(s.sys, s.stream, s.device, false) }) // it is to be gone, and is
}

// Latency is how long after Write its last sample is heard, by the device's own account: what is in the ring when Write
// returns, and what the device holds.
func (s *Sink) Latency() time.Duration { return readyTime + s.stream.latency() }

// Missed is how much silence it has played as nothing was written in time.
func (p *playWriter) Missed() time.Duration {
	s := p.Stats()
	return missed(s.Underruns, s.Host, p.hertz)
}

// playWriter is the caller's side of playback, everything but PortAudio.
type playWriter struct {
	ring  *playRing
	hertz int // of the device
	rate  *audio.Resampler
	wait  *waiter
	out   []float32

	ready int // readyTime in samples
}

func newPlayWriter(rate, channels int) (*playWriter, error) {
	r, err := audio.NewResampler(audio.SampleRate, rate)
	if err != nil {
		return nil, err
	}
	return &playWriter{
		ring:  newPlayRing(samplesIn(playTime, rate), channels),
		hertz: rate,
		rate:  r,
		wait:  newWaiter(),
		out:   make([]float32, scratchSamples),
		ready: samplesIn(readyTime, rate),
	}, nil
}

// Live implements audio.Sink.
func (*Sink) Live() {}

// Write implements audio.Sink: it takes pcm at once and returns when it is time for the next
// block, so that a block can be made as late as possible. Errors: audio.ErrClosed,
// ErrDeviceLost.
func (p *playWriter) Write(pcm []float32) error {
	if err := p.wait.over(); err != nil {
		return err
	}
	p.rate.Push(pcm)
	for n := p.rate.Pull(p.out); n > 0; n = p.rate.Pull(p.out) {
		for left := p.out[:n]; len(left) > 0; {
			left = left[p.ring.write(left):]
			if len(left) > 0 {
				if err := p.wait.wait(p.ring.space); err != nil {
					return err
				}
			}
		}
	}
	for p.ring.buffered() > p.ready {
		if err := p.wait.wait(p.ring.space); err != nil {
			return err
		}
	}
	return nil
}

// end closes and waits until the ring has been played, unless the callbacks stay away. It tells whether
// this was the first call.
func (p *playWriter) end() (first bool) {
	if !p.wait.end(audio.ErrClosed) {
		return false
	}
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	for p.ring.buffered() > 0 {
		select {
		case <-p.ring.space:
		case <-timer.C:
			return true
		}
	}
	return true
}

func (p *playWriter) over() error { return p.wait.over() }

// Stats returns the counters so far. Any goroutine may call it.
func (p *playWriter) Stats() Stats { return p.ring.stats() }
