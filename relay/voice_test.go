package relay

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

func netprotoReason(n int) netproto.Package {
	return netproto.UnknownError{Reason: strings.Repeat("x", n)}
}

// voiceClient is a client with voice over real sockets.
type voiceClient struct {
	*tipClient
	udp     *net.UDPConn
	tunnel  *testTunnel // if there, in place of udp
	web     *testWeb    // the same
	relay   netip.AddrPort
	name    string
	room    string
	session uint32
	resume  string // of the last answer to a name
	hop     netproto.HopKey
	tag     *netproto.TagKey
	tagger  *netproto.HopTagger
	up      *netproto.Sealer
	down    *netproto.Sealer
	seal    *netproto.Sealer
	seq     [8]uint32
}

func key32(t *testing.T, v any) [32]byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(v.(string))
	if err != nil || len(b) != 32 {
		t.Fatalf("key %v: %v", v, err)
	}
	return [32]byte(b)
}

// joinVoice logs in with VOICE 1 and settles the path.
func joinVoice(t *testing.T, s *Server, room, name string) *voiceClient {
	t.Helper()
	c := logIn(t, s, dialTIP(t, s), room, name)
	c.bind()
	c.settle()
	return c
}

// logIn logs in with VOICE 1 by that connection.
func logIn(t *testing.T, s *Server, conn *tipClient, room, name string) *voiceClient {
	t.Helper()
	c := &voiceClient{tipClient: conn, relay: s.Addr(), name: name, room: room, tagger: netproto.NewHopTagger()}
	if c.relay.Addr().IsUnspecified() {
		c.relay = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), c.relay.Port())
	}
	c.send(fmt.Sprintf(`{"KEY": 2, "NAME": %q, "VOICE": 9, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ROOM": %q}`, name, room))
	users := c.want(3)
	if len(users["USERS"].([]any)) != len(users["SESSIONS"].([]any)) {
		t.Fatalf("%v", users)
	}
	p := c.want(6)
	if p["VOICE"] != 1.0 {
		t.Fatalf("%v", p)
	}
	hop := netproto.HopKey(key32(t, p["HOP_KEY"]))
	c.hop, c.session, c.resume = hop, uint32(p["SESSION"].(float64)), p["RESUME"].(string)
	c.tag, c.up, c.down = hop.TagKey(), netproto.NewSealer(hop.Up()), netproto.NewSealer(hop.Down())
	c.seal = netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, c.session, 0))
	return c
}

// bind opens a new UDP socket, as after a change of network.
func (c *voiceClient) bind() {
	c.t.Helper()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		c.t.Fatal(err)
	}
	c.udp = udp
	c.t.Cleanup(func() { _ = udp.Close() })
}

func (c *voiceClient) write(d []byte) {
	c.t.Helper()
	switch {
	case c.web != nil:
		c.web.write(d)
		return
	case c.tunnel != nil:
		c.tunnel.write(d)
		return
	}
	if _, err := c.udp.WriteToUDPAddrPort(d, c.relay); err != nil {
		c.t.Fatal(err)
	}
}

func (c *voiceClient) sealed(t netproto.Type, body []byte) []byte {
	c.seq[t]++
	return c.up.Seal(nil, netproto.Header{Type: t, Session: c.session, Seq: c.seq[t]}, body)
}

// read returns the next datagram, or nil after the wait. As a NAT or a connected socket
// does, it takes them from the address that was asked only.
func (c *voiceClient) read(wait time.Duration) []byte {
	switch {
	case c.web != nil:
		return c.web.read(wait)
	case c.tunnel != nil:
		return c.tunnel.read(wait)
	}
	buf := make([]byte, 1500)
	_ = c.udp.SetReadDeadline(time.Now().Add(wait))
	for {
		n, from, err := c.udp.ReadFromUDPAddrPort(buf)
		switch {
		case err != nil:
			return nil
		case from == c.relay:
			return buf[:n]
		}
	}
}

// settle proves the socket's address: probe, challenge, reply, and a last
// probe whose ack says that the reply has been taken.
func (c *voiceClient) settle() {
	c.t.Helper()
	for range 50 {
		c.write(c.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 1})))
		for d := c.read(200 * time.Millisecond); d != nil; d = c.read(200 * time.Millisecond) {
			h, _ := netproto.ParseHeader(d)
			if h.Type != netproto.TypeChallenge {
				continue
			}
			body, err := c.down.Open(nil, d)
			if err != nil {
				c.t.Fatal(err)
			}
			c.write(c.sealed(netproto.TypeChallengeReply, body))
			c.write(c.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 2})))
			for d := c.read(5 * time.Second); d != nil; d = c.read(5 * time.Second) {
				if body, err := c.down.Open(nil, d); err == nil {
					if ack, err := netproto.ParseProbeAck(body); err == nil && ack.Echo == 2 {
						return
					}
				}
			}
		}
	}
	c.t.Fatal("no challenge")
}

