package netproto

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.json anew")

// hexBytes is written in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// golden compares vectors with the file that other implementations check
// themselves against.
func golden(t *testing.T, file string, vectors any) {
	t.Helper()
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(vectors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-update writes it anew; then the protocol has changed):\n%s", path, diff)
	}
}

// counting returns first, first+1, ... as a stand-in for a random key.
func counting(first byte) (key [32]byte) {
	for i := range key {
		key[i] = first + byte(i)
	}
	return key
}

var (
	testSecret = RoomSecret(counting(0x00))
	testHop    = HopKey(counting(0x80))
)

// testResume looks as those of tincan's relay do.
const testResume = "AAAAB0BBQkNERUZHSElKS0xNTk8"

const testPassphrase = "correct horse battery staple"

// testFresh is what Adam brings to the default room, without a passphrase.
var testFresh = NewFresh(public(adam), PassphraseKey{}, "", "Adam")

var adam, julie = private(0x20), private(0x60)

func private(first byte) *ecdh.PrivateKey {
	b := counting(first)
	key, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		panic(err)
	}
	return key
}

func public(key *ecdh.PrivateKey) [PublicSize]byte { return [PublicSize]byte(key.PublicKey().Bytes()) }

func TestKeyVectors(t *testing.T) {
	type voiceKey struct {
		Session uint32   `json:"session"`
		Epoch   uint32   `json:"epoch"`
		Key     hexBytes `json:"key"`
	}
	type proof struct {
		Resume string   `json:"resume"`
		Proof  hexBytes `json:"proof"`
	}
	type passphrase struct {
		Passphrase string   `json:"passphrase"`
		Room       string   `json:"room"`
		Key        hexBytes `json:"key"`
	}
	type fresh struct {
		Passphrase string   `json:"passphrase"` // "": none
		Room       string   `json:"room"`
		Name       string   `json:"name"`
		Private    hexBytes `json:"private"`
		Public     hexBytes `json:"public"`
		Fresh      hexBytes `json:"fresh"`
	}
	type identity struct {
		Passphrase string   `json:"passphrase"`
		Room       string   `json:"room"`
		Name       string   `json:"name"`
		Fresh      hexBytes `json:"fresh"`
		Seed       hexBytes `json:"seed"` // RFC 8032's private key
		Public     hexBytes `json:"public"`
		Text       string   `json:"text"` // of the public key
		Signature  hexBytes `json:"signature"`
		Key        hexBytes `json:"key"` // that seals both
		Brought    hexBytes `json:"brought"`
	}
	type member struct {
		Session uint32   `json:"session"`
		Name    string   `json:"name"`
		Fresh   hexBytes `json:"fresh"`
	}
	type epoch struct {
		Passphrase string   `json:"passphrase"`
		Room       string   `json:"room"`
		Epoch      uint32   `json:"epoch"`
		MediaKey   hexBytes `json:"media_key"`
		Members    []member `json:"members"`
		List       hexBytes `json:"list"`
		RoomSecret hexBytes `json:"room_secret"`
	}
	type senderKey struct {
		RoomSecret hexBytes `json:"room_secret"`
		Epoch      uint32   `json:"epoch"`
		From       uint32   `json:"from"`
		To         uint32   `json:"to"`
		Private    hexBytes `json:"private"` // of either
		Public     hexBytes `json:"public"`  // of the other one
		Shared     hexBytes `json:"shared"`
		SenderKey  hexBytes `json:"sender_key"`
		Wrapped    hexBytes `json:"wrapped"`
		Secret     hexBytes `json:"secret"` // in the place of the room secret, for From
		VoiceKey   hexBytes `json:"voice_key"`
	}
	var v struct {
		RoomSecret hexBytes     `json:"room_secret"`
		VoiceKeys  []voiceKey   `json:"voice_keys"`
		HopKey     hexBytes     `json:"hop_key"`
		Up         hexBytes     `json:"up"`
		Down       hexBytes     `json:"down"`
		Tag        hexBytes     `json:"tag"`
		Resume     hexBytes     `json:"resume"`
		Proofs     []proof      `json:"resume_proofs"`
		Passphrase []passphrase `json:"passphrases"`
		Fresh      []fresh      `json:"fresh"`
		Identities []identity   `json:"identities"`
		Code       string       `json:"comparison_code"` // of the first two of them
		Epochs     []epoch      `json:"epochs"`
		SenderKeys []senderKey  `json:"sender_keys"`
	}
	v.RoomSecret = testSecret[:]
	for _, id := range [][2]uint32{{1, 0}, {7, 1}, {0xfffffffe, 0x01020304}} {
		key := VoiceKey(testSecret, id[0], id[1])
		v.VoiceKeys = append(v.VoiceKeys, voiceKey{id[0], id[1], key[:]})
	}
	up, down := testHop.Up(), testHop.Down()
	v.HopKey, v.Up, v.Down = testHop[:], up[:], down[:]
	v.Tag = derive(testHop[:], nil, "tincan v1 hop tag", 32)
	v.Resume = derive(testHop[:], nil, "tincan v1 resume", 32)
	for _, resume := range []string{testResume, "x"} {
		v.Proofs = append(v.Proofs, proof{resume, testHop.ResumeProof(resume)})
	}
	keys := map[string]PassphraseKey{"": {}}
	for _, p := range [][2]string{{testPassphrase, ""}, {"zażółć", "kitchen"}} {
		key := StretchPassphrase(p[0], p[1])
		keys[p[0]] = key
		v.Passphrase = append(v.Passphrase, passphrase{p[0], p[1], key[:]})
	}
	for _, f := range [][3]string{{"", "", "Adam"}, {testPassphrase, "", "Adam"}, {"zażółć", "kitchen", "Zoë"}} {
		key := public(adam)
		brought := NewFresh(key, keys[f[0]], f[1], f[2])
		if !brought.Knows(keys[f[0]], f[1], f[2]) || brought.Knows(keys[f[0]], f[1]+"x", f[2]) || brought.Knows(keys[f[0]], f[1], f[2]+"x") {
			t.Errorf("%q: the tag does not say so", f)
		}
		v.Fresh = append(v.Fresh, fresh{f[0], f[1], f[2], adam.Bytes(), key[:], brought[:]})
	}
	var owners []Identity
	for i, f := range v.Fresh[1:] {
		seed := counting(byte(0x30 + i))
		private := ed25519.NewKeyFromSeed(seed[:])
		brought, key := Fresh(f.Fresh), keys[f.Passphrase]
		signed := brought.Sign(private, key, f.Room, f.Name)
		id, ok := Signer(signed, key, f.Room, f.Name)
		if again, err := ParseIdentity(id.String()); !ok || err != nil || again != id {
			t.Errorf("%q: %v signs, %v; read as %v, %v", f.Name, id, ok, again, err)
		}
		v.Identities = append(v.Identities, identity{
			f.Passphrase, f.Room, f.Name, f.Fresh, seed[:], id[:], id.String(), ed25519.Sign(private, brought.signed(f.Room, f.Name)),
			derive(key[:], nil, "tincan v1 identity"+string(brought.Public()), 16), signed,
		})
		owners = append(owners, id)
	}
	v.Code = ComparisonCode(owners[0], owners[1])
	mediaKey := counting(0xc0)
	members := []Member{{9, "Bot", nil}, {7, "Adam", v.Fresh[1].Fresh}}
	for _, p := range []string{"", testPassphrase} {
		e := Epoch{Number: 3, MediaKey: mediaKey[:], Members: members}
		secret, list := e.Secret(keys[p]), e.list()
		v.Epochs = append(v.Epochs, epoch{p, "", 3, mediaKey[:], nil, list[:], secret[:]})
	}
	e := Epoch{Room: "kitchen", Number: 1, MediaKey: mediaKey[:], Members: []Member{{1, "Zoë", v.Identities[1].Brought}}}
	secret, list := e.Secret(keys["zażółć"]), e.list()
	v.Epochs = append(v.Epochs, epoch{"zażółć", "kitchen", 1, mediaKey[:], nil, list[:], secret[:]})
	for i, all := range [][]Member{members, members, e.Members} {
		for _, m := range all {
			v.Epochs[i].Members = append(v.Epochs[i].Members, member{m.Session, m.Name, m.Fresh})
		}
	}
	both, err := adam.ECDH(julie.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for i, pair := range [][2]*ecdh.PrivateKey{{adam, julie}, {julie, adam}} {
		from, to := uint32(7+i), uint32(8-i)
		key := SenderKey{0: byte(i), 15: 0xff}
		w := key.Wrap(testSecret, both, 3, from, to)
		if back, ok := w.Unwrap(testSecret, both, from, to); !ok || back != key {
			t.Errorf("from %d: %x is unwrapped", from, back)
		}
		secret, other := testSecret.With(key), public(pair[1])
		voice := VoiceKey(secret, from, 3)
		v.SenderKeys = append(v.SenderKeys, senderKey{
			testSecret[:], 3, from, to, pair[0].Bytes(), other[:], both, key[:], w.Wrapped[:], secret[:], voice[:],
		})
	}
	golden(t, "keys.json", v)
}

// vectorDatagrams are sealed with the keys of vectorKey.
var vectorDatagrams = []struct {
	name string
	h    Header
	body []byte
}{
	{"voice, one frame", Header{Type: TypeVoice, Epoch: 1, Session: 7, Seq: 1, Level: 30, Voice: true}, bodyOf(1, Frame{1, []byte("opus frame 1")})},
	{"voice, stride 2 and one copy", Header{Type: TypeVoice, Epoch: 1, Session: 7, Seq: 250, Level: 127},
		bodyOf(250, Frame{250, []byte("newest")}, Frame{249, []byte("second")}, Frame{242, []byte("copy")})},
	{"voice, end of a talkspurt", Header{Type: TypeVoice, Epoch: 1, Session: 7, Seq: 0x01020304, Level: 127}, bodyOf(0x01020304, Frame{Number: 0x01020304})},
	{"probe", Header{Type: TypeProbe, Session: 7, Seq: 1}, AppendProbe(nil, Probe{Time: 1_000_000})},
	{"probe-ack", Header{Type: TypeProbeAck, Session: 7, Seq: 1}, AppendProbeAck(nil, ProbeAck{Echo: 1_000_000, Came: 4400, Went: 65535, List: 12})},
	{"report of a listener", Header{Type: TypeReport, Session: 7, Seq: 2}, bodyOfReport(&vectorReport)},
	{"report to a talker", Header{Type: TypeReport, Session: 7, Seq: 2}, AppendFeedback(nil, &vectorFeedback)},
	{"nack", Header{Type: TypeNack, Session: 7, Seq: 3}, bodyOfNack(vectorNack)},
	{"challenge", Header{Type: TypeChallenge, Session: 7, Seq: 1}, AppendChallenge(nil, [8]byte{1, 2, 3, 4, 5, 6, 7, 8})},
	{"challenge-reply", Header{Type: TypeChallengeReply, Session: 7, Seq: 1}, AppendChallengeReply(nil, ChallengeReply{Token: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}})},
	{"challenge-reply, also", Header{Type: TypeChallengeReply, Session: 7, Seq: 2}, AppendChallengeReply(nil, ChallengeReply{Token: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Also: true})},
	{"end", Header{Type: TypeEnd, Session: 7, Seq: 1}, bodyOfEnds(vectorEnds)},
}

