// Package audio is where sound comes from and goes to: the Source and Sink
// interfaces, files, test signals, a resampler, and pacing for what is no device. Sound cards
// are in audio/device, so that this package and all that only needs files
// stays free of PortAudio.
//
//	WAV, Ogg Opus ──┐                               ┌──> WAV
//	Tone ───────────┼─> Source ─> ... engine ... ─> Sink ──> Discard
//	device (mic) ───┘   48 kHz mono float32         └──> device (speaker)
//
// A device is its own clock: it blocks until samples or room are there. Files and test signals
// never block, and a pipe does until somebody writes to it; PacedSource and PacedSink make them behave like a device.
package audio

// SampleRate is the rate of every Source and Sink, in Hz.
const SampleRate = 48000

// Source gives mono samples at SampleRate, nominally -1..1.
type Source interface {
	// Read fills pcm and blocks until it can. It returns one of:
	//
	//	len(pcm), nil          the block is full
	//	0 < n < len(pcm), nil  the last samples there are; the rest of pcm is zeroed
	//	0, io.EOF              the end, for ever
	//	0, err                 broken, for ever; ErrClosed after Close
	//
	// pcm stays the caller's. One goroutine reads at a time.
	Read(pcm []float32) (n int, err error)
	// Close frees what the Source holds and ends a pending Read with ErrClosed. Any goroutine may
	// call it, any number of times.
	Close() error
}

// Sink takes mono samples at SampleRate; what is beyond -1..1 is clipped where the
// format is an integer one.
type Sink interface {
	// Write takes all of pcm and blocks until it is time for more, so that the next block can be
	// made as late as possible. The Sink keeps no reference to pcm. An error is for
	// ever; ErrClosed after Close. One goroutine writes at a time.
	Write(pcm []float32) error
	// Close finishes what was written and ends a pending Write with ErrClosed. Any goroutine may
	// call it, any number of times.
	Close() error
}
