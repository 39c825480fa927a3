package mend_test

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// Who can have fewer talkers only is told which of them end, and that alone: what its cap takes out of somebody's
// speech is no end, and the others hear all.
func TestEndForFewer(t *testing.T) {
	r := newMenders(t, 5, rooms.Config{})
	m := r.all[4]
	m.report.Cap = 64
	r.run(time.Second, 0)
	r.run(time.Second, 4)
	m.ended = nil
	r.run(10*time.Second, 4)
	if len(m.ended) > 20 {
		t.Errorf("%d ends in 10 s in which nothing changes", len(m.ended))
	}
	m.report.Cap = 400 // all of them
	r.run(20*time.Second, 4)
	m.report.Cap = 64
	m.ended = nil
	r.run(5*time.Second, 4)
	if len(m.ended) == 0 || len(m.ended) > 4*3 {
		t.Fatalf("%d ends: %v", len(m.ended), r.Stats().Dropped)
	}
	for _, e := range m.ended {
		if e.newest != e.Seq || e.Session == m.Session {
			t.Errorf("%+v after %d", e.End, e.newest)
		}
	}
	for _, other := range r.all[:4] {
		if len(other.ended) != 0 {
			t.Errorf("one without a cap is told %+v", other.ended)
		}
	}
}

// endSeen is an end that somebody was told, and the newest datagram of the talker that it had then.
type endSeen struct {
	netproto.End
	newest uint32
}

func (m *mender) takeEnd(body []byte) {
	ends, err := netproto.ParseEnds(nil, body)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range ends {
		newest := uint32(0)
		for seq := range m.got[e.Session] {
			newest = max(newest, seq)
		}
		m.ended = append(m.ended, endSeen{e, newest})
	}
}

// Who was never forwarded has no end, and no number 0 is told for one; who was has its last number, a few times.
func TestNoEndWithoutABeginning(t *testing.T) {
	var e mend.Ending
	if last, tell := e.Over(); tell {
		t.Errorf("told of %d", last)
	}
	e.Forwarded(netproto.Header{Seq: 5})
	for told := 0; ; told++ {
		last, tell := e.Over()
		if !tell && told == 3 {
			break
		}
		if !tell || last != 5 {
			t.Fatalf("time %d: %v, %d", told, tell, last)
		}
	}
}
