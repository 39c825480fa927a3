package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// Whoever looks like somebody else is told apart by the session.
func TestLookAlikes(t *testing.T) {
	var out bytes.Buffer
	tell := newTeller(&out, false)
	tell.names.come(1, "Ann") // we
	for _, e := range []engine.Event{
		engine.PeerJoined{Session: 2, Name: "Bob"},
		engine.PeerJoined{Session: 3, Name: "Eve"},
		engine.PeerJoined{Session: 4, Name: "Bob "},
		engine.PeerJoined{Session: 5, Name: "Ann"},
		engine.PeerJoined{Session: 7, Name: "Zo\u00eb"},
		engine.PeerJoined{Session: 8, Name: "Zoe\u0308"},
		engine.PeerTalking{Session: 2, Name: "Bob", Talking: true},
		engine.Fault{Kind: engine.FaultGarbled, Session: 4, Name: "Bob ", On: true, Text: "you cannot hear Bob"},
		engine.PeerLeft{Session: 2, Name: "Bob"},
		engine.PeerJoined{Session: 6, Name: "Bob"},
		engine.PeerTalking{Session: 4, Name: "Bob ", Talking: true},
	} {
		tell.event(e)
	}
	tell.summary(engine.Stats{Peers: []engine.PeerStats{{Session: 3, Name: "Eve"}, {Session: 5, Name: "Ann"}}})
	tell.close(time.Minute)
	for _, want := range []string{
		"Bob is here\nEve is here\nBob  (session 4) is here\nAnn (session 5) is here\nZo\u00eb is here\nZoe\u0308 (session 8) is here\nBob (session 2) talks\n",
		"! you cannot hear Bob (session 4)\nBob (session 2) left\nBob is here\nBob  (session 4) talks\n",
		"  Eve\n", "  Ann (session 5)\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}
