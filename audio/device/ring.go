package device

import (
	"encoding/binary"
	"errors"
	"math"
	"sync/atomic"

	"github.com/smallnest/ringbuffer"
)

// Stats counts what went wrong since the device was opened. Samples are those of the device's rate.
type Stats struct {
	Callbacks uint64 // calls by the sound system
	Overruns  uint64 // capture: samples lost because nobody read them
	Underruns uint64 // playback: samples of silence played because nobody wrote in time
	Contended uint64 // callbacks that could not get at the ring; their samples count above
	Host      uint64 // callbacks before which the sound system itself lost samples
}

// counters are the parts of Stats that the callback writes.
type counters struct {
	callbacks, overruns, underruns, contended, host atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		Callbacks: c.callbacks.Load(),
		Overruns:  c.overruns.Load(),
		Underruns: c.underruns.Load(),
		Contended: c.contended.Load(),
		Host:      c.host.Load(),
	}
}

const (
	sampleBytes = 4 // a float32 in the ring

	// tries is how often the callback asks for the ring's lock. The other side holds it for a copy
	// of at most 16 KiB, about a microsecond; so many tries take some ten.
	tries = 1000

	// scratchSamples is what the callback moves at a time.
	scratchSamples = 1024
)

// captureRing is the microphone's ring: the callback puts in, one reader takes out.
type captureRing struct {
	counters
	ring     *ringbuffer.RingBuffer
	channels int
	reading  atomic.Bool                        // set by the first read; until then nothing is kept
	out      [scratchSamples * sampleBytes]byte // owned by the callback
	in       [scratchSamples * sampleBytes]byte // owned by the reader
}

func newCaptureRing(samples, channels int) *captureRing {
	return &captureRing{ring: ringbuffer.New(samples * sampleBytes), channels: channels}
}

// callback takes interleaved samples from the sound system; several channels become their mean.
func (c *captureRing) callback(pcm []float32, hostLost bool) {
	c.callbacks.Add(1)
	if hostLost {
		c.host.Add(1)
	}
	if !c.reading.Load() {
		return
	}
	for frames := len(pcm) / c.channels; frames > 0; {
		n := min(frames, scratchSamples)
		for i := range n {
			var sum float32
			for _, s := range pcm[i*c.channels:][:c.channels] {
				sum += s
			}
			putSample(c.out[:], i, sum/float32(c.channels))
		}
		c.put(n)
		pcm, frames = pcm[n*c.channels:], frames-n
	}
}

// put writes n samples of scratch to the ring, or as many as fit.
func (c *captureRing) put(n int) {
	for range tries {
		written, err := c.ring.TryWrite(c.out[:n*sampleBytes])
		if !errors.Is(err, ringbuffer.ErrAcquireLock) {
			c.overruns.Add(uint64(n - written/sampleBytes))
			return
		}
	}
	c.contended.Add(1)
	c.overruns.Add(uint64(n))
}

// read takes what is there, at most len(pcm) samples.
func (c *captureRing) read(pcm []float32) int {
	c.reading.Store(true)
	want := min(len(pcm), scratchSamples) * sampleBytes
	n, err := c.ring.Read(c.in[:want])
	if err != nil {
		return 0 // empty
	}
	n /= sampleBytes
	for i := range n {
		pcm[i] = getSample(c.in[:], i)
	}
	return n
}

// playRing is the speaker's ring: one writer puts in, the callback takes out.
type playRing struct {
	counters
	ring     *ringbuffer.RingBuffer
	channels int
	playing  atomic.Bool                        // set by the first write; silence before it is no underrun
	space    chan struct{}                      // signalled after each callback
	in       [scratchSamples * sampleBytes]byte // owned by the callback
	out      [scratchSamples * sampleBytes]byte // owned by the writer
}

func newPlayRing(samples, channels int) *playRing {
	return &playRing{ring: ringbuffer.New(samples * sampleBytes), channels: channels, space: make(chan struct{}, 1)}
}

// callback gives interleaved samples to the sound system, the same in all channels; what is
// missing is silence.
func (p *playRing) callback(pcm []float32, hostLost bool) {
	p.callbacks.Add(1)
	if hostLost {
		p.host.Add(1)
	}
	for len(pcm) >= p.channels {
		n := p.take(min(len(pcm)/p.channels, scratchSamples))
		if n == 0 {
			break
		}
		for i := range n {
			s := getSample(p.in[:], i)
			for c := range p.channels {
				pcm[i*p.channels+c] = s
			}
		}
		pcm = pcm[n*p.channels:]
	}
	clear(pcm)
	if p.playing.Load() {
		p.underruns.Add(uint64(len(pcm) / p.channels))
	}
	select {
	case p.space <- struct{}{}:
	default:
	}
}

// take reads up to n samples into scratch.
func (p *playRing) take(n int) int {
	for range tries {
		read, err := p.ring.TryRead(p.in[:n*sampleBytes])
		if !errors.Is(err, ringbuffer.ErrAcquireLock) {
			return read / sampleBytes
		}
	}
	p.contended.Add(1)
	return 0
}

// write puts in as much as fits and returns how many samples that were.
func (p *playRing) write(pcm []float32) int {
	n := min(len(pcm), scratchSamples)
	for i, s := range pcm[:n] {
		putSample(p.out[:], i, s)
	}
	// The error says that not all fitted, as n does.
	written, _ := p.ring.Write(p.out[:n*sampleBytes])
	p.playing.Store(true)
	return written / sampleBytes
}

// buffered returns how many samples wait to be played.
func (p *playRing) buffered() int { return p.ring.Length() / sampleBytes }

func putSample(b []byte, i int, s float32) {
	binary.NativeEndian.PutUint32(b[i*sampleBytes:], math.Float32bits(s))
}

func getSample(b []byte, i int) float32 {
	return math.Float32frombits(binary.NativeEndian.Uint32(b[i*sampleBytes:]))
}
