package screen

import (
	"context"

	"github.com/tincan-voice/tincan/engine"
)

// Form is what a call begins with.
type Form struct {
	Relay       string // an address, as people write it, or an invitation
	Name        string // our own
	Room        string // "": the relay's default room
	Passphrase  string // "": the relay can listen
	Fingerprint string // that the relay is to have, as an invitation said; it is in no field
}

// Recent is a room that has been joined before.
type Recent struct {
	Relay  string `json:"relay"`
	Name   string `json:"name"`
	Room   string `json:"room,omitempty"`
	Sealed bool   `json:"sealed,omitempty"` // with a passphrase, which is not kept
}

// Call is what the screen needs of a call: an *engine.Call, Speaks and Verdict.
type Call interface {
	Stats() engine.Stats
	Events() <-chan engine.Event
	Err() error
	Mute(muted bool)
	Deafen(deaf bool)
	SetVolume(session uint32, volume float32) bool
	Leave()
	Speaks() bool // there is an input, which may have ended
	// Verdict says in lines who lost what so far, when and where.
	Verdict() []string
}

// Joined is a call that has come about.
type Joined struct {
	Call    Call
	Form    Form   // what an invitation says is in its fields
	Warning string // what there is to say, "" for nothing
}

// Devices are those that can be chosen, and those in use; "" is the system's default.
type Devices struct {
	Inputs, Outputs []string
	In, Out         string
}

// Recording is a recording of a call: a *record.Recorder.
type Recording interface {
	Dir() string
	Done() <-chan struct{} // closed when it has ended
	Stop() error
}

// Config says what a screen begins with, and what it can do. All functions are required.
type Config struct {
	Form    Form     // what the fields hold at first
	Recent  []Recent // the latest first
	Begin   bool     // join at once, and end with the call
	Muted   bool     // join muted
	ASCII   bool     // the terminal shows nothing else
	Version string

	// Join enters a room. The call ends with ctx.
	Join func(ctx context.Context, form Form) (Joined, error)
	// Heard is told each event of a call.
	Heard func(engine.Event)
	// Remember is told the rooms that were joined, the latest first.
	Remember func([]Recent)
	// Command carries out what was typed behind a colon in a call, and returns what there is to say.
	Command func(call Call, text string) (said string, err error)
	// Devices lists the sound devices, and Use chooses others for the call under way. They may take long.
	Devices func() (Devices, error)
	Use     func(in, out string) error
	// Record begins to record a call.
	Record func(call Call) (Recording, error)
	// RecordAtOnce has each call recorded from its beginning.
	RecordAtOnce bool
}
