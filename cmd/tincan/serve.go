package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// ServeCmd hosts a room.
type ServeCmd struct {
	Room string `arg:"" optional:"" help:"Room to invite to; the relay's default room if none is given."`

	Name string `short:"n" help:"Your name in it, 1 to 19 characters."`
	Join bool   `default:"true" negatable:"" help:"Join the room oneself, and end the relay on leaving it; --no-join only hosts, until Ctrl-C or for the time of --for."`
	CallOptions

	Host     string `placeholder:"NAME|ADDRESS" help:"How the others reach this machine. Default: its address in the local network."`
	Port     uint16 `default:"9999" zero:"ok" help:"TCP and UDP port; 0: any free one."`
	Unsealed bool   `help:"Put no passphrase into the invitation."`
	State    string `placeholder:"DIR" help:"Where the relay's certificate is kept. Default: in your configuration folder, as tincand has it."`
}

// Run serves until the user leaves the room, or ctx ends. The invitation goes to standard output.
func (c *ServeCmd) Run(ctx context.Context, app *kong.Kong, in io.Reader, out io.Writer) error {
	if err := c.check(); err != nil {
		return usage.Error{Err: err}
	}
	server, err := relay.Listen(relay.Config{Addr: netip.AddrPortFrom(netip.IPv6Unspecified(), c.Port), StateDir: c.State})
	if errors.Is(err, relay.ErrPortInUse) {
		return fmt.Errorf("%w: a relay runs here already, for which tincan invite makes a link; or give another port, as in --port %d", err, netproto.DefaultPort+1)
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(ctx)
		stop() // nobody waits for a relay that has ended by itself
	}()
	err = c.host(ctx, server, app.Stderr, in, out)
	stop()
	return cmp.Or(err, <-served)
}

func (c *ServeCmd) check() error {
	if c.Join && c.Name == "" {
		return errors.New("no name: tincan serve [ROOM] --name NAME; --no-join only hosts")
	}
	if c.Join {
		if err := netproto.CheckName(c.Name); err != nil {
			return fmt.Errorf("--name %q: %w", c.Name, err)
		}
	}
	if c.For < 0 {
		return errFor(c.For)
	}
	if err := netproto.CheckRoom(c.Room); err != nil {
		return fmt.Errorf("room %q: %w", c.Room, err)
	}
	return nil
}

// host prints the invitation, and joins the room or waits.
func (c *ServeCmd) host(ctx context.Context, server *relay.Server, notes io.Writer, in io.Reader, out io.Writer) error {
	host := cmp.Or(c.Host, localAddress())
	if host == "" {
		return usage.Errorf("this machine has no network now: say with --host how the others reach it")
	}
	port := strconv.Itoa(int(server.Addr().Port()))
	link := invite.Link{Address: net.JoinHostPort(host, port), Room: c.Room, Fingerprint: server.Fingerprint()}
	if !c.Unsealed {
		link.Passphrase = invite.NewPassphrase()
	}
	text, err := link.Text()
	if err != nil {
		return usage.Error{Err: fmt.Errorf("--host: %w", err)}
	}
	if c.Host == "" {
		fmt.Fprintf(notes, "for those in this network; for others give --host, and have their TCP and UDP port %s lead here\n", port)
	}
	if err := c.tellLink(out, text); err != nil {
		return err
	}
	if !c.Join {
		return c.only(ctx)
	}
	join := JoinCmd{
		Relay: net.JoinHostPort("127.0.0.1", port), Room: c.Room, Name: c.Name, CallOptions: c.CallOptions,
		Fingerprint: link.Fingerprint, secret: link.Passphrase, notice: "the others join with " + text,
	}
	return join.Run(ctx, in, out)
}

// tellLink writes the invitation, as the first line.
func (c *ServeCmd) tellLink(out io.Writer, link string) error {
	tell := &teller{json: c.JSON}
	_, err := io.WriteString(out, tell.line(jsonLine{Event: "invitation", Text: link}, link))
	return err
}

// only hosts, until ctx ends or the time is up.
func (c *ServeCmd) only(ctx context.Context) error {
	if c.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.For)
		defer stop()
	}
	<-ctx.Done()
	return nil
}

// localAddress is ours in the network that leads to the others; "": there is none. Nothing is sent.
func localAddress() string {
	for _, to := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} { // for documentation (RFC 5737, RFC 3849)
		if conn, err := net.Dial("udp", to); err == nil {
			defer conn.Close()
			return conn.LocalAddr().(*net.UDPAddr).IP.String()
		}
	}
	return ""
}
