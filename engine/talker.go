package engine

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine/adapt"
	"github.com/tincan-voice/tincan/netproto"
)

// FrameSize is the number of samples of the PCM frame that Talker.Frame takes: 20 ms
// at 48 kHz.
const FrameSize = codec.FrameSize

// TalkerConfig says how a Talker sends. Zero values are the good defaults, but for
// the session.
type TalkerConfig struct {
	Session uint32              // session ID that the relay gave
	Encoder codec.EncoderConfig // 24 kbit/s; set DTX to send nothing in silence
	Stride  int                 // frames per datagram, 0 = 1, at most MaxStride
	Copies  []int               // offsets in datagrams, none by default; see Talker.SetRedundancy

	// NewEncoder makes its encoders. nil means opus.NewEncoder, libopus.
	NewEncoder func(codec.EncoderConfig) (codec.Encoder, error)
}

// Talker turns PCM frames into sealed datagrams. It is sans-IO: its clock is the frames
// themselves, one call of Frame per 20 ms. One goroutine at a time may use it.
//
//	PCM ─> voice bit, level ───────────────────────────┐
//	   └─> Opus, coarse Opus ─> history ─> due? new frames + copies ─> seal ─> may? ─> count, hop tag ─> datagram
//	                                                                                └─> last second, for Resend
type Talker struct {
	session uint32
	seq     uint32 // number of the last frame
	count   uint8  // of the last datagram that was sent, see netproto.Hop
	muted   bool

	encoders  func(codec.EncoderConfig) (codec.Encoder, error) // makes enc and coarse
	enc       codec.Encoder
	coarse    codec.Encoder // of copies, nil if they are the same frames
	vad       codec.VAD
	level     uint8 // loudest of the frames since the last datagram
	voice     bool  // of the same frames
	lastLevel uint8 // of the last frame
	silent    bool  // the last frame was silence
	ending    bool  // the last frame ended a talkspurt: it is sent at once
	faded     bool  // the last frame was the soft end that muting sends
	zeros     [FrameSize]float32

	layout redundancy // in force for the group of frames that is being filled
	next   redundancy // from the next group on
	past   history

	keys   talkerKeys
	limit  int                 // longest datagram
	may    func(size int) bool // decides whether a datagram goes out, before it gets a count; nil: all do
	tagger *netproto.HopTagger
	frames []netproto.Frame // scratch: what goes into the datagram
	body   []byte           // scratch: the same, coded
	sent   resendCache
}

// NewTalker makes a Talker. It needs SetKeys before its first frame. Errors are
// codec.ErrConfig, codec.ErrNoCodec and ErrRedundancy, wrapped.
func NewTalker(cfg TalkerConfig) (*Talker, error) {
	if cfg.NewEncoder == nil {
		cfg.NewEncoder = opus.NewEncoder
	}
	enc, err := cfg.NewEncoder(cfg.Encoder)
	if err != nil {
		return nil, err
	}
	t := &Talker{
		session:   cfg.Session,
		limit:     netproto.MaxDatagram,
		encoders:  cfg.NewEncoder,
		enc:       enc,
		level:     codec.Silent,
		lastLevel: codec.Silent,
		silent:    true,
		tagger:    netproto.NewHopTagger(),
		body:      make([]byte, 0, netproto.MaxVoiceBody),
		frames:    make([]netproto.Frame, 0, MaxStride*(MaxOffset+2)),
	}
	if err := t.SetRedundancy(cfg.Stride, cfg.Copies); err != nil {
		return nil, err
	}
	t.layout = t.next
	t.past.init()
	t.sent.init()
	return t, nil
}

// SetKeys gives the talker the room secret of an epoch, mixed with the passphrase where
// there is one, and the key of its hop tags. The first secret is used at once, a
// later one netproto.EpochGrace after the call, when every listener has it too.
func (t *Talker) SetKeys(epoch uint32, secret netproto.RoomSecret, tag *netproto.TagKey) {
	t.keys.set(t.session, epoch, secret, tag, t.seq)
}

