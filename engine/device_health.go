package engine

import (
	"fmt"
	"time"
)

// deviceSigns are the signs of life of an input or output at one moment.
type deviceSigns struct {
	err   error         // why it broke
	again bool          // it is opened again then
	moved time.Duration // when Read or Write returned last
	sound time.Duration // that has passed in all
}

// failed says why a device failed, and what to do.
func (d *deviceSigns) failed() string {
	if d.again {
		return fmt.Sprintf("(%v); check the device: it is opened again by itself as soon as it works", d.err)
	}
	return fmt.Sprintf("(%v); check it, then join again", d.err)
}

// devices judges input and output.
func (m *monitor) devices(now time.Duration, v *vitals) {
	if v.input || v.in.err != nil {
		m.device(now, &v.in, &m.inPace, FaultInputFailed, FaultInputStuck, FaultInputSlow)
	}
	if v.input && v.in.err == nil {
		on := m.isOn(FaultInputSilent)
		quiet := v.sounded
		if quiet > 0 {
			quiet += inputPause - inputSilent
		}
		if !on {
			quiet = max(quiet, v.unmuted)
		}
		m.note(now, Fault{Kind: FaultInputSilent}, on || !v.muted && now-v.in.moved < deviceStuck, quiet, "")
	}
	m.device(now, &v.out, &m.outPace, FaultOutputFailed, FaultOutputStuck, FaultOutputSlow)
}

// device judges one of them. It is one thing at a time: broken, else slow, else stuck.
func (m *monitor) device(now time.Duration, d *deviceSigns, p *pace, failed, stuck, slow FaultKind) {
	if d.err != nil {
		p.reset(d.sound)
		m.note(now, Fault{Kind: failed}, true, sinceSeen, d.failed())
		return
	}
	m.note(now, Fault{Kind: failed}, false, 0, "")
	p.look(now, d.sound)
	share, moves := p.share()
	on := m.isOn(slow)
	m.note(now, Fault{Kind: stuck}, !on, d.moved, "")
	switch {
	case moves && (share < slowBelow || on && share < keepsUp) && !m.isOn(stuck):
		m.note(now, Fault{Kind: slow}, true, sinceSeen, fmt.Sprintf("%.0f %%", 100*share))
	case moves || !on || m.age(now, d.moved) < deviceStuck:
		m.note(now, Fault{Kind: slow}, on && !moves, sinceSeen, "")
	} // else it does not even move any more, which is another fault
}
