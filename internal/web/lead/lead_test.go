package lead

import (
	"testing"
	"time"
)

const tick = 10 * time.Millisecond

// page is one whose audio thread plays a block per tick and tells so, and whose engine writes then, but while it is late.
type page struct {
	lead    Lead
	now     time.Duration
	left    int
	missed  int // and not told of
	starved int
}

func (p *page) run(d, stall, every time.Duration) {
	for end := p.now + d; p.now < end; p.now += tick {
		if p.left >= Block {
			p.left -= Block
		} else {
			p.starved++
			p.missed += Block
		}
		if every > 0 && p.now%every < stall {
			continue // what is told then is heard of later, and by then the rest has been played
		}
		p.lead.Told(p.now, p.left, p.missed)
		p.missed = 0
		for p.left <= p.lead.Samples() {
			p.left += Block
		}
	}
}

func TestLeadIsAsLongAsTheEngineIsLate(t *testing.T) {
	for _, tt := range []struct {
		stall   time.Duration
		samples int // at most
		starved int // at most, of the first stall
	}{
		{0, sure + least, 0},
		{20 * time.Millisecond, sure + 2*Block, 0},
		{50 * time.Millisecond, sure + 5*Block, 2},
		{80 * time.Millisecond, sure + 8*Block, 5},
		{300 * time.Millisecond, most, 1000},
	} {
		p := &page{left: sure + least}
		p.run(tick, 0, 0)
		p.run(4*time.Second, tt.stall, 2*time.Second)
		first := p.starved
		p.run(20*time.Second, tt.stall, 2*time.Second)
		if n := p.lead.Samples(); n > tt.samples || first > tt.starved {
			t.Errorf("stalls of %v: %d samples ahead, starved %d times at first", tt.stall, n, first)
		}
		if p.starved > first && tt.samples < most {
			t.Errorf("stalls of %v: starved %d times after the first ones", tt.stall, p.starved-first)
		}
		p.run(2*window+tick, 0, 0)
		if n := p.lead.Samples(); n != sure+least {
			t.Errorf("%d samples ahead %v after stalls of %v", n, 2*window, tt.stall)
		}
	}
}

// Who was away for long begins anew.
func TestLeadForgets(t *testing.T) {
	var l Lead
	l.Told(0, 0, 0)
	if l.Samples() <= sure+least {
		t.Fatal("never late")
	}
	l.Told(time.Hour, l.Samples(), 0)
	if l.Samples() != sure+least {
		t.Error(l.Samples())
	}
}
