// Package report runs the laboratory over many networks and settings and turns what comes out
// into a page, a table and a baseline:
//
//	Plan ─> Run (all cores) ─> []Row ─┬─> WriteHTML      one page, plots inside
//	networks x settings x seeds       ├─> WriteMarkdown  the table alone
//	                                  ├─> Plots          the page's, as files
//	                                  └─> Baseline       kept in git, Compare fails on a loss
//
// A Row is the mean over its seeds. The same plan, speech and code give the same rows.
package report

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/tincan-voice/tincan/internal/lab"
	"github.com/tincan-voice/tincan/internal/netsim"
)

// Setting is one way to send and receive.
type Setting struct {
	Name   string
	About  string
	Config lab.Config // without speech, network and seed
}

// What is compared. The first is what ships; all that are called fixed send alike whatever the network
// does, in silence too.
var (
	ours      = Setting{"tincan", "what ships: the talker adapts, at most 24 kbit/s of Opus; what is lost is asked for and sent again", lab.Config{Adaptive: true, DTX: true}}
	oursUp    = Setting{"tincan, up", "the same with the network between talker and relay", lab.Config{Adaptive: true, DTX: true, Where: lab.Up}}
	ours24    = Setting{"tincan, cap 24", "the same with at most 24 kbit/s on the wire, headers counted", lab.Config{Adaptive: true, DTX: true, Cap: 24}}
	fixed     = Setting{"fixed 24k", "24 kbit/s of Opus, one frame per datagram, no redundancy, nothing sent again; tincan's jitter buffer", lab.Config{}}
	fixed60   = Setting{"fixed 24k, 60 ms buffer", "the same with a jitter buffer of 60 ms that never moves", lab.Config{Buffer: lab.Fixed}}
	textbook  = Setting{"fixed 24k, RFC 3550 buffer", "the same with a textbook buffer: mean delay and four times the jitter, changed in pauses", lab.Config{Buffer: lab.RFC3550}}
	slim      = Setting{"fixed 12k", "12 kbit/s", lab.Config{Bitrate: 12000}}
	bundled   = Setting{"fixed 24k x 3", "three frames per datagram: fewer headers, 40 ms more delay", lab.Config{Stride: 3}}
	near      = Setting{"fixed 12k + copy 1", "12 kbit/s and each frame again in the next datagram", lab.Config{Bitrate: 12000, Copies: []int{1}}}
	far       = Setting{"fixed 12k + copy 4", "12 kbit/s and each frame again four datagrams later", lab.Config{Bitrate: 12000, Copies: []int{4}}}
	fec       = Setting{"fixed 24k FEC", "24 kbit/s with Opus's own forward error correction", lab.Config{FEC: true}}
	everyone  = []Setting{ours, oursUp, ours24, fixed, fixed60, textbook} // on all networks
	repairs   = []Setting{slim, bundled, near, far, fec}
	repairFor = []string{"lan", "loss5", "loss10", "loss20", "loss30", "burst10", "burst20", "edge", "thin32", "thin16"}
	// On these, quality is drawn against the load on the wire.
	rateNetworks = []string{"lan", "loss10"}
	rateBitrates = []int{8000, 12000, 16000, 24000, 40000}
	rateLayouts  = []Setting{
		{"plain", "", lab.Config{}},
		{"three frames per datagram", "", lab.Config{Stride: 3}},
		{"one copy", "", lab.Config{Copies: []int{1}}},
	}
)

// Recording is a recorded network, in the direction of the speech.
type Recording struct {
	Name  string
	Trace *netsim.Trace
}

// Case is one cell of the plan; it is run once per seed.
type Case struct {
	Network string        // a preset, or the name of a recording
	Trace   *netsim.Trace // of the recording
	Setting Setting
	Curve   string // of the load plots; "" for the table
}

// Key names the case in a baseline.
func (c Case) Key() string {
	if c.Curve != "" {
		return fmt.Sprintf("%s/%s %d", c.Network, c.Curve, c.Setting.Config.Bitrate)
	}
	return c.Network + "/" + c.Setting.Name
}

// Plan says what to run.
type Plan struct {
	Speech []float32 // 48 kHz mono
	Seeds  []uint64
	Cases  []Case
}

