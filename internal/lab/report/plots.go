package report

import (
	"bytes"
	"cmp"
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

// chart is a plot whose legend stands above it, where no curve goes.
type chart struct {
	*plot.Plot
	legend []legendEntry
}

type legendEntry struct {
	name   string
	thumbs []plot.Thumbnailer
}

// newChart makes a chart without a title: the page has it.
func newChart(x, y string) *chart {
	p := plot.New()
	p.BackgroundColor = nil // that of the page
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
	grid := plotter.NewGrid()
	faint := color.NRGBA{0x8a, 0x8a, 0x8a, 0x70}
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	return &chart{Plot: p}
}

// name adds a line to the legend.
func (p *chart) name(name string, thumbs ...plot.Thumbnailer) {
	p.legend = append(p.legend, legendEntry{name, thumbs})
}

const legendHeight = 16

// drawLegend draws all names in one row.
func (p *chart) drawLegend(c draw.Canvas) {
	style := p.Legend.TextStyle
	style.YAlign = draw.YCenter
	x := c.Min.X + 40
	for _, e := range p.legend {
		thumb := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: c.Max.Y - legendHeight + 3}, Max: vg.Point{X: x + 18, Y: c.Max.Y - 3},
		}}
		for _, t := range e.thumbs {
			t.Thumbnail(&thumb)
		}
		c.FillText(style, vg.Point{X: x + 22, Y: c.Max.Y - legendHeight/2}, e.name)
		x += 22 + style.Width(e.name) + 28
	}
}

// svg draws the chart for the page: text in the page's font, ink in its colour.
func svg(p *chart, height vg.Length) (template.HTML, error) {
	c := vgsvg.NewWith(vgsvg.UseWH(plotWidth, height))
	all := draw.New(c)
	p.drawLegend(all)
	p.Draw(draw.Crop(all, 2, -12, 2, -4-legendHeight)) // room for the last number
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

// step is the distance between two numbers of a scale: 1, 2 or 5 times a power of ten, for some seven of them.
func step(low, high float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, f := range []float64{1, 2, 5} {
		if (high-low)/(step*f) <= 8 {
			return step * f
		}
	}
	return step * 10
}

// ticks numbers a scale.
func ticks(low, high float64) []plot.Tick {
	step := step(low, high)
	var out []plot.Tick
	for i := math.Ceil(low/step-1e-9) + 0; i*step <= high+step*1e-9; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'g', 6, 64)})
	}
	return out
}

// scale sets where an axis begins and ends. Where values beyond its end are drawn at it, its last number gets a plus.
func scale(axis *plot.Axis, low, high float64, beyond bool) {
	axis.Min, axis.Max = low, high
	if beyond {
		axis.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
			t := ticks(low, high)
			t[len(t)-1].Label += "+"
			return t
		})
	}
}

// roundUp is the first number of a scale from 0 that is not below the highest value.
func roundUp(highest float64) float64 {
	highest = max(highest, 1)
	step := step(0, highest)
	return math.Ceil(highest/step-1e-9) * step
}

// line adds a line through points; NaN breaks it.
func line(p *chart, name string, points plotter.XYs, c color.Color, width vg.Length) error {
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
				p.name(name, l)
				named = true
			}
		}
		points = points[min(end+1, len(points)):]
	}
	return nil
}

// longestDelay is the end of the scale of a time plot, in ms.
const longestDelay = 2000

// timePlot shows one call: what the network did, what the buffer made of it.
func timePlot(moments []lab.Moment) (template.HTML, error) {
	p := newChart("time (s)", "delay (ms)")
	network, playout, target := make(plotter.XYs, 0, len(moments)), make(plotter.XYs, 0, len(moments)), make(plotter.XYs, 0, len(moments))
	var concealed plotter.XYs
	longest := 0.0
	value := func(ms float64) float64 { // NaN stays
		if ms > longest {
			longest = ms
		}
		return min(ms, longestDelay)
	}
	for _, m := range moments {
		x := m.At.Seconds()
		network = append(network, plotter.XY{X: x, Y: value(m.Network)})
		playout = append(playout, plotter.XY{X: x, Y: value(m.Playout)})
		target = append(target, plotter.XY{X: x, Y: value(m.Target)})
		if m.Concealed {
			concealed = append(concealed, plotter.XY{X: x, Y: 0})
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
		p.name("concealed", s)
	}
	scale(&p.X, 0, roundUp(p.X.Max), false)
	scale(&p.Y, 0, roundUp(min(max(longest, 60), longestDelay)), longest > longestDelay)
	return svg(p, plotHeight)
}

// curve is one line of a curve plot.
type curve struct {
	name   string
	points plotter.XYs
}

// curves plots quality against something.
func curves(x, y string, low, high float64, lines []curve) (template.HTML, error) {
	p := newChart(x, y)
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
		p.name(l.name, path, dots)
	}
	scale(&p.X, 0, roundUp(p.X.Max), false)
	scale(&p.Y, low, high, false)
	return svg(p, plotHeight*1.2)
}

// series is a setting and what it is called in a plot.
type series struct {
	name    string
	setting Setting
}

// compared plots one figure of every network for each setting, on a scale from low to high, where higher values are
// drawn too. A high of 0 stands for what the highest takes.
func compared(y string, networks []string, all []series, value func(network string, s Setting) (float64, bool), low, high float64) (template.HTML, error) {
	p := newChart("network", y)
	highest := low
	for _, s := range all {
		for _, name := range networks {
			v, _ := value(name, s.setting)
			highest = max(highest, v)
		}
	}
	high = cmp.Or(high, roundUp(highest))
	for i, s := range all {
		var points plotter.XYs
		for n, name := range networks {
			if v, ok := value(name, s.setting); ok {
				points = append(points, plotter.XY{X: float64(n) + (float64(i)-float64(len(all)-1)/2)*0.16, Y: min(v, high)})
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
		p.name(s.name, dots)
	}
	p.NominalX(networks...)
	p.X.Color, p.X.Tick.Label.Color = ink, ink
	p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = 0.5, draw.XRight, draw.YCenter
	p.X.Min, p.X.Max = -0.6, float64(len(networks))-0.4
	scale(&p.Y, low, high, highest > high)
	return svg(p, plotHeight*1.15)
}
