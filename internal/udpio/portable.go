package udpio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// plainConn is a Conn made of package net's ordinary calls.
type plainConn struct {
	udp *net.UDPConn
	buf [BufferSize]byte
}

type plainGroup []Path

func (g plainGroup) Len() int { return len(g) }

// listenPlain binds one socket the portable way.
func listenPlain(addr netip.AddrPort) (Conn, error) {
	network, host := "udp", ""
	if !addr.Addr().IsUnspecified() {
		host = addr.Addr().String()
	} else if addr.Addr().Is4() {
		network = "udp4"
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(context.Background(), network, net.JoinHostPort(host, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return nil, err
	}
	udp := pc.(*net.UDPConn)
	// The kernel's own limits hold; a smaller buffer is no reason to fail.
	_ = udp.SetReadBuffer(SocketBuffer)
	_ = udp.SetWriteBuffer(SocketBuffer)
	return &plainConn{udp: udp}, nil
}

func (c *plainConn) Read(msgs []Message, wait time.Duration) (int, error) {
	if err := c.udp.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, ErrClosed
	}
	n, from, err := c.udp.ReadFromUDPAddrPort(c.buf[:])
	switch {
	case err == nil:
		msgs[0] = Message{From: Path{Remote: unmap(from)}, Data: c.buf[:n]}
		return 1, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil
	case errors.Is(err, net.ErrClosed):
		return 0, ErrClosed
	}
	return 0, err
}

func (c *plainConn) Send(to Path, d []byte) error {
	_, err := c.udp.WriteToUDPAddrPort(d, to.Remote)
	if errors.Is(err, net.ErrClosed) {
		return ErrClosed
	}
	return err
}

func (c *plainConn) NewGroup(to []Path) Group { return plainGroup(to) }

func (c *plainConn) SendGroup(g Group, d []byte, skip []int) (sent int, err error) {
	for i, to := range g.(plainGroup) {
		if len(skip) > 0 && skip[0] == i {
			skip = skip[1:]
			continue
		}
		if e := c.Send(to, d); e == nil {
			sent++
		} else if err == nil {
			err = e
		}
	}
	return sent, err
}

func (c *plainConn) LocalAddr() netip.AddrPort {
	return unmap(c.udp.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (c *plainConn) Close() error {
	if err := c.udp.Close(); err != nil {
		return ErrClosed
	}
	return nil
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
