// Package codec turns 20 ms of speech into an Opus frame and back, into buffers
// of the caller and without allocating: encode, decode, in-band forward error
// correction (FEC), packet-loss concealment (PLC), silence suppression (DTX), the
// level meter and the voice detector that fill the datagram header.
//
//	960 samples ──> VAD, Level ──> header's voice bit and level
//	      └───────> Encoder ─────> 1 frame, or 0 bytes: silence
//
//	frame n ──────────> Decoder.Decode ──────> 960 samples
//	frame n+1, n lost > Decoder.DecodeFEC ───> 960 samples, coarse copy of n
//	nothing ──────────> Decoder.Conceal ─────> 960 samples, made up
//
// Everything is 48 kHz mono float32, nominally -1..1, in frames of exactly
// FrameSize samples. The codec is libopus (RFC 6716) in its VoIP mode, through
// gopkg.in/hraban/opus.v2. Nothing here is safe for concurrent use; one talker
// has one Encoder, and one talker as heard by one listener has one Decoder.
//
// # What to know about Opus FEC
//
// A frame may carry a coarse copy (LBRR, RFC 6716 section 4.2.4) of the one before.
// libopus decides for itself whether it does, from three things that callers set:
//
//   - Bitrate. decide_fec in libopus's opus_encoder.c wants 12 kbit/s for narrowband,
//     14 for mediumband, 16 for wideband, 20 for super-wideband and 22 for fullband,
//     times (125 - loss)/100 for an expected loss up to 25 %, and compares that with a rate
//     from which it has already taken some for the loss. Measured at 10 %: copies from
//     18 kbit/s in mediumband, 22 in wideband, 32 in fullband; below 18 none at all.
//   - ExpectedLoss. At 0 there is never a copy. Up to 5 libopus leaves FEC off where
//     the rate does not reach, silently (24 kbit/s at 5 %: none); above 5 it lowers the
//     audio bandwidth until it does. So 10 is a better figure to ask for than 5, even
//     where 5 % is the truth.
//   - Mode. Copies live in SILK and hybrid frames only; near 64 kbit/s libopus may
//     choose CELT, which has none.
//
// HasFEC tells per frame what really happened. The copy is paid for out of the
// same bitrate. Where it is off, redundant frames (stride and copies of
// the voice datagram, docs/protocol.md) are the tool.
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
