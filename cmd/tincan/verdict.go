package main

import (
	"sync"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/verdict"
)

// lookEvery is how often the verdict takes the figures of a call.
const lookEvery = time.Second

// judgement is the verdict on a call as it goes on.
type judgement struct {
	mu     sync.Mutex // guards what follows
	judge  verdict.Judge
	began  time.Time // the call
	looked time.Duration
}

// look takes figures, of which those of every second or so are enough.
func (j *judgement) look(s *engine.Stats) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.Time-j.looked >= lookEvery {
		j.looked, j.began = s.Time, time.Now().Add(-s.Time)
		j.judge.Look(s.Time, s)
	}
}

// lines are the verdict in words, none before the first look.
func (j *judgement) lines(shown func(session uint32, name string) string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.looked == 0 {
		return nil
	}
	return j.judge.Lines(func(at time.Duration) time.Time { return j.began.Add(at) }, shown)
}
