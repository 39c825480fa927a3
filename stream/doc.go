// Package stream turns Opus frames into sealed datagrams and back, repair included. It has no codec, no
// buffer, no socket and no clock: recorders, bots, bridges and clients of any kind stand on it, and on package jitter
// where something is to be played.
//
//	frames ──> Packetizer: number, stride, copies, seal, count ──> datagrams      a talker
//	nacks  ──>             the last second again               ──>
//
//	datagrams ──> Receiver: open, replay, gaps ──> frames, in the order in which they came   a listener
//	                        what is missing    ──> nacks
//	                        how it comes       ──> reports
//
// Everything is sans-IO: the time is an argument, a time.Duration since any fixed start. Nothing allocates per frame or
// datagram. A Packetizer or Receiver is for one goroutine at a time.
package stream

import "errors"

// Errors, to match with errors.Is.
var (
	// ErrRedundancy: a stride or an offset of copies is out of range, or an offset stands twice.
	ErrRedundancy = errors.New("stream: redundancy out of range")
	// ErrFrame: a frame is longer than Room said.
	ErrFrame = errors.New("stream: frame too long")
)
