package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Who gets again what it asks for.
func TestWhoGetsResends(t *testing.T) {
	const talker, other, listener = 0, 1, 2
	for name, change := range map[string]func(s *scene, m *Member){
		"":                     func(*scene, *Member) {},
		"has lost its address": func(_ *scene, m *Member) { m.Overhead.Store(0) },
		"wants no voice":       func(_ *scene, m *Member) { m.Deaf.Store(true) },
		"has a tunnel":         func(_ *scene, m *Member) { m.Tunnelled.Store(true) },
		"hears another one":    func(_ *scene, m *Member) { m.down().planner.Talkers = 1 },
		"asks for what is gone": func(s *scene, _ *Member) {
			s.members[talker].uplink.cache = nil
		},
	} {
		s := newScene(t, 3)
		s.talk(500*time.Millisecond, 100, nil, talker, other)
		s.room.order[0], s.room.order[1] = &s.members[other], &s.members[talker]
		m := &s.members[listener]
		change(s, m)
		s.told[netproto.TypeVoice] = 0
		newest := uint8(s.members[talker].uplink.sent.Newest() % netproto.HopCounts)
		body, _ := netproto.AppendNack(nil, []netproto.NackBlock{{Session: 1, Base: newest}})
		if _, err := s.Nack(s.now, m, body); err != nil {
			t.Fatal(err)
		}
		if s.count(); s.told[netproto.TypeVoice] > 0 != (name == "") {
			t.Errorf("one who %q is sent %d again", name, s.told[netproto.TypeVoice])
		}
	}
	s := newScene(t, 1) // nor does anybody get its own voice
	s.talk(500*time.Millisecond, 100, nil, 0)
	s.told[netproto.TypeVoice] = 0
	body, _ := netproto.AppendNack(nil, []netproto.NackBlock{{Session: 1, Base: uint8(s.members[0].uplink.sent.Newest() % netproto.HopCounts)}})
	if s.Nack(s.now, &s.members[0], body); s.told[netproto.TypeVoice] > 0 || len(s.Batch.Sends) > 0 {
		t.Error("a talker is sent its own voice")
	}
	if _, err := s.Nack(s.now, &s.members[0], []byte{1}); err == nil {
		t.Error("no error of what is no nack")
	}
	if _, err := s.Report(s.now, &s.members[0], []byte{1}); err == nil {
		t.Error("no error of what is no report")
	}
}

// A nack has no more looked up than one listener can have lost.
func TestNacksAreBounded(t *testing.T) {
	s := newScene(t, 2)
	s.talk(time.Second, 100, nil, 0)
	var blocks []netproto.NackBlock
	for range 8 {
		blocks = append(blocks, netproto.NackBlock{Session: 1, Base: 0, Mask: 1<<63 - 1})
	}
	body, err := netproto.AppendNack(nil, blocks)
	if err != nil {
		t.Fatal(err)
	}
	before := s.counts.Throttled.Load()
	s.Nack(s.now, &s.members[1], body)
	if looked := int(s.counts.Throttled.Load()-before) + len(s.Batch.Sends); looked > netproto.HopCounts+1 {
		t.Errorf("%d were looked up", looked)
	}
}

// What is asked of a talker: nothing by a tunnel, in which nothing is lost.
func TestNothingIsAskedByATunnel(t *testing.T) {
	for _, tunnelled := range []bool{false, true} {
		s := newScene(t, 2)
		m := &s.members[0]
		m.Tunnelled.Store(tunnelled)
		for range 50 {
			s.seq++
			if s.now += wire.FrameDuration; s.seq%10 != 0 {
				s.say(0, 100, nil)
			}
			s.attend()
		}
		if n := s.told[netproto.TypeNack]; n > 0 == tunnelled {
			t.Errorf("tunnel %v: asked %d times", tunnelled, n)
		}
	}
}
