//go:build !cgo

package device

import (
	"errors"
	"strings"
	"testing"
)

func TestWithoutCgoThereIsNoSoundSystem(t *testing.T) {
	list, err := List()
	_, sourceErr := OpenSource("")
	_, sinkErr := OpenSink("")
	for _, err := range []error{err, sourceErr, sinkErr} {
		if !errors.Is(err, ErrSystem) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
			t.Errorf("%v, want ErrSystem and a remedy", err)
		}
	}
	if len(list) > 0 {
		t.Errorf("devices: %v", list)
	}
}
