package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/tip"
	"github.com/tincan-voice/tincan/internal/usage"
)

// BridgeCmd lets TIP_Project's clients into a room.
type BridgeCmd struct {
	Relay string `arg:"" help:"Relay: HOST or HOST:PORT (port 9999 if none is given), or an invitation: 'tincan://...'."`

	Room           string `short:"r" help:"Room of the relay; the default room if none is given."`
	Listen         string `default:"127.0.0.1:9998" placeholder:"ADDRESS:PORT" help:"Where TIP_Project's clients connect, TCP and UDP; 0.0.0.0 is all of this machine's. What they say and hear is not encrypted there."`
	PassphraseFile string `placeholder:"FILE" help:"The room's passphrase, from a file. Or set TINCAN_PASSPHRASE."`
	Fingerprint    string `placeholder:"SHA256:...|verified" help:"As for join."`
	KnownRelays    string `placeholder:"FILE" help:"As for join."`
}

// Run bridges until ctx ends.
func (c *BridgeCmd) Run(ctx context.Context, app *kong.Kong, in io.Reader) error {
	addr, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return usage.Errorf("--listen %s: write an address and a port, as in 0.0.0.0:9998", c.Listen)
	}
	join := JoinCmd{
		Relay: c.Relay, Room: c.Room, PassphraseFile: c.PassphraseFile, Fingerprint: c.Fingerprint, KnownRelays: c.KnownRelays,
		CallOptions: CallOptions{Bitrate: codec.DefaultBitrate},
	}
	if err := join.accept(); err != nil {
		return usage.Error{Err: err}
	}
	if err := join.checkPassphrase(); err != nil {
		return usage.Error{Err: err}
	}
	cfg := tip.Config{Listen: addr, Join: join.config(), Log: slog.New(slog.NewTextHandler(app.Stderr, nil))}
	if cfg.Join.Passphrase, err = join.passphrase(ctx, in); err != nil {
		return err
	}
	server, err := tip.Listen(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.Stderr, "TIP_Project's clients join at %s\n", server.Addr())
	return server.Serve(ctx)
}
