package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/tincan-voice/tincan/codec/opus"
)

// ErrWorse is matched by the error of Compare.
var ErrWorse = errors.New("worse than the baseline")

// Tolerance says how much worse a figure may be. What is left over is a change of the code: the
// same code gives the same figures with the same Opus library.
type Tolerance struct {
	CQ    float64 `json:"cq"`       // of cq and emodel_cq, in MOS
	ESTOI float64 `json:"estoi"`    // of estoi
	Delay float64 `json:"delay_ms"` // of delay_mean_ms; and a tenth of it
	Load  float64 `json:"load_pct"` // of up_kbps, in percent of it
}

// DefaultTolerance is that of the baseline in the repository.
var DefaultTolerance = Tolerance{CQ: 0.1, ESTOI: 0.01, Delay: 5, Load: 3}

// Baseline is what rows are held against.
type Baseline struct {
	Tolerance Tolerance          `json:"tolerance"`
	Seconds   float64            `json:"seconds"` // of speech
	Seeds     []uint64           `json:"seeds"`
	Library   string             `json:"library"` // that coded and decoded
	Rows      map[string]Summary `json:"rows"`    // by Case.Key
}

// NewBaseline makes a baseline of what was measured.
func NewBaseline(p Plan, rows []Row) Baseline {
	b := Baseline{Tolerance: DefaultTolerance, Seconds: seconds(p.Speech), Seeds: p.Seeds, Library: opus.Library().String(), Rows: map[string]Summary{}}
	for _, r := range rows {
		b.Rows[r.Key()] = r.Figures.rounded()
	}
	return b
}

func seconds(speech []float32) float64 { return math.Round(float64(len(speech))/48) / 1000 }

// rounded keeps what a reader of a difference wants to see.
func (s Summary) rounded() Summary {
	for _, v := range []*float64{
		&s.CQ, &s.MOS, &s.NSIM, &s.ESTOI, &s.EModelCQ, &s.DelayMean, &s.DelayP95, &s.NetDelay, &s.NetLoss,
		&s.Repaired, &s.Concealed, &s.Dropped, &s.Gap, &s.Up,
	} {
		*v = math.Round(*v*1000) / 1000
	}
	return s
}

// ReadBaseline reads what Baseline.Write wrote.
func ReadBaseline(r io.Reader) (b Baseline, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return b, fmt.Errorf("baseline: %w", err)
	}
	return b, nil
}

// Write writes the baseline as JSON.
func (b Baseline) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(b)
}

// Comparison is how rows stand against a baseline.
type Comparison struct {
	Compared      int
	Worse, Better []string // by more than the tolerance, one sentence each
	Missing       []string // rows that the baseline does not have
	Other         string   // the baseline's library, if it is another one: then nothing is compared
}

// Err is nil if nothing is worse.
func (c Comparison) Err() error {
	if len(c.Worse) == 0 {
		return nil
	}
	return fmt.Errorf("%w in %d of %d rows", ErrWorse, len(c.Worse), c.Compared)
}

// Compare holds rows against the baseline. Cases that were not run are left out; speech and
// seeds have to be those of the baseline. With another library nothing is compared.
func (b Baseline) Compare(p Plan, rows []Row) (Comparison, error) {
	var c Comparison
	if got := seconds(p.Speech); got != b.Seconds || !slices.Equal(p.Seeds, b.Seeds) {
		return c, fmt.Errorf("baseline: it is of %v s of speech and seeds %v, not of %v s and %v", b.Seconds, b.Seeds, got, p.Seeds)
	}
	if b.Library != opus.Library().String() {
		c.Other = cmp.Or(b.Library, "a library that it does not name")
		return c, nil
	}
	for _, r := range rows {
		old, ok := b.Rows[r.Key()]
		if !ok {
			c.Missing = append(c.Missing, r.Key())
			continue
		}
		c.Compared++
		now := r.Figures
		var worse, better []string
		for _, f := range []struct {
			name          string
			old, now      float64
			allowed, sign float64 // sign is +1 where more is worse
		}{
			{"CQ", old.CQ, now.CQ, b.Tolerance.CQ, -1},
			{"E-model CQ", old.EModelCQ, now.EModelCQ, b.Tolerance.CQ, -1},
			{"ESTOI", old.ESTOI, now.ESTOI, b.Tolerance.ESTOI, -1},
			{"mean delay (ms)", old.DelayMean, now.DelayMean, b.Tolerance.Delay + old.DelayMean/10, 1},
			{"kbit/s", old.Up, now.Up, old.Up * b.Tolerance.Load / 100, 1},
		} {
			change := f.sign * (f.now - f.old)
			text := fmt.Sprintf("%s %.3g, was %.3g", f.name, f.now, f.old)
			if change > f.allowed {
				worse = append(worse, text)
			} else if -change > f.allowed {
				better = append(better, text)
			}
		}
		if len(worse) > 0 {
			c.Worse = append(c.Worse, describe(r.Key(), worse))
		}
		if len(better) > 0 {
			c.Better = append(c.Better, describe(r.Key(), better))
		}
	}
	slices.SortFunc(c.Worse, cmp.Compare)
	return c, nil
}

func describe(key string, texts []string) string { return key + ": " + strings.Join(texts, "; ") }
