package clean

import (
	"math"
	"math/cmplx"
	"sync"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/tincan-voice/tincan/audio/clean/apm"
)

// delay finds out how long it is from when something is given to the loudspeaker until the microphone gives it back: the
// devices tell what they hold themselves, and nothing of what a sound server, a radio link or a room adds.
//
//	played ──> the last second, at 4 kHz ──┐
//	heard ───> the last 0.5 s ─────────────┴─ cross-correlation, five a second ── three that agree ──> told
//
// The delay is where the generalized cross-correlation with phase transform has its peak (C. Knapp, G. Carter, "The
// generalized correlation method for estimation of time delay", IEEE Trans. ASSP 24(4), 1976). Up to 2 kHz there is
// enough speech for it, and a peak stays where it is whatever the room makes of the sound.
type delay struct {
	mu      sync.Mutex // guards what follows; held for as long as it takes to copy what is played
	far     [farBlocks][coarseBlock]float64
	written int // blocks so far

	// Owned by who calls heard.
	near  [nearBlocks][coarseBlock]float64
	at    [nearBlocks]int // written, when each came
	count int             // blocks of near so far
	fft   *fourier.FFT
	a, b  []float64
	fa    []complex128
	fb    []complex128
	next  int // count at the next look
	found int // samples at 4 kHz at the last look; none

	agreed int // looks that found what the one before had
}

const (
	blockTime = 10 * time.Millisecond
	// coarseBlock is a block at 4 kHz.
	coarseBlock = 40
	decimation  = 12
	fftSize     = 4096
	farBlocks   = fftSize / coarseBlock
	// nearBlocks is how much of the microphone is compared, 0.5 s: a word or two. 1 s takes 0.3 s longer to see that the
	// delay has changed.
	nearBlocks = 50
	lags       = fftSize - nearBlocks*coarseBlock // 0.52 s: an echo canceller is told 0.5 s at most
	// lookSoon and lookLater are how many blocks there are from one look to the next, before and after so many agree:
	// while a machine is too busy the delay goes up and down, and an echo canceller that follows that learns nothing.
	lookSoon, lookLater, agree = 20, 50, 3
	// peak is how far above the mean of all delays, in standard deviations, the one is that counts: of 2,000 at which
	// nothing is the highest is at 3.5.
	peak = 7
	// quiet is the mean energy of samples at 4 kHz below which nothing is looked for: -70 dBov, of sums of 12 samples.
	quiet = 1e-7 * decimation * decimation
	none  = -1
)

func newDelay() *delay {
	return &delay{
		fft: fourier.NewFFT(fftSize), a: make([]float64, fftSize), b: make([]float64, fftSize),
		fa: make([]complex128, fftSize/2+1), fb: make([]complex128, fftSize/2+1), found: none,
	}
}

// played takes a block that is given to the loudspeaker.
func (d *delay) played(pcm *apm.Block) {
	d.mu.Lock()
	defer d.mu.Unlock()
	thin(&d.far[d.written%farBlocks], pcm)
	d.written++
}

// thin leaves a block at 4 kHz: the sum of every 12 samples.
func thin(out *[coarseBlock]float64, pcm *apm.Block) {
	for i := range out {
		var sum float32
		for _, s := range pcm[i*decimation:][:decimation] {
			sum += s
		}
		out[i] = float64(sum)
	}
}

// heard takes a block of the microphone, and returns the delay when it has been found.
func (d *delay) heard(pcm *apm.Block) (late time.Duration, ok bool) {
	d.mu.Lock()
	d.at[d.count%nearBlocks] = d.written
	d.mu.Unlock()
	thin(&d.near[d.count%nearBlocks], pcm)
	d.count++
	if d.count < max(d.next, nearBlocks) {
		return 0, false
	}
	was := d.found
	d.found, d.next = d.look(), d.count+lookSoon
	if d.found == none || was == none || max(d.found-was, was-d.found) > coarseBlock {
		d.agreed = 0
		return 0, false
	}
	if d.agreed++; d.agreed < agree-1 {
		return 0, false
	}
	d.next = d.count + lookLater
	return time.Duration(d.found) * blockTime / coarseBlock, true
}

// look returns the delay, in samples at 4 kHz, or none.
func (d *delay) look() int {
	start := 0 // of near, if there were no delay: in far, from its beginning on
	clear(d.a)
	for i := range nearBlocks {
		copy(d.a[i*coarseBlock:], d.near[(d.count+i)%nearBlocks][:])
	}
	d.mu.Lock()
	for i := range farBlocks {
		copy(d.b[i*coarseBlock:], d.far[(d.written+i)%farBlocks][:])
	}
	for _, at := range d.at { // the mean, as both come in clumps
		start += at - d.written + farBlocks
	}
	d.mu.Unlock()
	start = start*coarseBlock/nearBlocks - (nearBlocks+1)*coarseBlock/2
	clear(d.b[farBlocks*coarseBlock:])
	if energyOf(d.a) < quiet || energyOf(d.b) < quiet {
		return none
	}
	at, ok := d.correlate()
	if late := start - at; ok && late >= 0 {
		return late
	}
	return none
}

// correlate finds a in b.
func (d *delay) correlate() (at int, ok bool) {
	d.fft.Coefficients(d.fa, d.a)
	d.fft.Coefficients(d.fb, d.b)
	top := 0.0
	for i := range d.fa {
		d.fa[i] = cmplx.Conj(d.fa[i]) * d.fb[i]
		top = max(top, power(d.fa[i]))
	}
	const lowest = 100 * fftSize / 4000 // 100 Hz: hum is everywhere
	for i := range d.fa {
		if p := power(d.fa[i]); i >= lowest && p > 1e-8*top {
			d.fa[i] *= complex(1/math.Sqrt(p), 0)
		} else {
			d.fa[i] = 0
		}
	}
	corr := d.fft.Sequence(d.a, d.fa)[:lags]
	for i, c := range corr {
		if c > corr[at] {
			at = i
		}
	}
	return at, corr[at] > peak*math.Sqrt(energyOf(corr))
}

func power(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

func energyOf(x []float64) float64 {
	var sum float64
	for _, s := range x {
		sum += s * s
	}
	return sum / float64(len(x))
}
