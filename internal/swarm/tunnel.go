package swarm

import (
	"context"
	"sync"

	"github.com/tincan-voice/tincan/netproto"
)

// tunnel is a client's socket where its datagrams go by TCP (docs/protocol.md, section 12).
type tunnel struct {
	*control
	fd int // on Linux

	mu  sync.Mutex // of out
	out []byte

	// The reader's own.
	buf  []byte
	have int
}

// openTunnel opens a tunnel to the relay.
func (d *dialer) openTunnel(ctx context.Context, place int) (*tunnel, error) {
	c, err := d.dial(ctx, place, netproto.TunnelProtocol)
	if err != nil {
		return nil, err
	}
	t := &tunnel{control: c, buf: make([]byte, 2*netproto.MaxDatagram)}
	if t.fd, err = c.tcp.leavePoller(); err != nil {
		_ = c.tcp.Close()
		return nil, err
	}
	return t, nil
}

func (t *tunnel) send(d []byte) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out, err = netproto.AppendTunnel(t.out[:0], d); err == nil {
		_, err = t.conn.Write(t.out)
	}
	return err
}

// receive calls each with what is there.
func (t *tunnel) receive(each func(d []byte)) error {
	for {
		n, err := t.conn.Read(t.buf[t.have:])
		if err == errNothing {
			return nil
		}
		if err != nil {
			return err
		}
		stream := t.buf[:t.have+n]
		for {
			d, rest, err := netproto.ParseTunnel(stream)
			if err == netproto.ErrNeedMore {
				break
			}
			if err != nil {
				return err
			}
			each(d)
			stream = rest
		}
		t.have = copy(t.buf, stream)
	}
}

func (t *tunnel) port() int       { return 0 }
func (t *tunnel) dropped() uint32 { return 0 }
func (t *tunnel) unread() int     { return 0 }
func (t *tunnel) close()          { _ = t.tcp.Close() }
