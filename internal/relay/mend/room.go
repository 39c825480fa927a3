package mend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

// IdleAfter is how long a talker may pause and still speak: longer than the stops within words and the gaps between
// most of them. Margin is by how much, in dB, another one must be louder to come before it: so two who are equally loud
// do not take turns.
const (
	IdleAfter = 400 * time.Millisecond
	Margin    = 6
)

const (
	// memory is how long somebody who was forwarded counts as a talker, and a listener's report.
	memory = 5 * time.Second
	// idle is how long after its last sign a way up or down is remembered, but for one with a cap, which is for as long
	// as the listener is there: the least delay should outlast a pause.
	idle = 30 * time.Second
)

// Room is what is remembered of those in one room. The zero value is ready.
type Room struct {
	ups    []*Member // those with an uplink
	downs  []*Member // those with a downlink
	order  []*Member // who has been forwarded of late, loudest first
	ticked time.Duration
	beats  bool // it has a beat, see rhythm
	beat   time.Duration
}

// sweep gives back what has not been used for long.
func (r *Room) sweep(now time.Duration) {
	r.order = slices.DeleteFunc(r.order, func(s *Member) bool {
		old := now-s.uplink.forwarded > memory // it has its uplink for longer
		if old {
			s.uplink.cache = nil
		}
		return old
	})
	r.ups = slices.DeleteFunc(r.ups, func(s *Member) bool {
		old := now-s.uplink.last > idle
		if old {
			s.count = s.uplink.sent.Newest()
			s.uplink = nil
		}
		return old
	})
	r.downs = slices.DeleteFunc(r.downs, func(s *Member) bool {
		d := s.downlink
		silent := now-d.heard > idle && d.Cap == 0
		old := s.Gone.Load() || silent && !s.Apart.Load()
		if old {
			s.downlink = nil
		} else if silent {
			d.deaf, d.apart = s.Deaf.Load(), false // and then it may go
		}
		return old
	})
}

// Wake tells that the program has stood still: nobody could be heard until now. What is known of the paths stays
// known, and who talks next is told at once how it fares.
func (r *Room) Wake(now time.Duration) {
	for _, s := range r.ups {
		s.uplink.last = now
		s.uplink.schedule = repair.Schedule{}
	}
	for _, s := range r.downs {
		s.downlink.heard = now
	}
}

// talker returns the member with this ID if it has talked of late, or nil.
func (r *Room) talker(id uint32) *Member {
	for _, s := range r.ups {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// sort puts the loudest first. Two change places only when one is louder by the
// margin, or the other does not speak.
func (r *Room) sort(now time.Duration) {
	for i := 1; i < len(r.order); i++ {
		for j := i; j > 0; j-- {
			a, b := r.order[j-1].uplink, r.order[j].uplink
			if !b.speaks(now) || a.speaks(now) && b.level <= a.level+Margin {
				break
			}
			r.order[j-1], r.order[j] = r.order[j], r.order[j-1]
		}
	}
}

// hears tells whether a listener is to get this talker's voice.
func (r *Room) hears(listener *Member, talker uint32) bool {
	left := cmp.Or(listener.downlink.planner.Talkers, math.MaxInt)
	for _, s := range r.order {
		if s.ID == talker {
			return left > 0 && listener.downlink.fits(s)
		}
		if s != listener && listener.downlink.fits(s) {
			left--
		}
	}
	return left > 0
}

// louder is what the next second of those takes who come before this talker for a listener and speak, if their
// datagrams are as long.
func (r *Room) louder(now time.Duration, listener *Member, talker uint32, size int) (res repair.Upcoming) {
	for _, s := range r.order {
		if s.ID == talker {
			res.Next, res.Every = s.uplink.every(), s.uplink.every()
			break
		}
		if s != listener && s.uplink.speaks(now) && listener.downlink.fits(s) {
			res.Bytes += size
		}
	}
	return res
}
