package emodel

import (
	"math"
	"testing"
	"time"
)

const ms = time.Millisecond

// best is R of a connection without delay where all else has the standard's default values (G.107, 7.7).
const best = 93.2

func near(got, want, within float64) bool { return math.Abs(got-want) <= within }

// The standard's own numbers: G.107 for the default connection, delay only.
func TestDelayIsThatOfTheStandard(t *testing.T) {
	for _, tt := range []struct{ ms, r float64 }{{0, 93.2}, {50, 93.2}, {100, 93.2}, {150, 93.0}, {200, 90.2}, {250, 84.3}, {300, 78.4}, {400, 69.1}} {
		if got := best - Delay(time.Duration(tt.ms)*ms); !near(got, tt.r, 0.06) {
			t.Errorf("R at %v ms is %.2f, the standard has %.1f", tt.ms, got, tt.r)
		}
	}
}

// Of two delays the shorter is always the cheaper, and a choice never pays much for what nobody hears.
func TestDelayPriceGrows(t *testing.T) {
	last := -1.0
	for d := time.Duration(0); d < time.Second; d += ms {
		p := DelayPrice(d)
		if p <= last || p-Delay(d) > 12+0.02*1000 {
			t.Fatalf("%v costs %v, a millisecond less %v", d, p, last)
		}
		last = p
	}
}

// The scores that the constants are fitted to.
func TestLossAgreesWithMeasurements(t *testing.T) {
	for _, tt := range []struct{ bitrate, loss, mos float64 }{
		{24000, 0, 4.39}, {12000, 0, 3.99},
		{24000, 0.0113, 3.93}, {24000, 0.05, 3.00}, {24000, 0.10, 2.23}, {24000, 0.20, 1.70},
		{12000, 0.008, 3.7}, {12000, 0.04, 3.0}, // two copies and one at 20 % of loss
	} {
		if got := MOS(Heard(Worth(tt.bitrate, false), tt.loss)); !near(got, tt.mos, 0.2) {
			t.Errorf("%v bit/s at %v %%: MOS %.2f, measured %.2f", tt.bitrate, 100*tt.loss, got, tt.mos)
		}
	}
}

func TestLossPriceAndItsSlope(t *testing.T) {
	if LossPrice(0) != 0 || !near(LossPrice(bpl/100), usual/2, 1e-9) {
		t.Errorf("no loss costs %v, a loss of Bpl %v of %v", LossPrice(0), LossPrice(bpl/100), usual)
	}
	for lost := 0.0; lost < 1; lost += 0.05 {
		const h = 1e-6
		if got, want := LossSlope(lost), (LossPrice(lost+h)-LossPrice(lost))/h; !near(got, want, want/1000) {
			t.Errorf("slope %v at %v, the curve has %v", got, lost, want)
		}
	}
}

func TestWorthwhileIsWhereThePricesMeet(t *testing.T) {
	if d := Worthwhile(0); d != 0 {
		t.Errorf("%v without loss", d)
	}
	for lost := 0.005; lost < 0.08; lost += 0.005 {
		d, price := Worthwhile(lost), LossPrice(lost)
		if Delay(d) < price || Delay(d-delayStep) >= price {
			t.Errorf("%.1f %%: %v, which costs %.1f, the loss %.1f", 100*lost, d, Delay(d), price)
		}
	}
	if d := Worthwhile(1); d != time.Second {
		t.Errorf("%v where all is lost", d)
	}
}

// Annex B, table B.1: the bounds of its quality classes.
func TestMOS(t *testing.T) {
	for r, mos := range map[float64]float64{93.2: 4.41, 90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58, 0: 1, -5: 1, 100: 4.5, 120: 4.5} {
		if got := MOS(r); !near(got, mos, 0.007) {
			t.Errorf("MOS(%v) = %.3f, want %v", r, got, mos)
		}
	}
	for r := 7.0; r < 100; r += 3.1 {
		if got := Rating(MOS(r)); !near(got, r, 1e-6) {
			t.Errorf("Rating(MOS(%v)) = %v", r, got)
		}
	}
}

func TestConversational(t *testing.T) {
	for _, tt := range []struct{ ms, r float64 }{{0, best}, {90, best}, {300, 78.4}, {400, 69.1}} {
		if got := Conversational(MOS(best), time.Duration(tt.ms)*ms); !near(got, MOS(tt.r), 0.005) {
			t.Errorf("at %v ms %.3f, want %.3f", tt.ms, got, MOS(tt.r))
		}
	}
}

func TestWorthGrowsWithTheBitrate(t *testing.T) {
	for _, narrowband := range []bool{false, true} {
		last := 0.0
		for b := 5000.0; b <= 64000; b += 100 {
			r := Worth(b, narrowband)
			if r < last-4 || r <= 0 || r > best+1 { // 4: wideband is worth no more than narrowband at first
				t.Errorf("R %.1f at %v bit/s, %.1f just below", r, b, last)
			}
			last = r
		}
	}
}
