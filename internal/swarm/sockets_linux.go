package swarm

import (
	"cmp"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// readTick is how often a reader looks at its sockets: seldom enough that a
	// listener of several talkers has a few datagrams for one system call, and
	// a hundredth of what its socket's buffer holds.
	readTick = 10 * time.Millisecond
	// batchSize is how many datagrams one system call takes.
	batchSize = 32
	// eventsSize is how many sockets one system call reports.
	eventsSize = 256
	// socketBuffer lets a socket hold a second of several talkers while this
	// process gets no core: the kernel counts about 800 bytes for a datagram.
	socketBuffer = 512 << 10
	// bufferSize is enough for any datagram of the protocol.
	bufferSize = 1500
)

// What an epoll event is about, in its second word.
const (
	isVoice int32 = iota
	isControl
)

// Calls that never wait are RawSyscalls: an ordinary one wakes the runtime's
// monitor, which then costs more than the call.

// readers are the goroutines that read for all clients.
type readers struct {
	clients []atomic.Pointer[client]
	all     []*reader
	stopped atomic.Bool
	wg      sync.WaitGroup
}

// newReaders starts n goroutines.
func newReaders(clients []atomic.Pointer[client], n int) (*readers, error) {
	r := &readers{clients: clients}
	for range n {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			r.stop()
			return nil, os.NewSyscallError("epoll_create1", err)
		}
		one := newReader(r, fd)
		r.all = append(r.all, one)
		r.wg.Go(one.run)
	}
	return r, nil
}

// adopt makes c the client i and reads for it from now on.
func (r *readers) adopt(i int, c *client) error {
	c.control.tcp.eager = true
	// What TLS has read already will cause no event.
	if err := c.control.read(c, make([]byte, bufferSize)); err != nil {
		return err
	}
	c.via = c.socket
	r.clients[i].Store(c) // before the first event
	one := r.all[i%len(r.all)]
	switch s := c.socket.(type) {
	case *udpSocket:
		one.watch(i, c, s.fd, isVoice)
	case *tunnel:
		one.watch(i, c, s.fd, isVoice)
	}
	if err := c.control.tcp.raw.Control(func(fd uintptr) { one.watch(i, c, int(fd), isControl) }); err != nil {
		c.end(err)
	}
	return nil
}

// onLinux: clients can change their address, and use tunnels.
const onLinux = true

// move gives client i another socket. It reports false, and has closed the socket, when
// the reader is behind.
func (r *readers) move(i int, s socket) bool {
	select {
	case r.all[i%len(r.all)].orders <- order{client: i, socket: s}:
		return true
	default:
		s.close()
		return false
	}
}

// release ends the reading for client i. Its socket, its control connection and its
// counts are the caller's then.
func (r *readers) release(i int) socket {
	done := make(chan socket)
	r.all[i%len(r.all)].orders <- order{client: i, done: done}
	return <-done
}

// stop ends and joins the goroutines. Then what the clients have counted is
// the caller's.
func (r *readers) stop() {
	r.stopped.Store(true)
	r.wg.Wait()
	for _, one := range r.all {
		_ = unix.Close(one.ep)
	}
}

// order is what a reader is asked to do between two looks at its sockets: what closes
// one must not do so while it may be read, as its number goes to the next that is opened.
type order struct {
	client int
	socket socket      // to move to
	done   chan socket // if not nil: release the client instead, and give its socket to done
}

// reader empties the sockets of its share of the clients every readTick.
type reader struct {
	of     *readers
	ep     int
	orders chan order
	prober prober

	hdrs [batchSize]unix.Mmsghdr
	iovs [batchSize]unix.Iovec
	bufs [batchSize][bufferSize]byte
	oobs [batchSize][64]byte // control messages: the time of arrival
	text [16 << 10]byte      // control bytes
}

func newReader(of *readers, ep int) *reader {
	r := &reader{of: of, ep: ep, orders: make(chan order, eventsSize)}
	for i := range r.hdrs {
		r.iovs[i].Base = &r.bufs[i][0]
		r.iovs[i].SetLen(bufferSize)
		h := &r.hdrs[i].Hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.oobs[i][0]
		h.SetControllen(len(r.oobs[i]))
	}
	return r
}

func (r *reader) run() {
	events := make([]unix.EpollEvent, eventsSize)
	for !r.of.stopped.Load() {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.ep), uintptr(unsafe.Pointer(&events[0])), eventsSize, 0, 0, 0)
		if errno != 0 {
			n = 0
		}
		for _, e := range events[:n] {
			c := r.of.clients[e.Fd].Load()
			switch {
			case c == nil: // released, and its control connection is not closed yet
			case e.Pad == isVoice:
				r.receive(c)
			case c.lost.Load() == nil:
				if err := c.control.read(c, r.text[:]); err != nil {
					c.end(err)
				}
			}
		}
		if n < eventsSize {
			r.obey()
			time.Sleep(readTick)
		}
	}
}

// watch has the reader told when the file has something.
func (r *reader) watch(i int, c *client, fd int, about int32) {
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(i), Pad: about}
	if err := unix.EpollCtl(r.ep, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		c.end(os.NewSyscallError("epoll_ctl", err))
	}
}

