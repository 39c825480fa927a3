package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// soundAt is how much sound a device has passed by now that is asked for blocks of so long, each of which takes it so
// long, from begin until end; it is in real time before, and after it.
func soundAt(now, begin, end, block, takes time.Duration) time.Duration {
	slow := min(max(0, now-begin), end-begin)
	return now - slow + slow/takes*block
}

// A device that is slow and goes on being so is said within 4 s, and once; and so is that it is not any more.
// What comes to real time, or is our own fault, is not said.
func TestSlowDevices(t *testing.T) {
	const ms, begin, end = time.Millisecond, 20*time.Second + 130*time.Millisecond, 45 * time.Second
	const slow, stuck = "slow", "stuck"
	throttled := func(block, takes time.Duration) func(time.Duration) time.Duration {
		return func(now time.Duration) time.Duration { return soundAt(now, begin, end, block, takes) }
	}
	standing := func(until time.Duration) func(time.Duration) time.Duration {
		return func(now time.Duration) time.Duration { return soundAt(now, begin, until, 0, 1) }
	}
	tests := []struct {
		name  string
		sound func(now time.Duration) time.Duration
		want  string // "": nothing
	}{
		{"6 %, block for block", throttled(10*ms, 160*ms), slow},
		{"6 %, in bursts", throttled(100*ms, 1600*ms), slow},
		{"1 %", throttled(20*ms, 2*time.Second), slow},
		{"a frame every 2.9 s", throttled(20*ms, 2900*ms), slow},
		{"a third", throttled(10*ms, 30*ms), slow},
		{"80 %", throttled(80*ms, 100*ms), slow},
		{"from the start", func(now time.Duration) time.Duration { return soundAt(now, 0, end, 10*ms, 100*ms) }, slow},
		{"90 %", throttled(9*ms, 10*ms), ""},
		{"a sound card that is 1 % off", func(now time.Duration) time.Duration { return now * 99 / 100 }, ""},
		{"blocks of 400 ms", throttled(400*ms, 400*ms), ""},
		{"it stands still", standing(end), stuck},
		{"a hiccup of 1 s", standing(begin + time.Second), ""},
		{"a hiccup of 2.5 s", standing(begin + 2500*ms), ""},
		{"slow, then not at all", func(now time.Duration) time.Duration {
			if now > begin+10*time.Second {
				return soundAt(begin+10*time.Second, begin, end, 10*ms, 100*ms) + max(0, now-end)
			}
			return soundAt(now, begin, end, 10*ms, 100*ms)
		}, slow + " " + stuck},
		{"it begins late", func(now time.Duration) time.Duration { return max(0, now-2*time.Second) }, ""},
	}
	for _, tt := range tests {
		for _, device := range []string{"input", "output"} {
			var m monitor
			var got []string
			var at []time.Duration
			moved, was := time.Duration(0), time.Duration(0)
			for now := time.Duration(0); now < end+10*time.Second; now += tickTime {
				v := aCall(now)
				sound := tt.sound(now)
				if sound > was {
					moved, was = now, sound
				}
				d := &v.in
				if device == "output" {
					d = &v.out
				}
				d.sound, d.moved = sound, moved
				for _, f := range m.look2(now, &v) {
					got, at = append(got, fmt.Sprint(f.Kind, " ", f.On)), append(at, now)
				}
			}
			var want []string
			switch tt.want {
			case slow, stuck:
				want = []string{device + "_" + tt.want + " true", device + "_" + tt.want + " false"}
			case slow + " " + stuck:
				want = []string{device + "_slow true", device + "_slow false", device + "_stuck true", device + "_stuck false"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q, want %q", device, tt.name, got, want)
				continue
			}
			if want != nil && (at[0] > begin+4*time.Second || at[len(at)-1] > end+4*time.Second || at[len(at)-1] < end) {
				t.Errorf("%s, %s: %q at %v", device, tt.name, got, at)
			}
		}
	}
}

// A machine so busy, or a process so often stopped, that whole parts of the sound are lost has no slow devices.
func TestStandingStillIsNoSlowDevice(t *testing.T) {
	for _, tt := range []struct{ runs, stands time.Duration }{
		{100 * time.Millisecond, 150 * time.Millisecond},
		{100 * time.Millisecond, 400 * time.Millisecond},
		{300 * time.Millisecond, 900 * time.Millisecond},
		{time.Second, 5 * time.Second},
	} {
		var m monitor
		now, sound := time.Duration(0), time.Duration(0)
		for now < 2*time.Minute {
			for range tt.runs / tickTime {
				now, sound = now+tickTime, sound+tickTime
				v := aCall(now)
				v.in.sound, v.out.sound = sound, sound
				for _, f := range m.look2(now, &v) {
					t.Fatalf("%v: at %v %+v", tt, now, f)
				}
			}
			now += tt.stands
		}
	}
}

// A device that broke is judged anew when it works again.
func TestBrokenDeviceIsNotSlow(t *testing.T) {
	var m monitor
	var got []string
	for now := time.Duration(0); now < time.Minute; now += tickTime {
		v := aCall(now)
		v.in.again, v.out.again = true, true
		if now > 20*time.Second {
			v.in.sound = 20*time.Second + max(0, now-30*time.Second)
			if now < 30*time.Second {
				v.in.err, v.out.err = errUnplugged, errUnplugged
			}
		}
		for _, f := range m.look2(now, &v) {
			got = append(got, fmt.Sprint(f.Kind, " ", f.On, " ", f.Text))
			if now > 32*time.Second {
				t.Errorf("at %v %+v", now, f)
			}
		}
	}
	if want := []string{
		"input_failed true nobody hears you: your input failed (unplugged); check the device: it is opened again by itself as soon as it works",
		"output_failed true you hear nobody: your output failed (unplugged); check the device: it is opened again by itself as soon as it works",
		"input_failed false your input works again",
		"output_failed false your output works again",
	}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
