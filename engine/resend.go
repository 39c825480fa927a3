package engine

import "github.com/tincan-voice/tincan/netproto"

// resendSlots is how many frames back a datagram can still be sent again: a second
// (50 frames) and some, so that one that was handed out stays intact for a while.
// A power of two.
const resendSlots = 64

// resendAge is how old in frames a datagram may be that is handed out: a second.
const resendAge = 50

// resendCache keeps the sealed datagrams of the last second. They are sealed right into
// it, so that keeping costs nothing; its size is fixed.
type resendCache struct {
	newest uint32
	slots  [resendSlots]sentDatagram
}

type sentDatagram struct {
	seq  uint32
	data []byte
}

func (c *resendCache) init() {
	arena := make([]byte, resendSlots*netproto.MaxDatagram)
	for i := range c.slots {
		c.slots[i].data = arena[i*netproto.MaxDatagram:][:0:netproto.MaxDatagram]
	}
}

// slot returns the empty buffer for datagram seq.
func (c *resendCache) slot(seq uint32) []byte { return c.slots[seq%resendSlots].data[:0] }

// keep notes that d, made in slot(seq), is datagram seq.
func (c *resendCache) keep(seq uint32, d []byte) []byte {
	c.slots[seq%resendSlots] = sentDatagram{seq: seq, data: d}
	c.newest = seq
	return d
}

// find returns datagram seq, or nil.
func (c *resendCache) find(seq uint32) []byte {
	s := &c.slots[seq%resendSlots]
	if seq == 0 || s.seq != seq || c.newest-seq > resendAge {
		return nil
	}
	return s.data
}
