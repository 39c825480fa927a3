package mend_test

import (
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// mender is a client over links, which asks again, sends again and reports as a real one.
type mender struct {
	*relaytest.Client
	t        *testing.T
	up, down netsim.Pipe
	sent     map[uint8][]byte // by count
	counted  repair.Sent      // the same
	account  repair.Account
	uplink   netproto.Outcome           // that it was told of in all
	median   netproto.Outcome           // the same of its listeners
	got      map[uint32]map[uint32]bool // numbers by talker
	askers   map[uint32]*repair.Asker
	feedback []netproto.Feedback
	fedAt    []time.Duration
	report   netproto.Report
	asks     bool
	reports  bool
	ended    []endSeen
	bytes    []int // that came, headers counted, and when
	when     []time.Duration
}

// menders is a room of them in virtual time.
type menders struct {
	*relaytest.Core
	all []*mender
}

func newMenders(t *testing.T, n int, cfg rooms.Config) *menders {
	r := &menders{Core: relaytest.New(t, cfg)}
	for range n {
		m := &mender{Client: r.Settled("", "m"), t: t, sent: map[uint8][]byte{}, got: map[uint32]map[uint32]bool{}, askers: map[uint32]*repair.Asker{}}
		m.up.Link, m.down.Link = netsim.Delay(20*time.Millisecond), netsim.Delay(20*time.Millisecond)
		m.asks, m.reports = true, true
		m.report.RTT = 40
		r.all = append(r.all, m)
	}
	r.Now = r.Now.Round(time.Second) + time.Second
	r.Boxes = map[netip.AddrPort][][]byte{}
	return r
}

func (r *menders) deliver() {
	for _, m := range r.all {
		for _, d := range m.Took() {
			m.bytes, m.when = append(m.bytes, len(d)+28), append(m.when, r.Now)
			m.down.Send(r.Now, d)
		}
	}
}

// run goes on in steps of 1 ms; the first talkers speak.
func (r *menders) run(d time.Duration, talkers int) {
	for end := r.Now + d; r.Now < end; r.Now += time.Millisecond {
		for i, m := range r.all {
			if r.Now%(20*time.Millisecond) == 0 && i < talkers {
				v := m.Said("some sixty bytes of voice, as they come out of an encoder....")
				m.sent[m.Count()] = slices.Clone(v)
				if m.counted.Newest() == 0 {
					m.counted = repair.SentFrom(uint32(m.Count()) - 1)
				}
				m.counted.Add(m.Seq[netproto.TypeVoice])
				m.up.Send(r.Now, v)
			}
			if m.reports && r.Now%(500*time.Millisecond) == 0 {
				m.sendReport(r.Now)
			}
			for d, _, ok := m.up.Receive(r.Now); ok; d, _, ok = m.up.Receive(r.Now) {
				r.Worker.Handle(r.Now, m.Addr, d)
			}
		}
		if next, ok := r.Worker.Flush(r.Now); ok && next <= r.Now {
			r.T.Fatalf("Flush(%v) = %v", r.Now, next)
		}
		r.deliver()
		for _, m := range r.all {
			for d, _, ok := m.down.Receive(r.Now); ok; d, _, ok = m.down.Receive(r.Now) {
				m.take(r.Now, d)
			}
			m.ask(r.Now)
		}
	}
}

func (m *mender) take(now time.Duration, d []byte) {
	items := [][]byte{d}
	if t, _ := netproto.DatagramType(d); t == netproto.TypeBundle {
		items, _ = netproto.ParseBundle(nil, d)
	}
	for _, d := range items {
		h, err := netproto.ParseHeader(d)
		if err != nil {
			m.t.Fatal(err)
		}
		if h.Type == netproto.TypeVoice {
			_, hop, err := netproto.SplitHop(d)
			if err != nil {
				m.t.Fatal(err)
			}
			if m.got[h.Session] == nil {
				m.got[h.Session], m.askers[h.Session] = map[uint32]bool{}, new(repair.Asker)
			}
			m.askers[h.Session].SetPath(40*time.Millisecond, 400*time.Millisecond)
			if !m.got[h.Session][h.Seq] {
				m.got[h.Session][h.Seq] = true
				m.askers[h.Session].Arrived(now, repair.Datagram{Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: true})
			}
			continue
		}
		body, err := m.Client.Down.Open(nil, d)
		if err != nil {
			m.t.Fatal(err)
		}
		switch h.Type {
		case netproto.TypeNack:
			blocks, _ := netproto.ParseNack(nil, body)
			for _, b := range blocks {
				for count := range b.All() {
					if v := m.sent[count]; v != nil {
						m.up.Send(now, m.Again(v))
					}
				}
			}
		case netproto.TypeEnd:
			m.takeEnd(body)
		case netproto.TypeReport:
			f, _ := netproto.ParseFeedback(body)
			m.feedback, m.fedAt = append(m.feedback, f), append(m.fedAt, now)
			if o, ok := m.account.Take(&m.counted, &f.Receipt, 1); ok {
				m.uplink.Add(o)
			}
			m.median.Add(f.Median)
		}
	}
}

func (m *mender) ask(now time.Duration) {
	if !m.asks {
		return
	}
	for talker, a := range m.askers {
		var blocks []netproto.NackBlock
		for _, d := range a.Poll(now, nil) {
			blocks = netproto.AddNack(blocks, talker, d.Count)
		}
		if len(blocks) > 0 {
			body, _ := netproto.AppendNack(nil, blocks)
			m.up.Send(now, m.Sealed(netproto.TypeNack, body))
		}
	}
}

func (m *mender) sendReport(now time.Duration) {
	m.report.Talkers = m.report.Talkers[:0]
	for talker, a := range m.askers {
		r, holes := *a.Receipt(), 0
		for i := range uint32(r.Reach) {
			if !m.got[talker][r.Seq-i] {
				holes++
			}
		}
		hole := 256 * holes / max(int(r.Reach), 1)
		m.report.Talkers = append(m.report.Talkers, netproto.TalkerReport{Session: talker, Receipt: r, HoleQ8: uint8(min(hole, 255)), Buffer: 60})
	}
	body, _ := netproto.AppendReport(nil, &m.report)
	m.up.Send(now, m.Sealed(netproto.TypeReport, body))
}

// missing is the share of a talker's datagrams, but for the last second, that did not come.
func (m *mender) missing(talker *mender) float64 {
	last := talker.Seq[netproto.TypeVoice] - 50
	n := 0
	for seq := uint32(1); seq <= last; seq++ {
		if !m.got[talker.Session][seq] {
			n++
		}
	}
	return float64(n) / float64(last)
}

func lossy(p float64, seed uint64) netsim.Link {
	return netsim.Chain(netsim.Delay(20*time.Millisecond), netsim.Loss(p, seed))
}

func TestUplinkRepaired(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{})
	r.all[1].asks = false
	r.all[0].up.Link = lossy(0.1, 1)
	r.run(20*time.Second, 1)
	if p := r.all[1].missing(r.all[0]); p > 0.03 {
		t.Errorf("%.1f %% are missing of 10 %% lost on the uplink", 100*p)
	}
	a := r.all[0]
	if a.uplink.Lost < 50 {
		t.Fatalf("told %+v of the uplink", a.uplink)
	}
	if last := a.feedback[len(a.feedback)-1]; a.median.Loss() > 0.03 || last.Listeners != 2 {
		t.Errorf("the downlinks lose nothing: %+v, %+v", last, a.median)
	}
	if st := r.Stats(); st.Asked < 50 || st.Asked > 20*20 {
		t.Errorf("%+v", st)
	}
}

