package screen

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// field is a line of text that is typed.
type field struct {
	text   string
	secret bool // shown as asterisks
}

// key takes a key. What is none of a text is left alone.
func (f *field) key(key tea.KeyPressMsg) {
	switch stroke(key) {
	case "backspace", "ctrl+h":
		f.text = withoutLast(f.text)
	case "ctrl+u":
		f.text = ""
	case "ctrl+w":
		f.text = strings.TrimRight(f.text, " ")
		f.text = f.text[:strings.LastIndexByte(f.text, ' ')+1]
	default:
		if key.Mod&(tea.ModCtrl|tea.ModAlt) == 0 {
			f.add(key.Text)
		}
	}
}

// add appends a text. Ends of lines within it are left out: a mail program may have broken an address.
func (f *field) add(text string) {
	f.text += strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// withoutLast is a text without the last of its characters, as they are seen.
func withoutLast(text string) string {
	last := ""
	for rest := text; rest != ""; rest = rest[len(last):] {
		last, _ = ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
	}
	return text[:len(text)-len(last)]
}

// shown is the text as far as its end fits into so many cells, where it is typed, or else its beginning.
func (f *field) shown(width int, typed bool) string {
	text := clean(f.text)
	if f.secret {
		text = strings.Repeat("*", len([]rune(f.text)))
	}
	if !typed {
		return ansi.Truncate(text, width, "..")
	}
	return ansi.TruncateLeft(text, max(ansi.StringWidth(text)-width, 0), "")
}
