// Package engine is one end of a call, as a library. Join enters a room of a relay and
// keeps the call going until Leave; below it lie two sans-IO cores that can be used by
// themselves, as the laboratory does to run a minute of call in a moment.
//
//	Source ─> Talker ───> UDP ─> relay ─> UDP ───> Listener ─> Sink
//	          encode                               one jitter buffer per talker
//	          history for copies                   mix, limiter
//	          seal, hop tag                        per-talker volume
//
// Talker takes 20 ms of speech and returns the datagram that is due; Listener takes
// datagrams and fills blocks of sound. Neither knows a clock, a socket or a
// goroutine, and neither locks. Call owns the goroutines, each named after what it moves,
// and the locks. It outlives its connections: supervisor decides by which path voice goes, comeback when the relay is dialed
// again, roaming when another UDP socket is made.
//
// Programs that say, hear, record or watch in a room are in examples/, each of some 40 lines: Call.Hear hands out what
// each talker says, Call.Events what happens, and audio.Feed is the voice of a program.
package engine
