package repair

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// What was sent again and is newer than all before it, as the hop before ours was late, is no new beginning.
func TestAResendIsNoBeginning(t *testing.T) {
	a := path()
	for _, d := range []Datagram{
		{Seq: 1, Count: 1, Speech: true}, {Seq: 2, Count: 2, Speech: true}, {Seq: 3, Count: 4, Speech: true},
		{Seq: 4, Count: 3, Speech: true, Again: true},
	} {
		a.Arrived(at(5), d)
	}
	if s := told(a); s != (netproto.Outcome{Received: 3, Lost: 1}) {
		t.Errorf("%+v", s)
	}
}

// What came before the first one that is told of is not told of.
func TestReceiptBeginsWithTheFirst(t *testing.T) {
	a := path()
	a.Arrived(at(10), dg(10))
	a.Arrived(at(10), dg(8))
	if s := told(a); s != (netproto.Outcome{Received: 1}) {
		t.Errorf("%+v", s)
	}
}

// The first of all is no sign of loss, whatever its count is.
func TestNothingIsMissingBeforeTheFirst(t *testing.T) {
	a := path()
	a.Arrived(at(1), Datagram{Seq: 1, Count: 3, Speech: true})
	if s := told(a); s != (netproto.Outcome{Received: 1}) || a.open > 0 {
		t.Errorf("%+v, %d missing", s, a.open)
	}
}

// What comes by itself when its frame was there by another way, or when it was given up, is not waited for next time.
func TestPaceLearnsOfWhatIsMissingOnly(t *testing.T) {
	a := path()
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	a.Have(2)
	if a.Arrived(at(2)+90*ms, dg(2)); a.pace.slack > 0 || a.open != 0 {
		t.Errorf("a slack of %v, %d missing", a.pace.slack, a.open)
	}
}

// Neither a pause whose end was held back nor the end of a talkspurt tells how far datagrams are apart.
func TestStrideIsOfSpeech(t *testing.T) {
	for _, next := range []Datagram{{Seq: 9 + wire.MaxStride + 1, Count: 4, Speech: true}, {Seq: 10, Count: 4}} {
		a := path()
		for i := range uint8(3) {
			a.Arrived(at(9), Datagram{Seq: 3 * uint32(i+1), Count: i + 1, Speech: true})
		}
		if a.Arrived(at(10), next); a.Stride() != 3 {
			t.Errorf("%+v: stride %d", next, a.Stride())
		}
	}
}

// A gap in whose place another one would be remembered is given up for that, and not closed by what comes there.
func TestGapsShareTheirPlaces(t *testing.T) {
	for _, lost := range []bool{false, true} { // the second one
		a, asked := &Asker{}, map[uint32]time.Duration{}
		a.SetPath(60*ms, 3*time.Second)
		for now := at(1); now < at(69); now += ms {
			if seq := uint32(now / wire.FrameDuration); now == at(seq) && seq != 3 && (seq != 3+slots || !lost) {
				a.Arrived(now, dg(seq))
			}
			for _, x := range a.Poll(now, nil) {
				asked[x.Seq] = now
			}
		}
		if _, ok := asked[3+slots]; ok != lost {
			t.Errorf("lost %v, asked for %v", lost, ok)
		}
		if open := a.open > 0; !open {
			t.Errorf("lost %v: nothing is missing any more", lost)
		}
	}
}

