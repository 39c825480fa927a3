package device

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var bench = []Device{
	{Name: "Built-in Microphone", API: "MME", Inputs: 2, preferred: true},
	{Name: "Built-in Microphone", API: "WASAPI", Inputs: 2},
	{Name: "USB Headset", API: "MME", Inputs: 1, Outputs: 2, DefaultInput: true, preferred: true},
	{Name: "USB Headset Pro", API: "MME", Inputs: 1, Outputs: 2, preferred: true},
	{Name: "Speakers", API: "MME", Outputs: 2, DefaultOutput: true, preferred: true},
	{Name: "Line", API: "WASAPI", Inputs: 2},
	{Name: "line", API: "ASIO", Inputs: 2},
}

func TestChoose(t *testing.T) {
	tests := []struct {
		name string
		dir  direction
		want int // index, or -1 with err
		err  error
		says []string
	}{
		{"", capture, 2, nil, nil},
		{"", playback, 4, nil, nil},
		{"usb headset", capture, 2, nil, nil}, // whole name before part
		{"headset pro", playback, 3, nil, nil},
		{"WASAPI: built", capture, 1, nil, nil},
		{"built-in microphone", capture, 0, nil, nil}, // of the default host API
		{"wasapi: built-in microphone", capture, 1, nil, nil},
		{"headset", capture, -1, ErrAmbiguous, []string{`"MME: USB Headset"`, `"MME: USB Headset Pro"`}},
		{"LINE", capture, -1, ErrAmbiguous, []string{`"WASAPI: Line"`, `"ASIO: line"`}},
		{"speakers", capture, -1, ErrNoDevice, []string{"capture", "speakers", `"MME: USB Headset"`}},
		{"microphone", playback, -1, ErrNoDevice, []string{"playback", `"MME: Speakers"`}},
	}
	for _, tt := range tests {
		got, err := choose(bench, tt.name, tt.dir)
		if !errors.Is(err, tt.err) {
			t.Errorf("%q for %s: %v, want %v", tt.name, tt.dir.what, err, tt.err)
			continue
		}
		if err != nil {
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q for %s: %q does not say %s", tt.name, tt.dir.what, err, s)
				}
			}
			continue
		}
		if want := bench[tt.want]; got.label() != want.label() {
			t.Errorf("%q for %s: %s, want %s", tt.name, tt.dir.what, got.label(), want.label())
		}
	}
}

func TestChooseWithoutDevices(t *testing.T) {
	speakers := bench[4:5]
	for _, tt := range []struct {
		list []Device
		name string
		dir  direction
	}{
		{nil, "", capture}, {nil, "", playback}, {nil, "x", capture},
		{speakers, "", capture}, {speakers, "speakers", capture},
		{bench[5:], "", capture}, // there are some, but no default
	} {
		if _, err := choose(tt.list, tt.name, tt.dir); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%q of %d for %s: %v", tt.name, len(tt.list), tt.dir.what, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	for _, tt := range []struct {
		rate int
		want []attempt
	}{
		{48000, []attempt{{48000, 1}, {48000, 2}}},
		{44100, []attempt{{48000, 1}, {48000, 2}, {44100, 1}, {44100, 2}}},
		{0, []attempt{{48000, 1}, {48000, 2}}},
	} {
		if got := attempts(Device{Rate: tt.rate}, 1, 2); !slices.Equal(got, tt.want) {
			t.Errorf("%d Hz: %v, want %v", tt.rate, got, tt.want)
		}
	}
	if got := attempts(Device{Rate: 16000}, 1, 1); !slices.Equal(got, []attempt{{rate: 48000, channels: 1}, {rate: 16000, channels: 1}}) {
		t.Errorf("mono: %v", got)
	}
}

func TestStandingStillLosesNoDevice(t *testing.T) {
	const piece = lostAfter / lostPieces
	away := 0
	for i, tt := range []struct {
		took time.Duration
		want int
	}{{piece, 1}, {piece, 2}, {10 * time.Second, 0}, {piece, 1}, {piece + piece/2, 2}, {piece, 3}, {piece, lostPieces}} {
		if away = nextAway(away, piece, tt.took); away != tt.want {
			t.Fatalf("piece %d: %d, want %d", i, away, tt.want)
		}
	}
}