var vectorReport = Report{Deaf: true, Cap: 64, Rate: 45, RTT: 120, Queue: 15, Trend: -3, Talkers: []TalkerReport{
	{Session: 8, Receipt: vectorReceipt, HoleQ8: 2, Jitter: 35, Buffer: 80},
	{Session: 9, Receipt: Receipt{Seq: 3, Count: 3, Reach: 3, Came: Bits{7}}, Buffer: 40},
}, Unopened: []uint32{10, 0x01020304}}

// vectorReceipt tells of 100 datagrams: those 2 and 13 before the newest have not come.
var vectorReceipt = Receipt{Seq: 4400, Count: 126, Reach: 100, Came: Bits{^uint64(1<<2 | 1<<13), 1<<36 - 1}}

var vectorFeedback = Feedback{
	Receipt: vectorReceipt, Rate: 44, Queue: 8, Trend: -2,
	Listeners: 5, Median: Outcome{Received: 48, Lost: 3, Runs: 2},
	WorstRTT: 180, WorstQueue: 90, WorstTrend: 25, LowestCap: 32, LowestRate: 31, WorstJitter: 45, Hearers: 6, Unopened: 1, Shift: 288,
}

var vectorNack = []NackBlock{{Session: 8, Base: 126, Mask: 0b101}, {Session: 9, Base: 4, Mask: 1 << 63}}

