package stream

import (
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// poll polls every 10 ms until end and returns the reports.
func poll(t *testing.T, r *Receiver, now, end time.Duration) (reports []netproto.Report) {
	t.Helper()
	for ; now < end; now += 10 * time.Millisecond {
		if _, report := r.Poll(now); report != nil {
			var p netproto.Report
			if err := netproto.ParseReport(&p, report); err != nil {
				t.Fatal(err)
			}
			reports = append(reports, p)
		}
	}
	return reports
}

func TestReports(t *testing.T) {
	r := newReceiver(ReceiverConfig{})
	now := 10 * time.Second
	if got := poll(t, r, 0, now); len(got) != 1 || got[0].RTT != 40 {
		t.Errorf("nobody talks: %+v; the round trip is told, once", got)
	}
	r.SetCap(32)
	if next, ok := r.NextDeadline(); !ok || next > now {
		t.Errorf("a cap is told at %v", next)
	}
	if got := poll(t, r, now, now+10*time.Millisecond); len(got) != 1 || got[0].Cap != 32 || got[0].RTT != 40 {
		t.Errorf("a cap is told at once: %+v", got)
	}
	if n := len(poll(t, r, now+10*time.Millisecond, now+20*time.Second)); n != tellRepeats-1 {
		t.Errorf("told %d times more", n)
	}
	now += 20 * time.Second
	r.SetDeaf(true)
	got := poll(t, r, now, now+30*time.Second)
	if n := len(got); n < 10 || !got[n-1].Deaf {
		t.Errorf("%d reports while deaf", n)
	}
	r.SetDeaf(false)
	now += 30 * time.Second
	poll(t, r, now, now+60*time.Second)
	if _, ok := r.NextDeadline(); ok {
		t.Error("a silent room has something to do")
	}
}

// What is missing is asked for by its count, and its frames are announced; who is gone is asked for nothing.
func TestReceiverAsks(t *testing.T) {
	var asked []uint32
	r := newReceiver(ReceiverConfig{Asked: func(_ time.Duration, s, frame uint32, in time.Duration) {
		if s != session || in != 40*time.Millisecond {
			t.Errorf("session %d, in %v", s, in)
		}
		asked = append(asked, frame)
	}})
	p := newPacketizer(t, Config{Stride: 3})
	for i := range 30 {
		d := say(t, p, speech(i))
		if d == nil || i == 17 {
			continue // datagram 6 is lost
		}
		if err := r.Handle(at(i), d); err != nil {
			t.Fatal(err)
		}
		nack, _ := r.Poll(at(i) + 8*time.Millisecond)
		if i != 20 {
			if nack != nil {
				t.Errorf("after frame %d: %x", i, nack)
			}
			continue
		}
		blocks, err := netproto.ParseNack(nil, nack)
		if err != nil || len(blocks) != 1 || blocks[0] != (netproto.NackBlock{Session: session, Base: 6}) {
			t.Errorf("%+v, %v", blocks, err)
		}
		again, err := netproto.AppendBundle(nil, forwarded(t, p.Resend(6)))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Handle(at(i)+9*time.Millisecond, again); err != nil {
			t.Error(err)
		}
	}
	if want := []uint32{18, 17, 16}; !slices.Equal(asked, want) {
		t.Errorf("announced %v, want %v", asked, want)
	}
	r.Remove(session)
	if err := r.Handle(at(31), say(t, newPacketizer(t, Config{}), speech(1))); err != DropUnknown {
		t.Error(err)
	}
}

// In a tunnel nothing is asked for, and what is missing is no reason to look again and again.
func TestReceiverAsksNothingInATunnel(t *testing.T) {
	r := newReceiver(ReceiverConfig{Asked: func(time.Duration, uint32, uint32, time.Duration) { t.Error("asked") }})
	p := newPacketizer(t, Config{})
	r.SetReliable(true)
	for i := range 200 {
		d := say(t, p, speech(i))
		if i%5 == 3 {
			continue
		}
		if err := r.Handle(at(i), d); err != nil {
			t.Fatal(err)
		}
		looks := 0
		for now := at(i); now < at(i+1); now += time.Millisecond {
			if due, ok := r.NextDeadline(); ok && due <= now {
				looks++
				if nack, _ := r.Poll(now); nack != nil {
					t.Fatalf("frame %d: a nack", i)
				}
			}
		}
		if looks > 10 {
			t.Errorf("frame %d: %d looks", i, looks)
		}
	}
}

// What comes by two paths counts once, and is no attack.
func TestReceiverTakesTwins(t *testing.T) {
	r := newReceiver(ReceiverConfig{})
	p := newPacketizer(t, Config{})
	r.SetTwice(true)
	for i := range 20 {
		d := say(t, p, speech(i))
		if err := r.Handle(at(i), d); err != nil {
			t.Fatal(err)
		}
		if err := r.Handle(at(i), d); err != DropTwin {
			t.Fatal(err)
		}
	}
	want := DropCounts{}
	want[DropTwin] = 20
	if r.Drops() != want || r.Datagrams(session) != 20 {
		t.Errorf("%v, %d datagrams", r.Drops(), r.Datagrams(session))
	}
	if n := r.talkers[session].reception.asker.Receipt().Lost(); n > 0 {
		t.Errorf("%d lost", n)
	}
}

// FuzzReceiver: nothing that comes from the network does harm, and nothing but what was sealed is taken.
func FuzzReceiver(f *testing.F) {
	p := newPacketizer(f, Config{Copies: []int{1}})
	var good [][]byte
	for i := range 3 {
		good = append(good, say(f, p, speech(i)))
		f.Add(good[i])
	}
	bundle, _ := netproto.AppendBundle(nil, good[0])
	bundle, _ = netproto.AppendBundle(bundle, good[1])
	f.Add(bundle)
	f.Fuzz(func(t *testing.T, d []byte) {
		r := newReceiver(ReceiverConfig{Take: func(_ time.Duration, a *Arrival) error {
			if a.Header.Session != session || a.Header.Seq < 1 || a.Header.Seq > 3 || len(a.Frames) == 0 {
				t.Errorf("%+v", a)
			}
			return nil
		}})
		_ = r.Handle(0, d)
		_ = r.Handle(0, d)
		r.Poll(time.Second)
	})
}
