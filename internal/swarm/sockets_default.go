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
	wg      sync.WaitGroup
}

func newReaders(clients []atomic.Pointer[client], _ int) (*readers, error) {
	return &readers{clients: clients}, nil
}

// adopt makes c the client i and reads for it from now on.
func (r *readers) adopt(i int, c *client) error {
	r.clients[i].Store(c)
	r.wg.Go(func() {
		err := c.control.read(c, make([]byte, 4096))
		if !errors.Is(err, os.ErrDeadlineExceeded) { // stop
			c.end(err)
		}
	})
	r.wg.Go(func() {
		udp := c.socket.(udpSocket).UDPConn
		for buf := make([]byte, 1500); ; {
			n, err := udp.Read(buf)
			if err == nil {
				c.datagram(buf[:n], time.Now().UnixNano())
			} else if errors.Is(err, os.ErrDeadlineExceeded) {
				return // stop
			}
		}
	})
	return nil
}

// stop ends and joins the goroutines. Then what the clients have counted is
// the caller's.
func (r *readers) stop() {
	for i := range r.clients {
		if c := r.clients[i].Load(); c != nil {
			_ = c.control.tcp.SetReadDeadline(time.Unix(1, 0))
			_ = c.socket.(udpSocket).SetReadDeadline(time.Unix(1, 0))
		}
	}
	r.wg.Wait()
}

type udpSocket struct{ *net.UDPConn }

// openSocket opens a UDP socket towards the relay.
func openSocket(relay netip.AddrPort, _ bool) (socket, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(relay))
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
func (s udpSocket) close()          { _ = s.Close() }

// readNow is for readers that must not wait; here each has a goroutine.
func readNow(syscall.RawConn, []byte) (int, error) { return 0, errNothing }
