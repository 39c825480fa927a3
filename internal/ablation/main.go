// Command ablation shows what each number and each rule that decides about sound is worth: it replaces them one at a
// time, makes the same calls as before in the laboratory, runs the tests of the package, and prints what changed.
//
//	constants, fields of Params, ─> another value ─> go build -overlay ─> calls: CQ by two measures, delay, load
//	functions that say yes or no                 └─> go test -overlay  ─> the tests that notice
//
// Nothing in the code is made for it: a value is found by its name in the source, and its replacement is compiled in
// the place of the file. So new constants are covered as they come. docs/ablation.md holds the table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

type options struct {
	packages string         // folders, separated by commas
	only     *regexp.Regexp // of values' full names
	networks string         // see path, separated by commas
	seconds  int            // of speech in a call
	seeds    int            // of each network and side; 0: no calls
	length   time.Duration  // no change is begun after that; 0 = all are made
	tests    bool
	out      string // file whose table is written anew; "" = print it
}

func main() {
	var o options
	flag.StringVar(&o.packages, "packages", "engine/adapt,internal/repair,internal/relay/mend,internal/estimate,jitter", "folders of the packages whose values are replaced")
	only := flag.String("only", "", "only values whose full name, as jitter.odds, this regular expression finds")
	flag.StringVar(&o.networks, "networks", "lan,wifi,bufferbloat,loss10,burst10,handover,edge,thin32,loss10@24,edge*3,thin32*3", "presets to call over, on each side of the relay, @KBPS with a cap, *N with N talkers, /fixed with a sender that does not adapt")
	flag.IntVar(&o.seconds, "seconds", 28, "length of a call, 4 to 600")
	flag.IntVar(&o.seeds, "seeds", 1, "calls over each network and side, 1 to 100, or 0: the tests alone")
	flag.DurationVar(&o.length, "for", 0, "begin no change after this time (default: make all)")
	flag.BoolVar(&o.tests, "tests", true, "run the tests of the package")
	flag.StringVar(&o.out, "out", "", "write the table into this Markdown file, after the line "+marker)
	list := flag.Bool("list", false, "list the changes that would be made")
	calls := flag.Bool("measure", false, "make the calls with the code as it is and write the figures as JSON; those of other code come by standard input")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.check(*only)
	switch {
	case err != nil:
	case *calls:
		err = measure(ctx, o, os.Stdin, os.Stdout)
	case *list:
		err = listChanges(o, os.Stdout)
	default:
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ablation:", err)
		os.Exit(1)
	}
}

// measure makes the calls; in has those of other code, or null.
func measure(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	var plain []call
	if err := json.NewDecoder(in).Decode(&plain); err != nil {
		return fmt.Errorf("the calls of other code: %w", err)
	}
	calls, err := makeCalls(ctx, o, plain)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(calls)
}

func (o *options) check(only string) (err error) {
	switch {
	case o.seconds < 4 || o.seconds > 600:
		return fmt.Errorf("-seconds %d is not 4 to 600", o.seconds)
	case o.seeds < 0 || o.seeds > 100 || o.seeds == 0 && !o.tests:
		return fmt.Errorf("-seeds %d is not 1 to 100, or 0 with -tests", o.seeds)
	}
	for name := range strings.SplitSeq(o.networks, ",") {
		if _, err := parsePath(name); err != nil {
			return fmt.Errorf("-networks: %w", err)
		}
	}
	if o.only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	return nil
}

// changes are all that the options ask for.
func (o options) changes() (all []change, err error) {
	for dir := range strings.SplitSeq(o.packages, ",") {
		values, err := find(dir)
		if err != nil {
			return nil, fmt.Errorf("%w; run it in the module's folder", err)
		}
		for _, v := range values {
			if o.only.MatchString(v.fullName()) {
				all = append(all, v.changes()...)
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("nothing to change; -list without -only shows what there is")
	}
	return all, nil
}

func listChanges(o options, out io.Writer) error {
	all, err := o.changes()
	for _, c := range all {
		fmt.Fprintf(out, "%-40s %-32s -> %s\n", c.fullName(), c.text, c.to)
	}
	return err
}

// run makes all changes, one after the other: each has the machine for itself. When ctx ends, the table is of those
// made by then.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	all, err := o.changes()
	if err != nil {
		return err
	}
	if o.out != "" { // whether there is a place for it is known before the work
		if _, _, err := split(o.out); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "tincan-ablation-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := laboratory{options: o, program: filepath.Join(dir, "ablation"), overlay: filepath.Join(dir, "overlay.json"), source: filepath.Join(dir, "changed.go")}
	begin := time.Now()
	if err := l.baseline(ctx); err != nil {
		return err
	}
	t := table{options: o, left: len(all)}
	for i, c := range all {
		if o.length > 0 && time.Since(begin) > o.length {
			break
		}
		fmt.Fprintf(progress, "%d of %d, %v: %s -> %s\n", i+1, len(all), time.Since(begin).Round(time.Second), c.fullName(), c.to)
		r, err := l.try(ctx, c)
		if ctx.Err() != nil {
			break
		} else if err != nil {
			return err
		}
		t.rows, t.left = append(t.rows, r), len(all)-i-1
	}
	if o.out != "" {
		return t.replace()
	}
	return t.write(out)
}
