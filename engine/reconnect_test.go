package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// frames is how much of the only other one was heard.
func frames(c *Call) uint64 {
	if p := c.Stats().Peers; len(p) == 1 {
		return p[0].Frames
	}
	return 0
}

// The control connection is lost and voice flows: nobody hears a difference.
func TestResume(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.keep = true
	ann := join(t, r, Config{Name: "Ann", Source: talk(1)})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2)})
	await(t, ann, "Bob talks", starts)
	await(t, bob, "Ann talks", starts)
	session := ann.Session()
	for range 3 {
		r.hangUp()
		lost := await(t, ann, "lost", anyEvent[Reconnecting])
		if lost.Reason != "the relay closed the connection" || lost.Since != 0 || lost.Voice {
			t.Errorf("%+v", lost)
		}
		if back := await(t, ann, "back", anyEvent[Reconnected]); !back.Resumed || back.Gap <= 0 || back.Session != session {
			t.Errorf("%+v", back)
		}
		await(t, bob, "back", anyEvent[Reconnected])
		for _, c := range []*Call{ann, bob} {
			before := frames(c)
			eventually(t, "voice goes on", func() bool { return frames(c) > before+25 })
		}
	}
	for _, c := range []*Call{ann, bob} {
		s := c.Stats()
		if s.Reconnects != 3 || s.Away <= 0 || s.Reconnecting != "" || refused(&s) != (stream.DropCounts{}) || s.Peers[0].Buffer.Restarts > 0 {
			t.Errorf("%+v", s)
		}
	}
	ann.Leave()
	for e := range ann.Events() {
		if left, ok := e.(PeerLeft); ok {
			t.Errorf("%+v", left)
		}
	}
}

// The relay was restarted: the session is another one, and what people have set is as it was.
func TestRelayRestarts(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.keep = true
	ear := &ear{}
	ann := join(t, r, Config{Name: "Ann", Sink: audio.PacedSink(ear), Passphrase: "tin"})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2), Passphrase: "tin"})
	await(t, ann, "Bob talks", starts)
	before := bob.Session()
	ann.SetVolume(before, 0.5)
	ann.Deafen(true)
	ann.Mute(true)
	r.die()
	await(t, ann, "lost", anyEvent[Reconnecting])
	await(t, bob, "lost", anyEvent[Reconnecting])
	r.restart()
	if left := await(t, ann, "the old Bob leaves", anyEvent[PeerLeft]); left.Session != before || left.Stats.Frames == 0 {
		t.Errorf("%+v", left)
	}
	if back := await(t, ann, "back", anyEvent[Reconnected]); back.Resumed || back.Session != ann.Session() {
		t.Errorf("%+v", back)
	}
	joined := await(t, ann, "the new Bob joins", anyEvent[PeerJoined])
	eventually(t, "the relay knows that Ann is deaf", func() bool { return r.sawDeaf(true) })
	ann.Deafen(false)
	await(t, ann, "Bob talks", starts)
	eventually(t, "Bob is heard", func() bool { return ear.heard() > 1 })
	s := ann.Stats()
	if p := s.Peers[0]; p.Session != joined.Session || p.Session != bob.Session() || p.Volume != 0.5 || p.Name != "Bob" {
		t.Errorf("%+v", p)
	}
	if !s.Muted || s.Reconnects != 1 || s.Link.Drops[stream.DropForged] > 0 {
		t.Errorf("%+v", s)
	}
}

// Whatever keys and sessions a relay gives after a loss, be it the very same ones again, no nonce is used twice for
// different bytes. All datagrams here are sealed under the same keys as far as the header is the same.
func TestNoNumberTwiceUnderAKey(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.same, r.numbers = true, map[string]map[string]bool{}
	ann := join(t, r, Config{Name: "Ann", Source: talk(1)})
	for i := range uint32(5) {
		eventually(t, "she is connected", func() bool { return ann.Stats().Link.Alive })
		sent := ann.Stats().Link.Sent
		eventually(t, "she talks", func() bool { return ann.Stats().Link.Sent > sent+30 })
		r.mu.Lock()
		r.last = []uint32{1, 0, 0, 1, 0}[i] // so the sessions are 1, 2, 1, 1, 2, 1
		for _, c := range r.clients {
			c.conn.Close()
		}
		r.mu.Unlock()
		await(t, ann, "back", anyEvent[Reconnected])
	}
	ann.Leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	sessions, voice := map[uint32]bool{}, 0
	for nonce, bodies := range r.numbers {
		h, err := netproto.ParseHeader(append([]byte(nonce), make([]byte, 100)...))
		if err != nil {
			t.Fatal(err)
		}
		sessions[h.Session] = true
		if h.Type == netproto.TypeVoice {
			voice++
		}
		if len(bodies) > 1 {
			t.Errorf("%d different bodies under %+v", len(bodies), h)
		}
	}
	if len(sessions) != 2 || voice < 100 {
		t.Errorf("%d sessions, %d datagrams of voice", len(sessions), voice)
	}
}

