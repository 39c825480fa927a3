package screen

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// event takes what happened in the call, and says it in a line where the rest of the screen does not.
func (t *talk) event(e engine.Event) {
	switch e := e.(type) {
	case engine.PeerJoined:
		if e.Foreign {
			t.say(e.Name+" is here with another passphrase, or without: you do not hear each other", true)
		} else {
			t.say(e.Name+" is here", false)
		}
	case engine.PeerRecording:
		if e.Recording {
			t.say(e.Name+" records the call", true)
		} else {
			t.say(e.Name+" does not record any more", false)
		}
	case engine.PeerIdentity:
		t.say(AboutIdentity(e, e.Name), e.Identity.Doubtful() || e.Err != nil)
	case engine.PeerLeft:
		t.say(e.Name+" left", false)
	case engine.Fault: // while it is in force it stands above the lines
		if !e.On && e.Kind != engine.FaultAlone {
			t.say(e.Text, false)
		}
	case engine.SourceEnded:
		t.ended = true
		if e.Err == nil {
			t.say("the input has ended: you are only listening", false)
		}
	case engine.Reconnecting:
		t.voice = e.Voice
		if e.Since < time.Second {
			t.say("reconnecting: "+e.Reason, true)
		}
	case engine.Reconnected:
		if e.Gap > 0 {
			t.say(fmt.Sprintf("back after %.1f s", e.Gap.Seconds()), false)
		} else {
			t.say("changed over to another relay", false)
		}
	case engine.PathChanged:
		switch e.Path {
		case engine.PathTunnel:
			t.say("voice goes through the TCP tunnel: "+e.Reason, true)
		case engine.PathAlso:
			t.say("voice goes by the second path alone: "+e.Reason, true)
		default:
			t.say("voice goes by UDP again", false)
		}
	case engine.SecondPath:
		if e.On {
			t.say("second path "+e.Name+" is in use", false)
		} else {
			t.say("second path "+e.Name+" is lost: "+e.Reason, true)
		}
	case engine.RelayCloses:
		text := fmt.Sprintf("the relay closes in %.0f s", e.Time.Seconds())
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		if e.Relay != "" {
			text += "; going to " + e.Relay
		}
		t.say(text, true)
	case engine.RelayComplained:
		t.say("the relay says: "+e.Reason, true)
	}
}

// Trusts say why the relay is taken for the one that it is.
var Trusts = map[engine.Trust]string{
	engine.TrustFirst:    "met for the first time, so nothing proves it; compare it with what the relay's operator says. From now on another one is refused",
	engine.TrustKnown:    "the known one",
	engine.TrustVouched:  "the one that the relay before told us",
	engine.TrustGiven:    "as the invitation or --fingerprint demands",
	engine.TrustVerified: "verified by the name of the relay",
}

// introduce says whom we have reached.
func (t *talk) introduce() {
	link := &t.stats.Link
	if link.Fingerprint == "" {
		t.say("no TLS: who is on the way can listen", true)
		return
	}
	t.say("relay certificate "+link.Fingerprint+": "+Trusts[link.Trust], link.Trust == engine.TrustFirst)
}
