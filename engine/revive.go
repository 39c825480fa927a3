package engine

import (
	"context"
	"io"
	"time"
)

const (
	// reviveEvery is how often a device that broke is opened again at most.
	reviveEvery = time.Second
	// reviveSound is for how long sound must pass until such a device works: a suspended one opens, and has buffers to
	// fill.
	reviveSound = 300 * time.Millisecond
)

// revive opens a device again that broke, until there is one, or ctx ends. The first attempt is due at the time given.
func revive[D io.Closer](ctx context.Context, c *Call, due time.Duration, s *slot[D], open func(context.Context) (D, error)) {
	for sleep(ctx, due-c.now()) {
		due = c.now() + reviveEvery
		d, err := open(ctx)
		if err != nil {
			continue
		}
		if !s.found(ctx, c.now(), d) {
			d.Close()
		}
		return
	}
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// sleep waits, and reports whether the call still goes on.
func (c *Call) sleep(d time.Duration) bool { return sleep(c.running, d) }
