package engine

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine/adapt"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// numbers lists the frames of a datagram.
func numbers(s sent) []uint32 {
	var n []uint32
	for _, f := range s.frames {
		n = append(n, f.Number)
	}
	return n
}

func TestStrideAndCopies(t *testing.T) {
	tests := []struct {
		stride int
		copies []int
	}{
		{0, nil}, {1, nil}, {3, nil}, {6, nil},
		{1, []int{1}}, {1, []int{4}}, {3, []int{1}}, {2, []int{2, 5}}, {1, []int{6, 1, 2}}, {2, []int{16}},
	}
	for _, tt := range tests {
		talker := newTestTalker(t, TalkerConfig{Stride: tt.stride, Copies: tt.copies, Encoder: codec.EncoderConfig{Bitrate: 6000}})
		got := say(t, talker, newOpener(t, testSession), speech(60, 1))
		stride := max(tt.stride, 1)
		if len(got) != 60/stride {
			t.Fatalf("stride %d: %d datagrams of 60 frames", tt.stride, len(got))
		}
		offsets := slices.Sorted(slices.Values(append([]int{0}, tt.copies...)))
		for i, s := range got {
			seq := (i + 1) * stride
			var want []uint32
			for _, k := range offsets {
				for n := seq - k*stride; n > seq-(k+1)*stride && n >= 1; n-- {
					want = append(want, uint32(n))
				}
			}
			if s.header.Seq != uint32(seq) || !slices.Equal(numbers(s), want) {
				t.Fatalf("stride %d copies %v: datagram %d carries %v, want %d %v", tt.stride, tt.copies, s.header.Seq, numbers(s), seq, want)
			}
		}
	}
}

// A copy is the very frame that was sent first.
func TestCopiesAreTheSameBytes(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{Copies: []int{2}})
	first := map[uint32][]byte{}
	for _, s := range say(t, talker, newOpener(t, testSession), speech(50, 2)) {
		for i, f := range s.frames {
			if i == 0 {
				first[f.Number] = f.Data
			} else if !bytes.Equal(first[f.Number], f.Data) {
				t.Fatalf("copy of frame %d differs", f.Number)
			}
		}
	}
}

// Coarse copies are the frame coded anew, shorter. One decoder takes them in turn with the others and makes of them
// nearly what it makes of those; when they are no longer wanted copies are the same frames again.
func TestCoarseCopies(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	opener := newOpener(t, testSession)
	decide := func(coarse int) {
		talker.adapt(codec.EncoderConfig{}, adapt.Decision{Bitrate: 24000, Stride: 1, Copies: []int{1}, CopyBitrate: coarse, Wideband: coarse > 0})
	}
	decide(11500)
	fine, coarse := map[uint32][]byte{}, map[uint32][]byte{}
	var fineBytes, coarseBytes int
	for _, s := range say(t, talker, opener, speech(100, 2)) {
		for i, f := range s.frames {
			if i == 0 {
				fine[f.Number] = bytes.Clone(f.Data)
				fineBytes += len(f.Data)
			} else {
				coarse[f.Number] = bytes.Clone(f.Data)
				coarseBytes += len(f.Data)
			}
		}
	}
	if len(coarse) != 99 || coarseBytes > fineBytes/2 {
		t.Errorf("%d copies of %d bytes in all, of frames of %d", len(coarse), coarseBytes, fineBytes)
	}
	heard := func(mixed bool) []float32 {
		dec, err := opus.NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]float32, 99*FrameSize)
		for n := uint32(1); n < 100; n++ {
			data := fine[n]
			if mixed && n%5 == 0 {
				data = coarse[n]
			}
			if err := dec.Decode(data, pcm[(n-1)*FrameSize:][:FrameSize]); err != nil {
				t.Fatal(err)
			}
		}
		return pcm
	}
	power, difference := 0.0, 0.0
	mixed := heard(true)
	for i, v := range heard(false) {
		power += float64(v * v)
		difference += float64((v - mixed[i]) * (v - mixed[i]))
	}
	if difference > power/10 {
		t.Errorf("with coarse frames it differs by %.1f dB", 10*math.Log10(difference/power))
	}
	decide(0)
	said := say(t, talker, opener, speech(20, 3))
	for i, s := range said[2:] {
		if !bytes.Equal(s.frames[1].Data, said[i+1].frames[0].Data) {
			t.Fatalf("copy in datagram %d differs", i+2)
		}
	}
}

