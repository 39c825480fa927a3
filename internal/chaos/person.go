package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/synth"
)

// person is in a call for the whole run.
type person struct {
	name  string
	room  int
	mouth *mouth // nil: only listens
	ear   *ear
	path  *path
	call  *engine.Call

	troubles                troubles
	lost, resumed, replaced atomic.Int64 // the control connection was; it came back with the same session, or another
	events                  sync.WaitGroup

	// owned by watch
	away time.Time // since when it has been seen without a control connection; zero: it has one
	told bool      // that this is wrong
}

// mouth talks and pauses in turns, by the clock. It is a Source, to be paced.
type mouth struct {
	pcm         []float32
	at          int
	begun       time.Time
	talk, pause time.Duration
}

// spell tells whether it talks at now, and since when it does or does not.
func (m *mouth) spell(now time.Time) (talks bool, since time.Time) {
	if m.pause == 0 {
		return true, m.begun
	}
	into := now.Sub(m.begun) % (m.talk + m.pause)
	if into < m.talk {
		return true, now.Add(-into)
	}
	return false, now.Add(m.talk - into)
}

const (
	// Every so long who talks takes a breath, which is no pause. A talker makes up for what a busy machine has
	// cost between two words: without any, that would look like a queue on the path.
	breathEvery = 3 * time.Second
	breath      = 400 * time.Millisecond
)

func (m *mouth) Read(pcm []float32) (int, error) {
	now := time.Now()
	if talks, _ := m.spell(now); !talks || now.Sub(m.begun)%breathEvery < breath {
		clear(pcm)
		return len(pcm), nil
	}
	for i := range pcm {
		pcm[i] = m.pcm[m.at]
		m.at = (m.at + 1) % len(m.pcm)
	}
	return len(pcm), nil
}

func (m *mouth) Close() error { return nil }

// ear is a Sink, to be paced, that notes when it was given sound, and what is none.
type ear struct {
	sounded atomic.Int64 // nanoseconds of the clock
	wrong   atomic.Int64 // samples that are no sound: beyond -1..1
}

// audible is the mean square from which on it is no comfort noise: -50 dBov.
const audible = 1e-5

func (e *ear) Write(pcm []float32) error {
	sum := 0.0
	for _, x := range pcm {
		sum += float64(x) * float64(x)
		if !(x >= -1 && x <= 1) {
			e.wrong.Add(1)
		}
	}
	if sum > audible*float64(len(pcm)) {
		e.sounded.Store(time.Now().UnixNano())
	}
	return nil
}

func (e *ear) Close() error { return nil }

func (e *ear) heard() time.Time { return time.Unix(0, e.sounded.Load()) }

const (
	// talkersOfRoom talk in a room: all of the time, but in every third room one after the other, with long pauses.
	talkersOfRoom = 2
	turn          = 3 * time.Second
	turnPause     = 11 * time.Second
)

// newMouth is the mouth of a talker of a room.
func newMouth(room, talker int, begun time.Time) *mouth {
	m := &mouth{begun: begun, talk: turn}
	if room%3 == 2 {
		m.pause = turnPause
		m.begun = begun.Add(-time.Duration(talker) * (turn + turnPause) / talkersOfRoom)
	}
	m.pcm = synth.Speech(2*audio.SampleRate, uint64(talkersOfRoom*room+talker))
	return m
}

// crowd is everyone, and how to end their lives.
type crowd struct{ people []*person }

// gather lets everyone in. What it returns is to be left, even with an error.
func gather(ctx context.Context, o options, r *relay, dir string, begun time.Time) (*crowd, error) {
	c := &crowd{}
	for i := range o.people {
		rng := rand.New(rand.NewPCG(o.seed, uint64(i)))
		p := &person{name: fmt.Sprint("person ", i), room: i / o.room, ear: &ear{}}
		if n := i % o.room; n < talkersOfRoom {
			p.mouth = newMouth(p.room, n, begun)
		}
		var err error
		if p.path, err = newPath(i, r.address, rng); err != nil {
			return c, err
		}
		c.people = append(c.people, p)
	}
	errs := make(chan error, len(c.people))
	for _, p := range c.people {
		go func() { errs <- p.join(ctx, filepath.Join(dir, "known_relays")) }()
	}
	var first error
	for range c.people {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return c, first
}

func (p *person) join(ctx context.Context, known string) error {
	cfg := engine.Config{
		Address: p.path.proxy.Addr().String(), Name: p.name, Room: fmt.Sprint("room ", p.room), KnownRelays: known,
		Sink:    audio.PacedSink(p.ear),
		Encoder: codec.EncoderConfig{Complexity: 1}, // it is not about quality
	}
	if p.mouth != nil {
		cfg.Source = audio.PacedSource(p.mouth)
	}
	call, err := engine.Join(ctx, cfg)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.call = call
	p.events.Go(func() {
		for e := range call.Events() {
			switch e := e.(type) {
			case engine.Reconnecting:
				if e.Since == 0 {
					p.lost.Add(1)
				}
			case engine.Reconnected:
				if e.Resumed {
					p.resumed.Add(1)
				} else {
					p.replaced.Add(1)
				}
			}
		}
	})
	return nil
}

// goodbye is how long the last word to the relay may take.
const goodbye = 2 * time.Second

// leave ends all calls and paths.
func (c *crowd) leave() {
	var leaving sync.WaitGroup
	for _, p := range c.people {
		leaving.Go(func() {
			if p.call != nil {
				p.call.Leave()
				p.events.Wait()
			}
			for end := time.Now().Add(goodbye); p.path.proxy.Stats().Connections > 0 && time.Now().Before(end); {
				time.Sleep(goodbye / 100)
			}
			_ = p.path.proxy.Close()
		})
	}
	leaving.Wait()
}

// state is what a person knows of the own call, and what has happened to it, in words.
func (p *person) state(now time.Time) string {
	s := p.call.Stats()
	text := fmt.Sprintf("%s: session %d, %d others, voice by %v, %s", p.name, p.call.Session(), len(s.Peers), s.Link.Path, cmp.Or(s.Reconnecting, "connected"))
	if told := p.path.settles().Sub(now); told > 0 {
		text += fmt.Sprintf(", TCP knows of its move in %v", told.Round(lookEvery))
	}
	return text + ": " + p.troubles.story(now)
}
