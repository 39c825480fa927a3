package lab

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/internal/quality"
	"github.com/tincan-voice/tincan/jitter"
)

// Figures is what a call is judged by. docs/lab.md explains every field.
type Figures struct {
	Setting  Setting  `json:"setting"`
	Network  Measured `json:"network"`
	Delay    Delay    `json:"delay_ms"`
	Speech   Speech   `json:"speech"`
	Frames   Counts   `json:"frames"`
	Recovery Recovery `json:"recovery"`
	Wire     Wire     `json:"wire"`
	Quality  Quality  `json:"quality"`
	// Adaptation is how an adaptive talker sent, from when on, and why.
	Adaptation []Step `json:"adaptation,omitempty"`
}

// Step is one decision of the ladder.
type Step struct {
	At          float64 `json:"at_s"`
	Bitrate     int     `json:"bitrate"` // of Opus in bit/s
	Stride      int     `json:"stride"`
	Copies      []int   `json:"copies"`
	CopyBitrate int     `json:"copy_bitrate"` // 0: copies are the same frames
	FEC         bool    `json:"fec"`
	Reason      string  `json:"reason"`
}

// Setting is how the call was made.
type Setting struct {
	Seconds float64    `json:"seconds"` // of speech, pauses included
	Network string     `json:"network"` // preset, or "trace"
	Where   Where      `json:"where"`
	Seed    uint64     `json:"seed"`
	Bitrate int        `json:"bitrate"` // of Opus in bit/s
	Stride  int        `json:"stride"`
	Copies  []int      `json:"copies"`
	FEC     bool       `json:"fec"`
	DTX     bool       `json:"dtx"`
	Cap     int        `json:"cap_kbps"` // 0: none
	Adapts  bool       `json:"adaptive"`
	Talkers int        `json:"talkers"`
	Buffer  BufferKind `json:"buffer"`
	// Library is what coded and decoded, DecoderComplexity how much it had to spend on the latter.
	Library           string `json:"library"`
	DecoderComplexity int    `json:"decoder_complexity"`
}

// Measured is what the network did to the talker's voice datagrams, from talker to listener.
type Measured struct {
	LossPct float64      `json:"loss_pct"`
	Burst   float64      `json:"burst_datagrams"` // mean length of a run of losses
	Delay   Distribution `json:"delay_ms"`
}

// Distribution sums up values; percentiles are of the sorted list.
type Distribution struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Delay is from capture to loudspeaker, per frame of active speech that was played.
type Delay struct {
	MouthToEar  Distribution `json:"mouth_to_ear"`
	WithoutFill Distribution `json:"without_fill"` // 20 ms less: a frame cannot be sent before it is full
}

// Speech is what became of the active speech, in percent of it.
type Speech struct {
	ActiveSeconds float64 `json:"active_seconds"`
	Redundancy    float64 `json:"redundancy_pct"`
	Resent        float64 `json:"resent_pct"`
	FEC           float64 `json:"fec_pct"`
	Concealed     float64 `json:"concealed_pct"`
	Stretched     float64 `json:"stretched_pct"`
	Dropped       float64 `json:"dropped_pct"`
	LongestGapMS  float64 `json:"longest_gap_ms"`
}

// Counts are frames.
type Counts struct {
	Late      uint64 `json:"late"`
	Duplicate uint64 `json:"duplicate"`
}

// Recovery is how delay came back after disturbances of the network.
type Recovery struct {
	Disturbances int     `json:"disturbances"`
	Unfinished   int     `json:"unfinished"` // had not come back when the speech ended
	MeanS        float64 `json:"mean_s"`
	WorstS       float64 `json:"worst_s"`
}

// Wire is the mean load in kbit/s while the speech lasted, IP and UDP headers counted.
type Wire struct {
	Up            float64 `json:"up_kbps"`      // talker to relay
	Down          float64 `json:"down_kbps"`    // relay to listener
	UpPeak        float64 `json:"up_peak_kbps"` // of any second
	DownPeak      float64 `json:"down_peak_kbps"`
	TalkerBack    float64 `json:"talker_feedback_kbps"`
	ListenerBack  float64 `json:"listener_feedback_kbps"`
	DatagramsUp   int     `json:"datagrams_up"`
	DatagramsDown int     `json:"datagrams_down"`
}

// Quality is what the measures of package quality say.
type Quality struct {
	NSIM   float64 `json:"nsim"`
	MOS    float64 `json:"mos_lqo"` // of NSIM
	ESTOI  float64 `json:"estoi"`
	CQ     float64 `json:"cq"` // mos_lqo less the price of the mean mouth-to-ear delay
	EModel EModel  `json:"emodel"`
}

