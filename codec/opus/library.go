//go:build cgo || gopus

package opus

import (
	"math"
	"sync"

	"github.com/tincan-voice/tincan/codec"
)

// Library says which libopus this program has found, and what it can do. That is found out once, by what it does: its
// version does not tell, as builds may leave the networks out.
var Library = sync.OnceValue(func() codec.Library {
	lib := codec.Library{Name: libVersion()}
	frames, err := voiced()
	if err != nil {
		return lib
	}
	type sound [codec.FrameSize]float32
	decode := func(complexity int) (last, concealed sound, err error) {
		dec, err := newDecoder(codec.DecoderConfig{Complexity: complexity})
		if err != nil {
			return last, concealed, err
		}
		for _, f := range frames {
			if err := dec.Decode(f, last[:]); err != nil {
				return last, concealed, err
			}
		}
		return last, concealed, dec.Conceal(concealed[:])
	}
	_, plain, err1 := decode(1)
	unclean, deep, err2 := decode(deepFrom)
	clean, _, err3 := decode(codec.DefaultDecoderComplexity)
	if err1 == nil && err2 == nil && err3 == nil {
		lib.DeepPLC, lib.LACE = deep != plain, clean != unclean
	}
	return lib
})

// voiced returns 100 ms of a buzz of 120 Hz in wideband, which is where LACE works.
func voiced() (frames [][]byte, err error) {
	enc, err := NewEncoder(codec.EncoderConfig{Bitrate: 12000, Wideband: true})
	if err != nil {
		return nil, err
	}
	const count, hz, harmonics = 5, 120, 20
	for i := range count {
		var pcm [codec.FrameSize]float32
		for j := range pcm {
			t := float64(i*codec.FrameSize+j) / codec.SampleRate
			for h := 1.0; h <= harmonics; h++ {
				pcm[j] += float32(0.05 / h * math.Sin(2*math.Pi*hz*h*t))
			}
		}
		frame := make([]byte, codec.MaxFrameBytes)
		n, err := enc.Encode(pcm[:], frame)
		if err != nil {
			return nil, err
		}
		frames = append(frames, frame[:n])
	}
	return frames, nil
}
