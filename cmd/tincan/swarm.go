package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tincan-voice/tincan/internal/swarm"
)

// SwarmCmd loads a relay.
type SwarmCmd struct {
	Relay string `arg:"" help:"Relay to load: HOST or HOST:PORT (port 9999 if none is given). Load only relays that are yours."`

	Also []string `help:"Other relays of its cluster: the members of each room are spread over all." placeholder:"HOST:PORT,..."`

	Clients int           `default:"500" help:"Clients in all, each with its own connection, socket and session."`
	Rooms   int           `default:"1" help:"Rooms that the clients are spread over."`
	Talkers int           `default:"2" zero:"ok" help:"Talkers per room, 50 datagrams per second each. A relay forwards the loudest 4 unless told otherwise; what more talkers say counts as lost. 0: nobody talks."`
	For     time.Duration `default:"30s" help:"How long they talk."`
	Rate    int           `default:"250" help:"Joins per second."`
	Size    int           `default:"60" help:"Mean size of an Opus frame in bytes."`
	Tunnel  int           `zero:"ok" placeholder:"PERCENT" help:"So many of the clients send and get their datagrams by TCP."`
	Probe   time.Duration `help:"Time between two probes of a client (default: as real clients do, 1s while they talk and else 2s)."`

	Churn int `zero:"ok" placeholder:"N" help:"Beside the talking, so many people per second come, stay for 2 s and go."`
	Roam  int `zero:"ok" placeholder:"N" help:"So many clients per second change their address."`
	Noise int `zero:"ok" placeholder:"N" help:"So many datagrams per second are malformed, forged or repeated."`

	Plaintext bool `help:"Connect without TLS, for a relay on this machine. With TLS any certificate is taken, as nothing secret is said."`
	JSON      bool `help:"Write the report as a JSON object."`
}

// Validate is called by kong: what is wrong here is wrong with the command line.
func (c *SwarmCmd) Validate() error {
	return c.config().Validate()
}

func (c *SwarmCmd) config() swarm.Config {
	return swarm.Config{
		Address: c.Relay, Also: c.Also, Clients: c.Clients, Rooms: c.Rooms, Talkers: c.Talkers,
		For: c.For, Rate: c.Rate, Size: c.Size, Probe: c.Probe, Tunnel: c.Tunnel, Churn: c.Churn, Roam: c.Roam, Noise: c.Noise, Plaintext: c.Plaintext,
	}
}

// Run loads the relay and writes the report.
func (c *SwarmCmd) Run(ctx context.Context, out io.Writer) error {
	cfg := c.config()
	if !c.JSON {
		cfg.Progress = func(text string) { fmt.Fprintln(out, text) }
	}
	report, err := swarm.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if c.JSON {
		return report.WriteJSON(out)
	}
	return report.WriteText(out)
}
