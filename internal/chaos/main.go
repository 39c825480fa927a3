// Command chaos runs calls over a network that goes wrong all the time, through a relay that is killed and restarted,
// and says how long people did not hear each other and what did not come right by itself. It exits with 1 if that is
// anything at all.
//
//	people (engine.Call) --- a path of its own for each (udpproxy) --- tincand, a process of its own
//	     |                        |                                          |
//	 talk, listen          cut, moved, lossy, UDP dead             killed, ended, started again
//	     |                        |                                          |
//	     +-------- watch: who hears whom, and if not: since when, and why ---+
//
// Everyone has a life of their own: calm for a while, then a disturbance of the path, and so on. Whoever has not been
// disturbed for a few seconds, nor the one who talks, nor the relay, must be connected and hear real speech. At the
// end, and when all have left, the relay and this process must have as many goroutines and open files as after a short
// run of the same kind, and no more memory. All choices follow from one seed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/relaycmd"
)

type options struct {
	length   time.Duration // of the unrest
	warm     time.Duration // of the run before it
	seed     uint64
	people   int
	room     int           // people in a room; the first two of them talk
	patience time.Duration // what undisturbed means
	hold     time.Duration // how long the relay keeps a session of which it hears nothing
	race     bool          // a relay with the race detector
	unrest   unrest
}

func main() {
	o := options{hold: time.Minute, unrest: unrest{
		calm: span{5 * time.Second, 60 * time.Second}, cut: span{100 * time.Millisecond, 45 * time.Second},
		bad: span{5 * time.Second, 30 * time.Second}, uptime: span{time.Minute, 4 * time.Minute},
		down: span{10 * time.Millisecond, 10 * time.Second}, stray: 25 * time.Second,
	}}
	flag.DurationVar(&o.length, "for", time.Hour, "how long")
	flag.DurationVar(&o.warm, "warm", 30*time.Second, "how long before it, so that everyone has what they keep")
	flag.Uint64Var(&o.seed, "seed", rand.Uint64N(1e9), "what happens; random unless given")
	flag.IntVar(&o.people, "people", 50, "how many people")
	flag.IntVar(&o.room, "room", 5, "how many of them are in a room")
	flag.DurationVar(&o.patience, "patience", 10*time.Second, "how long after a disturbance all must be well")
	flag.BoolVar(&o.race, "race", false, "build the relay with the race detector")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// rest is how long the relay must have had nobody before it is looked at what it has.
const rest = 2 * time.Second

// run is the whole of it. Its error says everything that was wrong.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.room < 2 || o.people < o.room || o.people%o.room > 0 {
		return fmt.Errorf("%d people in rooms of %d: give full rooms of two or more", o.people, o.room)
	}
	fmt.Fprintf(out, "seed %d: %d people for %v\n", o.seed, o.people, o.length)
	dir, err := os.MkdirTemp("", "tincan-chaos-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprintf(out, "the relays' log is %s\n", filepath.Join(dir, "log"))
			return
		}
		err = os.RemoveAll(dir)
	}()
	r, err := startRelay(ctx, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()

	warm := o
	warm.length, warm.unrest.uptime = o.warm, span{time.Hour, time.Hour}
	first, err := stage(ctx, warm, r, dir, io.Discard)
	if err != nil {
		return fmt.Errorf("while it warmed up: %w", err)
	}
	before, err := r.stats(func(r *relaycmd.Relay) (*relaycmd.Stats, error) { return r.Quiet(rest) })
	if err != nil {
		return err
	}
	had := settled(nil)
	second, err := stage(ctx, o, r, dir, out)
	if err != nil {
		return err
	}
	// The session of an attempt whose answer never came is held too.
	after, err := r.stats(func(r *relaycmd.Relay) (*relaycmd.Stats, error) { return r.AsBefore(before, o.hold+relaycmd.Lingers) })
	if err != nil {
		return err
	}
	has := settled(&had)
	relaycmd.WriteText(out, before, after)
	writeText(out, first.live, second.live, had, has)
	return errors.Join(second.faults(), relaycmd.Leaks(before, after), has.leaks(had), second.live.grown(first.live))
}

// stage is a run of everyone, from joining to leaving.
func stage(ctx context.Context, o options, r *relay, dir string, out io.Writer) (*watch, error) {
	begun := time.Now()
	w := newWatch(o.patience, begun)
	crowd, err := gather(ctx, o, r, dir, begun)
	if err == nil {
		w.people = crowd.people
		err = w.run(ctx, o, r, out)
		w.live = used()
	}
	crowd.leave()
	if err == nil {
		w.writeText(out)
	}
	w.people, w.pairs = nil, nil // which are memory
	return w, err
}
