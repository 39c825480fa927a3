package calltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/internal/xcorr"
	"github.com/tincan-voice/tincan/relay"
	"github.com/tincan-voice/tincan/stream"
)

const second = audio.SampleRate

func talks(name string) func(engine.PeerTalking) bool {
	return func(e engine.PeerTalking) bool { return e.Talking && e.Name == name }
}

// gate is a Source that says nothing before it is opened.
type gate struct {
	audio.Source
	open   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (g *gate) Read(pcm []float32) (int, error) {
	select {
	case <-g.open:
	case <-g.closed:
	}
	return g.Source.Read(pcm)
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Source.Close()
}

// Two calls talk both ways over files and TLS; each file holds what the other said.
func TestTwoCallsOverFiles(t *testing.T) {
	server := StartRelay(t, relay.Config{})
	dir := t.TempDir()
	known := filepath.Join(dir, "known_relays")
	type side struct {
		name  string
		said  []float32
		heard string
		call  *engine.Call
	}
	sides := []*side{{name: "Ann"}, {name: "Bob"}}
	ready := make(chan struct{})
	for i, s := range sides {
		s.said = synth.Speech(5*second, uint64(i))
		spoken := filepath.Join(dir, s.name+".wav")
		w, err := audio.CreateWAV(spoken)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(s.said), w.Close()); err != nil {
			t.Fatal(err)
		}
		source, err := audio.OpenFile(spoken)
		if err != nil {
			t.Fatal(err)
		}
		s.heard = filepath.Join(dir, s.name+"-heard.wav")
		sink, err := audio.CreateWAV(s.heard)
		if err != nil {
			t.Fatal(err)
		}
		s.call = Join(t, server.Addr().String(), s.name, engine.Config{
			KnownRelays: known, Source: &gate{Source: audio.PacedSource(source), open: ready, closed: make(chan struct{})}, Sink: audio.PacedSink(sink),
		})
	}
	close(ready)
	for _, s := range sides {
		Await(t, s.call, "end of the file", func(e engine.SourceEnded) bool { return e.Err == nil })
	}
	for _, s := range sides {
		Eventually(t, s.name+" has heard all", func() bool {
			p := s.call.Stats().Peers
			return len(p) == 1 && p[0].Frames > 150 && !p[0].Talking
		})
		l := s.call.Stats().Link
		l.Drops[stream.DropEpoch] = 0 // before the epoch of both
		if l.Drops != (stream.DropCounts{}) || l.Fingerprint != server.Fingerprint() {
			t.Errorf("%s: %+v", s.name, l)
		}
	}
	for i, s := range sides {
		s.call.Leave()
		heard, err := audio.ReadWAV(s.heard)
		if err != nil {
			t.Fatal(err)
		}
		peer := sides[1-i]
		// Short pieces: on a busy machine a buffer stretches what it plays, and a second of that is another wave.
		found, of := found(xcorr.Delays(peer.said, pad(heard, 3*second), xcorr.Config{Span: second / 5, Step: second / 5, MaxDelay: 3 * second}))
		if len(found) < of*3/4 || of < 20 {
			t.Errorf("%s found %d of %d pieces of what %s said", s.name, len(found), of, peer.name)
		}
	}
}

func TestTenInOneRoom(t *testing.T) {
	server := StartRelay(t, relay.Config{})
	var calls []*engine.Call
	for i := range 10 {
		cfg := engine.Config{}
		cfg.Encoder.Complexity = 1
		if i < 2 {
			cfg.Source = Babble(uint64(i))
		}
		calls = append(calls, Join(t, server.Addr().String(), fmt.Sprint("client ", i), cfg))
	}
	for i, call := range calls {
		Eventually(t, fmt.Sprintf("client %d hears both talkers and sees the rest", i), func() bool {
			peers := call.Stats().Peers
			heard := 0
			for _, p := range peers {
				if p.Frames > 25 {
					heard++
				}
			}
			want := 2
			if i < 2 {
				want = 1
			}
			return len(peers) == 9 && heard == want
		})
	}
	var drops []stream.DropCounts // by newcomers, before the first epoch that they know is used
	for _, call := range calls {
		drops = append(drops, call.Stats().Link.Drops)
	}
	calls[0].Leave()
	for _, call := range calls[1:] {
		Await(t, call, "client 0 leaves", func(e engine.PeerLeft) bool { return e.Name == "client 0" })
	}
	// The leave started a new epoch; the other talker goes on through it.
	frames := func() uint64 {
		for _, p := range calls[9].Stats().Peers {
			if p.Name == "client 1" {
				return p.Frames
			}
		}
		return 0
	}
	before := frames()
	Eventually(t, "still heard", func() bool { return frames() > before+100 })
	for i, call := range calls[1:] {
		if d := call.Stats().Link.Drops; d[stream.DropForged] != 0 || d[stream.DropEpoch] != drops[i+1][stream.DropEpoch] {
			t.Errorf("client %d: drops %v, %v when all were there", i+1, d, drops[i+1])
		}
	}
}

