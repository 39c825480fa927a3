package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// patience is how long tests wait for what has to happen; nothing is timed by it.
const patience = time.Minute

// voiceSource repeats speech until it is closed, or pcm ends if once.
type voiceSource struct {
	pcm  []float32
	at   int
	once bool
	fail error
}

func (s *voiceSource) Read(pcm []float32) (int, error) {
	if s.fail != nil {
		return 0, s.fail
	}
	if s.at+len(pcm) > len(s.pcm) {
		if s.once {
			return 0, io.EOF
		}
		s.at = 0
	}
	s.at += copy(pcm, s.pcm[s.at:])
	return len(pcm), nil
}

func (s *voiceSource) Close() error { return nil }

func talk(seed uint64) audio.Source {
	return audio.PacedSource(&voiceSource{pcm: speech(100, seed)})
}

// ear is a Sink that tells how loud it was.
type ear struct {
	mu     sync.Mutex
	energy float64
	quiet  int // faint blocks in a row
	fail   error
	closed bool
}

func (*ear) Live() {}

func (e *ear) Write(pcm []float32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	e.energy += sum
	if e.quiet++; sum > faint {
		e.quiet = 0
	}
	return nil
}

func (e *ear) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return nil
}

// heard takes and clears the energy.
func (e *ear) heard() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.energy = 0 }()
	return e.energy
}

// silent tells whether nothing but comfort noise came for half a second.
func (e *ear) silent() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.quiet > 50
}

func join(t testing.TB, r *fakeRelay, cfg Config) *Call {
	t.Helper()
	cfg.Address = r.address()
	if cfg.Name == "" {
		cfg.Name = "Ann"
	}
	if cfg.KnownRelays == "" {
		cfg.Plaintext = true
	}
	cfg.Encoder.Complexity = 1
	c, err := Join(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Leave)
	return c
}

// await reads events until one is as wanted.
func await[E Event](t testing.TB, c *Call, what string, want func(E) bool) E {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if e, ok := e.(E); ok && want(e) {
				return e
			}
			if !open {
				t.Fatalf("the call ended before: %s (%v)", what, c.Err())
			}
		case <-timeout:
			t.Fatalf("no event: %s", what)
		}
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// refused is what a call has dropped, but for voice that overtook the list with its talker, or the key for it, by far:
// these go by TCP.
func refused(s *Stats) stream.DropCounts {
	d := s.Link.Drops
	d[stream.DropUnknown], d[stream.DropEpoch] = 0, 0
	return d
}

// faulty are the faults of a call, but for what a busy machine brings about: the others come late, and devices are slow.
func faulty(s *Stats) []FaultStats {
	return slices.DeleteFunc(s.Faults, func(f FaultStats) bool {
		return f.Kind == FaultAlone || f.Kind == FaultInputSlow || f.Kind == FaultOutputSlow
	})
}

func starts(e PeerTalking) bool  { return e.Talking }
func anyEvent[E Event](_ E) bool { return true }

// stuck is a Source and a Sink that give and take nothing until they are closed.
type stuck chan struct{}

func (stuck) Live()                         {}
func (s stuck) Write([]float32) error       { <-s; return io.ErrClosedPipe }
func (s stuck) Read([]float32) (int, error) { <-s; return 0, io.EOF }
func (s stuck) Close() error                { close(s); return nil }

// Devices that stand still hold up neither nacks nor reports nor probes.
func TestStuckDevicesHoldNothingUp(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	r.lose = 5
	ann := join(t, r, Config{Name: "Ann", Source: make(stuck), Sink: make(stuck)})
	join(t, r, Config{Name: "Bob", Source: talk(2)})
	told := func() (reports int) {
		for _, p := range r.reports {
			for _, about := range p.Talkers {
				if about.Receipt.Lost() > 3 {
					reports++
				}
			}
		}
		return reports
	}
	eventually(t, "nacks and reports", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.nacks > 3 && told() > 2
	})
	if s := ann.Stats(); !s.Link.Alive || s.Peers[0].Frames > 1 {
		t.Errorf("%+v, %+v", s.Link, s.Peers)
	}
}

