package relay

import (
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// What a session that says little must not cost: of thousands, nearly all are
// such ones.

// restAfter is how long nothing must have come from a session until its sealers
// are forgotten: a client in a call probes every second or two, an idle one much
// more seldom.
const restAfter = 3 * time.Second

// sealer is a netproto.Sealer that is made when it is needed (about a
// microsecond) and forgotten in idle times: an AES-GCM takes 1 KiB.
type sealer struct {
	key  [16]byte // static
	made atomic.Pointer[netproto.Sealer]
}

func (s *sealer) get() *netproto.Sealer {
	if m := s.made.Load(); m != nil {
		return m
	}
	m := netproto.NewSealer(s.key)
	s.made.Store(m)
	return m
}

// Open is that of netproto.Sealer.
func (s *sealer) Open(dst, d []byte) ([]byte, error) { return s.get().Open(dst, d) }

// Seal is that of netproto.Sealer.
func (s *sealer) Seal(dst []byte, h netproto.Header, body []byte) []byte {
	return s.get().Seal(dst, h, body)
}

// rest gives memory back. A worker may use what was made to the end of its work.
func (s *sealer) rest() {
	if s.made.Load() != nil {
		s.made.Store(nil)
	}
}

// window is a replay window of the 32 newest numbers, for datagrams that come a
// few times per second: in its high half the newest, in its low half bit i for
// the newest less i. The zero value is ready, and any goroutine may use it.
type window struct{ state atomic.Uint64 }

// accept reports whether seq is new, and marks it. 0 is never accepted.
func (w *window) accept(seq uint32) bool {
	for {
		old := w.state.Load()
		newest, mask := uint32(old>>32), uint32(old)
		switch ahead := int64(seq) - int64(newest); {
		case ahead > 0:
			newest, mask = seq, mask<<min(ahead, 32)|1
		case ahead <= -32 || mask>>-ahead&1 != 0 || seq == 0:
			return false
		default:
			mask |= 1 << -ahead
		}
		if w.state.CompareAndSwap(old, uint64(newest)<<32|uint64(mask)) {
			return true
		}
	}
}
