// Command tincand is the relay of tincan.
//
//	tincand [PORT] [--plaintext any] [--cert FILE --key FILE] [--acme NAME] [--state DIR] [--token-file FILE]
//	        [--host ADDR] [--talkers N] [--per-address N] [--hold DURATION] [--drain DURATION] [--next 'ADDR SHA256:...'] [--replace]
//
// It reads commands from standard input: STOP tells everyone and exits, LIST shows who is there, STATS counts what went
// through and what was dropped, KICK, BAN and MUTE keep people out or quiet, DRAIN gives clients time to go elsewhere
// first. SIGINT and SIGTERM stop it as well,
// SIGTERM by draining where --drain or --next says so, and a second one at once; the end of standard input does not,
// and in the background a terminal is not read. SIGHUP reads the certificate and the tokens again.
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
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// version is set by the linker.
var version = "unknown"

type flags struct {
	Port      string           `arg:"" optional:"" help:"TCP and UDP port, 0 for any free one (default: the environment variable PORT, else 9999)."`
	Host      string           `help:"Address to listen on (default: all interfaces)." placeholder:"ADDR"`
	Plaintext string           `enum:",any" default:"" help:"Who may connect without TLS: any (default: only programs on this machine)." placeholder:"any"`
	Cert      string           `help:"Certificate, PEM (default: one made on first start)." placeholder:"FILE"`
	Key       string           `help:"Its key, PEM." placeholder:"FILE"`
	ACME      string           `help:"Get a certificate for this name of the relay from Let's Encrypt, whose terms this accepts, and renew it: TCP port 80 of the name must lead here." placeholder:"NAME"`
	TokenFile string           `help:"Let in only who shows a token of this file: one a line (docs/relay.md). SIGHUP reads it again." placeholder:"FILE"`
	State     string           `help:"Directory of what the relay keeps: the self-made certificate, bans and mutes, and what --acme gets." placeholder:"DIR"`
	Talkers   int              `help:"How many of a room are forwarded at a time, the loudest (default: 4; -1: all)." placeholder:"N"`
	PerAddr   int              `name:"per-address" help:"Connections from one IP address; more for a company behind one (default: 64)." placeholder:"N"`
	Hold      time.Duration    `help:"How long a session is kept for a client that is gone without a word (default: 60s)." placeholder:"DURATION"`
	Drain     time.Duration    `help:"How long SIGTERM and DRAIN leave clients to go elsewhere (default: SIGTERM 0s, but 10s with --next; DRAIN 10s)." placeholder:"DURATION"`
	Next      string           `help:"The relay that SIGTERM and DRAIN send clients to, and its fingerprint, in one argument." placeholder:"'ADDR SHA256:...'"`
	Replace   bool             `help:"Take the place of the tincand on this port: it gives its sockets and sends its clients over (Linux, the same user)."`
	Version   kong.VersionFlag `help:"Print the version."`
	usage.Extras
}

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
	f, code, err := parse(args, stdout, stderr)
	if code >= 0 {
		return code
	}
	if err == nil {
		err = run(ctx, f, env, stdin, stdout, stderr)
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

// parse reads the command line. A code that is not negative ends the program: help or the version has been shown.
func parse(args []string, stdout, stderr io.Writer) (f flags, code int, err error) {
	code = -1
	parser, err := usage.New(&f, kong.Name("tincand"), kong.Description("The relay of tincan: rooms for group voice. "+
		"Commands on standard input: LIST, STATS, KICK, BAN, MUTE, UNBAN, UNMUTE, BANS, DRAIN, STOP (docs/relay.md). SIGHUP reads certificate and tokens again."),
		kong.Vars{"version": "tincand " + version}, kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }))
	if err != nil {
		panic(err) // the flags themselves are wrong
	}
	if _, err = usage.Parse(parser, args); code >= 0 {
		return f, code, nil
	}
	return f, -1, err
}

