package relay

import (
	"errors"
	"net"
	"time"
)

// link is a client's TCP connection, below TLS. The first byte, by which TLS is
// told from JSON, is read ahead and put back in front.
type link struct {
	net.Conn
	first [1]byte
	ahead bool // first has been read and not yet been given
	// tunnel: reads and writes go through it, and writes do not wait. nil: a control connection, or not known yet.
	tunnel *tunnel
	// eager: Read does not wait. The reader's own.
	eager           bool
	readBy, writeBy deadline
	turn            chan struct{} // has one of this link's in it until it waits; nil: none
}

// SetReadDeadline implements net.Conn.
func (l *link) SetReadDeadline(t time.Time) error {
	l.readBy.set(t)
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (l *link) SetWriteDeadline(t time.Time) error {
	l.writeBy.set(t)
	return l.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (l *link) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
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
	if _, err := l.wait(l.first[:]); err != nil {
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
	return l.wait(p)
}

// takeTurn waits until this link may compute a handshake. It may until it waits for its client, or giveTurn. It need not
// where the client has given up meanwhile: else a relay at which more come than it can take would work for those who
// have gone, while the others wait until they go as well.
func (l *link) takeTurn(turns chan struct{}) error {
	turns <- struct{}{}
	l.turn = turns
	if l.gone() {
		return errGone
	}
	return nil
}

var errGone = errors.New("the client has given up")

func (l *link) giveTurn() {
	if l.turn != nil {
		<-l.turn
		l.turn = nil
	}
}

// wait reads what is there or comes until the deadline.
func (l *link) wait(p []byte) (int, error) {
	l.giveTurn()
	read := l.Conn.Read
	if l.tunnel != nil {
		read = l.tunnel.socket.read
	}
	n, err := read(p)
	if n == 0 && l.readBy.excused(err) {
		_ = l.SetReadDeadline(time.Now().Add(graceTime))
		return read(p)
	}
	return n, err
}

// Write implements io.Writer.
func (l *link) Write(p []byte) (n int, err error) {
	if l.tunnel != nil {
		return l.tunnel.writeNow(p)
	}
	n, err = l.Conn.Write(p)
	if n < len(p) && l.writeBy.excused(err) {
		_ = l.SetWriteDeadline(time.Now().Add(graceTime))
		more := 0
		more, err = l.Conn.Write(p[n:])
		n += more
	}
	return n, err
}
