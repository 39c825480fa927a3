package device

import (
	"time"

	"github.com/gordonklaus/portaudio"

	"github.com/tincan-voice/tincan/audio"
)

// captureTime is what the microphone's ring holds when nobody reads.
const captureTime = 100 * time.Millisecond

// Source is a microphone, an audio.Source.
type Source struct {
	opened
	*captureReader
}

// OpenSource opens a device for capture; "" is the system's default, other names are matched
// without regard to case: a whole name, or a part of just one "API: name". Capture begins with the
// first Read.
//
// Errors: ErrNoDevice, ErrAmbiguous, ErrDeviceBusy, ErrOpen, ErrSystem.
func OpenSource(name string) (*Source, error) {
	s := &Source{}
	// Mono, for a microphone mostly has one capsule; some devices insist on stereo.
	channels := func(d Device) []int { return []int{1, min(2, d.Inputs)} }
	var err error
	s.opened, err = open(name, capture, channels, func(d Device, a attempt) (*portaudio.Stream, error) {
		var err error
		if s.captureReader, err = newCaptureReader(a.rate, a.channels); err != nil {
			return nil, err
		}
		p := parameters(a.rate)
		p.Input = portaudio.StreamDeviceParameters{Device: d.info, Channels: a.channels, Latency: latency(d.InputLatency)}
		ring := s.ring
		return portaudio.OpenStream(p, func(in []float32, _ portaudio.StreamCallbackTimeInfo, flags portaudio.StreamCallbackFlags) {
			ring.callback(in, flags&portaudio.InputOverflow != 0)
		})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Latency is how old a sample is when Read could return it, by the device's account.
func (s *Source) Latency() time.Duration { return s.info.InputLatency }

// Close implements audio.Source.
func (s *Source) Close() error {
	if !s.wait.close() {
		return nil
	}
	return s.opened.close()
}

// captureReader is the caller's side of capture, everything but PortAudio.
type captureReader struct {
	ring *captureRing
	rate *audio.Resampler
	wait *waiter
	in   []float32
}

func newCaptureReader(rate, channels int) (*captureReader, error) {
	r, err := audio.NewResampler(rate, audio.SampleRate)
	if err != nil {
		return nil, err
	}
	return &captureReader{
		ring: newCaptureRing(samplesIn(captureTime, rate), channels),
		rate: r,
		wait: newWaiter(),
		in:   make([]float32, scratchSamples),
	}, nil
}

// Read implements audio.Source. Errors: audio.ErrClosed, ErrDeviceLost.
func (c *captureReader) Read(pcm []float32) (int, error) {
	if c.wait.isClosed() {
		return 0, audio.ErrClosed
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

// Stats returns the counters so far. Any goroutine may call it.
func (c *captureReader) Stats() Stats { return c.ring.stats() }
