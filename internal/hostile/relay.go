// Package hostile is a relay that lies: it tells each member of its room what a test wants, keeps what it is sent, and
// sends whatever it is given as if others had said it. It knows no passphrase. Where nothing else is said it does what a
// relay should.
package hostile

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/tincan-voice/tincan/netproto"
)

// Relay has one room. Its hooks are called with its lock held, and must not call it.
type Relay struct {
	// Tell may change what a member is told of the room.
	Tell func(to *Member, list *netproto.SendNewUsers)
	// Give may change the session that a member is given.
	Give func(to *Member, s *netproto.Session)
	// Pass may change a sender key on its way, or take it out of it.
	Pass func(from, to *Member, w *netproto.Wrapping) bool
	// Forward may change a datagram of voice, without hop byte and tag, or return nil to keep it.
	Forward func(from, to *Member, sealed []byte) []byte

	t     testing.TB
	tcp   net.Listener
	udp   *net.UDPConn
	loops sync.WaitGroup

	mu      sync.Mutex
	members []*Member
	epoch   uint32
	key     [netproto.KeySize]byte
}

// Member is a member as the relay knows it.
type Member struct {
	Name    string
	Fresh   []byte
	Session uint32
	HopKey  [netproto.KeySize]byte
	Voice   [][]byte            // all that it has said, sealed
	Keys    []netproto.Wrapping // all that others have wrapped for it

	conn  net.Conn
	addr  netip.AddrPort
	seq   uint32
	count uint8
	gone  bool
}

// Start runs one until the test ends.
func Start(t testing.TB) *Relay {
	t.Helper()
	tcp, udp, err := listen()
	for range 20 {
		if err == nil {
			break
		}
		tcp, udp, err = listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{t: t, tcp: tcp, udp: udp, key: [netproto.KeySize]byte{1}}
	r.loops.Go(r.accept)
	r.loops.Go(r.datagrams)
	t.Cleanup(func() {
		tcp.Close()
		udp.Close()
		r.Lock()
		for _, m := range r.members {
			if m.conn != nil {
				m.conn.Close()
			}
		}
		r.Unlock()
		r.loops.Wait()
	})
	return r
}

// listen listens to one port by TCP and UDP. Another program may have the latter.
func listen() (tcp net.Listener, udp *net.UDPConn, err error) {
	if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, nil, err
	}
	if udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(tcp.Addr().String()))); err != nil {
		tcp.Close()
	}
	return tcp, udp, err
}

// Address is where it is.
func (r *Relay) Address() string { return r.tcp.Addr().String() }

// Lock keeps it from doing anything, so that hooks and members can be looked at and changed.
func (r *Relay) Lock() { r.mu.Lock() }

// Unlock lets it go on.
func (r *Relay) Unlock() { r.mu.Unlock() }

// Member is the last one with that name, nil if there is none.
func (r *Relay) Member(name string) *Member {
	r.Lock()
	defer r.Unlock()
	for i := len(r.members) - 1; i >= 0; i-- {
		if r.members[i].Name == name {
			return r.members[i]
		}
	}
	return nil
}

// MembersLocked are all that there have been. It needs Lock.
func (r *Relay) MembersLocked() []*Member { return r.members }

// KeysLocked is what was wrapped so far for the last one with that name by session from. It needs Lock.
func (r *Relay) KeysLocked(name string, from uint32) (keys []netproto.Wrapping) {
	for _, m := range r.members {
		for _, w := range m.Keys {
			if m.Name == name && w.Session == from {
				keys = append(keys, w)
			}
		}
	}
	return keys
}

// Heard is a copy of all that a member has said so far, sealed.
func (r *Relay) Heard(m *Member) [][]byte {
	r.Lock()
	defer r.Unlock()
	return append([][]byte(nil), m.Voice...)
}

// Begin begins an epoch.
func (r *Relay) Begin() {
	r.Lock()
	defer r.Unlock()
	r.beginLocked()
}

// Show has somebody be there that no client is behind.
func (r *Relay) Show(name string, fresh []byte) *Member {
	r.Lock()
	defer r.Unlock()
	m := &Member{Name: name, Fresh: fresh, Session: uint32(len(r.members) + 1)}
	r.members = append(r.members, m)
	r.beginLocked()
	return m
}

// Hide has somebody be gone.
func (r *Relay) Hide(m *Member) {
	r.Lock()
	defer r.Unlock()
	m.gone = true
	r.beginLocked()
}

// Told is what the members are told at last.
func (r *Relay) Told() netproto.SendNewUsers {
	r.Lock()
	defer r.Unlock()
	return r.listLocked()
}

func (r *Relay) beginLocked() {
	r.epoch++
	r.key[1]++
	for _, m := range r.members {
		r.tellLocked(m)
	}
}

func (r *Relay) listLocked() netproto.SendNewUsers {
	list := netproto.SendNewUsers{MediaKey: bytes.Clone(r.key[:]), Epoch: r.epoch}
	for _, m := range r.members {
		if !m.gone {
			list.Users, list.Sessions, list.Fresh = append(list.Users, m.Name), append(list.Sessions, m.Session), append(list.Fresh, m.Fresh)
		}
	}
	return list
}

