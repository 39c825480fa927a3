//go:build !linux

package relay

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// sendTime is the most that a write may wait, on systems where none is known that does not.
	sendTime = 2 * time.Millisecond
	// kernelBuffer is what the kernel may keep, in bytes, where it does not tell: about a second of one talker.
	kernelBuffer = 8 << 10
)

// tunnelSocket is a tunnel's TCP socket. One goroutine at a time uses it.
type tunnelSocket struct{ conn net.Conn }

func (s *tunnelSocket) use(l *link) {
	s.conn = l.Conn
	if b, ok := l.Conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = b.SetWriteBuffer(kernelBuffer)
	}
}

// write writes what the kernel takes of p.
func (s *tunnelSocket) write(p []byte) (int, error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(sendTime))
	n, err := s.conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

func (s *tunnelSocket) read(p []byte) (int, error) { return s.conn.Read(p) }

// waiting is not known.
func (s *tunnelSocket) waiting() (unacked, unsent int) { return 0, 0 }

func (s *tunnelSocket) rtt() time.Duration { return 0 }
