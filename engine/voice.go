package engine

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Voice is what one talker says, as Call.Hear and Call.Monitor hand it out. Sound and Frames end when the talker has
// left the room, with the call, or when no more is wanted. Each is for one goroutine, and may be ranged over again: it
// goes on where it was.
type Voice struct {
	Session uint32
	Name    string

	sounds    queue[[]float32]
	frames    queue[VoiceFrame]
	listening atomic.Bool // Sound has been called
	sounding  bool        // the last block there was room for was none of silence; for who writes
	silent    bool        // the last frame there was room for was empty
}

// VoiceFrame is 20 ms of a talker's speech, as it was coded.
type VoiceFrame struct {
	Number  uint32        // counts 20 ms of the talker's time, silence included, from one session to the next
	Arrived time.Duration // since the call began, as in Stats.Time
	Data    []byte        // an Opus packet (RFC 6716); empty where the talker falls silent
}

const (
	soundsAhead = 128 // blocks of 10 ms that wait for who listens
	framesAhead = 256
)

func newVoice(session uint32, name string) *Voice {
	return &Voice{
		Session: session, Name: name,
		sounds: newQueue[[]float32](soundsAhead), frames: newQueue[VoiceFrame](framesAhead),
	}
}

// Sound is the talker's sound as it is played here, in blocks of up to 20 ms at 48 kHz mono, -1..1, before SetVolume.
// There is none while the talker is silent: an empty block says that a talkspurt is over. A block is good until the
// next one is asked for. Blocks wait for 1 s; what is not taken by then is lost (Missed). What was said before Sound was
// called is not in it.
func (v *Voice) Sound() iter.Seq[[]float32] {
	v.listening.Store(true)
	return func(yield func([]float32) bool) { v.sounds.each(func(pcm *[]float32) bool { return yield(*pcm) }) }
}

// Frames are the talker's frames as they come: not always in the order of their numbers, and some twice. Resends come a
// second later at most. Data is good until the next frame is asked for. 256 frames wait; what is not taken by then is
// lost (Missed).
func (v *Voice) Frames() iter.Seq[VoiceFrame] {
	return func(yield func(VoiceFrame) bool) { v.frames.each(func(f *VoiceFrame) bool { return yield(*f) }) }
}

// Missed is how many blocks and frames were lost as they were not taken in time.
func (v *Voice) Missed() uint64 { return v.sounds.missed.Load() + v.frames.missed.Load() }

// sounded takes a block of what is played; empty: nothing is.
func (v *Voice) sounded(pcm []float32) {
	if !v.listening.Load() || len(pcm) == 0 && !v.sounding {
		return
	}
	if v.sounds.put(func(slot *[]float32) { *slot = append((*slot)[:0], pcm...) }) {
		v.sounding = len(pcm) > 0
	}
}

// came takes a frame.
func (v *Voice) came(now time.Duration, frame netproto.Frame) {
	if len(frame.Data) == 0 && v.silent {
		return
	}
	if v.frames.put(func(f *VoiceFrame) {
		f.Number, f.Arrived, f.Data = frame.Number, now, append(f.Data[:0], frame.Data...)
	}) {
		v.silent = len(frame.Data) == 0
	}
}

func (v *Voice) end() {
	v.sounds.end()
	v.frames.end()
}

// queue is a ring from one goroutine to another, without a lock. Who writes never waits: what finds no room is counted.
type queue[T any] struct {
	slots      []T // their buffers are used again
	head, tail atomic.Uint64
	missed     atomic.Uint64
	news       chan struct{}
	over       chan struct{}
	once       *sync.Once
}

func newQueue[T any](size int) queue[T] {
	return queue[T]{slots: make([]T, size), news: make(chan struct{}, 1), over: make(chan struct{}), once: new(sync.Once)}
}

// put reports whether there was room.
func (q *queue[T]) put(fill func(slot *T)) bool {
	head := q.head.Load()
	if head-q.tail.Load() == uint64(len(q.slots)) {
		q.missed.Add(1)
		return false
	}
	fill(&q.slots[head%uint64(len(q.slots))])
	q.head.Store(head + 1)
	select {
	case q.news <- struct{}{}:
	default:
	}
	return true
}