func TestDownlinkRepaired(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{})
	r.all[1].down.Link = lossy(0.1, 2)
	r.run(20*time.Second, 1)
	if p := r.all[1].missing(r.all[0]); p > 0.02 {
		t.Errorf("%.1f %% are missing", 100*p)
	}
	if p := r.all[2].missing(r.all[0]); p != 0 {
		t.Errorf("%.1f %% are missing of a clean downlink", 100*p)
	}
	if st := r.Stats(); st.Resent < 50 || st.Asked != 0 {
		t.Errorf("%+v", st)
	}
	if n := len(r.all[2].bytes); n > 20*50+20 {
		t.Errorf("%d datagrams went to a listener who asked for nothing", n)
	}
}

// A nack storm costs half of the voice.
func TestNackStorm(t *testing.T) {
	r := newMenders(t, 2, rooms.Config{})
	a, b := r.all[0], r.all[1]
	b.asks, b.reports = false, false
	r.run(2*time.Second, 1)
	before := r.Stats().Resent
	for range 200 {
		r.run(10*time.Millisecond, 1)
		body, _ := netproto.AppendNack(nil, []netproto.NackBlock{{Session: a.Session, Base: (a.Count() - 49) % netproto.HopCounts, Mask: 1<<49 - 1}})
		b.up.Send(r.Now, b.Sealed(netproto.TypeNack, body))
	}
	if n := r.Stats().Resent - before; n < 40 || n > 90 {
		t.Errorf("%d resends in 2 s of 100 datagrams", n)
	}
}

