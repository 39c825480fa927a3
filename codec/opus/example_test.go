//go:build cgo || gopus

package opus_test

import (
	"fmt"
	"math"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

// 20 ms of sound become a frame, and sound again.
func Example() {
	enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: 24000})
	if err != nil {
		panic(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		panic(err)
	}
	pcm, heard := make([]float32, codec.FrameSize), make([]float32, codec.FrameSize)
	frame := make([]byte, codec.MaxFrameBytes)
	for i := range 20 {
		for j := range pcm {
			pcm[j] = 0.3 * float32(math.Sin(2*math.Pi*440*float64(i*codec.FrameSize+j)/codec.SampleRate))
		}
		n, err := enc.Encode(pcm, frame)
		if err != nil {
			panic(err)
		}
		if err := dec.Decode(frame[:n], heard); err != nil {
			panic(err)
		}
	}
	fmt.Println("as loud as it was:", int(codec.Level(heard))-int(codec.Level(pcm)) < 2)
	// Output: as loud as it was: true
}
