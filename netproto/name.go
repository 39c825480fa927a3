package netproto

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names, in characters (runes).
const (
	MaxName = 19 // as in TIP_Project
	MaxRoom = 64
)

// Errors of CheckName and CheckRoom, wrapped with what is wrong.
var (
	ErrName = errors.New("bad name")
	ErrRoom = errors.New("bad room")
)

// CheckName tells whether a nickname is fit: 1 to 19 characters, not only
// spaces, none that controls a terminal or the direction of writing.
func CheckName(name string) error { return check(name, MaxName, ErrName) }

// CheckRoom tells whether the name of a room is fit: empty (the default room),
// or up to 64 characters as in CheckName.
func CheckRoom(room string) error {
	if room == "" {
		return nil
	}
	return check(room, MaxRoom, ErrRoom)
}

func check(s string, limit int, bad error) error {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: not UTF-8", bad)
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("%w: empty", bad)
	case n > limit:
		return fmt.Errorf("%w: %d characters, at most %d", bad, n, limit)
	case strings.ContainsFunc(s, unfit):
		return fmt.Errorf("%w: control characters", bad)
	}
	return nil
}

// unfit is true for control characters, line separators and the marks of
// Unicode's bidirectional algorithm (UAX #9), which could disguise a list of
// names.
func unfit(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}
