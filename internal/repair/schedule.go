package repair

import "time"

// Intervals of reports.
const (
	ReportClean  = 2 * time.Second        // while all is well
	ReportBad    = time.Second            // while it is not
	reportUrgent = 200 * time.Millisecond // least between reports, however bad
	reportRounds = 5                      // reports at ReportBad after the last trouble

	troubleLoss  = 0.03 // of the datagrams of the last second
	troubleRuns  = 2
	troubleQueue = 60 * time.Millisecond
	troubleTrend = 0.04 // seconds per second
)

// Trouble tells whether figures of the last second are worth a report at once: 3 % lost
// in more than one place, or a queue of more than 60 ms that grows.
func Trouble(l Losses, queue time.Duration, trend float64) bool {
	return l.Fraction() >= troubleLoss && l.Runs >= troubleRuns || queue >= troubleQueue && trend >= troubleTrend
}

// Schedule says when reports and feedback are due: every two seconds while all is
// well, which keeps probes and reports of a clean call below 1 kbit/s; at once when
// trouble begins; then every second until it has been over for some.
type Schedule struct {
	last    time.Duration
	started bool
	bad     bool
	rounds  int // reports to come at ReportBad
}

// Due tells whether to send a report at now, with the present verdict of Trouble; it
// then counts as sent. Without anything to tell, do not call it.
func (s *Schedule) Due(now time.Duration, trouble bool) bool {
	began := trouble && !s.bad
	s.bad = trouble
	if began {
		s.rounds = 0
	}
	if now < s.next(began) {
		if began {
			s.bad = false // it still is to be told
		}
		return false
	}
	s.started, s.last = true, now
	s.rounds = max(s.rounds-1, 0)
	if trouble {
		s.rounds = reportRounds
	}
	return true
}

// NextDeadline is when the next report is due if there is no trouble until then.
func (s *Schedule) NextDeadline() time.Duration { return s.next(false) }

func (s *Schedule) next(began bool) time.Duration {
	switch {
	case !s.started:
		return 0
	case began:
		return s.last + reportUrgent
	case s.bad || s.rounds > 0:
		return s.last + ReportBad
	default:
		return s.last + ReportClean
	}
}
