// Package lab runs whole calls in virtual time: one talker or more, a relay and one listener, with an
// imitated network between them, and measures what the listener would hear.
//
//	speech ─> engine.Talker ─> network ─> relay.Core ─> network ─> engine.Listener ─> heard
//	              │            up, back                 down, back        │
//	              └───────────────> what was sent, what was heard of it <─┘
//	                                   │                     │
//	                          delays, repair, wire     quality (NSIM, ESTOI,
//	                          load, recovery           E-model)
//
// It is the code of a real call but for sockets, devices and the clock, so a minute takes a second
// or two, and the same configuration gives the same sound and figures to the last bit.
//
// Frame i of the speech is captured from 20i to 20i+20 ms and sent when it is full; the listener
// asks for blocks of 10 ms at 0, 10, 20 ms and so on. docs/lab.md describes every figure.
package lab

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Errors of Run that are about the configuration, wrapped with the details; besides them
// netsim.ErrUnknownPreset, codec.ErrConfig and stream.ErrRedundancy.
var (
	ErrSpeech   = errors.New("no speech to send")
	ErrBuffer   = errors.New("unknown jitter buffer")
	ErrWhere    = errors.New("unknown place for the network")
	ErrAdaptive = errors.New("an adaptive talker takes no stride, copies or FEC")
	ErrTalkers  = errors.New("so many talkers cannot be had")
	ErrNetwork  = errors.New("no network to send it over")
)

// Where says which side of the relay the network is on; the other is a LAN.
type Where string

// The places for the network.
const (
	Up   Where = "up"   // between the talker and the relay
	Down Where = "down" // between the relay and the listener
	Both Where = "both"
)

// BufferKind names a jitter buffer.
type BufferKind string

// The jitter buffers to compare.
const (
	Ours    BufferKind = "ours"    // package jitter
	Fixed   BufferKind = "fixed"   // 60 ms after the first datagram, for ever
	RFC3550 BufferKind = "rfc3550" // mean delay and four times the jitter of RFC 3550, set in pauses
)

// Network is what lies between one end of the call and the relay: a preset or a trace.
type Network struct {
	Preset string        // a name of netsim.Presets
	Trace  *netsim.Trace // in the direction of the speech
	Return *netsim.Trace // against it; nil is Trace, a third of its period ahead
}

// Config describes a call. Speech and Network are required, the rest has good defaults.
type Config struct {
	Speech  []float32 // 48 kHz mono, -1..1
	Network Network
	Where   Where // "" is Down
	Seed    uint64

	Bitrate int   // of Opus in bit/s; 0 is 24000
	Stride  int   // frames per datagram; 0 is 1, or what Cap takes
	Copies  []int // offsets in datagrams of redundant frames
	FEC     bool  // Opus's own
	DTX     bool  // send nothing in silence
	Cap     int   // most that is sent over any second each way, kbit/s, headers counted; 0 is no cap
	// Adaptive lets the talker choose bitrate (Bitrate is the most), stride and copies by what the
	// network does, and the ends and the relay ask for what is lost and send it again.
	Adaptive bool

	// Talkers is how many speak at once; 0 is 1. The others, on LANs, say the same from elsewhere on. The listener gets
	// their voice too, but the first is what is heard and measured.
	Talkers int

	Buffer  BufferKind          // "" is Ours
	Decoder codec.DecoderConfig // the listener's

	// Unjudged is a call whose sound nobody judges: it is coded as fast as that goes, and Figures.Quality has nothing but
	// the E-model. It takes a quarter of the CPU.
	Unjudged bool

	// Watch, unless nil, is shown once a second what the networks have lost, and what the talker and the listener know
	// of the call, as far as engine.Stats has Sending and Peers.
	Watch func(now time.Duration, truth Truth, talker, listener *engine.Stats)

	listenerOnly bool // Cap is the listener's alone
}

// Truth is what became of the talker's datagrams of voice on their way to the relay and from there to the listener,
// those sent again not counted.
type Truth struct{ Up, Down Carried }

// Carried is how many datagrams a network was given, how many of them it lost, and how many others overtook: the latter
// on the way up only.
type Carried struct{ Sent, Lost, Overtaken int }