// EModel is the rating of package emodel with its inputs.
type EModel struct {
	R       float64 `json:"r"`        // 0 to 100, delay included
	CQ      float64 `json:"cq"`       // its score, 1 to 4.5
	MOS     float64 `json:"mos_lq"`   // the same without delay
	LossPct float64 `json:"loss_pct"` // active speech lost to the listener, what is stretched counts as emodel.Stretched
	Worth   float64 `json:"worth"`    // R of what was heard, none of it lost or late
}

// result turns the log into figures.
func (c *call) result() (*Result, error) {
	said := c.cfg.Speech
	active := quality.Active(said)
	heard := c.heard[:c.length()]
	f := Figures{Setting: c.setting(), Network: c.log.measured(), Adaptation: c.steps}
	f.Speech, f.Quality.EModel = c.log.speech(active)
	f.Delay = c.log.delay(active)
	f.Recovery = c.log.recovery(active)
	if peers := c.members[listens].listener.Peers(c.now, nil); len(peers) > 0 {
		f.Frames = Counts{Late: peers[0].Buffer.Late, Duplicate: peers[0].Buffer.Duplicate}
	}
	f.Wire = c.log.load(c.wireEnd, time.Duration(len(said))*time.Second/codec.SampleRate)
	if !c.cfg.Unjudged {
		scores, err := quality.Compare(said, heard, c.log.alignment())
		if err != nil {
			return nil, err
		}
		f.Quality.sound(scores, f.Delay.MouthToEar.Mean)
	}
	f.Quality.EModel.rate(f.Delay.MouthToEar.Mean)
	return &Result{Figures: f, Heard: heard, Timeline: c.log.timeline(len(heard))}, nil
}

func (c *call) setting() Setting {
	network := c.cfg.Network.Preset
	if c.cfg.Network.Trace != nil {
		network = "trace"
	}
	return Setting{
		Seconds: round(seconds(float64(len(c.cfg.Speech))), 3), Network: network, Where: c.cfg.Where, Seed: c.cfg.Seed,
		Bitrate: c.cfg.Bitrate, Stride: c.cfg.Stride, Copies: append([]int{}, c.cfg.Copies...),
		FEC: c.cfg.FEC, DTX: c.cfg.DTX, Cap: c.cfg.Cap, Adapts: c.cfg.Adaptive, Talkers: c.cfg.Talkers, Buffer: c.cfg.Buffer,
		Library: opus.Library().String(), DecoderComplexity: c.cfg.Decoder.Complexity,
	}
}

// length is that of the speech and of the delay at its end.
func (c *call) length() int {
	n := len(c.cfg.Speech)
	for i := len(c.log.pieces) - 1; i >= 0; i-- {
		if p := c.log.pieces[i]; p.isSpeech() && p.said+p.Len <= float64(n) {
			n += int(math.Round(p.delay()))
			break
		}
	}
	return min(n, len(c.heard))
}

func (q *Quality) sound(s quality.Scores, mouthToEar float64) {
	q.NSIM, q.MOS, q.ESTOI = round(s.NSIM, 4), round(s.MOS, 3), round(s.ESTOI, 4)
	q.CQ = round(emodel.Conversational(s.MOS, fromMilliseconds(mouthToEar)), 3)
}

func (e *EModel) rate(mouthToEar float64) {
	d := fromMilliseconds(mouthToEar)
	unhurried := emodel.Heard(e.Worth, e.LossPct/100)
	r := unhurried - emodel.Delay(d)
	e.R, e.CQ, e.MOS = round(r, 1), round(emodel.MOS(r), 3), round(emodel.MOS(unhurried), 3)
	e.LossPct, e.Worth = round(e.LossPct, 3), round(e.Worth, 2)
}

// measured is the network as the voice datagrams met it.
func (l *log) measured() Measured {
	var delays []float64
	sent, lost, bursts := 0, 0, 0
	before := false
	for _, t := range l.trips {
		if t.sent == never {
			continue
		}
		sent++
		gone := t.arrived == never
		if gone {
			lost++
			if !before {
				bursts++
			}
		} else {
			delays = append(delays, milliseconds(t.arrived-t.sent))
		}
		before = gone
	}
	m := Measured{Delay: distribution(delays)}
	if lost > 0 {
		m.LossPct = round(100*float64(lost)/float64(sent), 3)
		m.Burst = round(float64(lost)/float64(bursts), 3)
	}
	return m
}

