package engine

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// A Listener knows whose datagrams it drops and why, and tells the relay at once who has another passphrase.
func TestNotHeard(t *testing.T) {
	talker := func(session uint32, secret netproto.RoomSecret, epoch uint32) *Talker {
		talker, err := NewTalker(TalkerConfig{Session: session})
		if err != nil {
			t.Fatal(err)
		}
		talker.SetTag(testHop.TagKey())
		talker.SetSecret(epoch, secret, netproto.EpochGrace)
		return talker
	}
	l := NewListener(ListenerConfig{})
	l.SetSecret(0, 1, testSecret)
	for session, name := range map[uint32]string{1: "Ann", 2: "Bob", 3: "Cid"} {
		l.AddPeer(session, name)
	}
	talkers := []*Talker{
		talker(1, testSecret, 1), talker(2, netproto.RoomSecret{9}, 1), talker(3, testSecret, 2), talker(4, testSecret, 1),
	}
	strip := newOpener(t, 1).strip
	pcm := speech(50, 1)
	var told netproto.Report
	reports := 0
	for i := range 50 {
		now := frameTime(uint32(i + 1))
		for _, talker := range talkers {
			d, err := talker.Frame(pcm[i*FrameSize:][:FrameSize])
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				_ = l.Handle(now, strip(d))
			}
		}
		if _, report := l.Poll(now); report != nil && now < 300*time.Millisecond {
			if err := netproto.ParseReport(&told, report); err != nil {
				t.Fatal(err)
			}
			reports++
		}
	}
	if len(told.Unopened) != 1 || told.Unopened[0] != 2 || reports != 2 { // the first of Ann, then of Bob at once
		t.Errorf("%d reports, the last %+v", reports, told)
	}
	want := map[uint32]stream.Drop{2: stream.DropForged, 3: stream.DropEpoch, 4: stream.DropUnknown}
	dropped := l.notHeard(nil)
	for _, d := range dropped {
		if want[d.Session] != d.Reason || d.Count < 40 || d.Foreign() != (d.Session == 2) {
			t.Errorf("%+v", d)
		}
	}
	if len(dropped) != len(want) {
		t.Errorf("%+v", dropped)
	}
	if d := l.strange(time.Second); d < 900*time.Millisecond || d > time.Second {
		t.Errorf("strange for %v", d)
	}
	if d := l.strange(time.Second + stream.TalksOn); d != 0 {
		t.Errorf("strange for %v, long after the last word", d)
	}
	// The list and the key come.
	l.AddPeer(4, "Dan")
	l.SetSecret(0, 2, testSecret)
	for _, talker := range talkers[2:] {
		d, err := talker.Frame(pcm[:FrameSize])
		if err != nil || d == nil {
			t.Fatal(err)
		}
		if err := l.Handle(2*time.Second, strip(d)); err != nil {
			t.Error(err)
		}
	}
	for _, d := range l.notHeard(nil) {
		if (d.Count > 0) != (d.Session == 2) {
			t.Errorf("later: %+v", d)
		}
	}
	if d := l.strange(2 * time.Second); d != 0 {
		t.Errorf("strange for %v, though the list has come", d)
	}
	// However many strangers there are, few are remembered.
	for i := range uint32(100) {
		h := netproto.Header{Type: netproto.TypeVoice, Session: 1000 + i, Seq: 1}
		d := netproto.NewSealer([16]byte{}).Seal(nil, h, []byte{0x80})
		if err := l.Handle(2*time.Second, netproto.AppendHop(d, netproto.Hop{})); err != stream.DropUnknown {
			t.Fatal(err)
		}
	}
	if n := len(l.notHeard(nil)); n > 6 {
		t.Errorf("%d", n)
	}
}

// A talker whose key does not come has the control connection asked.
func TestKeyIsMissing(t *testing.T) {
	talker, o := newTestTalker(t, TalkerConfig{}), newOpener(t, testSession)
	l := NewListener(ListenerConfig{})
	l.AddPeer(testSession, "Ann")
	l.SetEpoch(0, 1)
	pcm := speech(60, 1)
	for i := range 60 {
		d, err := talker.Frame(pcm[i*FrameSize:][:FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if now := frameTime(uint32(i)); d != nil {
			_ = l.Handle(now, o.strip(d))
		}
	}
	now := frameTime(60)
	if late := l.strange(now); late < missedList {
		t.Errorf("missing for %v", late)
	}
	l.SetTalkerSecret(now, testSession, 1, testSecret)
	d, err := talker.Frame(pcm[:FrameSize])
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Handle(now, o.strip(d)); err != nil {
		t.Fatal(err)
	}
	if late := l.strange(now); late != 0 {
		t.Errorf("missing for %v when it has come", late)
	}
}
