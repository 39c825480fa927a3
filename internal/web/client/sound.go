//go:build js && wasm

package main

import (
	"sync"
	"syscall/js"
	"time"
	"unsafe"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/internal/web/lead"
)

// keeps is what is kept of the microphone while nobody reads: 100 ms, as of other devices.
const keeps = 10 * lead.Block

// sound is the audio worklet: what it has captured, and how far it has played.
type sound struct {
	host js.Value
	out  js.Value // a scratch Uint8Array

	began    time.Time
	mu       sync.Mutex // guards what follows
	mic      *microphone
	written  int // samples, modulo nothing: an int has 64 bits
	played   int
	missed   int // by the audio thread, as nothing was left
	starved  int // how often
	lead     lead.Lead
	flows    bool // somebody has written as much as is to be left
	in, late time.Duration
	turn     chan struct{} // some has been played
}

func (s *sound) init(host js.Value) {
	s.host, s.began, s.turn = host, time.Now(), make(chan struct{}, 1)
	s.out = js.Global().Get("Uint8Array").New(4 * audio.SampleRate / 10)
}

// latency takes what the browser says of its devices, in seconds.
func (s *sound) latency(out, in float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late, s.in = time.Duration(out*float64(time.Second)), time.Duration(in*float64(time.Second))
}

func (s *sound) starvedTimes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starved
}

// captured is called by worker.js for every 10 ms, unless it is too late for that: with the bytes of as many float32, or
// null where there is no microphone, how many samples have been played so far, how often there were none, and how many were
// missed. It must not wait.
func (c *client) captured(_ js.Value, args []js.Value) any {
	s := &c.sound
	s.mu.Lock()
	defer s.mu.Unlock()
	missed := args[3].Int() - s.missed
	s.played, s.starved, s.missed = args[1].Int(), args[2].Int(), s.missed+missed
	if s.flows {
		s.lead.Told(time.Since(s.began), s.written-s.played, missed)
	}
	select {
	case s.turn <- struct{}{}:
	default:
	}
	if s.mic != nil && !args[0].IsNull() {
		s.mic.take(args[0])
	}
	return nil
}

// microphone returns a Source. There is one at a time: the one before gets nothing any more.
func (s *sound) microphone() audio.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mic = &microphone{sound: s, more: make(chan struct{}, 1), closed: make(chan struct{})}
	return s.mic
}

// microphone is what the worklet captures.
type microphone struct {
	sound  *sound
	more   chan struct{}
	closed chan struct{}
	once   sync.Once

	// guarded by sound.mu
	ring        [keeps]float32
	first, have int
	fresh       [lead.Block]float32
}

// take puts 10 ms into the ring, in place of the oldest ones where nobody reads. The caller holds sound.mu.
func (m *microphone) take(bytes js.Value) {
	n := js.CopyBytesToGo(asBytes(m.fresh[:]), bytes) / 4
	for _, x := range m.fresh[:n] {
		m.ring[(m.first+m.have)%keeps] = x
		if m.have < keeps {
			m.have++
		} else {
			m.first = (m.first + 1) % keeps
		}
	}
	select {
	case m.more <- struct{}{}:
	default:
	}
}

// Live implements audio.Source.
func (*microphone) Live() {}

// Latency is by the browser's account, and a block.
func (m *microphone) Latency() time.Duration {
	m.sound.mu.Lock()
	defer m.sound.mu.Unlock()
	return m.sound.in + lead.Block*time.Second/audio.SampleRate
}

// Read implements audio.Source.
func (m *microphone) Read(pcm []float32) (int, error) {
	for got := 0; got < len(pcm); {
		m.sound.mu.Lock()
		for ; got < len(pcm) && m.have > 0; got++ {
			pcm[got] = m.ring[m.first]
			m.first, m.have = (m.first+1)%keeps, m.have-1
		}
		m.sound.mu.Unlock()
		if got == len(pcm) {
			break
		}
		select {
		case <-m.more:
		case <-m.closed:
			return 0, audio.ErrClosed
		}
	}
	return len(pcm), nil
}

// Close implements audio.Source.
func (m *microphone) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// speaker returns a Sink. There is one at a time.
func (s *sound) speaker() audio.Sink { return &speaker{sound: s, closed: make(chan struct{})} }

// speaker is what the worklet plays.
type speaker struct {
	sound  *sound
	closed chan struct{}
	once   sync.Once
}

// Live implements audio.Sink.
func (*speaker) Live() {}

// Latency is by the browser's account, and what is left to play when Write returns.
func (p *speaker) Latency() time.Duration {
	p.sound.mu.Lock()
	defer p.sound.mu.Unlock()
	return p.sound.late + time.Duration(p.sound.lead.Samples())*time.Second/audio.SampleRate
}

// Write implements audio.Sink: it returns when it is time for more.
func (p *speaker) Write(pcm []float32) error {
	s := p.sound
	select {
	case <-p.closed:
		return audio.ErrClosed
	default:
	}
	n := js.CopyBytesToJS(s.out, asBytes(pcm))
	s.host.Call("play", s.out.Call("slice", 0, n))
	s.mu.Lock()
	s.written += len(pcm)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		enough := s.written-s.played > s.lead.Samples()
		s.flows = s.flows || enough
		s.mu.Unlock()
		if !enough {
			return nil
		}
		select {
		case <-s.turn:
		case <-p.closed:
			return audio.ErrClosed
		}
	}
}

// Close implements audio.Sink.
func (p *speaker) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.sound.mu.Lock()
		p.sound.flows = false
		p.sound.mu.Unlock()
	})
	return nil
}

// asBytes are the bytes of samples: WebAssembly and the worklet have the same order of them.
func asBytes(pcm []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&pcm[0])), 4*len(pcm)) }
