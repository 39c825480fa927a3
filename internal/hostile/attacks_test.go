package hostile_test

import (
	"bytes"
	"flag"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/internal/hostile"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// The tests wait much, and compute little: many run at a time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const passphrase = "tin"

// voice is a Source that talks without end, and always the same.
type voice struct {
	pcm []float32
	at  int
}

func (v *voice) Read(pcm []float32) (int, error) {
	for i := range pcm {
		pcm[i] = v.pcm[v.at%len(v.pcm)]
		v.at++
	}
	return len(pcm), nil
}

func (v *voice) Close() error { return nil }

// talks is a Config of somebody who talks; encoding is fixed, so that all who talk say the same bytes.
func talks() engine.Config {
	return engine.Config{Passphrase: passphrase, Stride: 1, Continuous: true, Source: audio.PacedSource(&voice{pcm: synth.Speech(5*48000, 1)})}
}

func listens() engine.Config { return engine.Config{Passphrase: passphrase} }

// heard is how many datagrams of somebody have opened.
func heard(c *engine.Call, name string) (n uint64) {
	for _, p := range c.Stats().Peers {
		if p.Name == name {
			n += p.Datagrams
		}
	}
	return n
}

func dropped(c *engine.Call, reason stream.Drop) uint64 { return c.Stats().Link.Drops[reason] }

// hears waits until something of somebody is heard, and hearsNot wants that nothing is any more while enough comes.
func hears(t *testing.T, c *engine.Call, name string) {
	t.Helper()
	n := heard(c, name)
	calltest.Eventually(t, name+" is heard", func() bool { return heard(c, name) > n+20 })
}

func hearsNot(t *testing.T, c *engine.Call, name string, reason stream.Drop) {
	t.Helper()
	was := dropped(c, reason)
	calltest.Eventually(t, "an epoch is used", func() bool { return dropped(c, reason) > was+5 })
	n := heard(c, name)
	calltest.Eventually(t, "enough is dropped", func() bool { return dropped(c, reason) > was+50 })
	if m := heard(c, name); m != n {
		t.Errorf("%d datagrams of %s are heard", m-n, name)
	}
}

// faultAbout waits until somebody is told that a talker is not heard.
func faultAbout(t *testing.T, c *engine.Call, kind engine.FaultKind, name string) {
	t.Helper()
	calltest.Await(t, c, kind.String(), func(f engine.Fault) bool { return f.On && f.Kind == kind && f.Name == name })
}

// A relay that tells the truth: all that follows would be heard if it were not for the lies.
func TestHonest(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", talks())
	hears(t, bob, "Alice")
	hears(t, alice, "Bob")
	r.Begin()
	hears(t, bob, "Alice")
	hears(t, alice, "Bob")
	if d := dropped(bob, stream.DropForged) + dropped(alice, stream.DropForged); d > 0 {
		t.Errorf("%d dropped", d)
	}
}

// Whatever keys, sessions, names and lists a relay gives, no two members, and no two joins of one, seal under the same
// key and nonce: what they say is the same, and so would be what they send.
func TestNoKeyAndNonceTwice(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	var first []byte // what the first has brought
	r.Give = func(m *hostile.Member, s *netproto.Session) {
		s.Session, s.HopKey = 1, make([]byte, netproto.KeySize)
		if first == nil {
			first = m.Fresh
		}
	}
	r.Tell = func(_ *hostile.Member, list *netproto.SendNewUsers) {
		*list = netproto.SendNewUsers{
			Users: []string{"Alice"}, Sessions: []uint32{1}, Fresh: [][]byte{first}, MediaKey: make([]byte, netproto.KeySize), Epoch: 1,
		}
	}
	var said [][][]byte
	for range 3 {
		c := calltest.Join(t, r.Address(), "Alice", talks())
		m := r.Member("Alice")
		calltest.Eventually(t, "much is said", func() bool { return len(r.Heard(m)) > 100 })
		c.Leave()
		said = append(said, r.Heard(m))
	}
	bodies := map[string][]byte{}
	same := 0
	for _, datagrams := range said {
		for _, d := range datagrams {
			nonce, body := string(d[:netproto.HeaderSize]), d[netproto.VoiceHeaderSize:]
			was := bodies[nonce]
			switch {
			case was == nil:
				bodies[nonce] = body
			case bytes.Equal(was, body):
				t.Fatalf("the same under %x", nonce)
			case len(was) == len(body):
				same++
			}
		}
	}
	if same < 100 {
		t.Errorf("only %d pairs of one nonce and length: that is no proof", same)
	}
}

// A whole call that was recorded is played to somebody who is in the room again, with every word of the relay as it
// was.
func TestReplayOfAnEarlierCall(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	var lists []netproto.SendNewUsers
	r.Tell = func(to *hostile.Member, list *netproto.SendNewUsers) {
		if to.Name == "Bob" {
			lists = append(lists, *list)
		}
	}
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", listens())
	hears(t, bob, "Alice")
	recorded := r.Heard(r.Member("Alice"))
	alice.Leave()
	was := r.Member("Bob")
	bob.Leave()

	r.Lock()
	r.Give = func(_ *hostile.Member, s *netproto.Session) { s.Session, s.HopKey = was.Session, was.HopKey[:] }
	last := lists[0]
	for _, l := range lists {
		if len(l.Users) == 2 {
			last = l // that of the epoch of both
		}
	}
	r.Tell = func(_ *hostile.Member, list *netproto.SendNewUsers) { *list = last }
	r.Unlock()
	bob = calltest.Join(t, r.Address(), "Bob", listens())
	calltest.Await(t, bob, "Alice seems to be there", func(e engine.PeerJoined) bool { return e.Name == "Alice" && !e.Foreign })
	to := r.Member("Bob")
	calltest.Eventually(t, "the recording is dropped", func() bool {
		for _, d := range recorded {
			r.Inject(to, d)
		}
		return dropped(bob, stream.DropEpoch) > 200
	})
	if n := heard(bob, "Alice"); n > 0 {
		t.Errorf("%d datagrams of an earlier call are heard", n)
	}
	// The relay does not even tell of Bob what he is.
	calltest.Await(t, bob, "that is said", func(f engine.Fault) bool { return f.On && f.Kind == engine.FaultUnknown })
}

// What a relay makes of a talker's datagrams is never heard, but for the very datagram, once.
func TestForgeries(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	carol := calltest.Join(t, r.Address(), "Carol", listens())
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	calltest.Join(t, r.Address(), "Bob", talks())
	hears(t, carol, "Alice")
	hears(t, carol, "Bob")
	a, b := r.Member("Alice"), r.Member("Bob")
	for name, change := range map[string]func(d []byte) []byte{
		"a bit of the body": func(d []byte) []byte { d[15] ^= 1; return d },
		"the level":         func(d []byte) []byte { d[9] ^= 1; return d },
		"its number":        func(d []byte) []byte { d[8]++; return d },
		"a far number":      func(d []byte) []byte { d[6]++; return d },
		"the epoch":         func(d []byte) []byte { d[0] ^= 0x10; return d },
		"in Bob's name":     func(d []byte) []byte { d[4] = byte(b.Session); return d },
		"no tag":            func(d []byte) []byte { return d[:len(d)-netproto.TagSize] },
	} {
		r.Lock()
		r.Forward = func(from, to *hostile.Member, d []byte) []byte {
			if from != a || to.Name != "Carol" {
				return nil
			}
			return change(d)
		}
		r.Unlock()
		refused := func() uint64 {
			return dropped(carol, stream.DropForged) + dropped(carol, stream.DropEpoch) + dropped(carol, stream.DropMalformed)
		}
		was := refused()
		calltest.Eventually(t, name+" comes, after what was under way", func() bool { return refused() > was+5 })
		n := heard(carol, "Alice") + heard(carol, "Bob")
		was = refused()
		calltest.Eventually(t, name, func() bool { return refused() > was+30 })
		if m := heard(carol, "Alice") + heard(carol, "Bob"); m > n {
			t.Errorf("%s: %d are heard", name, m-n)
		}
	}
	// Twice, and to whom it came from.
	r.Lock()
	r.Forward = nil
	old := slices.Clone(a.Voice)
	r.Unlock()
	was, to := dropped(carol, stream.DropReplayed), r.Member("Carol")
	calltest.Eventually(t, "what was heard is not heard again", func() bool {
		for _, d := range old[len(old)-100:] {
			r.Inject(to, d)
		}
		return dropped(carol, stream.DropReplayed) > was+200
	})
	own := alice.Stats().Link.Drops[stream.DropUnknown]
	r.Inject(a, old[len(old)-1])
	calltest.Eventually(t, "nobody hears oneself", func() bool { return alice.Stats().Link.Drops[stream.DropUnknown] > own })
}

// A relay that renames somebody, adds somebody, leaves somebody out or lies about epochs to one member makes that one
// deaf to the others and the others to it, and all are told.
func TestOneIsToldOfAnotherRoom(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(list *netproto.SendNewUsers){
		"another name":    func(l *netproto.SendNewUsers) { l.Users[0] = "Eve" },
		"names swapped":   func(l *netproto.SendNewUsers) { l.Users[0], l.Users[2] = l.Users[2], l.Users[0] },
		"another session": func(l *netproto.SendNewUsers) { l.Sessions[2] = 77 },
		"one more": func(l *netproto.SendNewUsers) {
			l.Users, l.Sessions, l.Fresh = append(l.Users, "Eve"), append(l.Sessions, 77), append(l.Fresh, nil)
		},
		"one twice": func(l *netproto.SendNewUsers) {
			l.Users, l.Sessions, l.Fresh = append(l.Users, l.Users[2]), append(l.Sessions, 77), append(l.Fresh, l.Fresh[2])
		},
		"one less": func(l *netproto.SendNewUsers) {
			l.Users, l.Sessions, l.Fresh = l.Users[:2], l.Sessions[:2], l.Fresh[:2]
		},
		"fresh":   func(l *netproto.SendNewUsers) { l.Fresh[2] = make([]byte, netproto.FreshSize) },
		"the key": func(l *netproto.SendNewUsers) { l.MediaKey[9] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hostile.Start(t)
			alice := calltest.Join(t, r.Address(), "Alice", talks())
			bob := calltest.Join(t, r.Address(), "Bob", talks())
			calltest.Join(t, r.Address(), "Carl", listens())
			hears(t, bob, "Alice")
			hears(t, alice, "Bob")
			r.Lock()
			r.Tell = func(to *hostile.Member, list *netproto.SendNewUsers) {
				if to.Name == "Bob" && len(list.Users) == 3 { // until they leave
					lie(list)
				}
			}
			r.Unlock()
			r.Begin()
			shown := "Alice"
			switch name {
			case "another name":
				shown = "Eve"
			case "names swapped":
				shown = "Carl"
			}
			reason := stream.DropEpoch // nothing to open it with
			if shown != "Alice" {
				reason = stream.DropForged // what opens it is not expected
			}
			hearsNot(t, bob, shown, reason)
			hearsNot(t, alice, "Bob", stream.DropEpoch)
			faultAbout(t, alice, engine.FaultRoomKey, "Bob")
			if shown == "Alice" {
				faultAbout(t, bob, engine.FaultRoomKey, shown)
			} else { // whoever that is, it is not who it seems to be
				calltest.Await(t, bob, "told", func(e engine.PeerJoined) bool { return e.Name == shown && e.Foreign })
			}
		})
	}
}