// say sends a datagram of voice and returns it as listeners should get it.
func (c *voiceClient) say(body string) []byte {
	c.seq[netproto.TypeVoice]++
	d := c.seal.Seal(nil, netproto.Header{Session: c.session, Seq: c.seq[netproto.TypeVoice], Level: 20, Voice: true}, []byte(body))
	d = netproto.AppendHop(d, netproto.Hop{Count: uint8(c.seq[netproto.TypeVoice] % netproto.HopCounts)})
	c.write(c.tagger.Append(c.tag, slices.Clone(d)))
	return d
}

// hear collects datagrams of voice until it has n, and splits bundles.
func (c *voiceClient) hear(n int) (heard [][]byte) {
	c.t.Helper()
	for len(heard) < n {
		d := c.read(5 * time.Second)
		if d == nil {
			c.t.Fatalf("session %d heard %d datagrams, want %d", c.session, len(heard), n)
		}
		switch t, _ := netproto.DatagramType(d); t {
		case netproto.TypeVoice:
			heard = append(heard, d)
		case netproto.TypeBundle:
			items, err := netproto.ParseBundle(nil, d)
			if err != nil {
				c.t.Fatal(err)
			}
			heard = append(heard, items...)
		}
	}
	return heard
}

// silent wants no voice in the box: who has talked is told how it fares.
func (c *voiceClient) silent() {
	c.t.Helper()
	for d := c.read(50 * time.Millisecond); d != nil; d = c.read(50 * time.Millisecond) {
		if t, _ := netproto.DatagramType(d); t == netproto.TypeVoice || t == netproto.TypeBundle {
			c.t.Fatalf("session %d heard %x", c.session, d)
		}
	}
}

// exchange: everybody says something, everybody else hears exactly that.
func exchange(t *testing.T, clients []*voiceClient, rounds int) {
	t.Helper()
	said := make([][][]byte, len(clients))
	for r := range rounds {
		for i, c := range clients {
			said[i] = append(said[i], c.say(fmt.Sprintf("round %d of %d", r, i)))
		}
	}
	for i, c := range clients {
		var want [][]byte
		for j := range clients {
			if j != i {
				want = append(want, said[j]...)
			}
		}
		relaytest.SameSet(t, c.hear(len(want)), want)
	}
}

// everyone is heard, by two workers.
func everyone() Config { return Config{Workers: 2, Talkers: -1} }

func TestTenInOneRoom(t *testing.T) {
	s := startServer(t, everyone())
	var clients []*voiceClient
	for i := range 10 {
		clients = append(clients, joinVoice(t, s, "", fmt.Sprint(i)))
	}
	exchange(t, clients, 3)
	for _, c := range clients {
		c.silent()
	}
}

func TestTenRoomsOfTwo(t *testing.T) {
	s := startServer(t, everyone())
	var wg sync.WaitGroup
	for i := range 10 {
		room := fmt.Sprint("room ", i)
		pair := []*voiceClient{joinVoice(t, s, room, "a"), joinVoice(t, s, room, "b")}
		wg.Go(func() { exchange(t, pair, 20) })
	}
	wg.Wait()
}

func TestLegacyGetsNoVoice(t *testing.T) {
	s := startServer(t, Config{})
	legacy := dialTIP(t, s)
	legacy.login("old", "old")
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	legacy.send(fmt.Sprintf(`{"KEY": 7, "PORT": %d}`, udp.LocalAddr().(*net.UDPAddr).Port))
	legacy.want(0)
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	for n := 1; n < 3; { // lists that follow each other closely are sent as one
		n = len(legacy.want(3)["USERS"].([]any))
	}
	exchange(t, []*voiceClient{a, b}, 2)
	_ = udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := udp.Read(make([]byte, 1500)); err == nil {
		t.Errorf("%d bytes for a client that cannot play them", n)
	}
}

func TestNothingForgedIsForwarded(t *testing.T) {
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	good := a.say("good")
	relaytest.SameSet(t, b.hear(1), [][]byte{good})
	tagged := a.tagger.Append(a.tag, slices.Clone(good))
	for i := range tagged { // tampered with, at every place
		d := slices.Clone(tagged)
		d[i] ^= 0x10
		a.write(d)
	}
	a.write(tagged)                                     // replayed
	b.write(tagged)                                     // replayed from elsewhere
	a.write(b.tagger.Append(b.tag, slices.Clone(good))) // foreign
	a.write(good)                                       // without a tag
	rng := rand.New(rand.NewPCG(5, 5))
	for range 500 {
		d := make([]byte, 1+rng.IntN(200))
		for i := range d {
			d[i] = byte(rng.Uint32())
		}
		a.write(d)
	}
	last := a.say("the next thing heard")
	relaytest.SameSet(t, b.hear(1), [][]byte{last})
	b.silent()
}

func TestAddressChange(t *testing.T) {
	t.Parallel()
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	exchange(t, []*voiceClient{a, b}, 2)
	for range 5 { // some of these ports belong to the other worker
		b.bind()
		b.settle()
		exchange(t, []*voiceClient{a, b}, 2)
	}
}

func TestEpochAfterLeave(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	a.want(3)
	b.send(`{"KEY": 4}`)
	p := a.want(3)
	if len(p["USERS"].([]any)) != 1 || p["EPOCH"].(float64) < 2 {
		t.Errorf("%v", p)
	}
	key32(t, p["MEDIA_KEY"])
}
