package netproto

import (
	"strings"
	"unicode"
)

// Skeleton is what two names have in common that look the same: what shows nothing is left out, and what shows a
// blank is one space. It is for telling people apart and not itself shown. Letters of several scripts that look alike
// (UTS #39) have several skeletons.
func Skeleton(name string) string {
	return strings.Join(strings.FieldsFunc(strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, name), func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(blank, r) }), " ")
}

// needed drops what is surplus, in place.
func needed(s []rune) []rune {
	for {
		kept := s[:0]
		for i, r := range s {
			if surplus(kept, r, first(s[i+1:])) == "" {
				kept = append(kept, r)
			}
		}
		if len(kept) == len(s) {
			return s
		}
		s = kept // once more: what was kept for the sake of its neighbour may have lost it
	}
}

// surplus tells what is wrong with a character that shows or changes nothing between these, or swallows the lines
// above and below. It is "" for all others.
func surplus(before []rune, r, after rune) string {
	switch {
	case ignorable(r) && !works(before, r, after):
		return "shows nothing"
	case stacks(r) && marks(before) >= MaxMarks:
		return "is one mark too many on one letter"
	}
	return ""
}

// ignorable is true for what shows nothing of its own: Default_Ignorable_Code_Point as UAX #44 derives it, the
// anchors of interlinear annotations and the place of an object that is not there.
func ignorable(r rune) bool {
	switch {
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector), r == 0xfffc:
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r), r >= 0x13430 && r <= 0x1345f: // Egyptian
		return false
	}
	return unicode.Is(unicode.Cf, r)
}

const (
	zwnj = 0x200c
	zwj  = 0x200d
)

// works tells whether an ignorable character may change how its neighbours look. The rules for joiners are those of
// UAX #31, section 2.3 (A1, A2, B), and of emoji (UTS #51, ED-16).
func works(before []rune, r, after rune) bool {
	prev := last(before)
	switch {
	case r == zwj || r == zwnj:
		base := last(unmarked(before))
		cursive, follows := joined(base), joined(after)
		switch {
		case prev == zwj || prev == zwnj:
			return false
		case cursive && follows, r == zwj && (cursive || follows):
			return true
		case unicode.Is(viramas, prev):
			return r == zwj || unicode.Is(unicode.L, after)
		case unicode.Is(viramas, after): // repha or a conjunct, as in Bengali and Kannada
			return r == zwj && unicode.Is(unicode.L, base)
		}
		return r == zwj && symbol(base) && symbol(after)
	case r == 0xfe0e || r == 0xfe0f: // as text, as a picture
		return after == 0x20e3 && (prev >= '0' && prev <= '9' || prev == '#' || prev == '*') || symbol(prev)
	case r >= 0xfe00 && r <= 0xfe02 || r >= 0xe0100 && r <= 0xe01ef:
		return unicode.Is(unicode.Han, prev)
	case r >= 0x180b && r <= 0x180f:
		return unicode.Is(unicode.Mongolian, prev) && unicode.Is(unicode.L, prev)
	case tag(r): // a flag of a region
		return prev == 0x1f3f4 || tag(prev)
	}
	return false
}

// joined is true for the letters of scripts in which they are written together.
func joined(r rune) bool {
	return unicode.Is(unicode.L, r) && unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko,
		unicode.Mongolian, unicode.Phags_Pa, unicode.Adlam, unicode.Hanifi_Rohingya, unicode.Manichaean, unicode.Sogdian)
}

// symbol is true for what may be an emoji or a part of one.
func symbol(r rune) bool {
	return r > unicode.MaxASCII && unicode.In(r, unicode.S, pictographs) ||
		r == 0x203c || r == 0x2049 || r == 0x2139 || r == 0x3030 // of other categories
}

func tag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }

// stacks is true for marks that take no place of their own.
func stacks(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

// marks counts those on the last character.
func marks(s []rune) (n int) {
	for _, r := range s[len(unmarked(s)):] {
		if stacks(r) {
			n++
		}
	}
	return n
}

// unmarked is s without the marks and joiners at its end.
func unmarked(s []rune) []rune {
	for len(s) > 0 && (stacks(last(s)) || last(s) == zwj || last(s) == zwnj) {
		s = s[:len(s)-1]
	}
	return s
}

// first and last are those of s, and -1 when it is empty.
func first(s []rune) rune {
	if len(s) == 0 {
		return -1
	}
	return s[0]
}

func last(s []rune) rune {
	if len(s) == 0 {
		return -1
	}
	return s[len(s)-1]
}

var (
	// blank are characters whose picture is blank, beside spaces.
	blank = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // BRAILLE PATTERN BLANK
			{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // OBJECT REPLACEMENT CHARACTER
		},
		R32: []unicode.Range32{
			{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // EGYPTIAN HIEROGLYPH FULL BLANK, HALF BLANK
			{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // MUSICAL SYMBOL NULL NOTEHEAD
		},
	}
	pictographs = &unicode.RangeTable{R32: []unicode.Range32{
		{Lo: 0x1f000, Hi: 0x1faff, Stride: 1},
		{Lo: 0x1fc00, Hi: 0x1fffd, Stride: 1},
	}}
	// viramas are the signs that join consonants, of the scripts in which a joiner beside one changes the picture.
	viramas = &unicode.RangeTable{R16: []unicode.Range16{
		{Lo: 0x094d, Hi: 0x0d4d, Stride: 0x80}, // Devanagari, Bengali, Gurmukhi, ... Malayalam
		{Lo: 0x0dca, Hi: 0x0dca, Stride: 1},    // Sinhala
	}}
)
