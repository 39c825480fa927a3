package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// Network is how a call reaches its relay where that is not by the system's TCP, TLS and UDP, as in a browser. Who gives
// one vouches that it leads to the relay and to nobody else: certificates, pins and addresses are its business, and the
// call stays with that one relay, wherever it is sent.
type Network struct {
	// Control connects to the relay for packages: a stream of bytes to it, as a connection by TLS is one.
	Control func(ctx context.Context) (net.Conn, error)
	// Tunnel makes another such connection, for datagrams where Datagrams carries none. Its Write waits while more than
	// some datagrams have not been taken by the network yet: then those that are late are dropped, else they would queue.
	Tunnel func(ctx context.Context) (net.Conn, error)
	// Datagrams opens a socket to the relay without waiting for anything. nil: there are no datagrams, and voice takes
	// the tunnel.
	Datagrams func() (DatagramConn, error)

	// Overhead and TunnelOverhead are how many bytes a datagram takes besides its own, by Datagrams and by Tunnel.
	Overhead, TunnelOverhead int
}

// DatagramConn is a socket for datagrams to the relay and from it: each Write is one, and each Read. Write does not wait;
// what is written before there is a way counts as lost. An error of Write says that this way is at its end, so that
// another one is opened. Read ends with net.ErrClosed after Close, and with os.ErrDeadlineExceeded after its deadline.
// *net.UDPConn is one.
type DatagramConn interface {
	io.ReadWriteCloser
	SetReadDeadline(at time.Time) error
}

// handshakeTrips is how many round trips Network.Control takes: TCP, TLS and the WebSocket's request.
const handshakeTrips = 3

// try connects for packages.
func (n *Network) try(ctx context.Context) attempt {
	start := time.Now()
	conn, err := n.Control(ctx)
	if err != nil {
		return attempt{err: fmt.Errorf("%w: %w", ErrConnectionLost, err)}
	}
	took := time.Since(start) / handshakeTrips
	return attempt{ctl: &control{conn: conn, raw: conn, took: took, network: n, trust: TrustNetwork}, connected: true}
}

// dial opens a socket for datagrams.
func (n *Network) dial() (DatagramConn, error) {
	if n.Datagrams == nil {
		return newNoDatagrams(), nil
	}
	return n.Datagrams()
}

// noDatagrams is a way that leads nowhere: what is sent is lost, and nothing comes.
type noDatagrams struct{ net.Conn }

func newNoDatagrams() noDatagrams {
	ours, theirs := net.Pipe()
	_ = theirs // nobody: a Read waits for the deadline or the end
	return noDatagrams{ours}
}

// Write loses d.
func (noDatagrams) Write(d []byte) (int, error) { return len(d), nil }

// Read waits for the end.
func (n noDatagrams) Read(d []byte) (int, error) {
	c, err := n.Conn.Read(d)
	if err == io.ErrClosedPipe { //nolint:errorlint // as package net returns it
		err = net.ErrClosed
	}
	return c, err
}
