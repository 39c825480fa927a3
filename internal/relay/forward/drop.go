package forward

import (
	"sync/atomic"

	"github.com/tincan-voice/tincan/internal/relay/mend"
)

// Drop is the reason why a datagram went no further. Every one is counted.
type Drop uint8

// The reasons.
const (
	Kept            Drop = iota // it did go further
	DropMalformed               // too short, too long, or a body that is not what its type has
	DropVersion                 // another protocol or version
	DropType                    // a type that clients do not send
	DropUnknown                 // no such session
	DropStranger                // too many forgeries from this address, which is not the session's, and for this session
	DropForged                  // not made with the session's key
	DropReplayed                // seen before, or too old to tell
	DropTwin                    // came by the other one of the session's two paths before
	DropSessionRate             // too many from this session
	DropVolume                  // too many bytes from this session
	DropPath                    // answers no challenge of ours
	DropQuiet                   // not among the loudest of the room
	DropMuted                   // of somebody who is muted
	DropSend                    // the kernel did not take it (counted per listener)
	DropCap                     // over what its receiver asked for (counted per receiver)
	DropFewer                   // its receiver can have fewer talkers only (counted per receiver)
	DropBudget                  // asked for again, but too much of that
	DropStale                   // came while the relay stood still
	DropOverdue                 // waited too long for its receiver's tunnel (counted per receiver)
	numDrops
)

var dropNames = [numDrops]string{
	"kept", "malformed", "version", "type", "unknown session", "stranger rate",
	"forged", "replayed", "twin", "session rate", "session volume", "path", "quiet", "muted", "send",
	"cap", "fewer talkers", "resend budget", "stale", "overdue in a tunnel",
}

// String returns the reason in a word or two.
func (d Drop) String() string {
	if d < numDrops {
		return dropNames[d]
	}
	return "?"
}

// Stats are totals since the Exchange began.
type Stats struct {
	Received  uint64          // datagrams that came
	Forwarded uint64          // datagrams of voice that went to listeners, each counted once
	Delivered uint64          // the same, counted per listener
	Relayed   uint64          // datagrams of voice that went to other relays of the cluster, each counted once for each
	Packets   uint64          // in so many packets: less than Delivered where bundles went out
	Asked     uint64          // datagrams that talkers were asked for again, repeats counted
	Resent    uint64          // datagrams that listeners asked for and got
	Copied    uint64          // datagrams that went to one listener a second time unasked
	Feedback  uint64          // reports to talkers
	Dropped   map[Drop]uint64 // by reason; those that did not happen are not in it
}

// counters are one Worker's own, so that workers do not share cache lines.
type counters struct {
	received, forwarded, delivered, relayed, packets atomic.Uint64
	drops                                            [numDrops]atomic.Uint64 // but for those that mend counts
	mend                                             mend.Counters
	_                                                [64]byte
}

// Stats returns the sums over all workers.
func (x *Exchange) Stats() Stats {
	x.mu.Lock()
	defer x.mu.Unlock()
	st := Stats{Dropped: make(map[Drop]uint64)}
	drop := func(d Drop, n uint64) {
		if n > 0 {
			st.Dropped[d] += n
		}
	}
	drop(DropOverdue, x.overdue.Load())
	for _, n := range x.counts {
		st.Received += n.received.Load()
		st.Forwarded += n.forwarded.Load()
		st.Delivered += n.delivered.Load()
		st.Relayed += n.relayed.Load()
		st.Packets += n.packets.Load()
		st.Asked += n.mend.Asked.Load()
		st.Resent += n.mend.Resent.Load()
		st.Copied += n.mend.Copied.Load()
		st.Feedback += n.mend.Feedback.Load()
		for d := Kept + 1; d < numDrops; d++ {
			drop(d, n.drops[d].Load())
		}
		drop(DropCap, n.mend.Capped.Load())
		drop(DropFewer, n.mend.Fewer.Load())
		drop(DropBudget, n.mend.Throttled.Load())
	}
	return st
}
