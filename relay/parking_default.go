//go:build !linux

package relay

import "time"

// parking is where control connections wait for their clients' next words
// without a goroutine each. On this system every client waits by itself.
type parking struct{}

func newParking(func(*client)) (*parking, error) { return &parking{}, nil }

func (*parking) park(*client) (parked bool) { return false }
func (*parking) hangUp(c *client)           { _ = c.link.Close() }
func (*parking) run()                       {}
func (*parking) close()                     {}

// readNow is only called by who can park.
func (l *link) readNow(p []byte) (int, error) { return l.Conn.Read(p) }

func (l *link) gone() bool { return false }

func (l *link) setUserTimeout(time.Duration) {}

func (l *link) canPark() bool { return false }