// An answer tells nothing about how late datagrams come by themselves; what comes so after it was asked for does.
func TestPaceLearnsFromWhatCameByItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		again bool
		after time.Duration // its time
		slack bool
	}{{"an answer", true, 90 * ms, false}, {"by itself", false, 90 * ms, true}, {"by itself when it is not asked for any more", false, 180 * ms, true}} {
		a := path()
		a.Arrived(at(1), dg(1))
		a.Arrived(at(3), dg(3))
		for now := at(3); now < at(2)+tt.after; now += ms {
			a.Poll(now, nil)
		}
		if a.Arrived(at(2)+tt.after, Datagram{Seq: 2, Count: 2, Speech: true, Again: tt.again}); a.pace.slack > 0 != tt.slack {
			t.Errorf("%s: waits %v", tt.name, a.pace.timeout())
		}
	}
	for _, tt := range []struct{ rtt, want time.Duration }{{60 * ms, 75 * ms}, {500 * ms, 80 * ms}} { // asked for, or not
		a := &Asker{}
		a.SetPath(tt.rtt, 300*ms)
		a.pace.slack = mostSlack
		a.Arrived(at(1), dg(1))
		a.Arrived(at(3), dg(3))
		for now := at(3); now < at(30); now += ms {
			a.Poll(now, nil)
		}
		if a.pace.slack != tt.want || a.open > 0 {
			t.Errorf("never came, round trip %v: a slack of %v, want %v", tt.rtt, a.pace.slack, tt.want)
		}
	}
}

// A clock that jumps is no jitter.
func TestPaceOfANewClock(t *testing.T) {
	var p pace
	p.arrived(at(1)+time.Hour, 1)
	p.arrived(at(2)+time.Hour, 2)
	if p.timeout() != leastTimeout {
		t.Errorf("waits %v at first", p.timeout())
	}
	p.arrived(at(3)+2*time.Hour, 3)
	if p.timeout() != leastTimeout || p.mean != 2*time.Hour {
		t.Errorf("waits %v for what comes after %v", p.timeout(), p.mean)
	}
}

// Where there is no time to wait for the order it is asked for at once; and however short the round trip is, no more
// than four times.
func TestAskerHasLittleTime(t *testing.T) {
	for _, tt := range []struct {
		rtt, patience time.Duration
		times         int
	}{{60 * ms, 100 * ms, 1}, {ms, time.Second, tries}} {
		a, times := &Asker{}, 0
		a.SetPath(tt.rtt, tt.patience)
		a.pace.slack = mostSlack
		a.Arrived(at(1), dg(1))
		a.Arrived(at(3), dg(3))
		for now := at(3); now < at(60); now += ms {
			times += len(a.Poll(now, nil))
		}
		if times != tt.times {
			t.Errorf("round trip %v, patience %v: asked %d times, want %d", tt.rtt, tt.patience, times, tt.times)
		}
	}
}

// A copy that is known to be missing too is not waited for until its own time, where the order is not kept.
func TestAskerKnowsThatTheCopyIsMissing(t *testing.T) {
	a, asked := &Asker{}, time.Duration(0)
	a.SetPath(120*ms, 400*ms)
	for now := at(1); now < at(30) && asked == 0; now += ms {
		if seq := uint32(now / wire.FrameDuration); now == at(seq) && (seq < 10 || seq > 14) {
			a.Arrived(now, dg(seq))
			a.Have(seq - 2)
			a.Copies(2)
		}
		a.pace.slack = mostSlack
		if asksFor(a.Poll(now, nil), 10) {
			asked = now
		}
	}
	if want := at(15) + leastTimeout; asked != want {
		t.Errorf("asked at %v, want %v", asked, want)
	}
}

