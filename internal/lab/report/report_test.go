package report

import (
	"bytes"
	"context"
	"errors"
	"html"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/lab"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/synth"
)

func measured(t *testing.T) (Plan, []Row) {
	t.Helper()
	p := Plan{Speech: synth.Speech(2*48000, 1), Seeds: []uint64{1, 2}, Cases: []Case{
		{Network: "lan", Setting: fixed},
		{Network: "loss20", Setting: fixed},
		{Network: "loss20", Setting: near},
		{Network: "loss20", Setting: Setting{Name: "plain", Config: lab.Config{Bitrate: 8000}}, Curve: "plain"},
	}}
	calls := 0
	rows, err := Run(context.Background(), p, func() { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if calls != 8 || len(rows) != 4 {
		t.Fatalf("%d calls, %d rows", calls, len(rows))
	}
	return p, rows
}

func TestReport(t *testing.T) {
	p, rows := measured(t)
	for i, r := range rows {
		if r.Key() != p.Cases[i].Key() || len(r.Timeline) == 0 || r.Figures.Up == 0 {
			t.Errorf("row %d: %+v", i, r.Figures)
		}
	}
	if rows[2].Figures.Repaired <= rows[1].Figures.Repaired || rows[1].Figures.NetLoss < 10 {
		t.Errorf("without %+v, with copies %+v", rows[1].Figures, rows[2].Figures)
	}
	var page, md bytes.Buffer
	comparison := &Comparison{Compared: 4, Worse: []string{"lan/fixed 24k: <CQ> 3, was 4"}}
	if err := WriteHTML(&page, p, rows, comparison); err != nil {
		t.Fatal(err)
	}
	if err := WriteMarkdown(&md, p, rows); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"<svg viewBox", `id="loss20"`, "12k &#43; copy 1", "&lt;CQ&gt;", "prefers-color-scheme: dark", "currentColor"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"http://", "https://", "<script", "#123456", "ZgotmplZ", "NaN"} {
		if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), never) {
			t.Errorf("the page has %q", never)
		}
	}
	if n := strings.Count(md.String(), "\n| loss20 |"); n != 2 {
		t.Errorf("%d rows of loss20 in the table\n%s", n, md.String())
	}
	plots, err := Plots(rows)
	if err != nil || !strings.HasPrefix(plots["ladder-quality"], "<svg ") {
		t.Errorf("plots %v, %v", plots, err)
	}
	if err := WriteHTML(&page, Plan{}, nil, nil); err != nil {
		t.Errorf("an empty report: %v", err)
	}
}

