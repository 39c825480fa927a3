//go:build !cgo && !gopus

package opus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

func TestWithoutCgoThereIsNoCodec(t *testing.T) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	if enc != nil || !errors.Is(err, codec.ErrNoCodec) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("NewEncoder: %v, %v", enc, err)
	}
	dec, err := opus.NewDecoder()
	if dec != nil || !errors.Is(err, codec.ErrNoCodec) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("NewDecoder: %v, %v", dec, err)
	}
}