var vectorEnds = []End{{Session: 8, Seq: 100}, {Session: 9, Seq: 0x01020304}}

// vectorHop is the hop byte of all vectors of voice.
var vectorHop = Hop{Count: 42, Again: true}

func bodyOf(seq uint32, frames ...Frame) []byte { return must(AppendFrames(nil, seq, frames)) }
func bodyOfReport(r *Report) []byte             { return must(AppendReport(nil, r)) }
func bodyOfNack(b []NackBlock) []byte           { return must(AppendNack(nil, b)) }

func bodyOfEnds(e []End) []byte { return must(AppendEnds(nil, e)) }

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// vectorKey tells which key seals a datagram.
func vectorKey(name string, h Header) (string, [16]byte) {
	switch {
	case h.Type == TypeVoice:
		return "voice, session 7, epoch 1", VoiceKey(testSecret, 7, 1)
	case h.Type == TypeProbeAck, h.Type == TypeChallenge, h.Type == TypeEnd, name == "report to a talker":
		return "down", testHop.Down()
	}
	return "up", testHop.Up()
}

func TestDatagramVectors(t *testing.T) {
	type vector struct {
		Name     string   `json:"name"`
		Type     Type     `json:"type"`
		Epoch    uint8    `json:"epoch"`
		Session  uint32   `json:"session"`
		Seq      uint32   `json:"seq"`
		Level    uint8    `json:"level"`
		Voice    bool     `json:"voice"`
		KeyName  string   `json:"key_name"`
		Key      hexBytes `json:"key"`
		Nonce    hexBytes `json:"nonce"`
		Body     hexBytes `json:"body"`
		Datagram hexBytes `json:"datagram"`
		Count    *uint8   `json:"count,omitempty"`
		Again    *bool    `json:"again,omitempty"`
		Downlink hexBytes `json:"downlink,omitempty"` // with hop byte
		Uplink   hexBytes `json:"uplink,omitempty"`   // and with hop tag
	}
	var vectors []vector
	tagger, tagKey := NewHopTagger(), testHop.TagKey()
	for _, d := range vectorDatagrams {
		name, key := vectorKey(d.name, d.h)
		s := NewSealer(key)
		sealed := s.Seal(nil, d.h, d.body)
		v := vector{
			d.name, d.h.Type, d.h.Epoch, d.h.Session, d.h.Seq, d.h.Level, d.h.Voice, name,
			key[:], append(make([]byte, 3), sealed[:9]...), d.body, sealed, nil, nil, nil, nil,
		}
		if d.h.Type == TypeVoice {
			hop := vectorHop
			v.Count, v.Again = &hop.Count, &hop.Again
			v.Downlink = AppendHop(bytes.Clone(sealed), hop)
			v.Uplink = tagger.Append(tagKey, bytes.Clone(v.Downlink))
			voice, ok := tagger.Check(tagKey, v.Uplink)
			if back, h, err := SplitHop(voice); !ok || !bytes.Equal(back, sealed) || h != hop || err != nil {
				t.Errorf("%s: own hop tag refused", d.name)
			}
		}
		if h, err := ParseHeader(sealed); err != nil || h != d.h {
			t.Errorf("%s: %+v, %v", d.name, h, err)
		}
		if body, err := s.Open(nil, sealed); err != nil || !bytes.Equal(body, d.body) {
			t.Errorf("%s: %x, %v", d.name, body, err)
		}
		vectors = append(vectors, v)
	}
	golden(t, "datagrams.json", vectors)
}

