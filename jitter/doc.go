// Package jitter turns one talker's datagrams, which come late, early, twice or
// never, into a steady flow of speech.
//
//	Push(now, frames)                                     Pull(now, out)
//	      |                                                     ^
//	      v                                                     |
//	  +--------+   +--------------------------------+   +---------------+
//	  | frames |-->| frame, copy, FEC or concealment |-->| decoded speech |
//	  +--------+   +--------------------------------+   +---------------+
//
// One Buffer serves one talker. It owns no clock, no goroutine and no lock: the
// time is an argument, counted from any fixed start, and the caller makes sure
// that one goroutine at a time calls it.
package jitter