// A way that is dead for one socket is none for the next: as when a NAT forgets, or an address changes.
func TestAnotherSocketWhenAnswersStop(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann"})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2)})
	await(t, ann, "Bob talks", starts)
	r.mu.Lock()
	r.barred = map[netip.AddrPort]bool{r.clients[bob.Session()].addr.AddrPort: true}
	r.clients[bob.Session()].addr = fakePath{} // the next one is learned
	r.mu.Unlock()
	await(t, ann, "Bob is not heard", func(e PeerTalking) bool { return !e.Talking })
	await(t, ann, "Bob is heard", starts)
	if s := bob.Stats(); s.Reconnects != 0 || !s.Link.Alive {
		t.Errorf("%+v", s)
	}
}

func TestLeaveWhileReconnecting(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		r := startRelay(t, nil, nil)
		ann := join(t, r, Config{Name: "Ann", Source: talk(1)})
		r.die()
		if hangs { // who connects is not answered
			l, err := net.Listen("tcp", r.address())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		await(t, ann, "lost", anyEvent[Reconnecting])
		eventually(t, "an attempt", func() bool {
			ann.returning.Lock()
			defer ann.returning.Unlock()
			return ann.comeback.tries > 0
		})
		if s := ann.Stats(); s.Reconnecting == "" || s.Away == 0 || ann.Err() != nil {
			t.Errorf("%+v, %v", s, ann.Err())
		}
		ann.Leave()
		if ann.Err() != nil {
			t.Error(ann.Err())
		}
	}
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann", GiveUp: time.Second})
	r.die()
	e := await(t, ann, "the end", anyEvent[Ended])
	if !errors.Is(e.Err, ErrConnectionLost) || !strings.Contains(e.Err.Error(), "refused") {
		t.Error(e.Err)
	}
}

// A relay that closes comes back, and says why it goes.
func TestServerClose(t *testing.T) {
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann"})
	r.toAll(netproto.ServerClose{Reason: "update"})
	if e := await(t, ann, "lost", anyEvent[Reconnecting]); e.Reason != "the relay was shut down: update" {
		t.Errorf("%+v", e)
	}
	await(t, ann, "back", anyEvent[Reconnected])
}

// Whoever takes the relay's place is not spoken to.
func TestAnotherCertificateEndsTheCall(t *testing.T) {
	r := startRelay(t, certificate(t), nil)
	ann := join(t, r, Config{Name: "Ann", KnownRelays: t.TempDir() + "/known"})
	r.die()
	r.cert = certificate(t)
	r.restart()
	var changed *CertificateChangedError
	if e := await(t, ann, "the end", anyEvent[Ended]); !errors.As(e.Err, &changed) || !errors.As(ann.Err(), &changed) {
		t.Error(e.Err)
	}
}

func TestRosterThatComesAgain(t *testing.T) {
	page := func(left []uint32, sessions ...uint32) *netproto.SendNewUsers {
		return &netproto.SendNewUsers{Sessions: sessions, Users: make([]string, len(sessions)), Left: left}
	}
	r := roster{names: map[uint32]string{1: "", 2: "", 3: "", 4: ""}}
	sorted := func(left []uint32) string { slices.Sort(left); return fmt.Sprint(left) }
	if got := sorted(r.gone(0, page(nil, 1, 2))); got != "[3 4]" {
		t.Errorf("a whole list: %s", got)
	}
	r.resume()
	if got := r.gone(0, page(nil, 1, 2)); got != nil {
		t.Errorf("the first page: %v", got)
	}
	if got := r.gone(0, page([]uint32{}, 4)); len(got) != 0 {
		t.Errorf("the second page: %v", got)
	}
	if got := r.settle(listTime - 1); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := sorted(r.settle(listTime)); got != "[3]" {
		t.Errorf("at the end: %v", got)
	}
	if got := r.settle(2 * listTime); got != nil {
		t.Errorf("again: %v", got)
	}
	if got := sorted(r.gone(0, page(nil, 1, 2))); got != "[3 4]" {
		t.Errorf("a whole list: %s", got)
	}
}