// each gives what is put, until the end or until yield has had enough.
func (q *queue[T]) each(yield func(*T) bool) {
	for ended := false; ; {
		for tail := q.tail.Load(); tail != q.head.Load(); tail++ {
			more := yield(&q.slots[tail%uint64(len(q.slots))])
			q.tail.Store(tail + 1)
			if !more {
				return
			}
		}
		if ended {
			return
		}
		select {
		case <-q.news:
		case <-q.over:
			ended = true
		}
	}
}

func (q *queue[T]) end() { q.once.Do(func() { close(q.over) }) }

// audience is who is handed voices one by one. Whoever calls its methods holds the lock of what they come from.
type audience struct {
	name    func(session uint32) string
	hearers []*hearer
	over    bool
}

// hearer is one who is, by Call.Hear or Call.Monitor.
type hearer struct {
	hear   func(*Voice)
	voices map[uint32]*Voice
	ears   sync.WaitGroup
}

// voice is a talker's, who may be heard for the first time.
func (h *hearer) voice(session uint32, name string) *Voice {
	v := h.voices[session]
	if v == nil {
		v = newVoice(session, name)
		h.voices[session] = v
		h.ears.Go(func() { h.hear(v) })
	}
	return v
}

func (h *hearer) end() {
	for _, v := range h.voices {
		v.end()
	}
}

// sounded takes a block of what is played of a talker; empty: nothing is.
func (a *audience) sounded(session uint32, pcm []float32) {
	for _, h := range a.hearers {
		if v := h.voices[session]; v != nil {
			v.sounded(pcm)
		}
	}
}

// came takes a talker's frame.
func (a *audience) came(now time.Duration, session uint32, frame netproto.Frame) {
	for _, h := range a.hearers {
		if len(frame.Data) > 0 || h.voices[session] != nil {
			h.voice(session, a.name(session)).came(now, frame)
		}
	}
}

// left takes that a talker has left the room.
func (a *audience) left(session uint32) {
	for _, h := range a.hearers {
		if v := h.voices[session]; v != nil {
			v.end()
			delete(h.voices, session)
		}
	}
}

// subscribe has f called for the voices of an audience, whose lock is given, until stop is called.
func (a *audience) subscribe(lock *sync.Mutex, f func(*Voice)) (stop func()) {
	h := &hearer{hear: f, voices: map[uint32]*Voice{}}
	lock.Lock()
	if !a.over {
		a.hearers = append(a.hearers, h)
	}
	lock.Unlock()
	return func() {
		lock.Lock()
		h.end()
		a.hearers = slices.DeleteFunc(a.hearers, func(o *hearer) bool { return o == h })
		lock.Unlock()
		h.ears.Wait()
	}
}

// end ends all, for good.
func (a *audience) end(lock *sync.Mutex) {
	lock.Lock()
	hearers := a.hearers
	a.hearers, a.over = nil, true
	for _, h := range hearers {
		h.end()
	}
	lock.Unlock()
	for _, h := range hearers {
		h.ears.Wait()
	}
}

// Hear has f called for each of the others who talks from now on, in a goroutine of its own, with its voice. That ends
// when it has left the room; somebody who comes back under another session is another one. An f that returns before has
// done with its talker. No Sink is needed. stop ends all voices and waits until every f has returned; so do Leave and
// the end of the call, so f must not wait for those, and stop need not be called. Both may be called more than once:
// each Hear has voices of its own.
func (c *Call) Hear(f func(*Voice)) (stop func()) { return c.others.subscribe(&c.hearing, f) }

// Monitor has f called with our own voice as it is sent, when we talk: its Session is 0, and it has Frames only. It is
// like Hear in all else.
func (c *Call) Monitor(f func(*Voice)) (stop func()) { return c.own.subscribe(&c.talking, f) }
