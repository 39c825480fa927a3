//go:build !cgo && !gopus

package opus

import (
	"fmt"

	"github.com/tincan-voice/tincan/codec"
)

var errNoCgo = fmt.Errorf("%w: it was built without cgo, so without libopus; build it with CGO_ENABLED=1, "+
	"a C compiler and libopus, or with -tags gopus", codec.ErrNoCodec)

// NewEncoder returns codec.ErrNoCodec: there is no libopus without cgo.
func NewEncoder(codec.EncoderConfig) (codec.Encoder, error) { return nil, errNoCgo }

// NewDecoder returns codec.ErrNoCodec: there is no libopus without cgo.
func NewDecoder() (codec.Decoder, error) { return nil, errNoCgo }

// NewDecoderWith returns codec.ErrNoCodec: there is no libopus without cgo.
func NewDecoderWith(codec.DecoderConfig) (codec.Decoder, error) { return nil, errNoCgo }

// Library says that there is none.
func Library() codec.Library { return codec.Library{Name: "no codec"} }
