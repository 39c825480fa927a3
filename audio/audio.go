// Package audio is where sound comes from and goes to: Source and Sink, which run in real time, Reader and Writer,
// which do not, files, test signals, a resampler, and pacing that makes the former of the latter. Sound cards
// are in audio/device, so that this package and all that only needs files
// stays free of PortAudio.
//
//	WAV, Ogg Opus, Tone ─ PacedSource ─┐                               ┌─ PacedSink ──> WAV, Discard
//	Feed ──────────────────────────────┼─> Source ─> ... engine ... ─> Sink
//	device (microphone) ───────────────┘   48 kHz mono float32         └──> device (loudspeaker)
package audio

import "time"

// SampleRate is the rate of all sound, in Hz.
const SampleRate = 48000

// Source is sound that comes in real time: a Reader that blocks until its samples have been captured, as a microphone
// does. A file or a tone has no pace and is none; PacedSource makes one of it.
type Source interface {
	Reader
	// Live does nothing. It says that the type keeps pace by itself.
	Live()
}

// Sink takes sound in real time: a Writer that blocks until it is time for more, so that the next block can be made as
// late as possible, as a loudspeaker does. PacedSink makes one of what has no pace.
type Sink interface {
	Writer
	// Live does nothing. It says that the type keeps pace by itself.
	Live()
}

// Reader gives mono samples at SampleRate, nominally -1..1, as fast as they are wanted.
type Reader interface {
	// Read fills pcm and blocks until it can. It returns one of:
	//
	//	len(pcm), nil          the block is full
	//	0 < n < len(pcm), nil  the last samples there are; the rest of pcm is zeroed
	//	0, io.EOF              the end, for ever
	//	0, err                 broken, for ever; ErrClosed after Close
	//
	// pcm stays the caller's. One goroutine reads at a time.
	Read(pcm []float32) (n int, err error)
	// Close frees what the Reader holds and ends a pending Read with ErrClosed. Any goroutine may
	// call it, any number of times.
	Close() error
}

// Writer takes mono samples at SampleRate, as fast as they come; what is beyond -1..1 is clipped where the
// format is an integer one.
type Writer interface {
	// Write takes all of pcm and keeps no reference to it. An error is for
	// ever; ErrClosed after Close. One goroutine writes at a time.
	Write(pcm []float32) error
	// Close finishes what was written and ends a pending Write with ErrClosed. Any goroutine may
	// call it, any number of times.
	Close() error
}

// Missed is how much sound a device has lost so far because nobody was there in time, by its own account: silence that a
// Sink has played, what of a Source nobody read. 0 where it does not say.
func Missed(device any) time.Duration {
	if d, ok := device.(interface{ Missed() time.Duration }); ok {
		return d.Missed()
	}
	return 0
}

// Latency is what a Source or Sink, if it is a device, adds to the delay by its own account: from the sound to the end
// of the Read that returns it, or from the end of the Write to the sound. 0 where it does not say, as files do not.
func Latency(device any) time.Duration {
	if d, ok := device.(interface{ Latency() time.Duration }); ok {
		return d.Latency()
	}
	return 0
}
