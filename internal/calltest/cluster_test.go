package calltest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/mesh"
	"github.com/tincan-voice/tincan/relay"
)

var clusterSecret = []byte("a secret of thirty-two characters")

// freePorts are TCP ports of loopback that nobody has.
func freePorts(t *testing.T, n int) (ports []netip.AddrPort) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).AddrPort())
	}
	return ports
}

// startCluster runs relays with a NATS server in each, the first of which the others know. Those beyond the first have
// the secrets given, if any are.
func startCluster(t *testing.T, relays int, secrets ...[]byte) (servers []*relay.Server) {
	t.Helper()
	return startClusterOf(t, relay.Config{}, relays, secrets...)
}

// startClusterOf is that, of relays with something in their configuration.
func startClusterOf(t *testing.T, cfg relay.Config, relays int, secrets ...[]byte) (servers []*relay.Server) {
	t.Helper()
	ports := freePorts(t, relays)
	for i := range relays {
		o := mesh.Options{Listen: ports[i], Secret: clusterSecret, Log: slog.New(slog.DiscardHandler)}
		if i > 0 {
			o.Peers = []string{ports[0].String()}
			if i <= len(secrets) {
				o.Secret = secrets[i-1]
			}
		}
		bus, err := mesh.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(bus.Close)
		cfg.Cluster = &relay.Cluster{Number: i + 1, Secret: o.Secret, Address: netip.MustParseAddr("127.0.0.1"), Bus: bus}
		servers = append(servers, StartRelay(t, cfg))
	}
	return servers
}

// Three relays with NATS servers in them: who joins at any of them hears all others, with sender keys. A ban at one
// holds at all, and whoever ends is gone.
func TestCluster(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 3)
	for _, s := range servers {
		Eventually(t, "all relays are there", func() bool { return len(s.Peers()) == 2 })
	}
	var calls []*engine.Call
	for i, s := range servers {
		calls = append(calls, Join(t, s.Addr().String(), fmt.Sprint("P", i), engine.Config{
			Room: "tea", Passphrase: "of all of them", Source: Babble(uint64(i)),
		}))
	}
	for i, c := range calls {
		heard := make(map[string]bool)
		Await(t, c, fmt.Sprint("P", i, " hears both others"), func(e engine.PeerTalking) bool {
			heard[e.Name] = heard[e.Name] || e.Talking
			return len(heard) == 2
		})
	}
	for _, s := range servers {
		if st := s.Stats(); st.Relayed == 0 || len(s.Clients()) != 1 {
			t.Errorf("%d datagrams went to other relays; clients: %+v", st.Relayed, s.Clients())
		}
	}
	if err := servers[0].Ban("203.0.113.7", 1e12, "noise"); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		Eventually(t, "the ban holds", func() bool { return len(s.Sanctions()) == 1 })
	}
	if err := servers[2].Lift("203.0.113.7", false); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		Eventually(t, "the ban is lifted", func() bool { return len(s.Sanctions()) == 0 })
	}
	calls[1].Leave()
	Await(t, calls[2], "P1 has left", func(e engine.PeerLeft) bool { return e.Name == "P1" })
	if err := servers[0].Close(); err != nil {
		t.Fatal(err)
	}
	Await(t, calls[2], "P0's relay has ended", func(e engine.PeerLeft) bool { return e.Name == "P0" })
	Eventually(t, "one relay is gone", func() bool { return len(servers[2].Peers()) == 1 })
}

// Who has rights has them over those at other relays too, in its room alone; that is decided where the other one is.
func TestClusterOrders(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("aaaaaaaaaaaa\nbbbbbbbbbbbb right=kick right=mute right=ban\ncccccccccccc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := startClusterOf(t, relay.Config{TokenFile: tokens}, 2)
	join := func(at int, name, room, token string) *engine.Call {
		return Join(t, servers[at].Addr().String(), name, engine.Config{Room: room, Token: token})
	}
	mod, ann := join(0, "Mod", "tea", "bbbbbbbbbbbb"), join(1, "Ann", "tea", "aaaaaaaaaaaa")
	far := join(1, "Far", "coffee", "aaaaaaaaaaaa")
	Eventually(t, "Ann is there", func() bool { return len(mod.Stats().Peers) == 1 })
	if err := ann.Moderate(mod.Session(), 0, 0, "no right"); !errors.Is(err, engine.ErrNotAllowed) {
		t.Errorf("Ann may: %v", err)
	}
	if err := mod.Moderate(far.Session(), 0, 0, "another room"); err != nil {
		t.Fatal(err)
	}
	Await(t, mod, "that is not done", func(engine.RelayComplained) bool { return true })
	if err := mod.Moderate(ann.Session(), time.Minute, 0, "noise"); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		Eventually(t, "Ann is muted", func() bool { return len(s.Sanctions()) == 1 && s.Sanctions()[0].Mute })
	}
	if err := mod.Moderate(ann.Session(), 0, 0, "enough"); err != nil {
		t.Fatal(err)
	}
	Await(t, ann, "Ann is sent away", func(e engine.Ended) bool { return e.Err != nil && strings.Contains(e.Err.Error(), "enough") })
	Eventually(t, "Mod sees it", func() bool { return len(mod.Stats().Peers) == 0 })
	if n := len(servers[1].Clients()); n != 1 {
		t.Errorf("%d are left at the other relay: Far has to be", n)
	}
	eve := join(1, "Eve", "tea", "cccccccccccc")
	Eventually(t, "Eve is there", func() bool { return len(mod.Stats().Peers) == 1 })
	if err := mod.Moderate(eve.Session(), 0, time.Minute, "for good"); err != nil {
		t.Fatal(err)
	}
	Await(t, eve, "Eve is banned", func(e engine.Ended) bool { return e.Err != nil && strings.Contains(e.Err.Error(), "for good") })
	for i, s := range servers {
		Eventually(t, "her token is banned at all relays", func() bool {
			return slices.ContainsFunc(s.Sanctions(), func(b relay.Sanction) bool { return !b.Mute })
		})
		_, err := engine.Join(context.Background(), engine.Config{Address: s.Addr().String(), Name: "Eve", Room: "tea", Token: "cccccccccccc", Plaintext: true})
		if err == nil || !strings.Contains(err.Error(), "banned") {
			t.Errorf("she comes again to relay %d: %v", i, err)
		}
	}
}

// A relay with another secret is no part of it.
func TestClusterOtherSecret(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 3, []byte("another secret of thirty-two letters"))
	Eventually(t, "those two are there", func() bool { return len(servers[0].Peers()) == 1 && len(servers[2].Peers()) == 1 })
	if n := servers[1].Peers(); len(n) != 0 {
		t.Errorf("%v", n)
	}
}
