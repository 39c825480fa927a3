package stream

import "github.com/tincan-voice/tincan/netproto"

// sentSlots is how many datagrams back one can still be sent again: a second (50 of one
// frame) and some, so that one that was handed out stays intact for a while. A power of two.
const sentSlots = 64

// sentAge is how old in frames a datagram may be that is handed out: a second.
const sentAge = 50

// sentCache keeps the sealed datagrams of the last second that were sent, by their count. They are sealed right
// into it, so that keeping costs nothing; its size is fixed.
type sentCache struct {
	newest uint32 // frame sent last
	slots  [sentSlots]sentDatagram
}

type sentDatagram struct {
	count uint8
	seq   uint32 // 0: none
	data  []byte // with hop byte and tag
}

func (c *sentCache) init() {
	arena := make([]byte, sentSlots*netproto.MaxDatagram)
	for i := range c.slots {
		c.slots[i].data = arena[i*netproto.MaxDatagram:][:0:netproto.MaxDatagram]
	}
}

// forget forgets all of them. They stay intact.
func (c *sentCache) forget() {
	for i := range c.slots {
		c.slots[i].seq = 0
	}
}

// slot returns the empty buffer for the datagram of that count, which is new.
func (c *sentCache) slot(count uint8) []byte {
	s := &c.slots[count%sentSlots]
	s.seq = 0
	return s.data[:0]
}

// keep notes that d, made in slot(count), has frame seq.
func (c *sentCache) keep(count uint8, seq uint32, d []byte) []byte {
	c.slots[count%sentSlots] = sentDatagram{count: count, seq: seq, data: d}
	c.newest = seq
	return d
}

// find returns the datagram of that count, or nil.
func (c *sentCache) find(count uint8) []byte {
	s := &c.slots[count%sentSlots]
	if s.seq == 0 || s.count != count || c.newest-s.seq > sentAge {
		return nil
	}
	return s.data
}
