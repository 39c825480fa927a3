package udpio

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVector bounds what one sendmmsg sends to about a fifth of a millisecond:
// longer than that the garbage collector should not have to wait for us.
const maxVector = 128

// shortWait is the longest wait that Read spends inside the kernel, where it
// keeps its thread, and with it a processor of the runtime, from other work.
const shortWait = 10 * time.Millisecond

// fullWait is how long SendGroup waits for room in the socket's send buffer
// before it gives the rest of the group up: as long as a 1 Gbit/s card needs
// for an eighth of SocketBuffer.
const fullWait = 4 * time.Millisecond

// manyLeft is from how many datagrams on it pays to take the socket out of its epoll set.
const manyLeft = 32

// Marks in mmsgConn.users: Close was called; the file is closed.
const (
	closedBit = 1 << 40
	doneBit   = 1 << 41
)

// mmsgConn is a Conn on Linux. Its calls are raw ones that never block, so that
// the runtime does not take them for waiting: being told of every entry into
// the kernel, its monitor thread would wake up 50,000 times a second (measured:
// a fifth of the CPU of a relay with little to do). Waiting is the poller's.
type mmsgConn struct {
	fd     int
	family int
	local  netip.AddrPort
	many   bool // local is all addresses: each datagram says which one it was sent to

	// users counts the calls at work with fd; whoever is last after Close
	// closes it, so that no call ever meets a file that took its number.
	users atomic.Int64
	twin  atomic.Int64 // the socket to go on with when all is read from this one, see Part: its number + 1, or 0

	// The socket is not in the runtime's own epoll set: the kernel would tell that one
	// of every datagram that has left, which costs 3 % of sending to a room, and
	// wakes a thread. It stands in a set of its own, and where many datagrams leave
	// only during a wait.
	epoll int
	left  atomic.Int64    // datagrams for groups since the last wait
	file  *os.File        // epoll, for the runtime's poller
	raw   syscall.RawConn // of file

	natural natural

	// Owned by the reader.
	hdrs    [BatchSize]unix.Mmsghdr
	iovs    [BatchSize]unix.Iovec
	sas     [BatchSize]sockaddr
	infos   [BatchSize]control
	bufs    [BatchSize][BufferSize]byte
	used    int       // headers that the kernel wrote to
	until   time.Time // the poller's deadline; zero: none
	want    int       // of the read under way
	errno   unix.Errno
	called  bool                         // wakened was, in the read under way
	watched bool                         // the socket stands in its epoll set
	read    func(fd uintptr) (done bool) // wakened, made a function once
}

// sockaddr is a struct sockaddr_in6 or sockaddr_in in the kernel's form.
type sockaddr [unix.SizeofSockaddrInet6]byte

// newMmsgConn takes fd over.
func newMmsgConn(fd, family int, local netip.AddrPort) (*mmsgConn, error) {
	c := &mmsgConn{fd: fd, family: family, local: local, many: local.Addr().IsUnspecified(), used: BatchSize}
	var err error
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	_ = unix.SetNonblock(c.epoll, true) // which makes a file for the poller of it
	c.file = os.NewFile(uintptr(c.epoll), "udp")
	if c.raw, err = c.file.SyscallConn(); err != nil {
		c.closeFiles()
		return nil, err
	}
	for i := range c.hdrs {
		c.iovs[i].Base = &c.bufs[i][0]
		c.iovs[i].SetLen(BufferSize)
		h := &c.hdrs[i].Hdr
		h.Name = &c.sas[i][0]
		h.Iov = &c.iovs[i]
		h.SetIovlen(1)
		if c.many {
			h.Control = c.infos[i].bytes()
		}
	}
	c.read = c.wakened
	return c, nil
}

func (c *mmsgConn) LocalAddr() netip.AddrPort { return c.local }

// enter keeps the file open until exit; it fails once the Conn is closed.
func (c *mmsgConn) enter() bool {
	if c.users.Add(1) < closedBit {
		return true
	}
	c.exit()
	return false
}

func (c *mmsgConn) exit() {
	if c.users.Add(-1) == closedBit && c.users.CompareAndSwap(closedBit, doneBit) {
		c.closeFiles()
	}
}

func (c *mmsgConn) closeFiles() {
	_ = c.file.Close()
	_ = unix.Close(c.fd)
	if twin := c.twin.Load(); twin != 0 {
		_ = unix.Close(int(twin - 1))
	}
}

