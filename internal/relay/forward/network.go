package forward

import (
	"net/netip"

	"github.com/tincan-voice/tincan/internal/relay/origin"
)

// network is where the session is; the zero value for all who have not proven that.
func (s *Session) network() netip.Prefix {
	if s.link != nil {
		return s.link.net
	}
	w := s.ways.Load()
	if w == nil {
		return netip.Prefix{}
	}
	return origin.Customer(w.all[0].Remote.Addr())
}

// Network is where the session is, as far as that counts for who is heard: what somebody has proven last stands for it.
func (s *Session) Network() netip.Prefix { return s.network() }

// leastSpeech is the shortest body of voice that may hold speech, in bytes: 20 ms of Opus at 6 kbit/s are 15, and an empty frame is 1.
const leastSpeech = 6
