package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/rate"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
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

// client is one connection: of control, or a tunnel. Its goroutine reads while there is
// something to read, and then parks; what is written goes through its outbox.
type client struct {
	server *Server
	from   netip.AddrPort
	link   link
	number uint64 // higher than those of all that came before
	tls    bool
	stays  bool   // it has its goroutine all the time, as there are buffers above TLS
	entry  *entry // in the admission; nil: it has not been let in

	// Guarded by Server.mu until the goroutine ends, set once.
	out *outbox // nil while TLS is not up

	// Guarded by Server.mu.
	session uint32 // 0: no name yet
	voice   int
	version uint64 // of the last user list that was put into the outbox

	// The goroutine's own. It is handed from one to the next by the parking.
	conn         net.Conn // &link, or TLS over it
	decoder      netproto.Decoder
	rate         rate.Rate
	badInARow    int
	badInAll     int
	sessionKnown bool // the name has come
	answering    bool // its name, and nothing has come behind that
	farewell     bool // it has said DISCONNECT, or was shown the door
	silent       bool // the kernel has given it up
	begun        int  // bytes of a package without its end, as counted in Server.begun
	proven       bool // a tunnel that is a session's path, or has been

	// Guarded by parking.mu.
	known bool  // to the parking
	place int32 // there
}

// serve is the connection's first goroutine. It ends when the handshake is
// done: the next one begins with a small stack, and keeps it.
func (c *client) serve() {
	_ = c.link.SetDeadline(time.Now().Add(c.server.cfg.LoginTimeout))
	protocol, err := c.open()
	switch {
	case err != nil:
		c.close()
	case protocol == webProtocol:
		c.server.web.give(c)
	default:
		c.begin(protocol == netproto.TunnelProtocol)
	}
}

// begin starts the goroutine that reads from an open connection.
func (c *client) begin(tunnel bool) {
	if tunnel {
		c.server.wg.Go(c.server.newTunnel(c).read)
		return
	}
	if c.server.attach(c) != nil {
		c.close()
		return
	}
	c.server.wg.Go(c.talk)
}

// talk is the connection's goroutine while its client has something to say.
func (c *client) talk() {
	if c.server.cfg.Plaintext == PlaintextAny || c.tls || c.from.Addr().IsLoopback() {
		if parked := c.read(); parked {
			return // and another goroutine has it now, perhaps
		}
	} else {
		c.refuse("plain connections are accepted from the relay's own machine only: use TLS")
	}
	defer c.close()
	c.server.leave(c)
	c.out.end()
	<-c.out.done
	c.link.eager = false
	c.linger()
}

func (c *client) close() {
	c.server.forget(c)
	_ = c.link.Close()
}

// refuse tells the client why it must go, and the log.
func (c *client) refuse(reason string) {
	c.farewell = true
	c.server.note(slog.LevelInfo, c.from.Addr(), "refused", "from", c.from, "reason", reason)
	c.send(netproto.Disconnect{Reason: reason})
	c.out.end()
}

func (c *client) send(p netproto.Package) {
	c.out.put(appendPackage(p))
}

// appendPackage encodes what the relay has made itself.
func appendPackage(p netproto.Package) []byte {
	b, err := netproto.AppendPackage(nil, p)
	if err != nil {
		panic("relay: " + err.Error())
	}
	return b
}

// read reads packages until the client has gone or must go. If it is parked,
// it belongs to another goroutine from then on.
func (c *client) read() (parked bool) {
	buf := make([]byte, readSize)
	for {
		c.link.eager = c.sessionKnown && !c.stays && c.link.canPark()
		n, err := c.conn.Read(buf)
		if errors.Is(err, errNothing) {
			c.link.eager = false // while it has no goroutine, or must wait by itself
			if c.server.parking.park(c) {
				return true
			}
			n, err = c.conn.Read(buf)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.sessionKnown {
			c.refuse("no SEND_NICKNAME in time")
		}
		if err != nil {
			c.silent = gaveUp(err)
			return false
		}
		c.decoder.Write(buf[:n])
		for {
			p, err := c.decoder.Next()
			if errors.Is(err, netproto.ErrNeedMore) {
				if !c.server.mayKeep(c, c.decoder.Buffered()) {
					c.refuse("the relay holds too many packages without an end")
					return false
				}
				break
			}
			if !c.rate.Allow(c.server.now(), time.Second/time.Duration(c.server.cfg.PackageRate), packageBurst) {
				c.refuse("too many packages")
				return false
			}
			if err == nil {
				if d, ok := p.(netproto.Disconnect); ok && d.Session == 0 {
					c.farewell = true
					return false
				}
				err = c.handle(p)
			}
			if err == nil {
				c.badInARow = 0
				continue
			}
			if no := (refusal{}); errors.As(err, &no) {
				c.refuse(no.Error())
				return false
			}
			c.badInARow++
			c.badInAll++
			var bad *netproto.PackageError
			if c.badInARow >= maxBadInARow || c.badInAll >= maxBadInAll || !errors.As(err, &bad) && errors.Is(err, netproto.ErrTooLarge) {
				c.refuse(err.Error())
				return false
			}
			c.send(netproto.UnknownError{Reason: err.Error()})
		}
	}
}

// refusal is an error after which the client has to go.
type refusal struct{ error }

// handle does what a package asks for. Its errors go to the client.
func (c *client) handle(p netproto.Package) error {
	if c.answering {
		c.answering = false
		c.server.answered(c)
	}
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
		if p.Voice > 0 && len(p.Fresh) == 0 {
			return errors.New("FRESH is missing, without which there is no voice: use a newer version of the client")
		}
		if p.Voice == 0 {
			p.Fresh = nil // all would wait for its sender key
		}
		switch err := c.server.join(c, p); {
		case errors.Is(err, rooms.ErrClosing):
			c.out.end() // it has been told where to go
			return nil
		case errors.Is(err, rooms.ErrLate):
			return err
		case err != nil:
			return refusal{err}
		}
		c.sessionKnown = true
		if p.Voice > 0 {
			c.link.patient()
		}
		return c.link.SetReadDeadline(time.Time{})
	case netproto.Disconnect:
		answer := netproto.Package(netproto.Ack{})
		if err := c.server.moderate(c, p); err != nil { // no fault of the client's: the other one may just have left
			answer = netproto.UnknownError{Reason: err.Error()}
		}
		c.send(answer)
	case netproto.ClientPort:
		c.server.pass(c, p)
		c.send(netproto.Ack{})
	case netproto.Ack, netproto.UnknownError:
		// Nothing to answer.
	default:
		return fmt.Errorf("%v is not for clients to send", p.Key())
	}
	return nil
}