func TestBaseline(t *testing.T) {
	p, rows := measured(t)
	var file bytes.Buffer
	if err := NewBaseline(p, rows).Write(&file); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(&file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Compare(p, rows)
	if err != nil || c.Err() != nil || c.Compared != 4 || len(c.Better)+len(c.Missing) > 0 {
		t.Fatalf("against itself: %+v, %v", c, err)
	}
	for name, change := range map[string]func(*Summary){
		"CQ":         func(s *Summary) { s.CQ -= 0.2 },
		"E-model CQ": func(s *Summary) { s.EModelCQ -= 0.2 },
		"ESTOI":      func(s *Summary) { s.ESTOI -= 0.02 },
		"mean delay": func(s *Summary) { s.DelayMean += 25 },
		"kbit/s":     func(s *Summary) { s.Up *= 1.05 },
	} {
		changed := append([]Row(nil), rows...)
		change(&changed[1].Figures)
		c, err := b.Compare(p, changed)
		if err != nil || !errors.Is(c.Err(), ErrWorse) || len(c.Worse) != 1 || !strings.HasPrefix(c.Worse[0], "loss20/fixed 24k: "+name) {
			t.Errorf("worse %s: %+v, %v", name, c, err)
		}
	}
	better := append([]Row(nil), rows...)
	better[0].Figures.DelayMean -= 20
	better[1].Case.Network = "new"
	if c, err := b.Compare(p, better); err != nil || c.Err() != nil || len(c.Better) != 1 || len(c.Missing) != 1 {
		t.Errorf("better: %+v, %v", c, err)
	}
	b.Library = "libopus 0.9"
	if c, err := b.Compare(p, better); err != nil || c.Other != b.Library || c.Compared+len(c.Better) != 0 {
		t.Errorf("another library: %+v, %v", c, err)
	}
	b.Library = ""
	if c, err := b.Compare(p, better); err != nil || c.Other == "" {
		t.Errorf("no library: %+v, %v", c, err)
	}
	p.Seeds = []uint64{1}
	if _, err := b.Compare(p, rows); err == nil {
		t.Error("other seeds are compared")
	}
	if _, err := ReadBaseline(strings.NewReader("{")); err == nil {
		t.Error("half a baseline is read")
	}
}

func TestRunStops(t *testing.T) {
	p := Plan{Speech: synth.Speech(48000, 1), Seeds: []uint64{1}, Cases: []Case{{Network: "nowhere", Setting: fixed}}}
	if _, err := Run(context.Background(), p, func() {}); !errors.Is(err, netsim.ErrUnknownPreset) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Plan{Speech: p.Speech, Seeds: p.Seeds, Cases: Quick()}, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPlansNameEachCaseOnce(t *testing.T) {
	for name, cases := range map[string][]Case{"full": Full(nil, nil), "quick": Quick(), "one": Full([]string{"lan"}, nil)} {
		seen := map[string]bool{}
		for _, c := range cases {
			if seen[c.Key()] {
				t.Errorf("%s: %s twice", name, c.Key())
			}
			seen[c.Key()] = true
		}
	}
	full := map[string]bool{}
	for _, c := range Full(nil, nil) {
		full[c.Key()] = true
	}
	for _, c := range Quick() {
		if !full[c.Key()] {
			t.Errorf("%s is in the quick plan alone", c.Key())
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{{0, 60, "0 10 20 30 40 50 60"}, {1, 5, "1 2 3 4 5"}, {-3, 1100, "0 200 400 600 800 1000"}, {0, 0.8, "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8"}} {
		var labels []string
		for _, tick := range ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// No plot shows more than its scale has, and none that is of a score goes beyond 5.
func TestPlotsEndWhereTheScaleEnds(t *testing.T) {
	lan := func(s Setting, f Summary) Row { return Row{Case: Case{Network: "lan", Setting: s}, Figures: f} }
	good := Summary{CQ: 4.5, EModelCQ: 4.5, MOS: 4.9, DelayMean: 30, Up: 61}
	late := Summary{CQ: 1, EModelCQ: 1, MOS: 1, DelayMean: 2500, Up: 12}
	lossy := lan(ours, late)
	lossy.Network = "loss5"
	plots, err := Plots([]Row{lan(ours, good), lan(oursUp, good), lan(ours24, late), lan(fixed, late), lan(fixed60, good), lan(textbook, late), lossy})
	if err != nil {
		t.Fatal(err)
	}
	for name, last := range map[string]string{"buffer-quality": "5", "ladder-quality": "5", "loss-sound": "5", "loss-emodel": "5", "buffer-delay": "1000+", "ladder-rate": "70"} {
		if n := numbers(plots[name]); len(n) == 0 || n[len(n)-1] != last {
			t.Errorf("%s: the scale is %v, want its end at %s", name, n, last)
		}
	}
	for name, want := range map[string][]string{
		"buffer-quality": {"tincan", "fixed sender, tincan's buffer", "fixed sender, 60 ms buffer", "fixed sender, RFC 3550 buffer"},
		"ladder-quality": {"tincan", "tincan, network up", "tincan, cap of 24 kbit/s", "fixed sender"},
	} {
		for _, legend := range want {
			if !strings.Contains(html.UnescapeString(plots[name]), ">"+legend+"<") {
				t.Errorf("%s has no %q", name, legend)
			}
		}
	}
	spike, err := timePlot([]lab.Moment{{Network: 20, Playout: 40, Target: 20}, {At: time.Second, Network: 9000, Playout: 9030, Target: 40}})
	if n := numbers(string(spike)); err != nil || n[len(n)-1] != "2000+" {
		t.Errorf("%v, %v", n, err)
	}
	plots["spike"] = string(spike)
	for name, plot := range plots {
		for _, path := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(plot, -1) {
			for _, at := range regexp.MustCompile(`[ML](-?[0-9.]+),(-?[0-9.]+)`).FindAllStringSubmatch(path[1], -1) {
				x, _ := strconv.ParseFloat(at[1], 64)
				y, _ := strconv.ParseFloat(at[2], 64)
				if x < 0 || x > plotWidth.Points() || y < 0 || y > (plotHeight*1.2).Points() {
					t.Errorf("%s draws at %v, %v", name, x, y)
				}
			}
		}
	}
}

// numbers are those of a plot, the vertical scale last.
func numbers(svg string) (n []string) {
	for _, m := range regexp.MustCompile(`>([0-9.]+\+?)</text>`).FindAllStringSubmatch(svg, -1) {
		n = append(n, m[1])
	}
	return n
}

// A call in which nothing was heard still has a plot.
func TestPlotOfNothing(t *testing.T) {
	moments := []lab.Moment{{Network: math.NaN(), Playout: math.NaN(), Target: math.NaN()}, {At: time.Second, Network: math.NaN(), Playout: math.NaN(), Target: math.NaN()}}
	if _, err := timePlot(moments); err != nil {
		t.Error(err)
	}
	if _, err := timePlot(nil); err != nil {
		t.Error(err)
	}
}
