package netproto

// scanner finds the end of one JSON object, byte by byte, and stops at the
// first byte that cannot be part of one. It checks the order of strings,
// values and punctuation; what is inside a number or a literal is left to the
// parser of the whole object.
//
//	{ "key" : value , "key" : value }
//	^ ^     ^ ^     ^
//	| |     | |     afterValue
//	| |     | wantValue
//	| |     wantColon
//	| wantKey (wantKeyOrEnd behind the brace)
//	wantObject
type scanner struct {
	state  scanState
	back   scanState // where the string that is open leads to
	depth  int
	inside uint64 // bit per level: 1 = object, 0 = array
}

type scanState uint8

const (
	wantObject scanState = iota
	wantKeyOrEnd
	wantKey
	wantColon
	wantValue
	wantValueOrEnd
	afterValue
	inString
	inEscape
	inScalar
	scanDone // an object is complete
)

const maxDepth = 64

// step takes one byte. It returns what is wrong, or "".
func (s *scanner) step(c byte) string {
	switch s.state {
	case inString:
		switch {
		case c == '"':
			s.state = s.back
		case c == '\\':
			s.state = inEscape
		case c < ' ':
			return "control character in a string"
		}
		return ""
	case inEscape:
		s.state = inString
		return ""
	case inScalar:
		if isScalar(c) {
			return ""
		}
		s.state = afterValue
	}
	if isSpace(c) {
		return ""
	}
	switch s.state {
	case wantObject:
		if c == '{' {
			return s.open(true)
		}
	case wantKeyOrEnd, wantKey:
		switch {
		case c == '"':
			s.state, s.back = inString, wantColon
			return ""
		case c == '}' && s.state == wantKeyOrEnd:
			s.close()
			return ""
		}
	case wantColon:
		if c == ':' {
			s.state = wantValue
			return ""
		}
	case wantValue, wantValueOrEnd:
		return s.value(c)
	case afterValue:
		object := s.inside&1 == 1
		switch {
		case c == ',' && object:
			s.state = wantKey
			return ""
		case c == ',':
			s.state = wantValue
			return ""
		case c == '}' && object, c == ']' && !object:
			s.close()
			return ""
		}
	}
	return "out of place: " + printable(c)
}

func (s *scanner) value(c byte) string {
	switch {
	case c == '{':
		return s.open(true)
	case c == '[':
		return s.open(false)
	case c == ']' && s.state == wantValueOrEnd:
		s.close()
	case c == '"':
		s.state, s.back = inString, afterValue
	case isScalar(c):
		s.state = inScalar
	default:
		return "out of place: " + printable(c)
	}
	return ""
}

func (s *scanner) open(object bool) string {
	if s.depth == maxDepth {
		return "nested too deeply"
	}
	s.depth++
	s.inside <<= 1
	s.state = wantValueOrEnd
	if object {
		s.inside |= 1
		s.state = wantKeyOrEnd
	}
	return ""
}

func (s *scanner) close() {
	s.depth--
	s.inside >>= 1
	s.state = afterValue
	if s.depth == 0 {
		s.state = scanDone
	}
}

// isScalar is true for what numbers, true, false and null are made of.
func isScalar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func printable(c byte) string {
	if c <= ' ' || c > '~' {
		return "a byte that is not printable"
	}
	return string(rune(c))
}
