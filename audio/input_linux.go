package audio

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openInput opens a file to read. Pipes, FIFOs and sockets do not block a thread but wait in the runtime's poller,
// so that Close ends a Read; and the opening of a FIFO does not wait for its writer.
func openInput(path string) (input, error) {
	if isStdin(path) {
		return openStdin()
	}
	return openPath(path, unix.O_NONBLOCK)
}

// stdin reads standard input through a descriptor of its own. The mode that the two share is put back at the end.
type stdin struct {
	*os.File
	restore bool
}

func openStdin() (input, error) {
	failed := func(err error) (input, error) { return nil, fmt.Errorf("standard input: %w", err) }
	var stat unix.Stat_t
	if err := unix.Fstat(unix.Stdin, &stat); err != nil {
		return failed(err)
	}
	flags, err := unix.FcntlInt(uintptr(unix.Stdin), unix.F_GETFL, 0)
	if err != nil {
		return failed(err)
	}
	fd, err := unix.FcntlInt(uintptr(unix.Stdin), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return failed(err)
	}
	kind := stat.Mode & unix.S_IFMT
	restore := (kind == unix.S_IFIFO || kind == unix.S_IFSOCK) && flags&unix.O_NONBLOCK == 0
	if restore {
		if err := unix.SetNonblock(fd, true); err != nil {
			_ = unix.Close(fd)
			return failed(err)
		}
	}
	return stdin{os.NewFile(uintptr(fd), "standard input"), restore}, nil
}

func (s stdin) Close() error {
	err := s.File.Close()
	if s.restore {
		_ = unix.SetNonblock(unix.Stdin, false) // it may have been closed meanwhile
	}
	return err
}

// awaitWriter waits until there is something to read, or the writer has left: as long as a FIFO has never
// been opened to write, a read that does not block says end of file, but poll reports nothing.
func awaitWriter(f input) error {
	c, ok := f.(syscall.Conn)
	if !ok {
		return nil
	}
	conn, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n != 0 || err != nil && err != unix.EINTR
	})
}
