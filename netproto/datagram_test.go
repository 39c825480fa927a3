package netproto

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// voiceDatagram returns a sealed datagram of voice without hop tag.
func voiceDatagram(seq uint32, body []byte) (*Sealer, []byte) {
	s := NewSealer(VoiceKey(RoomSecret{1}, 7, 1))
	return s, s.Seal(nil, Header{Type: TypeVoice, Epoch: 1, Session: 7, Seq: seq, Level: 30, Voice: true}, body)
}

func TestHeader(t *testing.T) {
	tests := []struct {
		h    Header
		want []byte
	}{
		{Header{Type: TypeVoice, Epoch: 2, Session: 0x01020304, Seq: 0x05060708, Level: 30, Voice: true},
			[]byte{0x60, 1, 2, 3, 4, 5, 6, 7, 8, 0x80 | 30}},
		{Header{Type: TypeVoice, Session: math.MaxUint32, Seq: math.MaxUint32, Level: 127},
			[]byte{0x40, 255, 255, 255, 255, 255, 255, 255, 255, 127}},
		{Header{Type: TypeChallengeReply, Session: 1, Seq: 2}, []byte{0x47, 0, 0, 0, 1, 0, 0, 0, 2}},
		{Header{Type: TypeEnd, Session: 1, Seq: 2}, []byte{0x48, 0, 0, 0, 1, 0, 0, 0, 2}},
	}
	for _, tt := range tests {
		got := AppendHeader(nil, tt.h)
		if !bytes.Equal(got, tt.want) || len(got) != tt.h.Size() {
			t.Errorf("AppendHeader(%+v) = %x, want %x", tt.h, got, tt.want)
		}
		if back, err := ParseHeader(tt.want); err != nil || back != tt.h {
			t.Errorf("ParseHeader(%x) = %+v, %v", tt.want, back, err)
		}
	}
	loud := AppendHeader(nil, Header{Type: TypeVoice, Epoch: 7, Level: 200})
	if loud[0] != 0x70 || loud[9] != 127 {
		t.Errorf("epoch and level are not cut to fit: %x", loud)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	tests := []struct {
		d    []byte
		want error
	}{
		{nil, ErrShort},
		{[]byte{0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrVersion},
		{[]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrVersion},
		{[]byte{0x49, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrType},
		{[]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrType},
		{[]byte{0x41, 0, 0, 0, 0, 0, 0, 0}, ErrShort},
		{[]byte{0x40, 0, 0, 0, 0, 0, 0, 0, 0}, ErrShort},
	}
	for _, tt := range tests {
		if _, err := ParseHeader(tt.d); !errors.Is(err, tt.want) {
			t.Errorf("ParseHeader(%x): %v, want %v", tt.d, err, tt.want)
		}
	}
}

// Flipping any bit of a datagram makes it worthless, at the relay and at the
// listener.
func TestTamper(t *testing.T) {
	s, d := voiceDatagram(9, []byte("some opus"))
	key, tagger := HopKey{3}.TagKey(), NewHopTagger()
	hop := Hop{Count: 90, Again: true}
	up := tagger.Append(key, AppendHop(slices.Clone(d), hop))
	voice, ok := tagger.Check(key, up)
	if sealed, got, err := SplitHop(voice); !ok || !bytes.Equal(sealed, d) || got != hop || err != nil {
		t.Fatal("own hop tag refused", got, err)
	}
	if body, err := s.Open(nil, d); err != nil || string(body) != "some opus" {
		t.Fatalf("%q, %v", body, err)
	}
	for bit := range 8 * len(up) {
		bad := slices.Clone(up)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, ok := tagger.Check(key, bad); ok {
			t.Errorf("bit %d: hop tag accepted", bit)
		}
		if bit/8 < len(d) {
			if _, err := s.Open(nil, bad[:len(d)]); err == nil {
				t.Errorf("bit %d: opened", bit)
			}
		}
	}
	for n := range up {
		if _, ok := tagger.Check(key, up[:n]); ok {
			t.Errorf("%d bytes: hop tag accepted", n)
		}
		if n != len(d) {
			if _, err := s.Open(nil, up[:n]); err == nil {
				t.Errorf("%d bytes: opened", n)
			}
		}
	}
	if _, ok := tagger.Check(HopKey{4}.TagKey(), up); ok {
		t.Error("foreign hop key accepted")
	}
	for _, key := range [][16]byte{
		VoiceKey(RoomSecret{2}, 7, 1), VoiceKey(RoomSecret{1}, 8, 1), VoiceKey(RoomSecret{1}, 7, 5),
	} {
		if _, err := NewSealer(key).Open(nil, d); !errors.Is(err, ErrAuth) {
			t.Errorf("foreign key: %v", err)
		}
	}
}

func TestOpenInPlace(t *testing.T) {
	s, d := voiceDatagram(1, []byte("in place"))
	body, err := s.Open(d[VoiceHeaderSize:][:0], d)
	if err != nil || string(body) != "in place" || &body[0] != &d[VoiceHeaderSize] {
		t.Fatalf("%q, %v", body, err)
	}
	if got, err := s.Open([]byte("x"), []byte{0x40}); err == nil || got != nil {
		t.Fatalf("%q, %v", got, err)
	}
}

// Many goroutines share a Sealer, as relay workers do.
func TestSealerConcurrent(t *testing.T) {
	s := NewSealer(HopKey{1}.Up())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				h := Header{Type: TypeProbe, Session: uint32(g), Seq: uint32(i + 1)}
				want := AppendProbe(nil, Probe{uint32(i)})
				d := s.Seal(nil, h, want)
				if got, err := s.Open(nil, d); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%x, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestReplayWindow(t *testing.T) {
	var w ReplayWindow
	steps := []struct {
		seq  uint32
		want bool
	}{
		{0, false}, {1, true}, {1, false}, {3, true}, {2, true}, {2, false}, {3, false},
		{256, true}, {257, true}, {1, false}, {259, true}, {3, false},
		{512, true}, {256, false}, {0, false}, {5, true}, // late, but never seen
		{math.MaxUint32, true}, {math.MaxUint32, false}, {255, false}, {math.MaxUint32 - 1, true},
	}
	for i, s := range steps {
		if got := w.Accept(s.seq); got != s.want {
			t.Errorf("step %d: Accept(%d) = %v", i, s.seq, got)
		}
	}
}

// Against a naive model: never twice, and everything that is at most 255 behind
// the newest is accepted once.
func TestReplayWindowRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var w ReplayWindow
	seen := map[uint32]bool{}
	newest := uint32(0)
	for range 20000 {
		seq := uint32(max(1, int(newest)+rng.IntN(400)-300))
		got := w.Accept(seq)
		if got && seen[seq] {
			t.Fatalf("%d accepted twice", seq)
		}
		if !got && !seen[seq] && seq+255 >= newest {
			t.Fatalf("%d refused, newest %d", seq, newest)
		}
		seen[seq] = seen[seq] || got
		if got {
			newest = max(newest, seq)
		}
	}
}

func TestReplayWindowConcurrent(t *testing.T) {
	var w ReplayWindow
	var accepted atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for seq := range uint32(200) {
				if w.Accept(seq + 1) {
					accepted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := accepted.Load(); n != 200 {
		t.Errorf("%d accepted", n)
	}
}

func TestFramesRefuses(t *testing.T) {
	big := make([]byte, MaxFrameBytes)
	appends := []struct {
		name   string
		seq    uint32
		frames []Frame
		want   error
	}{
		{"none", 5, nil, ErrFrames},
		{"above seq", 5, []Frame{{6, nil}}, ErrFrames},
		{"number 0", 5, []Frame{{0, nil}}, ErrFrames},
		{"oldest first", 5, []Frame{{4, nil}, {5, nil}}, ErrFrames},
		{"twice", 5, []Frame{{5, nil}, {5, nil}}, ErrFrames},
		{"below 1", 1, []Frame{{1, nil}, {0, nil}}, ErrFrames},
		{"too far", 200, []Frame{{72, nil}}, ErrFrames},
		{"too far apart", 200, []Frame{{200, nil}, {71, nil}}, ErrFrames},
		{"too long", 5, []Frame{{5, append(big, 0)}}, ErrFrames},
		{"too much", 5, []Frame{{5, big}}, ErrTooLarge},
	}
	for _, tt := range appends {
		got, err := AppendFrames([]byte("x"), tt.seq, tt.frames)
		if !errors.Is(err, tt.want) || string(got) != "x" {
			t.Errorf("%s: %q, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	if _, err := AppendFrames(nil, 200, []Frame{{73, nil}}); err != nil {
		t.Error(err)
	}
	parses := []struct {
		name string
		seq  uint32
		body []byte
	}{
		{"empty", 5, nil},
		{"no last frame", 5, []byte{0, 1, 'a'}},
		{"length missing", 5, []byte{0}},
		{"half a length", 5, []byte{0, 252}},
		{"longer than the rest", 5, []byte{0, 2, 'a'}},
		{"seq 0", 0, []byte{0x80}},
		{"number 0", 5, []byte{0x85}},
		{"below 1", 1, []byte{0, 0, 0x80}},
		{"too long", 5, append([]byte{0x80}, make([]byte, MaxFrameBytes+1)...)},
	}
	for _, tt := range parses {
		got, err := ParseFrames([]Frame{{Number: 77}}, tt.seq, tt.body)
		if !errors.Is(err, ErrMalformed) || len(got) != 1 {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestLength(t *testing.T) {
	for n := range MaxFrameBytes + 1 {
		b := appendLength(nil, n)
		got, rest, ok := parseLength(append(b, 'x'))
		if !ok || got != n || string(rest) != "x" || len(b) != 1 && n < 252 || len(b) > 2 {
			t.Fatalf("%d: %x, %d, %q, %v", n, b, got, rest, ok)
		}
	}
}

func TestNack(t *testing.T) {
	want := []uint8{100, 101, 103, 36, 37, 99}
	var blocks []NackBlock
	for _, count := range want {
		blocks = AddNack(blocks, 7, count)
		blocks = AddNack(blocks, 7, count) // once more does no harm
	}
	blocks = AddNack(blocks, 8, 101)
	if len(blocks) != 3 || blocks[0] != (NackBlock{7, 100, 1 | 1<<2 | 1<<63}) || blocks[1] != (NackBlock{7, 37, 1 << 61}) {
		t.Fatalf("%+v", blocks)
	}
	body, err := AppendNack(nil, blocks)
	if err != nil || len(body) != 1+3*13 {
		t.Fatal(len(body), err)
	}
	back, err := ParseNack(nil, append(body, "tail"...))
	if diff := cmp.Diff(blocks, back); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	var got []uint8
	for _, b := range back[:2] {
		got = slices.AppendSeq(got, b.All())
	}
	if !slices.Equal(got, want) {
		t.Fatal(got)
	}
	for _, tt := range []struct {
		b    NackBlock
		want []uint8
	}{
		{NackBlock{1, 0, 1}, []uint8{0, 1}},
		{NackBlock{1, 126, 7}, []uint8{126, 127, 0, 1}},
		{NackBlock{1, 255, 0}, []uint8{127}},
	} {
		if got := slices.Collect(tt.b.All()); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %d", tt.b, got)
		}
	}
	for n := range body {
		if got, err := ParseNack(blocks[:1], body[:n]); !errors.Is(err, ErrShort) || len(got) != 1 {
			t.Errorf("%d bytes: %v, %v", n, got, err)
		}
	}
	if _, err := AppendNack(nil, make([]NackBlock, 90)); err != nil {
		t.Error(err)
	}
	if _, err := AppendNack(nil, make([]NackBlock, 91)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	for b := range (NackBlock{1, 1, math.MaxUint64}).All() { // an early end
		if b == 2 {
			break
		}
	}
}

// Later versions may add to every body; what comes too short is refused.
func TestBodyLengths(t *testing.T) {
	report, err := AppendReport(nil, &Report{Talkers: make([]TalkerReport, 2)})
	if err != nil || len(report) != reportHeadSize+2*(blockExtra+receiptHead) {
		t.Fatal(len(report), err)
	}
	tests := []struct {
		name  string
		body  []byte
		size  int
		parse func([]byte) error
	}{
		{"probe", AppendProbe(nil, Probe{1}), 10, func(b []byte) error { _, err := ParseProbe(b); return err }},
		{"probe-ack", AppendProbeAck(nil, ProbeAck{1, 2, 3, 4}), 10, func(b []byte) error { _, err := ParseProbeAck(b); return err }},
		{"challenge", AppendChallenge(nil, [8]byte{1}), 8, func(b []byte) error { _, err := ParseChallenge(b); return err }},
		{"challenge reply", AppendChallengeReply(nil, ChallengeReply{}), 8, func(b []byte) error { _, err := ParseChallengeReply(b); return err }},
		{"report", report, 44, func(b []byte) error { return ParseReport(new(Report), b) }},
		{"feedback", AppendFeedback(nil, &Feedback{}), 37, func(b []byte) error { _, err := ParseFeedback(b); return err }},
	}
	for _, tt := range tests {
		if len(tt.body) != tt.size {
			t.Errorf("%s: %d bytes", tt.name, len(tt.body))
		}
		if err := tt.parse(append(tt.body, 1, 2, 3)); err != nil {
			t.Errorf("%s with a tail: %v", tt.name, err)
		}
		for n := range tt.body {
			if err := tt.parse(tt.body[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%s, %d bytes: %v", tt.name, n, err)
			}
		}
	}
	if len(AppendProbe(nil, Probe{})) < len(AppendProbeAck(nil, ProbeAck{})) {
		t.Error("the answer to a probe is larger than the probe")
	}
}

func TestReceipt(t *testing.T) {
	all := func(n int) (b Bits) {
		for i := range n {
			b.Set(i)
		}
		return b
	}
	without := func(b Bits, bits ...int) Bits {
		for _, i := range bits {
			b[i/64] &^= 1 << (i % 64)
		}
		return b
	}
	for _, tt := range []struct {
		name string
		r    Receipt
		size int
	}{
		{"nothing", Receipt{}, 7},
		{"all came", Receipt{Seq: 500, Count: 7, Reach: 128, Came: all(128)}, 7},
		{"the first of all", Receipt{Seq: 1, Count: 1, Reach: 1, Came: all(1)}, 7},
		{"the newest was sent again", Receipt{Seq: 1, Count: 1, Reach: 2, Came: without(all(2), 0)}, 8},
		{"eight back", Receipt{Seq: 9, Count: 9, Reach: 9, Came: without(all(9), 8)}, 9},
		{"the oldest", Receipt{Seq: 1 << 31, Count: 127, Reach: 128, Came: without(all(128), 127)}, 7 + 16},
		{"some", Receipt{Seq: 300, Count: 0, Reach: 70, Came: without(all(70), 3, 63, 64)}, 7 + 9},
	} {
		b := appendReceipt(nil, &tt.r)
		got, rest, err := parseReceipt(append(b, 1, 2))
		if err != nil || got != tt.r || len(b) != tt.size || len(rest) != 2 {
			t.Errorf("%s: %d bytes, %+v, %v, want %+v", tt.name, len(b), got, err, tt.r)
		}
		for n := range b {
			if _, _, err := parseReceipt(b[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%s, %d bytes: %v", tt.name, n, err)
			}
		}
	}
	for _, b := range [][]byte{{0, 0, 0, 1, 1, 129, 0}, {0, 0, 0, 1, 1, 9, 17}} {
		if _, _, err := parseReceipt(append(b, make([]byte, 40)...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", b, err)
		}
	}
}

func TestBitsShift(t *testing.T) {
	for n := range 140 {
		var b Bits
		b.Set(0)
		b.Set(60)
		b.Shift(n)
		for i := range ReceiptReach {
			if want := i == n || i == n+60; b.Get(i) != want {
				t.Fatalf("shifted by %d: bit %d is %v", n, i, !want)
			}
		}
	}
}

// What does not fit is refused: the longest receipts of 35 talkers do.
func TestReportSize(t *testing.T) {
	worst := TalkerReport{Receipt: Receipt{Seq: 200, Reach: ReceiptReach}} // nothing came
	r := Report{Unopened: make([]uint32, 8)}
	for range 35 {
		r.Talkers = append(r.Talkers, worst)
	}
	if b, err := AppendReport(nil, &r); err != nil {
		t.Error(len(b), err)
	}
	r.Talkers = append(r.Talkers, worst)
	if b, err := AppendReport([]byte{1}, &r); !errors.Is(err, ErrTooLarge) || len(b) != 1 {
		t.Error(len(b), err)
	}
}

func TestBundle(t *testing.T) {
	_, small := voiceDatagram(1, []byte("a"))
	_, large := voiceDatagram(2, make([]byte, 300))
	var bundle []byte
	var want [][]byte
	for _, d := range [][]byte{small, large, small} {
		b, err := AppendBundle(bundle, d)
		if err != nil {
			t.Fatal(err)
		}
		bundle, want = b, append(want, d)
	}
	got, err := ParseBundle(nil, bundle)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	for len(bundle) < MaxDatagram {
		b, err := AppendBundle(bundle, small)
		if err != nil {
			if !errors.Is(err, ErrTooLarge) || len(b) != len(bundle) {
				t.Fatal(len(b), err)
			}
			break
		}
		bundle = b
	}
	exact, err := AppendBundle(nil, append([]byte{0x40}, make([]byte, MaxDatagram-1-2-1)...))
	if err != nil || len(exact) != MaxDatagram {
		t.Errorf("largest item: %d, %v", len(exact), err)
	}
	if _, err := AppendBundle(nil, append([]byte{0x40}, make([]byte, MaxDatagram-1-2)...)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for _, d := range [][]byte{nil, {0x45}, {0x00}} {
		if _, err := AppendBundle(nil, d); !errors.Is(err, ErrMalformed) {
			t.Errorf("item %x: %v", d, err)
		}
	}
	for _, tt := range []struct {
		d    []byte
		want error
	}{
		{nil, ErrShort},
		{[]byte{0x05}, ErrVersion},
		{[]byte{0x40}, ErrType},
		{[]byte{0x45}, ErrMalformed},
		{[]byte{0x45, 0}, ErrMalformed},
		{[]byte{0x45, 1}, ErrMalformed},
		{[]byte{0x45, 255}, ErrMalformed},
		{[]byte{0x45, 1, 0x40, 1, 0x45}, ErrType},
		{[]byte{0x45, 1, 0x40, 1, 0x00}, ErrVersion},
	} {
		if got, err := ParseBundle(want[:1], tt.d); !errors.Is(err, tt.want) || len(got) != 1 {
			t.Errorf("ParseBundle(%x): %v, %v", tt.d, got, err)
		}
	}
}

func TestTunnel(t *testing.T) {
	stream, err := AppendTunnel(nil, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	if stream, err = AppendTunnel(stream, []byte("second")); err != nil {
		t.Fatal(err)
	}
	for n := range 7 {
		if _, rest, err := ParseTunnel(stream[:n]); !errors.Is(err, ErrNeedMore) || len(rest) != n {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	one, rest, err := ParseTunnel(stream)
	if err != nil || string(one) != "first" {
		t.Fatalf("%q, %v", one, err)
	}
	two, rest, err := ParseTunnel(rest)
	if err != nil || string(two) != "second" || len(rest) != 0 {
		t.Fatalf("%q, %q, %v", two, rest, err)
	}
	for stream, want := range map[string]error{"\x00\x00": ErrMalformed, "\x04\xb1": ErrTooLarge, "\x04\xb0": ErrNeedMore, "\xff\xffx": ErrTooLarge} {
		if _, _, err := ParseTunnel([]byte(stream)); !errors.Is(err, want) {
			t.Errorf("%x: %v, want %v", stream, err, want)
		}
	}
	for n, want := range map[int]error{0: ErrMalformed, MaxDatagram: nil, MaxDatagram + 1: ErrTooLarge} {
		if _, err := AppendTunnel(nil, make([]byte, n)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
}
