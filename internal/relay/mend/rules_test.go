package mend

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Only what others send drowns somebody, and only where there is a cap.
func TestWhoDrownsWhom(t *testing.T) {
	const loud, quiet, listener = 0, 1, 2
	for _, tt := range []struct {
		name    string
		cap     wire.Kbps
		talkers []int // besides the loud one
		strict  bool
	}{{"another fits", 64, []int{quiet}, true}, {"no cap", 0, []int{quiet}, false}, {"the listener itself fits", 64, []int{listener}, false}} {
		s := newScene(t, 3)
		s.down(listener).setCap(tt.cap)
		for end := s.now + time.Second; s.now < end; s.now += wire.FrameDuration {
			s.seq++
			s.say(loud, 400, nil)
			for _, i := range tt.talkers {
				s.say(i, 100, nil)
			}
			s.attend()
		}
		if got := s.members[listener].downlink.strict; got != tt.strict {
			t.Errorf("%s: strict %v", tt.name, got)
		}
	}
}

// What a listener is sent is what others say, who do so now and whom it hears; each has its share of that.
func TestVoiceToAListener(t *testing.T) {
	const a, b, stopped, listener = 0, 1, 2, 3
	s := newScene(t, 4)
	d := s.down(listener)
	s.talk(2*time.Second, 100, nil, a, b, stopped, listener)
	s.talk(1500*time.Millisecond, 100, nil, a, b, listener)
	near := func(x, y wire.Kbps) bool { return (x-y)*(x-y) < 4 }
	if rate := s.room.voiceTo(s.now, &s.members[listener]); !near(rate, 80) {
		t.Errorf("%v kbit/s of two who send 40 each", rate)
	}
	for i, want := range map[int]float64{a: 0.5, stopped: 1} {
		if got := s.room.shareOf(s.now, &s.members[listener], &s.members[i]); got < want-0.02 || got > want+0.02 {
			t.Errorf("the share of %d is %v, want %v", i, got, want)
		}
	}
	d.planner.Talkers = 1
	if rate := s.room.voiceTo(s.now, &s.members[listener]); !near(rate, 40) {
		t.Errorf("%v kbit/s where one of two is heard", rate)
	}
}

// A cap is shared by those who have said a word of late, but for the listener itself.
func TestWhoHasAPart(t *testing.T) {
	const a, b, listener = 0, 1, 2
	part := func(s *scene) wire.Kbps {
		s.room.divide(s.now, &s.members[listener])
		return s.members[listener].downlink.part
	}
	s := newScene(t, 3)
	s.down(listener).setCap(64)
	s.talk(time.Second, 100, nil, a, listener)
	if part(s) != 64 {
		t.Errorf("%v of 64 kbit/s for the only one", part(s))
	}
	s.talk(time.Second, 100, nil, a, b)
	if part(s) > 32 {
		t.Errorf("%v of 64 kbit/s for each of two", part(s))
	}
	s.members[b].uplink.voiced = 0 // it has sent, and has not said a word
	if part(s) != 64 {
		t.Errorf("%v of 64 kbit/s where the other is silent", part(s))
	}
	s.members[b].uplink.voiced = s.now - idle - 1
	if part(s) != 64 {
		t.Errorf("%v of 64 kbit/s where the other has been silent for long", part(s))
	}
}

// copying is a scene in which the only one of four listeners who loses gets copies.
func copying(t *testing.T) *scene {
	s, rng := newScene(t, 5), rand.New(rand.NewPCG(1, 2))
	for range 10 {
		s.talk(500*time.Millisecond, 100, func(l int) bool { return l == 4 && rng.IntN(6) == 0 }, 0)
		for l := 1; l < 5; l++ {
			s.report(l, netproto.Report{RTT: 600}, 0)
		}
	}
	return s
}

