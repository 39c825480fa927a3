//go:build cgo && webrtc

package apm

/*
#cgo pkg-config: webrtc-audio-processing
#cgo CXXFLAGS: -std=c++11
#cgo noescape apm_played
#cgo nocallback apm_played
#cgo noescape apm_clean
#cgo nocallback apm_clean
#include "apm.h"
*/
import "C"

import (
	"runtime"
	"time"
)

// Built tells whether this program has it.
const Built = true

// Processor cleans one microphone. Played and Clean may be called at the same time, each by one goroutine.
type Processor struct {
	c *C.apm
}

// New makes a Processor. The error is ErrNotBuilt where the library does not do what is asked.
func New(echo, noise bool) (*Processor, error) {
	c := C.apm_new(flag(echo), flag(noise))
	if c == nil {
		return nil, ErrNotBuilt
	}
	p := &Processor{c}
	runtime.AddCleanup(p, func(c *C.apm) { C.apm_free(c) }, c)
	return p, nil
}

func flag(on bool) C.int {
	if on {
		return 1
	}
	return 0
}

// Gentle has the echo canceller take away less of what sounds at the same time as an echo, and less of the echo. Only the
// caller of Clean may call it.
func (p *Processor) Gentle(on bool) {
	C.apm_gentle(p.c, flag(on))
	runtime.KeepAlive(p)
}

// Played takes what is given to the loudspeaker.
func (p *Processor) Played(pcm *Block) {
	C.apm_played(p.c, (*C.float)(&pcm[0]))
	runtime.KeepAlive(p)
}

// Clean takes what the microphone gave, in place. delay is how long it is from Played until the sound comes back, as
// far as the devices tell.
func (p *Processor) Clean(pcm *Block, delay time.Duration) {
	C.apm_clean(p.c, (*C.float)(&pcm[0]), C.int(delay.Milliseconds()))
	runtime.KeepAlive(p)
}
