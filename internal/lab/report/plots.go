package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tincan-voice/tincan/internal/lab"
)

// ink stands for the colour of the page's text, which the page sets for light and dark.
var ink = color.NRGBA{0x12, 0x34, 0x56, 0xff}

// The other colours are readable on white and on black.
var (
	blue    = color.NRGBA{0x3b, 0x82, 0xf6, 0xff}
	orange  = color.NRGBA{0xe8, 0x71, 0x0a, 0xff}
	green   = color.NRGBA{0x16, 0xa3, 0x4a, 0xff}
	red     = color.NRGBA{0xef, 0x44, 0x44, 0xff}
	purple  = color.NRGBA{0xa8, 0x55, 0xf7, 0xff}
	grey    = color.NRGBA{0x8a, 0x8a, 0x8a, 0xff}
	palette = []color.NRGBA{blue, orange, green, purple, red, grey}
	shapes  = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}
)

const (
	plotWidth  = 24 * vg.Centimeter
	plotHeight = 8 * vg.Centimeter
)

// newPlot makes a plot without a title: the page has it.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Label.TextStyle.Color = ink, ink
		a.Tick.Color, a.Tick.Label.Color = ink, ink
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = "Sans", "Sans"
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = 11, 10
		a.Label.Padding = 4
		a.Tick.Marker = plot.TickerFunc(ticks)
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Legend.TextStyle.Color = ink
	p.Legend.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Size = "Sans", 10
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs, p.Legend.Padding = 8, -4, 3
	grid := plotter.NewGrid()
	faint := color.NRGBA{0x8a, 0x8a, 0x8a, 0x70}
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	return p
}

// svg draws the plot for the page: text in the page's font, ink in its colour.
func svg(p *plot.Plot, height vg.Length) (template.HTML, error) {
	c := vgsvg.NewWith(vgsvg.UseWH(plotWidth, height))
	p.Draw(draw.Crop(draw.New(c), 2, -12, 2, -4)) // room for the last number
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	text := b.String()
	at := strings.Index(text, "<svg")
	if at < 0 {
		return "", fmt.Errorf("the plotter wrote no SVG")
	}
	text = strings.NewReplacer("#123456", "currentColor", "font-family:Liberation Sans", "font-family:inherit").Replace(text[at:])
	// The size is the page's business.
	end := strings.Index(text, ">")
	text = `<svg viewBox="0 0 ` + fmt.Sprintf("%.0f %.0f", plotWidth.Points(), height.Points()) +
		`" role="img" xmlns="http://www.w3.org/2000/svg">` + text[end+1:]
	return template.HTML(text), nil
}

// ticks puts a number at every 1, 2 or 5 times a power of ten, some seven of them.
func ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, f := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*f) <= 8 {
			step *= f
			break
		}
	}
	var out []plot.Tick
	for i := math.Ceil(low/step-1e-9) + 0; i*step <= high+step*1e-9; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'g', 6, 64)})
	}
	return out
}

// line adds a line through points; NaN breaks it.
func line(p *plot.Plot, name string, points plotter.XYs, c color.Color, width vg.Length) error {
	named := name == ""
	for len(points) > 0 {
		end := slices.IndexFunc(points, func(v plotter.XY) bool { return math.IsNaN(v.Y) })
		if end < 0 {
			end = len(points)
		}
		if end > 0 {
			l, err := plotter.NewLine(points[:end])
			if err != nil {
				return err
			}
			l.Color, l.Width = c, width
			p.Add(l)
			if !named {
				p.Legend.Add(name, l)
				named = true
			}
		}
		points = points[min(end+1, len(points)):]
	}
	return nil
}

// timePlot shows one call: what the network did, what the buffer made of it.
func timePlot(moments []lab.Moment) (template.HTML, error) {
	p := newPlot("time (s)", "delay (ms)")
	network, playout, target := make(plotter.XYs, 0, len(moments)), make(plotter.XYs, 0, len(moments)), make(plotter.XYs, 0, len(moments))
	var concealed plotter.XYs
	var values []float64
	for _, m := range moments {
		x := m.At.Seconds()
		network = append(network, plotter.XY{X: x, Y: m.Network})
		playout = append(playout, plotter.XY{X: x, Y: m.Playout})
		target = append(target, plotter.XY{X: x, Y: m.Target})
		if m.Concealed {
			concealed = append(concealed, plotter.XY{X: x, Y: 0})
		}
		for _, v := range []float64{m.Network, m.Playout, m.Target} {
			if !math.IsNaN(v) {
				values = append(values, v)
			}
		}
	}
	for _, l := range []struct {
		name   string
		points plotter.XYs
		color  color.Color
		width  vg.Length
	}{
		{"network", network, grey, 0.8},
		{"buffer target", target, green, 1.2},
		{"capture to loudspeaker", playout, blue, 1.8},
	} {
		if err := line(p, l.name, l.points, l.color, l.width); err != nil {
			return "", err
		}
	}
	if len(concealed) > 0 {
		s, err := plotter.NewScatter(concealed)
		if err != nil {
			return "", err
		}
		s.Color, s.Shape, s.Radius = red, draw.PlusGlyph{}, 3
		p.Add(s)
		p.Legend.Add("concealed", s)
	}
	p.Y.Min = 0
	if len(values) > 0 {
		slices.Sort(values)
		p.Y.Max = max(60, 1.5*values[min(len(values)-1, len(values)*999/1000)]) // room for the legend
	}
	return svg(p, plotHeight)
}

// curve is one line of a curve plot.
type curve struct {
	name   string
	points plotter.XYs
}

// curves plots quality against something.
func curves(x, y string, low, high float64, lines []curve) (template.HTML, error) {
	p := newPlot(x, y)
	for i, l := range lines {
		if len(l.points) == 0 {
			continue
		}
		c := palette[i%len(palette)]
		path, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return "", err
		}
		path.Color, path.Width = c, 1.6
		dots.Color, dots.Shape, dots.Radius = c, shapes[i%len(shapes)], 3.5
		p.Add(path, dots)
		p.Legend.Add(l.name, path, dots)
	}
	p.Y.Min, p.Y.Max = low, high
	p.X.Min = min(p.X.Min, 0)
	p.Legend.Top, p.Legend.YOffs = false, 4
	return svg(p, plotHeight*1.2)
}

// compared plots one figure of every network for each buffer.
func compared(y string, networks []string, settings []Setting, value func(network string, s Setting) (float64, bool), low, most float64) (template.HTML, error) {
	p := newPlot("", y)
	high := 0.0
	for _, s := range settings {
		for _, name := range networks {
			v, _ := value(name, s)
			high = max(high, min(v, most))
		}
	}
	for i, s := range settings {
		var points plotter.XYs
		for n, name := range networks {
			if v, ok := value(name, s); ok {
				points = append(points, plotter.XY{X: float64(n) + (float64(i)-float64(len(settings)-1)/2)*0.16, Y: min(v, high)})
			}
		}
		if len(points) == 0 {
			continue
		}
		dots, err := plotter.NewScatter(points)
		if err != nil {
			return "", err
		}
		dots.Color, dots.Shape, dots.Radius = palette[i], shapes[i], 4.5
		p.Add(dots)
		p.Legend.Add(s.Name, dots)
	}
	p.NominalX(networks...)
	p.X.Color, p.X.Tick.Label.Color = ink, ink
	p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = 0.5, draw.XRight, draw.YCenter
	p.X.Min, p.X.Max = -0.6, float64(len(networks))-0.4
	p.Y.Min, p.Y.Max = low, high+(high-low)*0.12*float64(len(settings)) // room for the legend
	return svg(p, plotHeight*1.15)
}
