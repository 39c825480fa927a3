package relay

import (
	"io"
	"net"
)

// link is a client's TCP connection, below TLS. The first byte, by which TLS is
// told from JSON, is read ahead and put back in front.
type link struct {
	net.Conn
	first [1]byte
	ahead bool // first has been read and not yet been given
	// eager: Read does not wait. The reader's own.
	eager bool
}

// errNothing: nothing is there to read now. To crypto/tls it is a passing error,
// after which the connection goes on.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read now" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

// CloseWrite ends the stream of TCP towards the client.
func (l *link) CloseWrite() error { return l.Conn.(closeWriter).CloseWrite() }

// peek reads the first byte.
func (l *link) peek() (byte, error) {
	if _, err := io.ReadFull(l.Conn, l.first[:]); err != nil {
		return 0, err
	}
	l.ahead = true
	return l.first[0], nil
}

// Read implements io.Reader. It does not wait in eager mode: then the error is
// errNothing.
func (l *link) Read(p []byte) (int, error) {
	switch {
	case l.ahead && len(p) > 0:
		l.ahead = false
		p[0] = l.first[0]
		return 1, nil
	case l.eager:
		return l.readNow(p)
	}
	return l.Conn.Read(p)
}
