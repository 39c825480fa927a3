package main

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/internal/web"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// cli is the command line.
type cli struct {
	Serve    flags            `cmd:"" default:"withargs" help:"Serve: what tincand does where no command is named."`
	Ctl      ctlFlags         `cmd:"" help:"Say a command to a relay that runs on this machine: LIST, ROOMS, WHO, STATS, KICK, BAN, MUTE, UNBAN, UNMUTE, BANS, DRAIN, RELOAD, PROFILE, STOP."`
	Settings settingsFlags    `cmd:"" help:"Print a file of settings for --config, with a comment on each."`
	Version  kong.VersionFlag `help:"Print the version."`
	usage.Extras
}

type flags struct {
	Port      string        `arg:"" optional:"" help:"TCP and UDP port, 0 for any free one (default: the environment variable PORT, else the setting port, else 9999)."`
	PortLine  string        `name:"port" hidden:"" help:"TCP and UDP port, where the command line and PORT do not say." placeholder:"9999"`
	Config    configFlag    `help:"File of settings, for what the command line and TINCAND_OPTION in the environment do not say." placeholder:"FILE"`
	Check     bool          `help:"Do not serve: only say what is wrong with settings, certificate and tokens."`
	Host      string        `help:"Address to listen on (default: all interfaces)." placeholder:"ADDR"`
	Plaintext string        `enum:",any" default:"" help:"Who may connect without TLS: any (default: only programs on this machine)." placeholder:"any"`
	Cert      string        `help:"Certificate, PEM (default: one made on first start)." placeholder:"FILE"`
	Key       string        `help:"Its key, PEM." placeholder:"FILE"`
	ACME      string        `help:"Get a certificate for this name of the relay from Let's Encrypt, whose terms this accepts, and renew it: TCP port 80 of the name must lead here." placeholder:"NAME"`
	TokenFile string        `help:"Let in only who shows a token of this file: one a line (docs/operating.md). SIGHUP reads it again." placeholder:"FILE"`
	State     string        `help:"Directory of what the relay keeps: the self-made certificate, bans and mutes, what --acme gets, and where tincand ctl finds it." placeholder:"DIR"`
	Sessions  int           `help:"How many may be in calls at a time (default: 16384)." placeholder:"N"`
	Rooms     int           `help:"How many rooms there may be at a time (default: as many as sessions)." placeholder:"N"`
	RoomSize  int           `help:"How many may be in a room (default: 1000)." placeholder:"N"`
	Talkers   int           `help:"How many of a room are forwarded at a time, the loudest (default: 4; -1: all)." placeholder:"N"`
	PerAddr   int           `name:"per-address" help:"Connections from one IP address; more for a company behind one (default: 64)." placeholder:"N"`
	Hold      time.Duration `help:"How long a session is kept for a client that is gone without a word (default: 60s)." placeholder:"DURATION"`
	Drain     time.Duration `help:"How long SIGTERM and DRAIN leave clients to go elsewhere (default: SIGTERM 0s, but 10s with --next; DRAIN 10s)." placeholder:"DURATION"`
	Next      string        `help:"The relay that SIGTERM and DRAIN send clients to, and its fingerprint, in one argument. SIGHUP reads the setting again." placeholder:"'ADDR SHA256:...'"`
	clusterFlags
	Web      bool       `help:"Show the page for browsers on the relay's TCP port: https://NAME:PORT/, on this machine http://localhost:PORT/ too."`
	WebUDP   int        `name:"web-udp" help:"UDP port by which browsers send datagrams (default: the port after the relay's own; -1: none, all goes by TCP)." placeholder:"N"`
	Replace  bool       `help:"Take the place of the tincand on this port: it gives its sockets and sends its clients over (Linux, the same user)."`
	Metrics  string     `help:"Serve /metrics, /healthz and /readyz by HTTP on this port of this machine, or address and port (default: not at all)." placeholder:"[ADDR:]PORT"`
	LogLevel slog.Level `zero:"ok" default:"info" help:"Least weight of lines in the log: debug (who comes and goes), info, warn or error. SIGHUP reads the setting again." placeholder:"LEVEL"`
	LogJSON  bool       `name:"log-json" help:"Write the log as JSON, an object per line."`
	LogAddrs bool       `name:"log-addresses" help:"Write clients' addresses into the log."`
}

// newSettings are the settings of a relay.
func newSettings() *usage.Settings {
	return &usage.Settings{Prefix: "TINCAND_", Commands: []string{"serve"}, Lists: "tincand settings", Once: []string{"config", "check", "replace"}}
}

// configFlag names a file of settings.
type configFlag string

// BeforeResolve is called by kong.
func (configFlag) BeforeResolve(ctx *kong.Context, path *kong.Path, s *usage.Settings) error {
	return s.Load(string(ctx.FlagValue(path.Flag).(configFlag)), true)
}

