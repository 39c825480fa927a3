package netproto

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecoder: no panic, the same packages however the stream is split, and
// what was decoded survives encoding and decoding once more.
func FuzzDecoder(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s.stream), uint8(3))
	}
	for _, e := range encodings {
		f.Add([]byte(e.want), uint8(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		whole, err := decodeAll(stream, max(1, len(stream)))
		split, errSplit := decodeAll(stream, int(piece)+1)
		if !errors.Is(errSplit, err) {
			t.Fatalf("%v, split %v", err, errSplit)
		}
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Fatal(diff)
		}
		for _, got := range whole {
			p, ok := got.(Package)
			if !ok {
				continue
			}
			text, err := AppendPackage(nil, p)
			if errors.Is(err, ErrTooLarge) {
				continue // escapes are longer than what they stand for
			}
			if err != nil {
				t.Fatalf("%+v: %v", p, err)
			}
			if bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || bytes.Contains(text, []byte("}{")) {
				t.Fatalf("not fit for the stream: %q", text)
			}
			again, err := decodeAll(text, len(text))
			if err != nil || len(again) != 1 || !cmp.Equal(again[0], got) {
				t.Fatalf("%s: %v, %v", text, again, err)
			}
		}
	})
}

func addDatagrams(f *testing.F) {
	tagger, key := NewHopTagger(), testHop.TagKey()
	for i := range vectorDatagrams {
		d := vectorSealed(i)
		f.Add(d)
		f.Add(tagger.Append(key, AppendHop(bytes.Clone(d), vectorHop)))
	}
}

// FuzzHeader: what parses is written the same again.
func FuzzHeader(f *testing.F) {
	addDatagrams(f)
	f.Fuzz(func(t *testing.T, d []byte) {
		h, err := ParseHeader(exact(d))
		if err != nil {
			return
		}
		if got := AppendHeader(nil, h); !bytes.Equal(got, d[:h.Size()]) {
			t.Fatalf("%x becomes %x", d[:h.Size()], got)
		}
	})
}

// FuzzOpen: nothing but the vectors themselves is authentic.
func FuzzOpen(f *testing.F) {
	addDatagrams(f)
	good := map[string]bool{}
	for i := range vectorDatagrams {
		good[string(vectorSealed(i))] = true
	}
	good[string(longSealed())] = true
	sealers := []*Sealer{NewSealer(VoiceKey(testSecret, 7, 1)), NewSealer(testHop.Up()), NewSealer(testHop.Down())}
	tagger, key := NewHopTagger(), testHop.TagKey()
	f.Fuzz(func(t *testing.T, d []byte) {
		for _, s := range sealers {
			if body, err := s.Open(nil, exact(d)); err == nil && !good[string(d)] {
				t.Fatalf("%x opened: %x", d, body)
			}
		}
		voice, ok := tagger.Check(key, exact(d))
		if sealed, _, err := SplitHop(voice); ok && (err != nil || !good[string(sealed)]) {
			t.Fatalf("%x has a good hop tag", d)
		}
	})
}

