package report

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"

	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/netsim"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"f0": func(v float64) string { return fmt.Sprintf("%.0f", v) },
	"f1": func(v float64) string { return fmt.Sprintf("%.1f", v) },
	"f2": func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"f3": func(v float64) string { return fmt.Sprintf("%.3f", v) },
}).Parse(pageText))

// figure is a plot with what it says.
type figure struct {
	Name, Title, Text string // the name is that of a file
	Plot              template.HTML
}

// section is all about one network.
type section struct {
	Name, About string
	Rows        []Row
	Plot        template.HTML
}

type pageData struct {
	Seconds  float64
	Seeds    int
	Library  string
	Settings []Setting
	Overview []figure
	Sections []section
	Worse    []string
	Better   []string
	Compared int
}

// WriteHTML writes one page that needs nothing else. compared may be nil.
func WriteHTML(w io.Writer, p Plan, rows []Row, compared *Comparison) error {
	d := pageData{Seconds: seconds(p.Speech), Seeds: len(p.Seeds), Library: opus.Library().String()}
	if compared != nil {
		d.Worse, d.Better, d.Compared = compared.Worse, compared.Better, compared.Compared
	}
	for _, s := range slices.Concat(everyone, repairs) {
		if slices.ContainsFunc(rows, func(r Row) bool { return r.Curve == "" && r.Setting.Name == s.Name }) {
			d.Settings = append(d.Settings, s)
		}
	}
	var err error
	if d.Overview, err = overview(rows); err != nil {
		return err
	}
	for _, n := range networksOf(rows) {
		s := section{Name: n, About: "a recorded network"}
		for _, info := range netsim.Presets() {
			if info.Name == n {
				s.About = info.About
			}
		}
		for _, r := range rows {
			if r.Network == n && r.Curve == "" {
				s.Rows = append(s.Rows, r)
			}
		}
		if len(s.Rows) == 0 {
			continue
		}
		if s.Plot, err = timePlot(s.Rows[0].Timeline); err != nil {
			return err
		}
		d.Sections = append(d.Sections, s)
	}
	return page.Execute(w, d)
}

// networksOf are the networks of the rows, each once.
func networksOf(rows []Row) (networks []string) {
	for _, r := range rows {
		if !slices.Contains(networks, r.Network) {
			networks = append(networks, r.Network)
		}
	}
	return networks
}

// find returns the row of a table cell.
func find(rows []Row, network, setting string) (Row, bool) {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Curve == "" && r.Network == network && r.Setting.Name == setting })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}

// overview makes the plots that are about all networks.
func overview(rows []Row) ([]figure, error) {
	networks := networksOf(rows)
	if len(networks) == 0 {
		return nil, nil
	}
	var figures []figure
	add := func(name, title, text string, plot template.HTML, err error) error {
		figures = append(figures, figure{name, title, text, plot})
		return err
	}
	cell := func(value func(Summary) float64) func(string, Setting) (float64, bool) {
		return func(network string, s Setting) (float64, bool) {
			r, ok := find(rows, network, s.Name)
			return value(r.Figures), ok
		}
	}
	buffers := []series{{"tincan", ours}, {"fixed sender, tincan's buffer", fixed}, {"fixed sender, 60 ms buffer", fixed60}, {"fixed sender, RFC 3550 buffer", textbook}}
	senders := []series{{"tincan", ours}, {"tincan, network up", oursUp}, {"tincan, cap of 24 kbit/s", ours24}, {"fixed sender", fixed}}
	plot, err := compared("CQ (1 to 5)", networks, buffers, cell(func(s Summary) float64 { return s.CQ }), 1, 5)
	if err := add("buffer-quality", "What the jitter buffer buys: quality",
		"Higher is better. Conversational quality weighs how the speech sounds and how long it takes. The three with the fixed sender receive the very same datagrams.", plot, err); err != nil {
		return nil, err
	}
	plot, err = compared("mean delay (ms)", networks, buffers, cell(func(s Summary) float64 { return s.DelayMean }), 0, 1000)
	if err := add("buffer-delay", "What it costs: delay",
		"Lower is better. From capture to loudspeaker, without sound cards and without the 20 ms that a frame takes to fill. More than 1000 ms is drawn at 1000.", plot, err); err != nil {
		return nil, err
	}
	plot, err = compared("E-model CQ (1 to 5)", networks, senders, cell(func(s Summary) float64 { return s.EModelCQ }), 1, 5)
	if err := add("ladder-quality", "What repair and the ladder buy: quality",
		"Higher is better, delay counted, rated by the E-model. The fixed sender takes 24 kbit/s of Opus, one frame per datagram, and never learns what is lost; tincan takes no more on the wire, or a cap of 24 kbit/s with headers. The network is between relay and listener unless it says up.", plot, err); err != nil {
		return nil, err
	}
	plot, err = compared("talker to relay (kbit/s)", networks, senders, cell(func(s Summary) float64 { return s.Up }), 0, 0)
	if err := add("ladder-rate", "What they send", "The whole wire up, IP and UDP headers counted.", plot, err); err != nil {
		return nil, err
	}
	for _, q := range []struct {
		name, title, text, y string
		value                func(Summary) float64
	}{
		{"loss-sound", "Quality against loss, as it sounds", "60 ms, independent loss (0 is the LAN). The fixed senders can only send again inside later datagrams. All but fixed 12k cost about the same on the wire; fixed 12k costs a third less.",
			"MOS-LQO by NSIM (1 to 4.5)", func(s Summary) float64 { return s.MOS }},
		{"loss-emodel", "Quality against loss, as the E-model rates it", "The same calls, judged only by the bitrate and by how much was made up, left out or stretched.",
			"E-model CQ (1 to 5)", func(s Summary) float64 { return s.EModelCQ }},
	} {
		lines := lossCurves(rows, q.value)
		if len(lines) == 0 {
			continue
		}
		plot, err := curves("loss (%)", q.y, 1, 5, lines)
		if err := add(q.name, q.title, q.text, plot, err); err != nil {
			return nil, err
		}
	}
	for _, n := range rateNetworks {
		lines := rateCurves(rows, n)
		if len(lines) == 0 {
			continue
		}
		plot, err := curves("talker to relay, IP and UDP headers counted (kbit/s)", "MOS-LQO by NSIM (1 to 4.5)", 1, 5, lines)
		if err := add("rate-"+n, "Quality against the load on the wire: "+n,
			"The fixed sender; each point is a bitrate of Opus (8, 12, 16, 24, 40 kbit/s). At low rates headers cost more than speech: three frames per datagram save two headers of three.", plot, err); err != nil {
			return nil, err
		}
	}
	return figures, nil
}