func (c Config) withDefaults() Config {
	c.Where = cmp.Or(c.Where, Down)
	c.Buffer = cmp.Or(c.Buffer, Ours)
	c.Talkers = cmp.Or(c.Talkers, 1)
	c.Bitrate = cmp.Or(c.Bitrate, 24000)
	if c.Cap == 0 && !c.Adaptive {
		c.Stride = cmp.Or(c.Stride, 1)
	}
	return c
}

// fitCap sets the bitrate and the stride that the cap leaves, as a real client does.
func (c *Config) fitCap() error {
	if c.Cap == 0 || c.Adaptive {
		return nil
	}
	t := engine.TalkerConfig{Encoder: codec.EncoderConfig{Bitrate: c.Bitrate}, Stride: c.Stride, Copies: c.Copies}
	err := t.FitCap(wire.Kbps(c.Cap), netsim.HeaderBytes)
	c.Bitrate, c.Stride = t.Encoder.Bitrate, t.Stride
	return err
}

func (c Config) validate() error {
	switch {
	case len(c.Speech) < codec.FrameSize:
		return fmt.Errorf("%w: it has %d samples, a frame has %d", ErrSpeech, len(c.Speech), codec.FrameSize)
	case len(c.Speech) > maxSpeech*codec.SampleRate:
		return fmt.Errorf("%w: it is longer than %d minutes", ErrSpeech, maxSpeech/60)
	case c.Adaptive && (c.Stride > 0 || len(c.Copies) > 0 || c.FEC):
		return fmt.Errorf("%w: it chooses them itself", ErrAdaptive)
	case c.Where != Up && c.Where != Down && c.Where != Both:
		return fmt.Errorf("%w %q; there are %s, %s and %s", ErrWhere, c.Where, Up, Down, Both)
	case c.Buffer != Ours && c.Buffer != Fixed && c.Buffer != RFC3550:
		return fmt.Errorf("%w %q; there are %s, %s and %s", ErrBuffer, c.Buffer, Ours, Fixed, RFC3550)
	case c.Talkers < 1 || c.Talkers > maxTalkers:
		return fmt.Errorf("%w: %d, not 1 to %d", ErrTalkers, c.Talkers, maxTalkers)
	case c.Network.Preset == "" && c.Network.Trace == nil:
		return ErrNetwork
	}
	return nil
}

// maxTalkers is how many a relay forwards at a time.
const maxTalkers = 4

// maxSpeech is the longest speech in seconds; a run keeps all of it in memory.
const maxSpeech = 3600

// Result is what came of a call.
type Result struct {
	Figures Figures
	// Heard is what the loudspeaker plays: sample n at n/48000 s. It is as long as the speech
	// and the delay of its last word.
	Heard    []float32
	Timeline []Moment
}

// Moment is one line of the time plot, every 20 ms. Delays are in ms, NaN where there is none.
type Moment struct {
	At        time.Duration
	Network   float64 // from sending to arrival, of the datagram with the frame captured at At
	Playout   float64 // from capture to loudspeaker, of what is heard at At
	Target    float64 // what the buffer wants to add to the network's fastest
	Concealed bool    // what is heard at At is made up
}

// links returns the two directions of each side of the relay: towards it and back.
func (c Config) links() (talker, listener [2]netsim.Link, err error) {
	talker, err = c.side(c.Where != Down, true, 0)
	if err != nil {
		return talker, listener, err
	}
	listener, err = c.side(c.Where != Up, false, 1)
	return talker, listener, err
}

// side returns the links to the relay and back of one end. number tells the two ends apart, so
// that they do not share their luck.
func (c Config) side(bad, talks bool, number uint64) (side [2]netsim.Link, err error) {
	seed := c.Seed*4 + number
	if bad && c.Network.Trace != nil {
		trace, back := c.Network.Trace, c.Network.Return
		offset := time.Duration(number) * trace.Period() / 2
		if c.Where != Both {
			offset = 0
		}
		speech := trace.Link(offset)
		var against netsim.Link
		if back != nil {
			against = back.Link(offset)
		} else {
			against = trace.Link(offset + trace.Period()/3)
		}
		if talks {
			return [2]netsim.Link{speech, against}, nil
		}
		return [2]netsim.Link{against, speech}, nil
	}
	name := "lan"
	if bad {
		name = c.Network.Preset
	}
	side[0], side[1], err = netsim.Preset(name, seed)
	return side, err
}
