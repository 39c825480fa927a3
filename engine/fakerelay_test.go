package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// fakeRelay is the least that a Call can talk to: one room, real loopback sockets.
type fakeRelay struct {
	t     testing.TB
	tcp   net.Listener
	udp   *net.UDPConn
	loops sync.WaitGroup

	mu      sync.Mutex
	epoch   uint32
	secret  netproto.RoomSecret
	clients map[uint32]*fakeClient
	last    uint32
	reports []netproto.Report
	nacks   int
	lose    uint32 // each so manyth datagram of voice, 0: none

	// answer, if set, replaces the usual answer to SEND_NICKNAME.
	answer func(conn net.Conn)
}

type fakeClient struct {
	conn net.Conn
	name string
	hop  netproto.HopKey
	addr netip.AddrPort // proven by challenge
	seq  uint32

	came, went uint16 // datagrams of voice
}

// startRelay runs a relay until the test ends; cert nil means plain TCP.
func startRelay(t testing.TB, cert *tls.Certificate, answer func(net.Conn)) *fakeRelay {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	if cert != nil {
		tcp = tls.NewListener(tcp, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS13})
	}
	r := &fakeRelay{t: t, tcp: tcp, udp: udp, epoch: 1, secret: testSecret, clients: map[uint32]*fakeClient{}, answer: answer}
	r.loops.Go(r.accept)
	r.loops.Go(r.forward)
	t.Cleanup(r.die)
	return r
}

// die closes everything at once, as a crash does.
func (r *fakeRelay) die() {
	r.tcp.Close()
	r.udp.Close()
	r.mu.Lock()
	for _, c := range r.clients {
		c.conn.Close()
	}
	r.mu.Unlock()
	r.loops.Wait()
}

func (r *fakeRelay) address() string { return r.tcp.Addr().String() }

func (r *fakeRelay) accept() {
	for {
		conn, err := r.tcp.Accept()
		if err != nil {
			return
		}
		r.loops.Go(func() { r.serve(conn) })
	}
}

func (r *fakeRelay) serve(conn net.Conn) {
	defer conn.Close()
	c := &control{conn: conn}
	p, err := c.next()
	nick, ok := p.(netproto.SendNickname)
	if err != nil || !ok {
		return
	}
	if r.answer != nil {
		r.answer(conn)
		return
	}
	r.mu.Lock()
	r.last++
	id := r.last
	client := &fakeClient{conn: conn, name: nick.Name, hop: netproto.HopKey{byte(id)}}
	r.clients[id] = client
	r.tellUsersLocked()
	r.sendLocked(client, netproto.Session{
		Session: id, Voice: netproto.Version, HopKey: client.hop[:], MediaKey: r.secret[:], Epoch: r.epoch,
		UDP: r.udp.LocalAddr().(*net.UDPAddr).Port,
	})
	r.mu.Unlock()
	for {
		p, err := c.next()
		if _, left := p.(netproto.Disconnect); err != nil || left {
			break
		}
		if _, ok := p.(netproto.ClientPort); ok {
			r.mu.Lock()
			r.sendLocked(client, netproto.Ack{})
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	delete(r.clients, id)
	r.tellUsersLocked()
	r.mu.Unlock()
}

func (r *fakeRelay) sendLocked(c *fakeClient, p netproto.Package) {
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		r.t.Error(err)
	}
	c.conn.Write(b) // the client may have gone
}

func (r *fakeRelay) tellUsersLocked() {
	var list netproto.SendNewUsers
	for id := uint32(1); id <= r.last; id++ {
		if c := r.clients[id]; c != nil {
			list.Users, list.Sessions = append(list.Users, c.name), append(list.Sessions, id)
		}
	}
	for _, c := range r.clients {
		r.sendLocked(c, list)
	}
}

// toAll sends a package to every client.
func (r *fakeRelay) toAll(p netproto.Package) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		r.sendLocked(c, p)
	}
}

// rotate starts a new epoch.
func (r *fakeRelay) rotate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	r.secret = netproto.RoomSecret{byte(r.epoch)}
	for id, c := range r.clients {
		r.sendLocked(c, netproto.Session{
			Session: id, Voice: netproto.Version, MediaKey: r.secret[:], Epoch: r.epoch,
		})
	}
}

func (r *fakeRelay) forward() {
	tagger := netproto.NewHopTagger()
	buf := make([]byte, 2048)
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		d := buf[:n]
		h, err := netproto.ParseHeader(d)
		if err != nil {
			r.t.Errorf("malformed datagram: %v", err)
			continue
		}
		r.mu.Lock()
		if c := r.clients[h.Session]; c != nil {
			r.handleLocked(c, h, d, from, tagger)
		}
		r.mu.Unlock()
	}
}

func (r *fakeRelay) handleLocked(c *fakeClient, h netproto.Header, d []byte, from netip.AddrPort, tagger *netproto.HopTagger) {
	if h.Type == netproto.TypeVoice {
		voice, ok := tagger.Check(c.hop.TagKey(), d)
		if !ok {
			r.t.Error("wrong hop tag")
		}
		if r.lose > 0 && h.Seq%r.lose == 0 {
			return
		}
		c.came++
		for _, other := range r.clients {
			if other != c && other.addr.IsValid() {
				other.went++
				r.udp.WriteToUDPAddrPort(voice, other.addr)
			}
		}
		return
	}
	body, err := netproto.NewSealer(c.hop.Up()).Open(nil, d)
	if err != nil {
		r.t.Errorf("%v: %v", h.Type, err)
		return
	}
	down := func(t netproto.Type, body []byte) {
		c.seq++
		d := netproto.NewSealer(c.hop.Down()).Seal(nil, netproto.Header{Type: t, Session: h.Session, Seq: c.seq}, body)
		r.udp.WriteToUDPAddrPort(d, from)
	}
	token := [8]byte{1, 2, 3, byte(h.Session)}
	switch h.Type {
	case netproto.TypeProbe:
		p, _ := netproto.ParseProbe(body)
		down(netproto.TypeProbeAck, netproto.AppendProbeAck(nil, netproto.ProbeAck{Echo: p.Time, Came: c.came, Went: c.went}))
		if !c.addr.IsValid() {
			down(netproto.TypeChallenge, netproto.AppendChallenge(nil, token))
		}
	case netproto.TypeChallengeReply:
		if got, _ := netproto.ParseChallenge(body); got == token {
			c.addr = from
		}
	case netproto.TypeNack:
		r.nacks++
	case netproto.TypeReport:
		var report netproto.Report
		if err := netproto.ParseReport(&report, body); err != nil {
			r.t.Error(err)
		}
		r.reports = append(r.reports, report)
	}
}

func (r *fakeRelay) sawDeaf(deaf bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.reports, func(r netproto.Report) bool { return r.Deaf == deaf })
}

// certificate makes one as a relay does on its first start.
func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
