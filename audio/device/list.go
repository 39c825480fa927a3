package device

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors to match with errors.Is. They come wrapped with the name and what to do.
var (
	// ErrNoDevice: there is no such device, or none at all.
	ErrNoDevice = errors.New("no such sound device")
	// ErrAmbiguous: several devices match the name.
	ErrAmbiguous = errors.New("several sound devices match")
	// ErrDeviceBusy: the device is there but another program has it.
	ErrDeviceBusy = errors.New("sound device is busy")
	// ErrOpen: the device is there but does not work in any format tried.
	ErrOpen = errors.New("sound device cannot be opened")
	// ErrDeviceLost: the device stopped while in use, unplugged for example.
	ErrDeviceLost = errors.New("sound device has stopped")
	// ErrStuck: Close was given up, as the sound system does not let go of the device.
	ErrStuck = errors.New("the sound system does not let go")
	// ErrSystem: the sound system does not start, or the program was built without cgo and so without one.
	ErrSystem = errors.New("sound system does not start")
)

// Device describes one sound device as one of the system's sound interfaces (host API) has it.
type Device struct {
	Name          string
	API           string // host API: ALSA, Core Audio, Windows WASAPI, ...
	Inputs        int    // channels it captures, 0: it does not
	Outputs       int    // channels it plays, 0: it does not
	Rate          int    // its own sample rate in Hz
	InputLatency  time.Duration
	OutputLatency time.Duration // the lowest it can do without glitches, by its own account
	DefaultInput  bool          // OpenSource("") takes it
	DefaultOutput bool          // OpenSink("") takes it

	preferred bool // its host API is the system's default
	info      any  // the system's own description
}

// List returns all devices, in the order of the system. No devices is no error. The list is
// made anew only while no device is open. The error is ErrSystem.
func List() ([]Device, error) {
	sys, err := acquire()
	if err != nil {
		return nil, err
	}
	defer sys.release()
	return sys.devices()
}

// direction is what a device is wanted for.
type direction struct {
	what      string // for messages
	channels  func(Device) int
	isDefault func(Device) bool
	instead   string
}

var (
	capture = direction{
		"capture",
		func(d Device) int { return d.Inputs },
		func(d Device) bool { return d.DefaultInput },
		"a file, or none to listen only",
	}
	playback = direction{
		"playback",
		func(d Device) int { return d.Outputs },
		func(d Device) bool { return d.DefaultOutput },
		"a file, or none",
	}
)

// label names a device so that no other has the same.
func (d Device) label() string { return d.API + ": " + d.Name }

// choose finds the device that name means: "" the default; else the one of that name, or of
// that "API: name"; else the only one with name in its "API: name". Case does not matter. Of several
// of the very same name, the one of the system's default host API.
func choose(list []Device, name string, dir direction) (Device, error) {
	able := slices.DeleteFunc(slices.Clone(list), func(d Device) bool { return dir.channels(d) == 0 })
	if len(able) == 0 {
		return Device{}, fmt.Errorf("device: %w: nothing here does %s; plug one in, or use %s", ErrNoDevice, dir.what, dir.instead)
	}
	if name == "" {
		if i := slices.IndexFunc(able, dir.isDefault); i >= 0 {
			return able[i], nil
		}
		return Device{}, fmt.Errorf("device: %w: the system has no default for %s; name one of: %s", ErrNoDevice, dir.what, labels(able))
	}
	found := matching(able, func(d Device) bool {
		return strings.EqualFold(d.Name, name) || strings.EqualFold(d.label(), name)
	})
	if len(found) > 1 {
		if p := matching(found, func(d Device) bool { return d.preferred }); len(p) == 1 {
			found = p
		}
	}
	if len(found) == 0 {
		found = matching(able, func(d Device) bool {
			return strings.Contains(strings.ToLower(d.label()), strings.ToLower(name))
		})
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Device{}, fmt.Errorf("device: %w for %s: %q; there are: %s", ErrNoDevice, dir.what, name, labels(able))
	default:
		return Device{}, fmt.Errorf("device: %w %q; say which: %s", ErrAmbiguous, name, labels(found))
	}
}

func matching(list []Device, ok func(Device) bool) []Device {
	var found []Device
	for _, d := range list {
		if ok(d) {
			found = append(found, d)
		}
	}
	return found
}

func labels(list []Device) string {
	quoted := make([]string, len(list))
	for i, d := range list {
		quoted[i] = fmt.Sprintf("%q", d.label())
	}
	return strings.Join(quoted, ", ")
}
