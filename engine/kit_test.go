package engine

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/netproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// speech and noise make n frames.
func speech(n int, seed uint64) []float32 { return synth.Speech(n*FrameSize, seed) }
func noise(n int) []float32               { return synth.Noise(n * FrameSize) }

// peak is the largest magnitude of pcm.
func peak(pcm []float32) (high float32) {
	for _, s := range pcm {
		high = max(high, s, -s)
	}
	return high
}

const testSession = 77

var (
	testSecret = netproto.RoomSecret{1, 2, 3}
	testHop    = netproto.HopKey{4, 5, 6}
)

func newTestTalker(t testing.TB, cfg TalkerConfig) *Talker {
	t.Helper()
	if cfg.Session == 0 {
		cfg.Session = testSession
	}
	cfg.Continuous = !cfg.Encoder.DTX
	talker, err := NewTalker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	talker.SetTag(testHop.TagKey())
	talker.SetSecret(1, testSecret, netproto.EpochGrace)
	return talker
}

// sent is one datagram of a talker, opened.
type sent struct {
	header netproto.Header
	hop    netproto.Hop
	frames []netproto.Frame
	size   int
}

// opener opens what a talker sends, as relay and listener would.
type opener struct {
	t       testing.TB
	tagger  *netproto.HopTagger
	tag     *netproto.TagKey
	secrets map[uint8]*netproto.Sealer
}

func newOpener(t testing.TB, session uint32) *opener {
	return &opener{
		t: t, tagger: netproto.NewHopTagger(), tag: testHop.TagKey(),
		secrets: map[uint8]*netproto.Sealer{1: netproto.NewSealer(netproto.VoiceKey(testSecret, session, 1))},
	}
}

// strip checks and takes off the hop tag: what a relay would forward.
func (o *opener) strip(d []byte) []byte {
	o.t.Helper()
	if len(d) > netproto.MaxDatagram {
		o.t.Fatalf("datagram of %d bytes", len(d))
	}
	voice, ok := o.tagger.Check(o.tag, d)
	if !ok {
		o.t.Fatal("wrong hop tag")
	}
	return voice
}

func (o *opener) open(d []byte) sent {
	o.t.Helper()
	voice, hop, err := netproto.SplitHop(o.strip(d))
	if err != nil {
		o.t.Fatal(err)
	}
	h, err := netproto.ParseHeader(voice)
	if err != nil {
		o.t.Fatal(err)
	}
	body, err := o.secrets[h.Epoch].Open(nil, voice)
	if err != nil {
		o.t.Fatal(err)
	}
	frames, err := netproto.ParseFrames(nil, h.Seq, body)
	if err != nil {
		o.t.Fatal(err)
	}
	return sent{header: h, hop: hop, frames: frames, size: len(d)}
}

// say sends pcm, cut into frames, and returns the opened datagrams.
func say(t testing.TB, talker *Talker, o *opener, pcm []float32) []sent {
	t.Helper()
	var out []sent
	for ; len(pcm) > 0; pcm = pcm[FrameSize:] {
		d, err := talker.Frame(pcm[:FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			out = append(out, o.open(d))
		}
	}
	return out
}

// frameTime is when frame number seq has been captured.
func frameTime(seq uint32) time.Duration { return time.Duration(seq) * netproto.FrameDuration }
