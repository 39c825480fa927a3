package udpio

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// listen opens the sockets and then tells the kernel how to choose between
// them. Where it cannot be told, one socket remains: without steering, the
// datagrams of one room would be spread over all workers.
func listen(addr netip.AddrPort, opts Options) ([]Conn, error) {
	n := max(opts.Sockets, 1)
	conns := make([]Conn, 0, n)
	closeFrom := func(i int) {
		for _, c := range conns[i:] {
			_ = c.Close()
		}
		conns = conns[:i]
	}
	for range n {
		c, err := openSocket(addr, n > 1)
		if err != nil {
			closeFrom(0)
			return nil, err
		}
		conns = append(conns, c)
		addr = netip.AddrPortFrom(addr.Addr(), c.LocalAddr().Port())
	}
	if n > 1 && steer(conns[0].(*mmsgConn), uint32(n), uint32(opts.SteerOffset)) != nil {
		closeFrom(1)
	}
	return conns, nil
}

// openSocket makes a Conn of a socket of its own.
func openSocket(addr netip.AddrPort, shared bool) (*mmsgConn, error) {
	fd, err := bindSocket(addr, shared)
	if err != nil {
		return nil, err
	}
	return connOf(fd)
}

// connOf makes a Conn of a bound socket, which it takes over.
func connOf(fd int) (*mmsgConn, error) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("getsockopt SO_DOMAIN", err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	return newMmsgConn(fd, family, addrPort(local))
}

// bindSocket makes a socket.
func bindSocket(addr netip.AddrPort, shared bool) (int, error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == unix.EAFNOSUPPORT && addr.Addr() == netip.IPv6Unspecified() {
		family = unix.AF_INET // a kernel without IPv6
		fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	}
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	fail := func(call string, err error) (int, error) {
		_ = unix.Close(fd)
		return 0, os.NewSyscallError(call, err)
	}
	if shared {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fail("setsockopt SO_REUSEPORT", err)
		}
	}
	var sa unix.Sockaddr
	if family == unix.AF_INET {
		in4 := &unix.SockaddrInet4{Port: int(addr.Port())}
		if addr.Addr().Is4() {
			in4.Addr = addr.Addr().As4()
		}
		sa = in4
	} else {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return fail("setsockopt IPV6_V6ONLY", err)
		}
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16(), ZoneId: zoneID(addr.Addr().Zone())}
	}
	if addr.Addr().IsUnspecified() {
		if err := askLocal(fd, family); err != nil {
			return fail("setsockopt PKTINFO", err)
		}
	}
	setBuffer(fd, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE)
	setBuffer(fd, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE)
	if err := unix.Bind(fd, sa); err != nil {
		return fail("bind", err)
	}
	return fd, nil
}

// zoneID returns the number of a zone, which is that of an interface or its name; 0 for none.
func zoneID(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}

// setBuffer asks for SocketBuffer; force needs a privilege, and neither is
// worth failing for.
func setBuffer(fd, opt, force int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, SocketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, SocketBuffer)
	}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return unmap(netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)))
	}
	panic(fmt.Sprintf("udpio: socket address %T", sa))
}

// steer loads the classic BPF program "word at offset, modulo n" that picks
// the socket of a SO_REUSEPORT group (socket(7)). A datagram too short for the
// load ends the program with 0.
func steer(c *mmsgConn, n, offset uint32) error {
	return attach(c, []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: n},
		{Code: unix.BPF_RET | unix.BPF_A},
	})
}

func attach(c *mmsgConn, prog []unix.SockFilter) error {
	return unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}