// Configure changes the encoder from the next frame on. The error is codec.ErrConfig,
// wrapped; then nothing has changed.
func (t *Talker) Configure(cfg codec.EncoderConfig) error { return t.enc.Configure(cfg) }

// SetRedundancy changes how many frames share a datagram and which earlier ones it
// repeats, from the next datagram on. Stride is 1 (or 0) to MaxStride. Each of copies is an
// offset of 1 to MaxOffset datagrams, in any order: 1 repeats what was new one
// datagram ago. In silence the datagrams that were not sent count too, so that an
// offset is always a time. Copies that would make a datagram longer than
// netproto.MaxDatagram are left out, the largest offsets first. The
// error is ErrRedundancy, wrapped; then nothing has changed.
func (t *Talker) SetRedundancy(stride int, copies []int) error {
	r, err := newRedundancy(stride, copies)
	if err != nil {
		return err
	}
	t.next = r
	return nil
}

// SetLimit bounds the datagrams from now on to so many bytes, hop tag included: frames are coded
// shorter, and copies that do not fit are left out. It is held to leastLimit and
// netproto.MaxDatagram.
func (t *Talker) SetLimit(bytes int) { t.limit = min(max(bytes, leastLimit), netproto.MaxDatagram) }

// leastLimit leaves MaxStride frames of 3 kbit/s.
const leastLimit = netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + netproto.HopTagSize + MaxStride*(leastFrame+frameOverhead)

// leastFrame is how many bytes a frame is left at least.
const leastFrame = 8

// left is how long after the next frame its datagram is due.
func (t *Talker) left() time.Duration {
	layout := t.layout
	if t.past.filling == 0 {
		layout = t.next
	}
	return time.Duration(layout.stride-1-t.past.filling) * netproto.FrameDuration
}

// room is the longest body.
func (t *Talker) room() int {
	return t.limit - netproto.VoiceHeaderSize - netproto.TagSize - netproto.HopSize - netproto.HopTagSize
}

// adapt makes the talker code and send as decided; enc is its configuration but for that. What cannot be
// done is left as it is.
func (t *Talker) adapt(enc codec.EncoderConfig, d adapt.Decision) {
	enc.Bitrate, enc.FEC, enc.ExpectedLoss, enc.Wideband = d.Bitrate, d.FEC, d.ExpectedLoss, d.Wideband
	if d.Fresh { // an encoder that has been in narrowband would stay there
		if e, err := t.encoders(enc); err == nil {
			t.enc = e
		}
	}
	_ = t.enc.Configure(enc)
	_ = t.SetRedundancy(d.Stride, d.Copies)
	switch {
	case d.CopyBitrate == 0:
		t.coarse = nil
	case t.coarse == nil:
		t.coarse, _ = t.encoders(codec.EncoderConfig{Bitrate: d.CopyBitrate, Complexity: enc.Complexity})
	default:
		_ = t.coarse.Configure(codec.EncoderConfig{Bitrate: d.CopyBitrate, Complexity: enc.Complexity})
	}
}

// SetMuted makes the talker send silence, or speech again. The frame after the call
// is the first that is muted. The other end is told that it is silence, not loss.
func (t *Talker) SetMuted(muted bool) { t.muted = muted }

// Muted tells what SetMuted said last.
func (t *Talker) Muted() bool { return t.muted }

// LastSeq is the number of the last frame, 0 before the first; LastCount the count of the last datagram.
func (t *Talker) LastSeq() uint32  { return t.seq }
func (t *Talker) LastCount() uint8 { return t.count }

// New is how many frames were new in the last datagram.
func (t *Talker) New() int { return t.past.ago(0).count }

// Settled tells whether silence has lasted so long that nothing is left to send: no end
// of talkspurt and no copies.
func (t *Talker) Settled() bool { return t.past.settled(t.next) }