var vectorFrames = []struct {
	name   string
	seq    uint32
	frames []Frame
}{
	{"stride 1, no copies", 100, []Frame{{100, []byte("a")}}},
	{"stride 3, no copies", 102, []Frame{{102, []byte("c")}, {101, []byte("bb")}, {100, []byte("aaa")}}},
	{"stride 1, copies {1}", 100, []Frame{{100, []byte("b")}, {99, []byte("a")}}},
	{"stride 1, copies {4}", 100, []Frame{{100, []byte("b")}, {96, []byte("a")}}},
	{"stride 3, copies {1}", 105, []Frame{{105, []byte("f")}, {104, []byte("e")}, {103, []byte("d")},
		{102, []byte("c")}, {101, []byte("b")}, {100, []byte("a")}}},
	{"stride 1, copies {2, 6}", 100, []Frame{{100, []byte("c")}, {98, []byte("b")}, {94, []byte("a")}}},
	{"end of a talkspurt", 100, []Frame{{Number: 100}}},
	{"end of a talkspurt with a copy", 101, []Frame{{Number: 101}, {100, []byte("a")}}},
	{"end of a talkspurt inside a stride of 3", 102, []Frame{{Number: 102}, {101, []byte("b")}, {100, []byte("a")}}},
	{"copy of an end", 103, []Frame{{103, []byte("a")}, {Number: 99}}},
	{"lengths of 251, 252 and 255", 4, []Frame{{4, make([]byte, 251)}, {3, make([]byte, 252)}, {2, make([]byte, 255)}, {1, []byte("x")}}},
	{"farthest distance", 128, []Frame{{1, []byte("x")}}},
	{"largest number", 0xffffffff, []Frame{{0xffffffff, []byte("x")}}},
}

