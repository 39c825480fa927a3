package device

import (
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// captureTime is what the microphone's ring holds when nobody reads.
const captureTime = 100 * time.Millisecond

// Source is a microphone, an audio.Source.
type Source struct {
	sys    system
	device Device
	stream stream
	ending ending
	*captureReader
}

// OpenSource opens a device for capture; "" is the system's default, other names are matched
// without regard to case: a whole name, or a part of just one "API: name". Capture begins with the
// first Read.
//
// Errors: ErrNoDevice, ErrAmbiguous, ErrDeviceBusy, ErrOpen, ErrSystem.
func OpenSource(name string) (*Source, error) {
	return openBy(acquire, name, openSource)
}

func openSource(sys system, name string) (*Source, error) {
	list, err := sys.devices()
	if err != nil {
		return nil, err
	}
	d, err := choose(list, name, capture)
	if err != nil {
		return nil, err
	}
	s := &Source{sys: sys, device: d}
	// Mono, for a microphone mostly has one capsule; some devices insist on stereo.
	s.stream, err = openAny(sys, d, attempts(d, 1, min(2, d.Inputs)), func(a attempt) (stream, error) {
		var err error
		if s.captureReader, err = newCaptureReader(a.rate, a.channels); err != nil {
			return nil, err
		}
		return sys.capture(d, a, s.ring.callback)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close implements audio.Source. Error: ErrStuck.
func (s *Source) Close() error { return s.close(audio.ErrClosed) }

// lose closes it, for who uses it as if it were unplugged.
func (s *Source) lose() { _ = s.close(errLost) } // it is to be gone, and is

func (s *Source) close(why error) error {
	s.wait.end(why)
	return s.ending.do(func() error { return finish(s.sys, s.stream, s.device, false) })
}

// Latency is how long before Read returned it its last sample was to be heard, by the device's own account.
func (s *Source) Latency() time.Duration { return s.stream.latency() }

// Missed is how much of its sound was lost as nobody read in time.
func (c *captureReader) Missed() time.Duration {
	s := c.Stats()
	return missed(s.Overruns, s.Host, c.hertz)
}

// missed is how long so many samples are. Where the system itself lost some it does not tell how many: a buffer each.
func missed(samples, host uint64, hertz int) time.Duration {
	return time.Duration(samples)*time.Second/time.Duration(hertz) + time.Duration(host)*bufferTime
}

// captureReader is the caller's side of capture, everything but PortAudio.
type captureReader struct {
	ring  *captureRing
	hertz int // of the device
	rate  *audio.Resampler
	wait  *waiter
	in    []float32
}

func newCaptureReader(rate, channels int) (*captureReader, error) {
	r, err := audio.NewResampler(rate, audio.SampleRate)
	if err != nil {
		return nil, err
	}
	return &captureReader{
		ring:  newCaptureRing(samplesIn(captureTime, rate), channels),
		hertz: rate,
		rate:  r,
		wait:  newWaiter(),
		in:    make([]float32, scratchSamples),
	}, nil
}

// Live implements audio.Source.
func (*Source) Live() {}

// Read implements audio.Source. Errors: audio.ErrClosed, ErrDeviceLost.
func (c *captureReader) Read(pcm []float32) (int, error) {
	if err := c.wait.over(); err != nil {
		return 0, err
	}
	for n := c.rate.Pull(pcm); n < len(pcm); n += c.rate.Pull(pcm[n:]) {
		got := c.ring.read(c.in)
		if got == 0 {
			if err := c.wait.wait(c.ring.ring.Notify()); err != nil {
				return 0, err
			}
		}
		c.rate.Push(c.in[:got])
	}
	return len(pcm), nil
}

func (c *captureReader) over() error { return c.wait.over() }

// Stats returns the counters so far. Any goroutine may call it.
func (c *captureReader) Stats() Stats { return c.ring.stats() }
