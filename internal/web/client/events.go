//go:build js && wasm

package main

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// tell tells the page what has happened, where its state does not show it.
func (c *client) tell(e engine.Event) {
	say := func(text string) { c.post(message{Is: "said", Text: text}) }
	warn := func(text string) { c.post(message{Is: "warned", Text: text}) }
	switch e := e.(type) {
	case engine.PeerJoined:
		if e.Foreign {
			warn(e.Name + " is here with another secret, or without: you do not hear each other")
		} else {
			say(e.Name + " is here")
		}
	case engine.PeerLeft:
		say(e.Name + " left")
	case engine.PeerRecording:
		if e.Recording {
			warn(e.Name + " records the call")
		} else {
			say(e.Name + " does not record any more")
		}
	case engine.Reconnecting:
		if e.Since < time.Second {
			warn("reconnecting: " + e.Reason)
		}
	case engine.Reconnected:
		if e.Gap > 0 {
			say(fmt.Sprintf("back after %.1f s", e.Gap.Seconds()))
		}
	case engine.PathChanged:
		if e.Path == engine.PathTunnel {
			warn("voice goes through a WebSocket: " + e.Reason)
		} else {
			say("voice goes by datagrams again")
		}
	case engine.RelayCloses:
		warn(fmt.Sprintf("the relay closes in %.0f s: %s", e.Time.Seconds(), e.Reason))
		if e.Relay != "" {
			c.post(message{Is: "elsewhere", Text: e.Relay})
		}
	case engine.RelayComplained:
		warn("the relay says: " + e.Reason)
	case engine.Ended:
		c.call = nil
		text := ""
		if e.Err != nil {
			text = e.Err.Error()
		}
		c.post(message{Is: "ended", Text: text})
	}
}
