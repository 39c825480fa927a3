package verdict

import (
	"fmt"
	"strings"
	"time"
)

// Lines say what went wrong in words, and then what did not. clock turns a time of the call into one of the day, and
// name says how a talker is shown.
func (j *Judge) Lines(clock func(time.Duration) time.Time, name func(session uint32, name string) string) []string {
	var lines []string
	bad := map[Place]bool{}
	for _, e := range j.Episodes() {
		bad[e.Place] = true
		if e.Place == Dry || e.Place == Spilt {
			bad[Output], bad[Machine] = true, true
		}
		lines = append(lines, e.text(clock, name))
	}
	var fine []string
	for _, place := range []struct {
		Place
		text string
	}{{Up, "the others' ways to the relay"}, {Down, "your way from it"}, {OwnUp, "your way to it"}, {Output, "your sound"}, {Machine, "this machine"}} {
		if !bad[place.Place] {
			fine = append(fine, place.text)
		}
	}
	if len(fine) > 0 {
		lines = append(lines, "fine: "+strings.Join(fine, ", "))
	}
	return lines
}

// text is "Ann's way to the relay, 14:03:10 to 14:07:02: 18 % lost or overtaken, repaired to 2 %", for example. Others' ways up
// have both in one, as what was overtaken there cannot be told from what was lost and sent again (stream.Ways).
func (e *Episode) text(clock func(time.Duration) time.Time, name func(session uint32, name string) string) string {
	const format = "15:04:05"
	when := clock(e.From).Format(format)
	if to := clock(e.To).Format(format); to != when {
		when += " to " + to
	}
	switch e.Place {
	case Output:
		return fmt.Sprintf("your sound output stood still %s, %.1f s at most, %s", times(e.Count), e.Longest.Seconds(), when)
	case Dry:
		return fmt.Sprintf("your sound output ran dry %s, %.2f s at most, %s: close what keeps this machine busy", times(e.Count), e.Longest.Seconds(), when)
	case Spilt:
		return fmt.Sprintf("your microphone's sound was taken too late %s, %.2f s at most, %s: close what keeps this machine busy",
			times(e.Count), e.Longest.Seconds(), when)
	case Machine:
		return fmt.Sprintf("this machine had no time for the call %s, %.1f s at most, %s: close what keeps it busy", times(e.Count), e.Longest.Seconds(), when)
	}
	where := map[Place]string{Up: name(e.Session, e.Name) + "'s way to the relay", Down: "your way from the relay", OwnUp: "your way to the relay"}[e.Place]
	text := fmt.Sprintf("%s, %s: %.0f %% lost", where, when, 100*e.Lost)
	if e.Place == Up {
		text += " or overtaken"
	}
	if e.Left >= 0 {
		text += fmt.Sprintf(", repaired to %.0f %%", 100*e.Left)
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
