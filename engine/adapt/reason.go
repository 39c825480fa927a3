package adapt

import (
	"fmt"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
)

// reason puts the decision into words.
func (l *Ladder) reason() string {
	if l.Stopped() {
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
	n := l.network()
	plain := point{shape: &shape{stride: 1}, bitrate: n.most}
	switch limit := l.Limit(); {
	case l.brk.unheard > tuned.silentAfter:
		return fmt.Sprintf("no feedback for %d s", l.brk.unheard/time.Second)
	case l.control.state == draining:
		return fmt.Sprintf("the path carries %.0f kbit/s", l.control.wall)
	case l.begins && n.channel.Loss > 0:
		return "not known yet to be clean"
	case n.channel.Loss >= repair.LossyFrom || len(l.current.shape.copies) > 0:
		return fmt.Sprintf("%.1f %% loss, bursts %.1f", 100*n.channel.Loss, n.channel.Burst())
	case limit >= plain.takes(&n):
		return "the path is clean"
	case limit == planned(l.cfg.Cap):
		return fmt.Sprintf("the cap leaves %.0f kbit/s", limit)
	case limit == planned(l.listenersCap()):
		return fmt.Sprintf("a listener's cap of %.0f kbit/s", l.last.Cap)
	default:
		return fmt.Sprintf("limit %.0f kbit/s", limit)
	}
}
