package engine

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

const (
	// reviveEvery is how often a device that broke is opened again at most.
	reviveEvery = time.Second
	// reviveSound is how much sound must pass until such a device works: a suspended one opens, and has buffers to fill.
	reviveSound = 300 * time.Millisecond
)

// revival decides when a device that broke is opened again, and whether it works. It is sans-IO. The zero value is
// ready: the first attempt is due at once.
type revival struct {
	due    time.Duration // the next attempt
	passed time.Duration // sound, in this one
}

// begin takes the time at which an attempt begins.
func (r *revival) begin(now time.Duration) { r.due, r.passed = now+reviveEvery, 0 }

// pass takes how much sound has passed, and tells whether that will do.
func (r *revival) pass(sound time.Duration) (works bool) {
	r.passed += sound
	return r.passed >= reviveSound
}

// held is what a call has in use one after the other, such as its Sources, and its end closes.
type held[D io.Closer] struct {
	mu     sync.Mutex // never held while it is closed
	device D
	ended  bool
}

// get is what is in use.
func (h *held[D]) get() D {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.device
}

// hold takes another one into use, unless the end has come.
func (h *held[D]) hold(d D) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.device = d
	}
	return !h.ended
}

// end closes what is in use.
func (h *held[D]) end() {
	h.mu.Lock()
	h.ended = true
	d := h.device
	h.mu.Unlock()
	d.Close()
}

// revive closes a device that broke and opens it again until sound passes: move lets one block pass. It returns false
// if the call ended first.
func revive[D io.Closer](c *Call, h *held[D], broken D, open func(context.Context) (D, error), move func(D) (time.Duration, error)) (D, bool) {
	broken.Close()
	for r := (revival{}); ; {
		if !c.sleep(r.due - c.now()) {
			return broken, false
		}
		r.begin(c.now())
		d, err := open(c.running)
		if err != nil {
			continue
		}
		if !h.hold(d) {
			d.Close()
			return broken, false
		}
		for works := false; !works; {
			sound, err := move(d)
			if err != nil {
				break
			}
			if works = r.pass(sound); works {
				return d, true
			}
		}
		d.Close()
	}
}

// sleep waits, and reports whether the call still goes on.
func (c *Call) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.running.Done():
	}
	return c.running.Err() == nil
}

// reviveSource opens the Source again after it broke.
func (c *Call) reviveSource(broken audio.Source, pcm []float32) (audio.Source, bool) {
	s, ok := revive(c, &c.source, broken, c.cfg.ReopenSource, func(s audio.Source) (time.Duration, error) {
		n, err := s.Read(pcm)
		return time.Duration(n) * time.Second / audio.SampleRate, err
	})
	if ok {
		now := c.now()
		c.signs.captured.at(now)
		c.signs.sounded.at(now) // its silence is judged anew
		c.signs.inputErr.Store(nil)
	}
	return s, ok
}

// reviveSink does the same for the Sink, in a goroutine of its own: meanwhile the call plays to nobody. What works
// again comes through back.
func (c *Call) reviveSink(broken audio.Sink, back chan<- audio.Sink) {
	silence := make([]float32, playbackSamples)
	s, ok := revive(c, &c.sink, broken, c.cfg.ReopenSink, func(s audio.Sink) (time.Duration, error) {
		return playbackBlock, s.Write(silence)
	})
	if ok {
		back <- s
	}
}
