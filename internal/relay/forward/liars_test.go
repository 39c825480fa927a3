package forward_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

// settledAt is a newcomer that comes from that address.
func (sc *scene) settledAt(addr, name string) *relaytest.Client {
	sc.c.T.Helper()
	cl := sc.c.Enter("", name)
	cl.Addr = netip.MustParseAddrPort(addr)
	cl.Settle()
	return cl
}

// Members who claim to be at their loudest all the time, and send what is no speech or is, from one address or many,
// leave an honest one what is its due.
func TestManyLiars(t *testing.T) {
	const steps = 499 // 10 s
	for _, tt := range []struct {
		name  string
		addr  func(i int) string
		text  string
		least func(liars int) int
	}{
		{"empty frames", func(i int) string { return fmt.Sprintf("10.1.0.%d:%d", i+1, 5000) }, "\x80", func(int) int { return steps }},
		{"one address", func(i int) string { return fmt.Sprintf("10.1.0.1:%d", 5000+i) }, "twenty milliseconds of a lie", func(int) int { return steps - 15 }},
		{"one /48", func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:5000", i) }, "twenty milliseconds of a lie", func(int) int { return steps - 15 }},
		{"an address each", func(i int) string { return fmt.Sprintf("10.1.0.%d:%d", i+1, 5000) }, "twenty milliseconds of a lie",
			func(liars int) int { return steps * 4 / (liars + 1) * 3 / 4 }}, // who pretend to be as many people
	} {
		for _, liars := range []int{4, 8, 16} {
			sc := newScene(t, 4, 0)
			for i := range liars {
				sc.talkers = append(sc.talkers, sc.settledAt(tt.addr(i), fmt.Sprint(i)))
			}
			honest := sc.settledAt("192.0.2.1:5000", "honest")
			lie := func() {
				for _, cl := range sc.talkers {
					sc.c.Handle(cl.Addr, cl.SaidAt(tt.text, 0, true))
				}
			}
			for range 200 {
				lie()
				sc.next()
			}
			heard := 0
			for range steps {
				lie()
				sc.c.Handle(honest.Addr, honest.SaidAt("twenty milliseconds of truth", 30, true))
				heard += len(sc.took()[honest.Session])
				sc.next()
			}
			t.Logf("%d liars, %s: %d of %d", liars, tt.name, heard, steps)
			if want := tt.least(liars); heard < want {
				t.Errorf("%d liars, %s: an honest talker is heard in %d of %d frames, want %d", liars, tt.name, heard, steps, want)
			}
		}
	}
}

// A member who sends as much as it can brings 320 kbit/s to each listener, and no more.
func TestFlooder(t *testing.T) {
	sc := newScene(t, 4, 1)
	bytes := 0
	sc.c.Out = func(to netip.AddrPort, d []byte) {
		if to == sc.ear.Addr {
			bytes += len(d) + 28
		}
	}
	text := strings.Repeat("x", 1150-23)
	dropped := 0
	const seconds = 20
	for range seconds * 190 {
		sc.c.Now = sc.c.Now.Truncate(time.Second/190) + time.Second/190
		if sc.c.Handle(sc.talkers[0].Addr, sc.talkers[0].Said(text)) == forward.DropVolume {
			dropped++
		}
	}
	t.Logf("%d kbit/s, %d of %d datagrams dropped", bytes*8/1000/seconds, dropped, seconds*190)
	if rate := bytes * 8 / 1000 / seconds; rate > 320*(seconds+2)/seconds+10 || rate < 300 {
		t.Errorf("a talker brings %d kbit/s to a listener", rate)
	}
}

// Nor does that leave a listener with a cap nothing of anybody else: who goes on sending more than its part of the cap, which it is
// told, gets through with no more than that.
func TestFlooderAndCap(t *testing.T) {
	for _, most := range []uint16{48, 64, 128} {
		sc := newScene(t, 4, 2)
		report := func() {
			body, _ := netproto.AppendReport(nil, &netproto.Report{Cap: most})
			sc.c.Handle(sc.ear.Addr, sc.ear.Sealed(netproto.TypeReport, body))
		}
		report()
		liar, honest := sc.talkers[0], sc.talkers[1]
		lie := strings.Repeat("x", 1150-23)
		heard, lies := 0, 0
		const steps = 499
		for step := range steps + 250 {
			for range 3 + step%2 { // 175 per second
				sc.c.Handle(liar.Addr, liar.SaidAt(lie, 0, true))
			}
			sc.c.Handle(honest.Addr, honest.SaidAt(strings.Repeat("y", 40), 30, true))
			got := sc.took()
			if step >= 250 {
				heard += len(got[honest.Session])
				lies += len(got[liar.Session])
			}
			if step%50 == 0 {
				report()
			}
			sc.next()
		}
		t.Logf("cap %d: %d of %d, and %d lies", most, heard, steps, lies)
		if heard < steps*9/10 {
			t.Errorf("cap %d: an honest talker is heard in %d of %d frames", most, heard, steps)
		}
	}
}

// Who alone takes more than a listener's cap is left out there only while another one talks.
func TestAloneAboveTheCap(t *testing.T) {
	sc := newScene(t, 4, 2)
	body, _ := netproto.AppendReport(nil, &netproto.Report{Cap: 48})
	loud, other := sc.talkers[0], sc.talkers[1]
	var heard [2]int // while the other one talks, and more than 2 s after its last word
	for step := range 450 {
		if step%50 == 0 {
			sc.c.Handle(sc.ear.Addr, sc.ear.Sealed(netproto.TypeReport, body))
		}
		sc.c.Handle(loud.Addr, loud.SaidAt(strings.Repeat("x", 120), 30, true))
		if step < 250 {
			sc.c.Handle(other.Addr, other.SaidAt(strings.Repeat("y", 40), 30, true))
		}
		switch got := len(sc.took()[loud.Session]); {
		case step >= 100 && step < 250:
			heard[0] += got
		case step >= 350:
			heard[1] += got
		}
		sc.next()
	}
	if heard[0] > 15 || heard[1] < 20 {
		t.Errorf("%d of 150 frames beside another talker, %d of 100 alone", heard[0], heard[1])
	}
}
