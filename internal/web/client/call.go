//go:build js && wasm

package main

import (
	"context"
	"encoding/json"
	"math"
	"runtime/debug"
	"syscall/js"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/verdict"
)

const (
	// stateEvery is how often the page is told how things are.
	stateEvery = 100 * time.Millisecond
	// lookEvery is how often the verdict takes the figures of the call.
	lookEvery = time.Second
	// collectAt is how much the heap grows until garbage is collected, in percent: there is one thread, and sound waits
	// while it collects.
	collectAt = 400
)

// command is what the page wants.
type command struct {
	Do         string  `json:"do"` // join, leave, mute, deafen, volume, microphone, latency
	Address    string  `json:"address"`
	Name       string  `json:"name"`
	Room       string  `json:"room"`
	Passphrase string  `json:"passphrase"`
	Token      string  `json:"token"`
	On         bool    `json:"on"`
	Session    uint32  `json:"session"`
	Volume     float32 `json:"volume"`
	Seconds    float64 `json:"seconds"`
	In         float64 `json:"in"`
}

// client is the call of a page, if it is in one. All but the sound is owned by run.
type client struct {
	commands chan command
	host     js.Value
	sound    sound
	call     *engine.Call
	judge    verdict.Judge
	looked   time.Duration
	began    time.Time
	lines    []string
}

// run does what the page wants, until the page ends.
func (c *client) run(host js.Value) {
	debug.SetGCPercent(collectAt)
	c.host = host
	c.sound.init(host)
	tick := time.NewTicker(stateEvery)
	for {
		var events <-chan engine.Event
		if c.call != nil {
			events = c.call.Events()
		}
		select {
		case cmd := <-c.commands:
			c.do(cmd)
		case e, ok := <-events:
			if ok {
				c.tell(e)
			}
		case <-tick.C:
			if c.call != nil {
				c.tellState()
			}
		}
	}
}

func (c *client) do(cmd command) {
	if cmd.Do == "join" && c.call == nil {
		c.join(cmd)
		return
	}
	if cmd.Do == "latency" {
		c.sound.latency(cmd.Seconds, cmd.In)
		return
	}
	if c.call == nil {
		return
	}
	switch cmd.Do {
	case "leave":
		call := c.call
		go call.Leave()
	case "mute":
		c.call.Mute(cmd.On)
	case "deafen":
		c.call.Deafen(cmd.On)
	case "volume":
		c.call.SetVolume(cmd.Session, min(cmd.Volume, engine.MaxVolume))
	case "microphone":
		if cmd.On {
			c.call.SetSource(c.sound.microphone())
		} else {
			c.call.SetSource(nil)
		}
	}
}

// join enters a room. The engine has its own limit of time for it.
func (c *client) join(cmd command) {
	cfg := engine.Config{
		Address: cmd.Address, Name: cmd.Name, Room: cmd.Room, Passphrase: cmd.Passphrase, Token: cmd.Token,
		Network: network(c.host),
		Sink:    c.sound.speaker(),
		Level:   true,
	}
	if cmd.On {
		cfg.Source = c.sound.microphone()
	}
	call, err := engine.Join(context.Background(), cfg)
	if err != nil {
		c.post(message{Is: "ended", Text: err.Error()})
		return
	}
	c.call, c.judge, c.looked, c.began, c.lines = call, verdict.Judge{}, 0, time.Now(), nil
	c.post(message{Is: "joined"})
	c.tellState()
}

// message is what the page is told.
type message struct {
	Is    string `json:"is"` // joined, said, warned, elsewhere (Text is a relay), state, ended
	Text  string `json:"text,omitempty"`
	State *state `json:"state,omitempty"`
}

// state is how things are.
type state struct {
	Session      uint32   `json:"session"`
	Sealed       bool     `json:"sealed"`
	Muted        bool     `json:"muted"`
	Deaf         bool     `json:"deaf"`
	Level        uint8    `json:"level"`
	Path         string   `json:"path"`
	Alive        bool     `json:"alive"`
	RTT          float64  `json:"rtt"` // ms
	Up           float64  `json:"up"`  // kbit/s
	Down         float64  `json:"down"`
	SentBytes    uint64   `json:"sentBytes"`
	GotBytes     uint64   `json:"gotBytes"`
	Reconnecting string   `json:"reconnecting,omitempty"`
	Faults       []string `json:"faults"`
	Verdict      []string `json:"verdict"`
	Starved      int      `json:"starved"`
	Pauses       int      `json:"pauses"`
	Peers        []peer   `json:"peers"`
}

// peer is somebody else in the room.
type peer struct {
	Session   uint32  `json:"session"`
	Name      string  `json:"name"`
	Talking   bool    `json:"talking"`
	Level     uint8   `json:"level"`
	Volume    float32 `json:"volume"`
	Foreign   bool    `json:"foreign"`
	Recording bool    `json:"recording"`
	Delay     float64 `json:"delay"` // from mouth to ear, ms
	Frames    uint64  `json:"frames"`
	Concealed uint64  `json:"concealed"`
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*10000) / 10 }

// tellState tells the page how things are.
func (c *client) tellState() {
	s := c.call.Stats()
	if s.Time-c.looked >= lookEvery {
		c.looked = s.Time
		c.judge.Look(s.Time, &s)
		c.lines = c.judge.Lines(
			func(at time.Duration) time.Time { return c.began.Add(at) },
			func(_ uint32, name string) string { return name })
	}
	now := &state{
		Session: c.call.Session(), Sealed: s.Sealed, Muted: s.Muted, Deaf: s.Deaf, Level: s.Level,
		Path: s.Link.Path.String(), Alive: s.Link.Alive, RTT: milliseconds(s.Link.RTT),
		Up: float64(s.Link.UpKbps), Down: float64(s.Link.DownKbps), SentBytes: s.Link.SentBytes, GotBytes: s.Link.ReceivedBytes,
		Reconnecting: s.Reconnecting, Faults: []string{}, Verdict: c.lines,
		Starved: c.sound.starvedTimes(), Pauses: s.Machine.Count, Peers: make([]peer, 0, len(s.Peers)),
	}
	for i := range s.Faults {
		if s.Faults[i].On {
			now.Faults = append(now.Faults, s.Faults[i].Text)
		}
	}
	for i := range s.Peers {
		p := &s.Peers[i]
		now.Peers = append(now.Peers, peer{
			p.Session, p.Name, p.Talking, p.Level, p.Volume, p.Foreign, p.Recording, milliseconds(p.MouthToEar), p.Frames, p.Concealed,
		})
	}
	c.post(message{Is: "state", State: now})
}

// post sends something to the page.
func (c *client) post(m message) {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // only what is no number fails, and there is none
	}
	c.host.Call("post", string(text))
}
