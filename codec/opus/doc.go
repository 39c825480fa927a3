// Package opus is the codec by libopus (RFC 6716) in its VoIP mode, the encoder through gopkg.in/hraban/opus.v2. It needs
// cgo; in a program that was built without it the constructors return codec.ErrNoCodec, unless it was built with -tags gopus:
// that puts a port of libopus to Go (github.com/thesyncim/gopus) in its place. Library says which
// of them the program has, and docs/codec.md what that means to who listens.
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
// codec.HasFEC tells per frame what really happened. The copy is paid for out of the
// same bitrate. Where it is off, redundant frames (stride and copies of
// the voice datagram, docs/protocol.md) are the tool.
package opus
