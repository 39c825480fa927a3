package engine

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
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
	cert  *tls.Certificate // nil: plain TCP
	tcp   net.Listener
	udp   *net.UDPConn
	loops sync.WaitGroup
	dead  context.Context // ends the tunnels
	kill  context.CancelFunc

	mu      sync.Mutex
	epoch   uint32
	key     [netproto.KeySize]byte
	clients map[uint32]*fakeClient
	last    uint32
	reports []netproto.Report
	nacks   int
	lose    uint32 // each so manyth datagram of voice, 0: none

	keep    bool                       // sessions outlive their connections and can be resumed
	same    bool                       // all sessions have one hop key
	barred  map[netip.AddrPort]bool    // nothing comes through from there
	block   block                      // what of UDP does not
	tunnels int                        // that have been opened
	numbers map[string]map[string]bool // what was sent under each nonce, by the header, if it is kept

	// answer, if set, replaces the usual answer to SEND_NICKNAME.
	answer func(conn net.Conn)
}

// block is what does not come through by UDP.
type block struct {
	up, down bool
	above    int // bytes; 0: any number comes through
}

// stops tells whether a datagram does not come through.
func (b *block) stops(down bool, size int) bool {
	if b.above > 0 && size <= b.above {
		return false
	}
	return down && b.down || !down && b.up
}

// fakePath is an address by UDP or a tunnel.
type fakePath struct {
	netip.AddrPort
	tunnel net.Conn
}

func (p fakePath) valid() bool { return p.IsValid() || p.tunnel != nil }

type fakeClient struct {
	id       uint32
	conn     net.Conn
	name     string
	fresh    []byte
	keys     []netproto.Wrapping // its newest sender key, for others
	hop      netproto.HopKey
	addr     fakePath // proven by challenge
	also     fakePath
	seq      uint32
	byTunnel int // datagrams of voice

	came, went uint16 // datagrams of voice
	seen       netproto.ReplayWindow
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
	r := &fakeRelay{t: t, cert: cert, udp: udp, clients: map[uint32]*fakeClient{}, answer: answer}
	r.run(tcp)
	t.Cleanup(r.die)
	return r
}

func (r *fakeRelay) run(tcp net.Listener) {
	if r.cert != nil {
		tcp = tls.NewListener(tcp, &tls.Config{
			Certificates: []tls.Certificate{*r.cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{netproto.TunnelProtocol},
		})
	}
	r.tcp = tcp
	r.dead, r.kill = context.WithCancel(context.Background())
	udp := r.udp
	r.loops.Go(func() { r.accept(tcp) })
	r.loops.Go(func() { r.forward(udp) })
}

// restart begins anew at the same addresses after a death, with other keys and other sessions.
func (r *fakeRelay) restart() {
	r.t.Helper()
	tcp, err := net.Listen("tcp", r.tcp.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	udp, err := net.ListenUDP("udp", r.udp.LocalAddr().(*net.UDPAddr))
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.udp, r.clients = udp, map[uint32]*fakeClient{}
	r.key[9]++
	r.mu.Unlock()
	r.run(tcp)
}

// hangUp closes the control connections.
func (r *fakeRelay) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		c.conn.Close()
	}
}

// forget has it know nobody any more, and say so to nobody: as one that was started again while TCP was dead.
func (r *fakeRelay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.clients)
}

// die closes everything at once, as a crash does.
func (r *fakeRelay) die() {
	r.tcp.Close()
	r.udp.Close()
	r.kill()
	r.mu.Lock()
	for _, c := range r.clients {
		c.conn.Close()
	}
	r.mu.Unlock()
	r.loops.Wait()
}

func (r *fakeRelay) address() string { return r.tcp.Addr().String() }

func (r *fakeRelay) accept(tcp net.Listener) {
	for {
		conn, err := tcp.Accept()
		if err != nil {
			return
		}
		r.loops.Go(func() { r.serve(conn) })
	}
}