// One of ten listeners loses, and is too far away for resends.
func TestOneBadListener(t *testing.T) {
	r := newMenders(t, 11, rooms.Config{})
	bad := r.all[10]
	bad.asks = false
	bad.report.RTT = 600
	bad.down.Link = lossy(0.15, 3)
	r.run(10*time.Second, 1)
	if st := r.Stats(); st.Copied < 200 || st.Copied > 500 {
		t.Errorf("%+v", st)
	}
	if n := len(r.all[3].bytes); n > 10*50+20 {
		t.Errorf("a good listener got %d datagrams", n)
	}
	f := r.all[0].feedback
	last := f[len(f)-1]
	if m := r.all[0].median; m.Lost != 0 || m.Received < 300 || last.WorstRTT != 40 {
		t.Errorf("%+v, %+v", last, m)
	}
	r.Leave(bad.Session) // with copies under way
	r.run(time.Second, 1)
	n := len(bad.bytes)
	r.run(time.Second, 1)
	if len(bad.bytes) != n {
		t.Error("copies for someone who has left")
	}
}

func TestCapHolds(t *testing.T) {
	r := newMenders(t, 5, rooms.Config{})
	m := r.all[4]
	m.report.Cap = 64
	m.down.Link = lossy(0.1, 4)
	r.run(time.Second, 0)
	m.bytes, m.when = nil, nil
	r.run(12*time.Second, 4)
	sum, first, most := 0, 0, 0
	for i, at := range m.when {
		for sum += m.bytes[i]; at-m.when[first] >= time.Second; first++ {
			sum -= m.bytes[first]
		}
		most = max(most, sum)
	}
	if most > 64000/8 || most < 64000/8*6/10 {
		t.Errorf("%d bytes in the worst second under a cap of %d", most, 64000/8)
	}
	if n := len(r.all[3].got[r.all[0].Session]); n < 500 {
		t.Errorf("others suffer: %d", n)
	}
}

func TestDeaf(t *testing.T) {
	r := newMenders(t, 2, rooms.Config{})
	m := r.all[1]
	m.report.Deaf = true
	r.run(time.Second, 0)
	m.bytes = nil
	r.run(2*time.Second, 1)
	if len(m.bytes) != 0 {
		t.Errorf("%d datagrams to a deaf listener", len(m.bytes))
	}
	m.report.Deaf = false
	r.run(2*time.Second, 1)
	if len(m.bytes) < 50 {
		t.Errorf("%d datagrams after that", len(m.bytes))
	}
}

