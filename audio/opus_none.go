//go:build !cgo && !gopus

package audio

import (
	"fmt"
	"io"
)

func newOpusStream(io.Reader) (opusStream, error) {
	return nil, fmt.Errorf("%w: it was built without cgo, so without libopusfile; %s, or build it with CGO_ENABLED=1, "+
		"a C compiler and libopusfile, or with -tags gopus", ErrNoOpus, convert)
}

func passes(error) bool { return false }
