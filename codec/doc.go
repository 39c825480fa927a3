// Package codec says what a codec of speech is here: 20 ms of it become an Opus frame and come back, in buffers
// of the caller and without allocating. Encoder and Decoder are interfaces; codec/opus has them by libopus. What needs
// no library is here: the level meter and the voice detector that fill the datagram header, and what
// the first bytes of a frame tell.
//
//	960 samples ──> VAD, Level ──> header's voice bit and level
//	      └───────> Encoder ─────> 1 frame, or 0 bytes: silence (DTX)
//
//	frame n ──────────> Decoder.Decode ──────> 960 samples
//	frame n+1, n lost > Decoder.DecodeFEC ───> 960 samples, coarse copy of n (in-band forward error correction)
//	nothing ──────────> Decoder.Conceal ─────> 960 samples, made up (packet-loss concealment)
//
// Everything is 48 kHz mono float32, nominally -1..1, in frames of exactly
// FrameSize samples, coded as Opus (RFC 6716). Nothing here is safe for concurrent use; one talker
// has one Encoder, and one talker as heard by one listener has one Decoder.
package codec

// The one format of the package.
const (
	// SampleRate is in Hz.
	SampleRate = 48000
	// FrameSize is the number of samples in a frame: 20 ms.
	FrameSize = 960
	// MaxFrameBytes is the longest frame Encode writes and Decode takes
	// (RFC 6716 section 3.2.1: 1275 bytes).
	MaxFrameBytes = 1275
	// Lookahead is the delay of encoder and decoder together, in samples: what
	// goes in at sample 0 comes out at sample 312, 6.5 ms later (libopus: 4 ms of
	// overlap compensation at VoIP on top of 2.5 ms of CELT look-ahead).
	Lookahead = 312
)
