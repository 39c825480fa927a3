//go:build cgo && !gopus

package audio

import (
	"errors"
	"io"

	"gopkg.in/hraban/opus.v2"
)

func newOpusStream(link io.Reader) (opusStream, error) {
	stream, err := opus.NewStream(link)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// passes tells an error of a stream after which it goes on.
func passes(err error) bool {
	return errors.Is(err, opus.ErrStreamHole) || errors.Is(err, opus.ErrStreamBadPacked)
}
