package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/lab/report"
)

// LabReportCmd makes many calls.
type LabReportCmd struct {
	Out     string   `help:"Folder for index.html, table.md, figures.json and plots." default:"build/report"`
	Speech  string   `help:"WAV file that the talker says, repeated to --seconds. Made speech if none is given." placeholder:"IN.WAV"`
	Seconds int      `help:"Length of each call; long enough for a rare event to come." default:"42"`
	Seeds   int      `help:"Calls per network and setting." default:"2"`
	Network []string `help:"Only these networks." placeholder:"PRESET,..."`
	Trace   []string `help:"Recorded networks besides, as of tincan lab run." placeholder:"FILE.CSV,..."`
	Quick   bool     `help:"A few networks and settings only."`
	Compare string   `help:"Fail if anything is worse than in this baseline." placeholder:"FILE.JSON"`
	Save    string   `help:"Write a new baseline." placeholder:"FILE.JSON"`

	Overwrite bool `help:"Let --out and --save lose what is there already, if it is no earlier report."`

	replace bool // what is in Out
}

// Validate is called by kong.
func (c *LabReportCmd) Validate() error {
	switch {
	case c.Seconds < 1 || c.Seconds > 3600:
		return errors.New("--seconds: 1 to 3600")
	case c.Seeds < 1 || c.Seeds > 1000:
		return errors.New("--seeds: 1 to 1000")
	case c.Quick && c.Save != "":
		return errors.New("--save takes all networks: leave --quick out")
	case c.Quick && len(c.Network)+len(c.Trace) > 0:
		return errors.New("--quick chooses the networks itself")
	case c.Save != "" && !strings.EqualFold(filepath.Ext(c.Save), ".json"):
		return fmt.Errorf("--save %s: a baseline is JSON; name it .json", c.Save)
	}
	switch ext := strings.ToLower(filepath.Ext(c.Out)); ext {
	case ".html", ".htm", ".md", ".json", ".svg", ".wav":
		return fmt.Errorf("--out %s: that takes a folder; leave %s out", c.Out, ext)
	}
	return checkPreset(c.Network...)
}

// Run makes the calls and writes the report.
func (c *LabReportCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.checkOutputs(); err != nil {
		return err
	}
	plan, err := c.plan()
	if err != nil {
		return err
	}
	var old report.Baseline
	if c.Compare != "" {
		if old, err = readBaseline(c.Compare); err != nil {
			return err
		}
		if _, err := old.Compare(plan, nil); err != nil { // before minutes are spent
			return err
		}
	}
	bar := progressbar.NewOptions(len(plan.Cases)*len(plan.Seeds),
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("calls"),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(isTerminal(os.Stderr)))
	rows, err := report.Run(ctx, plan, func() { _ = bar.Add(1) }) // a bar that cannot be drawn is no failure
	_ = bar.Finish()
	if err != nil {
		return err
	}
	var compared *report.Comparison
	if c.Compare != "" {
		comparison, err := old.Compare(plan, rows)
		if err != nil {
			return err
		}
		compared = &comparison
	}
	if err := c.write(plan, rows, compared); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%d calls: %s\n", len(plan.Cases)*len(plan.Seeds), filepath.Join(c.Out, "index.html")); err != nil {
		return err
	}
	if compared == nil {
		return nil
	}
	return tellComparison(out, *compared)
}

// checkOutputs tells whether the report can be written, before an hour of work is lost. The folder of an earlier
// report is written over.
func (c *LabReportCmd) checkOutputs() error {
	_, err := readBaseline(filepath.Join(c.Out, figuresFile))
	c.replace = c.Overwrite || err == nil
	if err := checkNewFolder("--out", c.Out, c.replace); err != nil || c.Save == "" {
		return err
	}
	if _, err := os.Stat(c.Save); err == nil {
		return checkOutput("--save", c.Save, c.Overwrite, append([]string{c.Speech}, c.Trace...)...)
	}
	return checkNewFolder("--save", filepath.Dir(c.Save), true) // of which only one file is written
}

