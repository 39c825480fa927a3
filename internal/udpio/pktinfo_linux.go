package udpio

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is a control message in the kernel's form that carries an address of this
// machine: one that a datagram was sent to, or is to be sent from.
type control struct {
	hdr  unix.Cmsghdr
	info [unix.SizeofInet6Pktinfo]byte // or an Inet4Pktinfo, which is shorter
}

const controlSize = int(unsafe.Sizeof(control{}))

// askLocal makes the kernel add a control to every datagram that comes. A socket of IPv6
// has IPv4's addresses mapped into IPv6's.
func askLocal(fd, family int) error {
	if family == unix.AF_INET {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

func (c *control) bytes() *byte { return (*byte)(unsafe.Pointer(c)) }

// local reads the address that a datagram was sent to. It has no zone: that of the
// remote address says all.
func (c *control) local() netip.Addr {
	switch {
	case c.hdr.Level == unix.IPPROTO_IP && c.hdr.Type == unix.IP_PKTINFO:
		return netip.AddrFrom4([4]byte(c.info[4:8])) // ipi_spec_dst
	case c.hdr.Level == unix.IPPROTO_IPV6 && c.hdr.Type == unix.IPV6_PKTINFO:
		return netip.AddrFrom16([16]byte(c.info[:16])).Unmap()
	}
	return netip.Addr{}
}

// set writes the address to send from, and returns the length. The kernel chooses the
// interface.
func (c *control) set(family int, local netip.Addr) int {
	n := 0
	if family == unix.AF_INET {
		n = unix.SizeofInet4Pktinfo
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		ip := local.As4()
		copy(c.info[4:8], ip[:])
	} else {
		n = unix.SizeofInet6Pktinfo
		c.hdr.Level, c.hdr.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		ip := local.As16()
		copy(c.info[:16], ip[:])
	}
	c.hdr.SetLen(unix.CmsgLen(n))
	return unix.CmsgLen(n)
}
