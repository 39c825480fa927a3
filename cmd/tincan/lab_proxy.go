package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/udpproxy"
	"github.com/tincan-voice/tincan/internal/usage"
)

// LabProxyCmd imitates a network between real programs.
type LabProxyCmd struct {
	Listen  string `help:"HOST:PORT for clients, TCP and UDP." default:"127.0.0.1:0"`
	To      string `help:"Relay: HOST or HOST:PORT (port 9999 if none is given)." required:""`
	Network string `help:"Preset network, for each client its own (tincan lab presets lists them)." default:"wifi" placeholder:"PRESET"`
	Seed    uint64 `zero:"ok" help:"The same seed gives the same networks." default:"1"`
}

// Validate is called by kong.
func (c *LabProxyCmd) Validate() error {
	if _, err := net.ResolveTCPAddr("tcp", c.Listen); err != nil {
		return fmt.Errorf("--listen: %w; write HOST:PORT, port 0 for any", err)
	}
	return checkPreset(c.Network)
}

// Run passes datagrams on until it is interrupted.
func (c *LabProxyCmd) Run(ctx context.Context, out io.Writer) error {
	relay, err := address.Parse(c.To)
	if err != nil {
		return usage.Errorf("--to: %w", err)
	}
	const flows = 1 << 20 // seeds apart: no two flows of two proxies meet
	p, err := udpproxy.Start(udpproxy.Config{
		Listen: c.Listen, Target: relay.String(),
		Network: func(number uint64) (up, down netsim.Link) {
			up, down, err := netsim.Preset(c.Network, c.Seed*flows+number)
			if err != nil {
				panic(err) // checked by Validate
			}
			return up, down
		},
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "network %q listens on %s, TCP and UDP, and passes on to %s\n", c.Network, p.Addr(), relay); err != nil {
		return err
	}
	<-ctx.Done()
	s := p.Stats()
	if err := p.Close(); err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		udpproxy.Counters
	}{{"up", s.Up}, {"down", s.Down}} {
		if _, err := fmt.Fprintf(out, "%s: %d datagrams, %d lost, %d refused, %d delivered\n", d.name, d.Received, d.Lost, d.Refused, d.Delivered); err != nil {
			return err
		}
	}
	return nil
}
