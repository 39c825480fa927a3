package quality

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func close(got, want, within float64) bool { return math.Abs(got-want) <= within }

// speechlike is a voice of moving pitch and formants with pauses; it needs no file.
func speechlike(seconds float64) []float32 {
	out := make([]float32, int(seconds*SampleRate))
	rng := rand.New(rand.NewPCG(1, 2))
	phase := 0.0
	for i := range out {
		t := float64(i) / SampleRate
		phase += (110 + 30*math.Sin(2*math.Pi*0.7*t)) / SampleRate
		formant := 500 + 400*math.Sin(2*math.Pi*1.9*t)
		s := 0.0
		for h := 1; h <= 20; h++ {
			f := float64(h) * 110
			w := math.Exp(-math.Pow((f-formant)/300, 2)) + 0.4*math.Exp(-math.Pow((f-1900+300*math.Sin(2*math.Pi*2.3*t))/400, 2))
			s += w * math.Sin(2*math.Pi*phase*float64(h))
		}
		syllables := max(0, math.Sin(2*math.Pi*3.1*t))
		out[i] = float32(0.1*syllables*s + 0.0005*rng.NormFloat64())
	}
	return out
}

func noise(n int, level float64) []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(level * rng.NormFloat64())
	}
	return out
}

func compare(t *testing.T, said, heard []float32, a Alignment) Scores {
	t.Helper()
	s, err := Compare(said, heard, a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSameIsPerfect(t *testing.T) {
	x := speechlike(1.5)
	late := append(make([]float32, 4800), x...)
	soft := make([]float32, len(x))
	for i := range x {
		soft[i] = x[i] / 2
	}
	for name, s := range map[string]Scores{
		"same": compare(t, x, x, Delayed(0)),
		"late": compare(t, x, late, Delayed(0.1)),
		"soft": compare(t, x, soft, Delayed(0)),
	} {
		if !close(s.NSIM, 1, 1e-3) || !close(s.ESTOI, 1, 1e-3) || !close(s.MOS, 4.5, 0.02) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestWorseIsLess(t *testing.T) {
	x := speechlike(1.5)
	before := Scores{NSIM: 1, ESTOI: 1, MOS: 4.5}
	for _, level := range []float64{0.001, 0.01, 0.1} {
		y := noise(len(x), level)
		for i := range y {
			y[i] += x[i]
		}
		s := compare(t, x, y, Delayed(0))
		if s.NSIM >= before.NSIM || s.ESTOI >= before.ESTOI || s.MOS >= before.MOS {
			t.Errorf("noise of %v: %+v, with less %+v", level, s, before)
		}
		before = s
	}
	if s := compare(t, x, noise(len(x), 0.1), Delayed(0)); math.Abs(s.ESTOI) > 0.1 || s.NSIM > 0.5 {
		t.Errorf("noise alone: %+v", s)
	}
}

// A pause put in and a piece dropped cost what they are, and not the speech after them.
func TestAlignmentFollowsTheWarp(t *testing.T) {
	x := speechlike(3)
	const at, gap = 14 * SampleRate / 10, SampleRate / 10
	paused := append(append(append([]float32{}, x[:at]...), make([]float32, gap)...), x[at:]...)
	cut := append(append([]float32{}, x[:at]...), x[at+gap:]...)
	for name, c := range map[string]struct {
		heard []float32
		a     Alignment
	}{
		"pause":   {paused, Alignment{{0, 0}, {1.4, 1.4}, {1.5, 1.4}}},
		"dropped": {cut, Alignment{{0, 0}, {1.4, 1.4}, {1.4, 1.5}}},
	} {
		right, wrong := compare(t, x, c.heard, c.a), compare(t, x, c.heard, Delayed(0))
		if right.NSIM < 0.7 || right.NSIM > 0.9 || right.ESTOI < 0.85 || right.ESTOI > 0.999 {
			t.Errorf("%s: aligned %+v", name, right)
		}
		if wrong.NSIM > right.NSIM-0.02 || wrong.ESTOI > right.ESTOI-0.1 {
			t.Errorf("%s: not aligned %+v, aligned %+v", name, wrong, right)
		}
	}
}

// What the equations give where they can be worked out by hand.
func TestNSIMOfFlatSpectra(t *testing.T) {
	flat := func(level float64) [][]float64 {
		m := make([][]float64, 5)
		for i := range m {
			m[i] = []float64{level, level, level, level}
		}
		return m
	}
	// No structure at all: what is left is intensity, (2ab + C1)/(a^2 + b^2 + C1).
	for _, s := range nsimFrames(flat(1), flat(2)) {
		if want := (2*2 + 0.0225) / (1 + 4 + 0.0225); !close(s, want, 1e-9) {
			t.Errorf("%v, want %v", s, want)
		}
	}
	// A picture and its negative: the structure is -1 but for C3.
	ref, deg := flat(0), flat(0)
	for i := range ref {
		for b := range ref[i] {
			sign := float64(1 - 2*((i+b)%2))
			ref[i][b], deg[i][b] = 10+sign, 10-sign
		}
	}
	if s := nsimFrames(ref, deg); s[2] > -0.75 {
		t.Errorf("a negative has similarity %v", s[2])
	}
}

func TestESTOIOfSpectra(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	random := func(f func(i, b int, v float64) float64) [][]float64 {
		m := make([][]float64, 60)
		for i := range m {
			m[i] = make([]float64, 15)
			for b := range m[i] {
				m[i][b] = f(i, b, rng.Float64())
			}
		}
		return m
	}
	x := random(func(_, _ int, v float64) float64 { return v })
	for name, c := range map[string]struct {
		y            [][]float64
		want, within float64
	}{
		"same":                           {x, 1, 1e-9},
		"other level per band, constant": {random(func(i, b int, _ float64) float64 { return 3 + float64(b+1)*x[i][b] }), 1, 1e-9},
		"negative":                       {random(func(i, b int, _ float64) float64 { return 1 - x[i][b] }), -1, 1e-9},
		"unrelated":                      {random(func(_, _ int, v float64) float64 { return v }), 0, 0.1},
	} {
		got, err := estoiFrames(x, c.y)
		if err != nil || !close(got, c.want, c.within) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	// Half signal, half noise of the same power in every band: the correlation over time is about
	// 1/sqrt(2), and normalising over frequency keeps it.
	y := random(func(i, b int, v float64) float64 { return x[i][b] + v })
	if got, _ := estoiFrames(x, y); !close(got, math.Sqrt(0.5), 0.05) {
		t.Errorf("signal and as much noise: %v", got)
	}
}

func TestScore(t *testing.T) {
	last := 0.0
	for _, nsim := range []float64{-1, 0, 0.5, 0.79, 0.9, 1} {
		got := score(nsim)
		if got <= last || got <= 1 || got > 4.5 {
			t.Errorf("score(%v) = %v, below that %v", nsim, got, last)
		}
		last = got
	}
	if got := score(0.79); !close(got, 2.75, 1e-9) || last != 4.5 {
		t.Errorf("half of the scale is lost at %v, the same gets %v", got, last)
	}
}

// How loud somebody talks does not matter, as long as all of it is as loud.
func TestLevelDoesNotMatter(t *testing.T) {
	x := speechlike(1.5)
	y := noise(len(x), 0.01)
	for i := range y {
		y[i] += x[i]
	}
	want := compare(t, x, y, Delayed(0))
	for i := range x {
		x[i] /= 10
		y[i] /= 10
	}
	if got := compare(t, x, y, Delayed(0)); !close(got.NSIM, want.NSIM, 0.002) || !close(got.ESTOI, want.ESTOI, 0.002) {
		t.Errorf("20 dB less: %+v, want %+v", got, want)
	}
}

// Disturbances at one place cost more than the same spread over all, and no more than all of the speech.
func TestPool(t *testing.T) {
	spread, once := make([]float64, 320), make([]float64, 320)
	for i := range spread {
		spread[i], once[i] = 0.95, 1
	}
	clear(once[160:176])
	if d := pool(spread); !close(d, 0.05, 1e-9) {
		t.Errorf("spread: %v", d)
	}
	if d := pool(once); d < 0.2 || d > 0.4 {
		t.Errorf("at one place: %v", d)
	}
	if d := pool(make([]float64, 5)); d != 1 {
		t.Errorf("nothing in common, and short: %v", d)
	}
}

func TestTooShort(t *testing.T) {
	for name, x := range map[string][]float32{"none": nil, "silence": make([]float32, SampleRate), "a click": noise(4800, 0.1)} {
		if _, err := Compare(x, x, Delayed(0)); !errors.Is(err, ErrTooShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestActive(t *testing.T) {
	x := make([]float32, SampleRate)
	copy(x[SampleRate/2:], noise(SampleRate/4, 0.1))
	active := Active(x)
	n := 0
	for _, a := range active {
		if a {
			n++
		}
	}
	// A quarter of a second of 50 frames is 12 or 13, and 5 more follow.
	if len(active) != 50 || n < 17 || n > 18 || active[24] || !active[25] {
		t.Errorf("%d of %d active", n, len(active))
	}
}

// Noise behind the speech is none, and its pauses are pauses.
func TestNoiseIsNotActive(t *testing.T) {
	x := noise(2*SampleRate, 0.01)
	for i, s := range noise(SampleRate, 0.1) {
		x[SampleRate/2+i] += s
	}
	for i, a := range Active(x) {
		if speech := i >= 25 && i < 80; a != speech {
			t.Errorf("frame %d: active %v", i, a)
		}
	}
}

func TestWalk(t *testing.T) {
	a := Alignment{{1, 0.5}, {2, 1.5}, {2.5, 1.5}, {2.5, 2}}
	var path []Point
	a.walk(0.25, 3, func(p Point) { path = append(path, p) })
	for i, p := range path {
		if i > 0 {
			d := Point{p.Heard - path[i-1].Heard, p.Said - path[i-1].Said}
			if d.Heard < -1e-9 || d.Said < -1e-9 || !close(max(d.Heard, d.Said), 0.25, 1e-9) {
				t.Errorf("step %d is %v", i, d)
			}
		}
	}
	if path[0] != (Point{0.5, 0}) || len(path) != 14 { // 0.5 + 1 + 0.5 + 0.5 + 1 s
		t.Errorf("%d steps from %v", len(path), path[0])
	}
}

func BenchmarkCompare(b *testing.B) {
	x := speechlike(60)
	for b.Loop() {
		if _, err := Compare(x, x, Delayed(0)); err != nil {
			b.Fatal(err)
		}
	}
}
