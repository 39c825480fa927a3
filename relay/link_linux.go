package relay

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errNoFile: the connection is no file of the kernel's.
var errNoFile = errors.New("no file")

func (l *link) syscallConn() (syscall.RawConn, error) {
	if c, ok := l.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errNoFile
}

// canPark: with nothing to read it need not keep a goroutine.
func (l *link) canPark() bool {
	_, ok := l.Conn.(syscall.Conn)
	return ok
}

// control calls f with the file descriptor, which stays open meanwhile.
func (l *link) control(f func(fd uintptr) error) error {
	raw, err := l.syscallConn()
	if err != nil {
		return err
	}
	if outer := raw.Control(func(fd uintptr) { err = f(fd) }); outer != nil {
		return outer
	}
	return err
}

// setUserTimeout has the kernel give the peer up that takes nothing for so long: where something is unsent, it asks no
// keep-alive questions.
func (l *link) setUserTimeout(d time.Duration) {
	_ = l.control(func(fd uintptr) error {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
}

// gone tells whether the peer has ended the connection, with all that it sent before read.
func (l *link) gone() bool {
	err := l.control(func(fd uintptr) error {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if n == 0 && err == nil {
			return io.EOF
		}
		return err
	})
	return err != nil && err != unix.EAGAIN && err != unix.EINTR && err != errNoFile
}

// readNow reads what is there.
func (l *link) readNow(p []byte) (n int, err error) {
	raw, err := l.syscallConn()
	if err != nil {
		return 0, err
	}
	outer := raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), p)
		return true
	})
	switch {
	case outer != nil:
		return 0, outer
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, errNothing
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}
