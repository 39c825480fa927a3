package netproto

import "encoding/binary"

const (
	reportHeadSize  = 13
	reportBlockSize = 17

	flagDeaf = 0x01
)

// Report is what a listener tells the relay about once a second. Counters are
// totals since the listener first heard the talker, modulo 65536, so that a
// lost report loses nothing: the reader subtracts as uint16.
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
	Session   uint32
	Received  uint16 // datagrams that came, duplicates and resends not counted
	Lost      uint16 // datagrams that did not, resends not counted
	Played    uint16 // frames whose time to be played came, silence not counted
	Concealed uint16 // of Played: made up, because there was nothing in time
	BurstQ3   uint8  // mean length of a run of lost datagrams, in eighths; 255 = 31.9 or more
	Jitter    uint16 // spread of the arrival delay of datagrams in order in ms: 95th percentile above the least
	Buffer    uint16 // playout delay of the jitter buffer now, in ms
}

// AppendReport appends the body of a listener's report to dst. The error is
// ErrTooLarge for more talkers than one datagram takes (68, fewer with Unopened).
func AppendReport(dst []byte, r *Report) ([]byte, error) {
	size := reportHeadSize + len(r.Talkers)*reportBlockSize
	if n := len(r.Unopened); n > 0 {
		size += 1 + 4*n
	}
	if size > MaxBody {
		return dst, ErrTooLarge
	}
	var flags byte
	if r.Deaf {
		flags |= flagDeaf
	}
	dst = append(dst, flags, byte(len(r.Talkers)), reportBlockSize)
	for _, v := range [...]uint16{r.Cap, r.Rate, r.RTT, r.Queue, uint16(r.Trend)} {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	for i := range r.Talkers {
		t := &r.Talkers[i]
		dst = binary.BigEndian.AppendUint32(dst, t.Session)
		for _, v := range [...]uint16{t.Received, t.Lost, t.Played, t.Concealed} {
			dst = binary.BigEndian.AppendUint16(dst, v)
		}
		dst = append(dst, t.BurstQ3)
		dst = binary.BigEndian.AppendUint16(dst, t.Jitter)
		dst = binary.BigEndian.AppendUint16(dst, t.Buffer)
	}
	if len(r.Unopened) > 0 {
		dst = append(dst, byte(len(r.Unopened)))
		for _, session := range r.Unopened {
			dst = binary.BigEndian.AppendUint32(dst, session)
		}
	}
	return dst, nil
}

// ParseReport reads the body of a listener's report into r and reuses
// r.Talkers and r.Unopened. Unknown flags, longer blocks, a tail and a list of
// Unopened that is cut off are ignored. Errors are ErrShort and, for blocks
// shorter than this version's, ErrMalformed; then r is not changed.
func ParseReport(r *Report, body []byte) error {
	if len(body) < reportHeadSize {
		return ErrShort
	}
	n, size := int(body[1]), int(body[2])
	switch {
	case n > 0 && size < reportBlockSize:
		return ErrMalformed
	case len(body) < reportHeadSize+n*size:
		return ErrShort
	}
	talkers := r.Talkers[:0]
	for i := range n {
		talkers = append(talkers, parseTalkerReport(body[reportHeadSize+i*size:]))
	}
	unopened := r.Unopened[:0]
	if tail := body[reportHeadSize+n*size:]; len(tail) > 0 && len(tail) > 4*int(tail[0]) {
		for i := range int(tail[0]) {
			unopened = append(unopened, binary.BigEndian.Uint32(tail[1+4*i:]))
		}
	}
	*r = Report{
		Deaf:    body[0]&flagDeaf != 0,
		Cap:     binary.BigEndian.Uint16(body[3:]),
		Rate:    binary.BigEndian.Uint16(body[5:]),
		RTT:     binary.BigEndian.Uint16(body[7:]),
		Queue:   binary.BigEndian.Uint16(body[9:]),
		Trend:   int16(binary.BigEndian.Uint16(body[11:])),
		Talkers: talkers, Unopened: unopened,
	}
	return nil
}

func parseTalkerReport(b []byte) TalkerReport {
	return TalkerReport{
		Session:   binary.BigEndian.Uint32(b),
		Received:  binary.BigEndian.Uint16(b[4:]),
		Lost:      binary.BigEndian.Uint16(b[6:]),
		Played:    binary.BigEndian.Uint16(b[8:]),
		Concealed: binary.BigEndian.Uint16(b[10:]),
		BurstQ3:   b[12],
		Jitter:    binary.BigEndian.Uint16(b[13:]),
		Buffer:    binary.BigEndian.Uint16(b[15:]),
	}
}
