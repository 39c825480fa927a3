package engine

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
)

// loud is a codec that knows one sound: a frame is its loudest sample, in hundredths.
type loud struct{ cfg codec.EncoderConfig }

func (l *loud) Configure(cfg codec.EncoderConfig) (err error) {
	l.cfg, err = cfg.Complete()
	return err
}

func (l *loud) Encode(pcm []float32, dst []byte) (int, error) {
	var top float32
	for _, s := range pcm {
		top = max(top, s, -s)
	}
	dst[0] = byte(100 * top)
	return 1, nil
}

func (*loud) Decode(frame []byte, pcm []float32) error {
	for i := range pcm {
		pcm[i] = float32(frame[0]) / 100
	}
	return nil
}

func (*loud) HasFEC([]byte) bool                { return false }
func (*loud) DecodeFEC([]byte, []float32) error { return codec.ErrNoFEC }
func (*loud) Conceal(pcm []float32) error       { clear(pcm); return nil }

// Both ends work with a codec that they are given, and need no libopus then.
func TestCodecOfOnesOwn(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{NewEncoder: func(cfg codec.EncoderConfig) (codec.Encoder, error) {
		l := &loud{}
		return l, l.Configure(cfg)
	}})
	l := NewListener(ListenerConfig{NewDecoder: func() (codec.Decoder, error) { return &loud{}, nil }})
	l.SetSecret(0, 1, testSecret)
	l.AddPeer(testSession, "")
	pcm := make([]float32, 50*FrameSize)
	for i := range pcm {
		pcm[i] = 0.5
	}
	heard := 0
	for _, s := range play(t, talker, l, pcm, clean, FrameSize/2) {
		if s == 0.5 {
			heard++
		}
	}
	if heard < len(pcm)*9/10 {
		t.Errorf("%d of %d samples are heard", heard, len(pcm))
	}
}