func TestFeedbackTimes(t *testing.T) {
	r := newMenders(t, 2, rooms.Config{})
	a := r.all[0]
	r.run(2*time.Second, 1)
	begin := len(a.fedAt)
	if begin < 3 || begin > 5 {
		t.Errorf("%d feedbacks in the first 2 s", begin)
	}
	r.run(10*time.Second, 1)
	if n := len(a.fedAt) - begin; n < 4 || n > 6 {
		t.Errorf("%d feedbacks in 10 s of calm", n)
	}
	r.run(3*time.Second, 0) // what was owed comes
	n := len(a.fedAt)
	r.run(10*time.Second, 0)
	if len(a.fedAt) != n {
		t.Error("feedback for silence")
	}
	a.up.Link = lossy(0.3, 5)
	start := r.Now
	r.run(5*time.Second, 1)
	late := slices.IndexFunc(a.fedAt, func(at time.Duration) bool { return at > start })
	if late < 0 || len(a.fedAt)-late < 4 || len(a.fedAt)-late > 7 {
		t.Errorf("%d feedbacks in 5 s of loss", len(a.fedAt)-late)
	}
}

// A talker is told who there is to hear it, whether it is forwarded or not, and at once who cannot open its voice.
func TestHearersAndUnopened(t *testing.T) {
	r := newMenders(t, 4, rooms.Config{Talkers: 1})
	last := func(i int) netproto.Feedback { return r.all[i].feedback[len(r.all[i].feedback)-1] }
	r.run(6*time.Second, 2) // one of the two is left out
	if a, b := last(0), last(1); a.Hearers != 3 || b.Hearers != 3 || a.Listeners+b.Listeners != 3 || a.Unopened != 0 {
		t.Errorf("told %+v and %+v", a, b)
	}
	r.all[3].report.Unopened = []uint32{r.all[0].Session, 12345}
	start := r.Now
	r.run(1200*time.Millisecond, 2)
	if a, b := last(0), last(1); a.Unopened != 1 || b.Unopened != 0 {
		t.Errorf("%v after the report: told %+v and %+v", r.Now-start, a, b)
	}
	r.all[3].report.Unopened = nil
	for _, m := range r.all[1:] {
		m.report.Deaf = true
	}
	r.run(4*time.Second, 2)
	if a := last(0); a.Hearers != 0 || a.Unopened != 0 {
		t.Errorf("all are deaf: told %+v", a)
	}
}

// What comes through to a listener whose queue grows is shared by those who talk to it.
func TestRateIsShared(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{})
	r.all[0].reports, r.all[1].reports = false, false
	r.all[2].report.Queue, r.all[2].report.Trend, r.all[2].report.Rate = 200, 60, 60
	r.run(5*time.Second, 2)
	for i, m := range r.all[:2] {
		if n := len(m.feedback); n == 0 || m.feedback[n-1].LowestRate != 30 {
			t.Errorf("talker %d of two, 60 kbit/s come through: %+v", i, m.feedback)
		}
	}
}

// A listener's cap is for all who talk to it, as many as have something of it: each is told its part, soon, and the
// whole when it has talked alone for long, though nobody hears it for the cap's sake.
func TestCapIsDivided(t *testing.T) {
	for _, tt := range []struct {
		cap, talkers int
		want         uint16
	}{{64, 1, 64}, {64, 2, 30}, {64, 3, 20}, {64, 4, 20}, {24, 2, 24}} {
		r := newMenders(t, 5, rooms.Config{})
		for _, m := range r.all[:4] {
			m.reports = false
		}
		r.all[4].report.Cap = uint16(tt.cap)
		r.run(2*time.Second, tt.talkers)
		r.run(8*time.Second, tt.talkers)
		for i, m := range r.all[:tt.talkers] {
			if n := len(m.feedback); n == 0 || m.feedback[n-1].LowestCap != tt.want {
				t.Errorf("cap %d, talker %d of %d: told %+v, want a cap of %d", tt.cap, i, tt.talkers, m.feedback[n-1:], tt.want)
			}
		}
		for _, alone := range []struct {
			more time.Duration
			want uint16
		}{{28 * time.Second, tt.want}, {4 * time.Second, uint16(tt.cap)}} {
			r.run(alone.more, 1)
			if m := r.all[0]; m.feedback[len(m.feedback)-1].LowestCap != alone.want {
				t.Errorf("cap %d, alone for %v more: told %+v, want a cap of %d", tt.cap, alone.more, m.feedback[len(m.feedback)-1], alone.want)
			}
		}
	}
}

