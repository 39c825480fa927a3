// Package repair decides what to do about datagrams that a network loses: what to ask
// for again, what to send again, what to send twice from the start, and how to tell a
// talker how its voice fares. The relay uses it for both of its sides and the engine for
// the listener's; what is measured here is what the ladder of engine/adapt decides by.
//
//	talker ── voice ──> relay ─────────── voice ───────────> listener
//	   ^                │  Asker: gaps, when to ask             │ Asker
//	   └──── nack ──────┤  Loss, Queue: how the uplink does     │ Loss, Queue
//	                    │  Cache: the last second               │
//	                    │  Resender: budget per listener  <─────┤ nack
//	                    │  Planner: copies for this one   <─────┤ report
//	   <── receipt ─────┤  Account: what came of it       <─────┤ receipt
//
// Everything is sans-IO: the time is an argument, a time.Duration since any fixed
// start; there are no goroutines, locks, sockets or clocks. Every type is bounded in
// memory, is for one goroutine at a time and, unless said otherwise, ready as its zero
// value. What happens per datagram does not allocate.
package repair

import (
	"time"

	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Patience is how long after its time a datagram is still worth having when its
// listeners hold back buffer of speech, the way from mouth to ear without any
// buffering takes oneWay, and a share of loss, 0 to 1, is not repaired otherwise. A buffer grows when
// it learns that resends come, so what counts is what it may grow to.
func Patience(oneWay, buffer time.Duration, loss float64) time.Duration {
	worth := min(emodel.Worthwhile(loss), mostWorth)
	return max(buffer, worth-oneWay-wire.FrameDuration, 0)
}

// mostWorth is the delay from mouth to ear from which on there is no conversation (ITU-T G.114).
const mostWorth = 400 * time.Millisecond
