//go:build !linux

package swarm

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// readers are the goroutines that read for all clients: two for each.
type readers struct {
	clients []atomic.Pointer[client]
	each    []sync.WaitGroup // per client
}

func newReaders(clients []atomic.Pointer[client], _ int) (*readers, error) {
	return &readers{clients: clients, each: make([]sync.WaitGroup, len(clients))}, nil
}

// adopt makes c the client i and reads for it from now on.
func (r *readers) adopt(i int, c *client) error {
	c.via = c.socket
	r.clients[i].Store(c)
	r.each[i].Go(func() {
		err := c.control.read(c, make([]byte, 4096))
		if !errors.Is(err, os.ErrDeadlineExceeded) { // stop
			c.end(err)
		}
	})
	r.each[i].Go(func() {
		udp := c.via.(udpSocket).UDPConn
		for buf := make([]byte, 1500); ; {
			n, err := udp.Read(buf)
			if err == nil {
				c.datagram(buf[:n], time.Now().UnixNano())
			} else if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return // stop
			}
		}
	})
	return nil
}

// onLinux: clients can change their address, and use tunnels.
const onLinux = false

func (r *readers) move(int, socket) bool { return false }

// release ends the reading for client i. Its socket, its control connection and its
// counts are the caller's then.
func (r *readers) release(i int) socket {
	c := r.clients[i].Swap(nil)
	_ = c.control.tcp.SetReadDeadline(time.Unix(1, 0))
	_ = c.via.(udpSocket).SetReadDeadline(time.Unix(1, 0))
	r.each[i].Wait()
	return c.part()
}

// stop ends and joins the goroutines. Then what the clients have counted is
// the caller's.
func (r *readers) stop() {
	for i := range r.clients {
		if c := r.clients[i].Load(); c != nil {
			_ = c.control.tcp.SetReadDeadline(time.Unix(1, 0))
			_ = c.via.(udpSocket).SetReadDeadline(time.Unix(1, 0))
		}
	}
	for i := range r.each {
		r.each[i].Wait()
	}
}

type udpSocket struct{ *net.UDPConn }

// openSocket opens a UDP socket towards the relay.
func openSocket(relay netip.AddrPort, from netip.Addr, _ bool) (socket, error) {
	var local *net.UDPAddr
	if from.IsValid() {
		local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	c, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(relay))
	if err != nil {
		return nil, err
	}
	return udpSocket{c}, nil
}

func (s udpSocket) send(d []byte) error {
	_, err := s.Write(d)
	return err
}

func (s udpSocket) port() int       { return s.LocalAddr().(*net.UDPAddr).Port }
func (s udpSocket) dropped() uint32 { return 0 } // not told
func (s udpSocket) unread() (n int) {
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	var buf [1]byte
	for {
		if _, err := s.Read(buf[:]); errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			return n
		}
		n++
	}
}

func (s udpSocket) close() { _ = s.Close() }

// leavePoller is for tunnels.
func (c *tcpConn) leavePoller() (fd int, err error) { return 0, errors.ErrUnsupported }

// readNow is for readers that must not wait; here each has a goroutine.
func readNow(syscall.RawConn, []byte) (int, error) { return 0, errNothing }