// Copies go to who is there, wants voice, hears that talker and has no tunnel.
func TestWhoGetsCopies(t *testing.T) {
	for name, change := range map[string]func(s *scene, m *Member){
		"":                     func(*scene, *Member) {},
		"has lost its address": func(_ *scene, m *Member) { m.Overhead.Store(0) },
		"wants no voice":       func(_ *scene, m *Member) { m.downlink.deaf = true },
		"hears another one": func(s *scene, m *Member) {
			s.talk(200*time.Millisecond, 100, nil, 1) // and is first
			s.room.order[0], s.room.order[1] = s.room.order[1], s.room.order[0]
			m.downlink.planner.Talkers = 1
		},
		"has a tunnel":    func(_ *scene, m *Member) { m.Tunnelled.Store(true) },
		"was not sent it": func(_ *scene, m *Member) { m.Apart.Store(true); m.downlink.view(1).own = new(repair.Sent) },
	} {
		s := copying(t)
		m := &s.members[4]
		change(s, m)
		s.told[netproto.TypeVoice] = 0
		for end := s.now + 500*time.Millisecond; s.now < end; s.now += wire.FrameDuration {
			s.seq++
			s.say(0, 100, nil)
			if name == "hears another one" {
				s.say(1, 100, nil)
			}
			s.room.ticked = s.now // nothing is planned anew
			s.attendListener(s.now, m)
			s.count()
		}
		if n := s.told[netproto.TypeVoice]; n > 0 != (name == "") {
			t.Errorf("one who %q gets %d copies", name, n)
		}
	}
}

// Counts of its own end with the exception.
func TestExceptionEnds(t *testing.T) {
	s := newScene(t, 2)
	m := &s.members[1]
	s.talk(time.Second, 100, nil, 0)
	s.report(1, netproto.Report{RTT: 40}, 0)
	v := m.downlink.view(1)
	v.own = new(repair.Sent)
	for _, apart := range []bool{true, false} {
		m.Apart.Store(apart)
		if s.attendListener(s.now, m); v.own != nil != apart {
			t.Errorf("apart %v: counts of its own %v", apart, v.own != nil)
		}
	}
}

// Plans are for who has a cap, or fewer talkers; they are of the others who fit, the first of them.
func TestPlans(t *testing.T) {
	talkers := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	views := func(cap wire.Kbps, apart bool, rates ...wire.Kbps) []uint32 {
		s := newScene(t, 10)
		m := &s.members[9]
		m.Apart.Store(apart)
		s.down(9).setCap(cap)
		s.talk(400*time.Millisecond, 100, nil, talkers...)
		for i, r := range rates {
			s.members[i].uplink.rate = r
			m.downlink.strict = true
		}
		m.downlink.views = nil
		if rates == nil {
			s.tick(s.now, s.room)
		} else {
			s.plan(s.now, m, false)
		}
		var ids []uint32
		for _, v := range m.downlink.views {
			ids = append(ids, v.talker)
		}
		return ids
	}
	if v := views(0, false); len(v) > 0 {
		t.Errorf("planned %v for one like all others", v)
	}
	for _, apart := range []bool{false, true} {
		cap := wire.Kbps(64)
		if apart {
			cap = 0
		}
		if v := views(cap, apart); len(v) != maxViews {
			t.Errorf("cap %v, apart %v: planned %v", cap, apart, v)
		}
	}
	for _, id := range views(64, true, 65, 65) {
		if id <= 2 || id == 10 {
			t.Errorf("planned %d, who does not fit or is the listener", id)
		}
	}
	s := newScene(t, 3)
	m := &s.members[2]
	s.talk(400*time.Millisecond, 100, nil, 0, 1)
	s.down(2).planner.Talkers = 1
	m.downlink.planner.Plan(s.now, repair.Downlink{}, nil, false)
	if s.plan(s.now, m, false); m.downlink.apart {
		t.Error("apart with neither a cap nor fewer talkers")
	}
}

// Who counts for what a talker is told.
func TestWhoCounts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *scene, m *Member)
		want   int // listeners
		cap    uint16
	}{
		{"all is well", func(*scene, *Member) {}, 1, 40},
		{"deaf", func(_ *scene, m *Member) { m.downlink.deaf = true }, 0, 0},
		{"cannot be sent to", func(_ *scene, m *Member) { m.Overhead.Store(0) }, 0, 0},
		{"said nothing for long", func(s *scene, m *Member) { m.downlink.heard = s.now - memory - 1 }, 0, 40},
		{"said nothing of it for long", func(s *scene, m *Member) { m.downlink.view(1).at = s.now - memory - 1 }, 0, 40},
		{"knows nothing of it", func(_ *scene, m *Member) { m.downlink.view(1).loss = estimate.Fading{} }, 0, 40},
	} {
		s := newScene(t, 2)
		m := &s.members[1]
		s.talk(time.Second, 100, nil, 0)
		s.report(1, netproto.Report{RTT: 40, Cap: 40}, 0)
		tt.change(s, m)
		s.judge(s.now, &s.members[0])
		if f := s.members[0].uplink.fare; f.listeners != tt.want || f.told.LowestCap != tt.cap {
			t.Errorf("%s: %d listeners, a cap of %d", tt.name, f.listeners, f.told.LowestCap)
		}
	}
	s := newScene(t, 2) // a talker's own downlink says nothing of its voice
	s.talk(time.Second, 100, nil, 0)
	s.report(0, netproto.Report{RTT: 40, Cap: 12})
	if s.judge(s.now, &s.members[0]); s.members[0].uplink.fare.told.LowestCap != 0 {
		t.Errorf("told of its own cap: %+v", s.members[0].uplink.fare.told)
	}
}

