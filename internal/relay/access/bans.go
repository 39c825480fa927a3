package access

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/tincan-voice/tincan/internal/relay/origin"
)

// Subject is who a sanction is about: all of a network, or who has a token.
type Subject struct {
	Net   netip.Prefix
	Token string // its ID
}

// ParseSubject reads an address, a network as in 192.0.2.0/24, or token:ID. A single address of IPv6 stands for its /64.
func ParseSubject(text string) (Subject, error) {
	if id, ok := strings.CutPrefix(text, "token:"); ok && id != "" && !strings.ContainsFunc(id, unicode.IsSpace) {
		return Subject{Token: id}, nil
	}
	if net, err := netip.ParsePrefix(text); err == nil {
		if net.Addr().Is4In6() && net.Bits() >= 96 {
			net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
		}
		return Subject{Net: net.Masked()}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return SubjectOf(addr), nil
	}
	return Subject{}, fmt.Errorf("%q is neither an address, nor a network as in 192.0.2.0/24, nor token:ID", text)
}

// SubjectOf is the household that has an address.
func SubjectOf(a netip.Addr) Subject { return Subject{Net: origin.Household(a)} }

// String is what ParseSubject reads.
func (s Subject) String() string {
	if s.Token != "" {
		return "token:" + s.Token
	}
	return s.Net.String()
}

// Is tells whether it is about somebody with that address and token, nil for none.
func (s Subject) Is(from netip.Addr, t *Token) bool {
	if s.Token != "" {
		return t != nil && t.ID == s.Token
	}
	return s.Net.Contains(from.Unmap().WithZone(""))
}

// Sanction is a ban or a mute.
type Sanction struct {
	Subject
	Mute  bool // it may come in, and is not heard; else it may not come in
	Until time.Time
}

// String is the line that ParseSanction reads: ban or mute, who, and until when.
func (s Sanction) String() string {
	what := "ban"
	if s.Mute {
		what = "mute"
	}
	return what + " " + s.Subject.String() + " " + s.Until.UTC().Format(time.RFC3339Nano)
}

// ParseSanction reads a line as in
//
//	ban 192.0.2.0/24 2026-12-31T18:00:00Z
func ParseSanction(line string) (Sanction, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != "ban" && fields[0] != "mute" {
		return Sanction{}, fmt.Errorf("%q: want ban or mute, who, and until when", line)
	}
	who, err := ParseSubject(fields[1])
	if err != nil {
		return Sanction{}, err
	}
	until, err := time.Parse(time.RFC3339, fields[2])
	if err != nil {
		return Sanction{}, fmt.Errorf("until %q: want a time, as in 2026-12-31T18:00:00Z", fields[2])
	}
	return Sanction{who, fields[0] == "mute", until}, nil
}

// maxSanctions bounds the list.
const maxSanctions = 4096

// ErrTooMany says that there are as many sanctions as there may be.
var ErrTooMany = errors.New("there are too many bans and mutes: lift some, or wait until they end")

// Sanctions are those in force. The zero value is ready, and any goroutine may use it.
type Sanctions struct {
	mu  sync.Mutex
	all []Sanction
}

// Add puts one in force. It takes the place of the one of its kind for the same subject.
func (l *Sanctions) Add(s Sanction, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removeLocked(s.Subject, s.Mute, now)
	if len(l.all) >= maxSanctions {
		return ErrTooMany
	}
	l.all = append(l.all, s)
	return nil
}

// Read puts those in force that a text has, one a line. Empty lines and those that begin with # are left out.
func (l *Sanctions) Read(text io.Reader, now time.Time) error {
	lines := bufio.NewScanner(text)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := ParseSanction(line)
		if err == nil && now.Before(s.Until) {
			err = l.Add(s, now)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// Text is what Read reads: those in force.
func (l *Sanctions) Text(now time.Time) string {
	var text strings.Builder
	for _, s := range l.List(now) {
		fmt.Fprintln(&text, s)
	}
	return text.String()
}

// Lift ends one, and reports whether it was in force.
func (l *Sanctions) Lift(who Subject, mute bool, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.removeLocked(who, mute, now)
}

func (l *Sanctions) removeLocked(who Subject, mute bool, now time.Time) (removed bool) {
	l.all = slices.DeleteFunc(l.all, func(o Sanction) bool {
		same := o.Subject == who && o.Mute == mute
		removed = removed || same
		return same || !now.Before(o.Until)
	})
	return removed
}

// Find returns the sanction of that kind that is about somebody with that address and token, nil for none, and ends last.
func (l *Sanctions) Find(from netip.Addr, t *Token, mute bool, now time.Time) (found Sanction, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if s.Mute == mute && now.Before(s.Until) && s.Is(from, t) && (!ok || s.Until.After(found.Until)) {
			found, ok = s, true
		}
	}
	return found, ok
}

// List returns those in force, the first to end first.
func (l *Sanctions) List(now time.Time) []Sanction {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(l.all), func(s Sanction) bool { return !now.Before(s.Until) })
	slices.SortFunc(list, func(a, b Sanction) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.String(), b.String())) })
	return list
}
