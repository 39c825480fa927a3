package record_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/record"
	"github.com/tincan-voice/tincan/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording waits until somebody is said to record, or not any more.
func recording(t *testing.T, call *engine.Call, name string, on bool) {
	t.Helper()
	calltest.Await(t, call, name+" records", func(e engine.PeerRecording) bool { return e.Name == name && e.Recording == on })
}

// A call is recorded while it is heard, everyone is told, also who comes later, and the files are there.
func TestRecordACall(t *testing.T) {
	server := calltest.StartRelay(t, relay.Config{})
	address := server.Addr().String()
	bob := calltest.Join(t, address, "Bob/1", engine.Config{Source: calltest.Babble(1)})
	ann := calltest.Join(t, address, "Ann", engine.Config{Source: calltest.Babble(2)})
	dir := filepath.Join(t.TempDir(), "new")
	r, err := record.Start(ann, dir)
	if err != nil {
		t.Fatal(err)
	}
	recording(t, bob, "Ann", true)
	dan := calltest.Join(t, address, "Dan", engine.Config{})
	recording(t, dan, "Ann", true)
	if s := ann.Stats(); !s.Recording || !s.Announced {
		t.Errorf("recording %v, announced %v", s.Recording, s.Announced)
	}
	calltest.Eventually(t, "the mix grows", func() bool {
		info, err := os.Stat(filepath.Join(r.Dir(), "mix.opus"))
		return err == nil && info.Size() > 5000
	})
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	recording(t, dan, "Ann", false)
	var names []string
	files, _ := os.ReadDir(r.Dir())
	for _, f := range files {
		names = append(names, f.Name())
		src, err := audio.OpenFile(filepath.Join(r.Dir(), f.Name()))
		if err != nil {
			t.Error(err)
			continue
		}
		if n, err := src.Read(make([]float32, audio.SampleRate)); n != audio.SampleRate || err != nil {
			t.Errorf("%s: %d samples, %v", f.Name(), n, err)
		}
		src.Close()
	}
	for _, name := range append(names, ".") {
		if info, err := os.Stat(filepath.Join(r.Dir(), name)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others can read it: %v", name, err)
		}
	}
	if want := []string{"Ann.opus", "Bob_1.opus", "mix.opus"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// A folder that cannot be made is an error, and nobody is told of a recording.
func TestNoFolder(t *testing.T) {
	server := calltest.StartRelay(t, relay.Config{})
	ann := calltest.Join(t, server.Addr().String(), "Ann", engine.Config{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Start(ann, file); err == nil || ann.Stats().Recording {
		t.Errorf("%v", err)
	}
}

// Whoever comes late is not heard later for the silence that has to be written before, and neither is anybody lost who
// leaves and comes back between two looks.
func TestComeAndGo(t *testing.T) {
	server := calltest.StartRelay(t, relay.Config{})
	address := server.Addr().String()
	ann := calltest.Join(t, address, "Ann", engine.Config{})
	r, err := record.Start(ann, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		bob := calltest.Join(t, address, "Bob", engine.Config{Source: calltest.Babble(1)})
		calltest.Eventually(t, "Bob is heard", func() bool {
			return slices.ContainsFunc(ann.Stats().Peers, func(p engine.PeerStats) bool { return p.Frames > 25 })
		})
		bob.Leave()
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	files, _ := filepath.Glob(filepath.Join(r.Dir(), "Bob*.opus"))
	if len(files) != 1 {
		t.Errorf("%v: one file for one name", files)
	}
}
