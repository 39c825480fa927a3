package netproto

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// maxVoice bounds VOICE, of which the datagram header has room for 3.
const maxVoice = math.MaxUint16

// parsePackage reads one complete JSON object.
func parsePackage(b []byte) (Package, error) {
	var values map[string]json.RawMessage // the last of equal keys counts, as in Python
	if json.Unmarshal(b, &values) != nil {
		return nil, badJSON("a value")
	}
	raw, ok := values["KEY"]
	if !ok {
		return nil, &PackageError{ErrMissingValue, "KEY"}
	}
	n, ok := parseInt(raw, math.MinInt64, math.MaxInt64)
	if !ok {
		return nil, &PackageError{ErrIllTyped, "KEY"}
	}
	if n < 0 || n >= int64(len(keyNames)) {
		return nil, &PackageError{ErrUnknownKey, strconv.FormatInt(n, 10)}
	}
	f := fields{key: Key(n), values: values}
	p := f.pack()
	if f.err != nil {
		return nil, f.err
	}
	return p, nil
}

// fields reads the values of one package and keeps the first error.
type fields struct {
	key    Key
	values map[string]json.RawMessage
	err    error
}

func (f *fields) pack() Package {
	switch f.key {
	case KeyAck:
		return Ack{}
	case KeyUnknownError:
		return UnknownError{Reason: f.string("REASON", false)}
	case KeySendNickname:
		return SendNickname{
			Name:    f.string("NAME", true),
			Voice:   int(f.int("VOICE", false, maxVoice)),
			Room:    f.string("ROOM", false),
			Token:   f.string("TOKEN", false),
			Resume:  f.string("RESUME", false),
			Proof:   f.secret("PROOF"),
			Cap:     int(f.int("CAP", false, math.MaxUint16)),
			Fresh:   f.decode("FRESH", f.string("FRESH", false), FreshSize, SignedFreshSize),
			Attempt: f.decode("ATTEMPT", f.string("ATTEMPT", false), AttemptSize),
		}
	case KeySendNewUsers:
		return f.users()
	case KeyDisconnect:
		return Disconnect{
			Reason:  f.string("REASON", false),
			Session: uint32(f.int("SESSION", false, math.MaxUint32)),
			Mute:    int(f.int("MUTE", false, math.MaxInt32)),
			Ban:     int(f.int("BAN", false, math.MaxInt32)),
		}
	case KeyServerClose:
		return ServerClose{
			Reason:      f.string("REASON", false),
			Time:        int(f.int("TIME", false, math.MaxUint16)),
			Relay:       f.string("RELAY", false),
			Fingerprint: f.string("FINGERPRINT", false),
		}
	case KeySession:
		return Session{
			Session: uint32(f.int("SESSION", true, math.MaxUint32)),
			Voice:   int(f.int("VOICE", false, maxVoice)),
			HopKey:  f.secret("HOP_KEY"),
			UDP:     int(f.int("UDP", false, math.MaxUint16)),
			Resume:  f.string("RESUME", false),
			Rights:  Rights(f.int("RIGHTS", false, math.MaxUint8)),
			Keys:    f.wrappings(),
			Mute:    int(f.int("MUTE", false, math.MaxInt32)),

			Recorders: f.ids("RECORDERS"),
		}
	default:
		return ClientPort{
			Port: int(f.int("PORT", true, math.MaxUint16)), Keys: f.wrappings(), Record: f.int("RECORD", false, 1) == 1,
		}
	}
}

// value returns a value; nil when it is optional and missing or null.
func (f *fields) value(field string, required bool) json.RawMessage {
	raw, ok := f.values[field]
	switch {
	case !ok && required:
		f.fail(missing(field, f.key))
	case ok && string(raw) == "null" && !required:
		return nil
	}
	return raw
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) int(field string, required bool, limit int64) int64 {
	raw := f.value(field, required)
	if raw == nil {
		return 0
	}
	n, ok := parseInt(raw, 0, limit)
	if !ok {
		f.fail(illTyped(field, f.key))
	}
	return n
}

func (f *fields) string(field string, required bool) string {
	raw := f.value(field, required)
	if raw == nil {
		return ""
	}
	var s *string // a pointer tells null from ""
	if json.Unmarshal(raw, &s) != nil || s == nil {
		f.fail(illTyped(field, f.key))
		return ""
	}
	return *s
}

// secret reads base64 of KeySize bytes, as many as ProofSize.
func (f *fields) secret(field string) []byte { return f.decode(field, f.string(field, false), KeySize) }

// decode reads base64 of one of these sizes, or "".
func (f *fields) decode(field, s string, sizes ...int) []byte {
	if s == "" {
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || !slices.Contains(sizes, len(b)) {
		f.fail(illTyped(field, f.key))
		return nil
	}
	return b
}

func (f *fields) wrappings() []Wrapping {
	b, err := base64.StdEncoding.Strict().DecodeString(f.string("KEYS", false))
	if err != nil || len(b)%wrappingSize != 0 {
		f.fail(illTyped("KEYS", f.key))
		return nil
	}
	return parseWrappings(b)
}

func (f *fields) users() SendNewUsers {
	var p SendNewUsers
	p.Users = f.strings("USERS", true)
	p.Sessions, p.Left = f.ids("SESSIONS"), f.ids("LEFT")
	p.List = int(f.int("LIST", false, math.MaxUint16))
	if len(p.Sessions) == 0 {
		p.Sessions = nil // empty is as good as missing
	}
	if !p.named() {
		f.fail(illTyped("SESSIONS", f.key))
	}
	for _, s := range f.strings("FRESH", false) {
		p.Fresh = append(p.Fresh, f.decode("FRESH", s, FreshSize, SignedFreshSize))
	}
	if !p.brought() {
		f.fail(illTyped("FRESH", f.key))
	}
	p.MediaKey, p.Epoch = f.secret("MEDIA_KEY"), uint32(f.int("EPOCH", false, math.MaxUint32))
	return p
}

func (f *fields) strings(field string, required bool) (all []string) {
	for _, raw := range f.list(field, required) {
		var s *string
		if json.Unmarshal(raw, &s) != nil || s == nil {
			f.fail(illTyped(field, f.key))
			return all
		}
		all = append(all, *s)
	}
	return all
}

// brought reports whether there are as many of Fresh as of Users, or none.
func (p *SendNewUsers) brought() bool { return len(p.Fresh) == len(p.Users) || len(p.Fresh) == 0 }

// named reports whether there are as many Sessions as Users, or none where a
// list is whole.
func (p *SendNewUsers) named() bool {
	return len(p.Sessions) == len(p.Users) || len(p.Sessions) == 0 && p.Left == nil
}

// ids reads an optional list of session IDs: nil when it is missing, not when it
// is empty.
func (f *fields) ids(field string) []uint32 {
	list := f.list(field, false)
	if list == nil {
		return nil
	}
	ids := make([]uint32, len(list))
	for i, raw := range list {
		n, ok := parseInt(raw, 0, math.MaxUint32)
		if !ok {
			f.fail(illTyped(field, f.key))
		}
		ids[i] = uint32(n)
	}
	return ids
}

func (f *fields) list(field string, required bool) []json.RawMessage {
	raw := f.value(field, required)
	if raw == nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		f.fail(illTyped(field, f.key))
	}
	return list
}

// parseInt takes JSON integers only: no fraction, exponent, quotes or bool.
func parseInt(raw json.RawMessage, low, high int64) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil && n >= low && n <= high
}
