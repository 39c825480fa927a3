package netproto

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var encodings = []struct {
	p    Package
	want string
}{
	{Ack{}, `{"KEY": 0}`},
	{UnknownError{}, `{"KEY": 1}`},
	{UnknownError{"bad JSON"}, `{"KEY": 1, "REASON": "bad JSON"}`},
	{SendNickname{Name: "Adam"}, `{"KEY": 2, "NAME": "Adam"}`},
	{SendNickname{Name: "Zoë", Voice: 1, Room: "r", Token: "t", Resume: "s"},
		`{"KEY": 2, "NAME": "Zo\u00eb", "VOICE": 1, "ROOM": "r", "TOKEN": "t", "RESUME": "s"}`},
	{SendNickname{Name: "Adam", Voice: 1, Resume: testResume, Proof: testHop.ResumeProof(testResume), Cap: 64},
		`{"KEY": 2, "NAME": "Adam", "VOICE": 1, "RESUME": "AAAAB0BBQkNERUZHSElKS0xNTk8", ` +
			`"PROOF": "ZA9PO6RPGZyi00mgzLL3LNwq+Z2xfcIAb6SD40C1QOQ=", "CAP": 64}`},
	{SendNickname{Name: "Adam", Voice: 1, Cap: 65535}, `{"KEY": 2, "NAME": "Adam", "VOICE": 1, "CAP": 65535}`},
	{SendNickname{Name: "Adam", Voice: 1, Fresh: testFresh[:]},
		`{"KEY": 2, "NAME": "Adam", "VOICE": 1, "FRESH": "NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlTsbLqeaqqnm4p1wxt785jC"}`},
	{SendNickname{Name: "Adam", Voice: 1, Fresh: make([]byte, SignedFreshSize)},
		`{"KEY": 2, "NAME": "Adam", "VOICE": 1, "FRESH": "` + strings.Repeat("A", 214) + `=="}`},
	{SendNickname{Name: "Adam", Voice: 1, Attempt: []byte("0123456789abcdef")},
		`{"KEY": 2, "NAME": "Adam", "VOICE": 1, "ATTEMPT": "MDEyMzQ1Njc4OWFiY2RlZg=="}`},
	{SendNickname{Name: "{a}{b}"}, `{"KEY": 2, "NAME": "\u007ba\u007d\u007bb\u007d"}`},
	{SendNickname{Name: "q\"b\\s/\b\f\n\r\t\x01\x1f\x7f"}, `{"KEY": 2, "NAME": "q\"b\\s/\b\f\n\r\t\u0001\u001f\u007f"}`},
	{SendNickname{Name: "\u20ac\U0001f600\U0010ffff"}, `{"KEY": 2, "NAME": "\u20ac\ud83d\ude00\udbff\udfff"}`},
	{SendNewUsers{Users: []string{"Adam", "Julie"}}, `{"KEY": 3, "USERS": ["Adam", "Julie"]}`},
	{SendNewUsers{}, `{"KEY": 3, "USERS": []}`},
	{SendNewUsers{Users: []string{"Adam", "Adam"}, Sessions: []uint32{1, math.MaxUint32}},
		`{"KEY": 3, "USERS": ["Adam", "Adam"], "SESSIONS": [1, 4294967295]}`},
	{SendNewUsers{Users: []string{"Eve"}, Sessions: []uint32{9}, Left: []uint32{1, math.MaxUint32}},
		`{"KEY": 3, "USERS": ["Eve"], "SESSIONS": [9], "LEFT": [1, 4294967295]}`},
	{SendNewUsers{Users: []string{"Eve"}, Sessions: []uint32{9}, Left: []uint32{}}, `{"KEY": 3, "USERS": ["Eve"], "SESSIONS": [9], "LEFT": []}`},
	{SendNewUsers{Left: []uint32{1}}, `{"KEY": 3, "USERS": [], "LEFT": [1]}`},
	{SendNewUsers{Left: []uint32{}}, `{"KEY": 3, "USERS": [], "LEFT": []}`},
	{
		SendNewUsers{
			Users: []string{"Adam", "Bot"}, Sessions: []uint32{7, 8}, Fresh: [][]byte{testFresh[:], nil},
			MediaKey: bytes.Repeat([]byte{255}, 32), Epoch: 3,
		},
		`{"KEY": 3, "USERS": ["Adam", "Bot"], "SESSIONS": [7, 8], "FRESH": ["NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlTsbLqeaqqnm4p1wxt785jC", ""], ` +
			`"MEDIA_KEY": "//////////////////////////////////////////8=", "EPOCH": 3}`,
	},
	{SendNewUsers{Left: []uint32{8}, MediaKey: make([]byte, 32), Epoch: 4},
		`{"KEY": 3, "USERS": [], "LEFT": [8], "MEDIA_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "EPOCH": 4}`},
	{SendNewUsers{Users: []string{"Adam"}, Sessions: []uint32{1}, List: 65535}, `{"KEY": 3, "USERS": ["Adam"], "SESSIONS": [1], "LIST": 65535}`},
	{SendNewUsers{Left: []uint32{}, List: 3}, `{"KEY": 3, "USERS": [], "LEFT": [], "LIST": 3}`},
	{Disconnect{}, `{"KEY": 4, "REASON": null}`},
	{Disconnect{Reason: "bye"}, `{"KEY": 4, "REASON": "bye"}`},
	{Disconnect{Session: 9, Mute: 60}, `{"KEY": 4, "REASON": null, "SESSION": 9, "MUTE": 60}`},
	{Disconnect{Reason: "spam", Session: 9, Ban: 3600}, `{"KEY": 4, "REASON": "spam", "SESSION": 9, "BAN": 3600}`},
	{ServerClose{}, `{"KEY": 5}`},
	{ServerClose{Reason: "stopped"}, `{"KEY": 5, "REASON": "stopped"}`},
	{ServerClose{Reason: "update", Time: 10}, `{"KEY": 5, "REASON": "update", "TIME": 10}`},
	{
		ServerClose{Reason: "moved", Time: 30, Relay: "b.example:9999", Fingerprint: "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"},
		`{"KEY": 5, "REASON": "moved", "TIME": 30, "RELAY": "b.example:9999", "FINGERPRINT": "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`,
	},
	{Session{Session: 1}, `{"KEY": 6, "SESSION": 1}`},
	{Session{Session: math.MaxUint32, Voice: 1, HopKey: make([]byte, 32), UDP: 9998, Resume: "x"},
		`{"KEY": 6, "SESSION": 4294967295, "VOICE": 1, "HOP_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "UDP": 9998, "RESUME": "x"}`},
	{Session{Session: 1, Voice: 1, Rights: MayKick | MayMute}, `{"KEY": 6, "SESSION": 1, "VOICE": 1, "RIGHTS": 5}`},
	{Session{Session: 1, Voice: 1, Mute: 600}, `{"KEY": 6, "SESSION": 1, "VOICE": 1, "MUTE": 600}`},
	{Session{Session: 8, Voice: 1, Keys: []Wrapping{{7, 3, [32]byte{1, 31: 2}}}}, `{"KEY": 6, "SESSION": 8, "VOICE": 1, "KEYS": "AAAABwAAAAMBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAg=="}`},
	{Session{Session: 8, Voice: 1, Recorders: []uint32{7, 8}}, `{"KEY": 6, "SESSION": 8, "VOICE": 1, "RECORDERS": [7, 8]}`},
	{Session{Session: 8, Voice: 1, Recorders: []uint32{}}, `{"KEY": 6, "SESSION": 8, "VOICE": 1, "RECORDERS": []}`},
	{ClientPort{Port: 9999}, `{"KEY": 7, "PORT": 9999}`},
	{ClientPort{Port: 9999, Record: true}, `{"KEY": 7, "PORT": 9999, "RECORD": 1}`},
	{ClientPort{Keys: []Wrapping{{8, 3, [32]byte{}}, {9, 3, [32]byte{0: 0xff}}}}, `{"KEY": 7, "PORT": 0, "KEYS": "AAAACAAAAAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAkAAAAD/wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`},
}

