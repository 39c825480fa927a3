// Package tincan is the guided tour of the house; it has no code.
//
// A call is two ends and a relay:
//
//	audio.Source -> codec -> netproto -UDP-> relay -UDP-> netproto -> jitter -> codec -> mix -> audio.Sink
//	                engine.Talker                         engine.Listener
//
// A talker's 20 ms frames are numbered from 1, silence included, so that the number is the
// clock. A datagram carries the newest frames (stride) and some earlier ones again (copies),
// sealed for the room; the relay checks a short tag and forwards the same bytes to
// everyone else. A listener keeps one jitter buffer per talker.
//
// # Joining a room
//
// [github.com/tincan-voice/tincan/engine.Join] makes a call from a Config whose zero values are good. Give it
// a Source and a Sink of package audio: files, a tone, your own, or a sound card from audio/device.
//
// # The pieces
//
//   - netproto: both wire protocols; bytes in, values out
//   - codec: Opus frames, voice detection, levels
//   - jitter: the buffer that turns late, lost and repeated frames into steady sound
//   - engine: one end of a call; Talker and Listener alone are sans-IO
//   - relay: the server; its Core alone is sans-IO
//   - audio, audio/device: where sound comes from and goes to
//   - audio/clean: a microphone without echo and noise
//   - record: a call as files, one for each talker
//   - invite: links to a room
//   - examples: programs of some 40 lines that use all this
//
// # Three rules
//
// Cores never read the clock: the time is an argument, so a minute of call over a terrible
// network runs in milliseconds and exactly the same every time. Buffers belong to the caller
// unless a comment says otherwise. The media path allocates nothing and logs nothing; it counts.
package tincan