func (c *mmsgConn) Read(msgs []Message, wait time.Duration) (int, error) {
	if !c.enter() {
		return 0, ErrClosed
	}
	defer c.exit()
	c.want = min(len(msgs), BatchSize)
	if c.twin.Load() != 0 {
		if c.tryRead() {
			return c.result(msgs)
		}
		if err := c.change(); err != nil {
			return 0, err
		}
	}
	if wait <= shortWait {
		return c.readSoon(msgs, wait)
	}
	if !c.watched && c.tryRead() {
		return c.result(msgs)
	}
	if err := c.setDeadline(wait); err != nil {
		return 0, err
	}
	many := c.left.Swap(0) >= manyLeft
	c.called = false
	err := c.raw.Read(c.read)
	if many && c.watched {
		_ = c.watch(unix.EPOLL_CTL_DEL)
		c.watched = false
	}
	switch {
	case c.users.Load() >= closedBit:
		return 0, ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return c.result(msgs)
}

// change goes on with the twin, under the same number.
func (c *mmsgConn) change() error {
	if c.watched {
		_ = c.watch(unix.EPOLL_CTL_DEL)
		c.watched = false
	}
	c.until = time.Time{} // Part has set another one
	twin := int(c.twin.Load() - 1)
	if err := unix.Dup3(twin, c.fd, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	c.twin.Store(0)
	_ = unix.Close(twin)
	return nil
}

// wakened is called by the poller: once before it waits, and then when something is
// there. Not before the first call may the socket stand in its set, or the poller
// forgets what it is told. What has come until then wakes it at once.
func (c *mmsgConn) wakened(uintptr) (done bool) {
	switch {
	case c.called && c.watched:
		return c.tryRead()
	case !c.watched:
		c.errno = c.watch(unix.EPOLL_CTL_ADD)
		c.watched = c.errno == 0
	case c.tryRead(): // it was told of this one before, and has forgotten
		return true
	}
	c.called = true
	return !c.watched
}

// watch puts the socket into its epoll set, or takes it out.
func (c *mmsgConn) watch(op int) unix.Errno {
	ev := unix.EpollEvent{Events: unix.EPOLLIN}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(c.epoll), uintptr(op), uintptr(c.fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return errno
}

// setDeadline sees to it that the poller's deadline is at the end of the wait, or
// before: one that is still to come stays. Setting it costs as much as sending two
// datagrams, and the runtime wakes up at the old time all the same.
func (c *mmsgConn) setDeadline(wait time.Duration) error {
	now := time.Now()
	if c.until.After(now) && !c.until.After(now.Add(wait)) {
		return nil
	}
	c.until = now.Add(wait)
	return c.file.SetReadDeadline(c.until)
}

// readSoon waits on the thread itself: the runtime's way to sleep for a
// millisecond and wake up again costs as much as sending some twenty
// datagrams.
func (c *mmsgConn) readSoon(msgs []Message, wait time.Duration) (int, error) {
	end := time.Now().Add(wait)
	for !c.tryRead() {
		fds := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
		ts := unix.NsecToTimespec(int64(max(0, time.Until(end))))
		n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		switch {
		case c.users.Load() >= closedBit:
			return 0, ErrClosed
		case errno == 0 && n == 0:
			return 0, nil
		case errno != 0 && errno != unix.EINTR:
			return 0, errno
		}
	}
	return c.result(msgs)
}

func (c *mmsgConn) result(msgs []Message) (int, error) {
	if c.errno != 0 {
		return 0, c.errno
	}
	for i := range c.used {
		from := Path{Remote: c.sas[i].addrPort()}
		if c.many && c.hdrs[i].Hdr.Controllen > 0 {
			from.Local = c.infos[i].local()
		}
		msgs[i] = Message{From: from, Data: c.bufs[i][:c.hdrs[i].Len]}
	}
	return c.used, nil
}

// tryRead reads what is there, if anything is.
func (c *mmsgConn) tryRead() (done bool) {
	for i := range c.used { // what the kernel wrote last time
		h := &c.hdrs[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		if c.many {
			h.SetControllen(controlSize)
		}
	}
	c.used = 0
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&c.hdrs[0])), uintptr(c.want), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EAGAIN:
			return false
		case unix.EINTR:
			continue
		case 0:
			c.used = int(n)
		}
		c.errno = errno
		return true
	}
}

func (c *mmsgConn) Send(to Path, d []byte) error {
	if !c.enter() {
		return ErrClosed
	}
	defer c.exit()
	var m struct { // one variable, so that all of it lives as long as the call
		hdr  unix.Msghdr
		iov  unix.Iovec
		sa   sockaddr
		info control
	}
	m.iov.Base = unsafe.SliceData(d)
	m.iov.SetLen(len(d))
	m.hdr.Iov = &m.iov
	m.hdr.SetIovlen(1)
	m.hdr.Name, m.hdr.Namelen = &m.sa[0], uint32(m.sa.set(c.family, to.Remote))
	if c.from(to) {
		m.hdr.Control = m.info.bytes()
		m.hdr.SetControllen(m.info.set(c.family, to.Local))
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return errno
	}
	return nil
}

// mmsgGroup is a Group on Linux: message headers ready for sendmmsg.
type mmsgGroup struct {
	iov   unix.Iovec // the one payload of all
	hdrs  []unix.Mmsghdr
	sas   []sockaddr
	infos []control // nil where the system chooses for all
}

