// Package record writes a call into files: one Ogg Opus file per talker, with the very frames that came, none coded
// anew, and a mix of all. All begin at the same moment, so that an editor that lays them side by side has them in step.
//
//	engine.Voice of each ──> track: a second for resends, order, silence where nothing was said ──> NAME.opus
//	                           └──> decoded, at its place ──> mix, coded ──────────────────────────> mix.opus
//
// What came too late to be heard is in the files all the same, and what a resend has repaired. Our own voice is as it
// was sent: muted, it is silent. Everyone in the room is told that the call is recorded (engine.Call.SetRecording).
package record
