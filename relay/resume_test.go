package relay

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// within waits until something is so.
func within(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(inTime); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// lose ends the client's control connection without a word, and waits until the relay has noticed.
func (c *voiceClient) lose(s *Server) {
	c.t.Helper()
	_ = c.conn.Close()
	within(c.t, "held", func() bool { return s.isHeld(c.session) })
}

func (s *Server) isHeld(session uint32) bool {
	return slices.ContainsFunc(s.Clients(), func(c Client) bool { return c.Session == session && c.Held })
}

// nickname is what asks for the client's session.
func (c *voiceClient) nickname() netproto.SendNickname {
	return netproto.SendNickname{Name: c.name, Room: c.room, Voice: 1, Fresh: make([]byte, netproto.FreshSize), Resume: c.resume, Proof: c.hop.ResumeProof(c.resume)}
}

// ask sends a name on a new connection, and returns it with the answer.
func ask(t *testing.T, s *Server, p netproto.SendNickname) (conn *tipClient, users, session map[string]any) {
	t.Helper()
	conn = dialTIP(t, s)
	conn.send(string(appendPackage(p)))
	return conn, conn.want(3), conn.want(6)
}

// comeBack resumes the session on a new connection.
func (c *voiceClient) comeBack(s *Server) (users, session map[string]any) {
	c.t.Helper()
	c.tipClient, users, session = ask(c.t, s, c.nickname())
	if uint32(session["SESSION"].(float64)) != c.session || key32(c.t, session["HOP_KEY"]) != c.hop {
		c.t.Fatalf("%v, want session %d with its key", session, c.session)
	}
	if session["RESUME"] == c.resume {
		c.t.Fatal("the same RESUME again")
	}
	if session["VOICE"] != 1.0 {
		c.t.Fatalf("%v", session)
	}
	c.resume = session["RESUME"].(string)
	return users, session
}

// Who comes back is told the sender keys that it may have missed.
func TestResumeWithKeys(t *testing.T) {
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b")
	epoch := uint32(a.want(3)["EPOCH"].(float64))
	send := func(wrapped byte) string {
		key := netproto.Wrapping{Session: b.session, Epoch: epoch, Wrapped: [32]byte{wrapped}}
		a.send(string(appendPackage(netproto.ClientPort{Keys: []netproto.Wrapping{key}})))
		a.want(0)
		key.Session = a.session
		var p map[string]any
		if err := json.Unmarshal(appendPackage(netproto.Session{Keys: []netproto.Wrapping{key}}), &p); err != nil {
			t.Fatal(err)
		}
		return p["KEYS"].(string)
	}
	want := send(7)
	if got := b.until(6); got["KEYS"] != want {
		t.Errorf("%v, want %s", got, want)
	}
	b.lose(s)
	if _, session := b.comeBack(s); session["KEYS"] != want {
		t.Errorf("%v, want %s", session, want)
	}
}

// untold wants nothing to have come on the control connection.
func (c *tipClient) untold() {
	c.t.Helper()
	c.send(`{"KEY": 7, "PORT": 1}`)
	c.want(0)
}

func names(users map[string]any) (names []string) {
	for _, n := range users["USERS"].([]any) {
		names = append(names, n.(string))
	}
	return names
}

func TestResume(t *testing.T) {
	t.Parallel()
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b")
	both := []*voiceClient{a, b}
	a.want(3) // b has come
	var epoch any
	for i := range 4 {
		exchange(t, both, 2)
		switch i {
		case 0: // the connection ends, and voice goes on
			b.lose(s)
			exchange(t, both, 2)
		case 1: // it is reset
			_ = b.conn.(*net.TCPConn).SetLinger(0)
			b.lose(s)
		case 2: // and the address is another one
			b.lose(s)
			b.bind()
			b.settle()
		case 3: // it hangs, with half a package on its way
			old := b.tipClient
			old.send(`{"KEY": 7, `)
			b.comeBack(s)
			if _, err := old.recv(); err == nil {
				t.Error("the old connection is told something")
			}
		}
		users, _ := b.comeBack(s)
		if got := names(users); !slices.Equal(got, []string{"a", "b"}) || users["LEFT"] != nil {
			t.Errorf("%v", users)
		}
		if epoch == nil {
			epoch = users["EPOCH"]
		}
		if epoch == nil || users["EPOCH"] != epoch {
			t.Errorf("another epoch: %v, not %v", users, epoch)
		}
		exchange(t, both, 2)
		a.untold()
		b.untold()
	}
	within(t, "all connections but two have ended", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 2
	})
	if n := len(s.Clients()); n != 2 || s.isHeld(b.session) {
		t.Errorf("%d clients", n)
	}
	// What was sent before is of no use after.
	before := b.seq
	old := b.sealed(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: 3}))
	b.write(old)
	b.lose(s)
	b.comeBack(s)
	b.write(old)
	exchange(t, both, 1)
	if n := s.Stats().Dropped[DropReplayed]; n != 1 {
		t.Errorf("%d replays dropped of 1, after %v", n, before)
	}
	// A farewell ends it at once, with a new secret for who remains.
	b.send(`{"KEY": 4}`)
	list := a.want(3)
	if got := names(list); !slices.Equal(got, []string{"a"}) || list["EPOCH"].(float64) <= epoch.(float64) {
		t.Errorf("%v", list)
	}
	if _, _, p := ask(t, s, b.nickname()); uint32(p["SESSION"].(float64)) == b.session {
		t.Error("back after a farewell")
	}
}

