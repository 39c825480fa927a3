package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tincan-voice/tincan/relay"
)

// banTime is how long a ban or a mute lasts where nothing is said.
const banTime = time.Hour

// errWho is told where a command does not say about whom it is.
var errWho = errors.New("who? Give a session as LIST shows it, an address, a network as in 192.0.2.0/24, or token:ID")

// moderate carries out a command about somebody. It is not known if there is no such command.
func moderate(s *relay.Server, command, args string) (known bool, err error) {
	who, rest, _ := strings.Cut(strings.TrimSpace(args), " ")
	switch command {
	case "KICK", "BAN", "MUTE", "UNBAN", "UNMUTE":
		if who == "" {
			return true, errWho
		}
	}
	switch command {
	case "KICK":
		session, err := strconv.ParseUint(who, 10, 32)
		if err != nil {
			return true, fmt.Errorf("%q is no session: give one as LIST shows it", who)
		}
		return true, s.Kick(uint32(session), strings.TrimSpace(rest))
	case "BAN":
		d, reason, err := lasting(rest)
		if err != nil {
			return true, err
		}
		return true, s.Ban(who, d, reason)
	case "MUTE":
		d, _, err := lasting(rest)
		if err != nil {
			return true, err
		}
		return true, s.Mute(who, d)
	case "UNBAN", "UNMUTE":
		return true, s.Lift(who, command == "UNMUTE")
	}
	return false, nil
}

// lasting reads a time, banTime if there is none, and takes the rest for a reason.
func lasting(text string) (d time.Duration, reason string, err error) {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	if given, err := time.ParseDuration(first); err == nil {
		if given <= 0 {
			return 0, "", fmt.Errorf("for %s? Give a time above 0, as in 30m or 24h", first)
		}
		return given, strings.TrimSpace(rest), nil
	}
	return banTime, strings.TrimSpace(text), nil
}

// sanctions prints a table of bans and mutes.
func sanctions(list []relay.Sanction, now time.Time, out io.Writer) {
	if len(list) == 0 {
		fmt.Fprintln(out, "nobody is banned or muted")
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tWHAT\tFOR")
	for _, s := range list {
		what := "banned"
		if s.Mute {
			what = "muted"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Who, what, s.Until.Sub(now).Round(time.Second))
	}
	_ = w.Flush()
}