// What comes through counts where there is a queue, and of whom is heard; of few with a queue it is the half that
// counts once they are sent little.
func TestQueuesOfListeners(t *testing.T) {
	for _, tt := range []struct {
		queue, talkers int
		rate           uint16
	}{{200, 0, 30}, {59, 0, 0}, {200, 1, 0}} {
		s := newScene(t, 3)
		s.talk(time.Second, 100, nil, 0, 1)
		s.room.order[0], s.room.order[1] = &s.members[1], &s.members[0]
		s.report(2, netproto.Report{RTT: 40, Queue: uint16(tt.queue), Rate: 60}, 0, 1)
		s.members[2].downlink.planner.Talkers = tt.talkers
		if s.judge(s.now, &s.members[0]); s.members[0].uplink.fare.told.LowestRate != tt.rate {
			t.Errorf("%+v: told that %d kbit/s come through", tt, s.members[0].uplink.fare.told.LowestRate)
		}
	}
	for _, tt := range []struct {
		size int
		want uint16
	}{{100, 200}, {50, 0}} { // 40 and 20 kbit/s
		s := newScene(t, 6)
		s.talk(time.Second, tt.size, nil, 0)
		for l := 1; l < 6; l++ {
			r := netproto.Report{RTT: 40}
			if l < 3 {
				r.Queue = 200
			}
			s.report(l, r, 0)
		}
		if s.judge(s.now, &s.members[0]); s.members[0].uplink.fare.told.WorstQueue != tt.want {
			t.Errorf("datagrams of %d bytes: told of a queue of %d ms with two of five", tt.size, s.members[0].uplink.fare.told.WorstQueue)
		}
	}
}

// A talker hears at once of a cap; and how many hear it does not count itself where it listens.
func TestFeedbackTellsAtOnce(t *testing.T) {
	s := newScene(t, 2)
	s.talk(3*time.Second, 100, nil, 0)
	s.report(1, netproto.Report{RTT: 40}, 0)
	s.talk(3*time.Second, 100, nil, 0)
	s.talk(400*time.Millisecond, 100, nil, 0)
	before := s.told[netproto.TypeReport]
	s.report(1, netproto.Report{RTT: 40, Cap: 30}, 0)
	s.talk(700*time.Millisecond, 100, nil, 0)
	if s.told[netproto.TypeReport] != before+1 {
		t.Errorf("%d reports within 0.7 s of a new cap", s.told[netproto.TypeReport]-before)
	}
	for _, tt := range []struct {
		deaf, live bool
		want       uint16
	}{{false, true, 1}, {true, true, 2}, {false, false, 2}} {
		s := newScene(t, 2)
		s.seq = 1
		s.say(0, 100, nil)
		m := &s.members[0]
		m.Deaf.Store(tt.deaf)
		if !tt.live {
			m.Overhead.Store(0)
		}
		m.uplink.schedule = repair.Schedule{}
		if s.feedback(s.now, m, 2); m.uplink.told.Hearers != tt.want {
			t.Errorf("deaf %v, live %v: told of %d who hear it", tt.deaf, tt.live, m.uplink.told.Hearers)
		}
	}
}

// Nothing is sent to who cannot be sent to, or beyond its cap.
func TestTell(t *testing.T) {
	s := newScene(t, 1)
	m := &s.members[0]
	try := func() bool { return s.tell(s.now, m, netproto.TypeReport, nil) }
	if !try() {
		t.Error("one like all others is told nothing")
	}
	m.Overhead.Store(0)
	if try() {
		t.Error("one without an address is told")
	}
	m.Overhead.Store(28)
	m.down().setCap(0.1)
	if try() {
		t.Error("more than the cap")
	}
}

