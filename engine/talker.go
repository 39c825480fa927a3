package engine

import (
	"fmt"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine/adapt"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// FrameSize is the number of samples of the PCM frame that Talker.Frame takes: 20 ms
// at 48 kHz.
const FrameSize = codec.FrameSize

// TalkerConfig says how a Talker sends. Zero values are the good defaults, but for
// the session.
type TalkerConfig struct {
	Session uint32              // session ID that the relay gave
	Encoder codec.EncoderConfig // 24 kbit/s; its DTX is set by Continuous
	// Continuous sends in silence too, where nothing is sent otherwise.
	Continuous bool
	// VoiceOnly sends nothing but voice (codec.VAD), 60 ms before it and 0.3 s after it: no noise, and no music.
	VoiceOnly bool
	Stride    int   // frames per datagram, 0 = 1, at most wire.MaxStride
	Copies    []int // offsets in datagrams, none by default; see stream.Packetizer.SetRedundancy

	// NewEncoder makes its encoders. nil means opus.NewEncoder, libopus.
	NewEncoder func(codec.EncoderConfig) (codec.Encoder, error)
}

// encoder is the encoder's configuration.
func (t *TalkerConfig) encoder() codec.EncoderConfig {
	e := t.Encoder
	e.DTX = !t.Continuous
	return e
}

// Talker turns PCM frames into sealed datagrams: it codes them for a stream.Packetizer, whose methods it has. It is
// sans-IO: its clock is the frames themselves, one call of Frame per 20 ms. One goroutine at a time may use it.
//
//	PCM ─> voice bit, level ────────┐
//	   └─> Opus, coarse Opus ─> Packetizer ─> datagram
type Talker struct {
	*stream.Packetizer
	muted bool

	newEncoder func(codec.EncoderConfig) (codec.Encoder, error)
	enc        codec.Encoder
	coding     codec.EncoderConfig // of enc, DTX as it may be
	coarse     codec.Encoder       // of copies, nil if they are the same frames
	vad        codec.VAD
	voiceOnly  bool
	lastLevel  uint8          // of the last frame
	last       netproto.Frame // as it was coded
	faded      bool           // the last frame was the soft end that muting sends
	zeros      [FrameSize]float32

	coded  [codec.MaxFrameBytes]byte // scratch
	copied [stream.CoarseRoom]byte
}

// NewTalker makes a Talker. It needs SetTag, and sends nothing before SetSecret. Errors are
// codec.ErrConfig, codec.ErrNoCodec and stream.ErrRedundancy, wrapped.
func NewTalker(cfg TalkerConfig) (*Talker, error) { return newTalker(cfg, nil) }

// newTalker is NewTalker with stream.Config.May.
func newTalker(cfg TalkerConfig, may func(size int) bool) (*Talker, error) {
	if cfg.NewEncoder == nil {
		cfg.NewEncoder = opus.NewEncoder
	}
	p, err := stream.NewPacketizer(stream.Config{Session: cfg.Session, Stride: cfg.Stride, Copies: cfg.Copies, May: may})
	if err != nil {
		return nil, err
	}
	coding := cfg.encoder()
	enc, err := cfg.NewEncoder(coding)
	if err != nil {
		return nil, err
	}
	return &Talker{Packetizer: p, newEncoder: cfg.NewEncoder, enc: enc, coding: coding, voiceOnly: cfg.VoiceOnly, lastLevel: codec.Silent}, nil
}

// adapt makes the talker code and send as decided, from the next frame on; enc is its configuration but for that. What
// cannot be done is left as it is.
func (t *Talker) adapt(enc codec.EncoderConfig, d adapt.Decision) {
	enc.Bitrate, enc.Wideband = d.Bitrate, d.Wideband
	t.coding = enc
	_ = t.SetRedundancy(d.Stride, d.Copies)
	switch {
	case d.CopyBitrate == 0:
		t.coarse = nil
	case t.coarse == nil:
		t.coarse, _ = t.newEncoder(codec.EncoderConfig{Bitrate: d.CopyBitrate, Complexity: enc.Complexity})
	default:
		_ = t.coarse.Configure(codec.EncoderConfig{Bitrate: d.CopyBitrate, Complexity: enc.Complexity})
	}
}

// SetMuted makes the talker send silence, or speech again. The frame after the call
// is the first that is muted. The other end is told that it is silence, not loss.
func (t *Talker) SetMuted(muted bool) { t.muted = muted }

// Frame takes the next 20 ms of speech, FrameSize samples, and returns the datagram
// that is due for the relay now, or nil, as stream.Packetizer.Frame does. Errors: those of that, and
// codec.ErrFrameSize, where nothing is counted.
func (t *Talker) Frame(pcm []float32) (datagram []byte, err error) {
	wasFaded := t.faded
	t.faded = t.muted && !t.Silent() && !wasFaded
	switch {
	case t.muted && !t.faded:
		t.lastLevel, t.last = codec.Silent, netproto.Frame{Number: t.LastSeq() + 1}
		return t.Packetizer.Frame(stream.Frame{Level: codec.Silent})
	case t.muted:
		pcm = t.zeros[:] // one frame of coded silence lets the speech end softly
	}
	voice := t.vad.Voice(pcm)
	coding := t.coding
	coding.DTX = coding.DTX && !voice // libopus alone takes the first frame of a soft beginning for silence, or more
	_ = t.enc.Configure(coding)
	n, err := t.enc.Encode(pcm, t.coded[:t.Room()])
	if err != nil {
		return nil, fmt.Errorf("engine: frame %d: %w", t.LastSeq()+1, err)
	}
	t.lastLevel, t.last = codec.Level(pcm), netproto.Frame{Number: t.LastSeq() + 1, Data: t.coded[:n]}
	f := stream.Frame{Data: t.coded[:n], Level: t.lastLevel, Voice: voice && !t.muted}
	if f.Held = t.voiceOnly && !voice; f.Held {
		t.last.Data = nil
	}
	if t.coarse != nil && n > 0 { // without it copies carry the frame itself
		if n, err := t.coarse.Encode(pcm, t.copied[:]); err == nil {
			f.Coarse = t.copied[:n]
		}
	}
	return t.Packetizer.Frame(f)
}