// On a path that loses, the next look is at what is overdue first, as long as somebody speaks.
func TestNextDeadlineIsOfWhatIsOverdue(t *testing.T) {
	quiet := func() (a *Asker, seq uint32) {
		a, seq = tenth(1)
		for i := range a.gaps {
			a.close(&a.gaps[i])
		}
		a.next = time.Hour
		return a, seq
	}
	a, seq := quiet()
	overdue := at(seq+1) + leastTimeout
	next, ok := a.NextDeadline()
	if a.Poll(at(seq)+6*ms, nil); !ok || next != overdue || a.open > 0 {
		t.Errorf("look at %v, want %v; %d missing", next, overdue, a.open)
	}
	if a.next = 0; a.open == 0 { // when there last was something to do
		if next, _ := a.NextDeadline(); next != overdue {
			t.Errorf("look at %v, want %v, where nothing is missing yet", next, overdue)
		}
	}
	a.next = time.Hour
	a.openGap(gap{count: a.newest - 1, seq: seq - 1, next: overdue + 50*ms, due: at(seq - 1)})
	if next, _ := a.NextDeadline(); next != overdue {
		t.Errorf("look at %v, want %v, before the gap", next, overdue)
	}
	a.openGap(gap{count: a.newest - 2, seq: seq - 2, next: at(seq), due: at(seq - 2)})
	if next, _ := a.NextDeadline(); next != at(seq) {
		t.Errorf("look at %v, want %v, the gap's", next, at(seq))
	}
	a, seq = quiet()
	a.Arrived(at(seq+1), Datagram{Seq: seq + 1, Count: uint8(a.newest+1) % wire.HopCounts})
	if next, ok := a.NextDeadline(); ok {
		t.Errorf("look at %v after the end of the talkspurt", next)
	}
}

// Who is told which datagram is the last asks for what is missing before it, and looks out for nothing behind it.
func TestLast(t *testing.T) {
	new := func() *Asker {
		a := path()
		for seq := uint32(1); seq <= 10; seq++ {
			a.Arrived(at(seq), dg(seq))
		}
		return a
	}
	for _, tt := range []struct {
		name string
		a    *Asker
		seq  uint32
		ok   bool
		open int
	}{
		{"nothing has come", path(), 5, false, 0},
		{"an older one", new(), 9, false, 0},
		{"the newest", new(), 10, true, 0},
		{"two are missing", new(), 12, true, 2},
		{"more than are guessed", new(), 19, true, guessMost},
		{"as many as are remembered", new(), 10 + outage, true, guessMost},
		{"more than that", new(), 11 + outage, false, 0},
	} {
		if ok := tt.a.Last(at(11), tt.seq); ok != tt.ok || tt.a.open != tt.open || tt.a.speech != (!ok && tt.a.highest > 0) {
			t.Errorf("%s: %v, %d missing, speech %v", tt.name, ok, tt.a.open, tt.a.speech)
		}
	}
	a := new()
	if !a.Last(at(11), 12) || a.Last(at(11), 12) {
		t.Error("the same is news twice")
	}
	if a.Arrived(at(12), dg(12)); a.speech {
		t.Error("the last one promises another")
	}
	if a.Last(at(12), 13) && a.open > 1 {
		t.Error("looks for more when the talkspurt was over")
	}
	if a.Arrived(at(14), dg(14)); !a.speech {
		t.Error("the talker has gone on")
	}
	a = path() // of one datagram nothing is known of the rhythm
	a.Arrived(at(1), dg(1))
	if a.Last(at(2), 4); a.open > 0 {
		t.Errorf("%d missing", a.open)
	}
}

// A path of which little is known is not well.
func TestMoodAtTheBeginning(t *testing.T) {
	a := path()
	for seq := uint32(1); seq <= Beginning; seq++ {
		a.Arrived(at(seq), dg(seq))
		if mood := a.Mood(at(seq)); mood != Calm == (seq == Beginning) {
			t.Errorf("mood %v after %d datagrams", mood, seq)
		}
	}
}

func TestRoomWithoutACap(t *testing.T) {
	var c Cap
	c.Send(0, 5000, Upcoming{})
	if c.Room(0, 0) < netproto.MaxDatagram {
		t.Errorf("room for %d bytes", c.Room(0, 0))
	}
}

