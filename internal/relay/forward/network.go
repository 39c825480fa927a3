package forward

import (
	"encoding/binary"
	"net/netip"
)

// network is an IPv4 address, or a /48 of IPv6, which is the most that one customer gets (RFC 6177). The zero value is that of
// all who have not proven where they are.
type network uint64

func networkOf(a netip.Addr) network {
	b := a.As16()
	if a.Is4() || a.Is4In6() {
		return network(binary.BigEndian.Uint32(b[12:])) | 1<<48
	}
	return network(binary.BigEndian.Uint64(b[:]) >> 16)
}

// network is where the session is.
func (s *Session) network() network {
	w := s.ways.Load()
	if w == nil {
		return 0
	}
	return networkOf(w.all[0].Remote.Addr())
}

// silence is the level of silence (RFC 6464).
const silence = 127

// leastSpeech is the shortest body of voice that may hold speech, in bytes: 20 ms of Opus at 6 kbit/s are 15, and an empty frame is 1.
const leastSpeech = 6
