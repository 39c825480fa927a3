package netproto

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// persian is "I go", of two parts that a ZERO WIDTH NON-JOINER holds apart.
const persian = "\u0645\u06cc\u200c\u0631\u0648\u0645"

func TestCheckName(t *testing.T) {
	good := []string{
		"A", "Adam", "Zoë", "a b", "{}", ".", "7", "+", strings.Repeat("ż", 19), "김", "ก็", "नमस्ते",
		persian,
		"\U0001f469\u200d\U0001f680",               // woman, ZERO WIDTH JOINER, rocket: an astronaut
		"\U0001f44b\U0001f3fd",                     // a hand with a skin tone
		"1\ufe0f\u20e3",                            // a keycap
		"\U0001f1f5\U0001f1f1",                     // a flag of two letters
		"\U0001f3f4\U000e0067\U000e0062\U000e007f", // a flag with tag characters
		"\U0001fae9",                               // an emoji that Unicode 15.0 does not know
		"a\ue000", "a\u0378",                       // private, unassigned
		"\u2764\ufe0f\u200d\U0001f525", "\U0001f469\U0001f3fd\u200d\U0001f680", "\U0001f3c3\u200d\u27a1\ufe0f", // on fire; of a colour; to the right
		"\u2139\ufe0f", "\u263a\ufe0e", "#\ufe0f\u20e3", // as a picture, as text
		"\u0647\u200d",                                                                           // an Arabic letter as in the middle of a word
		"\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", // Hindi, Sri (Lanka)
		"\u09b0\u200d\u09cd\u09af\u09be\u09ae", "\u0d28\u0d4d\u200d", // Bengali, Malayalam
		"\u845b\U000e0100", "\u1820\u180b", // a variant of a Japanese character, a Mongolian letter
		"e\u0301\u0302\u0303\u0304", "\u0f40\u0fb5\u0f71\u0f74\u0f83", // as many marks as may be
	}
	bad := []string{
		"", " ", " \u3000", strings.Repeat("a", 20), "a\n", "\x00", "a\x7f", "\u0085x", "a\x1b[2J", "a\u009b2J",
		"a\u202eb", "a\u2066b", "a\u200eb", "a\u061cb", "a\u2028b", "a\u2029b", "\xff", "a\ufffeb", "a\U0010ffffb",
		"e\u0301\u0302\u0303\u0304\u0305", "e\u0301\u0302\u0303\u0304\u20dd",
	}
	unseen := []rune{
		0x00ad,         // SOFT HYPHEN
		0x034f,         // COMBINING GRAPHEME JOINER
		0x115f, 0x1160, // HANGUL CHOSEONG and JUNGSEONG FILLER
		0x17b4, 0x17b5, // KHMER VOWEL INHERENT AQ and AA
		0x180b, 0x180e, 0x180f, // Mongolian selectors and vowel separator
		0x200b, 0x200c, 0x200d, // ZERO WIDTH SPACE, NON-JOINER and JOINER
		0x2060, 0x2061, 0x2064, // WORD JOINER, invisible operators
		0x2065, 0xfff0, // default ignorable, though nothing yet
		0x206a, 0x206f, // deprecated format characters
		0x2800,         // BRAILLE PATTERN BLANK
		0x3164, 0xffa0, // HANGUL FILLER, of half width
		0xfe00, 0xfe0f, 0xe0100, // variation selectors
		0xfeff,                 // ZERO WIDTH NO-BREAK SPACE
		0xfff9, 0xfffb, 0xfffc, // interlinear annotations, OBJECT REPLACEMENT CHARACTER
		0x0301, 0x20dd, 0x0903, 0x1d165, // marks without a letter
		0x13430, 0x13441, 0x16fe4, 0x1bca0, 0x1d159, 0x1d173, // of Egyptian, Khitan, shorthand and music
		0xe0001, 0xe0041, 0xe007f, // tags
		0x1680, 0x00a0, 0x2003, 0x202f, 0x205f, // spaces
		0xe000, 0xf0000, 0x0378, 0x3fffd, // private, unassigned
	}
	for _, s := range good {
		if err := CheckName(s); err != nil {
			t.Errorf("CheckName(%q) = %v", s, err)
		}
		if got := CleanName(s); got != s {
			t.Errorf("CleanName(%q) = %q", s, got)
		}
	}
	for _, s := range bad {
		if err := CheckName(s); !errors.Is(err, ErrName) {
			t.Errorf("CheckName(%q) = %v", s, err)
		}
	}
	all := ""
	for _, r := range unseen {
		s := string(r)
		all += s
		for _, name := range []string{s, s + s, s + " " + s, "\u200d" + s} {
			if err := CheckName(name); !errors.Is(err, ErrName) {
				t.Errorf("CheckName(%q) = %v", name, err)
			}
			if err := CheckRoom(name); !errors.Is(err, ErrRoom) {
				t.Errorf("CheckRoom(%q) = %v", name, err)
			}
			if got := CleanName(name); got != "?" {
				t.Errorf("CleanName(%q) = %q", name, got)
			}
		}
	}
	if err := CheckRoom(all); !errors.Is(err, ErrRoom) {
		t.Errorf("CheckRoom(%q) = %v", all, err)
	}
	for s, want := range map[string]error{"bob\u200b": ErrRoom, "": nil, strings.Repeat("r", 64): nil, strings.Repeat("r", 65): ErrRoom, "a\tb": ErrRoom} {
		if err := CheckRoom(s); !errors.Is(err, want) {
			t.Errorf("CheckRoom(%q) = %v, want %v", s, err, want)
		}
	}
}

