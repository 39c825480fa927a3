package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/lab"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// LabCmd is the laboratory.
type LabCmd struct {
	Run     LabRunCmd     `cmd:"" help:"Make one call over an imitated network and measure what the listener hears."`
	Report  LabReportCmd  `cmd:"" help:"Make calls over all networks with several settings: a page with plots, a table, a comparison."`
	Proxy   LabProxyCmd   `cmd:"" help:"Put an imitated network between real clients and a relay."`
	Presets LabPresetsCmd `cmd:"" help:"List the networks that --network can name."`
}

// LabRunCmd makes one call.
type LabRunCmd struct {
	Speech      string  `help:"WAV file that the talker says. 14 s of made speech if none is given." placeholder:"IN.WAV"`
	Network     string  `help:"Preset network (tincan lab presets lists them)." xor:"network" required:"" placeholder:"PRESET"`
	Trace       string  `help:"Recorded network in the direction of the speech: rows of seq,send_ms,arrive_ms, -1 for lost." xor:"network" required:"" placeholder:"FILE.CSV"`
	ReturnTrace string  `help:"Recorded network against the speech. The same as --trace, a third ahead, if none is given." placeholder:"FILE.CSV"`
	Where       string  `help:"Side of the relay on which the network is: ${enum}. The other is a LAN." enum:"up,down,both" default:"down"`
	Seed        uint64  `zero:"ok" help:"The same seed gives the same call." default:"1"`
	Bitrate     bitrate `help:"Of Opus in kbit/s, 6 to 64; the most that the adaptive sender takes." default:"24"`
	Adaptive    bool    `help:"Choose bitrate, stride and copies by what the network does, and send again what is lost, as tincan join does. --stride, --copies and --fec fix them too." default:"true" negatable:""`
	Stride      int     `help:"Frames of 20 ms per datagram, 1 to 6. Default of the fixed sender: 1, or what --cap takes."`
	Copies      []int   `help:"Also send each frame again so many datagrams later, as in 1,4." placeholder:"N,..."`
	FEC         bool    `name:"fec" help:"Use Opus's own forward error correction."`
	DTX         bool    `name:"dtx" help:"Send nothing in silence, as tincan join does." default:"true" negatable:""`
	Cap         int     `help:"Most that is sent over any second each way, in kbit/s with headers." placeholder:"KBPS"`
	Talkers     int     `help:"How many talk at once, 1 to 4. The others are on LANs; the first is measured." default:"1"`
	Buffer      string  `help:"Jitter buffer: ${enum} (ours, 60 ms that never move, or a textbook one)." enum:"ours,fixed,rfc3550" default:"ours"`
	Out         string  `help:"Write what is heard as a WAV file." placeholder:"HEARD.WAV"`
	Overwrite   bool    `help:"Let --out lose what is in the file already."`
	JSON        bool    `help:"Write all figures as JSON (docs/lab.md explains them)."`

	DecoderComplexity int `placeholder:"1-10" help:"What the listener's decoder may spend, as of tincan join."`
}

// Validate is called by kong: what is wrong here is wrong with the command line. What tincan join refuses is refused
// here too.
func (c *LabRunCmd) Validate() error {
	switch {
	case c.ReturnTrace != "" && c.Trace == "":
		return errors.New("--return-trace goes with --trace")
	case c.Out != "":
		if err := checkWAV(c.Out); err != nil {
			return err
		}
	}
	if c.Trace == "" {
		if err := checkPreset(c.Network); err != nil {
			return fmt.Errorf("--network or --trace: %w", err)
		}
	}
	client := engine.Config{
		Address: "127.0.0.1", Name: "lab", Plaintext: true, // no matter which
		Encoder: codec.EncoderConfig{Bitrate: int(c.Bitrate), FEC: c.FEC},
		Decoder: codec.DecoderConfig{Complexity: c.DecoderComplexity},
		Stride:  c.Stride, Copies: c.Copies, UpCap: wire.Kbps(c.Cap), DownCap: wire.Kbps(c.Cap),
	}
	if err := client.Validate(); err != nil {
		return err
	}
	cfg := c.config()
	cfg.Network.Preset = cmp.Or(cfg.Network.Preset, "lan") // a trace is read later
	return cfg.Check()
}

// config is what to run, but for speech and traces.
func (c *LabRunCmd) config() lab.Config {
	fixed := !c.Adaptive || c.Stride != 0 || len(c.Copies) > 0 || c.FEC // as engine.Config has it
	return lab.Config{
		Network: lab.Network{Preset: c.Network}, Where: lab.Where(c.Where), Seed: c.Seed,
		Adaptive: !fixed, Bitrate: int(c.Bitrate), Stride: c.Stride, Copies: c.Copies, FEC: c.FEC, DTX: c.DTX, Cap: c.Cap,
		Talkers: c.Talkers, Buffer: lab.BufferKind(c.Buffer), Decoder: codec.DecoderConfig{Complexity: c.DecoderComplexity},
	}
}