func (r *Relay) tellLocked(to *Member) {
	list := r.listLocked()
	if r.Tell != nil {
		r.Tell(to, &list)
	}
	r.sendLocked(to, list)
}

// passLocked passes on a sender key.
func (r *Relay) passLocked(from *Member, w netproto.Wrapping) {
	for _, to := range r.members {
		if to.gone || to.Session != w.Session {
			continue
		}
		w.Session = from.Session
		to.Keys = append(to.Keys, w)
		if r.Pass == nil || r.Pass(from, to, &w) {
			r.sendLocked(to, netproto.Session{Session: to.Session, Voice: netproto.Version, Keys: []netproto.Wrapping{w}})
		}
		return
	}
}

func (r *Relay) sendLocked(to *Member, p netproto.Package) {
	if to.conn == nil {
		return // somebody who is only shown
	}
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		r.t.Error(err)
	}
	_, _ = to.conn.Write(b) // it may have gone
}

func (r *Relay) accept() {
	for {
		conn, err := r.tcp.Accept()
		if err != nil {
			return
		}
		r.loops.Go(func() { r.serve(conn) })
	}
}

func (r *Relay) serve(conn net.Conn) {
	defer conn.Close()
	var dec netproto.Decoder
	var me *Member
	for buf := make([]byte, 4096); ; {
		p, err := dec.Next()
		if err != nil {
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			dec.Write(buf[:n])
			continue
		}
		r.Lock()
		switch p := p.(type) {
		case netproto.SendNickname:
			me = r.enterLocked(conn, p)
		case netproto.ClientPort:
			r.sendLocked(me, netproto.Ack{})
			for _, w := range p.Keys {
				r.passLocked(me, w)
			}
		}
		r.Unlock()
	}
	r.Lock()
	defer r.Unlock()
	if me != nil {
		me.gone = true
		r.beginLocked()
	}
}

func (r *Relay) enterLocked(conn net.Conn, p netproto.SendNickname) *Member {
	m := &Member{Name: p.Name, Fresh: p.Fresh, Session: uint32(len(r.members) + 1), conn: conn}
	m.HopKey[0] = byte(m.Session)
	s := netproto.Session{Session: m.Session, Voice: netproto.Version, HopKey: m.HopKey[:]}
	if r.Give != nil {
		r.Give(m, &s)
	}
	m.Session, m.HopKey = s.Session, [netproto.KeySize]byte(s.HopKey)
	r.members = append(r.members, m)
	r.sendLocked(m, s)
	r.beginLocked()
	return m
}

func (r *Relay) datagrams() {
	for buf := make([]byte, 2048); ; {
		n, from, err := r.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.Lock()
		r.takeLocked(from, buf[:n])
		r.Unlock()
	}
}

// takeLocked takes a datagram: of voice, or a probe, by which its address is known. Nothing else is answered.
func (r *Relay) takeLocked(from netip.AddrPort, d []byte) {
	h, err := netproto.ParseHeader(d)
	if err != nil {
		r.t.Errorf("malformed: %x", d)
		return
	}
	for _, m := range r.members {
		if m.gone || m.Session != h.Session {
			continue
		}
		switch h.Type {
		case netproto.TypeProbe:
			body, err := netproto.NewSealer(netproto.HopKey(m.HopKey).Up()).Open(nil, d)
			if err != nil || m.addr.IsValid() && m.addr != from {
				continue // another one with that session
			}
			m.addr = from
			probe, _ := netproto.ParseProbe(body)
			m.seq++
			ack := netproto.AppendProbeAck(nil, netproto.ProbeAck{Echo: probe.Time})
			head := netproto.Header{Type: netproto.TypeProbeAck, Session: m.Session, Seq: m.seq}
			_, _ = r.udp.WriteToUDPAddrPort(netproto.NewSealer(netproto.HopKey(m.HopKey).Down()).Seal(nil, head, ack), from)
			return
		case netproto.TypeVoice:
			if m.addr != from {
				continue
			}
			sealed := bytes.Clone(d[:len(d)-netproto.HopSize-netproto.HopTagSize])
			m.Voice = append(m.Voice, sealed)
			for _, to := range r.members {
				out := sealed
				if r.Forward != nil {
					out = r.Forward(m, to, bytes.Clone(sealed))
				}
				if to != m && !to.gone && out != nil {
					r.injectLocked(to, out)
				}
			}
			return
		}
	}
}

// Inject sends a sealed datagram of voice to a member.
func (r *Relay) Inject(to *Member, sealed []byte) {
	r.Lock()
	defer r.Unlock()
	r.injectLocked(to, sealed)
}

func (r *Relay) injectLocked(to *Member, sealed []byte) {
	if !to.addr.IsValid() {
		return
	}
	d := netproto.AppendHop(bytes.Clone(sealed), netproto.Hop{Count: to.count % netproto.HopCounts})
	to.count++
	_, _ = r.udp.WriteToUDPAddrPort(d, to.addr)
}
