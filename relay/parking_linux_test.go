package relay

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"
)

// parked waits until so many clients have no goroutine.
func parked(t *testing.T, s *Server, want int) {
	t.Helper()
	within(t, fmt.Sprint(want, " clients parked"), func() bool {
		s.parking.mu.Lock()
		defer s.parking.mu.Unlock()
		return len(s.parking.parked) == want
	})
}

// A parked client goes on where it was, in the middle of a package too.
func TestParking(t *testing.T) {
	s := startServer(t, Config{})
	for name, dial := range map[string]func() *tipClient{
		"plain": func() *tipClient { return dialTIP(t, s) },
		"TLS":   func() *tipClient { return dialTLS(t, s, &tls.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := dial()
			c.login("a", "a")
			for range 3 {
				parked(t, s, 1)
				c.send(`{"KEY": 7, `)
				time.Sleep(time.Millisecond) // lets it park between the halves, or not: both must do
				c.send(`"PORT": 1}{"KEY": 7, "PORT": 2}`)
				c.want(0)
				c.want(0)
			}
			parked(t, s, 1)
			_ = c.conn.Close()
			parked(t, s, 0)
			within(t, "whose client has gone is gone", func() bool { return len(s.Clients()) == 0 })
		})
	}
}

// Who is dropped while parked is called and ends; so is everybody at Close,
// which the end of the test waits for.
func TestParkedAreCalled(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	a, b := dialTIP(t, s), dialTIP(t, s)
	a.login("a", "a")
	b.login("b", "a", "b")
	a.users("a", "b")
	parked(t, s, 2)
	s.mu.Lock()
	for id, c := range s.sessions {
		if id == s.core.Sessions()[1].Session {
			c.out.mu.Lock()
			c.out.failLocked()
			c.out.mu.Unlock()
		}
	}
	s.mu.Unlock()
	a.users("a")
	parked(t, s, 1)
}
