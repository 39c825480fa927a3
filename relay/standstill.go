package relay

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// The whole program may stand still for a while: stopped by a signal, or on a machine
// that gives it no time. Then its deadlines are over, though nobody was late but itself,
// and what came meanwhile waits in the kernel. When it goes on
//
//	voice         what waits is old: it is passed over, and what comes then goes out at once
//	sessions      have all their time again until they count as silent
//	talkers       are told how they fare at their first word
//	connections   that were given a time for something have graceTime more
const (
	// standstill is from which gap on in its own doings the program has stood still: longer
	// than a busy machine lets a thread wait, and than what listeners can still play.
	standstill = 2 * time.Second
	// pulse is how long a worker waits at most, so that a gap is one.
	pulse = 500 * time.Millisecond
	// passTime bounds the passing over: a full socket buffer takes a tenth of it.
	passTime = 100 * time.Millisecond

	// overslept is how late a deadline must be noticed to be none.
	overslept = 500 * time.Millisecond
	graceTime = 5 * time.Second
)

// deadline is one that an end of a connection has. The zero value is none.
type deadline struct{ at atomic.Int64 } // since birth; 0: none

var birth = time.Now()

func (d *deadline) set(t time.Time) {
	at := int64(0)
	if time.Until(t) > 0 { // who sets one that is over wants nobody to wait
		at = int64(t.Sub(birth))
	}
	d.at.Store(at)
}

// excused tells whether an error is that of a deadline which passed while the program
// stood still.
func (d *deadline) excused(err error) bool {
	at := d.at.Load()
	return errors.Is(err, os.ErrDeadlineExceeded) && at != 0 && time.Since(birth)-time.Duration(at) > overslept
}