// delay is that of every active frame that was played, in the mean over its samples.
func (l *log) delay(active []bool) Delay {
	sums, samples := make([]float64, len(active)), make([]float64, len(active))
	for _, p := range l.pieces {
		if i := int(p.Frame) - 1; p.isSpeech() && i >= 0 && i < len(active) && active[i] {
			sums[i] += p.delay() * float64(p.Out)
			samples[i] += float64(p.Out)
		}
	}
	var whole, less []float64
	for i, n := range samples {
		if n > 0 {
			d := 1000 * seconds(sums[i]/n)
			whole = append(whole, d)
			less = append(less, d-milliseconds(frame))
		}
	}
	return Delay{MouthToEar: distribution(whole), WithoutFill: distribution(less)}
}

// speech sorts the active speech by how it was heard, and finds what of it was lost for the
// E-model.
func (l *log) speech(active []bool) (Speech, EModel) {
	covered := make([]float64, len(active))                  // samples, by frame
	waited := make([]float64, len(active))                   // made up while a frame was awaited, which is in its place if it never came
	var redundant, resent, fec, concealed, stretched float64 // samples
	var s Speech
	var played, worth float64 // samples, and their worth in R times samples
	begun := false
	longest, gap, gapFrom := 0, 0, 0 // samples of output since something real was heard; the frame before them
	for _, p := range l.pieces {
		i := int(p.Frame) - 1
		if i < 0 || i >= len(active) {
			continue
		}
		if p.isSpeech() {
			if begun {
				longest = max(longest, unheard(active, gapFrom, i, gap))
			}
			begun, gap, gapFrom = true, 0, i
		} else if p.at < len(active)*codec.FrameSize {
			gap += p.Out
		}
		covered[i] += p.Len
		if p.Kind == jitter.Concealed && p.Len == 0 {
			waited[i] += float64(p.Out)
		}
		if !active[i] {
			continue
		}
		switch p.Kind {
		case jitter.Decoded, jitter.Redundant:
			// The buffer cannot always tell, the log can.
			bitrate := l.coded[i].itself
			switch l.origin(p) {
			case copied:
				redundant += p.Len
				bitrate = l.coded[i].copies
			case again:
				resent += p.Len
			}
			played += p.Len
			worth += p.Len * emodel.Worth(float64(bitrate), false)
		case jitter.FEC:
			fec += p.Len
		case jitter.Concealed:
			concealed += float64(p.Out)
		}
		if p.Stretched {
			stretched += float64(p.Out)
		}
	}
	if gapFrom+1 < len(active) { // nothing more came
		longest = max(longest, unheard(active, gapFrom, len(active)-1, gap))
	}
	frames, dropped, waiting := 0, 0.0, 0.0
	for i, a := range active {
		// Waiting for one frame stands for those after it too, as long as none is heard.
		uncovered := max(0, codec.FrameSize-covered[i])
		waiting += waited[i]
		filled := min(uncovered, waiting)
		if waiting -= filled; uncovered == 0 {
			waiting = 0
		}
		if a {
			frames++
			dropped += uncovered - filled
		}
	}
	all := float64(max(frames, 1) * codec.FrameSize)
	percent := func(samples float64) float64 { return round(100*samples/all, 3) }
	s.ActiveSeconds = round(seconds(float64(frames*codec.FrameSize)), 3)
	s.Redundancy, s.Resent, s.FEC = percent(redundant), percent(resent), percent(fec)
	s.Concealed, s.Stretched, s.Dropped = percent(concealed), percent(stretched), percent(dropped)
	s.LongestGapMS = round(1000*seconds(float64(longest)), 2)
	return s, EModel{LossPct: s.Concealed + s.Dropped + emodel.Stretched*s.Stretched, Worth: worth / max(played, 1)}
}

// unheard is how many samples of a gap in what was heard, after frame from and before frame to, are speech that was
// missed: no more than were left out between them, as a pause of the talker may lie in the gap. Where nothing was
// left out the gap is a wait, between two frames of speech.
func unheard(active []bool, from, to, gap int) int {
	if to <= from+1 {
		if active[from] && active[to] {
			return gap
		}
		return 0
	}
	missed := 0
	for _, a := range active[from+1 : to] {
		if a {
			missed += codec.FrameSize
		}
	}
	return min(gap, missed)
}

// wireLoad is what all links carried.
type wireLoad [2]struct{ toRelay, fromRelay traffic }

func (l *log) load(w wireLoad, over time.Duration) Wire {
	return Wire{
		Up: round(w[talks].toRelay.kbps(over), 3), Down: round(w[listens].fromRelay.kbps(over), 3),
		UpPeak: round(w[talks].toRelay.peak(), 3), DownPeak: round(w[listens].fromRelay.peak(), 3),
		TalkerBack: round(w[talks].fromRelay.kbps(over), 3), ListenerBack: round(w[listens].toRelay.kbps(over), 3),
		DatagramsUp: w[talks].toRelay.datagrams, DatagramsDown: w[listens].fromRelay.datagrams,
	}
}
