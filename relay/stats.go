package relay

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/udpio"
)

// Stats are totals since Listen.
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
	// Overflowed is how many datagrams the kernel dropped because the relay had not read those before. Linux only: else
	// 0.
	Overflowed uint64
}

// Drop is the reason why a datagram went no further. Every one is counted.
type Drop uint8

// The reasons.
const (
	DropMalformed   = Drop(forward.DropMalformed)   // too short, too long, or a body that is not what its type has
	DropVersion     = Drop(forward.DropVersion)     // another protocol or version
	DropType        = Drop(forward.DropType)        // a type that clients do not send
	DropUnknown     = Drop(forward.DropUnknown)     // no such session
	DropStranger    = Drop(forward.DropStranger)    // too many forgeries from this address, which is not the session's, and for this session
	DropForged      = Drop(forward.DropForged)      // not made with the session's key
	DropReplayed    = Drop(forward.DropReplayed)    // seen before, or too old to tell
	DropTwin        = Drop(forward.DropTwin)        // came by the other one of the session's two paths before
	DropSessionRate = Drop(forward.DropSessionRate) // too many from this session
	DropVolume      = Drop(forward.DropVolume)      // too many bytes from this session
	DropPath        = Drop(forward.DropPath)        // answers no challenge of ours
	DropQuiet       = Drop(forward.DropQuiet)       // not among the loudest of the room
	DropMuted       = Drop(forward.DropMuted)       // of somebody who is muted
	DropSend        = Drop(forward.DropSend)        // the kernel did not take it (counted per listener)
	DropCap         = Drop(forward.DropCap)         // over what its receiver asked for (counted per receiver)
	DropFewer       = Drop(forward.DropFewer)       // its receiver can have fewer talkers only (counted per receiver)
	DropBudget      = Drop(forward.DropBudget)      // asked for again, but too much of that
	DropStale       = Drop(forward.DropStale)       // came while the relay stood still
	DropOverdue     = Drop(forward.DropOverdue)     // waited too long for its receiver's tunnel (counted per receiver)
)

// String returns the reason in a word or two.
func (d Drop) String() string { return forward.Drop(d).String() }

// Stats returns totals since Listen.
func (s *Server) Stats() Stats {
	st := s.core.Stats()
	dropped := make(map[Drop]uint64, len(st.Dropped))
	for d, n := range st.Dropped {
		dropped[Drop(d)] = n
	}
	return Stats{
		Received: st.Received, Forwarded: st.Forwarded, Delivered: st.Delivered, Relayed: st.Relayed, Packets: st.Packets,
		Asked: st.Asked, Resent: st.Resent, Copied: st.Copied, Feedback: st.Feedback, Dropped: dropped, Overflowed: udpio.Overflows(s.addr.Port()),
	}
}

// Client is someone who has a name.
type Client struct {
	Session   uint32
	Name      string
	Room      string
	Voice     int            // highest datagram version that both speak; 0: no voice
	Address   netip.AddrPort // of its voice; invalid until the path is known
	Listening bool           // voice is sent to Address
	Datagrams uint64         // valid ones that came
	Control   netip.AddrPort // of its TCP connection
	TLS       bool           // that is encrypted
	Held      bool           // that is lost, and the client may come back
	Since     time.Time      // when it came
	Token     string         // that it has shown: its ID, of the SHA-256 the first 8 hexadecimal digits; "": none
	Muted     bool           // its voice goes to nobody
	Loss      float64        // share of what is sent to it that gets lost, of late and before repair, 0 to 1
}

// Clients returns everyone who has a name, oldest first.
func (s *Server) Clients() []Client {
	sessions := s.core.Sessions()
	clients := make([]Client, 0, len(sessions))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range sessions {
		client := Client{
			Session: m.Session, Name: m.Name, Room: m.Room, Voice: m.Voice, Since: s.start.Add(m.Joined),
			Address: m.Address, Listening: m.Listening, Datagrams: m.Datagrams, Muted: s.now() < m.MutedUntil, Loss: m.Loss,
		}
		if g := s.guests[m.Session]; g.token != nil {
			client.Token = g.token.ID
		}
		if h, held := s.held[m.Session]; held {
			client.Control, client.TLS, client.Held = h.from, h.tls, true
		} else if c := s.sessions[m.Session]; c != nil {
			client.Control, client.TLS = c.from, c.tls
		} else {
			continue // has just come or left
		}
		clients = append(clients, client)
	}
	return slices.Clip(clients)
}
