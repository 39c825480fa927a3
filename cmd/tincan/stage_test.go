package main

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tincan-voice/tincan/internal/screen"
)

func newTestStage(t *testing.T) *stage {
	t.Helper()
	return &stage{join: &JoinCmd{CallOptions: CallOptions{In: "none", Out: "none", Bitrate: 24000}, KnownRelays: filepath.Join(t.TempDir(), "known")}}
}

// Going from room to room leaves no teller behind, and devices may be chosen meanwhile.
func TestStageRoomAfterRoom(t *testing.T) {
	s := newTestStage(t)
	relay := startTestRelay(t)
	var left *shown
	for _, room := range []string{"jam", "quiet"} {
		var choosing sync.WaitGroup
		if left = s.current(); left != nil {
			choosing.Go(func() { _ = s.use("none", "none") })
		}
		joined, err := s.enter(t.Context(), screen.Form{Relay: relay, Name: "Ann", Room: room})
		choosing.Wait()
		if err != nil {
			t.Fatal(err)
		}
		joined.Call.Leave()
	}
	if _, err := left.tell.out.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the first room's teller: %v", err)
	}
	s.current().summary(io.Discard)
}

// What an invitation says of the relay's certificate goes back to the form, and holds when it comes from there.
func TestStageKeepsTheFingerprint(t *testing.T) {
	relay := startTestRelay(t)
	_, link, _ := invited(t, relay, "jam")
	s := newTestStage(t)
	joined, err := s.enter(t.Context(), screen.Form{Relay: link, Name: "Ann", Room: "that of the call before"})
	if err != nil {
		t.Fatal(err)
	}
	joined.Call.Leave()
	form := joined.Form
	if form.Relay != relay || form.Room != "jam" || !strings.HasPrefix(form.Fingerprint, "SHA256:") {
		t.Fatalf("%+v", form)
	}
	form.Fingerprint = "SHA256:" + strings.Repeat("A", 43)
	if _, err := s.enter(t.Context(), form); err == nil || !strings.Contains(err.Error(), "another certificate than was asked for") {
		t.Errorf("%v", err)
	}
}
