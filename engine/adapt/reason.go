package adapt

import (
	"fmt"
	"strings"
	"time"
)

// reason puts the decision into words.
func (l *Ladder) reason() string {
	switch {
	case l.stopped && l.brk.open:
		return "stopped: far more loss than TCP would bear"
	case l.stopped:
		return "stopped: the relay is silent"
	}
	return l.current.String() + ": " + l.because()
}

// String names the point: "copies {3} of 11.5k at 21k x 2".
func (p *point) String() string {
	what := "plain"
	if s := p.shape; len(s.copies) > 0 {
		what = "copies {" + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.copies), " ", ","), "[]") + "}"
		if s.coarse > 0 {
			what += fmt.Sprintf(" of %gk", float64(s.coarse)/1000)
		}
	}
	if p.resend {
		what += " and resends"
	}
	return fmt.Sprintf("%s at %gk x %d", what, float64(p.bitrate)/1000, p.shape.stride)
}

// because is what about the path makes the point the best.
func (l *Ladder) because() string {
	limit := l.control.limit
	switch loss := 100 * l.loss(); {
	case l.silent():
		return fmt.Sprintf("no feedback for %d s", l.unheard/time.Second)
	case l.control.state == draining:
		return fmt.Sprintf("the path carries %.0f kbit/s", l.control.wall)
	case loss >= 100*cleanLoss:
		return fmt.Sprintf("%.0f %% loss, bursts %.1f", loss, l.network().channel.Burst(1))
	case len(l.current.shape.copies) > 0:
		return fmt.Sprintf("%.1f %% loss, bursts %.1f", loss, l.network().channel.Burst(1))
	case l.last.Cap > 0 && l.limit() < min(limit, l.clean) && (l.cap == 0 || l.limit() < l.cap):
		return fmt.Sprintf("a listener's cap of %.0f kbit/s", l.last.Cap)
	case l.cap > 0 && l.cap < min(limit, l.clean):
		return fmt.Sprintf("the cap leaves %.0f kbit/s", l.cap)
	case limit < l.clean:
		return fmt.Sprintf("limit %.0f kbit/s", limit)
	}
	return "the path is clean"
}
