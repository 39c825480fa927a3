package screen

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"

	"github.com/tincan-voice/tincan/netproto"
)

// clean makes a text of others fit for a terminal: what is no visible character, such as the beginning of an escape
// sequence or what turns the direction of writing, is a space, and of what terminals would not agree how wide it is only
// the first character is left. What joins letters stays.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == zwj || r == zwnj {
			return r
		}
		return ' '
	}, norm.NFC.String(text))
	var b strings.Builder
	for len(text) > 0 {
		cluster, _ := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		text = text[len(cluster):]
		if ansi.StringWidth(cluster) == ansi.StringWidthWc(cluster) {
			b.WriteString(cluster)
			continue
		}
		for _, r := range cluster {
			if first := string(r); ansi.StringWidth(first) == ansi.StringWidthWc(first) {
				b.WriteString(first)
			} else {
				b.WriteByte('?')
			}
			break
		}
	}
	return b.String()
}

// What joins letters or keeps them apart, in Persian and Indic names for example.
const zwnj, zwj = '\u200c', '\u200d'

// Looks is the same for names that look the same, however their accents are written (UAX #15).
func Looks(name string) string { return norm.NFC.String(netproto.Skeleton(name)) }

// plain is a text with question marks for what is not ASCII, as wide as before.
func plain(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		if text[0] <= unicode.MaxASCII {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		cluster, width := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
		b.WriteString(strings.Repeat("?", width))
		text = text[len(cluster):]
	}
	return b.String()
}

// fit makes a text exactly so many cells wide: it is cut, which two dots show, or filled with spaces.
func fit(text string, width int) string {
	if width <= 0 {
		return ""
	}
	tail := ".."
	if width < 4 {
		tail = ""
	}
	text = ansi.Truncate(text, width, tail)
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

// wrap breaks a text into lines of at most so many cells, and at most so many of them.
func wrap(text string, width, most int) []string {
	if width <= 0 || most <= 0 {
		return nil
	}
	lines := strings.Split(ansi.Wrap(text, width, ""), "\n")
	if len(lines) > most {
		lines[most-1] = fit(strings.Join(lines[most-1:], " "), width)
		lines = lines[:most]
	}
	return lines
}

// apart puts one text at the left and one at the right end of a line.
func apart(left, right string, width int) string {
	room := width - ansi.StringWidth(right) - 1
	if room < 8 {
		return fit(left, width)
	}
	return fit(left, room) + " " + right
}

// quietest is the level in -dBov at the low end of a meter: that of a quiet room.
const quietest = 60

// meter is a bar of so many cells for a level in -dBov.
func meter(level uint8, width int) string {
	full := 0
	if level < quietest {
		full = 1 + (quietest-int(level))*(width-1)/quietest
	}
	full = max(min(full, width), 0)
	return strings.Repeat("|", full) + strings.Repeat(".", max(width-full, 0))
}
