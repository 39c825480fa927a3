package netproto

import "encoding/binary"

const (
	reportHeadSize = 12
	blockExtra     = 9 // of a talker's block, besides its receipt

	flagDeaf = 0x01
)

// Report is what a listener tells the relay about once a second.
type Report struct {
	Deaf    bool   // wishes no voice to be sent
	Cap     uint16 // downlink cap in kbit/s, IP and UDP headers counted; 0 = none
	Rate    uint16 // downlink in the last second, kbit/s, IP and UDP headers counted
	RTT     uint16 // round trip to the relay in ms; 0 = not known yet
	Queue   uint16 // downlink queueing delay in ms above the least of the last minute
	Trend   int16  // its slope in ms per second
	Talkers []TalkerReport
	// Unopened are the sessions whose voice comes but cannot be opened, for want of their passphrase.
	Unopened []uint32
}

// TalkerReport is a listener's view of one talker.
type TalkerReport struct {
	Session uint32
	Receipt Receipt // of the datagrams that the relay sent on
	HoleQ8  uint8   // share of the frames since the last report that were made up, as there was nothing in time, in 1/256
	Jitter  uint16  // spread of the arrival delay of datagrams in order in ms: 95th percentile above the least
	Buffer  uint16  // playout delay of the jitter buffer now, in ms
}

// AppendReport appends the body of a listener's report to dst. The error is
// ErrTooLarge for more talkers than one datagram takes: 35 at least, where Unopened has no more than 8.
func AppendReport(dst []byte, r *Report) ([]byte, error) {
	if len(r.Talkers) > 255 || len(r.Unopened) > 255 {
		return dst, ErrTooLarge
	}
	var flags byte
	if r.Deaf {
		flags |= flagDeaf
	}
	start := len(dst)
	dst = append(dst, flags, byte(len(r.Talkers)))
	for _, v := range [...]uint16{r.Cap, r.Rate, r.RTT, r.Queue, uint16(r.Trend)} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	for i := range r.Talkers {
		t := &r.Talkers[i]
		dst = binary.BigEndian.AppendUint32(dst, t.Session)
		dst = append(dst, t.HoleQ8)
		dst = binary.BigEndian.AppendUint16(dst, t.Jitter)
		dst = binary.BigEndian.AppendUint16(dst, t.Buffer)
		dst = appendReceipt(dst, &t.Receipt)
	}
	if len(r.Unopened) > 0 {
		dst = append(dst, byte(len(r.Unopened)))
		for _, session := range r.Unopened {
			dst = binary.BigEndian.AppendUint32(dst, session)
		}
	}
	if len(dst)-start > MaxBody {
		return dst[:start], ErrTooLarge
	}
	return dst, nil
}

// ParseReport reads the body of a listener's report into r and reuses
// r.Talkers and r.Unopened. Unknown flags, a tail and a list of
// Unopened that is cut off are ignored. Errors are ErrShort and, for a receipt
// that cannot be, ErrMalformed; then only the memory of r.Talkers and r.Unopened is changed.
func ParseReport(r *Report, body []byte) error {
	if len(body) < reportHeadSize {
		return ErrShort
	}
	talkers, rest := r.Talkers[:0], body[reportHeadSize:]
	for range body[1] {
		if len(rest) < blockExtra {
			return ErrShort
		}
		t := TalkerReport{
			Session: binary.BigEndian.Uint32(rest),
			HoleQ8:  rest[4],
			Jitter:  binary.BigEndian.Uint16(rest[5:]),
			Buffer:  binary.BigEndian.Uint16(rest[7:]),
		}
		var err error
		if t.Receipt, rest, err = parseReceipt(rest[blockExtra:]); err != nil {
			return err
		}
		talkers = append(talkers, t)
	}
	unopened := r.Unopened[:0]
	if len(rest) > 0 && len(rest) > 4*int(rest[0]) {
		for i := range int(rest[0]) {
			unopened = append(unopened, binary.BigEndian.Uint32(rest[1+4*i:]))
		}
	}
	*r = Report{
		Deaf:    body[0]&flagDeaf != 0,
		Cap:     binary.BigEndian.Uint16(body[2:]),
		Rate:    binary.BigEndian.Uint16(body[4:]),
		RTT:     binary.BigEndian.Uint16(body[6:]),
		Queue:   binary.BigEndian.Uint16(body[8:]),
		Trend:   int16(binary.BigEndian.Uint16(body[10:])),
		Talkers: talkers, Unopened: unopened,
	}
	return nil
}