// When copies begin and when they end.
func TestCopiesBeginAndEnd(t *testing.T) {
	for _, tt := range []struct {
		name         string
		rtt          time.Duration
		loss, hole   float64
		before, want bool
	}{
		{"the round trip is not known: no resends to be counted on", 0, 0.1, 0.01, false, true},
		{"it is too long", 300 * ms, 0.1, 0.01, false, true},
		{"resends do it", 40 * ms, 0.1, 0.01, false, false},
		{"too little for a beginning", 300 * ms, 0.015, 0.015, false, false},
		{"too much for an end", 300 * ms, 0.015, 0.015, true, true},
	} {
		v := &View{Channel: estimate.NewChannel(tt.loss, 1), Hole: tt.hole, Stride: 1}
		if tt.before {
			v.Copies.delay = wire.FrameDuration
		}
		if v.Copies.judge(tt.rtt, v, false); v.Copies.delay > 0 != tt.want {
			t.Errorf("%s: copies %v later", tt.name, v.Copies.delay)
		}
	}
}

// A queue is ours if it shrinks when less is sent, and only then.
func TestWhoseQueueItIs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		acted time.Duration
		trend float64
		ours  bool
	}{
		{"it shrinks when less is sent", 9 * time.Second, -0.1, true},
		{"it shrinks by itself", 0, -0.1, false},
		{"it shrinks long after", 10*time.Second - turn, -0.1, false},
		{"it stays", 9 * time.Second, 0, false},
	} {
		j := jam{last: 9700 * ms, acted: tt.acted}
		if j.report(10*time.Second, Downlink{Rate: 40, Queue: 200 * ms, Trend: tt.trend}, 60); j.ours > 0 != tt.ours {
			t.Errorf("%s: ours until %v", tt.name, j.ours)
		}
	}
}

// Nothing is added to a queue that grows; one that is put up with lets through what is sent, now or on the whole.
func TestWhatAQueueLetsThrough(t *testing.T) {
	for _, tt := range []struct {
		name        string
		d           Downlink
		well, added bool
	}{
		{"a short queue that grows", Downlink{Rate: 40, Queue: 50 * ms, Trend: 0.1}, true, true},
		{"a long one that stays", Downlink{Rate: 40, Queue: 100 * ms}, true, true},
		{"a long one that grows", Downlink{Rate: 40, Queue: 100 * ms, Trend: 0.1}, true, false},
		{"less than is sent, but hardly", Downlink{Rate: 39, Queue: 100 * ms}, true, true},
		{"much less than is sent", Downlink{Rate: 20, Queue: 100 * ms}, false, true},
	} {
		j := jam{last: 9700 * ms, well: 9700 * ms, usual: 1, later: 40, sent: 40, through: 40}
		if tt.d.Rate < 30 {
			j.through = 20
		}
		full := j.report(10*time.Second, tt.d, 40)
		if well := j.well == 10*time.Second; well != tt.well || full == tt.added {
			t.Errorf("%s: enough comes through: %v, nothing is to be added: %v", tt.name, well, full)
		}
	}
	j := jam{last: 9700 * ms, usual: 1, later: 60, sent: 60, through: 20} // less than usual, but all that is sent now
	if j.report(10*time.Second, Downlink{Rate: 20, Queue: 100 * ms}, 20); j.well != 10*time.Second {
		t.Error("all that is sent comes through, and it is not enough")
	}
}

// A limit that is twice what all send is over.
func TestJamIsOver(t *testing.T) {
	for limit, over := range map[wire.Kbps]bool{79: false, 81: true} {
		p := Planner{jam: jam{limit: limit}}
		if p.Plan(time.Second, Downlink{}, talking(20, 20), false); p.jam.limit == 0 != over {
			t.Errorf("a limit of %v where 40 kbit/s are sent becomes %v", limit, p.jam.limit)
		}
	}
}

