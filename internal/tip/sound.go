package tip

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync"

	"github.com/tincan-voice/tincan/audio"
)

// The sound of TIP_Project: datagrams of 512 samples, 16 bits little endian, mono, 20 kHz, without a header.
const (
	rate     = 20000
	samples  = 512
	datagram = 2 * samples
)

const (
	// enough is how much sound is gathered before any is passed on: two datagrams and a half, for their jitter. Where
	// more than most has gathered, as their clock is faster or a burst came, the oldest goes.
	enough = audio.SampleRate * 64 / 1000
	most   = audio.SampleRate * 200 / 1000
	// faint is the level below which a block is not sent, half a step of 16 bits: who plays it can catch up.
	faint = 0.5 / (1 << 15)
)

// greeting is what a client's socket sends first, to open a way through a NAT.
var greeting = bytes.Repeat([]byte("a"), datagram)

// intake is what a client says: an audio.Reader that gives silence when there is nothing.
type intake struct {
	mu      sync.Mutex
	convert *audio.Resampler
	pcm     []float32 // at 20 kHz, scratch
	waiting []float32 // at 48 kHz
	flowing bool
}

func newIntake() (*intake, error) {
	convert, err := audio.NewResampler(rate, audio.SampleRate)
	return &intake{convert: convert, pcm: make([]float32, samples), waiting: make([]float32, 0, 2*most)}, err
}

// put takes a datagram.
func (in *intake) put(d []byte) {
	if bytes.Equal(d, greeting) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	pcm := in.pcm[:min(len(d)/2, samples)]
	for i := range pcm {
		pcm[i] = float32(int16(binary.LittleEndian.Uint16(d[2*i:]))) / (1 << 15)
	}
	in.convert.Push(pcm)
	n := len(in.waiting)
	n += in.convert.Pull(in.waiting[n:cap(in.waiting)])
	in.waiting = in.waiting[:n]
	if n > most {
		in.take(n - enough)
	}
}

// take forgets the first samples.
func (in *intake) take(n int) { in.waiting = in.waiting[:copy(in.waiting, in.waiting[n:])] }

// Read implements audio.Reader.
func (in *intake) Read(pcm []float32) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.flowing = in.flowing && len(in.waiting) > 0 || len(in.waiting) >= enough
	n := 0
	if in.flowing {
		n = copy(pcm, in.waiting)
		in.take(n)
	}
	clear(pcm[n:])
	return len(pcm), nil
}

// Close implements audio.Reader.
func (*intake) Close() error { return nil }

// outlet is what a client hears: an audio.Writer that makes datagrams.
type outlet struct {
	send    func(d []byte)
	convert *audio.Resampler
	pcm     [samples]float32
	count   int
	d       [datagram]byte
}

func newOutlet(send func(d []byte)) (*outlet, error) {
	convert, err := audio.NewResampler(audio.SampleRate, rate)
	return &outlet{send: send, convert: convert}, err
}

// Write implements audio.Writer.
func (o *outlet) Write(pcm []float32) error {
	o.convert.Push(pcm)
	for {
		n := o.convert.Pull(o.pcm[o.count:])
		if o.count += n; o.count < samples {
			return nil
		}
		o.count = 0
		loud := false
		for i, s := range o.pcm {
			loud = loud || s > faint || s < -faint
			s = max(-1, min(s, 1-1.0/(1<<15)))
			binary.LittleEndian.PutUint16(o.d[2*i:], uint16(int16(math.RoundToEven(float64(s)*(1<<15)))))
		}
		if loud {
			o.send(o.d[:])
		}
	}
}

// Close implements audio.Writer.
func (*outlet) Close() error { return nil }