// plan reads the speech and chooses what to run.
func (c *LabReportCmd) plan() (report.Plan, error) {
	speech, err := readSpeech(c.Speech)
	if err != nil {
		return report.Plan{}, err
	}
	recordings, err := c.recordings()
	if err != nil {
		return report.Plan{}, err
	}
	p := report.Plan{Cases: report.Full(c.Network, recordings)}
	if c.Quick {
		p.Cases = report.Quick()
	}
	for len(p.Speech) < c.Seconds*audioRate {
		p.Speech = append(p.Speech, speech...)
	}
	p.Speech = p.Speech[:c.Seconds*audioRate]
	for seed := range c.Seeds {
		p.Seeds = append(p.Seeds, uint64(seed+1))
	}
	return p, nil
}

// recordings reads the recorded networks. They are named after their files.
func (c *LabReportCmd) recordings() ([]report.Recording, error) {
	var all []report.Recording
	for _, path := range c.Trace {
		trace, err := readTrace(path)
		if err != nil {
			return nil, err
		}
		name := "recorded " + strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if slices.ContainsFunc(all, func(r report.Recording) bool { return r.Name == name }) {
			return nil, fmt.Errorf("--trace: two files are named %s; rename one", filepath.Base(path))
		}
		all = append(all, report.Recording{Name: name, Trace: trace})
	}
	return all, nil
}

// figuresFile is how the folder of a report is known.
const figuresFile = "figures.json"

// audioRate is that of all speech, in Hz.
const audioRate = 48000

func (c *LabReportCmd) write(plan report.Plan, rows []report.Row, compared *report.Comparison) error {
	baseline := report.NewBaseline(plan, rows)
	files := map[string]func(io.Writer) error{
		filepath.Join(c.Out, "index.html"): func(w io.Writer) error { return report.WriteHTML(w, plan, rows, compared) },
		filepath.Join(c.Out, "table.md"):   func(w io.Writer) error { return report.WriteMarkdown(w, plan, rows) },
		filepath.Join(c.Out, figuresFile):  baseline.Write,
	}
	plots, err := report.Plots(rows)
	if err != nil {
		return err
	}
	for name, plot := range plots {
		files[filepath.Join(c.Out, name+".svg")] = func(w io.Writer) error {
			_, err := io.WriteString(w, plot)
			return err
		}
	}
	for path, write := range files {
		if err := writeFile("--out", path, c.replace, write); err != nil {
			return err
		}
	}
	if c.Save == "" {
		return nil
	}
	return writeFile("--save", c.Save, c.Overwrite, baseline.Write)
}

func writeFile(option, path string, overwrite bool, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := createOutput(option, path, overwrite)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func readBaseline(path string) (report.Baseline, error) {
	f, err := os.Open(path)
	if err != nil {
		return report.Baseline{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	b, err := report.ReadBaseline(f)
	if err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// tellComparison writes what changed and returns the error that a loss is.
func tellComparison(out io.Writer, c report.Comparison) error {
	if c.Other != "" {
		_, err := fmt.Fprintf(out, "not compared: the baseline is of %s, this program has %s\n", c.Other, opus.Library())
		return err
	}
	for _, group := range []struct {
		name  string
		lines []string
	}{{"worse: ", c.Worse}, {"better: ", c.Better}, {"not in the baseline: ", c.Missing}} {
		for _, line := range group.lines {
			if _, err := fmt.Fprintln(out, group.name+line); err != nil {
				return err
			}
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d rows compared, none is worse by more than the tolerance\n", c.Compared)
	return err
}

// isTerminal tells whether somebody looks at f.
func isTerminal(f *os.File) bool {
	s, err := f.Stat()
	return err == nil && s.Mode()&os.ModeCharDevice != 0
}
