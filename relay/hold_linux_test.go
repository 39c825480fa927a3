package relay

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel waits longer for clients with voice, whose datagrams tell that they are there. The others have it as ever.
func TestPatience(t *testing.T) {
	s := startServer(t, Config{})
	old := dialTIP(t, s)
	old.login("old", "old")
	options := func(session uint32) (got [4]int) {
		s.mu.Lock()
		c := s.sessions[session]
		s.mu.Unlock()
		err := c.link.control(func(fd uintptr) (err error) {
			for i, opt := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_USER_TIMEOUT} {
				if got[i], err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, opt); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := options(s.Clients()[0].Session); got != [4]int{15, 5, 2, 0} {
		t.Errorf("without voice: %v", got)
	}
	c := dialTLS(t, s, &tls.Config{})
	c.send(`{"KEY": 2, "NAME": "a", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ROOM": "r"}{"KEY": 7, "PORT": 1}`)
	c.want(3)
	session := uint32(c.want(6)["SESSION"].(float64))
	c.want(0) // whatever the name has led to is done
	if got := options(session); got != [4]int{15, 5, 5, 40000} {
		t.Errorf("with voice: %v", got)
	}
}

func TestGaveUp(t *testing.T) {
	lost := func(err error) error { return &net.OpError{Op: "read", Err: os.NewSyscallError("read", err)} }
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{lost(syscall.ETIMEDOUT), true}, {lost(syscall.EHOSTUNREACH), true},
		{lost(syscall.ECONNRESET), false}, {io.EOF, false}, {os.ErrDeadlineExceeded, false}, {net.ErrClosed, false}, {errNothing, false},
	} {
		if got := gaveUp(tt.err); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}