func TestTwoCallsTalkBothWays(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		known := ""
		r := startRelay(t, nil, nil)
		if secure {
			r = startRelay(t, certificate(t), nil)
			known = filepath.Join(t.TempDir(), "known")
		}
		annHears, bobHears := &ear{}, &ear{}
		ann := join(t, r, Config{Name: "Ann", KnownRelays: known, Source: talk(1), Sink: audio.PacedSink(annHears)})
		bob := join(t, r, Config{Name: "Bob", KnownRelays: known, Source: talk(2), Sink: audio.PacedSink(bobHears), Copies: []int{1}})
		joined := await(t, ann, "Bob joins", func(e PeerJoined) bool { return e.Name == "Bob" })
		if joined.Session != bob.Session() {
			t.Errorf("Bob joined as %d, is %d", joined.Session, bob.Session())
		}
		await(t, bob, "Ann is there", func(e PeerJoined) bool { return e.Session == ann.Session() })
		await(t, ann, "Bob talks", starts)
		await(t, bob, "Ann talks", starts)
		for _, e := range []*ear{annHears, bobHears} {
			eventually(t, "speech is heard", func() bool { return e.heard() > 10 })
		}
		eventually(t, "figures", func() bool {
			s := ann.Stats()
			return len(s.Peers) == 1 && s.Peers[0].Frames > 20 && s.Peers[0].MouthToEar > 36*time.Millisecond &&
				s.Link.Alive && s.Link.RTT > 0 && s.Link.LeastRTT <= s.Link.RTT && s.Link.UpKbps > 5 && s.Link.DownKbps > 5 && s.Level < 60
		})
		s := ann.Stats()
		if p := s.Peers[0]; p.Name != "Bob" || p.Volume != 1 || s.Muted || s.Deaf || s.EventsMissed != 0 {
			t.Errorf("%+v", s)
		}
		if refused(&s) != (stream.DropCounts{}) || s.Link.SendFailures != 0 || secure != (s.Link.Fingerprint != "") {
			t.Errorf("%+v", s.Link)
		}
		bob.Leave()
		left := await(t, ann, "Bob leaves", func(e PeerLeft) bool { return e.Name == "Bob" })
		if left.Stats.Frames < 20 || left.Stats.MouthToEar == 0 {
			t.Errorf("%+v", left)
		}
		if len(ann.Stats().Peers) != 0 {
			t.Error("Bob still listed")
		}
		ann.Leave()
		r.die()
	}
}

// faint is the energy of a block of comfort noise at most; speech has some 5.
const faint = 0.05

func TestMuteDeafenVolume(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	e := &ear{}
	ann := join(t, r, Config{Name: "Ann", Sink: audio.PacedSink(e)})
	bob := join(t, r, Config{Name: "Bob", Source: talk(1)})
	await(t, ann, "Bob talks", starts)

	bob.Mute(true)
	bob.Mute(true) // no second event
	await(t, bob, "muted", func(e Muted) bool { return e.Muted })
	await(t, ann, "Bob stops", func(e PeerTalking) bool { return !e.Talking })
	eventually(t, "silence", e.silent)
	if s := bob.Stats(); !s.Muted || s.Level != 127 {
		t.Errorf("%+v", s)
	}
	bob.Mute(false)
	await(t, bob, "unmuted", func(e Muted) bool { return !e.Muted })
	await(t, ann, "Bob talks again", starts)

	ann.Deafen(true)
	await(t, ann, "deaf", func(e Deafened) bool { return e.Deaf })
	eventually(t, "silence", e.silent)
	eventually(t, "the relay knows", func() bool { return r.sawDeaf(true) })
	ann.Deafen(false)
	await(t, ann, "hears again", func(e Deafened) bool { return !e.Deaf })
	eventually(t, "the relay knows", func() bool { return r.sawDeaf(false) })
	eventually(t, "speech is heard", func() bool { return e.heard() > 1 })

	if !ann.SetVolume(bob.Session(), 0) || ann.SetVolume(999, 0) {
		t.Error("SetVolume")
	}
	eventually(t, "silence", e.silent)
}

func TestSourcesAndSinksFail(t *testing.T) {
	r := startRelay(t, nil, nil)
	broken := errors.New("unplugged")
	ann := join(t, r, Config{Name: "Ann", Source: audio.PacedSource(&voiceSource{fail: broken}), Sink: &ear{fail: broken}})
	seen := map[error]int{}
	await(t, ann, "both", func(e Event) bool {
		switch e := e.(type) {
		case SourceEnded:
			seen[e.Err]++
		case SinkFailed:
			seen[e.Err]++
		}
		return seen[broken] == 2
	})
	// Ann still hears: her statistics go on counting.
	bob := join(t, r, Config{Name: "Bob", Stride: 1, Source: audio.PacedSource(&voiceSource{pcm: speech(40, 1), once: true})})
	await(t, bob, "end of file", func(e SourceEnded) bool { return e.Err == nil })
	eventually(t, "all 40 frames of the file and the soft end", func() bool {
		p := ann.Stats().Peers
		return len(p) == 1 && p[0].Datagrams >= 41
	})
	await(t, ann, "Bob has ended", func(e PeerTalking) bool { return !e.Talking })
	select {
	case <-bob.Done():
		t.Error("the call ended with the file")
	default:
	}
}