func TestBodyVectors(t *testing.T) {
	type frame struct {
		Number uint32   `json:"number"`
		Data   hexBytes `json:"data"`
	}
	type voice struct {
		Name   string   `json:"name"`
		Seq    uint32   `json:"seq"`
		Frames []frame  `json:"frames"`
		Body   hexBytes `json:"body"`
	}
	type body[T any] struct {
		Value T        `json:"value"`
		Body  hexBytes `json:"body"`
	}
	type nack struct {
		NackBlock
		Asks []int // the counts, spelled out
	}
	type receipt struct {
		Receipt
		Map string // of the newest, of the one before ...: 1 has come, 0 has not
	}
	var v struct {
		Receipts []body[receipt] `json:"receipts"`
		Voice    []voice         `json:"voice"`
		Probe    body[Probe]     `json:"probe"`
		ProbeAck body[ProbeAck]  `json:"probe_ack"`
		Report   body[Report]    `json:"report_of_a_listener"`
		Feedback body[Feedback]  `json:"report_to_a_talker"`
		Nack     body[[]nack]    `json:"nack"`
		Ends     body[[]End]     `json:"end"`
	}
	for _, f := range vectorFrames {
		b := bodyOf(f.seq, f.frames...)
		back, err := ParseFrames(nil, f.seq, b)
		if err != nil || len(back) != len(f.frames) {
			t.Fatal(f.name, back, err)
		}
		entry := voice{f.name, f.seq, nil, b}
		for i, fr := range f.frames {
			if back[i].Number != fr.Number || !bytes.Equal(back[i].Data, fr.Data) {
				t.Errorf("%s: %+v, want %+v", f.name, back[i], fr)
			}
			entry.Frames = append(entry.Frames, frame{fr.Number, fr.Data})
		}
		v.Voice = append(v.Voice, entry)
	}
	v.Probe.Value = Probe{Time: 0x01020304}
	v.Probe.Body = AppendProbe(nil, v.Probe.Value)
	if p, err := ParseProbe(v.Probe.Body); err != nil || p != v.Probe.Value {
		t.Error(p, err)
	}
	v.ProbeAck.Value = ProbeAck{Echo: 0x01020304, Came: 0x1112, Went: 0x2122, List: 0x3132}
	v.ProbeAck.Body = AppendProbeAck(nil, v.ProbeAck.Value)
	if a, err := ParseProbeAck(v.ProbeAck.Body); err != nil || a != v.ProbeAck.Value {
		t.Error(a, err)
	}
	v.Report.Value, v.Report.Body = vectorReport, bodyOfReport(&vectorReport)
	var r Report
	if err := ParseReport(&r, v.Report.Body); err != nil || !cmp.Equal(r, vectorReport) {
		t.Error(r, err)
	}
	v.Feedback.Value, v.Feedback.Body = vectorFeedback, AppendFeedback(nil, &vectorFeedback)
	if f, err := ParseFeedback(v.Feedback.Body); err != nil || f != vectorFeedback {
		t.Error(f, err)
	}
	for _, want := range []Receipt{vectorReceipt, vectorReport.Talkers[1].Receipt} {
		e := body[receipt]{receipt{Receipt: want}, appendReceipt(nil, &want)}
		for i := range int(want.Reach) {
			state := "0"
			if want.Came.Get(i) {
				state = "1"
			}
			e.Value.Map += state
		}
		v.Receipts = append(v.Receipts, e)
	}
	v.Nack.Body = bodyOfNack(vectorNack)
	blocks, err := ParseNack(nil, v.Nack.Body)
	if err != nil || !cmp.Equal(blocks, vectorNack) {
		t.Error(blocks, err)
	}
	for _, b := range blocks {
		n := nack{NackBlock: b}
		for count := range b.All() {
			n.Asks = append(n.Asks, int(count))
		}
		v.Nack.Value = append(v.Nack.Value, n)
	}
	v.Ends.Value, v.Ends.Body = vectorEnds, bodyOfEnds(vectorEnds)
	if ends, err := ParseEnds(nil, v.Ends.Body); err != nil || !cmp.Equal(ends, vectorEnds) {
		t.Error(ends, err)
	}
	golden(t, "bodies.json", v)
}

