package repair

import "time"

// Intervals of reports.
const (
	ReportCalm   = 2 * time.Second        // while all is well
	ReportLossy  = time.Second            // while it is not
	ReportJammed = 300 * time.Millisecond // while a queue grows, and the least between any two
	JammedQueue  = 60 * time.Millisecond  // a queue that may grow into trouble; LEDBAT's target is 100 ms at most
	JammedTrend  = 0.03                   // seconds per second
	// Beginning is how many datagrams are told of as if there were a queue: talkers protect their voice until they know
	// that their path is clean.
	Beginning = 40
)

// Mood is how a path does, the worse the higher.
type Mood uint8

// The moods.
const (
	Calm   Mood = iota
	Lossy       // as an Asker knows it
	Jammed      // a queue of more than 60 ms that grows
)

// MoodOf judges a path by whether it loses and by its queue.
func MoodOf(lossy bool, queue time.Duration, trend float64) Mood {
	if queue >= JammedQueue && trend >= JammedTrend {
		return Jammed
	}
	if lossy {
		return Lossy
	}
	return Calm
}

// Schedule says when reports and feedback are due: every two seconds while all is
// well, which keeps the reports of a clean call below 0.4 kbit/s; at once when it
// gets worse; then every second until it has been well for one, and more often while a queue grows.
type Schedule struct {
	last    time.Duration
	started bool
	mood    Mood // that was told last
}

// Due tells whether to send a report at now, the mood being as given; it then counts as
// sent. Where there is nothing to tell, do not call it.
func (s *Schedule) Due(now time.Duration, mood Mood) bool {
	every := ReportCalm
	switch {
	case mood > s.mood || mood == Jammed:
		every = ReportJammed
	case max(mood, s.mood) > Calm:
		every = ReportLossy
	}
	if s.started && now-s.last < every {
		return false
	}
	*s = Schedule{last: now, started: true, mood: mood}
	return true
}
