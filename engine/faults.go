package engine

import (
	"fmt"
	"time"
)

// FaultKind is a way in which somebody in a call is not heard, or does not hear.
type FaultKind uint8

// The kinds. Those with a session are about one talker, the others about ourselves.
const (
	FaultNoUDP          FaultKind = iota // no datagram has ever come back from the relay
	FaultUDPStopped                      // nothing comes from the relay any more
	FaultNotHeard                        // the relay is heard, but nothing of ours arrives there
	FaultNotHearing                      // the relay answers, but no voice arrives here
	FaultSendingStopped                  // the circuit breaker holds our voice back
	FaultAlone                           // nobody else is in the room
	FaultNobodyListens                   // the relay has nobody to send our voice to
	FaultInputFailed                     // the Source broke
	FaultInputStuck                      // Source.Read does not return
	FaultInputSlow                       // the Source gives less sound than real time takes
	FaultInputSilent                     // the Source gives zeros only, or next to nothing
	FaultOutputFailed                    // the Sink broke
	FaultOutputStuck                     // Sink.Write does not return
	FaultOutputSlow                      // the Sink takes less sound than real time gives
	FaultNotUnderstood                   // others cannot open our voice: they have another passphrase, or none, or we have none
	FaultPassphrase                      // a talker has another passphrase, or just one of us has one
	FaultRoomKey                         // a talker uses another room secret: it has been told otherwise of the room, or earlier, or later
	FaultGarbled                         // what a talker sends opens, but makes no sense
	FaultStranger                        // a talker is not in the list of the room
	FaultUnknown                         // the relay's list of the room has us otherwise than we are
	FaultCrowded                         // there are too many in the room for keys that only those present have
	FaultNoKeys                          // the relay has begun no epoch, without which nothing is sent
	FaultSilenced                        // a moderator or the operator has muted us
	faultKinds                           // how many there are
)

