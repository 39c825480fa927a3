package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// fingerprint is that of the relay's certificate.
func (r *fakeRelay) fingerprint() string {
	cert, err := x509.ParseCertificate(r.cert.Certificate[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return Fingerprint(cert)
}

// sends is the SERVER_CLOSE that sends clients to another relay.
func sends(to *fakeRelay, seconds int) netproto.ServerClose {
	return netproto.ServerClose{Reason: "update", Time: seconds, Relay: to.address(), Fingerprint: to.fingerprint()}
}

func (r *fakeRelay) members() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.clients)
}

// over waits until a call has changed over, and fails where the connection was lost before.
func over(t *testing.T, c *Call) Reconnected {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-c.Events():
			switch e := e.(type) {
			case Reconnecting:
				t.Fatalf("%+v", e)
			case Reconnected:
				return e
			}
		case <-timeout:
			t.Fatal("never changes over")
		}
	}
}

// A relay that ends sends its clients to another one: they are there before it ends, and hear each other there.
func TestChangesOver(t *testing.T) {
	t.Parallel()
	a, b := startRelay(t, certificate(t), nil), startRelay(t, certificate(t), nil)
	a.keep, b.keep = true, true
	known := t.TempDir() + "/known"
	ann := join(t, a, Config{Name: "Ann", KnownRelays: known})
	bob := join(t, a, Config{Name: "Bob", KnownRelays: known, Source: talk(2)})
	await(t, ann, "Bob talks", starts)
	a.toAll(sends(b, 2))
	if e := await(t, ann, "the relay closes", anyEvent[RelayCloses]); e.Reason != "update" || e.Time != 2*time.Second || e.Relay != b.address() {
		t.Errorf("%+v", e)
	}
	for _, c := range []*Call{ann, bob} {
		if e := over(t, c); e.Gap != 0 || e.Resumed || e.Session != c.Session() {
			t.Errorf("%+v", e)
		}
	}
	eventually(t, "nobody is left", func() bool { return a.members() == 0 })
	await(t, ann, "Bob talks there", starts)
	if s := ann.Stats(); s.Reconnects != 1 || s.Away != 0 || s.Link.Relay.String() != b.udp.LocalAddr().String() {
		t.Errorf("%+v", s)
	}
	if text, err := os.ReadFile(known); err != nil || !strings.Contains(string(text), b.address()+" "+b.fingerprint()+"\n") {
		t.Errorf("%s, %v", text, err)
	}

	// That one is lost: home is tried in turn.
	b.die()
	await(t, ann, "lost", anyEvent[Reconnecting])
	await(t, ann, "home", anyEvent[Reconnected])
	if a.members() == 0 {
		t.Error("not home")
	}
}

// Whoever takes the place of a relay has its address: the same is done without another one.
func TestChangesOverInPlace(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann"})
	bob := join(t, r, Config{Name: "Bob", Source: talk(2)})
	await(t, ann, "Bob talks", starts)
	r.toAll(netproto.ServerClose{Time: 1})
	over(t, ann)
	over(t, bob)
	await(t, ann, "Bob talks again", starts)
}

// A relay that ends before its time: the call comes back by the way that it was told of.
func TestRelayEndsBeforeItsTime(t *testing.T) {
	a, b := startRelay(t, certificate(t), nil), startRelay(t, certificate(t), nil)
	ann := join(t, a, Config{Name: "Ann", KnownRelays: t.TempDir() + "/known"})
	a.toAll(sends(b, 600))
	await(t, ann, "the relay closes", anyEvent[RelayCloses])
	a.die()
	await(t, ann, "lost", anyEvent[Reconnecting])
	await(t, ann, "back", anyEvent[Reconnected])
	if b.members() != 1 {
		t.Error("not there")
	}
}

