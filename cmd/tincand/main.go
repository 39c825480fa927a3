// Command tincand is the relay of tincan.
//
//	tincand [PORT] [--config FILE] [--check] [OPTION...]
//	tincand ctl [--port PORT] COMMAND...
//	tincand settings
//
// The first one serves. It reads commands from standard input: STOP tells everyone and exits, LIST shows who is there,
// STATS counts what went through and what was dropped, KICK, BAN and MUTE keep people out or quiet, DRAIN gives clients
// time to go elsewhere first. tincand ctl says the same words to a relay that runs elsewhere on this machine. SIGINT
// and SIGTERM stop it as well, SIGTERM by draining where --drain or --next says so, and a second one at once; the end
// of standard input does not, and in the background a terminal is not read. SIGHUP reads the settings, the certificate
// and the tokens again.
//
// It exits with 0 when it was stopped, with 1 when it could not serve, and with 2 for a command line that makes no
// sense.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/relay"
)

// version is set by the linker.
var version = "unknown"

// gcPercent trades a little CPU for memory: a relay makes garbage only when
// people come and go, and most of what it has is idle sessions.
const gcPercent = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	console.Detach()
	os.Exit(execute(os.Args[1:], os.Getenv("PORT"), os.Stdin, os.Stdout, os.Stderr))
}

// endTime is how long the end waits for a terminal or a pipe to take the last lines.
const endTime = time.Second

func lost(n int) string {
	return fmt.Sprintf("tincand: %d lines or answers are lost: what reads them stood still or is too slow\n", n)
}

// execute is main with its surroundings as arguments. It returns the exit code.
func execute(args []string, env string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, command, code, err := parse(args, stdout, stderr)
	if code >= 0 {
		return code
	}
	if err == nil {
		switch command {
		case "ctl":
			err = c.Ctl.run(ctx, stdout)
		case "settings":
			err = c.Settings.run(stdout)
		default:
			again := func() (flags, error) {
				c, _, _, err := parse(args, io.Discard, io.Discard)
				return c.Serve, err
			}
			err = run(ctx, c.Serve, again, env, stdin, stdout, stderr)
		}
	}
	if err == nil {
		return 0
	}
	last := console.NewWriter(stderr, lost)
	defer last.Close(endTime)
	fmt.Fprintln(last, "tincand:", err)
	if usage.Is(err) {
		fmt.Fprintln(last, "Try: tincand --help")
		return 2
	}
	return 1
}

// run serves until ctx ends or a command says STOP. again reads the flags anew. stdin may block for ever: its reader is
// left behind.
func run(ctx context.Context, f flags, again func() (flags, error), env string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, next, err := f.config(env)
	if err != nil {
		return err
	}
	if f.Check {
		if err := cfg.Check(); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "all is well with the settings of the relay on port %d\n", cfg.Addr.Port())
		return nil
	}
	out, log := console.NewWriter(stdout, lost), console.NewWriter(stderr, lost)
	defer out.Close(endTime)
	defer log.Close(endTime)
	var level slog.LevelVar
	cfg.Log = slog.New(f.logHandler(log, &level))
	hangups := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	terms := make(chan os.Signal, 2)
	signal.Notify(terms, syscall.SIGTERM)
	defer signal.Stop(terms)
	if cfg.Cluster != nil {
		c, bus, err := f.cluster(cfg.Log)
		if err != nil {
			return err
		}
		defer bus.Close()
		cfg.Cluster = c
	}
	if f.Web { // package quic would write lines of its own to standard error, of a buffer that browsers' voice does not need
		_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	}
	server, err := relay.Listen(cfg)
	switch {
	case errors.Is(err, relay.ErrPortInUse):
		return fmt.Errorf("%w: stop it, take its place with --replace if it is a tincand, or give another port: tincand %d", err, otherPort(cfg.Addr.Port()))
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: ports below 1024 and some directories need more rights; give another port or --state DIR", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: --host takes an address that this machine has", err)
	case err != nil:
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o := &operator{server: server, log: cfg.Log, level: &level, flags: f, again: again, env: env}
	o.next.Store(&next)
	if o.files, err = os.Open("/proc/self/fd"); err == nil { // now: later there may be no file left for it
		defer o.files.Close()
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	if f.Metrics != "" {
		wg.Go(func() { serveMetrics(ctx, metricsAddress(f.Metrics), server, cfg.Log) })
	}
	if l, err := listenCtl(ctlFile(f.State, server.Addr().Port())); err != nil {
		cfg.Log.Warn("tincand ctl cannot reach this relay", "error", err)
	} else {
		wg.Go(func() { o.serveCtl(ctx, l, stop) })
	}
	wg.Go(func() { o.hangUps(ctx, hangups) })
	wg.Go(func() { tellManager(ctx, server, cfg.Log) })
	wg.Go(func() {
		if terminated(ctx, terms, func() bool { return f.Drain > 0 || *o.next.Load() != relay.Next{} }, func() { server.Drain(0, *o.next.Load()) }) {
			stop()
		}
	})
	wg.Go(func() {
		if o.commands(ctx, console.Lines(stdin), out) {
			stop()
		}
	})
	fmt.Fprintf(out, "to invite people: %s\n", f.howToInvite(server.Addr(), server.Fingerprint()))
	fmt.Fprintf(out, "tincand listens on %v, fingerprint %s\n", server.Addr(), server.Fingerprint())
	return server.Serve(ctx)
}

// terminated waits for SIGTERM: the first one drains if it is to, and it reports true at the next. It ends with ctx.
func terminated(ctx context.Context, terms <-chan os.Signal, drains func() bool, drain func()) (now bool) {
	for drained := false; ; drained = true {
		select {
		case <-ctx.Done():
			return false
		case <-terms:
		}
		if drained || !drains() {
			return true
		}
		drain()
	}
}