// obey carries out the orders that are there.
func (r *reader) obey() {
	for {
		select {
		case o := <-r.orders:
			c := r.of.clients[o.client].Load()
			switch {
			case o.done != nil:
				r.of.clients[o.client].Store(nil)
				r.receive(c)
				o.done <- c.part()
			default:
				c.move(o.socket, &r.prober)
				r.watch(o.client, c, o.socket.(*udpSocket).fd, isVoice)
			}
		default:
			return
		}
	}
}

// receive empties a client's sockets.
func (r *reader) receive(c *client) {
	if c.former != nil {
		r.empty(c, c.former)
	}
	r.empty(c, c.socket) // only this goroutine changes it
}

func (r *reader) empty(c *client, s socket) {
	c.via = s
	if t, ok := s.(*tunnel); ok {
		at := time.Now().UnixNano()
		if err := t.receive(func(d []byte) { c.datagram(d, at) }); err != nil && c.lost.Load() == nil {
			c.end(err)
		}
		return
	}
	fd := s.(*udpSocket).fd
	measured := c.latency != nil
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.hdrs[0])),
			batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR || errno == unix.ECONNREFUSED { // refused: the relay is not there now
			continue
		}
		if errno != 0 {
			return
		}
		for i := range int(n) {
			h := &r.hdrs[i]
			var at int64
			if measured {
				at = arrival(r.oobs[i][:h.Hdr.Controllen])
			}
			h.Hdr.SetControllen(len(r.oobs[i])) // the kernel has set it to what it wrote
			c.datagram(r.bufs[i][:min(h.Len, bufferSize)], at)
		}
		if n < batchSize {
			return
		}
	}
}

// arrival reads the kernel's time of arrival from control messages; 0 if it is
// not there.
func arrival(oob []byte) int64 {
	for len(oob) >= unix.SizeofCmsghdr {
		head, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		if head.Level == unix.SOL_SOCKET && head.Type == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return (*unix.Timespec)(unsafe.Pointer(&data[0])).Nano()
		}
		oob = rest
	}
	return 0
}

// udpSocket is a socket outside Go's poller, which would be woken by every datagram.
type udpSocket struct {
	fd    int
	local int
}

// openSocket opens a UDP socket towards the relay, from the address given if it is
// valid. A measured one tells the time of arrival.
func openSocket(relay netip.AddrPort, from netip.Addr, measured bool) (socket, error) {
	family := unix.AF_INET6
	var sa unix.Sockaddr = &unix.SockaddrInet6{Port: int(relay.Port()), Addr: relay.Addr().As16()}
	if relay.Addr().Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(relay.Port()), Addr: relay.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &udpSocket{fd: fd}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // less will do
	if measured {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err == nil && from.Is4() && relay.Addr().Is4() {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()})
	}
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	var local unix.Sockaddr
	if err == nil {
		local, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("UDP socket", err)
	}
	switch a := local.(type) {
	case *unix.SockaddrInet4:
		s.local = a.Port
	case *unix.SockaddrInet6:
		s.local = a.Port
	}
	return s, nil
}

func (s *udpSocket) send(d []byte) error {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(d))), uintptr(len(d)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR, unix.ECONNREFUSED: // the answer to an earlier datagram; this one was not sent
			continue
		}
		return errno
	}
}

func (s *udpSocket) port() int { return s.local }

func (s *udpSocket) dropped() uint32 {
	var info [9]uint32 // SK_MEMINFO_VARS of linux/sock_diag.h; drops is the last
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[8]
}

func (s *udpSocket) unread() (n int) {
	var buf [1]byte
	for {
		_, _, err := unix.Recvfrom(s.fd, buf[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			n++
		case unix.EINTR, unix.ECONNREFUSED:
		default:
			return n
		}
	}
}

func (s *udpSocket) close() { _ = unix.Close(s.fd) }

// quietConn is a TCP connection outside Go's poller, which would be woken by all that comes. Nothing of it waits.
type quietConn struct {
	net.Conn // closed; for its addresses
	fd       int
}

// leavePoller takes a connection out of Go's poller.
func (c *tcpConn) leavePoller() (fd int, err error) {
	outer := c.raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err = cmp.Or(outer, err); err != nil {
		return 0, err
	}
	_ = c.Conn.Close()
	c.Conn = quietConn{c.Conn, fd}
	return fd, nil
}

// Read implements net.Conn; the error is errNothing when nothing is there.
func (c quietConn) Read(p []byte) (int, error) {
	n, err := unix.Read(c.fd, p)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, errNothing
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c quietConn) Write(p []byte) (int, error) {
	n, err := unix.Write(c.fd, p)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return max(n, 0), err
}

// Close implements net.Conn.
func (c quietConn) Close() error { return unix.Close(c.fd) }

// readNow reads what is there, without waiting.
func readNow(raw syscall.RawConn, p []byte) (n int, err error) {
	var why error
	err = raw.Read(func(fd uintptr) bool {
		for {
			if n, why = unix.Read(int(fd), p); why != unix.EINTR {
				return true
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case why == unix.EAGAIN:
		return 0, errNothing
	case why != nil:
		return 0, os.NewSyscallError("read", why)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}
