package engine

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// slot is where a call has its Source, or its Sink: one after the other, at times none. What is in it the call owns.
//
//	set ──────> in use ── lost ──> sought: revive ── found ──> in use
//	  └ nil: none <── lost, where nothing is opened again
type slot[D io.Closer] struct {
	mu     sync.Mutex // never held while anything is opened, used or closed
	device D          // nil: none
	turn   int        // how many there were
	since  time.Duration
	next   chan struct{}      // closed when there is another one, or none
	seek   context.CancelFunc // ends the search for another one, nil: there is none
	ended  bool
}

// look is what is in use, the how manieth, and what is closed when that is over.
func (s *slot[D]) look() (d D, turn int, next <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.device, s.turn, s.next
}

// wanted tells whether one is in use, or sought.
func (s *slot[D]) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return any(s.device) != nil || s.seek != nil
}

// latency is that of the one in use.
func (s *slot[D]) latency() time.Duration {
	d, _, _ := s.look()
	return audio.Latency(d)
}

// steady tells whether the one in use has been so for long enough to be said to work.
func (s *slot[D]) steady(now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now-s.since >= reviveSound
}

// swap puts another one in place. The caller holds mu.
func (s *slot[D]) swap(now time.Duration, d D) {
	s.device, s.since = d, now
	s.turn++
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

// set puts another one in place, or nil, and ends the search for one. It returns what is to be closed: the one before,
// or, after the end, the new one.
func (s *slot[D]) set(now time.Duration, d D) (over D) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return d
	}
	over = s.device
	s.endSearch()
	s.swap(now-reviveEvery, d) // it may be opened again at once
	return over
}

func (s *slot[D]) endSearch() {
	if s.seek != nil {
		s.seek()
		s.seek = nil
	}
}

// lost takes out what broke or came to its end, unless another one is in place already. With again a search begins:
// until ctx ends, not before the time due.
func (s *slot[D]) lost(running context.Context, turn int, again bool) (ctx context.Context, due time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn || s.ended {
		return nil, 0, false
	}
	due = s.since + reviveEvery
	if again {
		ctx, s.seek = context.WithCancel(running)
	}
	var none D
	s.swap(s.since, none)
	return ctx, due, true
}

// found puts in place what a search has found. It reports false where that has ended.
func (s *slot[D]) found(ctx context.Context, now time.Duration, d D) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || ctx.Err() != nil {
		return false
	}
	s.endSearch()
	s.swap(now, d)
	return true
}

// end closes what is in use, for good.
func (s *slot[D]) end() {
	s.mu.Lock()
	s.ended = true
	s.endSearch()
	d := s.device
	s.mu.Unlock()
	if any(d) != nil {
		d.Close()
	}
}
