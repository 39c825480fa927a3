//go:build cgo

package device

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gordonklaus/portaudio"
)

func TestOpenAnyErrors(t *testing.T) {
	alsaBusy := portaudio.UnanticipatedHostError{HostApiType: portaudio.ALSA, Code: -16, Text: "Device or resource busy"}
	for _, tt := range []struct {
		failure error
		want    error
		tried   int
	}{
		{portaudio.InvalidSampleRate, ErrOpen, 3},
		{portaudio.DeviceUnavailable, ErrDeviceBusy, 1},
		{alsaBusy, ErrDeviceBusy, 1},
		{portaudio.UnanticipatedHostError{Code: -16, Text: "other"}, ErrOpen, 3},
	} {
		tried := 0
		_, err := openAny(portAudio{}, bench[2], make([]attempt, 3), func(attempt) (stream, error) {
			tried++
			return nil, fmt.Errorf("open: %w", tt.failure)
		})
		if !errors.Is(err, tt.want) || !errors.Is(err, tt.failure) || tried != tt.tried || !strings.Contains(err.Error(), "USB Headset") {
			t.Errorf("%v: %d tries, %v", tt.failure, tried, err)
		}
	}
}

// The real sound system, whatever this machine has of it: the list works, and what does not exist is an
// error, from several goroutines at once.
func TestRealSystem(t *testing.T) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			list, err := List()
			if err != nil {
				t.Error(err)
			}
			for _, d := range list {
				if d.Name == "" || d.API == "" || d.Inputs+d.Outputs == 0 {
					t.Errorf("listed: %+v", d)
				}
			}
			if _, err := OpenSource("no device has this name"); !errors.Is(err, ErrNoDevice) {
				t.Errorf("OpenSource: %v", err)
			}
			if _, err := OpenSink("no device has this name"); !errors.Is(err, ErrNoDevice) {
				t.Errorf("OpenSink: %v", err)
			}
		})
	}
	wg.Wait()
}
