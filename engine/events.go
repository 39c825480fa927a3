package engine

import (
	"sync"
	"time"

	"github.com/tincan-voice/tincan/engine/adapt"
)

// Event is something that happened in a call: one of the types below. Names and reasons
// in them are fit for a terminal, whatever the relay sent (netproto.CleanName, CleanReason).
type Event interface{ isEvent() }

// PeerJoined says that somebody is in the room, or was there already when we came.
type PeerJoined struct {
	Session uint32
	Name    string
	Foreign bool // has another passphrase than we, or just one of us has one: neither hears the other
}

// PeerIdentity says whether somebody who has joined is the one who had the name before. It comes some 0.1 s after
// PeerJoined, or 10 s, where a proof was waited for in vain; it does not come with IdentityNone. Another may follow.
type PeerIdentity struct {
	Session  uint32
	Name     string
	Identity Identity
	Key      string // that it has proven to have, as netproto.Identity has it; "": none
	Err      error  // why it is not remembered, with IdentityFirst
}

// PeerLeft says that somebody left the room. Stats are the last figures.
type PeerLeft struct {
	Session uint32
	Name    string
	Stats   PeerStats
}

// PeerRecording says that somebody records the call, or does not any more; also of who did so already when we came.
type PeerRecording struct {
	Session   uint32
	Name      string
	Recording bool
}

// PeerTalking says that somebody began to talk or stopped. For who leaves while talking PeerLeft alone says so.
type PeerTalking struct {
	Session uint32
	Name    string
	Talking bool
}

// Muted says that we were muted or unmuted with Call.Mute.
type Muted struct{ Muted bool }

// Deafened says that we were deafened or hear again, after Call.Deafen.
type Deafened struct{ Deaf bool }

// Adapted says that the ladder has changed how we send, and why: Decision.Reason.
type Adapted struct {
	Decision adapt.Decision
}

// SourceEnded says that the Source has no more, or broke and is not opened again (Config.ReopenSource); the call
// goes on without. Err is nil at the end of a file.
type SourceEnded struct{ Err error }

// SinkFailed says that the Sink broke and is not opened again (Config.ReopenSink); the call goes on without.
type SinkFailed struct{ Err error }

// RelayComplained says that the relay did not understand us.
type RelayComplained struct{ Reason string }

// RelayCloses says that the relay will end in Time, for what Reason, and sends us to Relay, host:port, "" for whoever
// has its address by then. The call goes there while the old one still serves: then Reconnected has no Gap. With
// Config.Network it stays, and others go.
type RelayCloses struct {
	Reason string
	Time   time.Duration
	Relay  string
}

// Reconnecting says that the control connection to the relay is lost and dialed again: at once, whenever it turns out
// that voice flows all the same or does no more, and after 4, 8, 16 ... s.
type Reconnecting struct {
	Reason string
	Since  time.Duration // how long ago it was lost
	Voice  bool          // goes on, by UDP
}

// Reconnected says that the control connection is back, after Gap, which is 0 where it was never lost (RelayCloses).
type Reconnected struct {
	Gap time.Duration
	// Resumed: the session is the same. If not, the relay has forgotten it: those who were in the room have left, and
	// who is there joins.
	Resumed bool
	Session uint32 // our own
}

// PathChanged says that voice takes another path from now on, and why.
type PathChanged struct {
	Path   PathKind
	Reason string // why, but where it is UDP again
}

// SecondPath says that the second path (Config.Also) is in use, or is lost, and why.
type SecondPath struct {
	Name   string // its interface or address
	On     bool
	Reason string
}

// Ended is the last event. Err is what Call.Err returns: nil after Leave.
type Ended struct{ Err error }

func (PeerJoined) isEvent()      {}
func (PeerIdentity) isEvent()    {}
func (PeerLeft) isEvent()        {}
func (PeerTalking) isEvent()     {}
func (PeerRecording) isEvent()   {}
func (Muted) isEvent()           {}
func (Deafened) isEvent()        {}
func (Fault) isEvent()           {}
func (Adapted) isEvent()         {}
func (SourceEnded) isEvent()     {}
func (SinkFailed) isEvent()      {}
func (RelayComplained) isEvent() {}
func (RelayCloses) isEvent()     {}
func (Reconnecting) isEvent()    {}
func (Reconnected) isEvent()     {}
func (PathChanged) isEvent()     {}
func (SecondPath) isEvent()      {}
func (Ended) isEvent()           {}

// eventFeed is a bounded queue between the call and whoever reads its events. Nothing
// ever waits in it: when it is full the oldest event goes.
type eventFeed struct {
	mu     sync.Mutex
	ch     chan Event
	missed uint64
	closed bool
}

// eventRoom is how many events wait for a slow reader: twice the members of the largest
// room that a relay has unless its operator wants more, who all come at once for who joins it.
const eventRoom = 2048

func newEventFeed() *eventFeed { return &eventFeed{ch: make(chan Event, eventRoom)} }

func (q *eventFeed) add(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		select {
		case q.ch <- e:
			return
		default:
		}
		select {
		case <-q.ch:
			q.missed++
		default: // the reader was quicker
		}
	}
}

// close adds nothing more; what is in the queue can still be read.
func (q *eventFeed) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.ch)
}

func (q *eventFeed) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.missed
}
