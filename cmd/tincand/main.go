// Command tincand is the relay of tincan.
//
//	tincand [PORT] [--plaintext any] [--cert FILE --key FILE] [--state DIR]
//	        [--host ADDR] [--talkers N] [--per-address N]
//
// It reads commands from standard input: STOP tells everyone and exits, LIST
// shows who is there, STATS counts what went through and what was dropped. SIGINT and SIGTERM stop it as well; the end of standard
// input does not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"

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
	State     string           `help:"Directory of the self-made certificate." placeholder:"DIR"`
	Talkers   int              `help:"How many of a room are forwarded at a time, the loudest (default: 4; below 0: all)." placeholder:"N"`
	PerAddr   int              `name:"per-address" help:"Connections from one IP address; more for a company behind one (default: 64)." placeholder:"N"`
	Version   kong.VersionFlag `help:"Print the version."`
}

// gcPercent trades a little CPU for memory: a relay makes garbage only when
// people come and go, and most of what it has is idle sessions.
const gcPercent = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	var f flags
	kong.Parse(&f, kong.Name("tincand"), kong.Description("The relay of tincan: rooms for group voice."),
		kong.Vars{"version": version})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, f, os.Getenv("PORT"), os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "tincand:", err)
		os.Exit(1)
	}
}

// run is the program until ctx ends or the console says STOP. stdin may block
// for ever: its reader is left behind.
func run(ctx context.Context, f flags, env string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := f.config(env)
	if err != nil {
		return err
	}
	cfg.Log = slog.New(slog.NewTextHandler(stderr, nil))
	server, err := relay.Listen(cfg)
	switch {
	case errors.Is(err, relay.ErrPortInUse):
		return fmt.Errorf("%w: stop it, or give another port: tincand %d", err, otherPort(cfg.Addr.Port()))
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: ports below 1024 and some directories need more rights; give another port or --state DIR", err)
	case err != nil:
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if console(server, stdin, stdout) {
			stop()
		}
	}()
	fmt.Fprintf(stdout, "tincand listens on %v, fingerprint %s\n", server.Addr(), server.Fingerprint())
	return server.Serve(ctx)
}

func otherPort(port uint16) uint16 {
	if port == 65535 {
		return netproto.DefaultPort
	}
	return port + 1
}

// config checks the flags.
func (f flags) config(env string) (relay.Config, error) {
	cfg := relay.Config{Plaintext: f.Plaintext, CertFile: f.Cert, KeyFile: f.Key, StateDir: f.State, MaxConnsPerAddr: f.PerAddr}
	cfg.Core.Talkers = f.Talkers
	if f.PerAddr < 0 {
		return cfg, fmt.Errorf("bad --per-address %d: give a number above 0", f.PerAddr)
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
		return cfg, fmt.Errorf("bad port %q from %s: give a number from 0 to 65535, for example %d", text, source, netproto.DefaultPort)
	}
	host := netip.IPv6Unspecified()
	if f.Host != "" {
		if host, err = netip.ParseAddr(f.Host); err != nil {
			return cfg, fmt.Errorf("bad address %q: give an IP address of this machine, for example 127.0.0.1", f.Host)
		}
	}
	cfg.Addr = netip.AddrPortFrom(host, uint16(port))
	return cfg, nil
}