func TestEndOfTalkspurt(t *testing.T) {
	tests := []struct {
		name   string
		stride int
		copies []int
		most   int // datagrams after the last frame of speech
	}{
		{"plain", 1, nil, 2},
		{"bundled", 3, nil, 2},
		{"neighbouring copy", 1, []int{1}, 2},
		{"distant copy", 1, []int{6}, 7},
		{"bundled and copied", 3, []int{2}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			talker := newTestTalker(t, TalkerConfig{Stride: tt.stride, Copies: tt.copies, Encoder: codec.EncoderConfig{DTX: true}})
			o := newOpener(t, testSession)
			got := say(t, talker, o, append(speech(60, 3), make([]float32, 300*FrameSize)...))
			if !talker.Settled() {
				t.Error("still something to send after 6 s of silence")
			}
			var lastSpeech, end uint32
			carried := map[uint32]int{} // how often
			for _, s := range got {
				for _, f := range s.frames {
					carried[f.Number]++
					switch {
					case len(f.Data) > 0:
						lastSpeech = max(lastSpeech, f.Number)
					case end == 0:
						end = f.Number
					case f.Number < end:
						t.Fatalf("frame %d is empty although %d ended the talkspurt", f.Number, end)
					}
				}
				silent := len(s.frames[0].Data) == 0
				if s.frames[0].Number != s.header.Seq || silent && (s.header.Level != codec.Silent || s.header.Voice) {
					t.Fatalf("datagram %+v begins with frame %d", s.header, s.frames[0].Number)
				}
				if !silent && end != 0 {
					t.Fatalf("datagram %d is not known to be silence", s.header.Seq)
				}
			}
			if end != lastSpeech+1 {
				t.Fatalf("speech until frame %d, its end said to be frame %d", lastSpeech, end)
			}
			if carried[end] < 2 {
				t.Errorf("the end was said %d times", carried[end])
			}
			for n := uint32(1); n <= lastSpeech; n++ {
				if carried[n] != 1+len(tt.copies) {
					t.Fatalf("frame %d was carried %d times", n, carried[n])
				}
			}
			after := slices.IndexFunc(got, func(s sent) bool { return s.header.Seq > lastSpeech })
			if n := len(got) - after; n > tt.most {
				t.Errorf("%d datagrams after the last speech, want at most %d", n, tt.most)
			}

			// Speech again: the numbers went on counting in the silence.
			again := say(t, talker, o, speech(60, 4))
			if len(again) == 0 || talker.Settled() {
				t.Fatal("nothing sent of the next talkspurt")
			}
			if first := again[0].frames[len(again[0].frames)-1].Number; first < 361 || first > 364 {
				t.Errorf("the next talkspurt begins with frame %d, want 361 or just after it", first)
			}
		})
	}
}

// What is voice is sent from its first frame on, however softly it begins: libopus alone leaves some of it out.
func TestSoftBeginningsAreSent(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{Encoder: codec.EncoderConfig{DTX: true}})
	var vad codec.VAD
	var pcm []float32
	var voice []bool
	for seed := range uint64(8) {
		spurt := append(noise(100), speech(100, seed)...) // 2 s each
		for i := range spurt {
			gain := 0.001 // the noise, about -70 dBov
			if at := float64(i)/FrameSize - 100; at > 0 {
				gain = 0.1 * min(1, at/20)
			}
			spurt[i] *= float32(gain)
		}
		pcm = append(pcm, spurt...)
	}
	for i := range len(pcm) / FrameSize {
		voice = append(voice, vad.Voice(pcm[i*FrameSize:][:FrameSize]))
	}
	sent := map[uint32]bool{}
	for _, s := range say(t, talker, newOpener(t, testSession), pcm) {
		sent[s.frames[0].Number] = len(s.frames[0].Data) > 0
	}
	silent := 0
	for i, v := range voice {
		number := uint32(i + 1)
		if v && !sent[number] {
			t.Errorf("frame %d is voice, and not sent", number)
		}
		if !sent[number] {
			silent++
		}
	}
	if silent < 300 {
		t.Errorf("%d frames of silence: this tests nothing", silent)
	}
}

