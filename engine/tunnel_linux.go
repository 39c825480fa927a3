package engine

import (
	"net"
	"syscall"
)

const (
	// tcpNotSentLowat is TCP_NOTSENT_LOWAT of linux/tcp.h, which package syscall does not have.
	tcpNotSentLowat = 25
	// mostNotSent is how many bytes wait in the kernel at most for TCP to send them: about three datagrams of voice. What
	// is there cannot be dropped any more.
	mostNotSent = 512
)

// holdLittle has the kernel keep little of what it cannot send yet.
func holdLittle(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, mostNotSent)
		})
	}
}