// Where it is not certain who sends us where, nobody goes.
func TestNotSentByAnybody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		plain bool
		known string                                     // fingerprint of the next relay that was met before
		sends func(p *netproto.ServerClose, evil string) // what is wrong
	}{
		{"by a relay without TLS", true, "", func(*netproto.ServerClose, string) {}},
		{"without a fingerprint", false, "", func(p *netproto.ServerClose, _ string) { p.Fingerprint = "" }},
		{"no address", false, "", func(p *netproto.ServerClose, _ string) { p.Relay = "a b" }},
		{"another certificate than was vouched for", false, "", func(p *netproto.ServerClose, evil string) { p.Fingerprint = evil }},
		{"another certificate than was met before", false, fingerprintX, func(*netproto.ServerClose, string) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert := certificate(t)
			cfg := Config{Name: "Ann", KnownRelays: t.TempDir() + "/known"}
			if tt.plain {
				cert, cfg = nil, Config{Name: "Ann"}
			}
			a, b := startRelay(t, cert, nil), startRelay(t, certificate(t), nil)
			if tt.known != "" {
				if err := os.WriteFile(cfg.KnownRelays, []byte(b.address()+" "+tt.known+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ann := join(t, a, cfg)
			session := ann.Session()
			p := sends(b, 0)
			tt.sends(&p, fingerprintA)
			a.toAll(p)
			a.hangUp()
			await(t, ann, "lost", anyEvent[Reconnecting])
			if e := await(t, ann, "home", anyEvent[Reconnected]); e.Session == session {
				t.Errorf("%+v", e)
			}
			if a.members() != 1 || b.members() != 0 {
				t.Errorf("%d at home, %d elsewhere", a.members(), b.members())
			}
		})
	}
}

// Who joins a relay that ends is sent on.
func TestJoinIsSentOn(t *testing.T) {
	b := startRelay(t, certificate(t), nil)
	a := startRelay(t, certificate(t), func(conn net.Conn) {
		text, _ := netproto.AppendPackage(nil, sends(b, 3))
		conn.Write(text)
	})
	ann := join(t, a, Config{Name: "Ann", KnownRelays: t.TempDir() + "/known"})
	if b.members() != 1 || ann.Stats().Link.Relay.String() != b.udp.LocalAddr().String() {
		t.Errorf("%+v", ann.Stats())
	}

	// Two that send people to each other are asked a few times.
	var round *fakeRelay
	round = startRelay(t, certificate(t), func(conn net.Conn) {
		text, _ := netproto.AppendPackage(nil, sends(round, 3))
		conn.Write(text)
	})
	cfg := Config{Name: "Ann", Address: round.address(), KnownRelays: t.TempDir() + "/known"}
	if _, err := Join(context.Background(), cfg); !errors.Is(err, ErrServerClosed) {
		t.Error(err)
	}
}

func TestLeaveWhileChangingOver(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.keep = true
	ann := join(t, r, Config{Name: "Ann"})
	r.toAll(netproto.ServerClose{Time: 4})
	eventually(t, "the next session is there", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.last == 2
	})
	ann.Leave()
	eventually(t, "both are left", func() bool { return r.members() == 0 })
}

// Attempts go in turns to where we were sent and home; one that proves to be somebody else is not asked again.
func TestComebackGoesInTurns(t *testing.T) {
	next := netproto.ServerClose{Relay: "b", Fingerprint: "B"}
	b := newComeback(1, 0)
	var went []string
	try := func(err error) {
		_, to := b.try(b.due, 0)
		went = append(went, to.Relay)
		if final := b.failed(b.due, err); final != nil {
			t.Fatal(final)
		}
	}
	b.lost(0, errDown)
	try(&serverClosed{netproto.ServerClose{Relay: "somewhere"}}) // which nobody vouches for
	try(&serverClosed{next})                                     // from home
	try(errDown)
	try(errDown)
	try(&serverClosed{netproto.ServerClose{Relay: "c", Fingerprint: "C"}}) // from b
	try(errDown)
	try(&CertificateChangedError{}) // of c
	try(errDown)
	try(errDown)
	if got, want := fmt.Sprintf("%q", went), `["" "" "b" "" "b" "" "c" "" ""]`; got != want {
		t.Errorf("went to %s, want %s", got, want)
	}
}

// Where a relay's clients go is told to people on a Network too, but the call does not go there.
func TestWhereOthersGoIsTold(t *testing.T) {
	fingerprint := "SHA256:" + strings.Repeat("A", 43)
	for _, tt := range []struct {
		of          *control
		relay, want string
		leads       bool
	}{
		{&control{network: &Network{}}, "b.example:9999", "b.example:9999", false},
		{&control{network: &Network{}}, "b.example:9999/x\x1b", "", false},
		{&control{}, "b.example:9999", "", false},
		{&control{relay: presented{fingerprint: fingerprint}}, "b.example:9999", "b.example:9999", true},
	} {
		p := tt.of.cleaned(netproto.ServerClose{Reason: "tired", Relay: tt.relay, Fingerprint: fingerprint}).(netproto.ServerClose)
		if p.Relay != tt.want || leads(p) != tt.leads {
			t.Errorf("%+v, leads: %v", p, leads(p))
		}
		told := (&serverClosed{p}).Error()
		if strings.Contains(told, "b.example") != (tt.want != "" && !tt.leads) {
			t.Error(told)
		}
	}
}