// Run makes the call and writes what came of it.
func (c *LabRunCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Out != "" {
		if err := checkOutput("--out", c.Out, c.Overwrite, c.Speech, c.Trace, c.ReturnTrace); err != nil {
			return err
		}
	}
	cfg := c.config()
	if cfg.Speech, err = readSpeech(c.Speech); err != nil {
		return err
	}
	if c.Trace != "" {
		if cfg.Network.Trace, err = readTrace(c.Trace); err != nil {
			return err
		}
	}
	if c.ReturnTrace != "" {
		if cfg.Network.Return, err = readTrace(c.ReturnTrace); err != nil {
			return err
		}
	}
	r, err := lab.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Out != "" {
		wav, err := createWAV(c.Out, c.Overwrite)
		if err != nil {
			return err
		}
		if err := errors.Join(wav.Write(r.Heard), wav.Close()); err != nil {
			return err
		}
	}
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r.Figures)
	}
	return writeFigures(out, r.Figures)
}

// writeFigures writes what most want to know.
func writeFigures(out io.Writer, f lab.Figures) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	d, s, q := f.Delay.WithoutFill, f.Speech, f.Quality
	for _, line := range [][2]string{
		{"sender", sender(f.Setting)},
		{"network", fmt.Sprintf("%s (%s, seed %d): %.1f %% lost in bursts of %.1f, delay %.0f ms, 95 %% within %.0f, 99 %% within %.0f",
			f.Setting.Network, f.Setting.Where, f.Setting.Seed, f.Network.LossPct, f.Network.Burst, f.Network.Delay.Mean, f.Network.Delay.P95, f.Network.Delay.P99)},
		{"delay", fmt.Sprintf("mean %.0f ms, 95 %% within %.0f, 99 %% within %.0f; 20 ms more with the time a frame takes to fill", d.Mean, d.P95, d.P99)},
		{"speech", fmt.Sprintf("%.1f %% repaired, %.1f %% concealed, %.1f %% dropped, %.1f %% stretched; longest gap %.0f ms",
			s.Redundancy+s.Resent+s.FEC, s.Concealed, s.Dropped, s.Stretched, s.LongestGapMS)},
		{"frames", fmt.Sprintf("%d late, %d duplicate", f.Frames.Late, f.Frames.Duplicate)},
		{"recovery", recovery(f.Recovery)},
		{"quality", fmt.Sprintf("CQ %.2f (MOS-LQO %.2f, NSIM %.3f, ESTOI %.3f); E-model CQ %.2f, R %.0f", q.CQ, q.MOS, q.NSIM, q.ESTOI, q.EModel.CQ, q.EModel.R)},
		{"wire", fmt.Sprintf("%.1f kbit/s up (%.1f in the fullest second), %.1f (%.1f) down; feedback %.1f and %.1f", f.Wire.Up, f.Wire.UpPeak, f.Wire.Down, f.Wire.DownPeak, f.Wire.TalkerBack, f.Wire.ListenerBack)},
	} {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	for _, s := range f.Adaptation {
		if _, err := fmt.Fprintf(w, "%.1f s\t%s\n", s.At, s.Reason); err != nil {
			return err
		}
	}
	return w.Flush()
}

// sender says how it was sent.
func sender(s lab.Setting) string {
	text := fmt.Sprintf("tincan's: adapts, at most %.4g kbit/s of Opus", float64(s.Bitrate)/1000)
	if !s.Adapts {
		copies := "no copies"
		if len(s.Copies) > 0 {
			copies = fmt.Sprintf("copies %v", s.Copies)
		}
		text = fmt.Sprintf("fixed: %.4g kbit/s of Opus, stride %d, %s, nothing sent again", float64(s.Bitrate)/1000, s.Stride, copies)
	}
	if s.Cap > 0 {
		text += fmt.Sprintf(", cap %d kbit/s", s.Cap)
	}
	return text
}

func recovery(r lab.Recovery) string {
	if r.Disturbances == 0 {
		return "nothing to recover from"
	}
	text := fmt.Sprintf("%d disturbances, delay back after %.1f s (mean), %.1f s (worst)", r.Disturbances, r.MeanS, r.WorstS)
	if r.Unfinished > 0 {
		text += fmt.Sprintf("; not back after %d of them", r.Unfinished)
	}
	return text
}

func readSpeech(path string) ([]float32, error) {
	if path == "" {
		return lab.MadeSpeech()
	}
	return lab.ReadSpeech(path)
}

func readTrace(path string) (*netsim.Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	t, err := netsim.ParseTrace(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// LabPresetsCmd lists the networks.
type LabPresetsCmd struct{}

// Run lists the networks.
func (LabPresetsCmd) Run(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range netsim.Presets() {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", p.Name, p.About); err != nil {
			return err
		}
	}
	return w.Flush()
}

// checkPreset returns an error that names the presets.
func checkPreset(names ...string) error {
	for _, n := range names {
		if _, _, err := netsim.Preset(n, 0); err != nil {
			return err
		}
	}
	return nil
}
