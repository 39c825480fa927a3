package netproto

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestEnds(t *testing.T) {
	ends := []End{{Session: 8, Seq: 100}, {Session: 0x01020304, Seq: 0xfffffffe}}
	want := []byte{2, 0, 0, 0, 8, 0, 0, 0, 100, 1, 2, 3, 4, 255, 255, 255, 254}
	body, err := AppendEnds(nil, ends)
	if err != nil || !bytes.Equal(body, want) {
		t.Fatalf("%x, %v", body, err)
	}
	if got, err := ParseEnds(nil, append(exact(body), 9, 9)); err != nil || !slices.Equal(got, ends) {
		t.Errorf("with a tail: %+v, %v", got, err)
	}
	for n := range body {
		if got, err := ParseEnds(ends[:1], exact(body[:n])); !errors.Is(err, ErrShort) || len(got) != 1 {
			t.Errorf("%d bytes: %+v, %v", n, got, err)
		}
	}
	if body, err := AppendEnds(nil, make([]End, 147)); err != nil || len(body) > MaxBody {
		t.Errorf("147 talkers: %d bytes, %v", len(body), err)
	}
	if _, err := AppendEnds(nil, make([]End, 148)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func FuzzEnds(f *testing.F) {
	f.Add(bodyOfEnds(vectorEnds))
	f.Add(bodyOfEnds(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		ends, err := ParseEnds(nil, exact(body))
		if err != nil {
			return
		}
		written, err := AppendEnds(nil, ends)
		if errors.Is(err, ErrTooLarge) && len(ends) > maxEnds {
			return
		}
		if err != nil || !bytes.HasPrefix(body, written) {
			t.Fatalf("%x becomes %x, %v", body, written, err)
		}
	})
}
