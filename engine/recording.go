package engine

import "github.com/tincan-voice/tincan/netproto"

// SetRecording tells everyone in the room that we record it, or do not any more: that is so when it has been called
// with false as often as with true. Stats.Announced says whether the relay has told them: one of before does not, and
// then it is for us to say so. Package record calls it.
func (c *Call) SetRecording(on bool) {
	for {
		was := c.recordings.Load()
		now := max(was-1, 0)
		if on {
			now = was + 1
		}
		if c.recordings.CompareAndSwap(was, now) {
			if (was > 0) != (now > 0) && c.running.Err() == nil {
				c.tellPort(nil)
			}
			return
		}
	}
}

func (c *Call) records() bool { return c.recordings.Load() > 0 }

// clientPort is what we tell the relay of us.
func (c *Call) clientPort(keys []netproto.Wrapping) netproto.ClientPort {
	return netproto.ClientPort{Port: int(c.paths[PathUDP].local().Port()), Keys: keys, Record: c.records()}
}

// tellPort tells it. A connection by which that fails can write no more, and is lost.
func (c *Call) tellPort(keys []netproto.Wrapping) {
	if ctl := c.control.get(); ctl.sendPort(c.clientPort(keys)) != nil {
		ctl.giveUp(errNoAnswer)
	}
}

// setRecorders takes who records the room.
func (c *Call) setRecorders(sessions []uint32) {
	own := c.Session()
	now := make(map[uint32]bool, len(sessions))
	for _, session := range sessions {
		now[session] = true
	}
	var events []Event
	c.hearing.Lock()
	was := c.roster.recorders
	c.roster.recorders = now
	for session, name := range c.roster.names {
		if was[session] != now[session] {
			events = append(events, PeerRecording{session, name, now[session]})
		}
	}
	c.hearing.Unlock()
	for _, e := range events {
		c.events.add(e)
	}
	if now[own] != c.records() { // as when two words about it have crossed
		c.tellPort(nil)
	}
}