func TestFramingVectors(t *testing.T) {
	var v struct {
		Datagrams []hexBytes `json:"datagrams"`
		Bundle    hexBytes   `json:"bundle"`
		Tunnel    hexBytes   `json:"tunnel"`
	}
	for _, d := range [][]byte{vectorSealed(0), vectorSealed(1), longSealed()} {
		d = AppendHop(d, vectorHop)
		v.Datagrams = append(v.Datagrams, d)
		v.Bundle = must(AppendBundle(v.Bundle, d))
		v.Tunnel = must(AppendTunnel(v.Tunnel, d))
	}
	golden(t, "framing.json", v)
}

func vectorSealed(i int) []byte {
	d := vectorDatagrams[i]
	_, key := vectorKey(d.name, d.h)
	return NewSealer(key).Seal(nil, d.h, d.body)
}

// longSealed needs two bytes of length in a bundle.
func longSealed() []byte {
	body := bodyOf(300, Frame{300, make([]byte, 240)})
	return NewSealer(VoiceKey(testSecret, 7, 1)).Seal(nil, Header{Epoch: 1, Session: 7, Seq: 300}, body)
}

func TestControlVectors(t *testing.T) {
	type stream struct {
		Name    string `json:"name"`
		Stream  string `json:"stream,omitempty"`
		Hex     string `json:"stream_hex,omitempty"` // where it is not UTF-8
		Results []any  `json:"results"`
	}
	var v struct {
		Packages []string `json:"packages"`
		Streams  []stream `json:"streams"`
	}
	for _, e := range encodings {
		v.Packages = append(v.Packages, string(must(AppendPackage(nil, e.p))))
	}
	for _, s := range streams {
		entry := stream{Name: s.name, Stream: s.stream, Results: []any{}}
		if bytes.Contains([]byte(s.stream), []byte{0xff}) {
			entry.Stream, entry.Hex = "", hex.EncodeToString([]byte(s.stream))
		}
		for _, r := range s.want {
			if p, ok := r.(Package); ok {
				entry.Results = append(entry.Results, string(must(AppendPackage(nil, p))))
			} else {
				entry.Results = append(entry.Results, map[string]any{"error": r})
			}
		}
		v.Streams = append(v.Streams, entry)
	}
	golden(t, "control.json", v)
}
