package clean

// suppress decides how strong the echo canceller is: its suppression of what is left of an echo takes away most of who
// talks here at the same time, so it is to be gentle for as long as somebody does. That shows in what is left: of an
// echo alone it is next to nothing. While the canceller is still learning much is left of an echo too. The zero value
// is ready.
type suppress struct {
	learnt int // blocks of echo since the canceller began to learn
	talks  int // blocks for which somebody is taken to talk here
}

const (
	// echoLearnt is how much echo there must have been until what is left is believed, 2 s.
	echoLearnt = 200
	// echoLoud is the least mean energy that the loudspeaker plays with an echo to learn from, -60 dBov.
	echoLoud = 1e-6
	// leftOver is which part of a block's energy is left when somebody talks, 15 dB less; the canceller takes 20 dB more
	// than that from an echo.
	leftOver = 0.03
	// talkHold is for how many blocks somebody is taken to talk after such a block, 0.3 s, as voice detection has it.
	talkHold = 30
)

// anew takes that the canceller has to learn anew.
func (s *suppress) anew() { s.learnt = 0 }

// heard takes the energies of a block before and after the echo was taken out, and of what the loudspeaker plays. It
// tells whether the next one is to be treated gently, and whether that is new.
func (s *suppress) heard(before, after, loud float64) (gentle, changed bool) {
	was := s.talks > 0
	if loud > echoLoud {
		s.learnt = min(s.learnt+1, echoLearnt)
	}
	if s.talks = max(s.talks-1, 0); s.learnt == echoLearnt && after > leftOver*before {
		s.talks = talkHold
	}
	return s.talks > 0, was != (s.talks > 0)
}
