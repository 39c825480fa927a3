package swarm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// joinTimeout bounds dialing, shaking hands and waiting for SESSION, together.
	joinTimeout = 20 * time.Second
	// leaveTimeout bounds saying goodbye.
	leaveTimeout = 2 * time.Second
)

// dialer opens control connections to one relay. All clients share its TLS
// configuration, which keeps no tickets: each of them shakes hands in full.
type dialer struct {
	address string
	also    []string    // other relays
	tls     *tls.Config // nil: plain

	mu  sync.Mutex
	key []byte // SHA-256 of the relay's public key, from the first connection
}

// errOtherKey: somebody answers whom the first connection did not meet.
var errOtherKey = errors.New("swarm: another certificate than that of the first connection")

func newDialer(address string, plaintext bool) *dialer {
	d := &dialer{address: address}
	if !plaintext {
		d.tls = &tls.Config{
			MinVersion:         tls.VersionTLS13,
			InsecureSkipVerify: true, // nothing said here is secret; see Config.Plaintext
			VerifyConnection:   d.verify,
		}
	}
	return d
}

func (d *dialer) verify(state tls.ConnectionState) error {
	key := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.key == nil {
		d.key = key[:]
	}
	if !bytes.Equal(d.key, key[:]) {
		return errOtherKey
	}
	return nil
}

// fingerprint is the relay's, as tincand prints it; "" without TLS.
func (d *dialer) fingerprint() string {
	if d.tls == nil {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return netproto.FingerprintOf([sha256.Size]byte(d.key))
}

// dial connects, with an ALPN name or without, to the relay in that place: 0 is the first one, and they come round again.
func (d *dialer) dial(ctx context.Context, place int, protocols ...string) (*control, error) {
	address := d.address
	if at := place % (1 + len(d.also)); at > 0 {
		address = d.also[at-1]
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	c := &control{tcp: tcpConn{Conn: conn, raw: raw}}
	c.conn = &c.tcp
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if d.tls != nil {
		cfg := d.tls
		if len(protocols) > 0 {
			cfg = cfg.Clone()
			cfg.NextProtos = protocols
		}
		tc := tls.Client(&c.tcp, cfg)
		c.conn = tc
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return c, nil
}

// control is a client's control connection.
type control struct {
	tcp  tcpConn
	conn net.Conn // &tcp, or TLS over it
}

// tcpConn is a TCP connection that can be told never to wait: then Read returns
// errNothing when there is nothing. It is a passing error to crypto/tls too.
type tcpConn struct {
	net.Conn
	raw   syscall.RawConn
	eager bool
}

// errNothing: nothing is there to read now.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read now" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

func (c *tcpConn) Read(p []byte) (int, error) {
	if !c.eager {
		return c.Conn.Read(p)
	}
	return readNow(c.raw, p)
}

// greet sends a client's name and reads up to SESSION. What comes behind it is
// handled too.
func (c *control) greet(cl *client, name string) error {
	if err := c.send(netproto.SendNickname{Name: name, Voice: netproto.Version, Room: cl.room.name, Fresh: make([]byte, netproto.FreshSize)}); err != nil {
		return err
	}
	here := false
	each := func(p netproto.Package) error {
		if s, ok := p.(netproto.Session); ok && !here {
			here = true
			return cl.joined(s)
		}
		return ending(p)
	}
	for buf := make([]byte, 4096); !here; {
		n, err := c.conn.Read(buf)
		if err := cl.packages.write(buf[:n], each); err != nil {
			return err
		}
		if err != nil && !here {
			return fmt.Errorf("no SESSION from the relay: %w", err)
		}
	}
	return nil
}

func (c *control) send(p netproto.Package) error {
	b, err := netproto.AppendPackage(nil, p)
	if err == nil {
		_, err = c.conn.Write(b)
	}
	return err
}

// read handles what is there, in eager mode up to the last byte. The error is
// why the connection is of no use any more.
func (c *control) read(cl *client, buf []byte) error {
	for {
		n, err := c.conn.Read(buf)
		if err := cl.packages.write(buf[:n], ending); err != nil {
			return err
		}
		if err == errNothing {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// leave says goodbye and closes.
func (c *control) leave() {
	_ = c.tcp.SetDeadline(time.Now().Add(leaveTimeout))
	_ = c.send(netproto.Disconnect{})
	_ = c.conn.Close()
}

// announce tells the relay the client's UDP port; from here on the connection has no deadline.
func (c *control) announce(port int) error {
	if err := c.send(netproto.ClientPort{Port: port}); err != nil {
		return err
	}
	return c.tcp.SetDeadline(time.Time{})
}

// voiceAddr is where the relay takes datagrams: at the port, or if that is 0 at
// the TCP port.
func (c *control) voiceAddr(port int) netip.AddrPort {
	remote := c.tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
	if port == 0 {
		port = int(remote.Port())
	}
	return netip.AddrPortFrom(remote.Addr().Unmap(), uint16(port))
}
