// Package device is the sound cards: capture as an audio.Source, playback as an
// audio.Sink, and the list of what there is. It is PortAudio underneath, so Linux, macOS and
// Windows; nothing else in the project needs PortAudio.
//
//	PortAudio's thread              the caller's goroutine
//
//	callback ──TryWrite──> ring ──> resample ──> Source.Read     capture: 100 ms at most
//	callback <──TryRead─── ring <── resample <── Sink.Write      playback: 60 ms at most
//
// The callback never waits and never allocates: where it cannot get at the ring (smallnest/ringbuffer
// guards it with a mutex that both sides hold for one short copy) it tries some
// more times, then goes without and counts it. Everything that waits is on the caller's side.
//
// # Delay
//
// Devices are opened at 48 kHz with buffers of 10 ms and their lowest latency, at least two
// buffers; where 48 kHz is refused, at the device's own rate, with a resampler that adds
// about 1 ms. Capture adds nothing but the block being read: the ring is empty whenever the reader
// keeps up, and holds 100 ms when it does not. Playback adds 20 ms: Sink.Write returns when
// no more than that is left to play, for the callback's 10 ms and a writer who is as late.
// Source.Latency and Sink.Latency give the sum with what the device itself reports (docs/devices.md has what was
// measured).
//
// # Devices that come and go
//
// A device that has not called back for 0.5 s is lost, for ever: ErrDeviceLost. A Keeper opens it again, or another
// one.
//
// Close ends a stream. Where the sound system does not let go within 1 s it is left behind, and counted (Stuck): sound goes
// on with another stream, by the list of devices at hand.
//
// PortAudio, and ALSA and JACK below it, print what they tried on standard error. From the first use of
// this package on they do not: the C library's stderr leads nowhere (on Linux with glibc), for all C code of the
// process. Go's own os.Stderr is as before.
package device