// Full is the plan of the whole report: all presets, or those named, and recordings.
func Full(networks []string, recordings []Recording) []Case {
	if len(networks) == 0 {
		for _, p := range netsim.Presets() {
			networks = append(networks, p.Name)
		}
	}
	var cases []Case
	for _, n := range networks {
		for _, s := range everyone {
			cases = append(cases, Case{Network: n, Setting: s})
		}
		if slices.Contains(repairFor, n) {
			for _, s := range repairs {
				cases = append(cases, Case{Network: n, Setting: s})
			}
		}
	}
	for _, r := range recordings {
		for _, s := range everyone {
			cases = append(cases, Case{Network: r.Name, Trace: r.Trace, Setting: s})
		}
	}
	for _, n := range rateNetworks {
		if !slices.Contains(networks, n) {
			continue
		}
		for _, l := range rateLayouts {
			for _, b := range rateBitrates {
				s := l
				s.Config.Bitrate = b
				cases = append(cases, Case{Network: n, Setting: s, Curve: l.Name})
			}
		}
	}
	return cases
}

// Quick is a plan for every change: a few networks with what ships, some with the fixed sender and one repair.
func Quick() []Case {
	return []Case{
		{Network: "lan", Setting: ours}, {Network: "wifi", Setting: ours}, {Network: "loss10", Setting: ours},
		{Network: "edge", Setting: ours}, {Network: "handover", Setting: ours}, {Network: "burst10", Setting: oursUp},
		{Network: "wifi", Setting: fixed}, {Network: "loss10", Setting: fixed}, {Network: "loss10", Setting: near},
	}
}

// Row is what a case came to.
type Row struct {
	Case
	Figures  Summary
	Timeline []lab.Moment // of the first seed
}

// Summary is the mean over seeds of the figures that matter.
type Summary struct {
	CQ        float64 `json:"cq"`
	MOS       float64 `json:"mos_lqo"`
	NSIM      float64 `json:"nsim"`
	ESTOI     float64 `json:"estoi"`
	EModelCQ  float64 `json:"emodel_cq"`
	DelayMean float64 `json:"delay_mean_ms"` // without the 20 ms that a frame takes to fill
	DelayP95  float64 `json:"delay_p95_ms"`
	NetDelay  float64 `json:"network_delay_ms"`
	NetLoss   float64 `json:"network_loss_pct"`
	Repaired  float64 `json:"repaired_pct"`
	Concealed float64 `json:"concealed_pct"`
	Dropped   float64 `json:"dropped_pct"`
	Gap       float64 `json:"longest_gap_ms"` // the longest of all seeds
	Up        float64 `json:"up_kbps"`
}

func summarise(runs []lab.Figures) (s Summary) {
	n := float64(len(runs))
	for _, f := range runs {
		s.CQ += f.Quality.CQ / n
		s.MOS += f.Quality.MOS / n
		s.NSIM += f.Quality.NSIM / n
		s.ESTOI += f.Quality.ESTOI / n
		s.EModelCQ += f.Quality.EModel.CQ / n
		s.DelayMean += f.Delay.WithoutFill.Mean / n
		s.DelayP95 += f.Delay.WithoutFill.P95 / n
		s.NetDelay += f.Network.Delay.Mean / n
		s.NetLoss += f.Network.LossPct / n
		s.Repaired += (f.Speech.Redundancy + f.Speech.Resent + f.Speech.FEC) / n
		s.Concealed += f.Speech.Concealed / n
		s.Dropped += f.Speech.Dropped / n
		s.Gap = max(s.Gap, f.Speech.LongestGapMS)
		s.Up += f.Wire.Up / n
	}
	return s
}

// Run runs the plan on all cores. done is called after each call that was simulated, by one
// goroutine at a time. The rows are in the order of the cases.
func Run(ctx context.Context, p Plan, done func()) ([]Row, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	figures := make([][]lab.Figures, len(p.Cases))
	rows := make([]Row, len(p.Cases))
	jobs := make(chan [2]int) // case and seed
	var mu sync.Mutex         // guards figures, rows and done
	var workers sync.WaitGroup
	for i := range figures {
		figures[i] = make([]lab.Figures, len(p.Seeds))
		rows[i].Case = p.Cases[i]
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range jobs {
				c := p.Cases[j[0]]
				cfg := c.Setting.Config
				cfg.Speech, cfg.Seed = p.Speech, p.Seeds[j[1]]
				if cfg.Network.Trace = c.Trace; c.Trace == nil {
					cfg.Network.Preset = c.Network
				}
				r, err := lab.Run(ctx, cfg)
				if err != nil {
					stop(fmt.Errorf("%s: %w", c.Key(), err))
					continue
				}
				mu.Lock()
				figures[j[0]][j[1]] = r.Figures
				if j[1] == 0 {
					rows[j[0]].Timeline = r.Timeline
				}
				done()
				mu.Unlock()
			}
		})
	}
feed:
	for i := range p.Cases {
		for k := range p.Seeds {
			select {
			case jobs <- [2]int{i, k}:
			case <-ctx.Done():
				break feed
			}
		}
	}
	close(jobs)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Figures = summarise(figures[i])
	}
	return rows, nil
}
