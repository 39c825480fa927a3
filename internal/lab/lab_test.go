package lab

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/quality"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/internal/xcorr"
)

const second = codec.SampleRate

func run(t *testing.T, cfg Config) *Result {
	t.Helper()
	if cfg.Speech == nil {
		cfg.Speech = synth.Speech(4*second+100, 1)
	}
	r, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func preset(name string) Network { return Network{Preset: name} }

func trace(t *testing.T, rows string) *netsim.Trace {
	t.Helper()
	tr, err := netsim.ParseTrace(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestOneSeedGivesOneResult(t *testing.T) {
	cfg := Config{Network: preset("edge"), Seed: 3, Where: Both, Stride: 2, Copies: []int{1, 3}, FEC: true}
	a, b := run(t, cfg), run(t, cfg)
	if !slices.Equal(a.Heard, b.Heard) {
		t.Error("two runs sound different")
	}
	x, _ := json.Marshal(a.Figures)
	y, _ := json.Marshal(b.Figures)
	if string(x) != string(y) {
		t.Errorf("two runs measure different\n%s\n%s", x, y)
	}
	cfg.Seed = 4
	if slices.Equal(a.Heard, run(t, cfg).Heard) {
		t.Error("another seed sounds the same")
	}
}

// Over a LAN there is nothing but the codec to hear, by NSIM within 0.005, MOS-LQO within 0.05 and
// ESTOI within 0.01: the buffer may settle at first.
func TestLANIsTheCodecAlone(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	speech = speech[:6*second]
	r := run(t, Config{Speech: speech, Network: preset("lan"), Where: Both})
	enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: 24000})
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	alone := make([]float32, len(speech)/codec.FrameSize*codec.FrameSize)
	data := make([]byte, codec.MaxFrameBytes)
	for at := 0; at < len(alone); at += codec.FrameSize {
		n, err := enc.Encode(speech[at:at+codec.FrameSize], data)
		if err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(data[:n], alone[at:at+codec.FrameSize]); err != nil {
			t.Fatal(err)
		}
	}
	want, err := quality.Compare(speech, alone, quality.Delayed(float64(codec.Lookahead)/second))
	if err != nil {
		t.Fatal(err)
	}
	q := r.Figures.Quality
	if math.Abs(q.NSIM-want.NSIM) > 0.005 || math.Abs(q.ESTOI-want.ESTOI) > 0.01 || math.Abs(q.MOS-want.MOS) > 0.05 {
		t.Errorf("call %+v, codec alone %+v", q, want)
	}
	if s := r.Figures.Speech; s.Concealed > 0 || s.Dropped > 0 || s.LongestGapMS > 0 {
		t.Errorf("%+v", s)
	}
	if d := r.Figures.Delay.WithoutFill; d.Mean > 45 {
		t.Errorf("delay %+v", d)
	}
}

// The delay that is told from the provenance of the samples is the one that the sound has.
func TestDelayIsTheOneThatIsHeard(t *testing.T) {
	speech := synth.Speech(4*second, 2)
	for _, buffer := range []BufferKind{Ours, Fixed, RFC3550} {
		r := run(t, Config{Speech: speech, Network: Network{Trace: trace(t, "0,0,50\n1,20,75\n2,40,100")}, Buffer: buffer})
		found := 0
		const window = second / 4
		for _, m := range xcorr.Delays(speech, r.Heard, xcorr.Config{Span: window, MaxDelay: second / 2}) {
			if m.Score < 0.85 {
				continue // two delays in one window
			}
			found++
			got, want := math.NaN(), 1000*seconds(float64(m.Delay))
			for _, moment := range r.Timeline[(m.At+m.Delay+window/2)/codec.FrameSize:] {
				if got = moment.Playout; !math.IsNaN(got) {
					break
				}
			}
			if math.Abs(got-want) > 0.5 {
				t.Errorf("%s: at %.2f s a delay of %.1f ms by provenance, %.1f by ear", buffer, seconds(float64(m.At)), got, want)
			}
		}
		if found < 10 {
			t.Errorf("%s: only %d windows found again", buffer, found)
		}
		if d := r.Figures.Delay; math.Abs(d.MouthToEar.Mean-d.WithoutFill.Mean-20) > 0.02 {
			t.Errorf("%s: a frame takes %v ms to fill", buffer, d.MouthToEar.Mean-d.WithoutFill.Mean)
		}
	}
}

func TestHeardIsAsLongAsSpeechAndDelay(t *testing.T) {
	speech := synth.Speech(3*second+7, 1)
	r := run(t, Config{Speech: speech, Network: preset("satellite")})
	late := 1000 * seconds(float64(len(r.Heard)-len(speech)))
	if d := r.Figures.Delay.MouthToEar; late < 300 || math.Abs(late-d.Mean) > 60 {
		t.Errorf("%.1f ms longer than the speech, delay %+v", late, d)
	}
}

func TestWhatTheNetworkDoesIsMeasured(t *testing.T) {
	// One of four is lost: 100 ms, 120 ms, lost, 100 ms.
	tr := trace(t, "0,0,100\n1,20,140\n2,40,-1\n3,60,160")
	for where, loss := range map[Where]float64{Up: 25, Down: 25, Both: 50} {
		n := run(t, Config{Network: Network{Trace: tr}, Where: where}).Figures.Network
		if math.Abs(n.LossPct-loss) > 3 && where != Both || where == Both && n.LossPct < 25 {
			t.Errorf("%s: %+v", where, n)
		}
		least := 100.0
		if where == Both {
			least = 200
		}
		if n.Delay.P50 < least || n.Delay.Max > 2*125 {
			t.Errorf("%s: %+v", where, n)
		}
	}
}

// A link that dies leaves a gap to the end.
func TestLongestGapReachesTheEnd(t *testing.T) {
	rows := "0,0,30\n1,1000,1030\n2,1020,-1\n3,9000,-1\n"
	for _, buffer := range []BufferKind{Ours, Fixed} {
		s := run(t, Config{Network: Network{Trace: trace(t, rows)}, Buffer: buffer}).Figures.Speech
		if s.LongestGapMS < 2500 || s.LongestGapMS > 3100 {
			t.Errorf("%s: %+v", buffer, s)
		}
	}
}

func TestRedundancyRepairs(t *testing.T) {
	plain := run(t, Config{Network: preset("loss20")}).Figures
	copied := run(t, Config{Network: preset("loss20"), Copies: []int{1}}).Figures
	if plain.Speech.Redundancy != 0 || plain.Speech.Concealed < 15 {
		t.Errorf("without copies: %+v", plain.Speech)
	}
	if s := copied.Speech; s.Redundancy < 10 || s.Concealed > 8 {
		t.Errorf("with copies: %+v", s)
	}
	if copied.Wire.Up < 1.3*plain.Wire.Up || copied.Quality.CQ <= plain.Quality.CQ {
		t.Errorf("with copies %+v %+v, without %+v %+v", copied.Wire, copied.Quality, plain.Wire, plain.Quality)
	}
	fec := run(t, Config{Network: preset("loss20"), FEC: true}).Figures
	if fec.Speech.FEC < 5 || fec.Speech.Concealed > plain.Speech.Concealed-5 {
		t.Errorf("with FEC: %+v", fec.Speech)
	}
}

// A queue that fills and empties every 2 s loses nothing, but listeners hear how speech is stretched.
func TestStretchingCosts(t *testing.T) {
	rows := "0,0,40\n1,1000,1240\n2,1980,2020\n"
	f := run(t, Config{Speech: synth.Speech(12*second, 1), Network: Network{Trace: trace(t, rows)}}).Figures
	s, e := f.Speech, f.Quality.EModel
	if s.Stretched < 2 || math.Abs(e.LossPct-s.Concealed-s.Dropped-emodel.Stretched*s.Stretched) > 0.01 {
		t.Errorf("%+v, %+v", s, e)
	}
	if still := run(t, Config{Network: preset("lan")}).Figures.Quality.EModel; e.MOS > still.MOS-0.15 {
		t.Errorf("E-model MOS %v, %v where nothing moves", e.MOS, still.MOS)
	}
}

// mostBack is what goes back on a clean path, in kbit/s: 0.35 of reports or feedback, and 0.95 of probes or their answers,
// twice a second while somebody talks; and 3.5 kbit more while it begins.
func mostBack(seconds float64) float64 { return 1.3 + 3.5/seconds }

func TestWireCountsHeaders(t *testing.T) {
	w := run(t, Config{Network: preset("lan")}).Figures.Wire
	three := run(t, Config{Network: preset("lan"), Stride: 3}).Figures.Wire
	// 50 datagrams a second of 28 (IP, UDP) + 10 + 12 bytes and about 2 + 60, up 4 more.
	if w.Up < 42 || w.Up > 50 || math.Abs(w.Up-w.Down-50*4*8/1000.0) > 0.5 {
		t.Errorf("%+v", w)
	}
	if saved := w.Up - three.Up; saved < 10 || saved > 16 {
		t.Errorf("stride 3 saves %.1f kbit/s", saved)
	}
	if most := mostBack(4); w.ListenerBack > most || w.TalkerBack > most {
		t.Errorf("feedback %+v", w)
	}
}

func TestRecoveryIsMeasured(t *testing.T) {
	r := run(t, Config{Speech: synth.Speech(24*second, 1), Network: preset("handover"), Seed: 1}).Figures.Recovery
	if r.Disturbances != 1 || r.Unfinished > 0 || r.WorstS <= 0 || r.WorstS > 4 {
		t.Errorf("%+v", r)
	}
	if r := run(t, Config{Network: preset("lte")}).Figures.Recovery; r.Disturbances != 0 {
		t.Errorf("a good network disturbs: %+v", r)
	}
}

// The buffers to compare with do what their names say.
func TestTextbookBuffers(t *testing.T) {
	fixed := run(t, Config{Network: preset("loss10"), Buffer: Fixed, Where: Down}).Figures
	// First datagram, 60 ms and the codec; the network varies by 4 ms.
	if d := fixed.Delay.WithoutFill; d.Mean < 110 || d.Mean > 145 || d.Max-d.P50 > 0.5 {
		t.Errorf("fixed: %+v", d)
	}
	adaptive := run(t, Config{Speech: synth.Speech(20*second, 1), Network: preset("bufferbloat"), Buffer: RFC3550}).Figures
	if d := adaptive.Delay.WithoutFill; d.Max-d.Mean < 50 {
		t.Errorf("adaptive does not adapt: %+v", d)
	}
}

func TestErrors(t *testing.T) {
	speech := synth.Speech(second, 1)
	for name, c := range map[string]struct {
		cfg  Config
		want error
	}{
		"no speech":      {Config{Network: preset("lan")}, ErrSpeech},
		"too short":      {Config{Speech: speech[:900], Network: preset("lan")}, ErrSpeech},
		"silence":        {Config{Speech: make([]float32, second), Network: preset("lan")}, quality.ErrTooShort},
		"no network":     {Config{Speech: speech}, ErrNetwork},
		"unknown preset": {Config{Speech: speech, Network: preset("nowhere")}, netsim.ErrUnknownPreset},
		"where":          {Config{Speech: speech, Network: preset("lan"), Where: "left"}, ErrWhere},
		"buffer":         {Config{Speech: speech, Network: preset("lan"), Buffer: "magic"}, ErrBuffer},
		"bitrate":        {Config{Speech: speech, Network: preset("lan"), Bitrate: 1}, codec.ErrConfig},
	} {
		if _, err := Run(context.Background(), c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{Speech: speech, Network: preset("lan")}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was called off: %v", err)
	}
}

func BenchmarkMinute(b *testing.B) {
	speech := synth.Speech(60*second, 1)
	for b.Loop() {
		if _, err := Run(context.Background(), Config{Speech: speech, Network: preset("wifi")}); err != nil {
			b.Fatal(err)
		}
	}
}

// A pause of the talker inside a gap is no speech that was missed.
func TestUnheard(t *testing.T) {
	active := []bool{true, true, false, false, false, true, true, true}
	const f = codec.FrameSize
	for _, tt := range []struct{ from, to, gap, want int }{
		{0, 1, 3 * f, 3 * f}, // a wait
		{1, 5, 3 * f, 0},     // the pause
		{1, 7, 5 * f, 2 * f}, // the pause and the first two frames of the next sentence
		{4, 7, f, f},         // made up for by less
		{3, 4, 9 * f, 0},
	} {
		if got := unheard(active, tt.from, tt.to, tt.gap); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}

// A cap holds in the first seconds too, whatever is lost.
func TestCapHoldsFromTheStart(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		for _, network := range []string{"loss20", "burst20"} {
			f := run(t, Config{Speech: speech, Network: preset(network), Where: Both, Seed: seed + 1, Adaptive: true, Cap: 24, Unjudged: true}).Figures
			if f.Wire.DownPeak > 24 || f.Wire.UpPeak > 24 {
				t.Errorf("%s, seed %d: %+v", network, seed+1, f.Wire)
			}
		}
	}
}

// Who does not judge the sound is told all the rest.
func TestUnjudged(t *testing.T) {
	f := run(t, Config{Network: preset("loss10"), Unjudged: true}).Figures
	judged := run(t, Config{Network: preset("loss10")}).Figures
	if q := f.Quality; q.CQ != 0 || q.NSIM != 0 || q.ESTOI != 0 || q.EModel.MOS < 1 {
		t.Errorf("%+v", q)
	}
	if f.Network != judged.Network || math.Abs(f.Speech.Concealed-judged.Speech.Concealed) > 2 {
		t.Errorf("%+v %+v, where the sound is judged %+v %+v", f.Network, f.Speech, judged.Network, judged.Speech)
	}
}