// Frame takes the next 20 ms of speech, FrameSize samples, and returns the datagram
// that is due for the relay now, or nil. The datagram is never longer than
// netproto.MaxDatagram and stays intact for the next 10 frames. Errors: ErrNoKeys, and
// codec.ErrFrameSize; the frame then counts as lost.
func (t *Talker) Frame(pcm []float32) (datagram []byte, err error) {
	if !t.keys.ready() {
		return nil, ErrNoKeys
	}
	t.seq++
	if t.past.filling == 0 {
		t.layout = t.next
	}
	if err := t.encode(pcm); err != nil {
		return nil, err
	}
	if t.past.filling < t.layout.stride && !t.ending {
		return nil, nil
	}
	t.past.closeGroup(t.seq)
	t.frames = t.past.due(t.frames[:0], t.seq, t.layout, t.room())
	level, voice := t.level, t.voice
	t.level, t.voice = codec.Silent, false
	switch {
	case len(t.frames) == 0:
		return nil, nil
	case len(t.frames[0].Data) == 0:
		level, voice = codec.Silent, false
	}
	return t.seal(level, voice)
}

// encode puts the frame into the history: as speech, as the end of a talkspurt or as
// silence.
func (t *Talker) encode(pcm []float32) error {
	t.ending = false
	wasFaded := t.faded
	t.faded = t.muted && !t.silent && !wasFaded
	switch {
	case t.muted && t.silent:
		t.lastLevel = codec.Silent
		t.past.addSilence(t.seq)
		return nil
	case t.muted && wasFaded:
		t.end()
		return nil
	case t.muted:
		pcm = t.zeros[:] // one frame of coded silence lets the speech end softly
	}
	n, err := t.enc.Encode(pcm, t.past.slot(t.seq, max((t.room()-t.past.used())/(t.layout.stride-t.past.filling), leastFrame+frameOverhead)))
	if err != nil {
		t.past.addSilence(t.seq)
		return fmt.Errorf("engine: frame %d: %w", t.seq, err)
	}
	t.lastLevel = codec.Level(pcm)
	t.level = min(t.level, t.lastLevel)
	voice := t.vad.Voice(pcm)
	switch {
	case n > 0:
		t.past.addSpeech(t.seq, n)
		t.encodeCoarse(pcm)
		t.voice = t.voice || voice && !t.muted
		t.silent = false
	case t.silent:
		t.past.addSilence(t.seq)
	default:
		t.end()
	}
	return nil
}

// encodeCoarse codes the frame again for its copies. Without it they carry the frame itself.
func (t *Talker) encodeCoarse(pcm []float32) {
	if t.coarse == nil {
		return
	}
	if n, err := t.coarse.Encode(pcm, t.past.coarseSlot(t.seq)); err == nil {
		t.past.addCoarse(t.seq, n)
	}
}

// end puts the end of the talkspurt into the history.
func (t *Talker) end() {
	t.past.addEnd(t.seq)
	t.silent, t.ending = true, true
}

func (t *Talker) seal(level uint8, voice bool) ([]byte, error) {
	body, err := netproto.AppendFrames(t.body[:0], t.seq, t.frames)
	if err != nil {
		return nil, fmt.Errorf("engine: datagram %d: %w", t.seq, err)
	}
	key := t.keys.at(t.seq)
	h := netproto.Header{
		Type:    netproto.TypeVoice,
		Epoch:   uint8(key.epoch & 3),
		Session: t.session,
		Seq:     t.seq,
		Level:   level,
		Voice:   voice,
	}
	count := (t.count + 1) % netproto.HopCounts
	d := key.sealer.Seal(t.sent.slot(count), h, body)
	if t.may != nil && !t.may(len(d)+netproto.HopSize+netproto.HopTagSize) {
		return nil, nil
	}
	t.count = count
	d = netproto.AppendHop(d, netproto.Hop{Count: count})
	return t.sent.keep(count, t.seq, t.tagger.Append(t.keys.tag, d)), nil
}

// Resend returns the datagram of that count once more, marked as sent again, or nil if there was none or it
// is older than a second. It stays intact as long as one from Frame does.
func (t *Talker) Resend(count uint8) []byte {
	d := t.sent.find(count)
	if d == nil {
		return nil
	}
	d = d[:len(d)-netproto.HopTagSize]
	netproto.SetHop(d, netproto.Hop{Count: count, Again: true})
	return t.tagger.Append(t.keys.tag, d)
}