// Plots returns the plots that are about all networks as SVG files, by the names of the files without their
// ending.
func Plots(rows []Row) (map[string]string, error) {
	figures, err := overview(rows)
	plots := make(map[string]string, len(figures))
	for _, f := range figures {
		plots[f.Name] = strings.Replace(string(f.Plot), "<svg ", `<svg style="background:white;color:black;font-family:sans-serif" `, 1)
	}
	return plots, err
}

func lossCurves(rows []Row, value func(Summary) float64) []curve {
	var lines []curve
	for _, s := range []Setting{ours, fixed, fec, near, far, slim} {
		c := curve{name: s.Name}
		for loss, network := range map[float64]string{0: "lan", 5: "loss5", 10: "loss10", 20: "loss20", 30: "loss30"} {
			if r, ok := find(rows, network, s.Name); ok {
				c.points = append(c.points, plotter.XY{X: loss, Y: value(r.Figures)})
			}
		}
		slices.SortFunc(c.points, func(a, b plotter.XY) int { return int(a.X - b.X) })
		if len(c.points) > 1 {
			lines = append(lines, c)
		}
	}
	return lines
}

func rateCurves(rows []Row, network string) []curve {
	var lines []curve
	for _, l := range rateLayouts {
		c := curve{name: l.Name}
		for _, r := range rows {
			if r.Network == network && r.Curve == l.Name {
				c.points = append(c.points, plotter.XY{X: r.Figures.Up, Y: r.Figures.MOS})
			}
		}
		if len(c.points) > 1 {
			lines = append(lines, c)
		}
	}
	return lines
}

// WriteMarkdown writes the table alone.
func WriteMarkdown(w io.Writer, p Plan, rows []Row) error {
	if _, err := fmt.Fprintf(w, "%.0f s of speech, mean over %d seeds, %s. Delays in ms from capture to loudspeaker, without the 20 ms that a frame takes to fill. docs/lab.md explains the columns.\n\n", seconds(p.Speech), len(p.Seeds), opus.Library()); err != nil {
		return err
	}
	if _, err := fmt.Fprint(w, "| network | setting | network delay | loss % | delay mean | p95 | CQ | MOS-LQO | E-model CQ | ESTOI | repaired % | concealed % | dropped % | kbit/s up |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Curve != "" {
			continue
		}
		f := r.Figures
		if _, err := fmt.Fprintf(w, "| %s | %s | %.0f | %.1f | %.0f | %.0f | %.2f | %.2f | %.2f | %.3f | %.1f | %.1f | %.1f | %.1f |\n",
			r.Network, r.Setting.Name, f.NetDelay, f.NetLoss, f.DelayMean, f.DelayP95, f.CQ, f.MOS, f.EModelCQ, f.ESTOI, f.Repaired, f.Concealed, f.Dropped, f.Up); err != nil {
			return err
		}
	}
	return nil
}
