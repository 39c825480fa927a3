package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// speech makes n frames of something that Opus takes for a voice: a buzz of changing pitch
// through a slow syllable rhythm.
func speech(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pitch := 90 + 120*rng.Float64()
	pcm := make([]float32, n*FrameSize)
	phase := 0.0
	for i := range pcm {
		t := float64(i) / codec.SampleRate
		phase += 2 * math.Pi * pitch * (1 + 0.2*math.Sin(2*math.Pi*0.7*t)) / codec.SampleRate
		var s float64
		for h := 1; h <= 20; h++ {
			s += math.Sin(float64(h)*phase) / float64(h)
		}
		syllable := 0.55 + 0.45*math.Sin(2*math.Pi*4*t)
		pcm[i] = float32(0.12*syllable*s + 0.002*rng.NormFloat64())
	}
	return pcm
}

// noise makes n frames of loud noise, the dearest there is to code.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(5, 6))
	pcm := make([]float32, n*FrameSize)
	for i := range pcm {
		pcm[i] = float32(rng.NormFloat64() * 0.3)
	}
	return pcm
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
	talker, err := NewTalker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	talker.SetKeys(1, testSecret, testHop.TagKey())
	return talker
}

// sent is one datagram of a talker, opened.
type sent struct {
	header netproto.Header
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

// strip checks and takes off the hop tag.
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
	voice := o.strip(d)
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
	return sent{header: h, frames: frames, size: len(d)}
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
