package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine"
)

// Recorder records a call. Use Start. One goroutine codes and writes; those of the talkers only leave their frames for it:
//
//	voice, one per talker ──> inlet ──> run: collect ──> recording ──> files
type Recorder struct {
	call  *engine.Call
	dir   string
	start time.Time
	began time.Duration // the same, as the call counts
	stops []func()
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}

	// Owned by run, until done is closed.
	files     files
	recording *recording
	err       error

	mu     sync.Mutex // guards what follows; held for as long as it takes to copy a frame
	inlets []*inlet
}

// inlet is where one talker's frames wait for run, which looks four times a second. While it waits for the disk, what
// does not fit is lost: after some 10 s of it.
type inlet struct {
	name   string
	frames []heldFrame // at most mostHeld
	over   bool        // the talker has left

	// Owned by run.
	taken []heldFrame // what frames was, when run looked last
	track *track      // nil: not yet, or there are too many
	known bool        // track is
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
	in := &inlet{name: v.Name}
	r.mu.Lock()
	r.inlets = append(r.inlets, in)
	r.mu.Unlock()
	for f := range v.Frames() {
		r.mu.Lock()
		if len(in.frames) < mostHeld {
			in.frames = append(in.frames, heldFrame{f.Number, f.Arrived - r.began, slices.Clone(f.Data)})
		}
		r.mu.Unlock()
	}
	r.mu.Lock()
	in.over = true
	r.mu.Unlock()
}

// collect gives the recording what has come since the last time.
func (r *Recorder) collect() error {
	r.mu.Lock()
	inlets, over := slices.Clone(r.inlets), map[*inlet]bool{}
	for _, in := range inlets {
		in.taken, in.frames = in.frames, in.taken[:0]
		over[in] = in.over
	}
	r.inlets = slices.DeleteFunc(r.inlets, func(in *inlet) bool { return in.over })
	r.mu.Unlock()
	for _, in := range inlets {
		if !in.known {
			var err error
			if in.track, err = r.recording.track(in.name); err != nil {
				return err
			}
			in.known = true
		}
		if in.track == nil {
			continue
		}
		for _, f := range in.taken {
			in.track.take(f.at, f.number, f.data)
		}
		if over[in] {
			if err := r.recording.leave(in.track); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail notes the first error.
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

// write has the recording go on with what has come, and writes what comes of it. It reports whether all is well.
func (r *Recorder) write(goOn func(*recording, time.Duration) error) bool {
	if r.err != nil {
		return false
	}
	now := time.Since(r.start)
	if r.fail(r.collect()); r.err == nil {
		r.fail(goOn(r.recording, now))
	}
	r.fail(r.files.write("mix", &r.recording.mix.out, 0))
	for i, t := range r.recording.tracks {
		if !t.mixOnly { // those that are come last
			r.fail(r.files.write(t.name, &t.out, i+1))
		}
	}
	return r.err == nil
}

// files are the mix and the tracks, in their order.
type files struct {
	dir  string
	open []*os.File // nil: nothing has been written yet
}

// write writes what is new of one, and takes it out of the buffer.
func (f *files) write(name string, page *bytes.Buffer, i int) (err error) {
	for i >= len(f.open) {
		f.open = append(f.open, nil)
	}
	if page.Len() == 0 {
		return nil
	}
	if f.open[i] == nil {
		f.open[i], err = f.create(name)
	}
	if err == nil {
		_, err = page.WriteTo(f.open[i])
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
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
