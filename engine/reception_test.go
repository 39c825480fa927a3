package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// hearing is a listener that is polled every 10 ms.
type hearing struct {
	t       testing.TB
	l       *Listener
	now     time.Duration
	asked   []uint8
	reports []netproto.Report
}

func newHearing(t testing.TB) *hearing {
	l := newTestListener(testSession)
	l.SetRoundTrip(40 * time.Millisecond)
	l.SetPath(40 * time.Millisecond)
	return &hearing{t: t, l: l}
}

func (h *hearing) pollUntil(end time.Duration) {
	h.t.Helper()
	out := make([]float32, FrameSize/2)
	for ; h.now < end; h.now += 10 * time.Millisecond {
		h.l.Mix(h.now, out)
		nack, report := h.l.Poll(h.now)
		if nack != nil {
			blocks, err := netproto.ParseNack(nil, nack)
			if err != nil {
				h.t.Fatal(err)
			}
			for _, b := range blocks {
				h.asked = slices.AppendSeq(h.asked, b.All())
			}
		}
		if report != nil {
			var r netproto.Report
			if err := netproto.ParseReport(&r, report); err != nil {
				h.t.Fatal(err)
			}
			h.reports = append(h.reports, r)
		}
	}
}

func TestListenerAsksForWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		copies []int
		late   time.Duration // of datagram 60; 0: lost
		asked  bool
	}{
		{"lost", nil, 0, true},
		{"a copy brings it", []int{1}, 0, false},
		{"overtaken by a little", nil, 24 * time.Millisecond, false},
	} {
		talker, o, h := newTestTalker(t, TalkerConfig{Copies: tt.copies}), newOpener(t, testSession), newHearing(t)
		pcm := speech(150, 1)
		var held []byte
		for i := range 150 {
			at := frameTime(uint32(i + 1))
			if held != nil && at >= frameTime(60)+tt.late {
				h.pollUntil(frameTime(60) + tt.late)
				_ = h.l.Handle(h.now, held)
				held = nil
			}
			h.pollUntil(at)
			d, err := talker.Frame(pcm[i*FrameSize:][:FrameSize])
			if err != nil {
				t.Fatal(err)
			}
			voice := slices.Clone(o.strip(d))
			switch {
			case i+1 != 60:
				_ = h.l.Handle(h.now, voice)
			case tt.late > 0:
				held = voice
			}
		}
		if got := slices.Contains(h.asked, 60); got != tt.asked || len(h.asked) > 3 {
			t.Errorf("%s: asked for %v", tt.name, h.asked)
		}
		if last := h.reports[len(h.reports)-1]; len(last.Talkers) != 1 || last.Talkers[0].Receipt.Reach < 40 {
			t.Errorf("%s: report %+v", tt.name, last)
		}
	}
}

func TestPollDoesNotAllocate(t *testing.T) {
	talker, o, l := newTestTalker(t, TalkerConfig{}), newOpener(t, testSession), newTestListener(testSession)
	pcm := speech(600, 1)
	i, now := 0, time.Duration(0)
	datagrams := make([][]byte, 600)
	for k := range datagrams {
		d, err := talker.Frame(pcm[k*FrameSize:][:FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		datagrams[k] = slices.Clone(o.strip(d))
	}
	step := func() {
		now += netproto.FrameDuration
		if i%10 != 9 {
			_ = l.Handle(now, datagrams[i])
		}
		i++
		l.Arrived(now, 100)
		l.Poll(now)
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(300, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
