package quality

import (
	"math"
	"testing"
	"time"
)

func close(got, want, within float64) bool { return math.Abs(got-want) <= within }

// The standard's own numbers: G.107 for the default connection, delay only.
func TestDelayImpairment(t *testing.T) {
	for ms, r := range map[int]float64{0: 93.2, 100: 93.2, 150: 93.0, 200: 90.2, 250: 84.3, 300: 78.4, 400: 69.1} {
		if got := DefaultR - DelayImpairment(time.Duration(ms)*time.Millisecond); !close(got, r, 0.06) {
			t.Errorf("R at %d ms is %.2f, the standard has %.1f", ms, got, r)
		}
	}
}

func TestMOS(t *testing.T) {
	// G.107 annex B, table B.1: the bounds of its quality classes.
	for r, mos := range map[float64]float64{93.2: 4.41, 90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58, 0: 1, -5: 1, 100: 4.5, 120: 4.5} {
		if got := MOS(r); !close(got, mos, 0.007) {
			t.Errorf("MOS(%v) = %.3f, want %v", r, got, mos)
		}
	}
	for r := 7.0; r < 100; r += 3.1 {
		if got := Rating(MOS(r)); !close(got, r, 1e-6) {
			t.Errorf("Rating(MOS(%v)) = %v", r, got)
		}
	}
}

func TestLossImpairment(t *testing.T) {
	for _, c := range []struct{ ie, bpl, loss, burst, want float64 }{
		{10, 4, 0, 1, 10},
		{0, 4.3, 0.043, 1, 47.5}, // loss equal to Bpl takes half of the 95
		{11, 19, 0.02, 1, 11 + 84*2/21.0},
		{0, 5, 0.05, 2, 95 * 5 / 7.5}, // bursts count more
	} {
		if got := LossImpairment(c.ie, c.bpl, c.loss, c.burst); !close(got, c.want, 1e-9) {
			t.Errorf("LossImpairment(%v) = %v, want %v", c, got, c.want)
		}
	}
}

func TestConversational(t *testing.T) {
	for ms, want := range map[int]float64{0: MOS(DefaultR), 90: MOS(DefaultR), 300: MOS(78.4), 400: MOS(69.1)} {
		if got := Conversational(MOS(DefaultR), time.Duration(ms)*time.Millisecond); !close(got, want, 0.005) {
			t.Errorf("at %d ms %.3f, want %.3f", ms, got, want)
		}
	}
}

func TestWideband(t *testing.T) {
	r, mos := Wideband(OpusIe(24000), 0, 1, 0)
	if r != 119 || !close(mos, MOS(119/1.29), 1e-12) || !close(mos, 4.39, 0.01) {
		t.Errorf("clean: R %v, MOS %v", r, mos)
	}
	if r, _ := Wideband(OpusIe(24000), 0, 1, 400*time.Millisecond); !close(r, 119-24.1, 0.06) {
		t.Errorf("at 400 ms: R %v", r)
	}
	if _, mos := Wideband(OpusIe(12000), 0, 1, 0); !close(mos, 3.99, 0.02) {
		t.Errorf("clean at 12 kbit/s: MOS %.3f", mos)
	}
	if ie := OpusIe(64000); ie != 0 {
		t.Errorf("Ie at 64 kbit/s is %v", ie)
	}
	for loss, fitted := range map[float64]float64{0.0113: 3.93, 0.05: 3.0, 0.10: 2.23} {
		if _, mos := Wideband(OpusIe(24000), loss, 1, 0); !close(mos, fitted, 0.15) {
			t.Errorf("%v lost: MOS %.2f, fitted to %v", loss, mos, fitted)
		}
	}
}