func TestTenRoomsOfTwo(t *testing.T) {
	server := StartRelay(t, relay.Config{})
	var pairs [10][2]*engine.Call
	for room := range pairs {
		for i := range 2 {
			cfg := engine.Config{Room: fmt.Sprint("room ", room)}
			cfg.Encoder.Complexity = 1
			if i == 0 {
				cfg.Source = Babble(uint64(room))
			}
			pairs[room][i] = Join(t, server.Addr().String(), fmt.Sprintf("%d in %d", i, room), cfg)
		}
	}
	for room, pair := range pairs {
		Eventually(t, fmt.Sprintf("room %d hears its talker alone", room), func() bool {
			peers := pair[1].Stats().Peers
			return len(peers) == 1 && peers[0].Name == fmt.Sprintf("0 in %d", room) && peers[0].Frames > 25
		})
	}
}

func TestPassphraseOverTheRelay(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{})
	address := server.Addr().String()
	ann := Join(t, address, "Ann", engine.Config{Passphrase: "tin", Room: "attic"})
	Join(t, address, "Bob", engine.Config{Passphrase: "tin", Room: "attic", Source: Babble(1)})
	Join(t, address, "Eve", engine.Config{Room: "attic", Source: Babble(2)})
	Await(t, ann, "Bob talks", talks("Bob"))
	Eventually(t, "Eve, without the passphrase, is not heard", func() bool {
		return ann.Stats().Link.Drops[stream.DropForged] > 10
	})
	for _, p := range ann.Stats().Peers {
		if p.Name == "Eve" && p.Datagrams != 0 {
			t.Error("Eve was heard")
		}
	}
}

