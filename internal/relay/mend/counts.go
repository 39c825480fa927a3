package mend

import "github.com/tincan-voice/tincan/netproto"

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
