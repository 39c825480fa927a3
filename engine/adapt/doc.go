// Package adapt is the ladder of a talker: from what the network does to the bitrate,
// stride, copies and FEC that serve its listeners best within what the path carries.
//
//	probe-ack ──> round trip ─┐
//	                          ├─> rate: how much may be sent ─┐
//	feedback ──┬─> queue ─────┘   (delay first, cap, breaker) ├─> choose: best point ──> Decision
//	           └─> loss, bursts, repaired ─> channel ─────────┘   within it
//
// Two questions are kept apart. How much may be sent is congestion control: it looks at
// queueing delay, goes down at once and up carefully, and knows nothing of speech. What
// to send within it is a choice among operating points by one currency, the R of the
// E-model (ITU-T G.107): what a codec rate is worth, what the loss that is left costs, and what
// the delay costs that repairing it takes. So more redundancy never means more bits, only
// a different use of them.
//
// The package is sans-IO: the time is an argument, a time.Duration since any fixed
// start. Nothing allocates but Decision, which says in words why.
package adapt