// A round trip that is not known is not one of nothing.
func TestUnknownWay(t *testing.T) {
	s := newScene(t, 1)
	m := &s.members[0]
	if m.way() != repair.AssumedRTT/2 {
		t.Errorf("%v where nothing was reported", m.way())
	}
	if m.down(); m.way() != repair.AssumedRTT/2 {
		t.Errorf("%v where the round trip was not", m.way())
	}
}

// A report on one's own voice says nothing.
func TestReportOnOneself(t *testing.T) {
	s := newScene(t, 1)
	s.talk(time.Second, 100, nil, 0)
	if s.report(0, netproto.Report{RTT: 40}, 0); s.members[0].downlink.view(1) != nil {
		t.Error("a talker's own report on it is kept")
	}
	if rtt := s.members[0].way(); rtt != 20*time.Millisecond {
		t.Errorf("a way of %v where the round trip is 40 ms", rtt)
	}
}

// Who comes before a talker for a listener is who speaks, fits and is not the listener itself.
func TestLouder(t *testing.T) {
	const first, talker, listener = 0, 1, 2
	for name, change := range map[string]func(s *scene){
		"":                   func(*scene) {},
		"does not speak":     func(s *scene) { s.members[first].uplink.voiced = s.now - IdleAfter - 1 },
		"does not fit":       func(s *scene) { s.members[listener].downlink.strict, s.members[first].uplink.rate = true, 65 },
		"is the listener":    func(s *scene) { s.room.order[0] = &s.members[listener] },
		"comes after it":     func(s *scene) { s.room.order[0], s.room.order[1] = s.room.order[1], s.room.order[0] },
		"is not there today": func(s *scene) { s.room.order = s.room.order[1:] },
	} {
		s := newScene(t, 3)
		s.down(listener).setCap(64)
		s.talk(500*time.Millisecond, 50, nil, first, talker, listener)
		s.room.order = []*Member{&s.members[first], &s.members[talker]}
		change(s)
		want := 0
		if name == "" {
			want = 100
		}
		if got := s.room.louder(s.now, &s.members[listener], s.members[talker].ID, 100); got.Bytes != want {
			t.Errorf("one who %q: room for %d bytes", name, got.Bytes)
		}
	}
}

// Of whom a listener hears one alone it is the first who fits and is not itself.
func TestHearsTheFirst(t *testing.T) {
	const first, second, listener = 0, 1, 2
	for name, tt := range map[string]struct {
		order  []int
		strict bool
		want   bool // the second is heard
	}{
		"the first":       {[]int{first, second}, false, false},
		"does not fit":    {[]int{first, second}, true, true},
		"is the listener": {[]int{listener, second}, false, true},
	} {
		s := newScene(t, 3)
		s.talk(100*time.Millisecond, 50, nil, first, second, listener)
		d := s.down(listener)
		d.Cap, d.strict, d.planner.Talkers = 64, tt.strict, 1
		s.members[first].uplink.rate = 65
		s.room.order = nil
		for _, i := range tt.order {
			s.room.order = append(s.room.order, &s.members[i])
		}
		if got := s.room.hears(&s.members[listener], s.members[second].ID); got != tt.want {
			t.Errorf("%s: the second is heard: %v", name, got)
		}
	}
}

// What is remembered of a listener who has not been heard for long: nothing, unless it has a cap or is treated apart,
// which ends first.
func TestWhatIsRememberedOfListeners(t *testing.T) {
	for _, tt := range []struct {
		name               string
		cap                wire.Kbps
		apart              bool
		remembered, wanted bool
	}{{"like all others", 0, false, false, false}, {"a cap", 64, false, true, true}, {"apart", 0, true, true, false}} {
		s := newScene(t, 1)
		m := &s.members[0]
		d := m.down()
		d.Cap, d.apart = tt.cap, true
		m.Apart.Store(tt.apart)
		if s.room.sweep(s.now + idle + 1); m.downlink != nil != tt.remembered || tt.remembered && d.apart != tt.wanted {
			t.Errorf("%s: remembered %v, apart %v", tt.name, m.downlink != nil, d.apart)
		}
	}
}

// Whatever is asked of a talker whom the room does not know, the answer is no.
func TestUnknownTalkers(t *testing.T) {
	s := newScene(t, 1)
	m := &s.members[0]
	if s.Pass(s.now, m, 99, said(1)) {
		t.Error("passed")
	}
	if s.Ended(s.now, m, 99, 1); len(s.Batch.Sends) > 0 {
		t.Error("told of its end")
	}
}