func TestPartOfOneWhoLeft(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{})
	r.all[2].report.Cap = 64
	r.run(5*time.Second, 2)
	r.Leave(r.all[1].Session)
	r.all = slices.Delete(r.all, 1, 2)
	r.run(2*time.Second, 1)
	if told := r.all[0].feedback; told[len(told)-1].LowestCap != 64 {
		t.Errorf("told %+v after the other left", told[len(told)-1])
	}
}

func TestLeftOutForACapIsNotTold(t *testing.T) {
	r := newMenders(t, 2, rooms.Config{})
	r.all[1].report.Cap = 40 // of the 46 kbit/s that the other sends whatever it is told
	r.run(10*time.Second, 1)
	told := r.all[0].feedback
	if n := len(told); n == 0 || r.all[0].median.Lost > 0 || told[n-1].Listeners != 1 {
		t.Errorf("told %+v", told)
	}
	if n := r.Stats().Dropped[forward.DropCap]; n < 20 {
		t.Errorf("%d left out", n)
	}
}

// In silence there comes a time when nothing is due any more; and to forget a talker is no loss.
func TestRoomLeavesTheAgenda(t *testing.T) {
	r := newMenders(t, 2, rooms.Config{})
	a := r.all[0]
	a.up.Link = lossy(0.1, 6)
	r.run(3*time.Second, 1)
	for _, m := range r.all {
		m.reports = false
	}
	r.run(8*time.Second, 0)
	if _, ok := r.Worker.Flush(r.Now); !ok {
		t.Error("the room is forgotten within 8 s")
	}
	r.run(30*time.Second, 0)
	if next, ok := r.Worker.Flush(r.Now); ok {
		t.Errorf("something is due in %v after 38 s of silence", next-r.Now)
	}
	before := a.uplink
	a.up.Link = netsim.Delay(20 * time.Millisecond)
	r.run(3*time.Second, 1)
	if after := a.uplink; before.Lost == 0 || after.Lost > before.Lost || after.Received < before.Received+40 {
		t.Errorf("told %+v, and after the silence %+v", before, after)
	}
}

// Any worker may get any datagram of a room.
func TestRepairsByTwoWorkers(t *testing.T) {
	tc := relaytest.New(t, rooms.Config{SessionRate: 1e9, Workers: 3})
	a, b := tc.Settled("", "a"), tc.Settled("", "b")
	var workers [2]*forward.Worker
	for i := range workers {
		workers[i] = tc.NewWorker(forward.SendFunc(func(netip.AddrPort, []byte) {}))
	}
	// Who is ahead of whom is chance: on until there was something to forward and to send again.
	for range 50 {
		var lists [2][][]byte
		for i := range 2000 {
			v := a.Said("voice")
			n, _ := netproto.AppendNack(nil, []netproto.NackBlock{{Session: a.Session, Base: a.Count() - 2, Mask: 3}})
			r, _ := netproto.AppendReport(nil, &netproto.Report{Cap: uint16(i % 100), Deaf: i%7 == 0, Talkers: []netproto.TalkerReport{{Session: a.Session, Receipt: netproto.Receipt{Seq: uint32(i), Count: uint8(i), Reach: uint8(i % 129)}}}})
			if i%5 != 0 {
				lists[i%2] = append(lists[i%2], v)
			}
			lists[(i+1)%2] = append(lists[(i+1)%2], b.Sealed(netproto.TypeNack, n), b.Sealed(netproto.TypeReport, r))
		}
		var wg sync.WaitGroup
		for i := range lists {
			w := workers[i]
			wg.Go(func() {
				now := tc.Now
				for n, d := range lists[i] {
					now += 200 * time.Microsecond // however far one is ahead of the other, it is within sessionBurst
					from := b.Addr
					if t, _ := netproto.DatagramType(d); t == netproto.TypeVoice {
						from = a.Addr
					}
					if drop := w.Handle(now, from, d); drop != forward.Kept && drop != forward.DropQuiet {
						t.Errorf("datagram %d: %v", n, drop)
					}
				}
			})
		}
		wg.Wait()
		if st := tc.Stats(); st.Forwarded > 0 && st.Resent > 0 {
			return
		}
		tc.Now += 2 * time.Second
	}
	t.Errorf("%+v", tc.Stats())
}