// settingsFlags is the command that prints a file of settings.
type settingsFlags struct{}

func (settingsFlags) run(out io.Writer) error {
	parser, _ := newParser(new(cli), newSettings())
	_, err := io.WriteString(out, newSettings().Example(parser.Model, "tincand --config FILE"))
	return err
}

// parse reads the command line. A code that is not negative ends the program: help or the version has been shown.
func parse(args []string, stdout, stderr io.Writer) (c cli, command string, code int, err error) {
	code = -1
	parser, err := newParser(&c, newSettings(), kong.Writers(stdout, stderr), kong.Exit(func(n int) { code = n }))
	if err != nil {
		panic(err) // the flags themselves are wrong
	}
	parsed, err := usage.Parse(parser, args)
	if code >= 0 || err != nil {
		return c, "", code, err
	}
	return c, parsed.Selected().Name, -1, nil
}

func newParser(c *cli, s *usage.Settings, more ...kong.Option) (*kong.Kong, error) {
	return usage.New(c, append(more, kong.Name("tincand"), kong.Description("The relay of tincan: rooms for group voice. "+
		"tincand serve --help lists the options. Commands come by standard input or tincand ctl (docs/operating.md). SIGHUP reads settings, certificate and tokens again."),
		kong.Vars{"version": "tincand " + version}, kong.Bind(s), kong.Resolvers(s))...)
}

// logHandler writes lines of log, without what tells where somebody is unless that is asked for.
func (f flags) logHandler(to io.Writer, level *slog.LevelVar) slog.Handler {
	level.Set(f.LogLevel)
	options := &slog.HandlerOptions{Level: level}
	if !f.LogAddrs {
		options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			switch a.Value.Any().(type) {
			case netip.Addr, netip.AddrPort:
				return slog.Attr{}
			}
			return a
		}
	}
	if f.LogJSON {
		return slog.NewJSONHandler(to, options)
	}
	return slog.NewTextHandler(to, options)
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

func isAddress(text string) bool {
	_, err := netip.ParseAddrPort(text)
	return err == nil
}

// maxTalkers is the size of the largest room.
const maxTalkers = 1000

// config checks the flags.
func (f flags) config(env string) (cfg relay.Config, next relay.Next, err error) {
	cfg = relay.Config{Plaintext: f.Plaintext, CertFile: f.Cert, KeyFile: f.Key, ACMEName: f.ACME, TokenFile: f.TokenFile, StateDir: f.State, MaxConnsPerAddr: f.PerAddr}
	cfg.Talkers, cfg.HoldTime, cfg.DrainTime = f.Talkers, f.Hold, f.Drain
	cfg.MaxSessions, cfg.MaxRooms, cfg.MaxRoomSize = f.Sessions, f.Rooms, f.RoomSize
	cfg.Replace = f.Replace
	if cfg.Cluster, _, err = f.options(); err != nil {
		return cfg, next, err
	}
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
	case f.Sessions < 0 || f.Rooms < 0 || f.RoomSize < 0:
		return cfg, next, usage.Errorf("bad --sessions, --rooms or --room-size: give numbers above 0")
	case f.PerAddr < 0:
		return cfg, next, usage.Errorf("bad --per-address %d: give a number above 0", f.PerAddr)
	case f.Talkers < -1 || f.Talkers > maxTalkers:
		return cfg, next, usage.Errorf("bad --talkers %d: give a number from 1 to %d, or -1 for all", f.Talkers, maxTalkers)
	case f.Metrics != "" && !isAddress(metricsAddress(f.Metrics)):
		return cfg, next, usage.Errorf("bad --metrics %q: give a port, or an IP address of this machine and a port, for example 127.0.0.1:9998", f.Metrics)
	case (f.Cert == "") != (f.Key == ""):
		return cfg, next, usage.Errorf("a certificate needs its key: give both --cert and --key, or neither")
	}
	if f.WebUDP < -1 || f.WebUDP > 65535 {
		return cfg, next, usage.Errorf("bad --web-udp %d: give a number from 1 to 65535, or -1 for none", f.WebUDP)
	}
	if f.Web {
		if web.Files == nil {
			return cfg, next, usage.Errorf("--web: this tincand was built without the page: build it with make build, or with make web and go build -tags web ./cmd/tincand")
		}
		cfg.Web = relay.Web{Files: web.Files, Port: f.WebUDP, Version: version}
	}
	text, source := strconv.Itoa(netproto.DefaultPort), ""
	switch {
	case f.Port != "":
		text, source = f.Port, "the argument"
	case env != "":
		text, source = env, "the environment variable PORT"
	case f.PortLine != "":
		text, source = f.PortLine, "the settings"
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