func TestResumeWithTLS(t *testing.T) {
	s := startServer(t, everyone())
	a := joinVoice(t, s, "", "a")
	a.lose(s)
	for range 2 { // the second time with the first still there
		c := dialTLS(t, s, &tls.Config{})
		c.send(string(appendPackage(a.nickname())))
		c.want(3)
		p := c.want(6)
		if uint32(p["SESSION"].(float64)) != a.session {
			t.Fatalf("%v", p)
		}
		a.resume = p["RESUME"].(string)
	}
}

// Whatever is wrong makes a new session, and the one that is held stays what it was.
func TestResumeRefused(t *testing.T) {
	s := startServer(t, everyone())
	a, b := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b")
	b.lose(s)
	other := []byte(b.resume)
	other[10] ^= 1
	raw, err := base64.RawURLEncoding.DecodeString(b.resume)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(p *netproto.SendNickname){
		"no proof":          func(p *netproto.SendNickname) { p.Proof = nil },
		"wrong proof":       func(p *netproto.SendNickname) { p.Proof[31] ^= 1 },
		"stolen":            func(p *netproto.SendNickname) { p.Proof = a.hop.ResumeProof(p.Resume) },
		"proof of another":  func(p *netproto.SendNickname) { p.Proof = b.hop.ResumeProof(a.resume) },
		"somebody else's":   func(p *netproto.SendNickname) { p.Resume = a.resume },
		"somebody's, stole": func(p *netproto.SendNickname) { p.Resume, p.Proof = a.resume, b.hop.ResumeProof(a.resume) },
		"another ticket": func(p *netproto.SendNickname) {
			p.Resume = string(other)
			p.Proof = b.hop.ResumeProof(p.Resume)
		},
		"unknown session": func(p *netproto.SendNickname) {
			p.Resume = base64.RawURLEncoding.EncodeToString(append([]byte{9, 9, 9, 9}, raw[4:]...))
			p.Proof = b.hop.ResumeProof(p.Resume)
		},
		"other base64": func(p *netproto.SendNickname) {
			p.Resume = base64.StdEncoding.EncodeToString(raw)
			p.Proof = b.hop.ResumeProof(p.Resume)
		},
		"too short": func(p *netproto.SendNickname) { p.Resume = "x" },
		"very long": func(p *netproto.SendNickname) { p.Resume = strings.Repeat("A", 60000) },
		"name":      func(p *netproto.SendNickname) { p.Name = "c" },
		"room":      func(p *netproto.SendNickname) { p.Room = "q" },
		"no voice":  func(p *netproto.SendNickname) { p.Voice = 0 },
	} {
		p := b.nickname()
		change(&p)
		conn, _, session := ask(t, s, p)
		if got := uint32(session["SESSION"].(float64)); got == a.session || got == b.session {
			t.Errorf("%s: session %d", name, got)
		}
		conn.send(`{"KEY": 4}`)
	}
	if !s.isHeld(b.session) {
		t.Error("held no more")
	}
	b.comeBack(s)
	exchange(t, []*voiceClient{a, b}, 2)
}

