package relay

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// viewMemory is the time constant with which a listener's counts fade.
	viewMemory = time.Second
	// freshCounts is up to which total a talker's first block counts from 0 on: later the
	// relay may have missed the beginning.
	freshCounts = 256
)

// view is how one talker comes through to a listener. What the talker's own hop loses is not in it: each hop counts
// what it sends.
type view struct {
	talker  uint32
	known   bool          // a report has been taken the difference of
	at      time.Duration // last report
	was     netproto.TalkerReport
	omitted int // datagrams left out for the listener's sake since then
	burst   float64
	buffer  time.Duration
	jitter  time.Duration // of the arrivals
	shift   repair.Shift
	own     *ownCounts // nil: the listener gets all that the room does

	received, lost, played, concealed float64 // fading
}

func (v *view) loss() float64 { return share(v.lost, v.lost+v.received) }
func (v *view) hole() float64 { return share(v.concealed, v.played) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(part/whole, 1)
}

// take takes the differences of a listener's block to the one before; stride is that of the talker.
func (v *view) take(now time.Duration, b *netproto.TalkerReport, stride int) {
	was, first := v.was, v.at == 0
	keep := math.Exp(-float64(now-v.at) / float64(viewMemory))
	v.was, v.at = *b, now
	v.burst = float64(b.BurstQ3) / 8
	v.buffer, v.jitter = time.Duration(b.Buffer)*time.Millisecond, time.Duration(b.Jitter)*time.Millisecond
	omitted := v.omitted * stride
	v.omitted = 0
	if first && (b.Received >= freshCounts || b.Lost >= freshCounts) {
		return
	}
	v.known = true
	if first {
		keep, was = 0, netproto.TalkerReport{}
	}
	v.received = v.received*keep + float64(difference(b.Received, was.Received))
	v.lost = v.lost*keep + float64(difference(b.Lost, was.Lost))
	v.played = v.played*keep + float64(difference(b.Played, was.Played))
	v.concealed = v.concealed*keep + float64(max(difference(b.Concealed, was.Concealed)-omitted, 0))
}

// difference is that of two totals modulo 65536. One that has gone back, since what was
// lost has come after all, counts as the same.
func difference(now, was uint16) int { return max(int(int16(now-was)), 0) }

// ownCounts are the counts of a listener who does not get all that the room does, so that what was left out is
// no gap to it.
type ownCounts struct {
	last uint8
	room [netproto.HopCounts]uint8 // what was sent as each of them, by its count in the room
}

// exception begins counts of the listener's own with the datagram that has that count in the room: all before has been
// sent as it is.
func (v *view) exception(room uint8) {
	if v.own != nil {
		return
	}
	v.own = &ownCounts{last: (room - 1) % netproto.HopCounts}
	for i := range v.own.room {
		v.own.room[i] = uint8(i)
	}
}

// omit notes that the datagram is left out for the listener's sake.
func (v *view) omit(room uint8) {
	v.exception(room)
	v.omitted++
}

// sent returns the listener's count for the datagram that has that count in the room and is now sent to it.
func (v *view) sent(room uint8) uint8 {
	v.exception(room)
	v.own.last = (v.own.last + 1) % netproto.HopCounts
	v.own.room[v.own.last] = room
	return v.own.last
}

// inRoom returns the room's count for the listener's.
func (v *view) inRoom(count uint8) uint8 {
	if v == nil || v.own == nil {
		return count
	}
	return v.own.room[count%netproto.HopCounts]
}

// count returns the listener's count for the room's, and whether it has been sent that datagram.
func (v *view) count(room uint8) (uint8, bool) {
	if v.own == nil {
		return room, true
	}
	for i := range uint8(netproto.HopCounts / 2) { // farther back nothing is known, nor kept
		if c := (v.own.last - i) % netproto.HopCounts; v.own.room[c] == room {
			return c, true
		}
	}
	return 0, false
}
