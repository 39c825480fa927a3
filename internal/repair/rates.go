package repair

import "github.com/tincan-voice/tincan/netproto/wire"

// Rates that several parts of the house go by, all headers counted.
const (
	// LeastRate is what one talker takes in an emergency: Opus at its lowest bitrate, 6 kbit/s, six frames a datagram.
	LeastRate wire.Kbps = 11
	// LeastPart is what the cap or the path of one listener leaves to each talker at least: what takes less is not worth
	// hearing, so fewer are forwarded to that listener, and the others do not suffer for it.
	LeastPart wire.Kbps = 16
	// UpControl is what is taken off a cap for all that a client sends beside voice: probes, reports and nacks.
	UpControl wire.Kbps = 1.3
	// DownControl is the same of a relay: feedback, nacks and answers to probes.
	DownControl wire.Kbps = 1
)

// Part is what each of several talkers gets of a listener's cap, and of a lower one all of it, as fewer are forwarded.
// What they send in the fullest second is more than the mean.
func Part(cap wire.Kbps, talkers int) wire.Kbps {
	shared := Sustained(cap)
	if n := min(talkers, int(shared/LeastPart)); n > 1 {
		return shared / wire.Kbps(n)
	}
	return cap
}

// Sustained is the rate that can be planned with under a cap: Opus makes up to 4 % more of a second
// than of a minute, and a second has one datagram more in it at times.
func Sustained(cap wire.Kbps) wire.Kbps { return 0.95 * cap }
