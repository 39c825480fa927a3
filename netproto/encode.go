package netproto

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendPackage appends a control package to dst, byte for byte as Python's
// json.dumps writes it ({"KEY": 2, "NAME": "Adam"}): ASCII only. Besides, braces
// inside strings are escaped, because TIP_Project's client splits the stream
// at }{. Errors are ErrIllTyped for values that do not fit the protocol and
// ErrTooLarge above MaxPackage; then dst is returned as it came.
func AppendPackage(dst []byte, p Package) ([]byte, error) {
	start := len(dst)
	if p == nil {
		return dst, &PackageError{ErrIllTyped, "no package"}
	}
	e := encoder{buf: append(dst, `{"KEY": `...)}
	e.buf = strconv.AppendInt(e.buf, int64(p.Key()), 10)
	if err := e.fields(p); err != nil {
		return dst[:start], err
	}
	e.buf = append(e.buf, '}')
	if len(e.buf)-start > MaxPackage {
		return dst[:start], ErrTooLarge
	}
	return e.buf, nil
}

type encoder struct {
	buf []byte
}

func (e *encoder) fields(p Package) error {
	switch p := p.(type) {
	case Ack:
	case UnknownError:
		e.optString("REASON", p.Reason)
	case SendNickname:
		if p.Voice < 0 || p.Voice > maxVoice {
			return illTyped("VOICE", p.Key())
		}
		if p.Cap < 0 || p.Cap > math.MaxUint16 {
			return illTyped("CAP", p.Key())
		}
		if len(p.Proof) != 0 && len(p.Proof) != ProofSize {
			return illTyped("PROOF", p.Key())
		}
		if !FitFresh(p.Fresh) {
			return illTyped("FRESH", p.Key())
		}
		if len(p.Attempt) != 0 && len(p.Attempt) != AttemptSize {
			return illTyped("ATTEMPT", p.Key())
		}
		e.string("NAME", p.Name)
		e.optInt("VOICE", int64(p.Voice))
		e.optString("ROOM", p.Room)
		e.optString("TOKEN", p.Token)
		e.optString("RESUME", p.Resume)
		e.optSecret("PROOF", p.Proof)
		e.optInt("CAP", int64(p.Cap))
		e.optSecret("FRESH", p.Fresh)
		e.optString("ATTEMPT", base64.StdEncoding.EncodeToString(p.Attempt))
	case SendNewUsers:
		return e.users(p)
	case Disconnect:
		if p.Reason == "" {
			e.name("REASON")
			e.buf = append(e.buf, "null"...)
		}
		e.optString("REASON", p.Reason)
		if p.Mute < 0 || p.Mute > math.MaxInt32 {
			return illTyped("MUTE", p.Key())
		}
		if p.Ban < 0 || p.Ban > math.MaxInt32 {
			return illTyped("BAN", p.Key())
		}
		e.optInt("SESSION", int64(p.Session))
		e.optInt("MUTE", int64(p.Mute))
		e.optInt("BAN", int64(p.Ban))
	case ServerClose:
		if p.Time < 0 || p.Time > math.MaxUint16 {
			return illTyped("TIME", p.Key())
		}
		e.optString("REASON", p.Reason)
		e.optInt("TIME", int64(p.Time))
		e.optString("RELAY", p.Relay)
		e.optString("FINGERPRINT", p.Fingerprint)
	case Session:
		return e.session(p)
	case ClientPort:
		if p.Port < 0 || p.Port > math.MaxUint16 {
			return illTyped("PORT", p.Key())
		}
		e.int("PORT", int64(p.Port))
		e.optSecret("KEYS", appendWrappings(nil, p.Keys))
		if p.Record {
			e.int("RECORD", 1)
		}
	default:
		return &PackageError{ErrIllTyped, fmt.Sprintf("%T is no package", p)}
	}
	return nil
}

func (e *encoder) users(p SendNewUsers) error {
	unfit := func(b []byte) bool { return !FitFresh(b) }
	switch {
	case !p.named():
		return illTyped("SESSIONS", p.Key())
	case !p.brought() || slices.ContainsFunc(p.Fresh, unfit):
		return illTyped("FRESH", p.Key())
	case p.List < 0 || p.List > math.MaxUint16:
		return illTyped("LIST", p.Key())
	case len(p.MediaKey) != 0 && len(p.MediaKey) != KeySize:
		return illTyped("MEDIA_KEY", p.Key())
	}
	each(e, "USERS", p.Users, appendString)
	if len(p.Sessions) > 0 {
		e.ids("SESSIONS", p.Sessions)
	}
	if len(p.Fresh) > 0 {
		each(e, "FRESH", p.Fresh, func(dst, b []byte) []byte { return appendString(dst, base64.StdEncoding.EncodeToString(b)) })
	}
	if p.Left != nil {
		e.ids("LEFT", p.Left)
	}
	e.optSecret("MEDIA_KEY", p.MediaKey)
	e.optInt("EPOCH", int64(p.Epoch))
	e.optInt("LIST", int64(p.List))
	return nil
}

func (e *encoder) ids(field string, ids []uint32) {
	each(e, field, ids, func(dst []byte, id uint32) []byte { return strconv.AppendUint(dst, uint64(id), 10) })
}

// each writes a list.
func each[T any](e *encoder, field string, all []T, one func(dst []byte, v T) []byte) {
	e.name(field)
	e.buf = append(e.buf, '[')
	for i, v := range all {
		if i > 0 {
			e.buf = append(e.buf, ", "...)
		}
		e.buf = one(e.buf, v)
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) session(p Session) error {
	switch {
	case p.Voice < 0 || p.Voice > maxVoice:
		return illTyped("VOICE", p.Key())
	case len(p.HopKey) != 0 && len(p.HopKey) != KeySize:
		return illTyped("HOP_KEY", p.Key())
	case p.UDP < 0 || p.UDP > math.MaxUint16:
		return illTyped("UDP", p.Key())
	case p.Mute < 0 || p.Mute > math.MaxInt32:
		return illTyped("MUTE", p.Key())
	}
	e.int("SESSION", int64(p.Session))
	e.optInt("VOICE", int64(p.Voice))
	e.optSecret("HOP_KEY", p.HopKey)
	e.optInt("UDP", int64(p.UDP))
	e.optString("RESUME", p.Resume)
	e.optInt("RIGHTS", int64(p.Rights))
	e.optSecret("KEYS", appendWrappings(nil, p.Keys))
	if p.Recorders != nil {
		e.ids("RECORDERS", p.Recorders)
	}
	e.optInt("MUTE", int64(p.Mute))
	return nil
}

func (e *encoder) name(field string) {
	e.buf = append(e.buf, `, "`...)
	e.buf = append(e.buf, field...)
	e.buf = append(e.buf, `": `...)
}

func (e *encoder) int(field string, v int64) {
	e.name(field)
	e.buf = strconv.AppendInt(e.buf, v, 10)
}

func (e *encoder) string(field, v string) {
	e.name(field)
	e.buf = appendString(e.buf, v)
}

func (e *encoder) optInt(field string, v int64) {
	if v != 0 {
		e.int(field, v)
	}
}

func (e *encoder) optString(field, v string) {
	if v != "" {
		e.string(field, v)
	}
}

func (e *encoder) optSecret(field string, b []byte) {
	e.optString(field, base64.StdEncoding.EncodeToString(b))
}

// appendString writes a JSON string as json.dumps with ensure_ascii does, and
// braces as escapes. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '{' || r == '}' || r < ' ' || r > '~' && r <= 0xffff:
			dst = appendEscape(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendEscape(appendEscape(dst, high), low)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
