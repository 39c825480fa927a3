package relay

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

// Next is the relay that takes over the clients of one that ends. The zero value is whoever has its address then.
type Next struct {
	Address     string // host or host:port, as clients dial it
	Fingerprint string // Server.Fingerprint there, which this relay vouches for
}

// ParseNext reads what a file of known relays has as a line: host:port and fingerprint, with spaces between them. The
// error is ErrConfig.
func ParseNext(text string) (Next, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Next{}, fmt.Errorf("relay: %w: the next relay is %q: want its address and the fingerprint that it prints, "+
			"as in \"b.example:9999 SHA256:8Zcy...\"", ErrConfig, text)
	}
	a, err := address.Parse(fields[0])
	if err != nil {
		return Next{}, fmt.Errorf("relay: %w: the next relay: %w", ErrConfig, err)
	}
	if _, ok := netproto.ParseFingerprint(fields[1]); !ok {
		return Next{}, fmt.Errorf("relay: %w: the next relay's fingerprint is %q: want it as it prints it, SHA256: and 43 letters, digits, + and /", ErrConfig, fields[1])
	}
	return Next{Address: a.String(), Fingerprint: fields[1]}, nil
}

// drain is an end that has been announced.
type drain struct {
	until time.Time
	next  Next
	timer *time.Timer
}

// mostDrain is the longest time that SERVER_CLOSE has room for.
const mostDrain = math.MaxUint16 * time.Second

// Drain ends Serve after d, or as soon as nobody has a session any more; 0 is Config.DrainTime. Until then calls go on,
// and their clients are told how long that is and where to go; those without voice are told at the end. Nobody new is
// let in: who comes is told the same. A second Drain is of no effect. It returns at once.
func (s *Server) Drain(d time.Duration, next Next) {
	if d <= 0 {
		d = s.cfg.DrainTime
	}
	d = min(d, mostDrain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drain != nil || s.closing {
		return
	}
	s.drain = &drain{until: time.Now().Add(d), next: next, timer: time.AfterFunc(d, s.end)}
	s.core.Close()
	s.log.Info("draining", "time", d, "next", next.Address, "sessions", len(s.sessions)+len(s.held))
	told := appendPackage(s.farewellLocked())
	for _, c := range s.sessions {
		if c.voice > 0 {
			c.out.put(told)
		}
	}
	s.drainedLocked()
}

// Draining tells whether Drain has been called, so that nobody new is let in.
func (s *Server) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drain != nil
}

// farewellLocked is what clients are told of the end.
func (s *Server) farewellLocked() netproto.ServerClose {
	p := netproto.ServerClose{Reason: "the relay was stopped"}
	if d := s.drain; d != nil {
		p.Relay, p.Fingerprint = d.next.Address, d.next.Fingerprint
		if !s.closing {
			p.Time = int(max(1, time.Until(d.until).Round(time.Second)/time.Second))
			p.Reason = "ended by its operator"
		}
	}
	return p
}

// drainedLocked ends Serve where it drains and nobody is left.
func (s *Server) drainedLocked() {
	if s.drain != nil && len(s.sessions) == 0 && len(s.held) == 0 {
		s.end()
	}
}

// end has Serve end.
func (s *Server) end() { s.once.Do(func() { close(s.stop) }) }
