package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

func newTestListener(sessions ...uint32) *Listener {
	l := NewListener(ListenerConfig{})
	l.SetSecret(0, 1, testSecret)
	for _, s := range sessions {
		l.AddPeer(s, fmt.Sprint("peer ", s))
	}
	return l
}

// arrival is a datagram on its way to a listener.
type arrival struct {
	at time.Duration
	d  []byte
}

// network decides what becomes of a datagram sent at a time: its arrivals.
type network func(sent time.Duration, seq int) []time.Duration

func clean(sent time.Duration, _ int) []time.Duration {
	return []time.Duration{sent + 10*time.Millisecond}
}

// play lets a talker say pcm over a network then mutes it, and returns what the listener hears from the
// moment of the first sample on, in blocks of the given size.
func play(t testing.TB, talker *Talker, l *Listener, pcm []float32, net network, block int) []float32 {
	t.Helper()
	o := newOpener(t, testSession)
	var mail []arrival
	for seq := 0; len(pcm) > 0 || !talker.Settled(); {
		frame := make([]float32, FrameSize)
		pcm = pcm[copy(frame, pcm):]
		d, err := talker.Frame(frame)
		if err != nil {
			t.Fatal(err)
		}
		now := frameTime(talker.LastSeq())
		if d == nil {
			continue
		}
		for _, at := range net(now, seq) {
			mail = append(mail, arrival{at, slices.Clone(o.strip(d))})
		}
		seq++
		talker.SetMuted(len(pcm) == 0)
	}
	slices.SortStableFunc(mail, func(a, b arrival) int { return int(a.at - b.at) })
	end := frameTime(talker.LastSeq()) + 2*time.Second
	heard := make([]float32, 0, int(end.Seconds()*codec.SampleRate)+block)
	out := make([]float32, block)
	for now := time.Duration(0); now < end; now = samplesTime(len(heard)) {
		for len(mail) > 0 && mail[0].at <= now {
			_ = l.Handle(mail[0].at, mail[0].d) // drops are counted
			mail = mail[1:]
		}
		l.Mix(now, out)
		heard = append(heard, out...)
	}
	return heard
}

func samplesTime(n int) time.Duration { return time.Duration(n) * time.Second / codec.SampleRate }

