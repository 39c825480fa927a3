//go:build cgo && !gopus

package opus_test

import (
	"testing"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/internal/sounds"
	"github.com/tincan-voice/tincan/codec/opus"
)

// hotCalls are the calls made once per frame, ready to run again and again.
func hotCalls(t testing.TB) []struct {
	name string
	call func() error
} {
	cfg := codec.EncoderConfig{Bitrate: 24000, FEC: true, ExpectedLoss: 20}
	talk := sounds.Speech(50)
	frames := encodeAll(t, cfg, talk)
	enc, err := opus.NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dtx, err := opus.NewEncoder(codec.EncoderConfig{DTX: true})
	if err != nil {
		t.Fatal(err)
	}
	dec := newDecoder(t)
	var withFEC []byte
	for _, f := range frames {
		if codec.HasFEC(f) {
			withFEC = f
		}
	}
	if withFEC == nil {
		t.Fatal("no frame with FEC")
	}
	pcm := make([]float32, codec.FrameSize)
	quiet := make([]float32, codec.FrameSize)
	buf := make([]byte, codec.MaxFrameBytes)
	i := 0
	next := func() int { i = (i + 1) % len(frames); return i }
	return []struct {
		name string
		call func() error
	}{
		{"Encode", func() error { _, err := enc.Encode(sounds.Frame(talk, next()), buf); return err }},
		{"EncodeDTX", func() error { _, err := dtx.Encode(quiet, buf); return err }},
		{"Configure", func() error {
			cfg.Bitrate = 20000 + 1000*(next()%10)
			return enc.Configure(cfg)
		}},
		{"Decode", func() error { return dec.Decode(frames[next()], pcm) }},
		{"DecodeFEC", func() error { return dec.DecodeFEC(withFEC, pcm) }},
		{"Conceal", func() error { return dec.Conceal(pcm) }},
		{"ConcealPlain", func() error { return dec.(codec.PlainConcealer).ConcealPlain(pcm) }},
		{"HasFEC", func() error { dec.HasFEC(frames[next()]); return nil }},
	}
}

func TestHotCallsDoNotAllocate(t *testing.T) {
	for _, c := range hotCalls(t) {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = c.call() }); n != 0 || err != nil {
			t.Errorf("%s: %v allocations, error %v", c.name, n, err)
		}
	}
	dec := newDecoder(t)
	pcm, bad := make([]float32, codec.FrameSize), []byte{0xff}
	if n := testing.AllocsPerRun(100, func() { _ = dec.Decode(bad, pcm) }); n != 0 {
		t.Errorf("Decode of a malformed frame: %v allocations", n)
	}
}

// One operation is one frame of 20 ms.
func BenchmarkCodec(b *testing.B) {
	for _, c := range hotCalls(b) {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
