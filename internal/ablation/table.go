package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// marker is the line of a document under which the table stands.
const marker = "<!-- make ablation -->"

// table is what all changes did.
type table struct {
	options
	rows []result
	left int // changes that there was no time for
}

// effect is the difference that a change makes, over all calls.
type effect struct {
	calls                      int // that are not the same as before in every figure
	sound, emodel, delay, rate float64
	doubt                      float64 // standard error of sound and emodel, the larger
	most                       string  // the network and side with the largest change of CQ by the E-model
	mostBy                     float64
}

func (r result) effect() (e effect) {
	n := float64(len(r.calls))
	sounds, emodels := make([]float64, 0, len(r.calls)), make([]float64, 0, len(r.calls))
	byNetwork := map[string]float64{}
	for i, c := range r.calls {
		b := r.plain[i]
		if c != b {
			e.calls++
		}
		sounds, emodels = append(sounds, c.Sound-b.Sound), append(emodels, c.EModel-b.EModel)
		e.delay += (c.Delay - b.Delay) / n
		e.rate += (c.Rate - b.Rate) / n
		byNetwork[c.Network+" "+string(c.Where)] += c.EModel - b.EModel
	}
	perNetwork := n / float64(max(1, len(byNetwork)))
	for _, c := range r.calls { // in their order, so that of equals it is always the same
		name := c.Network + " " + string(c.Where)
		if by := byNetwork[name] / perNetwork; math.Abs(by) > math.Abs(e.mostBy) {
			e.most, e.mostBy = name, by
		}
	}
	var s, m float64
	e.sound, s = mean(sounds)
	e.emodel, m = mean(emodels)
	e.doubt = max(s, m)
	return e
}

// mean returns the mean of values and its standard error, 0 of fewer than two.
func mean(values []float64) (mean, doubt float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	if n < 2 {
		return mean, 0
	}
	for _, v := range values {
		doubt += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(doubt / (n - 1) / n)
}

// write writes the table, and what it comes to.
func (t table) write(out io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d calls of %d s: %s, each up and down with seeds 1 to %d. Differences of the means, with the standard error of CQ.\n\n",
		len(t.plainCalls()), t.seconds, strings.ReplaceAll(t.networks, ",", ", "), t.seeds)
	b.WriteString("| value | is | becomes | CQ by sound | CQ by E-model | ± | delay, ms | kbit/s | most | tests that fail |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	unheard, untested, neither := 0, 0, 0
	for _, r := range t.rows {
		e := r.effect()
		is := r.text
		if r.rule {
			is = "a rule"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | ", r.fullName(), cell(is), cell(r.to))
		switch {
		case r.failure != "":
			fmt.Fprintf(&b, "%s | | | | | |", cell(r.failure))
		case t.seeds == 0:
			b.WriteString("not made | | | | | |")
		case e.calls == 0:
			b.WriteString("the same | | | | | |")
		default:
			fmt.Fprintf(&b, "%+.3f | %+.3f | %.3f | %+.0f | %+.1f | %s %+.2f |", e.sound, e.emodel, e.doubt, e.delay, e.rate, e.most, e.mostBy)
		}
		failed := "not run"
		if t.tests {
			failed = cell(tests(r.failed))
		}
		fmt.Fprintf(&b, " %s |\n", failed)
		same, noticed := r.failure == "" && e.calls == 0 && t.seeds > 0, r.failure != "" || len(r.failed) > 0
		unheard += count(same)
		untested += count(!noticed)
		neither += count(same && !noticed)
	}
	fmt.Fprintf(&b, "\n%d changes: %d change no call", len(t.rows), unheard)
	if t.tests {
		fmt.Fprintf(&b, ", %d fail no test of the package, %d neither", untested, neither)
	}
	b.WriteString(".")
	if t.left > 0 {
		fmt.Fprintf(&b, " There was no time for %d more.", t.left)
	}
	b.WriteString("\n")
	_, err := out.Write(b.Bytes())
	return err
}

func (t table) plainCalls() []call {
	if len(t.rows) == 0 {
		return nil
	}
	return t.rows[0].plain
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// tests names the first failing ones.
func tests(failed []string) string {
	const most = 2
	if len(failed) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(failed[:most], ", "), len(failed)-most)
	}
	return strings.Join(failed, ", ")
}

// cell makes text fit into one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// split returns a document up to its table and what comes after it, which begins with a heading.
func split(file string) (before, after []byte, err error) {
	document, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	at := bytes.Index(document, []byte(marker+"\n"))
	if at < 0 {
		return nil, nil, fmt.Errorf("%s has no line %q for the table to stand under", file, marker)
	}
	before, after = document[:at+len(marker)+1], document[at+len(marker)+1:]
	if next := bytes.Index(after, []byte("\n## ")); next >= 0 {
		return before, after[next:], nil
	}
	return before, nil, nil
}

// replace writes the table into the document of the options.
func (t table) replace() error {
	before, after, err := split(t.out)
	if err != nil {
		return err
	}
	document := bytes.NewBuffer(append(slices.Clip(before), '\n'))
	if err := t.write(document); err != nil {
		return err
	}
	document.Write(after)
	return os.WriteFile(t.out, document.Bytes(), 0o644)
}
