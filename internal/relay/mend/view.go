package mend

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// viewMemory is the time constant with which a listener's counts fade.
	viewMemory = time.Second
	// freshCounts is up to which total a talker's first block counts from 0 on: later the
	// relay may have missed the beginning.
	freshCounts = 256
)

// view is how one talker comes through to a listener. What the talker's own hop loses is not in it: each hop counts
// what it sends.
type view struct {
	talker  uint32
	known   bool          // a report has been taken the difference of
	at      time.Duration // last report
	was     netproto.TalkerReport
	omitted int // datagrams left out for the listener's sake since then
	burst   float64
	buffer  time.Duration
	jitter  time.Duration // of the arrivals
	shift   repair.Shift
	ending  Ending
	own     *ownCounts // nil: the listener gets all that the room does

	received, lost, played, concealed float64 // fading
}

func (v *view) loss() float64 { return share(v.lost, v.lost+v.received) }
func (v *view) hole() float64 { return share(v.concealed, v.played) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(part/whole, 1)
}

// take takes the differences of a listener's block to the one before; stride is that of the talker.
func (v *view) take(now time.Duration, b *netproto.TalkerReport, stride int) {
	was, first := v.was, v.at == 0
	keep := math.Exp(-float64(now-v.at) / float64(viewMemory))
	v.was, v.at = *b, now
	v.burst = float64(b.BurstQ3) / 8
	v.buffer, v.jitter = time.Duration(b.Buffer)*time.Millisecond, time.Duration(b.Jitter)*time.Millisecond
	omitted := v.omitted * stride
	v.omitted = 0
	if first && (b.Received >= freshCounts || b.Lost >= freshCounts) {
		return
	}
	v.known = true
	if first {
		keep, was = 0, netproto.TalkerReport{}
	}
	v.received = v.received*keep + float64(difference(b.Received, was.Received))
	v.lost = v.lost*keep + float64(difference(b.Lost, was.Lost))
	v.played = v.played*keep + float64(difference(b.Played, was.Played))
	v.concealed = v.concealed*keep + float64(max(difference(b.Concealed, was.Concealed)-omitted, 0))
}

// difference is that of two totals modulo 65536. One that has gone back, since what was
// lost has come after all, counts as the same.
func difference(now, was uint16) int { return max(int(int16(now-was)), 0) }
