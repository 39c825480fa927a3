package netproto

import "encoding/binary"

const feedbackSize = 34

// Feedback is what the relay tells a talker about once a second: how its
// uplink does and how its listeners fare. It travels as TypeReport, downwards.
// The counters are totals of the session modulo 65536: subtract as uint16.
type Feedback struct {
	// The talker's uplink, as the relay sees it.
	Received uint16 // datagrams of voice that came, without duplicates
	Lost     uint16 // gaps in the sequence that are no silence, before resends
	Resent   uint16 // of these, filled by a resend
	BurstQ3  uint8  // mean length of a run of lost datagrams, in eighths
	Rate     uint16 // in the last second, kbit/s, IP and UDP headers counted
	Queue    uint16 // queueing delay in ms above the least of the last minute
	Trend    int16  // its slope in ms per second

	// Its listeners. Losses are of the last second, in 1/256 (as in RFC 3550,
	// 6.4.1; 255 = all). Each figure is the worst listener's own; they need
	// not be the same listener's.
	Listeners    uint16 // sessions that voice is forwarded to now; 0 = nobody hears
	MedianLossQ8 uint8  // datagrams lost before any repair
	MedianHoleQ8 uint8  // frames concealed, after all repair
	WorstBurstQ3 uint8  // mean length of a run of lost datagrams, in eighths
	WorstRTT     uint16 // listener to relay, ms
	WorstQueue   uint16 // downlink queueing delay, ms
	WorstTrend   int16  // slope of a downlink's queueing delay, ms per second
	LowestCap    uint16 // least downlink cap, this talker's part, kbit/s; 0 = none has one
	LowestRate   uint16 // least downlink rate among the listeners whose delay grows, this talker's part, kbit/s; 0 = none
	WorstJitter  uint16 // TalkerReport.Jitter, ms; 0 = not known
	// Hearers is how many of the others in the room voice can be sent to: they have an address and are not
	// deaf. Unlike Listeners it does not depend on whether this talker is forwarded.
	Hearers uint16
	// Unopened is how many of them report that they cannot open this talker's voice (Report.Unopened).
	Unopened uint16
}

// AppendFeedback appends the body of the relay's report to a talker to dst.
func AppendFeedback(dst []byte, f *Feedback) []byte {
	be := binary.BigEndian
	dst = be.AppendUint16(dst, f.Received)
	dst = be.AppendUint16(dst, f.Lost)
	dst = be.AppendUint16(dst, f.Resent)
	dst = append(dst, f.BurstQ3)
	dst = be.AppendUint16(dst, f.Rate)
	dst = be.AppendUint16(dst, f.Queue)
	dst = be.AppendUint16(dst, uint16(f.Trend))
	dst = be.AppendUint16(dst, f.Listeners)
	dst = append(dst, f.MedianLossQ8, f.MedianHoleQ8, f.WorstBurstQ3)
	dst = be.AppendUint16(dst, f.WorstRTT)
	dst = be.AppendUint16(dst, f.WorstQueue)
	dst = be.AppendUint16(dst, uint16(f.WorstTrend))
	dst = be.AppendUint16(dst, f.LowestCap)
	dst = be.AppendUint16(dst, f.LowestRate)
	dst = be.AppendUint16(dst, f.WorstJitter)
	dst = be.AppendUint16(dst, f.Hearers)
	return be.AppendUint16(dst, f.Unopened)
}

// ParseFeedback reads the body of the relay's report to a talker. A tail is
// ignored. The error is ErrShort.
func ParseFeedback(b []byte) (Feedback, error) {
	if len(b) < feedbackSize {
		return Feedback{}, ErrShort
	}
	be := binary.BigEndian
	return Feedback{
		Received:     be.Uint16(b),
		Lost:         be.Uint16(b[2:]),
		Resent:       be.Uint16(b[4:]),
		BurstQ3:      b[6],
		Rate:         be.Uint16(b[7:]),
		Queue:        be.Uint16(b[9:]),
		Trend:        int16(be.Uint16(b[11:])),
		Listeners:    be.Uint16(b[13:]),
		MedianLossQ8: b[15],
		MedianHoleQ8: b[16],
		WorstBurstQ3: b[17],
		WorstRTT:     be.Uint16(b[18:]),
		WorstQueue:   be.Uint16(b[20:]),
		WorstTrend:   int16(be.Uint16(b[22:])),
		LowestCap:    be.Uint16(b[24:]),
		LowestRate:   be.Uint16(b[26:]),
		WorstJitter:  be.Uint16(b[28:]),
		Hearers:      be.Uint16(b[30:]),
		Unopened:     be.Uint16(b[32:]),
	}, nil
}