// FuzzFrames: numbers fall, data lie in the body, and what parses is parsed the
// same after it has been written again.
func FuzzFrames(f *testing.F) {
	for _, v := range vectorFrames {
		f.Add(v.seq, bodyOf(v.seq, v.frames...))
	}
	f.Fuzz(func(t *testing.T, seq uint32, body []byte) {
		frames, err := ParseFrames(nil, seq, exact(body))
		if err != nil {
			return
		}
		last := uint64(seq) + 1
		for _, fr := range frames {
			if uint64(fr.Number) >= last || fr.Number == 0 || len(fr.Data) > MaxFrameBytes {
				t.Fatalf("frames %+v", frames)
			}
			last = uint64(fr.Number)
		}
		again, err := AppendFrames(nil, seq, frames)
		if errors.Is(err, ErrTooLarge) && len(body) > MaxVoiceBody {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseFrames(nil, seq, again)
		if diff := cmp.Diff(frames, back); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

// FuzzBodies: every other body, round trip.
func FuzzBodies(f *testing.F) {
	for _, d := range vectorDatagrams {
		f.Add(d.body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		body = exact(body)
		if p, err := ParseProbe(body); err == nil {
			if again, err := ParseProbe(AppendProbe(nil, p)); err != nil || again != p {
				t.Fatal(p, again, err)
			}
		}
		if a, err := ParseProbeAck(body); err == nil && !bytes.Equal(AppendProbeAck(nil, a), body[:probeAckSize]) {
			t.Fatal(a)
		}
		if c, err := ParseChallenge(body); err == nil && !bytes.Equal(AppendChallenge(nil, c), body[:challengeSize]) {
			t.Fatal(c)
		}
		if r, err := ParseChallengeReply(body); err == nil {
			if again, err := ParseChallengeReply(AppendChallengeReply(nil, r)); err != nil || again != r {
				t.Fatal(r, again, err)
			}
		}
		if fb, err := ParseFeedback(body); err == nil {
			if again, err := ParseFeedback(AppendFeedback(nil, &fb)); err != nil || again != fb {
				t.Fatal(fb, again, err)
			}
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add(bodyOfReport(&vectorReport))
	f.Add(bodyOfReport(&Report{}))
	f.Fuzz(func(t *testing.T, body []byte) {
		var r, again Report
		if ParseReport(&r, exact(body)) != nil {
			return
		}
		b, err := AppendReport(nil, &r)
		if errors.Is(err, ErrTooLarge) && len(body) > MaxBody {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := ParseReport(&again, b); err != nil || !cmp.Equal(r.Talkers, again.Talkers) || !slices.Equal(r.Unopened, again.Unopened) || r.Trend != again.Trend || r.Deaf != again.Deaf {
			t.Fatal(r, again, err)
		}
	})
}

func FuzzNack(f *testing.F) {
	f.Add(bodyOfNack(vectorNack))
	f.Add(bodyOfNack(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		blocks, err := ParseNack(nil, exact(body))
		if err != nil {
			return
		}
		for _, b := range blocks {
			n := 0
			for count := range b.All() {
				if n++; count >= HopCounts || (count-b.Base)%HopCounts > 64 {
					t.Fatalf("%+v asks for %d", b, count)
				}
			}
			if n > 65 {
				t.Fatalf("%+v asks for %d", b, n)
			}
		}
		if written, err := AppendNack(nil, blocks); err == nil {
			if again, err := ParseNack(nil, written); err != nil || !slices.Equal(again, blocks) {
				t.Fatalf("%x becomes %x", body, written)
			}
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add(must(AppendBundle(must(AppendBundle(nil, vectorSealed(0))), longSealed())))
	f.Add([]byte{0x45, 1, 0x40, 255, 255})
	f.Fuzz(func(t *testing.T, d []byte) {
		items, err := ParseBundle(nil, exact(d))
		if err != nil {
			return
		}
		var again []byte
		for _, item := range items {
			again, err = AppendBundle(again, item)
			if errors.Is(err, ErrTooLarge) && len(d) > MaxDatagram {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again[1:], d[1:]) {
			t.Fatalf("%x becomes %x", d, again)
		}
	})
}

func FuzzTunnel(f *testing.F) {
	f.Add(must(AppendTunnel(must(AppendTunnel(nil, vectorSealed(0))), longSealed())))
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		stream = exact(stream)
		var again []byte
		rest := stream
		for {
			d, next, err := ParseTunnel(rest)
			if err != nil {
				break
			}
			again, rest = must(AppendTunnel(again, d)), next
		}
		if !bytes.Equal(append(again, rest...), stream) {
			t.Fatalf("%x becomes %x", stream, again)
		}
	})
}

// exact returns b without spare capacity, so that reading past its end panics.
func exact(b []byte) []byte { return bytes.Clone(b)[:len(b):len(b)] }

// FuzzSigner: nobody has signed but who did, and as whom.
func FuzzSigner(f *testing.F) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	signed := testFresh.Sign(private, PassphraseKey{}, "", "Adam")
	f.Add(signed, "", "Adam")
	f.Add(testFresh[:], "", "Adam")
	f.Add(signed, "Ad", "am")
	f.Add(append(make([]byte, FreshSize), signed[FreshSize:]...), "", "Adam")
	f.Fuzz(func(t *testing.T, brought []byte, room, name string) {
		id, ok := Signer(brought, PassphraseKey{}, room, name)
		if ok != (bytes.Equal(brought, signed) && room == "" && name == "Adam") || ok && !private.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(id[:])) {
			t.Fatalf("%x is signed by %v for %q in %q: %v", brought, id, name, room, ok)
		}
	})
}

// FuzzParseIdentity: what is read is written the same again.
func FuzzParseIdentity(f *testing.F) {
	f.Add(Identity{1}.String())
	f.Add("ed25519:AAEC")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseIdentity(text); err == nil && id.String() != text {
			t.Fatalf("%q becomes %v", text, id)
		}
	})
}