// A relay that tells all the same lie of one is found out by that one, and by all who see that the name and what was
// brought do not go together.
func TestAllAreToldOfAnotherName(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	r.Tell = func(_ *hostile.Member, list *netproto.SendNewUsers) {
		for i, name := range list.Users {
			if name == "Alice" {
				list.Users[i] = "Eve"
			}
		}
	}
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", talks())
	carol := calltest.Join(t, r.Address(), "Carol", listens())
	calltest.Await(t, alice, "the list has another name", func(f engine.Fault) bool { return f.On && f.Kind == engine.FaultUnknown })
	calltest.Await(t, bob, "Eve is foreign", func(e engine.PeerJoined) bool { return e.Name == "Eve" && e.Foreign })
	hears(t, carol, "Bob")
	hearsNot(t, carol, "Eve", stream.DropForged)
	hearsNot(t, alice, "Bob", stream.DropEpoch)
}

// Somebody whom the relay makes up, or who has another passphrase, is shown as such, hears nothing and is not heard.
func TestOneWithoutThePassphrase(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	bob := calltest.Join(t, r.Address(), "Bob", talks())
	cfg := talks()
	cfg.Passphrase = "can"
	eve := calltest.Join(t, r.Address(), "Eve", cfg)
	cfg = talks()
	cfg.Passphrase = ""
	mallory := calltest.Join(t, r.Address(), "Mallory", cfg)
	for _, name := range []string{"Eve", "Mallory"} {
		calltest.Await(t, bob, name+" is foreign", func(e engine.PeerJoined) bool { return e.Name == name && e.Foreign })
	}
	hearsNot(t, bob, "Eve", stream.DropForged)
	hearsNot(t, bob, "Mallory", stream.DropForged)
	hearsNot(t, eve, "Bob", stream.DropForged)
	hearsNot(t, mallory, "Bob", stream.DropForged)
	alice := calltest.Join(t, r.Address(), "Alice", talks())
	hears(t, bob, "Alice")
	hears(t, alice, "Bob")
}

// An epoch that was is not made new by a relay, nor another one made of its number.
func TestEpochsGoOn(t *testing.T) {
	t.Parallel()
	r := hostile.Start(t)
	calltest.Join(t, r.Address(), "Alice", talks())
	bob := calltest.Join(t, r.Address(), "Bob", listens())
	hears(t, bob, "Alice")
	for _, back := range []uint32{0, 1, 2} {
		r.Lock()
		r.Tell = func(_ *hostile.Member, list *netproto.SendNewUsers) { list.Epoch -= min(back+1, list.Epoch) }
		r.Unlock()
		r.Begin()
		hears(t, bob, "Alice") // as before, under the epoch that there was
	}
	if d := dropped(bob, stream.DropForged); d > 0 {
		t.Errorf("%d dropped", d)
	}
}
