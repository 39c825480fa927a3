package clean

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio/clean/apm"
	"github.com/tincan-voice/tincan/internal/synth"
)

// blocks calls f with the blocks of two sounds of one length.
func blocks(far, near []float32, f func(far, near *apm.Block)) {
	for i := 0; i+len(apm.Block{}) <= len(far); i += len(apm.Block{}) {
		f((*apm.Block)(far[i:]), (*apm.Block)(near[i:]))
	}
}

// The delay is found within 10 ms, with a room, noise and somebody who speaks at the same time, also where the blocks
// come in clumps; and where there is no echo none is found.
func TestDelay(t *testing.T) {
	const length = 20 * second
	far, other := synth.Speech(length, 1), synth.Speech(length, 2)
	hiss := noise(length, 0.003)
	for _, tt := range []struct {
		name  string
		ms    int // -1: no echo
		near  []float32
		clump int // blocks of the loudspeaker that come at once
	}{
		{"at once", 5, hiss, 1}, {"a little", 60, hiss, 1}, {"long", 250, hiss, 1}, {"very long", 450, hiss, 1},
		{"both talk", 120, mixed(hiss, other), 1}, {"clumps", 120, hiss, 6}, {"none", -1, mixed(hiss, other), 1},
	} {
		near := tt.near
		if tt.ms >= 0 {
			near = mixed(room(far, tt.ms*second/1000), tt.near)
		}
		d := newDelay()
		looks, found, wrong := 0, 0, 0
		var waiting []*apm.Block
		blocks(far, near, func(far, near *apm.Block) {
			if waiting = append(waiting, far); len(waiting) == tt.clump {
				for _, b := range waiting {
					d.played(b)
				}
				waiting = waiting[:0]
			}
			looks++
			if late, ok := d.heard(near); ok {
				found++
				if off := late - time.Duration(tt.ms)*time.Millisecond; off.Abs() > 40*time.Millisecond || tt.clump == 1 && off.Abs() > 10*time.Millisecond {
					wrong++
				}
			}
		})
		if tt.ms < 0 && found > 2 || tt.ms >= 0 && (found < 10 || wrong > 2) {
			t.Errorf("%s: found %d times in %d blocks, %d of them wrong", tt.name, found, looks, wrong)
		}
	}
}

func TestDelayDoesNotAllocate(t *testing.T) {
	d, pcm := newDelay(), synth.Speech(10*second, 1)
	i := 0
	if n := testing.AllocsPerRun(500, func() {
		b := (*apm.Block)(pcm[i:])
		i += len(b)
		d.played(b)
		d.heard(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDelay(b *testing.B) {
	d, pcm := newDelay(), synth.Speech(second, 1)
	for i := range b.N {
		block := (*apm.Block)(pcm[i%100*480:])
		d.played(block)
		d.heard(block)
	}
}

// An echo is gone however late it comes, whatever the devices say, and again when that has changed.
func TestLateEcho(t *testing.T) {
	far := synth.Speech(24*second, 1)
	for _, tt := range []struct{ ms, then int }{{60, 60}, {160, 160}, {300, 300}, {450, 450}, {80, 300}, {300, 80}} {
		early, late := room(far, tt.ms*second/1000), room(far, tt.then*second/1000)
		echo := mixed(append(early[:12*second:12*second], late[12*second:]...), noise(len(far), 0.0003))
		out := run(t, newMic(t, Config{Echo: true, Noise: true, Gain: true}), far, echo, 60*time.Millisecond)
		for _, from := range []int{8, 20} {
			if erle := dB(echo[from*second:][:4*second]) - dB(out[from*second:][:4*second]); erle < 25 {
				t.Errorf("%d ms, then %d: %.1f dB after %d s", tt.ms, tt.then, erle, from)
			}
		}
	}
}