func TestMute(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{}) // no DTX: sends for ever unless muted
	o := newOpener(t, testSession)
	say(t, talker, o, speech(20, 1))
	talker.SetMuted(true)
	got := say(t, talker, o, speech(100, 1))
	if len(got) != 3 {
		t.Fatalf("%d datagrams while muted, want a soft end and the end said twice", len(got))
	}
	if got[0].header.Level != codec.Silent || got[0].header.Voice {
		t.Errorf("the first muted datagram has level %d, voice %v", got[0].header.Level, got[0].header.Voice)
	}
	for _, s := range got[1:] {
		if last := s.frames[len(s.frames)-1]; len(last.Data) != 0 || last.Number != 22 {
			t.Errorf("datagram %d: no end of talkspurt at frame 22: %v", s.header.Seq, s.frames)
		}
	}
	if !talker.Settled() || talker.LastSeq() != 120 {
		t.Errorf("settled %v, frame %d", talker.Settled(), talker.LastSeq())
	}
	talker.SetMuted(false)
	if got := say(t, talker, o, speech(10, 1)); len(got) != 10 || got[0].header.Seq != 121 {
		t.Errorf("%d datagrams after unmuting", len(got))
	}
}

func TestLevelAndVoiceBit(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{Stride: 3})
	got := say(t, talker, newOpener(t, testSession), append(make([]float32, 9*FrameSize), speech(30, 1)...))
	if s := got[0]; s.header.Voice || s.header.Level != codec.Silent {
		t.Errorf("silence: level %d, voice %v", s.header.Level, s.header.Voice)
	}
	if s := got[5]; !s.header.Voice || s.header.Level > 40 {
		t.Errorf("speech: level %d, voice %v", s.header.Level, s.header.Voice)
	}
}

func TestEpochGrace(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	o := newOpener(t, testSession)
	say(t, talker, o, speech(10, 1))
	next := netproto.RoomSecret{9}
	o.secrets[2] = netproto.NewSealer(netproto.VoiceKey(next, testSession, 2))
	talker.SetSecret(2, next, time.Second)
	talker.SetSecret(2, next, 0) // said twice: no new grace
	for _, s := range say(t, talker, o, speech(100, 1)) {
		if want := s.header.Seq > 10+50; (s.header.Epoch == 2) != want {
			t.Fatalf("frame %d is sealed in epoch %d", s.header.Seq, s.header.Epoch)
		}
	}
}

// Many leaves in a row must not leave the talker with a secret that listeners gave up.
func TestEpochsInQuickSuccession(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	o := newOpener(t, testSession)
	frame := speech(1, 1)
	for epoch := uint32(2); epoch < 40; epoch++ {
		secret := netproto.RoomSecret{byte(epoch)}
		o.secrets[uint8(epoch&3)] = netproto.NewSealer(netproto.VoiceKey(secret, testSession, epoch))
		talker.SetSecret(epoch, secret, netproto.EpochGrace)
		say(t, talker, o, frame) // fails if the epoch's secret has been replaced
	}
	say(t, talker, o, speech(100, 1))
	if got := say(t, talker, o, frame); got[0].header.Epoch != 39&3 {
		t.Errorf("epoch %d at the end", got[0].header.Epoch)
	}
}

