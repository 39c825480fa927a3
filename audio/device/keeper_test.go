package device

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

// house is a sound system whose devices come and go. As real ones do, it makes its list when it starts, and starts
// anew only when nothing is open.
type house struct {
	mu      sync.Mutex
	plugged []Device
	listed  []Device
	users   int
	starts  int
	hangs   chan struct{} // until it is closed, streams do not end; nil: they do
}

var errGone = errors.New("gone")

func (h *house) start() (system, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == 0 {
		h.listed = h.plugged
		h.starts++
	}
	h.users++
	return h, nil
}

func (h *house) plug(list ...Device) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plugged = list
}

func (h *house) devices() ([]Device, error) { return h.listed, nil }
func (h *house) busy(error) bool            { return false }

func (h *house) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
}

func (h *house) capture(d Device, _ attempt, callback func([]float32, bool)) (stream, error) {
	return h.run(d, callback)
}

func (h *house) playback(d Device, _ attempt, callback func([]float32, bool)) (stream, error) {
	return h.run(d, callback)
}

func (h *house) has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.plugged {
		if d.Name == name {
			return true
		}
	}
	return false
}

// run calls back as long as the device is there.
func (h *house) run(d Device, callback func([]float32, bool)) (stream, error) {
	if !h.has(d.Name) {
		return nil, errGone
	}
	s := &houseStream{end: make(chan struct{}), hangs: h.hangs}
	s.joined.Go(func() {
		pcm := make([]float32, samplesIn(bufferTime, audio.SampleRate))
		for tick := time.NewTicker(bufferTime); ; {
			select {
			case <-tick.C:
			case <-s.end:
				return
			}
			if h.has(d.Name) {
				callback(pcm, false)
			}
		}
	})
	return s, nil
}

type houseStream struct {
	end    chan struct{}
	hangs  <-chan struct{}
	joined sync.WaitGroup
}

func (*houseStream) latency() time.Duration { return 5 * time.Millisecond }
func (*houseStream) stop()                  {}

func (s *houseStream) close() error {
	close(s.end)
	s.joined.Wait()
	if s.hangs != nil {
		<-s.hangs
	}
	return nil
}

var (
	headset = Device{Name: "Headset", API: "ALSA", Inputs: 1, Outputs: 2}
	laptop  = Device{Name: "Laptop", API: "ALSA", Inputs: 2, Outputs: 2, DefaultInput: true, DefaultOutput: true}
)

// user reads and writes as a call does: what is lost is closed and awaited.
type user struct {
	t         *testing.T
	k         *Keeper
	ctx       context.Context
	mu        sync.Mutex
	mic       *Source
	micAt     time.Time // when it read last
	speaker   *Sink
	speakerAt time.Time
}

func (u *user) read() {
	pcm := make([]float32, 960)
	for {
		_, err := u.mic.Read(pcm)
		now, failed := u.mic, error(nil)
		if err != nil {
			if !errors.Is(err, ErrDeviceLost) {
				u.t.Error(err)
			}
			_ = now.Close()
			if now, failed = u.k.AwaitSource(u.ctx); failed != nil {
				return
			}
		}
		u.mu.Lock()
		u.mic = now
		if err == nil {
			u.micAt = time.Now()
		}
		u.mu.Unlock()
		if u.ctx.Err() != nil {
			_ = now.Close()
			return
		}
	}
}

func (u *user) write() {
	pcm := make([]float32, 480)
	for {
		err := u.speaker.Write(pcm)
		now, failed := u.speaker, error(nil)
		if err != nil {
			_ = now.Close()
			if now, failed = u.k.AwaitSink(u.ctx); failed != nil {
				return
			}
		}
		u.mu.Lock()
		u.speaker = now
		if err == nil {
			u.speakerAt = time.Now()
		}
		u.mu.Unlock()
		if u.ctx.Err() != nil {
			_ = now.Close()
			return
		}
	}
}

// use is what is in use, and since when nothing has passed.
func (u *user) use() (mic, speaker string, micAway, speakerAway time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mic.device.Name, u.speaker.device.Name, time.Since(u.micAt), time.Since(u.speakerAt)
}

