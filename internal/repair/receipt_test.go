package repair

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// hop is a sender and a receiver of one talker's datagrams.
type hop struct {
	sent    Sent
	account Account
	asker   Asker
	total   netproto.Outcome
}

// send sends datagram seq, which comes unless it is lost.
func (h *hop) send(seq uint32, lost bool) Datagram {
	d := Datagram{Seq: seq, Count: h.sent.Add(seq), Speech: true}
	if !lost {
		h.asker.Arrived(at(seq), d)
	}
	return d
}

// receipt takes a receipt and returns what it tells.
func (h *hop) receipt(t *testing.T) netproto.Outcome {
	t.Helper()
	o, ok := h.account.Take(&h.sent, h.asker.Receipt(), 1)
	if !ok {
		t.Fatalf("%+v was not taken", h.asker.Receipt())
	}
	h.total.Add(o)
	return o
}

func TestReceipts(t *testing.T) {
	h := &hop{}
	send := func(from, to uint32, lost ...uint32) (kept []Datagram) {
		for seq := from; seq <= to; seq++ {
			gone := len(lost) > 0 && seq == lost[0]
			if gone {
				lost = lost[1:]
			}
			if d := h.send(seq, gone); gone {
				kept = append(kept, d)
			}
		}
		return kept
	}
	expect := func(name string, want netproto.Outcome) {
		t.Helper()
		if got := h.receipt(t); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	send(1, 100)
	expect("nothing lost", netproto.Outcome{Received: 100})
	expect("nothing new", netproto.Outcome{})
	kept := send(101, 150, 110, 111, 120, 130)
	expect("two runs and one", netproto.Outcome{Received: 46, Lost: 4, Runs: 3})
	kept[0].Again = true
	h.asker.Arrived(at(151), kept[0])
	h.asker.Arrived(at(151), kept[2]) // by itself, very late
	expect("one sent again, one overtaken", netproto.Outcome{Received: 1, Lost: -1})
	old := *h.asker.Receipt()
	again := send(151, 160, 155)[0]
	again.Again = true
	h.asker.Arrived(at(161), again)
	expect("sent again before it was told", netproto.Outcome{Received: 9, Lost: 1, Runs: 1})
	if _, ok := h.account.Take(&h.sent, &old, 1); ok {
		t.Error("a receipt that was overtaken counts")
	}
	send(161, 400)
	expect("receipts were lost: the last 128", netproto.Outcome{Received: netproto.ReceiptReach})
	for seq := uint32(401); seq <= 470; seq++ {
		h.send(seq, true)
	}
	send(471, 480)
	expect("an outage, which no redundancy mends", netproto.Outcome{Received: 10})
	for seq := uint32(481); seq <= 510; seq++ {
		h.send(seq, true)
	}
	send(511, 520)
	expect("a long run", netproto.Outcome{Received: 10, Lost: 30, Runs: 1})
	send(521, 530)
	if _, ok := h.account.Take(&h.sent, &netproto.Receipt{Seq: 7000, Count: 3, Reach: 1}, 1); ok {
		t.Error("a receipt for what was never sent counts")
	}
	expect("the next", netproto.Outcome{Received: 10})
}

// What the sender learns from receipts, most of which arrive, is what the network has done.
func TestReceiptsTellTheLoss(t *testing.T) {
	for seed := range uint64(10) {
		h, rng := &hop{}, rand.New(rand.NewPCG(seed, 4))
		lost, pending := 0, []Datagram(nil)
		for seq := uint32(1); seq <= 5000; seq++ {
			gone := rng.Float64() < 0.1
			d := h.send(seq, gone)
			if gone {
				lost++
				if d.Again = true; rng.IntN(2) == 0 {
					pending = append(pending, d)
				}
			}
			if len(pending) > 0 && seq-pending[0].Seq >= 5 {
				h.asker.Arrived(at(seq)+time.Millisecond, pending[0])
				pending = pending[1:]
			}
			if seq%50 == 0 && rng.IntN(5) > 0 {
				h.receipt(t)
			}
		}
		h.receipt(t)
		sum := h.total.Received + h.total.Lost
		if loss, want := h.total.Loss(), float64(lost)/5000; sum < 4700 || loss < 0.97*want || loss > 1.03*want {
			t.Errorf("seed %d: %+v, %d lost", seed, h.total, lost)
		}
	}
}

func TestSent(t *testing.T) {
	s := SentFrom(500)
	for seq := uint32(3); seq <= 900; seq += 3 {
		if next := s.Next(); s.Add(seq) != next {
			t.Fatal("not the next count")
		}
	}
	for seq := uint32(900); seq > 900-3*netproto.ReceiptReach; seq -= 3 {
		count, ok := s.Find(seq)
		if !ok || count != 500+seq/3 || s.Seq(uint8(count%netproto.HopCounts)) != seq {
			t.Fatalf("%d: count %d, %v", seq, count, ok)
		}
	}
	if _, ok := s.Find(3); ok {
		t.Error("the first is still known")
	}
	s.Forget(897)
	if count, ok := s.Find(894); !ok || count != s.Newest() {
		t.Errorf("after 897 and 900 are forgotten the newest is %d", s.Newest())
	}
	if s.Forget(12345); s.Newest() != 500+894/3 {
		t.Error("forgot what never was")
	}
}

// Whatever a receipt says: nothing is known that was not sent, and each datagram counts once.
func TestReceiptsSurviveAnything(t *testing.T) {
	for seed := range uint64(50) {
		h, rng := &hop{}, rand.New(rand.NewPCG(seed, 8))
		for seq := uint32(1); seq <= 2000; seq++ {
			h.sent.Add(seq)
			if seq%10 > 0 {
				continue
			}
			r := netproto.Receipt{Seq: seq - uint32(rng.IntN(300)), Reach: uint8(rng.IntN(netproto.ReceiptReach + 1))}
			r.Count = uint8(r.Seq % netproto.HopCounts)
			if rng.IntN(9) == 0 {
				r.Seq, r.Count = rng.Uint32N(3000), uint8(rng.IntN(netproto.HopCounts))
			}
			for i := range r.Came {
				r.Came[i] = rng.Uint64()
			}
			if o, ok := h.account.Take(&h.sent, &r, 1+rng.IntN(6)); ok {
				h.total.Add(o)
			}
		}
		if o := h.total; o.Received < 0 || o.Received > 2000 || o.Lost+o.Received > 2000 || o.Runs > 2000 {
			t.Errorf("seed %d: %+v of 2000", seed, o)
		}
	}
}

func TestReceiptsDoNotAllocate(t *testing.T) {
	h, seq := &hop{}, uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		h.send(seq, seq%7 == 0)
		h.account.Take(&h.sent, h.asker.Receipt(), 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
