package mend

import (
	"slices"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// How far the word of a few listeners goes. A quarter of them, from three on at least one, count for nothing. Those beyond can bring
// everyone's quality down to what minorityRate carries, whether they lie or not; from there on it takes most of them.
// What their paths need beyond that is done for them alone: fewer talkers, copies, and a cap that is kept.

// minorityRate is what a few listeners can bring a talker down to: 24 kbit/s, headers counted, carry 13 kbit/s of Opus in
// datagrams of 60 ms. Two of five with a cap of 12 kbit/s brought all to 9.5 kbit/s in datagrams of 120 ms.
const minorityRate wire.Kbps = 24

// quarter and half say which one of n listeners, the worst first, is told about, from 1 on. With one or two others
// each counts.
func quarter(n int) int { return 1 + (n+1)/4 }

func half(n int) int {
	if n < 3 {
		return 1
	}
	return 1 + n/2
}

// worst is the highest but those that do not count, 0 where there is none.
func worst(l []int, which func(n int) int) int {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[len(l)-min(which(len(l)), len(l))]
}

// least is the worst of a list of limits, as they stand in a collector, and only most listeners bring it below minorityRate; 0: there
// is none.
func least(l []int) uint16 {
	limit := min(worst(l, quarter), max(worst(l, half), -int(minorityRate)))
	return u16(-limit) % unlimited
}
