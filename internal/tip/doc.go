// Package tip is the server that TIP_Project's own clients expect, on one side, and a member of a room of ours for each
// of them on the other. docs/tip.md has what they say and how they sound.
//
//	TIP_Project's client ──TCP: JSON──> member ──> engine.Call, by the client's name ──> relay
//	                     ──UDP: PCM───> intake ──> Source
//	                     <──UDP: PCM──  outlet <── Sink: all the others, mixed
package tip
