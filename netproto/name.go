package netproto

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in characters (runes).
const (
	MaxName   = 19 // as in TIP_Project
	MaxRoom   = 64
	MaxReason = 200 // of a REASON that is shown; the wire may carry more
	MaxMarks  = 4   // accents and the like on one character; more would run over the lines above and below
)

// Errors of CheckName and CheckRoom, wrapped with what is wrong.
var (
	ErrName = errors.New("bad name")
	ErrRoom = errors.New("bad room")
)

// CheckName tells whether a nickname is fit: 1 to 19 characters, at least one
// of them to be seen, none that controls a terminal or the direction of
// writing, none that shows nothing and does nothing where it stands, at most
// MaxMarks marks on one. What joins others, as in emoji and in Persian, is fit
// where it does so.
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
	case !strings.ContainsFunc(s, visible):
		return fmt.Errorf("%w: no character that can be seen", bad)
	}
	runes := []rune(s)
	for i, r := range runes {
		if why := surplus(runes[:i], r, first(runes[i+1:])); why != "" {
			return fmt.Errorf("%w: character %d, %U, %s; leave it out", bad, i+1, r, why)
		}
	}
	return nil
}

// CleanName makes a name that came over the wire fit for a terminal: what
// CheckName does not allow becomes a space or, where it shows nothing or is one
// mark too many, goes; what is too long ends in an ellipsis, and what cannot be
// seen at all is a question mark. Names that CheckName allows stay as they are.
func CleanName(name string) string {
	name = clean(name, MaxName)
	if !strings.ContainsFunc(name, visible) {
		return "?"
	}
	return name
}

// CleanReason does the same for a REASON, which may have 200 characters and be
// empty.
func CleanReason(reason string) string { return clean(reason, MaxReason) }

func clean(s string, limit int) string {
	runes := []rune(s)
	for i, r := range runes {
		if unfit(r) {
			runes[i] = ' '
		}
	}
	if runes = needed(runes); len(runes) > limit {
		runes[limit-1] = '…'
		runes = needed(runes[:limit]) // what joined two of which one is gone
	}
	return string(runes)
}

// unfit is true for control characters (escape sequences begin with one), line
// and paragraph separators, the marks of Unicode's bidirectional algorithm
// (UAX #9), which could disguise a list of names, and what is no character.
func unfit(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Noncharacter_Code_Point)
}

// visible is true for what leaves ink: letters, numbers, punctuation and symbols,
// without those of Default_Ignorable_Code_Point (UAX #44; of its sources only
// Other_Default_Ignorable_Code_Point holds such) and those whose picture is blank.
// Marks need a letter to stand on. Private characters show nothing to most, and
// so do those that Unicode 15.0, Go's tables, does not know, but for the places
// that are reserved for emoji (Extended_Pictographic of UTS #51): new ones come
// every year.
func visible(r rune) bool {
	if unicode.In(r, blank, unicode.Other_Default_Ignorable_Code_Point) {
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S, pictographs)
}