func TestAppendPackage(t *testing.T) {
	for _, tt := range encodings {
		got, err := AppendPackage([]byte("x"), tt.p)
		if err != nil || string(got) != "x"+tt.want {
			t.Errorf("AppendPackage(%+v)\n got %s, %v\nwant x%s", tt.p, got, err, tt.want)
		}
		back, err := decodeAll([]byte(tt.want), 1)
		if err != nil || len(back) != 1 {
			t.Fatalf("decoding %s: %v, %v", tt.want, back, err)
		}
		if diff := cmp.Diff(any(tt.p), back[0]); diff != "" {
			t.Errorf("%s comes back otherwise:\n%s", tt.want, diff)
		}
	}
}

func TestAppendPackageRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxPackage)
	tests := []struct {
		name string
		p    Package
		want error
	}{
		{"nil", nil, ErrIllTyped},
		{"pointer", &Ack{}, ErrIllTyped},
		{"port", ClientPort{Port: 65536}, ErrIllTyped},
		{"negative port", ClientPort{Port: -1}, ErrIllTyped},
		{"voice", SendNickname{Name: "a", Voice: -1}, ErrIllTyped},
		{"cap", SendNickname{Name: "a", Cap: 65536}, ErrIllTyped},
		{"negative cap", SendNickname{Name: "a", Cap: -1}, ErrIllTyped},
		{"proof", SendNickname{Name: "a", Proof: make([]byte, 31)}, ErrIllTyped},
		{"attempt", SendNickname{Name: "a", Attempt: make([]byte, 15)}, ErrIllTyped},
		{"list", SendNewUsers{List: 65536}, ErrIllTyped},
		{"negative list", SendNewUsers{List: -1}, ErrIllTyped},
		{"hop key", Session{HopKey: make([]byte, 16)}, ErrIllTyped},
		{"fresh", SendNickname{Name: "a", Fresh: make([]byte, 32)}, ErrIllTyped},
		{"half an identity", SendNickname{Name: "a", Fresh: make([]byte, SignedFreshSize-1)}, ErrIllTyped},
		{"media key", SendNewUsers{MediaKey: make([]byte, 33)}, ErrIllTyped},
		{"somebody's fresh", SendNewUsers{Users: []string{"a"}, Sessions: []uint32{1}, Fresh: [][]byte{{1}}}, ErrIllTyped},
		{"fresh of nobody", SendNewUsers{Users: []string{"a"}, Sessions: []uint32{1}, Fresh: [][]byte{nil, nil}}, ErrIllTyped},
		{"udp", Session{UDP: 1 << 20}, ErrIllTyped},
		{"mute", Disconnect{Mute: -1}, ErrIllTyped},
		{"ban", Disconnect{Ban: math.MaxInt}, ErrIllTyped},
		{"session mute", Session{Mute: -1}, ErrIllTyped},
		{"session voice", Session{Voice: 1 << 20}, ErrIllTyped},
		{"sessions", SendNewUsers{Users: []string{"a"}, Sessions: []uint32{1, 2}}, ErrIllTyped},
		{"a difference without sessions", SendNewUsers{Users: []string{"a"}, Left: []uint32{}}, ErrIllTyped},
		{"size", Disconnect{Reason: long}, ErrTooLarge},
	}
	for _, tt := range tests {
		got, err := AppendPackage([]byte("x"), tt.p)
		if !errors.Is(err, tt.want) || string(got) != "x" {
			t.Errorf("%s: %.20q, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// decodeAll writes the stream in pieces and returns packages and, as strings,
// errors; a fatal error besides.
func decodeAll(stream []byte, piece int) ([]any, error) {
	var d Decoder
	var got []any
	for len(stream) > 0 {
		n := min(piece, len(stream))
		d.Write(stream[:n])
		stream = stream[n:]
		for {
			p, err := d.Next()
			var bad *PackageError
			switch {
			case err == nil:
				got = append(got, p)
			case errors.As(err, &bad):
				got = append(got, bad.Error())
			case errors.Is(err, ErrNeedMore):
			default:
				return got, err
			}
			if errors.Is(err, ErrNeedMore) {
				break
			}
		}
	}
	return got, nil
}

// streams are what a peer might send and what the decoder makes of it. They
// are part of the test vectors.
var streams = []struct {
	name, stream string
	want         []any
}{
	{"two in a row", `{"KEY": 2, "NAME": "Adam"}{"KEY": 7, "PORT": 9999}`, []any{SendNickname{Name: "Adam"}, ClientPort{Port: 9999}}},
	{"spaces", " \r\n{ \"KEY\"\t: 0 } \n{\"KEY\":0}\n", []any{Ack{}, Ack{}}},
	{"no spaces", `{"NAME":"Adam","KEY":2}`, []any{SendNickname{Name: "Adam"}}},
	{"braces in a string", `{"KEY": 2, "NAME": "}{"}{"KEY": 0}`, []any{SendNickname{Name: "}{"}, Ack{}}},
	{"escapes", `{"KEY": 2, "NAME": "\"\\\u007b\/\ud83d\ude00"}`, []any{SendNickname{Name: "\"\\{/\U0001f600"}}},
	{"escaped key", `{"\u004bEY": 0}`, []any{Ack{}}},
	{"raw UTF-8", `{"KEY": 2, "NAME": "Zoë"}`, []any{SendNickname{Name: "Zoë"}}},
	{"unknown values", `{"KEY": 0, "X": {"KEY": [1, {"Y": "}"}, []], "Z": {}}, "W": -1.5E+3}`, []any{Ack{}}},
	{"case matters", `{"key": 0}`, []any{"missing value: KEY"}},
	{"equal keys, the last counts", `{"KEY": 99, "NAME": "a", "NAME": "b", "KEY": 2}`, []any{SendNickname{Name: "b"}}},
	{"reason null", `{"KEY": 4, "REASON": null}`, []any{Disconnect{}}},
	{"reason missing", `{"KEY": 4}`, []any{Disconnect{}}},
	{"optional null", `{"KEY": 2, "NAME": "a", "VOICE": null}`, []any{SendNickname{Name: "a"}}},
	{"lone surrogate", `{"KEY": 2, "NAME": "a\ud800b"}`, []any{SendNickname{Name: "a\ufffdb"}}},
	{"not UTF-8", "{\"KEY\": 2, \"NAME\": \"a\xffb\"}", []any{SendNickname{Name: "a\ufffdb"}}},

	{"key is 1.0", `{"KEY": 1.0}{"KEY": 0}`, []any{"ill-typed value: KEY", Ack{}}},
	{"key is 1e0", `{"KEY": 1e0}`, []any{"ill-typed value: KEY"}},
	{"key is a string", `{"KEY": "1"}`, []any{"ill-typed value: KEY"}},
	{"key is true", `{"KEY": true}`, []any{"ill-typed value: KEY"}},
	{"key is null", `{"KEY": null}`, []any{"ill-typed value: KEY"}},
	{"key is huge", `{"KEY": 99999999999999999999999}`, []any{"ill-typed value: KEY"}},
	{"key 8", `{"KEY": 8}`, []any{"unknown KEY: 8"}},
	{"key -1", `{"KEY": -1}{"KEY": 0}`, []any{"unknown KEY: -1", Ack{}}},
	{"no key", `{}{"KEY": 0}`, []any{"missing value: KEY", Ack{}}},
	{"no name", `{"KEY": 2}`, []any{"missing value: NAME of SEND_NICKNAME"}},
	{"name null", `{"KEY": 2, "NAME": null}`, []any{"ill-typed value: NAME of SEND_NICKNAME"}},
	{"name a number", `{"KEY": 2, "NAME": 7}`, []any{"ill-typed value: NAME of SEND_NICKNAME"}},
	{"voice true", `{"KEY": 2, "NAME": "a", "VOICE": true}`, []any{"ill-typed value: VOICE of SEND_NICKNAME"}},
	{"proof empty", `{"KEY": 2, "NAME": "a", "PROOF": ""}`, []any{SendNickname{Name: "a"}}},
	{"proof too short", `{"KEY": 2, "NAME": "a", "RESUME": "x", "PROOF": "AAAA"}`, []any{"ill-typed value: PROOF of SEND_NICKNAME"}},
	{"proof not base64", `{"KEY": 2, "NAME": "a", "PROOF": "-"}`, []any{"ill-typed value: PROOF of SEND_NICKNAME"}},
	{"cap", `{"KEY": 2, "NAME": "a", "CAP": 24}`, []any{SendNickname{Name: "a", Cap: 24}}},
	{"attempt too short", `{"KEY": 2, "NAME": "a", "ATTEMPT": "MDEy"}`, []any{"ill-typed value: ATTEMPT of SEND_NICKNAME"}},
	{"list too large", `{"KEY": 3, "USERS": [], "LIST": 65536}`, []any{"ill-typed value: LIST of SEND_NEW_USERS"}},
	{"cap null", `{"KEY": 2, "NAME": "a", "CAP": null}`, []any{SendNickname{Name: "a"}}},
	{"cap negative", `{"KEY": 2, "NAME": "a", "CAP": -1}`, []any{"ill-typed value: CAP of SEND_NICKNAME"}},
	{"cap too large", `{"KEY": 2, "NAME": "a", "CAP": 65536}`, []any{"ill-typed value: CAP of SEND_NICKNAME"}},
	{"cap a fraction", `{"KEY": 2, "NAME": "a", "CAP": 24.5}`, []any{"ill-typed value: CAP of SEND_NICKNAME"}},
	{"users a string", `{"KEY": 3, "USERS": "Adam"}`, []any{"ill-typed value: USERS of SEND_NEW_USERS"}},
	{"users null", `{"KEY": 3, "USERS": null}`, []any{"ill-typed value: USERS of SEND_NEW_USERS"}},
	{"users of numbers", `{"KEY": 3, "USERS": [1]}`, []any{"ill-typed value: USERS of SEND_NEW_USERS"}},
	{"users with null", `{"KEY": 3, "USERS": [null]}`, []any{"ill-typed value: USERS of SEND_NEW_USERS"}},
	{"sessions too few", `{"KEY": 3, "USERS": ["a", "b"], "SESSIONS": [1]}`, []any{"ill-typed value: SESSIONS of SEND_NEW_USERS"}},
	{"sessions of strings", `{"KEY": 3, "USERS": ["a"], "SESSIONS": ["1"]}`, []any{"ill-typed value: SESSIONS of SEND_NEW_USERS"}},
	{"whole list", `{"KEY": 3, "USERS": ["a"], "SESSIONS": [1], "LEFT": null}`, []any{SendNewUsers{Users: []string{"a"}, Sessions: []uint32{1}}}},
	{"empty list", `{"KEY": 3, "USERS": [], "SESSIONS": []}`, []any{SendNewUsers{}}},
	{"a page more", `{"KEY": 3, "USERS": ["a"], "SESSIONS": [1], "LEFT": []}`,
		[]any{SendNewUsers{Users: []string{"a"}, Sessions: []uint32{1}, Left: []uint32{}}}},
	{"a difference", `{"LEFT": [3, 2], "KEY": 3, "USERS": [], "SESSIONS": null}`, []any{SendNewUsers{Left: []uint32{3, 2}}}},
	{"left a string", `{"KEY": 3, "USERS": [], "LEFT": "1"}`, []any{"ill-typed value: LEFT of SEND_NEW_USERS"}},
	{"left of strings", `{"KEY": 3, "USERS": [], "LEFT": ["1"]}`, []any{"ill-typed value: LEFT of SEND_NEW_USERS"}},
	{"left with null", `{"KEY": 3, "USERS": [], "LEFT": [null]}`, []any{"ill-typed value: LEFT of SEND_NEW_USERS"}},
	{"left negative", `{"KEY": 3, "USERS": [], "LEFT": [1, -1]}`, []any{"ill-typed value: LEFT of SEND_NEW_USERS"}},
	{"left too large", `{"KEY": 3, "USERS": [], "LEFT": [4294967296]}`, []any{"ill-typed value: LEFT of SEND_NEW_USERS"}},
	{"a difference without sessions", `{"KEY": 3, "USERS": ["a"], "LEFT": []}`, []any{"ill-typed value: SESSIONS of SEND_NEW_USERS"}},
	{"port too large", `{"KEY": 7, "PORT": 65536}`, []any{"ill-typed value: PORT of CLIENT_PORT"}},
	{"port negative", `{"KEY": 7, "PORT": -1}`, []any{"ill-typed value: PORT of CLIENT_PORT"}},
	{"port huge", `{"KEY": 7, "PORT": 1e999}`, []any{"ill-typed value: PORT of CLIENT_PORT"}},
	{"session missing", `{"KEY": 6}`, []any{"missing value: SESSION of SESSION"}},
	{"short key", `{"KEY": 6, "SESSION": 1, "HOP_KEY": "AAAA"}`, []any{"ill-typed value: HOP_KEY of SESSION"}},
	{"no base64", `{"KEY": 6, "SESSION": 1, "HOP_KEY": "%"}`, []any{"ill-typed value: HOP_KEY of SESSION"}},
	{"fresh of too few", `{"KEY": 3, "USERS": ["a", "b"], "SESSIONS": [1, 2], "FRESH": [""]}`, []any{"ill-typed value: FRESH of SEND_NEW_USERS"}},
	{"fresh that is short", `{"KEY": 3, "USERS": ["a"], "SESSIONS": [1], "FRESH": ["AAAA"]}`, []any{"ill-typed value: FRESH of SEND_NEW_USERS"}},

	{"rubbish", `abc{"KEY": 0}]]{"KEY": 0}}`, []any{"bad JSON: no object", Ack{}, "bad JSON: no object", Ack{}, "bad JSON: no object"}},
	{"bare word", `{"KEY": 2, "NAME": Adam}{"KEY": 0}`, []any{"bad JSON: out of place: A", Ack{}}},
	{"wrong literal", `{"KEY": nul}{"KEY": 0}`, []any{"bad JSON: a value", Ack{}}},
	{"wrong number", `{"KEY": 01}{"KEY": 0}`, []any{"bad JSON: a value", Ack{}}},
	{"wrong escape", `{"KEY": 2, "NAME": "\x"}{"KEY": 0}`, []any{"bad JSON: a value", Ack{}}},
	{"single quotes", `{'KEY': 0}{"KEY": 0}`, []any{"bad JSON: out of place: '", Ack{}}},
	{"comma at the end", `{"KEY": 0,}{"KEY": 0}`, []any{"bad JSON: out of place: }", Ack{}}},
	{"comma in a list", `{"KEY": 3, "USERS": ["a",]}{"KEY": 0}`, []any{"bad JSON: out of place: ]", Ack{}}},
	{"wrong bracket", `{"KEY": 3, "USERS": ["a"}}{"KEY": 0}`, []any{"bad JSON: out of place: }", "bad JSON: no object", Ack{}}},
	{"no colon", `{"KEY" 0}{"KEY": 0}`, []any{"bad JSON: out of place: 0", Ack{}}},
	{"quote missing", `{"KEY": 2, "NAME": "Adam}{"KEY": 7, "PORT": 9999}`, []any{"bad JSON: out of place: K", ClientPort{Port: 9999}}},
	{"brace missing", `{"KEY": 2, {"KEY": 7, "PORT": 9999}{"KEY": 0}`, []any{"bad JSON: out of place: {", Ack{}}},
	{"line break in a string", "{\"KEY\": 2, \"NAME\": \"a\nb\"}{\"KEY\": 0}", []any{"bad JSON: control character in a string", Ack{}}},
	{"no package inside a bad one", `{"KEY": X, "Y": {"KEY": 0}, "Z": 0} {"KEY": 4}`, []any{"bad JSON: out of place: X", Disconnect{}}},
	{"zero byte", "{\"KEY\":\x00 0}{\"KEY\": 0}", []any{"bad JSON: out of place: a byte that is not printable", Ack{}}},
	{"list", `[{"KEY": 0}]`, []any{"bad JSON: no object", Ack{}, "bad JSON: no object"}},
	{"deep", `{"KEY": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}{"KEY": 0}`, []any{"bad JSON: nested too deeply", Ack{}}},
	{"nothing yet", `{"KEY": 2, "NAME": "Ad`, nil},
}

func TestDecoder(t *testing.T) {
	for _, tt := range streams {
		for _, piece := range []int{1, 2, 3, 7, len(tt.stream)} {
			got, err := decodeAll([]byte(tt.stream), piece)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %d bytes at once:\n%s", tt.name, piece, diff)
			}
		}
	}
}

// Whatever the split, the packages are the same.
func TestDecoderRandomSplits(t *testing.T) {
	var stream []byte
	var want []any
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := streams[rng.IntN(len(streams)-1)]
		if last := s.stream[len(s.stream)-1]; last != '}' || s.want[len(s.want)-1] == "bad JSON: no object" {
			continue
		}
		stream = append(stream, s.stream...)
		want = append(want, s.want...)
	}
	for range 50 {
		var d Decoder
		var got []any
		for rest := stream; len(rest) > 0; {
			n := min(1+rng.IntN(200), len(rest))
			d.Write(rest[:n])
			rest = rest[n:]
			for {
				p, err := d.Next()
				if errors.Is(err, ErrNeedMore) {
					break
				}
				if err != nil {
					got = append(got, err.Error())
				} else {
					got = append(got, p)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestDecoderBounds(t *testing.T) {
	fill := func(n int) string { return `{"KEY": 4, "REASON": "` + strings.Repeat("x", n-24) + `"}` }
	tests := []struct {
		name, stream string
		want         int // packages and errors before the fatal one
		fatal        error
	}{
		{"largest", fill(MaxPackage) + `{"KEY": 0}`, 2, nil},
		{"one more", fill(MaxPackage+1) + `{"KEY": 0}`, 0, ErrTooLarge},
		{"endless string", `{"KEY": "` + strings.Repeat("x", 2*MaxPackage), 0, ErrTooLarge},
		{"endless list", `{"KEY": [` + strings.Repeat("1,", MaxPackage), 0, ErrTooLarge},
		{"endless rubbish", strings.Repeat("x", 2*MaxPackage) + `{"KEY": 0}`, 1, ErrTooLarge},
		{"endless bad package", `{x` + strings.Repeat("{", 2*MaxPackage), 1, ErrTooLarge},
		{"spaces are free", strings.Repeat(" ", 2*MaxPackage) + `{"KEY": 0}`, 1, nil},
		{"many small", strings.Repeat(`{"KEY": 0}`, MaxPackage/4), MaxPackage / 4, nil},
	}
	for _, tt := range tests {
		for _, piece := range []int{1, 1000, len(tt.stream)} {
			got, err := decodeAll([]byte(tt.stream), piece)
			if len(got) != tt.want || !errors.Is(err, tt.fatal) {
				t.Errorf("%s, %d at once: %d results and %v, want %d and %v", tt.name, piece, len(got), err, tt.want, tt.fatal)
			}
		}
	}
}

func TestDecoderFatalSticks(t *testing.T) {
	var d Decoder
	d.Write(bytes.Repeat([]byte(`{"`), MaxPackage))
	for range 3 {
		_, err := d.Next()
		for errors.As(err, new(*PackageError)) {
			_, err = d.Next()
		}
		if !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		d.Write([]byte(`{"KEY": 0}`))
	}
}

func TestPackageErrorMatches(t *testing.T) {
	for stream, want := range map[string]error{
		`{x`:                      ErrBadJSON,
		`{"KEY": 77}`:             ErrUnknownKey,
		`{"KEY": 2}`:              ErrMissingValue,
		`{"KEY": 2, "NAME": []}`:  ErrIllTyped,
		`{"KEY": 2, "NAME": "a"`:  ErrNeedMore,
		`{"KEY": 2, "NAME": "a"}`: nil,
	} {
		var d Decoder
		d.Write([]byte(stream))
		if _, err := d.Next(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", stream, err, want)
		}
	}
}

func TestStrings(t *testing.T) {
	if s := KeySendNickname.String() + " " + Key(9).String() + " " + TypeProbeAck.String() + " " + Type(9).String(); s != "SEND_NICKNAME KEY 9 probe-ack unknown" {
		t.Error(s)
	}
}
