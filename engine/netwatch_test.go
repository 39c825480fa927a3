package engine

import (
	"io"
	"syscall"
	"testing"
)

// readers gives what is in it, and then an error.
type readers []error

func (r *readers) Read([]byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	err := (*r)[0]
	*r = (*r)[1:]
	return 1, err
}

func TestWatchNetworkWakesTend(t *testing.T) {
	for _, tt := range []struct {
		events readers
		want   bool
	}{{readers{nil}, true}, {readers{syscall.ENOBUFS}, true}, {readers{syscall.EBADF, nil}, false}, {nil, false}} {
		c := &Call{kick: make(chan struct{}, 1)}
		c.watchNetwork(&tt.events)
		if got := c.stirred.Load(); got != tt.want || len(c.kick) > 0 != tt.want {
			t.Errorf("%v: %v", tt.events, got)
		}
	}
}

// The end of a call ends the watch, whatever happens.
func TestNetwatchEnds(t *testing.T) {
	w, err := openNetwatch()
	if err != nil {
		t.Skip("the system does not tell: ", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := w.Read(make([]byte, 100)); err != nil {
				return
			}
		}
	}()
	w.Close()
	<-done
}

// A change is looked at once.
func TestRoamingLooksAtOnce(t *testing.T) {
	var r roaming
	r.look(tick, pathSigns{})
	if route, _ := r.look(2*tick, pathSigns{}); route {
		t.Error("without a reason")
	}
	if route, move := r.look(2*tick, pathSigns{stirred: true}); !route || move {
		t.Error(route, move)
	}
}
