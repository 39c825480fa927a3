package bench

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
)

const frameTime = netproto.FrameDuration

// must stops the benchmark: a row that fails measures nothing. It is for what is not timed: b.Helper
// costs as much as opening a datagram.
func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// frames encodes a few seconds of speech at 24 kbit/s.
func frames(b *testing.B) [][]byte {
	b.Helper()
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	must(b, err)
	pcm := synth.Speech(250*codec.FrameSize, 1)
	packets := make([][]byte, 250)
	buf := make([]byte, codec.MaxFrameBytes)
	for i := range packets {
		n, err := enc.Encode(pcm[i*codec.FrameSize:(i+1)*codec.FrameSize], buf)
		must(b, err)
		packets[i] = append([]byte(nil), buf[:n]...)
	}
	return packets
}

func encode(b *testing.B) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{})
	must(b, err)
	pcm := synth.Speech(250*codec.FrameSize, 1)
	buf := make([]byte, codec.MaxFrameBytes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % 250 {
		if _, err := enc.Encode(pcm[i*codec.FrameSize:(i+1)*codec.FrameSize], buf); err != nil {
			b.Fatal(err)
		}
	}
}

func decode(b *testing.B) {
	dec, err := opus.NewDecoder()
	must(b, err)
	packets := frames(b)
	pcm := make([]float32, codec.FrameSize)
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1) % len(packets) {
		if err := dec.Decode(packets[i], pcm); err != nil {
			b.Fatal(err)
		}
	}
}

var voiceHeader = netproto.Header{Type: netproto.TypeVoice, Session: 7, Seq: 1, Level: 20, Voice: true}

func seal(b *testing.B) {
	s := netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, 7, 0))
	body, out := make([]byte, 62), make([]byte, 0, netproto.MaxDatagram)
	h := voiceHeader
	b.ReportAllocs()
	for b.Loop() {
		h.Seq++
		out = s.Seal(out[:0], h, body)
	}
}

func open(b *testing.B) {
	s := netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, 7, 0))
	datagram := s.Seal(nil, voiceHeader, make([]byte, 62))
	body := make([]byte, 0, netproto.MaxDatagram)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(body[:0], datagram); err != nil {
			b.Fatal(err)
		}
	}
}

// hopTag is what the relay does with it: checking.
func hopTag(b *testing.B) {
	tagger, key := netproto.NewHopTagger(), netproto.HopKey{1}.TagKey()
	s := netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, 7, 0))
	datagram := tagger.Append(key, netproto.AppendHop(s.Seal(nil, voiceHeader, make([]byte, 62)), netproto.Hop{}))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tagger.Check(key, datagram); !ok {
			b.Fatal("a good tag was refused")
		}
	}
}

// copyDecoder stands in for Opus so that the row shows the buffer alone.
type copyDecoder struct{ pcm []float32 }

func (d *copyDecoder) Decode(_ []byte, pcm []float32) error    { copy(pcm, d.pcm); return nil }
func (d *copyDecoder) DecodeFEC(_ []byte, pcm []float32) error { copy(pcm, d.pcm); return nil }
func (d *copyDecoder) HasFEC([]byte) bool                      { return false }
func (d *copyDecoder) Conceal(pcm []float32) error             { copy(pcm, d.pcm); return nil }

// jitterPushPull is one 20 ms frame in and 20 ms of sound out, without Opus. Of every four frames the
// first comes at once, the others 30, 20 and 10 ms late, together with the last: so the buffer has
// decisions to make.
func jitterPushPull(b *testing.B) {
	const block, cycle = frameTime / 2, 8 // four frames are eight blocks
	buf := jitter.New(&copyDecoder{pcm: synth.Speech(codec.FrameSize, 1)}, jitter.Config{})
	in := []jitter.Frame{{Number: 0, Data: make([]byte, 60)}}
	out := make([]float32, codec.FrameSize/2)
	var now time.Duration
	at := 0 // in the cycle
	b.ReportAllocs()
	for b.Loop() {
		for range 2 {
			if at == 0 || at > cycle-4 {
				in[0].Number++
				buf.Push(now, in)
			}
			buf.Pull(now, out)
			now += block
			at = (at + 1) % cycle
		}
	}
	if s := buf.Stats(); b.N > 1000 && s.Decoded < now*9/10 {
		b.Fatalf("of %v only %v were played from frames", now, s.Decoded)
	}
}
