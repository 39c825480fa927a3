package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// sanctionTime is how long a ban or a mute lasts where nothing is said.
const sanctionTime = time.Hour

// obey carries out what was typed about somebody, and returns what there is to say.
func obey(call *engine.Call, command string) (said string, known bool, err error) {
	if known, err := moderate(call, command); known {
		return "", true, err
	}
	return compare(call, command)
}

// moderate carries out "kick NAME [REASON]", "ban NAME [DURATION] [REASON]" or "mute NAME [DURATION]", where NAME may
// be a session too. It is not known if it is none of these.
func moderate(call *engine.Call, command string) (known bool, err error) {
	verb, args, _ := strings.Cut(command, " ")
	verb = strings.ToLower(verb)
	if verb != "kick" && verb != "ban" && verb != "mute" {
		return false, nil
	}
	session, rest, err := addressee(call.Stats().Peers, strings.TrimSpace(args))
	if err != nil {
		return true, err
	}
	var mute, ban time.Duration
	if verb != "kick" {
		mute = sanctionTime
		first, reason, _ := strings.Cut(rest, " ")
		if given, err := time.ParseDuration(first); err == nil {
			mute, rest = max(given.Round(time.Second), time.Second), reason
		}
		if verb == "ban" {
			mute, ban = 0, mute
		}
	}
	return true, call.Moderate(session, mute, ban, strings.TrimSpace(rest))
}

// addressee finds whom a text begins with, by session or name, and returns what follows.
func addressee(peers []engine.PeerStats, text string) (session uint32, rest string, err error) {
	first, behind, _ := strings.Cut(text, " ")
	number, notNumber := strconv.ParseUint(first, 10, 32)
	length := 0
	for _, p := range peers {
		if notNumber == nil && uint64(p.Session) == number {
			return p.Session, strings.TrimSpace(behind), nil
		}
		switch after, ok := strings.CutPrefix(text, p.Name); {
		case !ok || after != "" && after[0] != ' ' || len(p.Name) < length:
		case len(p.Name) == length:
			err = fmt.Errorf("several are called %s: give the session, as in the lines about them", p.Name)
		default:
			session, rest, length, err = p.Session, strings.TrimSpace(after), len(p.Name), nil
		}
	}
	if length == 0 {
		return 0, "", fmt.Errorf("nobody here is called %q, nor has that session", text)
	}
	return session, rest, err
}