// Whatever is unplugged, plugged in or restarted: 1 s later what is there is in use.
func TestKeeper(t *testing.T) {
	type step struct {
		what         string
		there        []Device
		told         bool // the system tells of it
		mic, speaker string
	}
	both := []Device{headset, laptop}
	tests := []struct {
		name, mic, speaker string
		tells              bool
		steps              []step
	}{
		{"a named headset", "Headset", "Headset", true, []step{
			{"at first", both, false, "Headset", "Headset"},
			{"unplugged", []Device{laptop}, true, "Laptop", "Laptop"},
			{"plugged in", both, true, "Headset", "Headset"},
		}},
		{"a named microphone only", "Headset", "", true, []step{
			{"unplugged", []Device{laptop}, true, "Laptop", "Laptop"},
			{"plugged in", both, true, "Headset", "Laptop"},
		}},
		{"the system tells nothing", "Headset", "", false, []step{
			{"unplugged", []Device{laptop}, false, "Laptop", "Laptop"},
			{"plugged in", both, false, "Laptop", "Laptop"}, // what works is left alone
			{"the other one unplugged", []Device{headset}, false, "Headset", ""},
		}},
		{"a sound server", "", "", true, []step{
			{"killed", nil, false, "", ""},
			{"started again", []Device{laptop}, false, "Laptop", "Laptop"},
			{"restarted", nil, false, "", ""},
			{"started again", []Device{laptop}, false, "Laptop", "Laptop"},
			{"something else is plugged in", both, true, "Laptop", "Laptop"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &house{plugged: both}
				k := newKeeper(h.start)
				k.search.tells = tt.tells
				ctx, stop := context.WithCancel(t.Context())
				u := &user{t: t, k: k, ctx: ctx}
				var err, failed error
				u.mic, err = k.OpenSource(tt.mic)
				u.speaker, failed = k.OpenSink(tt.speaker)
				if err := errors.Join(err, failed); err != nil {
					t.Fatal(err)
				}
				var loops sync.WaitGroup
				loops.Go(u.read)
				loops.Go(u.write)
				for _, s := range tt.steps {
					time.Sleep(3 * time.Second)
					h.plug(s.there...)
					if s.told {
						k.changed()
					}
					time.Sleep(time.Second)
					mic, speaker, micAway, speakerAway := u.use()
					if s.mic != "" && (mic != s.mic || micAway > 20*time.Millisecond) || s.mic == "" && micAway < 900*time.Millisecond {
						t.Errorf("%s: microphone %s, not read for %v", s.what, mic, micAway)
					}
					if s.speaker != "" && (speaker != s.speaker || speakerAway > 20*time.Millisecond) || s.speaker == "" && speakerAway < 900*time.Millisecond && s.there == nil {
						t.Errorf("%s: loudspeaker %s, not written for %v", s.what, speaker, speakerAway)
					}
				}
				stop()
				h.plug()
				loops.Wait()
				if h.users != 0 {
					t.Errorf("%d devices left open", h.users)
				}
			})
		})
	}
}

// While one direction works it is not interrupted again and again for the sake of the other one.
func TestSearchInterruptsSeldom(t *testing.T) {
	for _, tt := range []struct {
		tells bool
		want  int // lists in a minute
	}{{true, 1}, {false, 2}} {
		s := search{tells: tt.tells}
		lists, now := 0, time.Duration(0)
		for range 240 {
			if s.anew(now, 0, false) {
				lists++
			}
			now += tryEvery
		}
		if lists != tt.want {
			t.Errorf("tells %v: %d lists", tt.tells, lists)
		}
		if s.stale = true; !s.anew(now, 0, false) || s.anew(now, 0, false) || !s.anew(now, 0, true) {
			t.Error("news, no news, or alone")
		}
	}
}

// A device that is looked for is not waited for longer than its call lasts, and one that was chosen is remembered.
func TestKeeperChoiceAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{plugged: []Device{laptop}}
		k := newKeeper(h.start)
		if _, err := k.OpenSource("Headset"); !errors.Is(err, ErrNoDevice) {
			t.Errorf("not there: %v", err)
		}
		list, err := k.List()
		if len(list) != 1 || err != nil {
			t.Errorf("%v, %v", list, err)
		}
		mic, err := k.OpenSource("Laptop")
		if err != nil || mic.Latency() != 5*time.Millisecond {
			t.Fatal(err)
		}
		h.plug(headset, laptop)
		k.changed()
		if list, _ := k.List(); len(list) != 2 {
			t.Errorf("after a change: %v", list)
		}
		if _, err := mic.Read(make([]float32, 480)); !errors.Is(err, ErrDeviceLost) {
			t.Errorf("what was open: %v", err)
		}
		h.plug()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if _, err := k.AwaitSource(ctx); !errors.Is(err, ErrNoDevice) && !errors.Is(err, ErrOpen) {
			t.Errorf("nothing there: %v", err)
		}
		if h.users != 0 {
			t.Errorf("%d users", h.users)
		}
	})
}

// A sound system that does not let go of what was lost is waited for no longer than closeTime: then there is sound
// again. What was left behind keeps the system from starting anew until it lets go.
func TestKeeperLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := Stuck()
		h := &house{plugged: []Device{laptop}, hangs: make(chan struct{})}
		k := newKeeper(h.start)
		speaker, err := k.OpenSink("")
		if err != nil {
			t.Fatal(err)
		}
		h.plug()
		pcm := make([]float32, 480)
		for err == nil {
			err = speaker.Write(pcm)
		}
		h.plug(laptop)
		lost := time.Now()
		if err := speaker.Close(); !errors.Is(err, ErrStuck) {
			t.Errorf("closed: %v", err)
		}
		again, err := k.AwaitSink(t.Context())
		if took := time.Since(lost); err != nil || took > closeTime+10*time.Millisecond || again.Write(pcm) != nil {
			t.Errorf("after %v: %v", took, err)
		}
		if h.users != 2 || h.starts != 1 || Stuck() != before+1 {
			t.Errorf("%d users, %d starts, %d stuck", h.users, h.starts, Stuck()-before)
		}
		close(h.hangs)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if h.users != 0 {
			t.Errorf("%d users", h.users)
		}
	})
}
