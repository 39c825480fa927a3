package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine"
)

// Recorder records a call. Use Start.
type Recorder struct {
	call  *engine.Call
	dir   string
	start time.Time
	began time.Duration // the same, as the call counts
	files files
	stops []func()
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}

	mu        sync.Mutex // guards what follows; never held while a file is written
	recording *recording
	err       error
}

// writeEvery is how often what has been recorded is written.
const writeEvery = 250 * time.Millisecond

// Start records a call from now on, in a new folder of dir that is named after the time, and tells the room. Errors are
// of making the folder, and codec.ErrNoCodec. Stop has to be called, after the end of the call too.
func Start(call *engine.Call, dir string) (*Recorder, error) {
	enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: mixBitrate})
	if err != nil {
		return nil, err
	}
	rec, err := newRecording(enc, opus.NewDecoder)
	if err != nil {
		return nil, err
	}
	if dir, err = newFolder(dir, time.Now()); err != nil {
		return nil, err
	}
	r := &Recorder{call: call, dir: dir, start: time.Now(), began: call.Stats().Time, files: files{dir: dir}, stop: make(chan struct{}), done: make(chan struct{}), recording: rec}
	r.stops = []func(){call.Hear(r.voice), call.Monitor(r.voice)}
	call.SetRecording(true)
	go r.run()
	return r, nil
}

// newFolder makes a folder in dir, and dir itself if it is missing; both for nobody but us, as a call may be sealed.
func newFolder(dir string, now time.Time) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	name := filepath.Join(dir, now.Format("2006-01-02 15.04.05"))
	for n := 2; ; n++ {
		err := os.Mkdir(name, 0o700)
		if !errors.Is(err, os.ErrExist) {
			if err != nil {
				err = fmt.Errorf("record: %w", err)
			}
			return name, err
		}
		name = filepath.Join(dir, now.Format("2006-01-02 15.04.05")+fmt.Sprintf(" %d", n))
	}
}

// Dir is the folder with the files.
func (r *Recorder) Dir() string { return r.dir }

// Done is closed when nothing is recorded any more, after Stop or by itself: a disk may be full.
func (r *Recorder) Done() <-chan struct{} { return r.done }

// ErrStuck is of a disk that takes nothing.
var ErrStuck = errors.New("record: the disk does not take what was recorded")

// stopTime is how long Stop waits for the disk.
const stopTime = 10 * time.Second

// Stop ends the recording, tells the room, and returns when all is written, or why it was not: ErrStuck after 10 s. It
// may be called more than once.
func (r *Recorder) Stop() error {
	r.once.Do(func() { close(r.stop) })
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-r.done:
		return r.err
	case <-late.C:
		return ErrStuck
	}
}

// voice takes one talker's frames.
func (r *Recorder) voice(v *engine.Voice) {
	r.mu.Lock()
	t, err := r.recording.track(v.Name)
	r.fail(err)
	r.mu.Unlock()
	if t == nil {
		return
	}
	for f := range v.Frames() {
		r.mu.Lock()
		t.take(f.Arrived-r.began, f.Number, f.Data)
		r.mu.Unlock()
	}
	r.mu.Lock()
	r.fail(r.recording.leave(t))
	r.mu.Unlock()
}

// fail notes the first error. The lock is held, or nobody else is left.
func (r *Recorder) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// run writes until the end. It is joined by Stop.
func (r *Recorder) run() {
	defer close(r.done)
	r.keep()
	r.call.SetRecording(false)
	for _, stop := range r.stops {
		stop()
	}
	r.write((*recording).end)
	r.fail(r.files.close())
}

// keep writes until Stop, or until that fails.
func (r *Recorder) keep() {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for r.write((*recording).poll) {
		select {
		case <-ticker.C:
		case <-r.stop:
			return
		}
	}
}

// write has the recording go on, and writes what comes of it. It reports whether all is well.
func (r *Recorder) write(goOn func(*recording, time.Duration) error) bool {
	r.mu.Lock()
	if r.err != nil {
		r.mu.Unlock()
		return false
	}
	r.fail(goOn(r.recording, time.Since(r.start)))
	outs, names := []*bytes.Buffer{&r.recording.mix.out}, []string{"mix"}
	for _, t := range r.recording.tracks {
		if !t.mixOnly { // those that are come last
			outs, names = append(outs, &t.out), append(names, t.name)
		}
	}
	pages := make([][]byte, len(outs))
	for i, out := range outs {
		pages[i] = bytes.Clone(out.Bytes())
		out.Reset()
	}
	r.mu.Unlock()
	err := r.files.append(names, pages)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(err)
	return r.err == nil
}

// files are those of the tracks, in their order.
type files struct {
	dir  string
	open []*os.File // nil: nothing has been written yet
}

// append writes what is new in each.
func (f *files) append(names []string, pages [][]byte) error {
	for i, page := range pages {
		if i == len(f.open) {
			f.open = append(f.open, nil)
		}
		if len(page) == 0 {
			continue
		}
		if f.open[i] == nil {
			file, err := f.create(names[i])
			if err != nil {
				return fmt.Errorf("record: %w", err)
			}
			f.open[i] = file
		}
		if _, err := f.open[i].Write(page); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	return nil
}

// create makes a file that is new, named after a talker.
func (f *files) create(talker string) (*os.File, error) {
	name := fileName(talker)
	for n := 1; ; n++ {
		path := filepath.Join(f.dir, name+".opus")
		if n > 1 {
			path = filepath.Join(f.dir, fmt.Sprintf("%s-%d.opus", name, n))
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, os.ErrExist) {
			return file, err
		}
	}
}

// reserved are the names that are devices on Windows, whatever follows the dot.
var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|(com|lpt)[0-9])$`)

// fileName is a talker's name as any file system takes it.
func fileName(name string) string {
	if reserved.MatchString(name) {
		return "_" + name
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
}

func (f *files) close() error {
	var errs []error
	for _, file := range f.open {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}
