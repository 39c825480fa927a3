package screen

import (
	"errors"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/netproto"
)

// The fields of the form.
const (
	fieldRelay = iota
	fieldName
	fieldRoom
	fieldPassphrase
	fields
)

// form is what is asked before a call: fields, and below them the rooms of late.
type form struct {
	fields [fields]field
	recent []Recent
	at     int // the field, or behind them the room, that the keys go to

	fingerprint, of string // the last one that an invitation said, and the relay that it is of
}

func newForm(cfg Config) form {
	f := form{recent: slices.Clone(cfg.Recent)}
	f.fields[fieldPassphrase].secret = true
	f.set(cfg.Form)
	f.at = f.missing()
	return f
}

// set fills the fields.
func (f *form) set(v Form) {
	for i, text := range []string{v.Relay, v.Name, v.Room, v.Passphrase} {
		f.fields[i].text = text
	}
	if v.Fingerprint != "" {
		f.fingerprint, f.of = v.Fingerprint, v.Relay
	}
}

// get is what they say.
func (f *form) get() Form {
	text := func(i int) string { return strings.TrimSpace(f.fields[i].text) }
	v := Form{Relay: text(fieldRelay), Name: text(fieldName), Room: text(fieldRoom), Passphrase: f.fields[fieldPassphrase].text}
	if v.Relay == f.of {
		v.Fingerprint = f.fingerprint
	}
	return v
}

// missing is the first field that must be filled and is not, or the first.
func (f *form) missing() int {
	if f.fields[fieldRelay].text != "" && f.fields[fieldName].text == "" {
		return fieldName
	}
	return fieldRelay
}

// blame goes to the field that an error is about.
func (f *form) blame(err error) {
	var changed *engine.CertificateChangedError
	switch {
	case errors.Is(err, netproto.ErrName):
		f.at = fieldName
	case errors.Is(err, netproto.ErrRoom):
		f.at = fieldRoom
	case errors.As(err, &changed), errors.Is(err, engine.ErrAddress), errors.Is(err, invite.ErrLink):
		f.at = fieldRelay
	}
}

// remember puts a room at the beginning of those of late.
func (f *form) remember(v Form) {
	r := Recent{Relay: v.Relay, Name: v.Name, Room: v.Room, Sealed: v.Passphrase != ""}
	others := slices.DeleteFunc(slices.Clone(f.recent), func(o Recent) bool { return o.Relay == r.Relay && o.Room == r.Room })
	f.recent = append([]Recent{r}, others[:min(len(others), mostRecent-1)]...)
}

// mostRecent is how many rooms are remembered.
const mostRecent = 9

func (f *form) paste(text string) {
	if f.at < fields {
		f.fields[f.at].add(text)
	}
}

// formKey takes a key while the form is shown.
func (m *Model) formKey(key tea.KeyPressMsg) tea.Cmd {
	f := &m.form
	stops := fields + len(f.recent)
	switch stroke(key) {
	case "esc":
		return tea.Quit
	case "tab", "down":
		f.at = (f.at + 1) % stops
	case "shift+tab", "up":
		f.at = (f.at + stops - 1) % stops
	case "enter":
		return m.submit()
	default:
		if f.at < fields {
			f.fields[f.at].key(key)
		}
	}
	return nil
}

// submit joins what the form says, or the room of late that is chosen. Where something is missing it goes there.
func (m *Model) submit() tea.Cmd {
	f := &m.form
	m.err = nil
	if f.at >= fields {
		r := f.recent[f.at-fields]
		f.set(Form{Relay: r.Relay, Name: r.Name, Room: r.Room})
		if r.Sealed {
			f.at, m.err = fieldPassphrase, errors.New("that room had a passphrase, which is not kept: type it, then press Enter")
			return nil
		}
	}
	v := f.get()
	switch {
	case v.Relay == "":
		f.at, m.err = fieldRelay, errors.New("which relay? Its host, or host:port, as whoever runs it says")
	case v.Name == "":
		f.at, m.err = fieldName, errors.New("your name, please: 1 to 19 characters, which the others see")
	default:
		return m.join(v)
	}
	return nil
}
