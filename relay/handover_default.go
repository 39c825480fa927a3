//go:build !linux

package relay

import "fmt"

// handover: on this system no relay takes another one's place.
type handover struct{}

func (handover) close() {}

func (*Server) offerPlace() {}

func (*Server) awaitSuccessor() {}

func (*Server) takePlace() (there bool, err error) {
	return false, fmt.Errorf("%w: Replace works on Linux only", ErrConfig)
}

func (*Server) begin() error { return nil }
