// Command soak runs a relay under unrest for as long as one likes and says what it lost
// and what it leaked. It exits with 1 if that is anything at all.
//
//	soak --churn, --roam, --noise--> tincand, a process of its own
//	  |                                |
//	  +------------- STATS ------------+   before and after
//
// Ten rooms of ten members, two of them talking in each, share the relay with people who
// come and go, with members who change their address and with noise. All that the talkers
// send must reach all members of their rooms. After it, when everyone has left, the relay
// must have as many goroutines, open files and sessions as before, and no more memory.
// Before that, a shorter run of the same kind gives it what it keeps on purpose.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/relaycmd"
	"github.com/tincan-voice/tincan/internal/swarm"
)

type options struct {
	length             time.Duration // of talking
	warm               time.Duration // of the run before it
	race               bool          // a relay with the race detector
	churn, roam, noise int           // see swarm.Config
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 10*time.Minute, "how long")
	flag.DurationVar(&o.warm, "warm", 10*time.Second, "how long before it, so that the relay has what it keeps")
	flag.BoolVar(&o.race, "race", false, "build the relay with the race detector")
	flag.IntVar(&o.churn, "churn", 20, "people who come and go, per second")
	flag.IntVar(&o.roam, "roam", 10, "changes of address per second")
	flag.IntVar(&o.noise, "noise", 50000, "malformed, forged and repeated datagrams per second")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run is the whole soak. Its error says everything that was wrong.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "tincan-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := relaycmd.Build(ctx, dir, o.race)
	if err != nil {
		return err
	}
	r, err := relaycmd.Start(ctx, program, "0", "--hold", "1s")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()

	cfg := swarm.Config{
		Address: r.Address, Clients: 100, Rooms: 10, Talkers: 2,
		Churn: o.churn, Roam: o.roam, Noise: o.noise,
	}
	cfg.For = o.warm
	if _, err := swarm.Run(ctx, cfg); err != nil {
		return err
	}
	before, err := r.Quiet(quiet)
	if err != nil {
		return err
	}
	cfg.For = o.length
	cfg.Progress = func(text string) { fmt.Fprintln(out, text) }
	report, err := swarm.Run(ctx, cfg)
	if err != nil {
		return err
	}
	after, err := r.AsBefore(before, relaycmd.Lingers)
	if err != nil {
		return err
	}
	if err := report.WriteText(out); err != nil {
		return err
	}
	relaycmd.WriteText(out, before, after)
	return errors.Join(faults(report), relaycmd.Leaks(before, after))
}

// faults is what should not have happened in a run.
func faults(r *swarm.Report) (err error) {
	wrong := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	if r.Paths != r.Clients || len(r.Failed)+len(r.Disconnected) > 0 {
		wrong("%d of %d clients had a voice path; failed %v, disconnected %v", r.Paths, r.Clients, r.Failed, r.Disconnected)
	}
	// What the kernel threw away before it reached the relay's socket is not the relay's:
	// one such datagram is missed by all members of a room.
	excused := r.Backlog * uint64(r.Clients/r.Rooms)
	if r.Expected == 0 || r.Lost > excused || r.Duplicates+r.Unsent > 0 || r.Wrong > 0 {
		wrong("of %d deliveries %d were lost, %d came twice, %d were wrong, %d datagrams could not be sent (%d had no room at the relay, %d at the clients)",
			r.Expected, r.Lost, r.Duplicates, r.Wrong, r.Unsent, r.Unread, r.Overflowed)
	}
	if u := r.Unrest; u != nil && (len(u.Failed) > 0 || u.Astray > 0 || u.Answered > 0) {
		wrong("visitors failed %v, %d datagrams astray, %d of noise answered", u.Failed, u.Astray, u.Answered)
	}
	return err
}

// quiet is how long the relay must have had nobody before it is looked at what it has.
const quiet = 10 * time.Second
