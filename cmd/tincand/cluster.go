//go:build !nocluster

package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/tincan-voice/tincan/internal/mesh"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/relay"
)

// clusterFlags make a relay one of several.
type clusterFlags struct {
	Cluster        int    `help:"Be one of several relays that carry the same rooms (docs/cluster.md): this one's number, 1 to 63, which no other has." placeholder:"NUMBER"`
	ClusterSecret  string `help:"What the relays of the cluster share: a file with 16 random bytes or more, as text or not." placeholder:"FILE"`
	ClusterAddress string `help:"Where the others reach this one: by UDP, at its own port, and by TCP, at this port (default: 9997)." placeholder:"ADDR[:PORT]"`
	Peers          string `help:"Where the other relays are reached by TCP, as their --cluster-address says, with commas between them." placeholder:"ADDR[:PORT],..."`
	NATS           string `name:"nats" help:"A NATS server that all relays of the cluster use, in the place of those in them; without --peers then." placeholder:"URL"`
}

// clusterPort is where relays reach each other by TCP.
const clusterPort = 9997

// cluster begins to reach the other relays. The Bus is nil where there are none.
func (f clusterFlags) cluster(log *slog.Logger) (*relay.Cluster, *mesh.Bus, error) {
	c, o, err := f.options()
	if c == nil || err != nil {
		return nil, nil, err
	}
	o.Log = log
	bus, err := mesh.Start(o)
	if err != nil {
		return nil, nil, err
	}
	c.Bus = bus
	return c, bus, nil
}

// options checks the flags.
func (f clusterFlags) options() (c *relay.Cluster, o mesh.Options, err error) {
	if f.Cluster == 0 {
		if f.ClusterSecret != "" || f.ClusterAddress != "" || f.Peers != "" || f.NATS != "" {
			return nil, o, usage.Errorf("--cluster-secret, --cluster-address, --peers and --nats are of no use without --cluster NUMBER")
		}
		return nil, o, nil
	}
	at, err := clusterAddress(f.ClusterAddress)
	switch {
	case f.ClusterAddress == "":
		return nil, o, usage.Errorf("--cluster needs --cluster-address, an address of this machine at which the other relays reach it, for example 192.0.2.7")
	case err != nil:
		return nil, o, usage.Errorf("bad --cluster-address %q: give an IP address of this machine that the other relays reach, and perhaps a port, for example 192.0.2.7:%d", f.ClusterAddress, clusterPort)
	case f.ClusterSecret == "":
		return nil, o, usage.Errorf("--cluster needs --cluster-secret, a file with what all its relays share: head -c 32 /dev/urandom | base64 > FILE makes one")
	case f.NATS != "" && f.Peers != "":
		return nil, o, usage.Errorf("give --peers or --nats, not both")
	}
	if u, err := url.Parse(f.NATS); f.NATS != "" && (err != nil || u.Host == "") {
		return nil, o, usage.Errorf("bad --nats %q: give a URL, for example tls://nats.example:4222", f.NATS)
	}
	secret, err := os.ReadFile(f.ClusterSecret)
	if err != nil {
		return nil, o, fmt.Errorf("the secret of the cluster: %w", err)
	}
	secret = bytes.TrimSpace(secret)
	o = mesh.Options{Listen: at, URL: f.NATS, Secret: secret}
	for p := range strings.SplitSeq(f.Peers, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		if peer, err := clusterAddress(p); err == nil {
			p = peer.String()
		} else if !strings.Contains(p, ":") {
			p = fmt.Sprintf("%s:%d", p, clusterPort)
		}
		o.Peers = append(o.Peers, p)
	}
	return &relay.Cluster{Number: f.Cluster, Secret: secret, Address: at.Addr()}, o, nil
}

// clusterAddress reads an IP address, with a port perhaps.
func clusterAddress(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(a, clusterPort), nil
	}
	return netip.ParseAddrPort(text)
}