func TestLeave(t *testing.T) {
	r := startRelay(t, nil, nil)
	e := &ear{}
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(context.Background())
	cfg := Config{Address: r.address(), Name: "Ann", Plaintext: true, Source: talk(1), Sink: e}
	ann, err := Join(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cancel(late) // as good as Leave, but that Err says so
	<-ann.Done()
	ann.Leave()
	ann.Leave()
	if ann.Err() != late || !e.closed {
		t.Errorf("error %v, sink closed %v", ann.Err(), e.closed)
	}
	ended := await(t, ann, "end", anyEvent[Ended])
	if _, open := <-ann.Events(); open || ended.Err != late {
		t.Errorf("events open %v, %v", open, ended.Err)
	}
	ann.Mute(true) // after the end: harmless
	ann.Deafen(true)
	ann.Stats()
	eventually(t, "the relay noticed", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.clients) == 0 })
}

func TestTheRelayEndsTheCall(t *testing.T) {
	r := startRelay(t, nil, nil)
	c := join(t, r, Config{Source: talk(1)})
	eventually(t, "voice path", func() bool { return c.Stats().Link.Alive })
	if c.Err() != nil {
		t.Error(c.Err())
	}
	r.toAll(netproto.Disconnect{})
	if e := await(t, c, "end", anyEvent[Ended]); !errors.Is(e.Err, ErrRefused) {
		t.Errorf("ended with %v", e.Err)
	}
	<-c.Done()
	if !errors.Is(c.Err(), ErrRefused) {
		t.Errorf("Err is %v", c.Err())
	}
}

// Datagrams stop while the control connection lives: the user is told.
func TestVoicePathBreaks(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	c := join(t, r, Config{Source: talk(1)})
	eventually(t, "voice path", func() bool { return c.Stats().Link.Alive })
	r.udp.Close()
	await(t, c, "path down", func(e Fault) bool { return e.Kind == FaultUDPStopped && e.On })
	if c.Stats().Link.Alive || c.Err() != nil {
		t.Errorf("%+v", c.Stats().Link)
	}
}

func TestRefusals(t *testing.T) {
	write := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	tests := []struct {
		name   string
		answer func(net.Conn)
		want   error
		says   string
	}{
		{"refused", write(`{"KEY": 1, "REASON": "room is full"}`), ErrRefused, "room is full"},
		{"sent away", write(`{"KEY": 4}`), ErrRefused, "no reason"},
		{"closing", write(`{"KEY": 0}{"KEY": 5}`), ErrServerClosed, ""},
		{"no voice", write(`{"KEY": 3, "USERS": ["Ann"]}{"KEY": 6, "SESSION": 3}`), ErrNoVoice, ""},
		{"short key", write(`{"KEY": 6, "SESSION": 3, "VOICE": 1, "HOP_KEY": "AAAA"}`), ErrConnectionLost, ""}, // that package is passed over
		{"hung up", func(net.Conn) {}, ErrConnectionLost, ""},
		{"rubbish", write(strings.Repeat("{", 70000)), ErrConnectionLost, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRelay(t, nil, tt.answer)
			_, err := Join(context.Background(), Config{Address: r.address(), Name: "Ann", Plaintext: true})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		r := startRelay(t, nil, nil)
		r.die()
		_, err := Join(context.Background(), Config{Address: r.address(), Name: "Ann", Plaintext: true})
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Error(err)
		}
	})
	t.Run("silent, then cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		r := startRelay(t, nil, func(c net.Conn) { cancel(); io.Copy(io.Discard, c) })
		_, err := Join(ctx, Config{Address: r.address(), Name: "Ann", Plaintext: true})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrConnectionLost) {
			t.Error(err)
		}
	})
	t.Run("no TLS there", func(t *testing.T) {
		web, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer web.Close()
		go func() {
			if conn, err := web.Accept(); err == nil {
				io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
				conn.Close()
			}
		}()
		_, err = Join(context.Background(), Config{Address: web.Addr().String(), Name: "Ann", KnownRelays: filepath.Join(t.TempDir(), "known")})
		if err == nil || !strings.Contains(err.Error(), "is a tincan relay there?") {
			t.Error(err)
		}
	})
}

