package access

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Why Tokens.Check refuses. They are told to who asks.
var (
	ErrNoToken  = errors.New("this relay asks for a token: get one from its operator")
	ErrBadToken = errors.New("this relay does not know that token, or it has expired: get another one from its operator")
	ErrNotFor   = errors.New("that token is for another name or room")
)

// ErrFile says that a file of tokens makes no sense. It comes wrapped with the line and the remedy.
var ErrFile = errors.New("bad file of tokens")

// leastToken is the shortest token in characters: 12 of letters and digits by chance are 71 bits.
const leastToken = 12

// Token is one that the operator has given out.
type Token struct {
	// ID names it to people: of its SHA-256 the first 8 hexadecimal digits.
	ID     string
	Rights netproto.Rights

	sum          [sha256.Size]byte
	names, rooms []string  // none: any
	until        time.Time // zero: for ever
}

// Tokens are all that are good. The zero value has none.
type Tokens struct{ all []*Token }

// Parse reads a file of tokens: one a line, and behind it what it is good for:
//
//	hx2c9ahd81kx
//	v8s0q1m4z7pd name="Ann Lee" room=kitchen room="" right=kick right=mute until=2026-12-31
//
// Several names, rooms and rights are all good; without one any name and any room is, and there are no rights. It holds to the end
// of that day in UTC, or to a time as in 2026-12-31T18:00:00Z. Empty lines and those that begin with # are left out.
func Parse(r io.Reader) (*Tokens, error) {
	ts := new(Tokens)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := parseToken(line)
		if err == nil && slices.ContainsFunc(ts.all, func(o *Token) bool { return o.sum == t.sum }) {
			err = errors.New("the token is there already")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFile, n, err)
		}
		ts.all = append(ts.all, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return ts, nil
}

func parseToken(line string) (*Token, error) {
	token, rest, _ := strings.Cut(line, " ")
	if len(token) < leastToken || strings.ContainsAny(token, "\"=\\") || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("a token has %d characters at least, of ASCII and without blanks, quotes, = and \\: take one by chance, "+
			"as openssl rand -hex 16 makes it", leastToken)
	}
	t := &Token{sum: sha256.Sum256([]byte(token))}
	t.ID = hex.EncodeToString(t.sum[:4])
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		key, value, _ := strings.Cut(rest, "=")
		if quoted, err := strconv.QuotedPrefix(value); err == nil {
			rest = value[len(quoted):]
			if value, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		} else {
			value, rest, _ = strings.Cut(value, " ")
		}
		if err := t.set(key, value); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Token) set(key, value string) (err error) {
	switch key {
	case "name":
		t.names = append(t.names, value)
		err = netproto.CheckName(value)
	case "room":
		t.rooms = append(t.rooms, value)
		err = netproto.CheckRoom(value)
	case "right":
		right, ok := netproto.ParseRight(value)
		if !ok {
			return fmt.Errorf("right %q: want kick, ban or mute", value)
		}
		t.Rights |= right
	case "until":
		day, dayErr := time.Parse(time.DateOnly, value)
		if t.until, err = time.Parse(time.RFC3339, value); dayErr == nil {
			t.until, err = day.AddDate(0, 0, 1), nil
		}
		if err != nil {
			return fmt.Errorf("until %q: want a day or a time, as in 2026-12-31 or 2026-12-31T18:00:00Z", value)
		}
	default:
		return fmt.Errorf("%q: behind a token come name=, room=, right= and until=", key)
	}
	return err
}

// Check returns the token that somebody shows, if it is good for that name and room. Where there are no tokens nobody needs
// one, and it returns nil. How long it takes does not depend on what is shown.
func (ts *Tokens) Check(shown, name, room string, now time.Time) (*Token, error) {
	if ts == nil {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(shown))
	var found *Token
	for _, t := range ts.all {
		if subtle.ConstantTimeCompare(t.sum[:], sum[:]) == 1 {
			found = t
		}
	}
	switch {
	case shown == "":
		return nil, ErrNoToken
	case found == nil || !found.good(now):
		return nil, ErrBadToken
	case !found.isFor(name, room):
		return nil, ErrNotFor
	}
	return found, nil
}

// Again returns what a token that was good for that name and room is now. It is not ok where it is good for them no more.
// Without tokens everyone may stay, also who has none.
func (ts *Tokens) Again(t *Token, name, room string, now time.Time) (again *Token, ok bool) {
	switch {
	case ts == nil:
		return nil, true
	case t == nil:
		return nil, false
	}
	i := slices.IndexFunc(ts.all, func(o *Token) bool { return o.sum == t.sum })
	if i < 0 || !ts.all[i].good(now) || !ts.all[i].isFor(name, room) {
		return nil, false
	}
	return ts.all[i], true
}

func (t *Token) good(now time.Time) bool { return t.until.IsZero() || now.Before(t.until) }

func (t *Token) isFor(name, room string) bool {
	return (len(t.names) == 0 || slices.Contains(t.names, name)) && (len(t.rooms) == 0 || slices.Contains(t.rooms, room))
}