// What a hostile relay might send, and what a terminal gets of it.
func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, name, reason string }{
		{"", "?", ""},
		{"Adam", "Adam", "Adam"},
		{"\x1b]0;owned\aEve", " ]0;owned Eve", " ]0;owned Eve"},
		{"\x1b[2J\x1b[H", " [2J [H", " [2J [H"},
		{"\u009b31mred\u009c", " 31mred ", " 31mred "},
		{"a\nb\r\tc\x7f\x00", "a b  c  ", "a b  c  "},
		{"a\u202eb\u2066c\u2028d\u2029", "a b c d ", "a b c d "},
		{"a\xff\xfe", "a\ufffd\ufffd", "a\ufffd\ufffd"},
		{"\u200b\u3164", "?", ""},
		{"b\u200bo\u00adb\ufeff", "bob", "bob"},
		{"e" + strings.Repeat("\u0301", 1<<14) + "e", "e\u0301\u0301\u0301\u0301e", "e\u0301\u0301\u0301\u0301e"},
		{"\U0001f469\u200b\u200d\u200d\U0001f680", "\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"},
		{"abcdefghijklmnop\U0001f469\u200d\U0001f680xyz", "abcdefghijklmnop\U0001f469…", "abcdefghijklmnop\U0001f469\u200d\U0001f680xyz"},
		{"\x1b\x07", "?", "  "},
		{strings.Repeat("x", 19), strings.Repeat("x", 19), strings.Repeat("x", 19)},
		{strings.Repeat("ż", 201), strings.Repeat("ż", 18) + "…", strings.Repeat("ż", 199) + "…"},
		{strings.Repeat("\U0001f600", 1<<14), strings.Repeat("\U0001f600", 18) + "…", strings.Repeat("\U0001f600", 199) + "…"},
	} {
		if got := CleanName(tt.in); got != tt.name {
			t.Errorf("CleanName(%.50q) = %q, want %q", tt.in, got, tt.name)
		}
		if got := CleanReason(tt.in); got != tt.reason {
			t.Errorf("CleanReason(%.50q) = %q, want %q", tt.in, got, tt.reason)
		}
	}
}

// No two fit names differ by nothing but characters that show nothing.
func TestLookAlikes(t *testing.T) {
	for _, r := range []rune{
		0x00ad, 0x034f, 0x061c, 0x115f, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x2060, 0x2064, 0x2065, 0x206a,
		0x3164, 0xfe00, 0xfe0e, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xfffc, 0x1bca0, 0x1d173, 0xe0001, 0xe0041, 0xe0100, 0xe01ef,
	} {
		for _, name := range []string{"bob" + string(r), string(r) + "bob", "b" + string(r) + "ob", "7" + string(r), "김" + string(r) + "김", "\u0627 " + string(r) + "b"} {
			if err := CheckName(name); !errors.Is(err, ErrName) {
				t.Errorf("CheckName(%q) = %v", name, err)
			}
		}
	}
}

func TestSkeleton(t *testing.T) {
	for _, same := range [][]string{
		{"bob", "bob\u200b", "b\u00adob", " bob ", "bob\u2800", "\u3164bob\ufe0f", "bob\u00a0\u200b "},
		{"Ann B", "Ann  B", "Ann\u00a0B", "Ann \u2003\u200bB", "Ann\u2800B"},
		{persian, strings.ReplaceAll(persian, "\u200c", "")},
		{"", "\u200b", " ", "\u2800"},
	} {
		for _, name := range same {
			if got := Skeleton(name); got != Skeleton(same[0]) {
				t.Errorf("Skeleton(%q) = %q, of %q it is %q", name, got, same[0], Skeleton(same[0]))
			}
		}
	}
	if Skeleton("AnnB") == Skeleton("Ann B") || Skeleton("Bob") == Skeleton("bob") || Skeleton("e\u0301") == Skeleton("e") {
		t.Error("what looks different has one skeleton")
	}
}

// FuzzNames: a fit name is carried unchanged, and any other becomes one.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"Adam", "Zoë", "{}", "\u202e", "\xff", " ", "\x1b]0;x\a", "\u3164", persian,
		"\U0001f469\u200d\U0001f680", "\u09b0\u200d\u09cd\u09af", "1\ufe0f\u20e3", "e\u0301\u0301\u0301\u0301\u0301\u200d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := CleanName(name)
		if err := CheckName(clean); err != nil {
			t.Fatalf("%q becomes %q: %v", name, clean, err)
		}
		if Skeleton(clean) == "" {
			t.Fatalf("%q becomes %q, of which nothing is to be seen", name, clean)
		}
		if reason := CleanReason(name); strings.ContainsFunc(reason, unfit) || utf8.RuneCountInString(reason) > MaxReason {
			t.Fatalf("%q becomes %q", name, reason)
		}
		if CheckName(name) != nil {
			return
		}
		if clean != name {
			t.Fatalf("%q becomes %q", name, clean)
		}
		text := must(AppendPackage(nil, SendNickname{Name: name}))
		got, err := decodeAll(text, len(text))
		if err != nil || !cmp.Equal(got, []any{SendNickname{Name: name}}) {
			t.Fatalf("%q comes back as %v, %v", name, got, err)
		}
	})
}
