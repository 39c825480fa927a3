//go:build cgo && !gopus

package opus

/*
#cgo pkg-config: opus
#include <opus.h>

static int set_complexity(OpusDecoder *d, int complexity) {
	return opus_decoder_ctl(d, OPUS_SET_COMPLEXITY(complexity));
}
*/
import "C"

import (
	"runtime"
	"slices"
	"unsafe"

	"gopkg.in/hraban/opus.v2"

	"github.com/tincan-voice/tincan/codec"
)

func libVersion() string { return opus.Version() }

// libEncoder is libopus's encoder.
type libEncoder struct{ *opus.Encoder }

// newLibEncoder makes a mono encoder in VoIP mode.
func newLibEncoder() (*libEncoder, error) {
	enc, err := opus.NewEncoder(codec.SampleRate, 1, opus.AppVoIP)
	return &libEncoder{enc}, err
}

// setWideband leaves out what is above 8 kHz, or no more.
func (e *libEncoder) setWideband(on bool) error {
	if on {
		return e.SetMaxBandwidth(opus.Wideband)
	}
	return e.SetMaxBandwidth(opus.Fullband)
}

// encode takes the capacity of dst, not its length, as the limit.
func (e *libEncoder) encode(pcm []float32, dst []byte) (int, error) { return e.EncodeFloat32(pcm, dst) }

// libDecoder is libopus's decoder. It is bound here and not by gopkg.in/hraban/opus.v2 for one call, which the released
// versions of that lack: its complexity.
type libDecoder struct {
	memory []byte         // of the collector, which does not see it through state
	state  *C.OpusDecoder // memory, in which libopus keeps no pointers to itself
}

// newLibDecoder makes a mono decoder.
func newLibDecoder(complexity int) (*libDecoder, error) {
	memory := make([]byte, C.opus_decoder_get_size(1))
	d := &libDecoder{memory: memory, state: (*C.OpusDecoder)(unsafe.Pointer(&memory[0]))}
	if code := C.opus_decoder_init(d.state, codec.SampleRate, 1); code != C.OPUS_OK {
		return nil, opus.Error(code)
	}
	d.setComplexity(complexity)
	return d, nil
}

// clone is another decoder in the same state.
func (d *libDecoder) clone() *libDecoder {
	memory := slices.Clone(d.memory)
	return &libDecoder{memory: memory, state: (*C.OpusDecoder)(unsafe.Pointer(&memory[0]))}
}

// copy takes the state of another.
func (d *libDecoder) copy(from *libDecoder) { copy(d.memory, from.memory) }

// setComplexity is for libopus 1.5 and later; older ones refuse it and go on without.
func (d *libDecoder) setComplexity(complexity int) {
	C.set_complexity(d.state, C.int(complexity))
	runtime.KeepAlive(d)
}

// decode fills pcm with a frame, with the copy in it of the one before (fec), or with what is made up (no frame). It
// reports whether libopus filled all of it.
func (d *libDecoder) decode(frame []byte, pcm []float32, fec bool) bool {
	var flag C.int
	if fec {
		flag = 1
	}
	n := C.opus_decode_float(d.state, (*C.uchar)(unsafe.SliceData(frame)), C.opus_int32(len(frame)),
		(*C.float)(unsafe.SliceData(pcm)), C.int(len(pcm)), flag)
	runtime.KeepAlive(d)
	return int(n) == len(pcm)
}
