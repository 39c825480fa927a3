// Package mend is what the relay does about loss, for each room:
//
//	talker's datagram --> uplink: gaps, receipt, cache  --> nack, feedback to the talker
//	listener's nack   --> cache, budget                 --> resend to that listener
//	listener's report --> receipt against what was sent --> copies, fewer talkers, cap
//
// It knows neither rooms by name nor addresses nor keys: a Member is a session's part, a Room the state of those
// who are in one room, a Mender the memory of one worker and what it has decided on. What is to be sent is collected
// in a Batch, by session and unsealed, and goes out when the room's lock is free again.
//
//	Member.Arrived, Keep     a datagram of voice              uplink.go
//	Mender.Nack              a listener asks again            resend.go
//	Mender.Report            a listener tells how it fares    report.go
//	Mender.Attend            what is due at a time            mender.go: nacks (uplink.go), copies (downlink.go),
//	                                                          feedback to talkers (fare.go)
//	Mender.Pass, May         what fits under a cap            caps.go
//	Mender.Ended             somebody is not forwarded now    end.go
//
// The package is sans-IO: the time is an argument, and it takes no lock. Everything about one room, but for what is
// said to be read by all, is guarded by a lock that its caller holds. State is made on first use and given back after
// a time of silence. docs/repair.md has the whole of it.
package mend
