package mend

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// scene is a room without a network: what its members hear is what is forwarded, less what a test loses.
type scene struct {
	*Mender
	t       *testing.T
	room    *Room
	members []Member
	now     time.Duration
	seq     uint32
	heard   [][]repair.Asker // by listener and talker
	told    map[netproto.Type]int
}

func newScene(t *testing.T, members int) *scene {
	s := &scene{Mender: New(new(Counters)), t: t, room: new(Room), members: make([]Member, members), now: time.Hour, told: map[netproto.Type]int{}}
	for i := range s.members {
		m := &s.members[i]
		m.ID = uint32(i + 1)
		m.Enter(s.room)
		m.Overhead.Store(28)
		s.heard = append(s.heard, make([]repair.Asker, members))
	}
	return s
}

// talk has some speak for so long, in datagrams of 20 ms and so many bytes; lost tells what a listener does not get.
func (s *scene) talk(d time.Duration, size int, lost func(listener int) bool, talkers ...int) {
	for end := s.now + d; s.now < end; s.now += wire.FrameDuration {
		s.seq++
		for _, i := range talkers {
			s.say(i, size, lost)
		}
		s.attend()
	}
}

func (s *scene) say(i, size int, lost func(listener int) bool) {
	m, d := &s.members[i], said(s.seq)
	m.Arrived(s.now, netproto.Header{Session: m.ID, Seq: s.seq, Voice: true}, netproto.Hop{Count: uint8(s.seq % netproto.HopCounts)}, size)
	m.Keep(s.now, d)
	for l := range s.heard {
		if lost == nil || !lost(l) {
			s.heard[l][i].Arrived(s.now, repair.Datagram{Seq: s.seq, Count: countOf(d), Speech: true})
		}
	}
}

// attend does what is due, and counts what is sent.
func (s *scene) attend() {
	s.Attend(s.now, s.room, len(s.members))
	s.count()
}

func (s *scene) count() {
	for _, d := range s.Batch.Sends {
		s.told[d.Type]++
	}
	s.Batch.Reset()
}

// down is a listener's downlink, as of one that has just been heard.
func (s *scene) down(l int) *downlink {
	d := s.members[l].down()
	d.heard = s.now
	return d
}

// report has a listener report what it has heard of some.
func (s *scene) report(l int, r netproto.Report, talkers ...int) {
	s.t.Helper()
	for _, i := range talkers {
		r.Talkers = append(r.Talkers, netproto.TalkerReport{Session: s.members[i].ID, Receipt: *s.heard[l][i].Receipt(), HoleQ8: 40})
	}
	body, err := netproto.AppendReport(nil, &r)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Report(s.now, &s.members[l], body); err != nil {
		s.t.Fatal(err)
	}
	s.count()
}