// An answer may be lost with its connection: until the client is known to have it, RESUME is good again, and has the
// same answer.
func TestResumeAgain(t *testing.T) {
	s := startServer(t, everyone())
	a := joinVoice(t, s, "", "a")
	first := a.nickname()
	a.comeBack(s)
	next := a.resume
	conn, _, session := ask(t, s, first) // on this one, the answer is not lost
	if uint32(session["SESSION"].(float64)) != a.session || session["RESUME"] != next {
		t.Fatalf("%v, want the same answer", session)
	}
	conn.untold() // a word behind the answer
	within(t, "RESUME is used up", func() bool {
		last, _, session := ask(t, s, first)
		last.send(`{"KEY": 4}`)
		return uint32(session["SESSION"].(float64)) != a.session
	})
	a.tipClient = conn
	a.comeBack(s)
	if _, _, session := ask(t, s, first); uint32(session["SESSION"].(float64)) == a.session {
		t.Error("used twice")
	}
}

// What has changed meanwhile is in the answer, also where nobody new could come in.
func TestResumeInAFullRoom(t *testing.T) {
	s := startServer(t, Config{Workers: 2, Talkers: -1, MaxRoomSize: 3, MaxSessions: 3})
	a, b, c := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b"), joinVoice(t, s, "r", "c")
	b.lose(s)
	c.send(`{"KEY": 4}`)
	within(t, "c has left", func() bool { return len(s.Clients()) == 2 })
	d := joinVoice(t, s, "r", "d")
	d.comeBack(s) // which is no matter of room
	refused := dialTIP(t, s)
	refused.send(`{"KEY": 2, "NAME": "e", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ROOM": "r"}`)
	refused.refused("full")
	told := a.want(3)
	for !slices.Equal(names(told), []string{"a", "b", "d"}) {
		told = a.want(3)
	}
	users, _ := b.comeBack(s)
	if got := names(users); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("%q", got)
	}
	if users["EPOCH"] == nil || users["EPOCH"] != told["EPOCH"] || users["MEDIA_KEY"] != told["MEDIA_KEY"] {
		t.Errorf("%v, and the others have %v", users, told)
	}
	exchange(t, []*voiceClient{a, b, d}, 2)
}

// Who does not come back leaves, and nothing is left of it.
func TestHoldTimeIsOver(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{Workers: 2, HoldTime: time.Millisecond})
	a, b := joinVoice(t, s, "r", "a"), joinVoice(t, s, "r", "b")
	a.want(3)
	_ = b.conn.Close()
	list := a.want(3)
	if got := names(list); !slices.Equal(got, []string{"a"}) || list["MEDIA_KEY"] == nil {
		t.Errorf("%v", list)
	}
	c, users, session := ask(t, s, b.nickname())
	if uint32(session["SESSION"].(float64)) == b.session || len(names(users)) != 2 {
		t.Errorf("%v, %v", users, session)
	}
	_ = c.conn.Close()
	_ = a.conn.Close()
	s.nothingLeft(t)
}

// nothingLeft waits until the server knows nobody.
func (s *Server) nothingLeft(t *testing.T) {
	t.Helper()
	within(t, "nothing is left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		return len(s.conns)+len(s.sessions)+len(s.held)+len(s.core.Sessions()) == 0 &&
			s.admission.all+s.admission.waiting.Len()+len(s.admission.open)+len(s.admission.held) == 0
	})
}

// An address has no more sessions held than it may have connections.
func TestHeldPerAddress(t *testing.T) {
	s, err := Listen(Config{
		Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir(), Plaintext: PlaintextAny, MaxConnsPerAddr: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.listener = elsewhere{s.listener}
	serve(t, s)
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	a.lose(s)
	b.lose(s)
	gone := func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.conns) == 0 }
	within(t, "both connections have ended", gone)
	c := joinVoice(t, s, "", "c")
	_ = c.conn.Close()
	within(t, "one too many has left", func() bool { return len(s.Clients()) == 2 })
	within(t, "its connection has ended", gone)
	a.comeBack(s) // which makes room for another
	c = joinVoice(t, s, "", "c")
	c.lose(s)
}