// What makes no sense as a receipt is not taken.
func TestReceiptsThatMakeNoSense(t *testing.T) {
	var s Sent
	s.Add(5)
	if count, ok := s.Find(0); ok {
		t.Errorf("number 0 has count %d", count)
	}
	came := netproto.Receipt{Seq: 5, Count: 1, Reach: 1}
	came.Came.Set(0)
	for name, change := range map[string]func(r *netproto.Receipt){
		"of what was not sent":      func(r *netproto.Receipt) { r.Seq = 6 },
		"of none, with no count":    func(r *netproto.Receipt) { r.Seq, r.Count = 6, 0 },
		"with another count":        func(r *netproto.Receipt) { r.Count = 2 },
		"that tells of no datagram": func(r *netproto.Receipt) { r.Reach = 0 },
	} {
		var a Account
		r := came
		if change(&r); r == came {
			t.Fatal("no change")
		}
		if o, ok := a.Take(&s, &r, 1); ok {
			t.Errorf("one %s: %+v", name, o)
		}
	}
	if o, ok := new(Account).Take(&s, &came, 1); !ok || o.Received != 1 {
		t.Errorf("one that does: %+v, %v", o, ok)
	}
}

// What is told of a datagram that no receipt before told of is no news about it.
func TestOvertakenIsOfWhatWasTold(t *testing.T) {
	var s Sent
	for seq := uint32(1); seq <= 10; seq++ {
		s.Add(seq)
	}
	receipt := func(reach uint8) *netproto.Receipt {
		r := &netproto.Receipt{Seq: 10, Count: 10, Reach: reach}
		for i := range int(reach) {
			r.Came.Set(i)
		}
		return r
	}
	var a Account
	a.Take(&s, receipt(3), 1)
	if o, ok := a.Take(&s, receipt(9), 1); !ok || o != (netproto.Outcome{}) {
		t.Errorf("%+v, %v", o, ok)
	}
}

// A run that is too long for any redundancy is counted by its time.
func TestOutagesAreNotCounted(t *testing.T) {
	for _, tt := range []struct{ run, stride, want int }{{outage, 1, outage}, {outage + 1, 1, 0}, {10, 6, 10}, {11, 6, 0}} {
		var o netproto.Outcome
		if lost(&o, tt.run, tt.stride); o.Lost != tt.want {
			t.Errorf("%+v: %+v", tt, o)
		}
	}
}

// Datagrams that share a place in a Resender's memory do not count for one another.
func TestResenderTellsDatagramsApart(t *testing.T) {
	var r Resender
	r.SetRate(400)
	allow := func(now time.Duration, talker, seq uint32) bool {
		ok, _ := r.Allow(now, talker, seq, 100, 0)
		return ok
	}
	for i := range tries {
		if !allow(time.Duration(i)*10*ms, 7, 1) {
			t.Fatalf("time %d", i)
		}
	}
	if allow(50*ms, 7, 1) {
		t.Error("once too often")
	}
	if !allow(50*ms, 7, 1+slots) || !allow(50*ms, 7+slots, 1) {
		t.Error("another number or talker in the same place is refused")
	}
	for i := range tries {
		allow(time.Duration(i+10)*10*ms, 7, 1)
	}
	if allow(200*ms, 7, 1) || !allow(200*ms+2*CacheAge, 7, 1) {
		t.Error("refused for longer than it is kept")
	}
}

// Copies that go on, while less is lost than they begin with, move apart where a buffer has grown.
func TestCopiesMoveApart(t *testing.T) {
	v := View{Channel: estimate.NewChannel(LossyFrom, 4), Hole: LossyFrom, OneWay: time.Second}
	var c Copies
	c.judge(0, &v, false)
	first := c.delay
	v.Channel, v.Buffer = estimate.NewChannel(0.75*LossyFrom, 4), time.Second
	if c.judge(0, &v, false); first == 0 || c.delay <= first {
		t.Errorf("%v apart, then %v", first, c.delay)
	}
	var none Copies
	if none.judge(0, &v, false); none.delay != 0 {
		t.Errorf("begun with %v", none.delay)
	}
}

// A queue that shrinks before anything was done about it is not ours.
func TestQueueThatShrinksByItselfIsNotOurs(t *testing.T) {
	var j jam
	j.report(time.Second, Downlink{Rate: 50, Queue: 2 * JammedQueue, Trend: -2 * JammedTrend}, 50)
	if j.ours != 0 {
		t.Errorf("ours until %v", j.ours)
	}
}