// faultTable is all there is to know about a kind. In the sentences {name} is who it is about and
// {what} is what else there is to say: an address, a room, an error.
var faultTable = [faultKinds]struct {
	name    string        // as in JSON
	after   time.Duration // how long it must have been so until it is said; half of it while it is in force
	clear   time.Duration // how long it must not have been so until that is said: what comes and goes is said once
	on, off string
}{
	FaultNoUDP: {
		"no_udp", 3 * time.Second, 0, // 15 probes: on a path that loses 30 % each way one in 20000 would all be lost
		"you hear nobody and nobody hears you: no answer from {what} by UDP, nor through a TCP tunnel; open UDP as well as TCP of that port, at the relay and in the network you are in",
		"voice reaches the relay now",
	},
	FaultUDPStopped: {
		"udp_stopped", pathDead, pathBack,
		"you hear nobody and are not heard: nothing comes from {what} any more, neither by UDP nor through the TCP tunnel; check your network, and whether the relay still runs",
		"datagrams come from the relay again",
	},
	FaultNotHeard: {
		"not_heard", pathDead, pathBack,
		"nobody hears you: no voice of yours arrives at {what}; check what your network lets out",
		"your voice arrives at the relay again",
	},
	FaultNotHearing: {
		"not_hearing", voiceDead, pathBack,
		"you hear nobody: others talk, and no voice arrives here from {what}; check what your network lets in",
		"voice comes from the relay again",
	},
	FaultSendingStopped: {
		"sending_stopped", 300 * time.Millisecond, time.Second, // a path fault that explains it goes first
		"nobody hears you: sending has {what}; it is tried again by itself, another network may do better",
		"your voice is sent again",
	},
	FaultAlone: {
		"alone", 2500 * time.Millisecond, 0, // who comes with us is here by then
		"nobody else is in {what}: wait for the others, or join the room where they are",
		"you are not alone in the room any more",
	},
	FaultNobodyListens: {
		"nobody_listens", 0, 0, // the relay's word, about a list of users that has settled
		"nobody hears you: all others in the room have turned their sound off, or no datagram comes through to them; tell them another way",
		"you are heard again",
	},
	FaultInputFailed: {
		"input_failed", deviceBack, time.Second, // it may not last long after it was opened again
		"nobody hears you: your input failed {what}",
		"your input works again",
	},
	FaultInputStuck: {
		"input_stuck", deviceStuck, deviceStuck/2 + 200*time.Millisecond,
		"nobody hears you: nothing comes from your input; check whether the device is plugged in and free, or whether anything writes to it",
		"your input works again",
	},
	FaultInputSlow: {
		"input_slow", deviceSlow, deviceSlow,
		"others hear you in pieces: your input gives {what} of the sound that it should; " +
			"choose another device, or close what keeps this machine busy",
		"your input keeps up again",
	},
	FaultInputSilent: {
		"input_silent", inputSilent, 0,
		"nobody hears you: your microphone is silent (not even noise comes from the input); switch it on, or choose another input",
		"sound comes from your input",
	},
	FaultOutputFailed: {
		"output_failed", deviceBack, time.Second, // it may not last long after it was opened again
		"you hear nobody: your output failed {what}",
		"your output works again",
	},
	FaultOutputStuck: {
		"output_stuck", deviceStuck, deviceStuck/2 + 200*time.Millisecond,
		"you hear nobody: your output takes no more sound; check whether the device is plugged in and free, or whether anything reads from it",
		"your output works again",
	},
	FaultOutputSlow: {
		"output_slow", deviceSlow, deviceSlow,
		"you hear others in pieces: your output takes {what} of the sound that it should; " +
			"choose another device, or close what keeps this machine busy",
		"your output keeps up again",
	},
	FaultNotUnderstood: {
		"not_understood", 1500 * time.Millisecond, 0, // by then all who hear us have told the relay
		"{what} hear you: your passphrase is not theirs; agree on one, then join again",
		"nobody is left who lacks your passphrase",
	},
	FaultPassphrase: {
		"passphrase", time.Second, 0,
		"you cannot hear {name}, nor can {name} hear you: {what}; agree on one passphrase, then join again",
		"you hear {name} now",
	},
	FaultRoomKey: {
		"room_key", 2500 * time.Millisecond, 0, // a new epoch is used netproto.EpochGrace (2 s) after it was told
		"you cannot hear {name}: the relay has not told both of you the same of the room; if that lasts, join again, and then do not trust it",
		"you hear {name} again",
	},
	FaultGarbled: {
		"garbled", time.Second, 0,
		"you cannot hear {name}: what comes from there makes no sense here; use the same version of the program",
		"you hear {name} now",
	},
	FaultStranger: {
		"stranger", 2500 * time.Millisecond, 0, // a relay sends a changed list within 1 s
		"you cannot hear somebody who talks: session {what} is not in the relay's list of the room; if that lasts, join again",
		"everybody who talks is in the list of the room",
	},
	FaultUnknown: {
		"unknown", 0, 0,
		"nobody hears you: the relay tells the room of you otherwise than you are; join again, and if that lasts do not trust it",
		"the relay tells of you as you are",
	},
	FaultCrowded: {
		"crowded", 0, 0,
		"more than {what} of you are in the room: the relay together with somebody who knows the passphrase, but is not here, could hear",
		"again only those who are here can hear what is said, whoever else knows the passphrase",
	},
	FaultNoKeys: {
		"no_keys", 8 * time.Second, 0, // the pause between epochs, 4 s, and what a slow connection takes
		"you hear nobody and nobody hears you: {what} has sent no key for voice; its version is older than this program's, or the way there stands still: ask its operator",
		"there is a key for voice now",
	},
	FaultSilenced: {
		"silenced", 0, 0,
		"nobody hears you: a moderator or the relay's operator has muted you for {what}",
		"you are not muted by others any more",
	},
}

const (
	// deviceBack is how long a device may be away until it is said: another one, or the same, mostly works by then.
	deviceBack = time.Second
	// deviceStuck is how long a device may keep us waiting. Those of package audio/device
	// give up after 2 s and say why themselves.
	deviceStuck = 3 * time.Second
	// deviceSlow is how long a device must have been slow over paceWindow.
	deviceSlow = 800 * time.Millisecond
	// inputSilent is how long an input may begin with silence: longer than a headset takes to wake up.
	inputSilent = 5 * time.Second
	// inputPause is how long silence may last once there has been sound: files have pauses, and a noise gate
	// gives zeros while nobody speaks.
	inputPause = time.Minute
)

// String names the kind in one word, as docs/client.md lists them.
func (k FaultKind) String() string {
	if k < faultKinds {
		return faultTable[k].name
	}
	return "unknown"
}

// Fault says that somebody is not heard or does not hear, or (On false) does again: at most 4 s after it
// became so. Text is one sentence for people, with the remedy.
type Fault struct {
	Kind    FaultKind
	On      bool
	Session uint32 // who it is about; 0: ourselves
	Name    string // of that session, "" if it is not known
	Text    string
}

// FaultStats is what became of one kind of fault, of one session where it is about one.
type FaultStats struct {
	Fault               // the last word about it; On: it is in force
	Count int           // how often it began
	Total time.Duration // how long it was in force, up to now
}

func (f FaultStats) String() string {
	if f.Name == "" {
		return f.Kind.String()
	}
	return fmt.Sprintf("%s (%s)", f.Kind, f.Name)
}
