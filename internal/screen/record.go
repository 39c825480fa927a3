package screen

import tea "charm.land/bubbletea/v2"

// record begins to record, or ends it.
func (m *Model) record() tea.Cmd {
	t := m.talk
	if t.starting || t.then != nil {
		return nil
	}
	if t.recording != nil {
		r := t.recording
		return func() tea.Msg { _ = r.Stop(); return nil } // what becomes of it is waited for
	}
	t.starting = true
	return func() tea.Msg {
		r, err := m.cfg.Record(t.call)
		return recordMsg{t.call, r, err}
	}
}

// recorded takes that a recording has begun, or has ended.
func (m *Model) recorded(msg recordMsg) tea.Cmd {
	t := m.talk
	if t == nil || msg.call != t.call || t.then != nil { // too late
		if msg.recording == nil {
			return nil
		}
		return func() tea.Msg { _ = msg.recording.Stop(); return nil }
	}
	t.starting = false
	switch {
	case msg.err != nil && t.recording != nil:
		t.recording = nil
		t.say("the recording has ended: "+msg.err.Error(), true)
	case msg.err != nil:
		t.say(msg.err.Error(), true)
	case msg.recording != nil:
		t.recording = msg.recording
		t.say("recording into "+t.recording.Dir()+"; everyone is told", true)
		return func() tea.Msg {
			<-msg.recording.Done()
			return recordMsg{call: msg.call, err: msg.recording.Stop()}
		}
	default:
		t.say("recorded into "+t.recording.Dir(), false)
		t.recording = nil
	}
	return nil
}

// recordMark stands in the title while we record.
func (t *talk) recordMark() string {
	switch {
	case t.recording == nil:
		return ""
	case t.stats.Recording && !t.stats.Announced:
		return "REC (say so: this relay tells nobody)  "
	}
	return "REC  "
}