func TestCertificateIsPinned(t *testing.T) {
	known := filepath.Join(t.TempDir(), "deep", "known_relays")
	r := startRelay(t, certificate(t), nil)
	join(t, r, Config{KnownRelays: known}).Leave()
	first, err := os.ReadFile(known)
	if err != nil || !strings.HasPrefix(string(first), r.address()+" SHA256:") {
		t.Fatalf("%q, %v", first, err)
	}
	join(t, r, Config{KnownRelays: known}).Leave()
	if again, _ := os.ReadFile(known); string(again) != string(first) {
		t.Errorf("pinned twice: %q", again)
	}

	// Another certificate at the same address.
	text := "# mine\n\nother:9999 " + fingerprintX + "\n" + r.address() + " " + fingerprintA
	if err := os.WriteFile(known, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Join(context.Background(), Config{Address: r.address(), Name: "Ann", KnownRelays: known})
	var changed *CertificateChangedError
	if !errors.As(err, &changed) {
		t.Fatal(err)
	}
	if changed.File != known || changed.Line != 4 || changed.Known != fingerprintA || changed.Address != r.address() {
		t.Errorf("%+v", changed)
	}
	for _, word := range []string{known, "line 4", fingerprintA, changed.Presented} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not tell %q", err, word)
		}
	}
	if now, _ := os.ReadFile(known); string(now) != text {
		t.Error("the file was changed")
	}
	// The operator confirmed it: a second line for the relay is as good.
	if err := appendLine(known, r.address()+" "+changed.Presented, "\n"); err != nil {
		t.Fatal(err)
	}
	join(t, r, Config{KnownRelays: known}).Leave()

	_, err = Join(context.Background(), Config{Address: r.address(), Name: "Ann", KnownRelays: t.TempDir()})
	if !errors.Is(err, ErrKnownRelays) {
		t.Errorf("a folder as file: %v", err)
	}
}

func TestEpochsOfARealCall(t *testing.T) {
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann"})
	bob := join(t, r, Config{Name: "Bob", Source: talk(1)})
	await(t, ann, "Bob talks", starts)
	r.rotate()
	await(t, bob, "Ann is there", anyEvent[PeerJoined])
	eventually(t, "the talker took the new epoch", func() bool {
		bob.talking.Lock()
		defer bob.talking.Unlock()
		return bob.sender.talker.Epoch() == 3 // the first one was Ann's alone
	})
	before := ann.Stats().Peers[0].Datagrams
	eventually(t, "still heard", func() bool { return ann.Stats().Peers[0].Datagrams > before+10 })
	if s := ann.Stats(); refused(&s) != (stream.DropCounts{}) || s.Link.Drops[stream.DropEpoch] > 0 {
		t.Errorf("drops %v", s.Link.Drops)
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	r := startRelay(t, nil, nil)
	ann := join(t, r, Config{Name: "Ann", Passphrase: "tin"})
	join(t, r, Config{Name: "Bob", Passphrase: "tin", Source: talk(1)})
	join(t, r, Config{Name: "Eve", Passphrase: "can", Source: talk(2)})
	bobTalks := await(t, ann, "Bob talks", starts)
	eventually(t, "Eve is not understood", func() bool { return ann.Stats().Link.Drops[stream.DropForged] > 10 })
	stats := ann.Stats()
	for _, p := range stats.Peers {
		if (p.Datagrams > 0) != (p.Name == "Bob") || p.Foreign != (p.Name == "Eve") {
			t.Errorf("%+v", p)
		}
	}
	if !stats.Sealed || len(stats.Peers) != 2 {
		t.Errorf("%+v", stats)
	}
	if bobTalks.Name != "Bob" {
		t.Errorf("%s talks", bobTalks.Name)
	}
}

func TestEventsNeverWait(t *testing.T) {
	q := newEventFeed()
	for i := range eventRoom + 10 {
		q.add(PeerJoined{Session: uint32(i)})
	}
	if q.lost() != 10 {
		t.Errorf("%d lost", q.lost())
	}
	if e := (<-q.ch).(PeerJoined); e.Session != 10 {
		t.Errorf("the oldest left is %d", e.Session)
	}
	q.add(Ended{})
	q.close()
	q.add(Muted{}) // after the end: dropped
	var last Event
	for e := range q.ch {
		last = e
	}
	if last != (Ended{}) {
		t.Errorf("last event %v", last)
	}
}
