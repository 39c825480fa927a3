package engine

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

func newTestSender(t testing.TB, cfg SenderConfig) *Sender {
	t.Helper()
	cfg.Talker.Session, cfg.Talker.Continuous = testSession, !cfg.Talker.Encoder.DTX
	s, err := NewSender(0, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Talker().SetTag(testHop.TagKey())
	s.Talker().SetSecret(1, testSecret, netproto.EpochGrace)
	return s
}

// countOf is the count of a datagram for the relay.
func countOf(t *testing.T, d []byte) uint8 {
	t.Helper()
	_, hop, err := netproto.SplitHop(d[:len(d)-netproto.HopTagSize])
	if err != nil {
		t.Fatal(err)
	}
	return hop.Count
}

// nackOf is the body of a nack for our own datagrams.
func nackOf(t testing.TB, counts ...uint8) []byte {
	t.Helper()
	var blocks []netproto.NackBlock
	for _, count := range counts {
		blocks = netproto.AddNack(blocks, testSession, count)
	}
	body, err := netproto.AppendNack(nil, blocks)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// No second is above the cap, whatever is said, asked for again and reported beside it; and voice
// goes on.
func TestNoSecondAboveTheCap(t *testing.T) {
	const header = 28
	for name, pcm := range map[string][]float32{"speech": speech(600, 1), "noise": noise(600)} {
		for _, cfg := range []SenderConfig{
			{Cap: 12}, {Cap: 17}, {Cap: 24}, {Cap: 32}, {Cap: 44},
			{Cap: 32, Fixed: true, Talker: TalkerConfig{Stride: 3}},
			{Cap: 60, Fixed: true, Talker: TalkerConfig{Stride: 2, Copies: []int{1}}},
		} {
			s := newTestSender(t, cfg)
			type load struct {
				at    time.Duration
				bytes int
			}
			var out []load
			var last uint8
			sum, most := 0, 0
			send := func(now time.Duration, size int) {
				out = append(out, load{now, size + header})
				for sum += size + header; now-out[0].at >= time.Second; out = out[1:] {
					sum -= out[0].bytes
				}
				most = max(most, sum)
			}
			for i := range 600 {
				now := time.Duration(i+1) * netproto.FrameDuration
				d, err := s.Frame(now, pcm[i*FrameSize:][:FrameSize])
				if err != nil {
					t.Fatal(err)
				}
				if d != nil {
					send(now, len(d))
				}
				s.Poll(now)
				if d != nil {
					last = countOf(t, d)
				}
				if err := s.Nacked(now, nackOf(t, last, last-7), func(d []byte) { send(now, len(d)) }); err != nil {
					t.Fatal(err)
				}
				if i%5 == 0 && s.Allow(now, 60) {
					send(now, 60)
				}
				s.Probed(100 * time.Millisecond)
			}
			if limit := int(cfg.Cap * 1000 / 8); most > limit {
				t.Errorf("%s, %+v: %d bytes in a second of %d", name, cfg, most, limit)
			}
			if st := s.Stats(12 * time.Second); name == "speech" && st.Voice*uint64(st.Decision.Stride) < 600*8/10 {
				t.Errorf("%s, %+v: only %d datagrams of voice, %+v", name, cfg, st.Voice, st.Decision)
			}
		}
	}
}

func TestSenderAnswersNacks(t *testing.T) {
	s := newTestSender(t, SenderConfig{Fixed: true})
	var sent [][]byte
	pcm := speech(80, 1)
	now := time.Duration(0)
	for i := range 80 {
		now += netproto.FrameDuration
		d, err := s.Frame(now, pcm[i*FrameSize:][:FrameSize])
		if err != nil || d == nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		sent = append(sent, slices.Clone(d))
	}
	var again [][]byte
	take := func(d []byte) { again = append(again, slices.Clone(d)) }
	if err := s.Nacked(now, nackOf(t, 5, 70, 72, 81), take); err != nil {
		t.Fatal(err)
	}
	sealed := func(d []byte) []byte { return d[:len(d)-netproto.HopSize-netproto.HopTagSize] }
	if len(again) != 2 || !bytes.Equal(sealed(again[0]), sealed(sent[69])) || !bytes.Equal(sealed(again[1]), sealed(sent[71])) {
		t.Errorf("%d datagrams for two that are known, one too old and one never sent", len(again))
	}
	if s.Nacked(now, []byte{3, 1}, take) == nil {
		t.Error("a nack that is cut off")
	}
	again = nil
	for count := uint8(31); count <= 80; count++ {
		_ = s.Nacked(now, nackOf(t, count), take)
	}
	if len(again) == 0 || len(again) > 30 {
		t.Errorf("a storm of 50 draws %d", len(again))
	}
}

// The relay's figures make the ladder add redundancy, in whatever order they come; and a relay that is
// silent stops the voice until it speaks again.
func TestSenderAdapts(t *testing.T) {
	s := newTestSender(t, SenderConfig{})
	pcm := speech(50, 1)
	now, last := time.Duration(0), uint8(0)
	talk := func(frames int) (out int) {
		for i := range frames {
			now += netproto.FrameDuration
			s.Poll(now)
			d, err := s.Frame(now, pcm[i%50*FrameSize:][:FrameSize])
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				last = countOf(t, d)
				out++
			}
		}
		return out
	}
	f, sent := netproto.Feedback{Listeners: 1, Rate: 40}, 0
	for range 9 {
		old := f
		sent += talk(50)
		s.Probed(60 * time.Millisecond)
		f.Receipt = netproto.Receipt{Seq: s.Talker().LastSeq(), Count: uint8(sent % netproto.HopCounts), Reach: 1, Came: netproto.Bits{1}}
		f.Median = netproto.Outcome{Received: 35, Lost: 5, Runs: 5}
		s.Heard(now, f)
		old.Median.Lost = 40
		s.Heard(now, old)
	}
	if st := s.Stats(now); len(st.Decision.Copies) == 0 || st.Adapt.Loss < 0.05 || st.Adapt.Loss > 0.2 {
		t.Errorf("12 %% of loss: %+v", st)
	}
	talk(500)
	if n := talk(50); n != 0 || !s.Stopped() {
		t.Errorf("%d datagrams into silence: %+v", n, s.Stats(now).Decision)
	}
	if err := s.Nacked(now, nackOf(t, last-1), func([]byte) { t.Error("an answer though stopped") }); err != nil {
		t.Fatal(err)
	}
	s.Probed(60 * time.Millisecond)
	if talk(50) == 0 {
		t.Error("silent though the relay answers again")
	}
}

// What is held back is no gap: the relay sees none of it, and the next datagram follows the last one that was sent.
func TestHeldBackIsNoLoss(t *testing.T) {
	s, o := newTestSender(t, SenderConfig{Fixed: true, Cap: 12, Talker: TalkerConfig{Stride: 1}}), newOpener(t, testSession)
	pcm := speech(200, 1)
	var relay repair.Asker
	out := 0
	for i := range 200 {
		now := time.Duration(i+1) * netproto.FrameDuration
		d, err := s.Frame(now, pcm[i*FrameSize:][:FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if d == nil {
			continue
		}
		out++
		v := o.open(d)
		relay.Arrived(now, repair.Datagram{Seq: v.header.Seq, Count: v.hop.Count, Again: v.hop.Again, Speech: true})
		if asked := relay.Poll(now+10*time.Millisecond, nil); len(asked) > 0 {
			t.Fatalf("frame %d: asked for %v", v.header.Seq, asked)
		}
	}
	st, lost := s.Stats(4*time.Second), relay.Receipt().Lost()
	if lost != 0 || st.HeldBack < 20 || out < 20 {
		t.Errorf("%d sent, %d held back, %d lost", out, st.HeldBack, lost)
	}
}

// What the talker does follows the headers of the path.
func TestSenderFollowsTheOverhead(t *testing.T) {
	s := newTestSender(t, SenderConfig{Cap: 24})
	pcm := speech(100, 1)
	count := func(from int) (datagrams int) {
		for i := range 50 {
			now := time.Duration(from+i) * netproto.FrameDuration
			if d, err := s.Frame(now, pcm[(from+i)*FrameSize:][:FrameSize]); err != nil {
				t.Fatal(err)
			} else if d != nil {
				datagrams++
			}
		}
		return datagrams
	}
	before, was := count(0), s.Stats(time.Second).Decision
	s.SetPath(time.Second, 48, false)
	after, is := count(50), s.Stats(time.Second).Decision
	if is.Stride <= was.Stride || after >= before {
		t.Errorf("%d datagrams at stride %d, then %d at %d", before, was.Stride, after, is.Stride)
	}
}
