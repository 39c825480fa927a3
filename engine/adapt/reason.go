package adapt

import (
	"strconv"
	"time"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// reason puts the decision into words.
func (l *Ladder) reason() string {
	switch {
	case l.stopped && l.brk.open:
		return "stopped: far more loss than TCP would bear"
	case l.stopped:
		return "stopped: the relay is silent"
	}
	p := &l.current
	b := make([]byte, 0, 80)
	switch {
	case len(p.shape.copies) > 0:
		b = append(b, "copies {"...)
		for i, k := range p.shape.copies {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(k), 10)
		}
		b = append(b, '}')
		if p.shape.coarse > 0 {
			b = append(strconv.AppendFloat(append(b, " of "...), float64(p.shape.coarse)/1000, 'g', 3, 64), 'k')
		}
	default:
		b = append(b, "plain"...)
	}
	if p.resend && l.loss() >= cleanLoss {
		b = append(b, " and resends"...)
	}
	b = append(b, " at "...)
	b = strconv.AppendFloat(b, float64(p.bitrate)/1000, 'g', 3, 64)
	b = append(b, "k x "...)
	b = strconv.AppendInt(b, int64(p.shape.stride), 10)
	b = append(b, ": "...)
	loss := l.loss()
	switch {
	case l.silent():
		b = append(b, "no feedback for "...)
		b = append(strconv.AppendInt(b, int64(l.unheard/time.Second), 10), " s"...)
	case l.control.state == draining:
		b = appendRate(append(b, "the path carries "...), l.control.wall)
	case loss >= cleanLoss || len(p.shape.copies) > 0:
		digits := 0
		if loss < 0.01 {
			digits = 1
		}
		b = strconv.AppendFloat(b, 100*loss, 'f', digits, 64)
		b = append(b, " % loss, bursts "...)
		b = strconv.AppendFloat(b, l.network().channel.Burst(1), 'f', 1, 64)
	case l.last.Cap > 0 && l.limit() < min(l.control.limit, l.clean) && (l.cap == 0 || l.limit() < l.cap):
		b = appendRate(append(b, "a listener's cap of "...), l.last.Cap)
	case l.cap > 0 && l.cap < min(l.control.limit, l.clean):
		b = appendRate(append(b, "the cap leaves "...), l.cap)
	case l.control.limit < l.clean:
		b = appendRate(append(b, "limit "...), l.control.limit)
	default:
		b = append(b, "the path is clean"...)
	}
	return string(b)
}

func appendRate(b []byte, rate wire.Kbps) []byte {
	return append(strconv.AppendInt(b, int64(rate+0.5), 10), " kbit/s"...)
}