// Whoever tries RESUMEs has one try per connection.
func TestResumeFlood(t *testing.T) {
	s := startServer(t, Config{MaxSessions: 1, HoldTime: time.Millisecond})
	a := joinVoice(t, s, "", "a")
	for range 20 {
		thief := dialTIP(t, s)
		p := a.nickname()
		p.Proof[0] ^= 1
		thief.send(strings.Repeat(string(appendPackage(p)), 10))
		thief.refused("full")
	}
	a.comeBack(s)
	a.send(`{"KEY": 4}`)
	s.nothingLeft(t)
}

// Clients without voice leave with their connection, as ever.
func TestNoVoiceIsNotHeld(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	a, b := dialTIP(t, s), dialTIP(t, s)
	a.login("a", "a")
	b.login("b", "a", "b")
	a.users("a", "b")
	_ = b.conn.Close()
	a.users("a")
}

// Many at once lose connections and come back by one or two new ones: each keeps its session to its farewell, and
// nothing is left of any of them.
func TestResumeChurn(t *testing.T) {
	s := startServer(t, Config{Workers: 2, HoldTime: 6 * time.Second}) // for attempts that are late
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for range 4 {
				name := fmt.Sprint("n", i)
				conn, session, resume := enter(t, s, netproto.SendNickname{Name: name, Voice: 1, Fresh: make([]byte, netproto.FreshSize), Room: "r"})
				for range 8 {
					was := resume
					p := netproto.SendNickname{
						Name: name, Voice: 1, Fresh: make([]byte, netproto.FreshSize), Room: "r", Resume: resume,
						Proof: netproto.HopKey(session.HopKey).ResumeProof(resume),
					}
					switch rng.IntN(4) {
					case 0: // it hangs
					case 1:
						_ = conn.Close()
					case 2:
						_ = conn.(*net.TCPConn).SetLinger(0)
						_ = conn.Close()
					case 3: // an attempt that is given up at once
						if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
							_, _ = c.Write(appendPackage(p))
							_ = c.Close()
						}
					}
					old := conn
					var next netproto.Session
					conn, next, resume = enter(t, s, p)
					_ = old.Close()
					if next.Session != session.Session || resume == was {
						t.Errorf("session %d with %q, want %d with another than %q", next.Session, resume, session.Session, was)
						return
					}
				}
				_, _ = conn.Write([]byte(`{"KEY": 4}`))
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	s.nothingLeft(t)
}

// enter sends a name, and reads up to SESSION.
func enter(t *testing.T, s *Server, p netproto.SendNickname) (conn net.Conn, session netproto.Session, resume string) {
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Error(err)
		return nil, session, ""
	}
	_, _ = conn.Write(appendPackage(p))
	var d netproto.Decoder
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Error(err)
			return conn, session, ""
		}
		d.Write(buf[:n])
		for p, err := d.Next(); err == nil; p, err = d.Next() {
			if session, ok := p.(netproto.Session); ok && session.Resume != "" {
				return conn, session, session.Resume
			}
		}
	}
}

// A session ends before a sequence number comes twice, either way; its client comes back with another one.
func TestNumbersUsedUp(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	a, b := joinVoice(t, s, "", "a"), joinVoice(t, s, "", "b")
	h := netproto.Header{Type: netproto.TypeProbe, Session: a.session, Seq: math.MaxUint32 - 100}
	a.write(a.up.Seal(nil, h, netproto.AppendProbe(nil, netproto.Probe{})))
	within(t, "a has left", func() bool { return len(s.Clients()) == 1 })
	for {
		if _, err := a.recv(); err != nil {
			break // the connection too
		}
	}
	c := dialTIP(t, s)
	c.send(string(appendPackage(a.nickname())))
	c.want(3)
	if p := c.want(6); id(p) == a.session || id(p) == b.session {
		t.Errorf("%v", p)
	}
}
