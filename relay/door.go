package relay

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
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
	s.list(c)
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
	protocol, err := controlProtocol, error(nil)
	if c.conn == nil { // else it is open: a stream of QUIC
		protocol, err = c.open()
	}
	if err != nil {
		return
	}
	no := appendPackage(netproto.Disconnect{Reason: reason})
	switch protocol {
	case netproto.TunnelProtocol:
		return
	case webProtocol: // HTTP/1.1 has no answer before the question
		if _, err := http.ReadRequest(bufio.NewReader(io.LimitReader(c.conn, webHeader))); err != nil {
			return
		}
		no = webRefusal(reason)
	}
	if _, err := c.conn.Write(no); err != nil {
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

// open finds out whether the client speaks TLS, shakes hands, and tells what it speaks: controlProtocol,
// netproto.TunnelProtocol or webProtocol.
func (c *client) open() (protocol string, err error) {
	first, err := c.link.peek()
	if err != nil {
		return "", err
	}
	c.conn = &c.link
	if c.tls = first == tlsHandshake; !c.tls {
		return c.server.guess(first), nil
	}
	tc := tls.Server(&c.link, c.server.tls)
	err = tc.Handshake()
	c.link.giveTurn()
	c.conn = tc
	if err != nil {
		return "", err
	}
	switch protocol = tc.ConnectionState().NegotiatedProtocol; {
	case protocol != "":
		return protocol, nil
	case c.server.web == nil:
		return controlProtocol, nil
	}
	ahead := &aheadConn{Conn: tc}
	if _, err = io.ReadFull(tc, ahead.first[:]); err != nil {
		return "", err
	}
	c.conn = ahead
	return c.server.guess(ahead.first[0]), nil
}

// guess tells what a client speaks that names nothing by ALPN: a method of HTTP, or JSON.
func (s *Server) guess(first byte) (protocol string) {
	if s.web != nil && 'A' <= first && first <= 'Z' {
		return webProtocol
	}
	return controlProtocol
}

// aheadConn is a connection of which the first byte has been read.
type aheadConn struct {
	*tls.Conn
	first [1]byte
	given bool
}

// Read implements io.Reader.
func (c *aheadConn) Read(p []byte) (int, error) {
	if c.given || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.given = true
	p[0] = c.first[0]
	return 1, nil
}
