package adapt

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

func TestWireRateIsThatOfTheProtocol(t *testing.T) {
	for i := range shapes {
		s := &shapes[i]
		size := 40 // bytes per frame
		var frames []netproto.Frame
		for n := range s.stride * (1 + len(s.copies)) {
			data := make([]byte, size)
			if s.coarse > 0 && n >= s.stride {
				data = data[:s.coarse/400]
			}
			frames = append(frames, netproto.Frame{Number: uint32(1000 - n), Data: data})
		}
		body, err := netproto.AppendFrames(nil, 1000, frames)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 28 + netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + netproto.HopTagSize + len(body)
		want := wire.KbpsOf(bytes, s.interval())
		nominal := size*400 - hybridMore
		if s.coarse > 0 {
			nominal = int(float64(size) * 400 / upToWideband)
		}
		if got := s.rate(28, nominal); math.Abs(float64(got-want)) > 0.15 { // coarse frames are no whole bytes
			t.Errorf("%+v: %.2f kbit/s, the protocol takes %.2f", s, got, want)
		}
		if back := s.bitrate(28, want+0.15, codec.DefaultBitrate); back > nominal+500 || back < nominal-500 {
			t.Errorf("%+v: %d bit/s fit into %.2f kbit/s", s, back, want)
		}
	}
}

// The ladder's table for a way of 60 ms, without and with a round trip of 120 ms that
// resends can use: docs/repair.md has it with explanations.
func TestChoice(t *testing.T) {
	type want struct {
		stride int
		copies []int
	}
	for _, tt := range []struct {
		name        string
		loss, burst float64
		kbps        wire.Kbps
		rtt         time.Duration
		want        []want // any of these
	}{
		{"clean", 0, 1, 48, 0, []want{{1, nil}}},
		{"clean, thin", 0, 1, 32, 0, []want{{3, nil}, {2, nil}}},
		{"clean, emergency", 0, 1, 17, 0, []want{{4, nil}, {6, nil}}},
		{"random", 0.1, 1, 44, 0, []want{{2, []int{1}}}},
		{"much", 0.2, 1, 44, 0, []want{{2, []int{1, 2}}, {3, []int{1, 2}}}},
		{"bursts", 0.1, 4, 44, 0, []want{{2, []int{3}}, {3, []int{2}}, {2, []int{4}}}},
		{"resends do it", 0.03, 1, 36, 20 * ms, []want{{1, nil}, {2, nil}, {3, nil}}},
		{"resends are all there is room for", 0.05, 1, 21, 120 * ms, []want{{3, nil}}},
	} {
		n := network{
			most: codec.DefaultBitrate, headers: 28, channel: estimate.NewChannel(tt.loss, tt.burst), oneWay: 60 * ms, spread: 10 * ms,
			rtt: tt.rtt, resent: tt.loss,
		}
		p := choose(&n, tt.kbps, smallest, 0)
		if !slices.ContainsFunc(tt.want, func(w want) bool { return w.stride == p.shape.stride && slices.Equal(w.copies, p.shape.copies) }) {
			t.Errorf("%s: %+v at %d bit/s, value %.1f", tt.name, *p.shape, p.bitrate, p.value(&n))
		}
		if w := p.shape.rate(28, p.bitrate); w > tt.kbps {
			t.Errorf("%s: %.1f kbit/s of %v", tt.name, w, tt.kbps)
		}
	}
}

// Less room never makes the choice larger, and there always is one.
func TestChoiceFitsAnyRoom(t *testing.T) {
	for _, loss := range []float64{0, 0.03, 0.1, 0.3, 0.9} {
		for kbps := wire.Kbps(1); kbps < 100; kbps++ {
			n := network{most: codec.DefaultBitrate, headers: 28, channel: estimate.NewChannel(loss, 3), oneWay: 60 * ms, spread: 10 * ms}
			p := choose(&n, kbps, smallest, 0)
			if w := p.shape.rate(28, p.bitrate); w > kbps+1e-9 && (p.shape != &shapes[0] || p.bitrate != codec.MinBitrate) {
				t.Errorf("%.1f kbit/s of %v", w, kbps)
			}
			if math.IsNaN(p.value(&n)) || p.bitrate < codec.MinBitrate {
				t.Errorf("%+v", p)
			}
		}
	}
}

