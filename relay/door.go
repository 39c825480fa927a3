package relay

import (
	"crypto/tls"
	"io"
	"log/slog"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Whoever may not come in is told why, in TLS where the client speaks that: before the handshake it could not read it.
// That costs a handshake for nothing, so there is a bound; beyond it the connection is closed without a word.

const (
	// doorTime is how long one who is turned away has to shake hands and to take the reason.
	doorTime = 5 * time.Second
	// doorRoom is how many are told at a time.
	doorRoom = 64
	// An address is told so often, and so many times in a row.
	doorEvery = time.Second
	doorBurst = 7 * time.Second
)

// turnAway ends a connection that was not let in. It does not wait.
func (s *Server) turnAway(c *client, reason string) {
	s.note(slog.LevelInfo, c.from.Addr(), "refused", "from", c.from, "reason", reason)
	if !c.from.Addr().IsLoopback() && !s.told.Allow(s.now(), c.from.Addr()) {
		_ = c.link.Close()
		return
	}
	select {
	case s.door <- struct{}{}:
	default:
		_ = c.link.Close()
		return
	}
	s.mu.Lock()
	s.conns[c] = true // so that the end of the relay ends it
	s.mu.Unlock()
	s.wg.Go(func() {
		c.hearNo(reason)
		_ = c.link.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		<-s.door
	})
}

// hearNo tells the reason to a client that has no outbox.
func (c *client) hearNo(reason string) {
	_ = c.link.SetDeadline(time.Now().Add(doorTime))
	if tunnel, err := c.open(); tunnel || err != nil {
		return
	}
	if _, err := c.conn.Write(appendPackage(netproto.Disconnect{Reason: reason})); err != nil {
		return
	}
	if w, ok := c.conn.(closeWriter); ok {
		_ = w.CloseWrite()
	}
	c.linger()
}

// linger takes what still comes from a client that has been told all. It is of no interest, but closing with it
// unread would be a reset, which could overtake the last package.
func (c *client) linger() {
	_ = c.link.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, c.conn)
}

// open finds out whether the client speaks TLS, shakes hands, and tells whether it wants a tunnel.
func (c *client) open() (tunnel bool, err error) {
	first, err := c.link.peek()
	if err != nil {
		return false, err
	}
	c.conn = &c.link
	if c.tls = first == tlsHandshake; !c.tls {
		return false, nil
	}
	tc := tls.Server(&c.link, c.server.tls)
	err = tc.Handshake()
	c.link.giveTurn()
	c.conn = tc
	return err == nil && tc.ConnectionState().NegotiatedProtocol == netproto.TunnelProtocol, err
}
