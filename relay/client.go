package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	tlsHandshake = 0x16 // content type of the first TLS record (RFC 8446, 5.1)

	// A client is shown the door after so many bad packages.
	maxBadInARow = 5
	maxBadInAll  = 10
	// readSize is how much is read at once, in bytes: what clients send is
	// small, and every connection has such a buffer.
	readSize = 512
	// packageBurst is how much of its package rate a client may save up.
	packageBurst = 4 * time.Second
)

// client is one control connection. Its goroutine reads; what is written goes
// through its outbox.
type client struct {
	server *Server
	from   netip.AddrPort
	raw    net.Conn
	since  time.Time
	tls    bool

	// Guarded by Server.mu until the goroutine ends, set once.
	out *outbox // nil while TLS is not up

	// Guarded by Server.mu.
	session Membership // Session 0: no name yet
	voice   int
	version uint64 // of the last user list that was queued

	// The goroutine's own.
	rate         rate
	badInARow    int
	badInAll     int
	sessionKnown bool // the name has come
}

// firstByte is a connection with its first byte, which has been read, put
// back in front.
type firstByte struct {
	net.Conn
	b    [1]byte
	done bool
}

func (c *firstByte) Read(p []byte) (int, error) {
	if !c.done && len(p) > 0 {
		c.done = true
		p[0] = c.b[0]
		return 1, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends the stream of TCP towards the client.
func (c *firstByte) CloseWrite() error { return c.Conn.(closeWriter).CloseWrite() }

// serve is the connection's first goroutine. It ends when the handshake is
// done: the next one begins with a small stack, and keeps it.
func (c *client) serve() {
	_ = c.raw.SetReadDeadline(time.Now().Add(c.server.cfg.LoginTimeout))
	conn, err := c.open()
	if err != nil {
		c.close()
		return
	}
	c.server.wg.Go(func() { c.talk(conn) })
}

// talk is the connection's goroutine for the rest of its life.
func (c *client) talk(conn net.Conn) {
	defer c.close()
	if c.server.cfg.Plaintext == PlaintextAny || c.tls || c.from.Addr().IsLoopback() {
		c.read(conn)
	} else {
		c.refuse("plain connections are accepted from the relay's own machine only: use TLS")
	}
	c.server.leave(c)
	c.out.end()
	<-c.out.done
	// Whatever still comes is of no interest, but closing with it unread would
	// be a reset, which could overtake the last package.
	_ = c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	var rest [512]byte
	for {
		if _, err := conn.Read(rest[:]); err != nil {
			return
		}
	}
}

func (c *client) close() {
	c.server.forget(c)
	_ = c.raw.Close()
}

// open finds out whether the client speaks TLS, and shakes hands.
func (c *client) open() (net.Conn, error) {
	first := &firstByte{Conn: c.raw}
	if _, err := c.raw.Read(first.b[:]); err != nil {
		return nil, err
	}
	var conn net.Conn = first
	if c.tls = first.b[0] == tlsHandshake; c.tls {
		tc := tls.Server(first, c.server.tls)
		_ = c.raw.SetWriteDeadline(time.Now().Add(c.server.cfg.LoginTimeout))
		if err := tc.Handshake(); err != nil {
			return nil, err
		}
		conn = tc
	}
	return conn, c.server.attach(c, conn)
}

// refuse tells the client why it must go.
func (c *client) refuse(reason string) {
	c.send(netproto.UnknownError{Reason: reason})
	c.out.end()
}

func (c *client) send(p netproto.Package) {
	c.out.put(appendPackage(p), false)
}

// appendPackage encodes what the relay has made itself.
func appendPackage(p netproto.Package) []byte {
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		panic("relay: " + err.Error())
	}
	return b
}

// read reads packages until the client has gone or must go.
func (c *client) read(conn net.Conn) {
	var decoder netproto.Decoder
	buf := make([]byte, readSize)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.sessionKnown {
			c.refuse("no SEND_NICKNAME in time")
		}
		if err != nil {
			return
		}
		decoder.Write(buf[:n])
		for {
			p, err := decoder.Next()
			if errors.Is(err, netproto.ErrNeedMore) {
				break
			}
			if !c.rate.allow(c.server.now(), time.Second/time.Duration(c.server.cfg.PackageRate), packageBurst) {
				c.refuse("too many packages")
				return
			}
			if err == nil {
				if _, ok := p.(netproto.Disconnect); ok {
					return
				}
				err = c.handle(p)
			}
			if err == nil {
				c.badInARow = 0
				continue
			}
			c.badInARow++
			c.badInAll++
			var bad *netproto.PackageError
			if c.badInARow >= maxBadInARow || c.badInAll >= maxBadInAll || !errors.As(err, &bad) && errors.Is(err, netproto.ErrTooLarge) {
				c.refuse(err.Error())
				return
			}
			c.send(netproto.UnknownError{Reason: err.Error()})
		}
	}
}

// handle does what a package asks for. Its errors go to the client.
func (c *client) handle(p netproto.Package) error {
	switch p := p.(type) {
	case netproto.SendNickname:
		if c.sessionKnown {
			return errors.New("this connection has a name already")
		}
		if err := netproto.CheckName(p.Name); err != nil {
			return err
		}
		if err := netproto.CheckRoom(p.Room); err != nil {
			return err
		}
		if err := c.server.join(c, p); err != nil {
			return err
		}
		c.sessionKnown = true
		return c.raw.SetReadDeadline(time.Time{})
	case netproto.ClientPort:
		c.send(netproto.Ack{})
	case netproto.Ack, netproto.UnknownError:
		// Nothing to answer.
	default:
		return fmt.Errorf("%v is not for clients to send", p.Key())
	}
	return nil
}
