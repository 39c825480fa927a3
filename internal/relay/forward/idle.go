package forward

import (
	"sync/atomic"

	"github.com/tincan-voice/tincan/netproto"
)

// What a session that says little must not cost: of thousands, nearly all are
// such ones.

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

// window is netproto.ReplayWindow with an eighth of its reach, for datagrams that
// come a few times per second. The zero value is ready, and any goroutine may use it.
type window struct {
	slots [32]atomic.Uint32
}

func (w *window) accept(seq uint32) bool { return netproto.ReplaySlots(w.slots[:]).Accept(seq) }
