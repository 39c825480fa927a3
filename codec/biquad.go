package codec

import "math"

// biquad is a second-order filter section, normalised so that a0 is 1.
type biquad struct{ b0, b1, b2, a1, a2 float64 }

// step filters one sample: transposed direct form II.
func (f *biquad) step(state *[2]float64, x float64) float64 {
	y := f.b0*x + state[0]
	state[0] = f.b1*x - f.a1*y + state[1]
	state[1] = f.b2*x - f.a2*y
	return y
}

// vadFilters are the high-pass and low-pass sections of the bands of VAD.
var vadFilters = [vadBands][vadTaps]biquad{
	{highPass(200), lowPass(1000)},
	{highPass(1000), lowPass(4000)},
	{highPass(4000), lowPass(8000)},
}

// lowPass and highPass are Butterworth sections (Q = 1/sqrt 2) by the bilinear transform
// (R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients").
func lowPass(hz float64) biquad {
	w := 2 * math.Pi * hz / SampleRate
	cos, alpha := math.Cos(w), math.Sin(w)/math.Sqrt2
	a0 := 1 + alpha
	return biquad{(1 - cos) / 2 / a0, (1 - cos) / a0, (1 - cos) / 2 / a0, -2 * cos / a0, (1 - alpha) / a0}
}

func highPass(hz float64) biquad {
	w := 2 * math.Pi * hz / SampleRate
	cos, alpha := math.Cos(w), math.Sin(w)/math.Sqrt2
	a0 := 1 + alpha
	return biquad{(1 + cos) / 2 / a0, -(1 + cos) / a0, (1 + cos) / 2 / a0, -2 * cos / a0, (1 - alpha) / a0}
}