// run is the program until ctx ends or the console says STOP. stdin may block
// for ever: its reader is left behind.
func run(ctx context.Context, f flags, env string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, next, err := f.config(env)
	if err != nil {
		return err
	}
	out, log := console.NewWriter(stdout, lost), console.NewWriter(stderr, lost)
	defer out.Close(endTime)
	defer log.Close(endTime)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	hangups := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	terms := make(chan os.Signal, 2)
	signal.Notify(terms, syscall.SIGTERM)
	defer signal.Stop(terms)
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
	files, err := os.Open("/proc/self/fd") // now: later there may be no file left for it
	if err == nil {
		defer files.Close()
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { reload(ctx, hangups, server, cfg.Log) })
	wg.Go(func() {
		if terminated(ctx, terms, f.Drain > 0 || f.Next != "", func() { server.Drain(0, next) }) {
			stop()
		}
	})
	wg.Go(func() {
		if commands(ctx, server, next, console.Lines(stdin), out, files) {
			stop()
		}
	})
	fmt.Fprintf(out, "to invite people: %s\n", f.howToInvite(server.Addr(), server.Fingerprint()))
	fmt.Fprintf(out, "tincand listens on %v, fingerprint %s\n", server.Addr(), server.Fingerprint())
	err = server.Serve(ctx)
	stop()
	return err
}

// reload reads what can be read again at each hang-up, until ctx ends.
func reload(ctx context.Context, hangups <-chan os.Signal, server *relay.Server, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		if err := server.Reload(); err != nil {
			log.Error("nothing is reloaded: the old certificate and tokens stay", "error", err, "fingerprint", server.Fingerprint())
			continue
		}
		log.Info("certificate and tokens are reloaded", "fingerprint", server.Fingerprint())
	}
}

// terminated waits for SIGTERM: the first one drains if it is to, and it reports true at the next. It ends with ctx.
func terminated(ctx context.Context, terms <-chan os.Signal, drains bool, drain func()) (now bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-terms:
		}
		if !drains {
			return true
		}
		drain()
		drains = false
	}
}

func otherPort(port uint16) uint16 {
	if port == 65535 {
		return netproto.DefaultPort
	}
	return port + 1
}

// parseHost reads an address of this machine, with the zone that a link-local one needs (RFC 4007).
func parseHost(text string) (netip.Addr, error) {
	host, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return host, usage.Errorf("bad --host %q: give an IP address of this machine, for example 127.0.0.1", text)
	case host.Zone() == "" && host.Is6() && host.IsLinkLocalUnicast():
		return host, usage.Errorf("bad --host %q: a link-local address needs its interface, for example %s%%eth0", text, text)
	case host.Zone() != "":
		_, number := strconv.ParseUint(host.Zone(), 10, 32)
		if _, name := net.InterfaceByName(host.Zone()); name != nil && number != nil {
			return host, usage.Errorf("bad --host %q: this machine has no network interface %s", text, host.Zone())
		}
	}
	return host, nil
}

// maxTalkers is the size of the largest room.
const maxTalkers = 1000

// config checks the flags.
func (f flags) config(env string) (cfg relay.Config, next relay.Next, err error) {
	cfg = relay.Config{Plaintext: f.Plaintext, CertFile: f.Cert, KeyFile: f.Key, ACMEName: f.ACME, TokenFile: f.TokenFile, StateDir: f.State, MaxConnsPerAddr: f.PerAddr}
	cfg.Talkers, cfg.HoldTime, cfg.DrainTime = f.Talkers, f.Hold, f.Drain
	cfg.Replace = f.Replace
	if f.Next != "" {
		if next, err = relay.ParseNext(f.Next); err != nil {
			return cfg, next, usage.Errorf("bad --next: %v", err)
		}
	}
	switch {
	case f.Hold < 0:
		return cfg, next, usage.Errorf("bad --hold %v: give a time above 0, for example 60s", f.Hold)
	case f.Drain < 0:
		return cfg, next, usage.Errorf("bad --drain %v: give a time above 0, for example 10s", f.Drain)
	case f.PerAddr < 0:
		return cfg, next, usage.Errorf("bad --per-address %d: give a number above 0", f.PerAddr)
	case f.Talkers < -1 || f.Talkers > maxTalkers:
		return cfg, next, usage.Errorf("bad --talkers %d: give a number from 1 to %d, or -1 for all", f.Talkers, maxTalkers)
	case (f.Cert == "") != (f.Key == ""):
		return cfg, next, usage.Errorf("a certificate needs its key: give both --cert and --key, or neither")
	}
	text, source := strconv.Itoa(netproto.DefaultPort), ""
	switch {
	case f.Port != "":
		text, source = f.Port, "the argument"
	case env != "":
		text, source = env, "the environment variable PORT"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return cfg, next, usage.Errorf("bad port %q from %s: give a number from 0 to 65535, for example %d", text, source, netproto.DefaultPort)
	}
	host := netip.IPv6Unspecified()
	if f.Host != "" {
		if host, err = parseHost(f.Host); err != nil {
			return cfg, next, err
		}
	}
	cfg.Addr = netip.AddrPortFrom(host, uint16(port))
	return cfg, next, nil
}
