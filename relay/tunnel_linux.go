package relay

import (
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tunnelSocket is a tunnel's TCP socket. But for read its calls never wait, and one goroutine at a time makes them. All
// are raw ones, see package udpio: the runtime's monitor, told of a call, ticks every 20 us for a millisecond.
type tunnelSocket struct {
	raw syscall.RawConn

	// Of the call under way.
	p               []byte
	n               int
	errno           unix.Errno
	unacked, unsent int32
	writing, asking func(fd uintptr) // methods, made functions once

	// Of the read under way.
	into    []byte
	got     int
	failed  unix.Errno
	reading func(fd uintptr) (done bool)
}

func (s *tunnelSocket) use(l *link) {
	s.raw, _ = l.syscallConn() // only tests have links that are no sockets, and those no tunnels
	s.writing, s.asking, s.reading = s.doWrite, s.ask, s.doRead
}

// read reads what is there or comes until the deadline. It is the reader's, who may wait beside the others' calls.
func (s *tunnelSocket) read(p []byte) (int, error) {
	s.into = p
	err := s.raw.Read(s.reading)
	s.into = nil
	switch {
	case err != nil:
		return 0, err
	case s.failed != 0:
		return 0, os.NewSyscallError("read", s.failed)
	case s.got == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return s.got, nil
}

func (s *tunnelSocket) doRead(fd uintptr) (done bool) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.into))), uintptr(len(s.into)))
		if s.got, s.failed = int(n), errno; errno != unix.EINTR {
			return errno != unix.EAGAIN
		}
	}
}

// write writes what the kernel takes of p.
func (s *tunnelSocket) write(p []byte) (int, error) {
	s.p = p
	err := s.raw.Control(s.writing)
	s.p = nil
	switch {
	case err != nil:
		return 0, err
	case s.errno == unix.EAGAIN || s.errno == unix.EINTR:
		return 0, nil
	case s.errno != 0:
		return 0, os.NewSyscallError("send", s.errno)
	}
	return s.n, nil
}

func (s *tunnelSocket) doWrite(fd uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.p))), uintptr(len(s.p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	s.n, s.errno = int(n), errno
}

// waiting returns how many bytes in the kernel are not acknowledged (SIOCOUTQ, which is TIOCOUTQ), and how many of them
// it has not even sent (tcp(7)).
func (s *tunnelSocket) waiting() (unacked, unsent int) {
	s.unacked, s.unsent = 0, 0
	_ = s.raw.Control(s.asking)
	return int(s.unacked), int(s.unsent)
}

func (s *tunnelSocket) ask(fd uintptr) {
	_, _, _ = unix.RawSyscall(unix.SYS_IOCTL, fd, unix.TIOCOUTQ, uintptr(unsafe.Pointer(&s.unacked)))
	if s.unacked > 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_IOCTL, fd, unix.SIOCOUTQNSD, uintptr(unsafe.Pointer(&s.unsent)))
	}
}

// rtt is the round trip as TCP has it.
func (s *tunnelSocket) rtt() (rtt time.Duration) {
	_ = s.raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rtt = time.Duration(info.Rtt) * time.Microsecond
		}
	})
	return rtt
}