// What the buffer holds back for jitter in any case is free for repair.
func TestJitterIsTimeForRepair(t *testing.T) {
	for _, tt := range []struct{ spread, later, want time.Duration }{
		{10 * ms, 0, 10 * ms},
		{10 * ms, 60 * ms, 70 * ms},
		{40 * ms, 60 * ms, 80 * ms},
		{200 * ms, 60 * ms, 200 * ms},
		{200 * ms, 150 * ms, 250 * ms},
	} {
		n := network{spread: tt.spread}
		if got := n.wait(tt.later); got != tt.want {
			t.Errorf("spread %v, repair after %v: waits %v, want %v", tt.spread, tt.later, got, tt.want)
		}
	}
}

// Resends that listeners would not wait for are not counted on.
func TestResendsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		rtt, oneWay, spread time.Duration
		loss                float64
		want                bool
	}{
		{0, 60 * ms, 10 * ms, 0.1, false},
		{120 * ms, 60 * ms, 10 * ms, 0.02, true},
		{240 * ms, 120 * ms, 10 * ms, 0.02, false},
		{240 * ms, 120 * ms, 300 * ms, 0.02, true},
		{600 * ms, 300 * ms, 200 * ms, 0.1, false},
	} {
		n := network{rtt: tt.rtt, oneWay: tt.oneWay, spread: tt.spread, channel: estimate.Channel{Loss: tt.loss}}
		if got := n.resendsWaitedFor(); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// The table in docs/repair.md is what is chosen.
func TestTheTableOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/repair.md")
	if err != nil {
		t.Fatal(err)
	}
	channels := []estimate.Channel{
		{}, estimate.NewChannel(0.05, 1), estimate.NewChannel(0.1, 1), estimate.NewChannel(0.2, 1),
		estimate.NewChannel(0.1, 4), estimate.NewChannel(0.2, 4),
	}
	for _, kbps := range []wire.Kbps{48, 44, 32, 21.5, 17, 15} {
		row := fmt.Sprintf("| %v |", kbps)
		for _, c := range channels {
			n := network{
				most: codec.DefaultBitrate, headers: 28, channel: c, oneWay: 60 * ms, spread: 10 * ms, rtt: 120 * ms, resent: c.Loss,
			}
			p := choose(&n, kbps, smallest, 0)
			row += fmt.Sprintf(" %g x %d", float64(p.bitrate)/1000, p.shape.stride)
			if len(p.shape.copies) > 0 {
				row += " {" + strings.Trim(strings.ReplaceAll(fmt.Sprint(p.shape.copies), " ", ","), "[]") + "}"
			}
			if p.shape.coarse > 0 {
				row += "c"
			}
			if p.resend && c.Loss > 0 {
				row += " R"
			}
			row += " |"
		}
		if !strings.Contains(string(text), row+"\n") {
			t.Errorf("docs/repair.md has no row\n%s", row)
		}
	}
}

// The least rate is what the smallest point takes, and the controller goes no lower.
func TestLeastRate(t *testing.T) {
	if takes := shapes[0].rate(wire.IPv4Overhead, codec.MinBitrate); takes > repair.LeastRate || takes < repair.LeastRate-1 {
		t.Errorf("the smallest point takes %.1f kbit/s, the least rate is %v", takes, repair.LeastRate)
	}
	c := controller{limit: 40}
	for now := time.Second; now < time.Minute; now += time.Second { // one that stays as it is would be others'
		c.update(now, sample{queue: now, trend: 0.5, through: 3, sent: 12, nominal: 12, every: 120 * ms})
	}
	if c.limit != repair.LeastRate {
		t.Errorf("%.1f kbit/s on a path that carries 3", c.limit)
	}
}
