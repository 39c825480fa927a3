package relay

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// session is one client's membership in a room.
type session struct {
	// Static.
	id     uint32 // set by table.add
	room   *room
	name   string
	voice  int
	joined time.Duration
	hopKey netproto.HopKey
	tag    *netproto.TagKey // nil without voice

	// Used by workers without a lock.
	up, down  sealer
	voices    atomic.Pointer[netproto.ReplayWindow]                   // of voice; made on first use, as the next ones
	windows   [netproto.TypeChallengeReply + 1]atomic.Pointer[window] // of everything else
	sent      [netproto.TypeChallengeReply + 1]atomic.Uint32          // last sequence number per type, downwards
	rate      rate
	looks     rate         // see strangers
	heard     atomic.Int64 // when the last valid datagram came
	datagrams atomic.Uint64
	path      atomic.Pointer[Path] // proven; written under Core.mu
	turn      turn
	live      atomic.Bool // can be sent to; written under Core.mu
	gone      atomic.Bool // has left; written under Core.mu
	deaf      atomic.Bool // wants no voice; written under Core.mu
	apart     atomic.Bool // see Listeners; written under Core.mu

	// Guarded by repairs.mu of the room.
	uplink   *uplink // nil: has not talked of late
	downlink *downlink
	totals   totals
	count    uint8 // of the last datagram that was forwarded to the room, see netproto.Hop

	// Guarded by Core.mu.
	candidate candidate
}

func newSession(r *room, name string, voice int, now time.Duration) *session {
	s := &session{room: r, name: name, voice: voice, joined: now}
	if voice > 0 {
		s.hopKey = randomKey()
		s.tag = s.hopKey.TagKey()
		s.up.key, s.down.key = s.hopKey.Up(), s.hopKey.Down()
	}
	return s
}

// accept marks a sequence number of one type as used.
func (s *session) accept(t netproto.Type, seq uint32) bool {
	if t == netproto.TypeVoice {
		return first(&s.voices).Accept(seq)
	}
	return first(&s.windows[t]).accept(seq)
}

// first returns what p points to, and makes it if there is nothing.
func first[T any](p *atomic.Pointer[T]) *T {
	if p.Load() == nil {
		p.CompareAndSwap(nil, new(T))
	}
	return p.Load()
}

// seal appends a datagram from the relay to this client.
func (s *session) seal(dst []byte, t netproto.Type, body []byte) []byte {
	return s.down.Seal(dst, netproto.Header{Type: t, Session: s.id, Seq: s.sent[t].Add(1)}, body)
}

// table finds sessions by ID without a lock. An ID stands at its own remainder
// by the size, and IDs whose place is taken are left out: so a lookup is one
// load and one comparison.
type table struct {
	places  []atomic.Pointer[session]
	mask    uint32
	workers uint32
	next    []uint32 // per worker, the last ID / workers; guarded by Core.mu
}

// newTable makes a table with at least two places per session.
func newTable(sessions, workers int) *table {
	size := 1
	for size < 2*sessions {
		size *= 2
	}
	return &table{
		places: make([]atomic.Pointer[session], size), mask: uint32(size - 1),
		workers: uint32(workers), next: make([]uint32, workers),
	}
}

func (t *table) get(id uint32) *session {
	s := t.places[id&t.mask].Load()
	if s == nil || s.id != id {
		return nil
	}
	return s
}

// add gives s the worker's next ID, from 1 on. It fails when the worker's
// share of the 2^32 is used up, or all of its places are taken.
func (t *table) add(s *session, worker int) bool {
	const last = 1<<32 - 1
	for range len(t.places) {
		if t.next[worker] >= last/t.workers-1 {
			return false
		}
		t.next[worker]++
		id := t.next[worker]*t.workers + uint32(worker)
		if place := &t.places[id&t.mask]; place.Load() == nil {
			s.id = id
			place.Store(s)
			return true
		}
	}
	return false
}

func (t *table) remove(s *session) { t.places[s.id&t.mask].Store(nil) }