func TestCertificateChange(t *testing.T) {
	dir := t.TempDir()
	known := filepath.Join(dir, "known_relays")
	first := StartRelay(t, relay.Config{StateDir: filepath.Join(dir, "first")})
	Join(t, first.Addr().String(), "Ann", engine.Config{KnownRelays: known}).Leave()
	pinned, err := os.ReadFile(known)
	if err != nil || strings.TrimSpace(string(pinned)) != first.Addr().String()+" "+first.Fingerprint() {
		t.Fatalf("%q %v", pinned, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := StartRelay(t, relay.Config{Addr: first.Addr(), StateDir: filepath.Join(dir, "second")})
	_, err = engine.Join(context.Background(), engine.Config{Address: second.Addr().String(), Name: "Ann", KnownRelays: known})
	var changed *engine.CertificateChangedError
	if !errors.As(err, &changed) {
		t.Fatal(err)
	}
	if changed.Known != first.Fingerprint() || changed.Presented != second.Fingerprint() || changed.File != known || changed.Line != 1 {
		t.Errorf("%+v", changed)
	}
}

// rejoined waits until two who had lost the relay hear each other again: Bob hears Ann.
func rejoined(t *testing.T, ann, bob *engine.Call, resumed bool) {
	t.Helper()
	for _, call := range []*engine.Call{ann, bob} {
		back := Await(t, call, "back", func(engine.Reconnected) bool { return true })
		if back.Resumed != resumed || back.Session != call.Session() {
			t.Errorf("%+v", back)
		}
	}
	heard := func() uint64 {
		for _, p := range bob.Stats().Peers {
			if p.Session == ann.Session() {
				return p.Frames
			}
		}
		return 0
	}
	var before uint64
	Eventually(t, "they are both there", func() bool { before = heard(); return len(ann.Stats().Peers) == 1 && len(bob.Stats().Peers) == 1 })
	Eventually(t, "Bob hears Ann", func() bool { return heard() > before+50 })
	for _, call := range []*engine.Call{ann, bob} {
		if s := call.Stats(); s.Reconnects != 1 || s.Reconnecting != "" || s.Link.Drops[stream.DropForged] > 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestRelayIsKilled(t *testing.T) {
	state := t.TempDir()
	address, kill := startProcess(t, "relay", "127.0.0.1:0 "+state)
	ann := Join(t, address, "Ann", engine.Config{Source: Babble(1)})
	bob := Join(t, address, "Bob", engine.Config{})
	Await(t, bob, "Ann talks", talks("Ann"))
	kill()
	for _, call := range []*engine.Call{ann, bob} {
		Await(t, call, "the loss", func(engine.Reconnecting) bool { return true })
	}
	startProcess(t, "relay", address+" "+state)
	rejoined(t, ann, bob, false)
}

func TestRelayIsStopped(t *testing.T) {
	state := t.TempDir()
	server := StartRelay(t, relay.Config{StateDir: state})
	address := server.Addr()
	ann := Join(t, address.String(), "Ann", engine.Config{Source: Babble(1)})
	bob := Join(t, address.String(), "Bob", engine.Config{})
	Await(t, bob, "Ann talks", talks("Ann"))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, call := range []*engine.Call{ann, bob} {
		e := Await(t, call, "the loss", func(engine.Reconnecting) bool { return true })
		if !strings.Contains(e.Reason, engine.ErrServerClosed.Error()) {
			t.Errorf("%+v", e)
		}
	}
	StartRelay(t, relay.Config{Addr: address, StateDir: state})
	rejoined(t, ann, bob, false)
}

// What is in the middle, as a NAT, forgets both connections: the session goes on over others, and nobody has left.
func TestMiddleForgetsConnections(t *testing.T) {
	server := StartRelay(t, relay.Config{})
	middle := startProxy(t, "", server.Addr().String())
	address := middle.Addr().String()
	ann := Join(t, address, "Ann", engine.Config{Source: Babble(1)})
	bob := Join(t, address, "Bob", engine.Config{})
	Await(t, bob, "Ann talks", talks("Ann"))
	sessions := []uint32{ann.Session(), bob.Session()}
	if err := middle.Close(); err != nil {
		t.Fatal(err)
	}
	startProxy(t, address, server.Addr().String())
	rejoined(t, ann, bob, true)
	if sessions[0] != ann.Session() || sessions[1] != bob.Session() {
		t.Error("other sessions")
	}
	ann.Leave()
	for e := range ann.Events() {
		if left, ok := e.(engine.PeerLeft); ok {
			t.Errorf("%+v", left)
		}
	}
}

func TestClientIsKilled(t *testing.T) {
	t.Parallel()
	server := StartRelay(t, relay.Config{HoldTime: time.Second})
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{})
	session, kill := startProcess(t, "client", server.Addr().String())
	Await(t, ann, "the victim comes", func(e engine.PeerJoined) bool { return fmt.Sprint(e.Session) == session })
	kill()
	Await(t, ann, "the victim is gone", func(e engine.PeerLeft) bool { return fmt.Sprint(e.Session) == session })
}

// Mouth-to-ear delay over loopback, from the audio: it is logged, and only has to make sense.
func TestMouthToEar(t *testing.T) {
	server := StartRelay(t, relay.Config{})
	mouth, ear := NewMouth(synth.Speech(5*second, 3)), NewEar()
	Join(t, server.Addr().String(), "Bob", engine.Config{Sink: ear})
	ann := Join(t, server.Addr().String(), "Ann", engine.Config{Source: mouth})
	Eventually(t, "all is said", mouth.Done)
	ann.Leave()
	delays, of := found(Delays(mouth, ear))
	if len(delays) < of/2 || len(delays) == 0 || delays[0] < 20 {
		t.Fatalf("%d of %d pieces found: %v", len(delays), of, delays)
	}
	t.Logf("mouth to ear: least %.0f, median %.0f, most %.0f ms", delays[0], delays[len(delays)/2], delays[len(delays)-1])
}