func (r *fakeRelay) serve(conn net.Conn) {
	defer conn.Close()
	if t, ok := conn.(*tls.Conn); ok {
		if t.Handshake() != nil {
			return
		}
		if t.ConnectionState().NegotiatedProtocol == netproto.TunnelProtocol {
			r.carry(conn)
			return
		}
	}
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
	client := r.resumedLocked(nick)
	if client == nil {
		r.last++
		client = &fakeClient{id: r.last, name: nick.Name, fresh: nick.Fresh, hop: netproto.HopKey{byte(r.last)}}
		if r.same {
			client.hop = netproto.HopKey{1}
		}
		r.clients[client.id] = client
		r.epoch++
	}
	client.conn = conn
	id := client.id
	r.tellUsersLocked()
	hello := netproto.Session{
		Session: id, Voice: netproto.Version, HopKey: client.hop[:],
		UDP: r.udp.LocalAddr().(*net.UDPAddr).Port,
	}
	for _, c := range r.clients {
		hello.Keys = append(hello.Keys, c.keysFor(id)...)
	}
	if r.keep {
		hello.Resume = fmt.Sprint("session ", id)
	}
	r.sendLocked(client, hello)
	r.mu.Unlock()
	left := false
	for {
		p, err := c.next()
		if _, left = p.(netproto.Disconnect); err != nil || left {
			break
		}
		if p, ok := p.(netproto.ClientPort); ok {
			r.mu.Lock()
			if r.clients[id] == client {
				r.sendLocked(client, netproto.Ack{})
				r.passLocked(client, p.Keys)
			}
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients[id] == client && (left || !r.keep) {
		delete(r.clients, id)
		r.epoch++
		r.tellUsersLocked()
	}
}

// passLocked tells others a sender key.
func (r *fakeRelay) passLocked(from *fakeClient, keys []netproto.Wrapping) {
	if len(keys) == 0 {
		return
	}
	from.keys = keys
	for id, to := range r.clients {
		if keys := from.keysFor(id); len(keys) > 0 {
			r.sendLocked(to, netproto.Session{Session: id, Voice: netproto.Version, Keys: keys})
		}
	}
}

// keysFor is what it has wrapped for another one.
func (c *fakeClient) keysFor(id uint32) (keys []netproto.Wrapping) {
	for _, w := range c.keys {
		if w.Session == id {
			w.Session = c.id
			keys = append(keys, w)
		}
	}
	return keys
}

// resumedLocked returns the session that a client goes on with, if it proves it.
func (r *fakeRelay) resumedLocked(nick netproto.SendNickname) *fakeClient {
	for id, c := range r.clients {
		if r.keep && nick.Resume == fmt.Sprint("session ", id) {
			if !bytes.Equal(nick.Proof, c.hop.ResumeProof(nick.Resume)) {
				r.t.Error("wrong proof")
			}
			return c
		}
	}
	return nil
}

func (r *fakeRelay) sendLocked(c *fakeClient, p netproto.Package) {
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		r.t.Error(err)
	}
	c.conn.Write(b) // the client may have gone
}

func (r *fakeRelay) tellUsersLocked() {
	list := netproto.SendNewUsers{MediaKey: r.key[:], Epoch: r.epoch}
	for id := uint32(1); id <= r.last; id++ {
		if c := r.clients[id]; c != nil {
			list.Users, list.Sessions = append(list.Users, c.name), append(list.Sessions, id)
			list.Fresh = append(list.Fresh, c.fresh)
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
	r.key[0]++
	r.epoch++
	r.tellUsersLocked()
}

// carry takes the datagrams of a tunnel.
func (r *fakeRelay) carry(conn net.Conn) {
	stop := context.AfterFunc(r.dead, func() { conn.Close() })
	defer stop()
	r.mu.Lock()
	r.tunnels++
	r.mu.Unlock()
	tunnel, tagger, buf := newTunnel(conn, nil, nil), netproto.NewHopTagger(), make([]byte, 2048)
	for {
		n, err := tunnel.Read(buf)
		if err != nil {
			return
		}
		r.take(buf[:n], fakePath{tunnel: conn}, tagger)
	}
}

// to sends a datagram by a path.
func (r *fakeRelay) to(p fakePath, d []byte) {
	switch {
	case p.tunnel != nil:
		framed, _ := netproto.AppendTunnel(nil, d)
		p.tunnel.Write(framed) // the client may have gone
	case !r.block.stops(true, len(d)):
		r.udp.WriteToUDPAddrPort(d, p.AddrPort)
	}
}

func (r *fakeRelay) forward(udp *net.UDPConn) {
	tagger := netproto.NewHopTagger()
	buf := make([]byte, 2048)
	for {
		n, from, err := udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.take(buf[:n], fakePath{AddrPort: from}, tagger)
	}
}

func (r *fakeRelay) take(d []byte, from fakePath, tagger *netproto.HopTagger) {
	h, err := netproto.ParseHeader(d)
	if err != nil {
		r.t.Errorf("malformed datagram: %v", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.numberLocked(h, d)
	if c := r.clients[h.Session]; c != nil && !r.barred[from.AddrPort] && (from.tunnel != nil || !r.block.stops(false, len(d))) {
		r.handleLocked(c, h, d, from, tagger)
	}
}

// numberLocked keeps what is sealed under each nonce.
func (r *fakeRelay) numberLocked(h netproto.Header, d []byte) {
	if r.numbers == nil {
		return
	}
	if h.Type == netproto.TypeVoice {
		d = d[:len(d)-netproto.HopSize-netproto.HopTagSize] // which a resend may change
	}
	nonce := string(d[:netproto.HeaderSize])
	if r.numbers[nonce] == nil {
		r.numbers[nonce] = map[string]bool{}
	}
	r.numbers[nonce][string(d)] = true
}

// numbersAreUnique checks that nothing different was sealed under one nonce.
func (r *fakeRelay) numbersAreUnique(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for nonce, bodies := range r.numbers {
		if len(bodies) > 1 {
			t.Errorf("%d different bodies under %x", len(bodies), nonce)
		}
	}
	if len(r.numbers) < 100 {
		t.Errorf("%d numbers", len(r.numbers))
	}
}

func (r *fakeRelay) handleLocked(c *fakeClient, h netproto.Header, d []byte, from fakePath, tagger *netproto.HopTagger) {
	if h.Type == netproto.TypeVoice {
		voice, ok := tagger.Check(c.hop.TagKey(), d)
		if !ok {
			r.t.Error("wrong hop tag")
		}
		if r.lose > 0 && h.Seq%r.lose == 0 {
			return
		}
		if !c.seen.Accept(h.Seq) {
			return
		}
		c.came++
		if from.tunnel != nil {
			c.byTunnel++
		}
		for _, other := range r.clients {
			if other != c && other.addr.valid() {
				other.went++
				r.to(other.addr, voice)
				if other.also.valid() {
					r.to(other.also, voice)
				}
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
		r.to(from, d)
	}
	token := [8]byte{1, 2, 3, byte(h.Session)}
	switch h.Type {
	case netproto.TypeProbe:
		p, _ := netproto.ParseProbe(body)
		down(netproto.TypeProbeAck, netproto.AppendProbeAck(nil, netproto.ProbeAck{Echo: p.Time, Came: c.came, Went: c.went}))
		if c.addr != from && c.also != from {
			down(netproto.TypeChallenge, netproto.AppendChallenge(nil, token))
		}
	case netproto.TypeChallengeReply:
		switch reply, _ := netproto.ParseChallengeReply(body); {
		case reply.Token != token || c.addr == from || c.also == from:
		case reply.Also && c.addr.valid():
			c.also = from
		default:
			c.addr, c.also = from, fakePath{}
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
