package repair

import "github.com/tincan-voice/tincan/netproto"

// Sent are the sequence numbers of the datagrams that were sent on a hop, by their counts. Counts go on for
// ever here, and modulo netproto.HopCounts on the wire.
type Sent struct {
	newest uint32 // count
	seqs   [sentSlots]uint32
}

// sentSlots is how many datagrams are remembered: those that one receipt tells of, and as many on the way.
const sentSlots = 2 * netproto.ReceiptReach

// SentFrom is a Sent whose next datagram has the count behind that one.
func SentFrom(count uint32) Sent { return Sent{newest: count} }

// Newest is the count of the newest datagram.
func (s *Sent) Newest() uint32 { return s.newest }

// Add notes a datagram and returns its count on the wire.
func (s *Sent) Add(seq uint32) uint8 {
	s.newest++
	s.seqs[s.newest%sentSlots] = seq
	return uint8(s.newest % netproto.HopCounts)
}

// Forget takes back what was added from the datagram of that sequence number on.
func (s *Sent) Forget(seq uint32) {
	if count, ok := s.Find(seq); ok {
		s.newest = count - 1
	}
}

// Next is the count that Add will return.
func (s *Sent) Next() uint8 { return uint8((s.newest + 1) % netproto.HopCounts) }

// Last is the sequence number of the newest datagram, 0 if there is none.
func (s *Sent) Last() uint32 { return s.seqs[s.newest%sentSlots] }

// Seq is the sequence number of the newest datagram of that count on the wire, 0 if there is none.
func (s *Sent) Seq(count uint8) uint32 {
	return s.seqs[(s.newest-(s.newest-uint32(count))%netproto.HopCounts)%sentSlots]
}

// Find returns the count, without the modulo, of one of the last datagrams by its sequence number.
func (s *Sent) Find(seq uint32) (count uint32, ok bool) {
	if seq == 0 { // there is none
		return 0, false
	}
	for i := range min(s.newest, sentSlots) {
		if s.seqs[(s.newest-i)%sentSlots] == seq {
			return s.newest - i, true
		}
	}
	return 0, false
}

// Account is what the sender of a hop has learned from one receiver's receipts.
type Account struct {
	newest uint32 // count of the newest datagram that was told of; 0: none
	told   netproto.Receipt
}

// Take takes a receipt for what was sent, in datagrams that are stride frames apart, and returns what it adds to what
// was known. Not ok: it is older than another, or of datagrams that are not known any more.
func (a *Account) Take(s *Sent, r *netproto.Receipt, stride int) (o netproto.Outcome, ok bool) {
	newest, ok := s.Find(r.Seq)
	if !ok || r.Reach == 0 || uint8(newest%netproto.HopCounts) != r.Count || newest < a.newest {
		return netproto.Outcome{}, false
	}
	run := 0
	for i := int(r.Reach) - 1; i >= 0; i-- {
		came := r.Came.Get(i)
		if back := int(a.newest) - (int(newest) - i); a.newest > 0 && back >= 0 {
			if came && back < int(a.told.Reach) && !a.told.Came.Get(back) { // it was overtaken
				o.Lost, o.Received = o.Lost-1, o.Received+1
			}
			continue
		}
		if !came {
			run++
			continue
		}
		o.Received++
		lost(&o, run, stride)
		run = 0
	}
	lost(&o, run, stride)
	a.newest, a.told = newest, *r
	return o, true
}

// outage is how many frames of a run of losses are too many to be counted, as many as are remembered: no redundancy
// mends that.
const outage = slots

// lost counts a run of consecutive losses.
func lost(o *netproto.Outcome, run, stride int) {
	if run > 0 && run*stride <= outage {
		o.Runs++
		o.Lost += run
	}
}