// Whatever changes at run time: every frame is new exactly once, in order, and no
// datagram is too long, even of noise at the highest bitrate.
func TestChangesAtRunTime(t *testing.T) {
	talker := newTestTalker(t, TalkerConfig{})
	o := newOpener(t, testSession)
	rng := rand.New(rand.NewPCG(7, 8))
	pcm := noise(50)
	seen := uint32(0)
	for i := range 3000 {
		if rng.IntN(10) == 0 {
			copies := rng.Perm(stream.MaxOffset)[:rng.IntN(5)]
			for j := range copies {
				copies[j]++
			}
			if err := talker.SetRedundancy(1+rng.IntN(wire.MaxStride), copies); err != nil {
				t.Fatal(err)
			}
		}
		if rng.IntN(10) == 0 {
			cfg := codec.EncoderConfig{Bitrate: 6000 + rng.IntN(58001), FEC: rng.IntN(2) == 0, Complexity: 1}
			if err := talker.enc.Configure(cfg); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range say(t, talker, o, pcm[i%50*FrameSize:][:FrameSize]) {
			if s.frames[0].Number != s.header.Seq {
				t.Fatalf("datagram %d begins with frame %d", s.header.Seq, s.frames[0].Number)
			}
			for n := s.header.Seq; n > seen; n-- {
				if !slices.ContainsFunc(s.frames, func(f netproto.Frame) bool { return f.Number == n && len(f.Data) > 0 }) {
					t.Fatalf("frame %d is not in datagram %d", n, s.header.Seq)
				}
			}
			seen = s.header.Seq
		}
	}
}

func TestTalkerErrors(t *testing.T) {
	if _, err := NewTalker(TalkerConfig{Encoder: codec.EncoderConfig{Bitrate: 1}}); !errors.Is(err, codec.ErrConfig) {
		t.Errorf("bitrate 1: %v", err)
	}
	for _, tt := range []struct {
		stride int
		copies []int
	}{{-1, nil}, {wire.MaxStride + 1, nil}, {1, []int{0}}, {1, []int{-1}}, {1, []int{stream.MaxOffset + 1}}} {
		if _, err := NewTalker(TalkerConfig{Stride: tt.stride, Copies: tt.copies}); !errors.Is(err, stream.ErrRedundancy) {
			t.Errorf("stride %d copies %v: %v", tt.stride, tt.copies, err)
		}
	}
	talker, err := NewTalker(TalkerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := talker.Frame(speech(1, 1)); d != nil || err != nil {
		t.Errorf("without keys: %x, %v", d, err)
	}
	talker.SetTag(testHop.TagKey())
	talker.SetSecret(1, testSecret, netproto.EpochGrace)
	if _, err := talker.Frame(make([]float32, 480)); !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("10 ms: %v", err)
	}
}

func TestTalkerDoesNotAllocate(t *testing.T) {
	for _, dtx := range []bool{false, true} {
		encoder := codec.EncoderConfig{DTX: dtx, Complexity: 1}
		talker := newTestTalker(t, TalkerConfig{Encoder: encoder})
		talker.adapt(encoder, adapt.Decision{Bitrate: 24000, Stride: 2, Copies: []int{1, 4}, CopyBitrate: 11500, Wideband: true})
		pcm := append(speech(100, 1), make([]float32, 100*FrameSize)...)
		i := 0
		n := testing.AllocsPerRun(800, func() {
			if _, err := talker.Frame(pcm[i%200*FrameSize:][:FrameSize]); err != nil {
				t.Fatal(err)
			}
			i++
		})
		if n != 0 {
			t.Errorf("DTX %v: %v allocations per frame", dtx, n)
		}
	}
}

// A Talker by itself sends nothing in silence, as a call does.
func TestTalkerIsSilentInSilence(t *testing.T) {
	for continuous, want := range map[bool]int{false: 15, true: 100} {
		talker, err := NewTalker(TalkerConfig{Session: testSession, Continuous: continuous})
		if err != nil {
			t.Fatal(err)
		}
		talker.SetTag(testHop.TagKey())
		talker.SetSecret(1, testSecret, 0)
		sent := 0
		for range 100 {
			if d, err := talker.Frame(make([]float32, FrameSize)); err != nil {
				t.Fatal(err)
			} else if d != nil {
				sent++
			}
		}
		if sent > want || continuous && sent < want {
			t.Errorf("continuous %v: %d datagrams of 100 frames of silence", continuous, sent)
		}
	}
}