// What a talker with losses and a listener who asks and reports cost is no garbage.
func TestRepairAllocs(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{SessionRate: 1e9})
	r.run(3*time.Second, 1)
	a, b := r.all[0], r.all[1]
	var list [][]byte
	for range 300 {
		a.Seq[netproto.TypeVoice] += 2 // lost
		list = append(list, a.Said("voice"))
	}
	nack, _ := netproto.AppendNack(nil, []netproto.NackBlock{{Session: a.Session, Base: a.Count()}})
	report, _ := netproto.AppendReport(nil, &b.report)
	var asked [][]byte
	for range 300 {
		asked = append(asked, b.Sealed(netproto.TypeNack, nack), b.Sealed(netproto.TypeReport, report))
	}
	r.Out = func(netip.AddrPort, []byte) {}
	for range 100 { // scratch memory grows
		r.step(&list, &asked, a, b)
	}
	if n := testing.AllocsPerRun(150, func() { r.step(&list, &asked, a, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func (r *menders) step(list, asked *[][]byte, a, b *mender) {
	r.Now += 60 * time.Millisecond
	r.Worker.Handle(r.Now, a.Addr, (*list)[0])
	r.Worker.Handle(r.Now, b.Addr, (*asked)[0])
	r.Worker.Handle(r.Now, b.Addr, (*asked)[1])
	r.Worker.Flush(r.Now + 30*time.Millisecond)
	*list, *asked = (*list)[1:], (*asked)[2:]
}

// A talker is told at once how it fares: it has heard nothing for long.
func TestFeedbackAfterAStandstill(t *testing.T) {
	c := relaytest.New(t, rooms.Config{})
	a, b := c.Settled("", "a"), c.Settled("", "b")
	talk := func(frames int) (reports int) {
		for range frames {
			c.Now += netproto.FrameDuration
			c.Handle(a.Addr, a.Said("x"))
			c.Worker.Flush(c.Now)
			b.Took()
			for _, d := range a.Took() {
				if kind, _ := netproto.DatagramType(d); kind == netproto.TypeReport {
					reports++
				}
			}
		}
		return reports
	}
	if n := talk(500); n < 4 {
		t.Fatalf("%d reports in 10 s", n)
	}
	c.Now += time.Minute
	a.Seq[netproto.TypeVoice] += 3000
	c.Wake(c.Now)
	if n := talk(5); n != 1 {
		t.Errorf("%d reports in the first 100 ms, want 1", n)
	}
}

// What one talker's voice loses on the way to a listener, another is told as soon as it begins.
func TestNewTalkersAreToldOfTheDownlink(t *testing.T) {
	r := newMenders(t, 3, rooms.Config{})
	a, b, c := r.all[0], r.all[1], r.all[2]
	c.down.Link = lossy(0.2, 3)
	r.run(10*time.Second, 1)
	r.run(700*time.Millisecond, 2)
	if o := b.median; o.Received < 100 || o.Loss() < 0.1 {
		t.Errorf("after 0.7 s of voice told of %+v, the other talker of %+v", o, a.median)
	}
}
