package forward

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/mend"
	"github.com/tincan-voice/tincan/internal/relay/rate"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Session is one client's membership in a room, as far as its datagrams go.
type Session struct {
	mend.Member // guarded by the room's lock

	// Static.
	room *Room
	tag  *netproto.TagKey // nil without voice
	link *link            // nil: a client's

	// Used by workers without a lock.
	up, down  sealer
	voices    atomic.Pointer[netproto.ReplayWindow]  // of voice; made on first use, as the next ones
	windows   [netproto.Types]atomic.Pointer[window] // of everything else
	sent      [netproto.Types]atomic.Uint32          // last sequence number per type, downwards
	rate      rate.Rate
	volume    rate.Rate
	looks     rate.Rate   // see strangers
	worn      atomic.Bool // see WornOut
	heard     atomicTime  // when the last valid datagram came
	muted     atomicTime  // until then its voice goes to nobody
	datagrams atomic.Uint64
	ways      atomic.Pointer[ways] // proven; nil: none; set by the keeper

	// Guarded by the room's lock.
	turn turn
	came uint16 // datagrams of voice, modulo 65536
	less uint16 // of Room.went, those that did not go to this session: its own, and what a cap left out
}

// keep is that of mend.Member; the room's listeners get this datagram of ours.
func (s *Session) keep(now time.Duration, d []byte) {
	s.Keep(now, d)
	s.room.went++
	s.less++
}

// Init makes a Session in a room, without an ID. Without a key, which is its own and the relay's, it has no voice.
func (s *Session) Init(r *Room, key *netproto.HopKey) {
	s.room = r
	s.Enter(&r.mend)
	if key != nil {
		s.tag = key.TagKey()
		s.up.key, s.down.key = key.Up(), key.Down()
	}
}

// TakeCap sets the most that a newcomer is sent, above 0. It takes the room's lock.
func (s *Session) TakeCap(most wire.Kbps) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.BeginCapped(most)
}

// Heard is when its last valid datagram came; 0 if none did.
func (s *Session) Heard() time.Duration { return s.heard.load() }

// Datagrams is how many valid ones came.
func (s *Session) Datagrams() uint64 { return s.datagrams.Load() }

// Mute has its voice go to nobody until then.
func (s *Session) Mute(until time.Duration) { s.muted.store(until) }

// MutedUntil is when it is heard again, 0 or past if it is not muted.
func (s *Session) MutedUntil() time.Duration { return s.muted.load() }

// Talks tells whether the session is among those who are heard in its room.
func (s *Session) Talks() bool { return s.turn.holds.Load() }

// Rest gives memory back that a session with little to say does not need.
func (s *Session) Rest() {
	s.up.rest()
	s.down.rest()
}

// atomicTime is a time that any goroutine may set and read.
type atomicTime struct{ t atomic.Int64 }

func (a *atomicTime) load() time.Duration   { return time.Duration(a.t.Load()) }
func (a *atomicTime) store(t time.Duration) { a.t.Store(int64(t)) }

// accept marks a sequence number of one type as used.
func (s *Session) accept(t netproto.Type, seq uint32) bool {
	if seq >= netproto.LastSeq {
		s.worn.Store(true)
	}
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
func (s *Session) seal(dst []byte, t netproto.Type, body []byte) []byte {
	seq := s.sent[t].Add(1)
	if seq >= netproto.LastSeq {
		s.worn.Store(true)
	}
	return s.down.Seal(dst, netproto.Header{Type: t, Session: s.ID, Seq: seq}, body)
}

// WornOut tells whether a sequence number has come to netproto.LastSeq: such a session has to end.
func (s *Session) WornOut() bool { return s.worn.Load() }
