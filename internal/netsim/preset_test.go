package netsim

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// near is a value and how far from it a measurement may be.
type near struct{ want, within float64 }

// What each preset must measure over an hour of 60-byte datagrams each 20 ms. Where a recording
// of such a network exists its 60 s measure, in the same order, is in the comment.
var described = map[string]struct {
	loss, burst, mean, p50, p95, p99 near
	reordered                        float64 // share at least, or none at all when 0
}{
	// 0 %, -, 2.2, 2.2, 2.6, 2.8
	"lan": {loss: near{0, 0}, mean: near{2.2, .1}, p50: near{2.2, .1}, p95: near{2.6, .2}, p99: near{2.8, .3}},
	// 0.23 %, 1.0, 45.3, 44.5, 53.9, 63.5
	"lte": {loss: near{.002, .001}, burst: near{1, .1}, mean: near{45.3, 1}, p50: near{44.5, 1}, p95: near{53.9, 2}, p99: near{63.5, 4}},
	// 0.47 %, 2.0, 22.5, 17.5, 54.5, 103.5
	"wifi": {loss: near{.005, .0015}, burst: near{2, .2}, mean: near{22.5, 2}, p50: near{17.5, 1}, p95: near{54.5, 12}, p99: near{103.5, 15}},
	// 0.40 %, 1.0, 179.9, 152.6, 386.5, 397.8
	"bufferbloat": {loss: near{.004, .0015}, burst: near{1, .1}, mean: near{179.9, 15}, p50: near{152.6, 30}, p95: near{386.5, 6}, p99: near{397.8, 10}},
	// 4.90 %, 1.02, 59.9, 60.0, 66.4, 69.4
	"loss5": {loss: near{.05, .005}, burst: near{1.05, .05}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	// 9.80 %, 1.12, 60.0, 60.0, 66.6, 69.4
	"loss10": {loss: near{.10, .005}, burst: near{1.11, .05}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	// 19.77 %, 1.24, 60.1, 60.1, 66.8, 69.3
	"loss20": {loss: near{.20, .005}, burst: near{1.25, .05}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	"loss30": {loss: near{.30, .005}, burst: near{1.43, .05}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	// 9.73 %, 3.70, 59.9, 59.8, 66.6, 69.0
	"burst10": {loss: near{.10, .007}, burst: near{4, .2}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	// 18.67 %, 3.81, 60.1, 60.0, 66.4, 68.9
	"burst20": {loss: near{.20, .01}, burst: near{4, .2}, mean: near{60, .5}, p50: near{60, .5}, p95: near{66.5, .5}, p99: near{69.3, .7}},
	// 4.83 %, 1.51, 339.5, 328.1, 528.5, 749.9
	"edge": {loss: near{.05, .005}, burst: near{1.5, .1}, mean: near{339.5, 15}, p50: near{328, 15}, p95: near{528.5, 20}, p99: near{749.9, 80}},
	// 1.33 %, 10.0, 82.6, 60.2, 131.6, 712.4
	"handover": {loss: near{.0133, .002}, burst: near{10, .5}, mean: near{82.6, 3}, p50: near{60.2, .5}, p95: near{131.6, 35}, p99: near{712.4, 30}},
	// 1.13 %, 1.0, 77.2, 71.6, 116.1, 128.6
	"reorder": {loss: near{.01, .002}, burst: near{1, .1}, mean: near{77.2, .5}, p50: near{71.6, .5}, p95: near{116.1, 2}, p99: near{128.6, 2}, reordered: .1},
	// 35.2 kbit/s do not fit through: the queue is full and what is over is lost.
	"thin32":    {loss: near{1 - 32/35.2, .005}, burst: near{1, .1}, mean: near{1053, 10}, p50: near{1053, 10}, p95: near{1063, 10}, p99: near{1065, 10}},
	"thin16":    {loss: near{1 - 16/35.2, .005}, burst: near{1.2, .1}, mean: near{1077, 10}, p50: near{1077, 10}, p95: near{1086, 10}, p99: near{1088, 10}},
	"satellite": {loss: near{.005, .001}, burst: near{1, .1}, mean: near{300, 1}, p50: near{300, 1}, p95: near{308.2, 1}, p99: near{311.6, 1.5}},
	// 1.73 %, 1.6, 59.1, 67.6, 79.3, 85.2: nearly half a minute of its 60 s is up a step
	"leo": {loss: near{.015, .003}, burst: near{1, .05}, mean: near{55, 1}, p50: near{56, 3}, p95: near{79, 1}, p99: near{82.5, 1}},
	// 0.23 %, 1.0, 62.7, 47.5, 196, 289
	"powersave": {loss: near{.002, .001}, burst: near{1, .1}, mean: near{69.5, 4}, p50: near{48.5, 2}, p95: near{210, 15}, p99: near{288, 10}},
	// 0.37 %, -, 87, 59.3, 204, 233: there a cycle in three is 35 ms later as a whole
	"sawtooth": {loss: near{.003, .001}, burst: near{1, .1}, mean: near{80.5, 2}, p50: near{63.5, 3}, p95: near{188, 2}, p99: near{199, 2}},
}

func TestPresetsMatchTheirDescriptions(t *testing.T) {
	for _, info := range Presets() {
		want, ok := described[info.Name]
		if !ok {
			t.Errorf("%s: no figures to hold it to", info.Name)
			continue
		}
		up, down, err := Preset(info.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		for direction, link := range map[string]Link{"up": up, "down": down} {
			got := measure(link, 60, time.Hour)
			for what, v := range map[string]struct {
				near
				got float64
			}{
				"loss": {want.loss, got.loss}, "burst": {want.burst, got.burst}, "mean": {want.mean, got.mean},
				"p50": {want.p50, got.p50}, "p95": {want.p95, got.p95}, "p99": {want.p99, got.p99},
			} {
				if v.got < v.want-v.within || v.got > v.want+v.within {
					t.Errorf("%s %s: %s %.4g, described as %.4g +- %.2g\n%v", info.Name, direction, what, v.got, v.want, v.within, got)
				}
			}
			if got.reordered < want.reordered || want.reordered == 0 && got.reordered > 0 {
				t.Errorf("%s %s: %.1f %% reordered", info.Name, direction, 100*got.reordered)
			}
		}
	}
}

// The rate that comes out of the thin links is the one in their names, headers counted.
func TestThinLinksHaveTheirRate(t *testing.T) {
	for name, bps := range map[string]float64{"thin32": 32_000, "thin16": 16_000} {
		link, _, _ := Preset(name, 3)
		const size, length = 80, 60 * time.Second
		bits := 0
		for now := time.Duration(0); now < length; now += 5 * time.Millisecond {
			if link.Send(now, size).Copies > 0 {
				bits += 8 * (size + HeaderBytes)
			}
		}
		// One second of queue is filled on top of the minute.
		if got := float64(bits) / (length + time.Second).Seconds(); got < .99*bps || got > 1.01*bps {
			t.Errorf("%s carries %.0f bit/s", name, got)
		}
	}
}

func TestPresetIsDeterministicPerSeed(t *testing.T) {
	run := func(link Link) (fates []Fate) {
		for now := time.Duration(0); now < 20*time.Second; now += Slot {
			fates = append(fates, link.Send(now, 60))
		}
		return fates
	}
	same := func(a, b []Fate) bool {
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	for _, info := range Presets() {
		upA, downA, _ := Preset(info.Name, 7)
		upB, downB, _ := Preset(info.Name, 7)
		upC, _, _ := Preset(info.Name, 8)
		a, d := run(upA), run(downA)
		if !same(a, run(upB)) || !same(d, run(downB)) {
			t.Errorf("%s: one seed gave two networks", info.Name)
		}
		if same(a, run(upC)) {
			t.Errorf("%s: two seeds gave one network", info.Name)
		}
		if same(a, d) {
			t.Errorf("%s: the two directions share their luck", info.Name)
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	_, _, err := Preset("lann", 1)
	if !errors.Is(err, ErrUnknownPreset) || !strings.Contains(err.Error(), `"lann"`) || !strings.Contains(err.Error(), "bufferbloat") {
		t.Errorf("%v does not name what was asked for and what there is", err)
	}
}