// codecOnly is pcm through encoder and decoder alone.
func codecOnly(t testing.TB, cfg codec.EncoderConfig, pcm []float32) []float32 {
	t.Helper()
	enc, err := opus.NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(pcm))
	frame := make([]byte, codec.MaxFrameBytes)
	for i := 0; i < len(pcm); i += FrameSize {
		n, err := enc.Encode(pcm[i:][:FrameSize], frame)
		if err == nil {
			err = dec.Decode(frame[:n], out[i:][:FrameSize])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// find returns where want occurs in heard bit for bit, or -1.
func find(heard, want []float32) int {
	for at := 0; at+len(want) <= len(heard); at++ {
		if heard[at] == want[0] && slices.Equal(heard[at:][:len(want)], want) {
			return at
		}
	}
	return -1
}

// On a clean path the listener hears what the codec makes of the speech, bit for bit, whatever
// the size of the blocks.
func TestCleanPathIsTheCodecAlone(t *testing.T) {
	pcm := speech(200, 1)
	want := codecOnly(t, codec.EncoderConfig{}, pcm)
	for _, block := range []int{480, 960, 441, 1500} {
		l := newTestListener(testSession)
		l.cfg.NewBuffer = newFIFO(3 * FrameSize)
		heard := play(t, newTestTalker(t, TalkerConfig{}), l, pcm, clean, block)
		if find(heard, want) < 0 {
			t.Errorf("blocks of %d: what is heard is not the codec round trip", block)
		}
		if d := l.Drops(); d != (stream.DropCounts{}) {
			t.Errorf("drops %v", d)
		}
	}
}

// The same with the real jitter buffer, which may stretch time while it learns the network.
func TestCleanPathThroughTheJitterBuffer(t *testing.T) {
	const seconds = 6
	pcm := speech(50*seconds, 1)
	want := codecOnly(t, codec.EncoderConfig{}, pcm)
	l := newTestListener(testSession)
	heard := play(t, newTestTalker(t, TalkerConfig{}), l, pcm, clean, 480)
	same := 0
	const piece = 10 * FrameSize
	for at := 0; at < len(want); at += piece {
		if from := find(heard, want[at:][:piece]); from >= 0 {
			same++
			heard = heard[from+piece:]
		}
	}
	if same < seconds*5/2 {
		t.Errorf("of %d pieces only %d are the codec round trip", seconds*5, same)
	}
	if s := l.Peers(0, nil)[0]; s.Frames < 50*seconds-1 || s.Lost != 0 {
		t.Errorf("%d frames, %d lost", s.Frames, s.Lost)
	}
}

// recorder is a Buffer that only notes which frames reached it.
type recorder struct{ got map[uint32]bool }

func (r recorder) Push(_ time.Duration, frames []jitter.Frame) {
	for _, f := range frames {
		r.got[f.Number] = true
	}
}
func (recorder) Pull(time.Duration, []float32)               {}
func (recorder) Active() bool                                { return false }
func (recorder) Stats() jitter.Stats                         { return jitter.Stats{} }
func (recorder) SetPathDelay(time.Duration)                  {}
func (recorder) Expect(time.Duration, uint32, time.Duration) {}
func (recorder) End(time.Duration, uint32)                   {}

// fifo is a Buffer that plays every frame as it comes, once it has got some ahead.
type fifo struct {
	dec     jitter.Decoder
	ahead   int // samples
	started bool
	pcm     []float32
}

func newFIFO(ahead int) func(jitter.Decoder, jitter.Config) Buffer {
	return func(dec jitter.Decoder, _ jitter.Config) Buffer { return &fifo{dec: dec, ahead: ahead} }
}

func (b *fifo) Push(_ time.Duration, frames []jitter.Frame) {
	pcm := make([]float32, FrameSize)
	if b.dec.Decode(frames[0].Data, pcm) == nil {
		b.pcm = append(b.pcm, pcm...)
	}
}

func (b *fifo) Pull(_ time.Duration, out []float32) {
	clear(out)
	if b.started = b.started || len(b.pcm) >= b.ahead; b.started {
		b.pcm = b.pcm[copy(out, b.pcm):]
	}
}

func (b *fifo) Active() bool                              { return len(b.pcm) > 0 }
func (*fifo) Stats() jitter.Stats                         { return jitter.Stats{} }
func (*fifo) SetPathDelay(time.Duration)                  {}
func (*fifo) Expect(time.Duration, uint32, time.Duration) {}
func (*fifo) End(time.Duration, uint32)                   {}

func TestCopiesRecoverLosses(t *testing.T) {
	tests := []struct {
		name   string
		stride int
		copies []int
		burst  int // datagrams lost in a row, once in twenty
		whole  bool
	}{
		{"no copies", 1, nil, 1, false},
		{"a copy", 1, []int{1}, 1, true},
		{"a copy, bursts", 1, []int{1}, 4, false},
		{"a distant copy, bursts", 1, []int{4}, 4, true},
		{"bundled, no copies", 3, nil, 1, false},
		{"bundled, a copy", 3, []int{1}, 1, true},
		{"bundled, two copies, bursts", 2, []int{1, 3}, 3, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lossy := func(sent time.Duration, seq int) []time.Duration {
				if seq%20 < tt.burst {
					return nil
				}
				return clean(sent, seq)
			}
			got := map[uint32]bool{}
			l := NewListener(ListenerConfig{NewBuffer: func(jitter.Decoder, jitter.Config) Buffer { return recorder{got} }})
			l.SetSecret(0, 1, testSecret)
			l.AddPeer(testSession, "")
			talker := newTestTalker(t, TalkerConfig{Stride: tt.stride, Copies: tt.copies, Encoder: codec.EncoderConfig{Complexity: 1}})
			play(t, talker, l, speech(500, 1), lossy, 480)
			missing := 0
			for n := uint32(1); n <= 500; n++ {
				if !got[n] {
					missing++
				}
			}
			if tt.whole != (missing == 0) {
				t.Errorf("%d of 500 frames missing", missing)
			}
		})
	}
}

// Reordered, duplicated and late datagrams: every frame is played once.
func TestReorderingAndDuplicates(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	messy := func(sent time.Duration, _ int) []time.Duration {
		at := sent + 10*time.Millisecond + time.Duration(rng.IntN(60))*time.Millisecond
		return []time.Duration{at, at + time.Duration(rng.IntN(100))*time.Millisecond}
	}
	l := newTestListener(testSession)
	play(t, newTestTalker(t, TalkerConfig{}), l, speech(500, 1), messy, 480)
	s := l.Peers(0, nil)[0]
	if s.Datagrams != 503 || l.Drops()[stream.DropReplayed] != 503 { // with the soft end
		t.Errorf("%d datagrams, %d replays of 503 each", s.Datagrams, l.Drops()[stream.DropReplayed])
	}
	if s.Frames < 490 || s.Concealed > 50 {
		t.Errorf("%d frames, %d concealed of 500", s.Frames, s.Concealed)
	}
}

func TestDrops(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	o := newOpener(t, testSession)
	next := func() []byte {
		d, err := talker.Frame(speech(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(o.strip(d))
	}
	tampered := func(at int) []byte { d := next(); d[at] ^= 1; return d }
	once := next()
	probe := netproto.NewSealer(testHop.Down()).Seal(nil, netproto.Header{Type: netproto.TypeProbeAck, Session: 1, Seq: 1}, make([]byte, 16))
	foreign := netproto.NewSealer([16]byte{1}).Seal(nil, netproto.Header{Epoch: 1, Session: testSession, Seq: 99}, []byte{0x80, 1, 2})
	foreign = netproto.AppendHop(foreign, netproto.Hop{})
	badBody := netproto.NewSealer(netproto.VoiceKey(testSecret, testSession, 1)).Seal(nil, netproto.Header{Epoch: 1, Session: testSession, Seq: 98}, []byte{1})
	badBody = netproto.AppendHop(badBody, netproto.Hop{})
	bundle, err := netproto.AppendBundle(nil, once)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		d    []byte
		want error
	}{
		{"good", once, nil},
		{"replayed", once, stream.DropReplayed},
		{"replayed in a bundle", bundle, stream.DropReplayed},
		{"empty", nil, stream.DropMalformed},
		{"random", []byte("\x00random"), stream.DropMalformed},
		{"header only", next()[:10], stream.DropMalformed},
		{"broken bundle", []byte{netproto.Version<<6 | byte(netproto.TypeBundle), 9}, stream.DropMalformed},
		{"not voice", probe, stream.DropNotVoice},
		{"unknown talker", tampered(4), stream.DropUnknown},
		{"epoch bits flipped", func() []byte { d := next(); d[0] ^= 0x20; return d }(), stream.DropEpoch},
		{"number changed", tampered(7), stream.DropForged},
		{"level changed", tampered(9), stream.DropForged},
		{"body changed", tampered(15), stream.DropForged},
		{"cut", func() []byte { d := next(); return d[:len(d)-1] }(), stream.DropForged},
		{"other key", foreign, stream.DropForged},
		{"bad body", badBody, stream.DropMalformed},
	}
	l := newTestListener(testSession)
	var want stream.DropCounts
	for _, tt := range tests {
		if err := l.Handle(0, tt.d); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if drop, ok := tt.want.(stream.Drop); ok {
			want[drop]++
		}
	}
	if l.Drops() != want {
		t.Errorf("counted %v, want %v", l.Drops(), want)
	}
	if s := l.Peers(0, nil)[0]; s.Datagrams != 1 {
		t.Errorf("%d datagrams accepted", s.Datagrams)
	}
}

func TestDecoderFailure(t *testing.T) {
	l := NewListener(ListenerConfig{NewDecoder: func() (codec.Decoder, error) { return nil, errors.New("none") }})
	l.SetSecret(0, 1, testSecret)
	l.AddPeer(testSession, "")
	d, _ := newTestTalker(t, TalkerConfig{}).Frame(speech(1, 1))
	if err := l.Handle(0, newOpener(t, testSession).strip(d)); err != error(stream.DropDecoder) {
		t.Error(err)
	}
}

// An epoch change in the middle of speech is not heard.
func TestEpochRotation(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	l := newTestListener(testSession)
	o := newOpener(t, testSession)
	pcm := speech(400, 1)
	var heard []float32
	out := make([]float32, FrameSize)
	for i := range 400 {
		now := frameTime(uint32(i))
		if i%100 == 50 {
			epoch := uint32(2 + i/100)
			secret := netproto.RoomSecret{byte(epoch)}
			talker.SetSecret(epoch, secret, netproto.EpochGrace)
			l.SetSecret(now, epoch, secret)
		}
		d, err := talker.Frame(pcm[i*FrameSize:][:FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Handle(now, o.strip(d)); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		l.Mix(now, out)
		heard = append(heard, out...)
	}
	if s := l.Peers(0, nil)[0]; s.Frames < 390 || s.Lost != 0 || peak(heard) == 0 {
		t.Errorf("%d frames, %d lost of 400", s.Frames, s.Lost)
	}
	// Four epochs later the first secret is forgotten.
	l.SetSecret(0, 9, netproto.RoomSecret{9})
	old := newTestTalker(t, TalkerConfig{})
	d, _ := old.Frame(pcm[:FrameSize])
	if err := l.Handle(0, o.strip(d)); err != error(stream.DropForged) {
		t.Errorf("sealed with a forgotten secret: %v", err)
	}
}

func TestBundle(t *testing.T) {
	l := newTestListener()
	o := newOpener(t, testSession)
	var bundle []byte
	for session := uint32(1); session <= 5; session++ {
		l.AddPeer(session, "")
		d, err := newTestTalker(t, TalkerConfig{Session: session}).Frame(speech(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		if bundle, err = netproto.AppendBundle(bundle, o.strip(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Handle(0, bundle); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Peers(0, nil) {
		if s.Datagrams != 1 {
			t.Errorf("peer %d: %d datagrams", s.Session, s.Datagrams)
		}
	}
}

func TestPeersComeAndGo(t *testing.T) {
	l := newTestListener(testSession)
	talker := newTestTalker(t, TalkerConfig{})
	o := newOpener(t, testSession)
	out := make([]float32, FrameSize)
	for i := range 20 {
		d, _ := talker.Frame(speech(1, 1))
		if err := l.Handle(frameTime(uint32(i)), o.strip(d)); err != nil {
			t.Fatal(err)
		}
		l.Mix(frameTime(uint32(i)), out)
	}
	s := l.Peers(frameTime(20), nil)[0]
	if !s.Talking || s.Level > 60 || s.Name != "peer 77" || s.Volume != 1 {
		t.Errorf("%+v", s)
	}
	if s := l.Peers(frameTime(100), nil)[0]; s.Talking || s.Level != codec.Silent {
		t.Errorf("a second after the last datagram: %+v", s)
	}
	l.AddPeer(testSession, "renamed")
	if s := l.Peers(0, nil); len(s) != 1 || s[0].Name != "renamed" {
		t.Errorf("%+v", s)
	}
	if last, ok := l.RemovePeer(0, testSession); !ok || last.Datagrams != 20 {
		t.Errorf("%+v", last)
	}
	if _, ok := l.RemovePeer(0, testSession); ok {
		t.Error("removed twice")
	}
	if len(l.Peers(0, nil)) != 0 {
		t.Error("still listed")
	}
	d, _ := talker.Frame(speech(1, 1))
	if err := l.Handle(frameTime(20), o.strip(d)); err != error(stream.DropUnknown) {
		t.Errorf("after it left: %v", err)
	}
	for i := range 100 {
		l.Mix(frameTime(uint32(20+i)), out)
	}
	if len(l.awake) != 0 {
		t.Error("a peer that left is still mixed")
	}
	if peak(out) != 0 {
		t.Error("a peer that left is still heard")
	}
}

// A peer that is silent is not asked for sound, and one that never spoke has no decoder.
func TestIdlePeersSleep(t *testing.T) {
	l := newTestListener(1, 2, testSession)
	play(t, newTestTalker(t, TalkerConfig{Encoder: codec.EncoderConfig{DTX: true}}), l, speech(50, 1), clean, 480)
	out := make([]float32, 480)
	for now := 3 * time.Second; now < 8*time.Second; now += 10 * time.Millisecond {
		l.Mix(now, out)
	}
	if len(l.awake) != 0 || l.peers[1].buffer != nil || l.peers[testSession].buffer == nil {
		t.Errorf("%d awake", len(l.awake))
	}
}

func TestListenerDoesNotAllocate(t *testing.T) {
	l := newTestListener()
	o := newOpener(t, testSession)
	const peers, frames = 8, 300
	mail := make([][][]byte, frames)
	pcm := speech(1, 1)
	for i := range peers {
		l.AddPeer(uint32(i+1), "")
		talker := newTestTalker(t, TalkerConfig{Session: uint32(i + 1), Copies: []int{1}, Encoder: codec.EncoderConfig{Complexity: 1}})
		for f := range frames {
			d, err := talker.Frame(pcm)
			if err != nil {
				t.Fatal(err)
			}
			mail[f] = append(mail[f], slices.Clone(o.strip(d)))
		}
	}
	out := make([]float32, FrameSize)
	f := 0
	step := func() {
		now := frameTime(uint32(f))
		for _, d := range mail[f] {
			if err := l.Handle(now, d); err != nil {
				t.Fatal(err)
			}
			_ = l.Handle(now, d) // a replay costs nothing either
		}
		l.Mix(now, out)
		f++
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(frames-101, step); n != 0 {
		t.Errorf("%v allocations per frame of %d talkers", n, peers)
	}
	stats := make([]PeerStats, 0, peers)
	if n := testing.AllocsPerRun(100, func() { stats = l.Peers(0, stats[:0]) }); n != 0 {
		t.Errorf("%v allocations per statistics snapshot", n)
	}
}

func FuzzListenerHandle(f *testing.F) {
	talker := newTestTalker(f, TalkerConfig{Copies: []int{1}})
	o := newOpener(f, testSession)
	d, err := talker.Frame(speech(1, 1))
	if err != nil {
		f.Fatal(err)
	}
	voice := slices.Clone(o.strip(d))
	bundle, _ := netproto.AppendBundle(nil, voice)
	bundle, _ = netproto.AppendBundle(bundle, voice)
	f.Add(voice, []byte{0x80, 1, 2, 3}, uint32(2))
	f.Add(bundle, []byte{0, 1, 7, 0x80}, uint32(3))
	f.Add([]byte{}, []byte{}, uint32(0))
	sealer := netproto.NewSealer(netproto.VoiceKey(testSecret, testSession, 1))
	f.Fuzz(func(t *testing.T, datagram, body []byte, seq uint32) {
		l := newTestListener(testSession)
		out := make([]float32, 480)
		_ = l.Handle(0, datagram)
		l.Mix(0, out)
		// The same from a member of the room: well sealed, with any body.
		if len(body) > netproto.MaxVoiceBody {
			body = body[:netproto.MaxVoiceBody]
		}
		_ = l.Handle(0, sealer.Seal(nil, netproto.Header{Epoch: 1, Session: testSession, Seq: seq}, body))
		for i := range 50 {
			l.Mix(time.Duration(i)*10*time.Millisecond, out)
			if p := peak(out); !(p <= 1) {
				t.Fatalf("peak %v", p)
			}
		}
	})
}