// Digital silence ends a talkspurt; a quiet word does not.
func TestQuietSpeechIsSpeech(t *testing.T) {
	for _, tt := range []struct {
		voice bool
		level uint8
		asked bool // for what is missing behind it, before anything later has come
	}{{true, netproto.Silent, true}, {false, netproto.Silent - 1, true}, {false, netproto.Silent, false}} {
		s := newScene(t, 2)
		m := &s.members[0]
		for seq := uint32(1); seq <= 100; seq++ {
			if s.now += wire.FrameDuration; seq%10 == 5 {
				continue
			}
			h := netproto.Header{Session: 1, Seq: seq, Voice: true}
			if seq == 100 {
				h.Voice, h.Level = tt.voice, tt.level
			}
			m.Arrived(s.now, h, netproto.Hop{Count: uint8(seq % netproto.HopCounts)}, 100)
			s.attend()
		}
		s.told[netproto.TypeNack] = 0
		for range 60 {
			s.now += time.Millisecond
			s.attend()
		}
		if n := s.told[netproto.TypeNack]; n > 0 != tt.asked {
			t.Errorf("%+v: asked %d times", tt, n)
		}
	}
}

// Who hears a talker apart from the others is told when that ends.
func TestEndIsTold(t *testing.T) {
	s := newScene(t, 2)
	m := &s.members[1]
	s.down(1)
	v := m.downlink.viewOf(s.now, 1)
	v.ending.Forwarded(netproto.Header{Seq: 5})
	for range endTimes + 1 {
		s.Ended(s.now, m, 1, 5)
	}
	if s.count(); s.told[netproto.TypeEnd] != endTimes {
		t.Errorf("told %d times", s.told[netproto.TypeEnd])
	}
}

// What a talker has been told of its listeners is not told again.
func TestNewsAreToldOnce(t *testing.T) {
	s := newScene(t, 2)
	s.talk(time.Second, 100, nil, 0)
	s.report(1, netproto.Report{RTT: 40}, 0)
	s.members[0].uplink.schedule = repair.Schedule{}
	if s.feedback(s.now, &s.members[0], 1); s.members[0].uplink.told.Median.Received == 0 {
		t.Error("told of nothing")
	}
	if v := s.members[1].downlink.view(1); v.since != (netproto.Outcome{}) {
		t.Errorf("%+v is news again", v.since)
	}
}

// A listener whose path carries fewer talkers is treated apart, with a cap or without.
func TestFewerTalkersAreApart(t *testing.T) {
	s := newScene(t, 4)
	for range 15 {
		s.talk(300*time.Millisecond, 40, nil, 0, 1, 2)
		s.report(3, netproto.Report{RTT: 40, Queue: 700, Rate: 30}, 0, 1, 2)
	}
	if d := s.members[3].downlink; !d.apart || d.planner.Talkers == 0 {
		t.Errorf("apart %v, %d talkers", d.apart, d.planner.Talkers)
	}
}

// What is missing is looked for in time, both when something comes and when the room is attended.
func TestLooksWhenSomethingIsMissing(t *testing.T) {
	const soon = 9 * time.Millisecond
	s := newScene(t, 2)
	s.talk(time.Second, 100, nil, 0)
	m := &s.members[0]
	s.seq += 2
	s.now += wire.FrameDuration
	s.room.ticked = s.now
	h := netproto.Header{Session: m.ID, Seq: s.seq, Voice: true}
	if _, look := m.Arrived(s.now, h, netproto.Hop{Count: uint8(s.seq % netproto.HopCounts)}, 100); look > s.now+soon {
		t.Errorf("looks %v after what shows the gap", look-s.now)
	}
	if next := s.attendTalker(s.now, m, 2); next > s.now+soon {
		t.Errorf("attends to the talker %v after what shows the gap", next-s.now)
	}
}

// How far away a talker is counts at once for what it is asked.
func TestAReportTellsTheTalkersWay(t *testing.T) {
	s := newScene(t, 2)
	s.talk(time.Second, 100, nil, 0)
	m := &s.members[0]
	before := m.uplink.asker
	if s.report(0, netproto.Report{RTT: 400}); reflect.DeepEqual(before, m.uplink.asker) {
		t.Error("it is asked as if nothing were known of its way")
	}
}
