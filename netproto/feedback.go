package netproto

import (
	"encoding/binary"
	"math"
)

const feedbackSize = 30 // without the receipt

// Feedback is what the relay tells a talker about once a second: what came over its
// uplink and how its listeners fare. It travels as TypeReport, downwards.
type Feedback struct {
	// The talker's uplink.
	Receipt Receipt
	Rate    uint16 // that came in the last second, kbit/s, IP and UDP headers counted
	Queue   uint16 // queueing delay in ms above the least of the last minute
	Trend   int16  // its slope in ms per second

	// Its listeners. Each worst figure is that of the listener for whom it is worst; they need
	// not be the same listener's.
	Listeners   uint16  // sessions that voice is forwarded to now; 0 = nobody hears
	Median      Outcome // since the last Feedback, of the listener who loses more than half of the others do
	WorstRTT    uint16  // listener to relay, ms
	WorstQueue  uint16  // downlink queueing delay, ms
	WorstTrend  int16   // slope of a downlink's queueing delay, ms per second
	LowestCap   uint16  // least downlink cap, this talker's part, kbit/s; 0 = none has one
	LowestRate  uint16  // least downlink rate among the listeners with a queue, this talker's part, kbit/s; 0 = none
	WorstJitter uint16  // TalkerReport.Jitter, ms; 0 = not known
	// Hearers is how many of the others in the room voice can be sent to: they have an address and are not
	// deaf. Unlike Listeners it does not depend on whether this talker is forwarded.
	Hearers uint16
	// Unopened is how many of them report that they cannot open this talker's voice (Report.Unopened).
	Unopened uint16

	// Shift is by how much later the talker is to send from now on, in samples at 48 kHz, less than a frame: so that its
	// datagrams come together with those of the others who talk. 0 = as before.
	Shift uint16
}

// AppendFeedback appends the body of the relay's report to a talker to dst.
func AppendFeedback(dst []byte, f *Feedback) []byte {
	m := &f.Median
	for _, v := range [...]uint16{
		f.Rate, f.Queue, uint16(f.Trend),
		f.Listeners, count16(m.Received), count16(m.Lost), count16(m.Runs),
		f.WorstRTT, f.WorstQueue, uint16(f.WorstTrend), f.LowestCap, f.LowestRate, f.WorstJitter,
		f.Hearers, f.Unopened,
	} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	dst = appendReceipt(dst, &f.Receipt)
	if f.Shift > 0 {
		dst = binary.BigEndian.AppendUint16(dst, f.Shift)
	}
	return dst
}

func count16(n int) uint16 { return uint16(min(max(n, 0), math.MaxUint16)) }

// ParseFeedback reads the body of the relay's report to a talker. A tail is
// ignored. The error is ErrShort, or ErrMalformed for a receipt that cannot be.
func ParseFeedback(b []byte) (Feedback, error) {
	if len(b) < feedbackSize {
		return Feedback{}, ErrShort
	}
	r, tail, err := parseReceipt(b[feedbackSize:])
	if err != nil {
		return Feedback{}, err
	}
	shift := uint16(0)
	if len(tail) >= 2 {
		shift = binary.BigEndian.Uint16(tail)
	}
	field := func(i int) uint16 { return binary.BigEndian.Uint16(b[2*i:]) }
	return Feedback{
		Receipt: r,
		Rate:    field(0), Queue: field(1), Trend: int16(field(2)),
		Listeners: field(3),
		Median:    Outcome{Received: int(field(4)), Lost: int(field(5)), Runs: int(field(6))},
		WorstRTT:  field(7), WorstQueue: field(8), WorstTrend: int16(field(9)),
		LowestCap: field(10), LowestRate: field(11), WorstJitter: field(12),
		Hearers: field(13), Unopened: field(14), Shift: shift,
	}, nil
}
