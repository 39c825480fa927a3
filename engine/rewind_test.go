package engine

import "testing"

// stateful is a chooser that can go back.
type stateful struct {
	chooser
	saves, rewinds int
}

func (s *stateful) Save()   { s.saves++ }
func (s *stateful) Rewind() { s.rewinds++ }

// Who goes back has lost nothing: the next loss begins anew, and is counted again.
func TestRewoundLossBeginsAnew(t *testing.T) {
	l := NewListener(ListenerConfig{})
	l.deepLeft = 2
	dec := &stateful{}
	d, ok := l.thrifty(dec).(*thriftyRewinder)
	if !ok {
		t.Fatal("it cannot go back")
	}
	for i, want := range []string{"deep", "deep", "plain"} {
		d.Save()
		if _ = d.Conceal(nil); dec.last != want {
			t.Errorf("loss %d: %s, want %s", i, dec.last, want)
		}
		if d.Rewind(); dec.saves != i+1 || dec.rewinds != i+1 {
			t.Errorf("%d times saved, %d times back", dec.saves, dec.rewinds)
		}
	}
	if _, ok := l.thrifty(&chooser{}).(*thriftyRewinder); ok {
		t.Error("a decoder that cannot go back does")
	}
}