func (g *mmsgGroup) Len() int { return len(g.hdrs) }

func (c *mmsgConn) NewGroup(to []Path) Group {
	g := &mmsgGroup{hdrs: make([]unix.Mmsghdr, len(to)), sas: make([]sockaddr, len(to))}
	for i, p := range to {
		h := &g.hdrs[i].Hdr
		h.Name, h.Namelen = &g.sas[i][0], uint32(g.sas[i].set(c.family, p.Remote))
		h.Iov = &g.iov
		h.SetIovlen(1)
		if !c.from(p) || c.natural.chosen(p) {
			continue
		}
		if g.infos == nil {
			g.infos = make([]control, len(to))
		}
		h.Control = g.infos[i].bytes()
		h.SetControllen(g.infos[i].set(c.family, p.Local))
	}
	return g
}

// from tells whether the kernel has to be told the address to send from.
func (c *mmsgConn) from(p Path) bool {
	return c.many && (p.Local.Is4() || p.Local.Is6() && c.family == unix.AF_INET6)
}

func (c *mmsgConn) SendGroup(group Group, d []byte, skip []int) (int, error) {
	g := group.(*mmsgGroup)
	if !c.enter() {
		return 0, ErrClosed
	}
	defer c.exit()
	g.iov.Base = unsafe.SliceData(d)
	g.iov.SetLen(len(d))
	// Those to skip change places with the last ones: one call suffices.
	end := len(g.hdrs)
	for i := len(skip) - 1; i >= 0; i-- {
		end--
		g.hdrs[skip[i]], g.hdrs[end] = g.hdrs[end], g.hdrs[skip[i]]
	}
	sent, err := c.sendAll(g.hdrs[:end])
	for _, s := range skip {
		g.hdrs[s], g.hdrs[end] = g.hdrs[end], g.hdrs[s]
		end++
	}
	c.left.Add(int64(sent))
	g.iov.Base = nil // the payload is the caller's again
	return sent, err
}

// sendAll sends the messages, however many calls that takes. sendmmsg stops
// at the first message that fails, and says why only when that is the first of
// a call: it is left out and the rest goes on. A full buffer is waited for
// once, fullWait in all.
func (c *mmsgConn) sendAll(hdrs []unix.Mmsghdr) (sent int, first error) {
	waited := false
	for len(hdrs) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&hdrs[0])),
			uintptr(min(len(hdrs), maxVector)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0:
			sent += int(n)
			hdrs = hdrs[n:]
		case errno == unix.EINTR:
		case (errno == unix.EAGAIN || errno == unix.ENOBUFS) && !waited:
			waited = true
			fds := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
			_, _ = unix.Poll(fds[:], int(fullWait/time.Millisecond))
		case errno == unix.EAGAIN || errno == unix.ENOBUFS:
			return sent, errno
		default:
			if first == nil {
				first = errno
			}
			hdrs = hdrs[1:]
		}
	}
	return sent, first
}

func (c *mmsgConn) Close() error {
	if !c.enter() {
		return ErrClosed
	}
	defer c.exit()
	for n := c.users.Load(); !c.users.CompareAndSwap(n, n+closedBit); n = c.users.Load() {
		if n >= closedBit {
			return ErrClosed
		}
	}
	_ = c.file.SetReadDeadline(time.Unix(1, 0)) // wakes Read
	return nil
}

// set writes an address in the kernel's form for a socket of the family, and
// returns its length: 0, which no call accepts, for IPv6 on an IPv4 socket.
func (sa *sockaddr) set(family int, a netip.AddrPort) int {
	ip := a.Addr()
	binary.NativeEndian.PutUint16(sa[0:], uint16(family))
	binary.BigEndian.PutUint16(sa[2:], a.Port())
	if family == unix.AF_INET {
		if ip = ip.Unmap(); !ip.Is4() {
			return 0
		}
		ip4 := ip.As4()
		copy(sa[4:8], ip4[:])
		return unix.SizeofSockaddrInet4
	}
	ip16 := ip.As16() // IPv4 mapped into IPv6
	copy(sa[8:24], ip16[:])
	if zone := ip.Zone(); zone != "" {
		scope, _ := strconv.ParseUint(zone, 10, 32) // a number, from addrPort
		binary.NativeEndian.PutUint32(sa[24:], uint32(scope))
	}
	return unix.SizeofSockaddrInet6
}

// addrPort reads an address in the kernel's form. Only a link-local one, which
// has a zone, may allocate.
func (sa *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(sa[2:])
	if binary.NativeEndian.Uint16(sa[0:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(sa[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(sa[8:24])).Unmap()
	if scope := binary.NativeEndian.Uint32(sa[24:]); scope != 0 && ip.Is6() {
		ip = ip.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return netip.AddrPortFrom(ip, port)
}
