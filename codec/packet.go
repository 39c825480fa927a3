package codec

// The first byte of an Opus packet (TOC, RFC 6716 section 3.1):
//
//	0 1 2 3 4   5   6 7
//	config      s   c        config: mode, bandwidth and frame duration
//
// and behind it, in a packet of one SILK or hybrid frame of 20 ms (section 4.2.3),
// the voice flag and the LBRR flag. Both are coded with probability 1/2 as the very
// first symbols of the range coder, which makes them the two top bits.
const (
	firstHybrid = 12
	firstCELT   = 16

	voiceFlag = 0x80
	lbrrFlag  = 0x40
)

// frameSamples returns the duration of each frame of a packet in samples at
// 48 kHz (RFC 6716 table 2).
func frameSamples(toc byte) int {
	config := toc >> 3
	switch {
	case config < firstHybrid:
		return [...]int{480, 960, 1920, 2880}[config&3]
	case config < firstCELT:
		return [...]int{480, 960}[config&1]
	default:
		return [...]int{120, 240, 480, 960}[config&3]
	}
}

// packetSamples returns the duration of a packet in samples at 48 kHz (RFC 6716
// section 3.2), 0 if it is too short to say.
func packetSamples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	switch packet[0] & 3 {
	case 0:
		return frameSamples(packet[0])
	case 1, 2:
		return 2 * frameSamples(packet[0])
	default:
		if len(packet) < 2 {
			return 0
		}
		return int(packet[1]&0x3f) * frameSamples(packet[0])
	}
}

// IsFrame tells whether the packet is what a Decoder takes: by its first bytes one Opus packet of exactly 20 ms, of at
// most MaxFrameBytes. Any bytes will do.
func IsFrame(packet []byte) bool {
	return len(packet) <= MaxFrameBytes && packetSamples(packet) == FrameSize
}

// IsCELT tells whether the frame was coded in the CELT-only mode, as music is; such a frame has neither voice
// flag nor LBRR. Any bytes will do.
func IsCELT(frame []byte) bool { return len(frame) > 0 && frame[0]>>3 >= firstCELT }

// silkFlags returns the byte that starts with the voice and LBRR flags, if the
// packet is a single SILK or hybrid frame of 20 ms, the only kind an Encoder makes besides CELT.
func silkFlags(packet []byte) (byte, bool) {
	if len(packet) < 2 || packet[0]&3 != 0 || IsCELT(packet) || !IsFrame(packet) {
		return 0, false
	}
	return packet[1], true
}

// HasFEC tells whether the frame carries a coarse copy of the frame before it
// (the LBRR flag, RFC 6716 section 4.2.4), from its first two bytes. Any bytes will do;
// what is not a single SILK or hybrid frame of 20 ms has none.
func HasFEC(frame []byte) bool {
	flags, ok := silkFlags(frame)
	return ok && flags&lbrrFlag != 0
}

// Unvoiced tells whether the encoder itself saw no voice in the frame (the voice flag, RFC 6716 section 4.2.3). CELT
// frames, and what is no frame, do not say, and count as voiced.
func Unvoiced(frame []byte) bool {
	flags, ok := silkFlags(frame)
	return ok && flags&voiceFlag == 0
}
