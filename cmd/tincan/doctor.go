package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/internal/screen"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/netproto"
)

// DoctorCmd tries what a call needs, and says what to do about what does not work.
type DoctorCmd struct {
	Relay string `arg:"" optional:"" help:"Relay to try: HOST or HOST:PORT. Default: the one that was joined last."`

	In          string        `placeholder:"DEVICE|none" help:"Microphone to try. Default: the default microphone."`
	Out         string        `placeholder:"DEVICE|none" help:"Loudspeaker to try; it plays silence. Default: the default loudspeaker."`
	For         time.Duration `default:"8s" help:"How long voice goes to the relay and back."`
	KnownRelays string        `placeholder:"FILE" help:"Where the relays' certificates are remembered. Default: in your configuration folder."`
	Fingerprint string        `placeholder:"SHA256:..." help:"Try only a relay with this fingerprint."`
}

// findings are what a doctor says, a line each.
type findings struct {
	out io.Writer
	bad int
}

func (f *findings) good(format string, args ...any) {
	fmt.Fprintf(f.out, "ok    "+format+"\n", args...)
}

func (f *findings) wrong(format string, args ...any) {
	f.bad++
	fmt.Fprintf(f.out, "WRONG "+format+"\n", args...)
}

// Run tries the sound, then the relay.
func (c *DoctorCmd) Run(ctx context.Context, out io.Writer) error {
	if c.For < leastFor {
		return usage.Errorf("--for %v: write a time of %v at least, as in 8s", c.For, leastFor)
	}
	f := &findings{out: out}
	if c.Relay == "" {
		if recent := loadRecent(); len(recent) > 0 {
			c.Relay = recent[0].Relay
		}
	}
	library(f)
	c.microphone(ctx, f)
	c.loudspeaker(ctx, f)
	if c.Relay == "" {
		fmt.Fprintln(out, "no relay was tried: name one, tincan doctor RELAY")
	} else if err := c.relay(ctx, f); err != nil {
		return err
	}
	switch f.bad {
	case 0:
		return nil
	case 1:
		return errors.New("one thing is wrong")
	}
	return fmt.Errorf("%d things are wrong", f.bad)
}

// leastFor is how long voice must go for a judgement: first the way by UDP is tried, and the two get to know each
// other.
const leastFor = 3 * time.Second

// skips says that what is chosen is no device to try, unless it is nothing.
func (f *findings) skips(what, chosen string) bool {
	if isDevice(chosen) {
		return false
	}
	if chosen != "none" {
		fmt.Fprintf(f.out, "...   %s: not tried, as %s is no device\n", what, chosen)
	}
	return true
}

// library says what codes and decodes here: losses sound worse with an old one, and that is no fault.
func library(f *findings) {
	if _, err := opus.NewDecoder(); err != nil {
		f.wrong("codec: %v", err)
		return
	}
	text := opus.Library().String()
	if !opus.Library().DeepPLC {
		text += "; libopus 1.5 or later has it, and losses sound better with it"
	}
	f.good("codec: %s", text)
}

// deviceTime is how long a device may take to open and to pass a second of sound.
const deviceTime = 10 * time.Second

func (c *DoctorCmd) microphone(ctx context.Context, f *findings) {
	if f.skips("microphone", c.In) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deviceTime)
	defer cancel()
	got, ok := await(ctx, func() tried { return listen(c.In) }, func(tried) {})
	switch {
	case !ok:
		f.wrong("microphone: %v", errNoAnswer)
	case got.err != nil:
		f.wrong("microphone: %v", got.err)
	case got.loudest == codec.Silent:
		f.wrong("microphone: nothing comes from it, not even noise: switch it on, or choose another one (tincan devices; --in)")
	default:
		f.good("microphone: %d dB at the loudest in a second (speech: -40 to -15)", -int(got.loudest))
	}
}

// tried is what came of a second of sound of a device.
type tried struct {
	loudest uint8         // in -dBov, of a microphone
	took    time.Duration // a loudspeaker
	err     error
}

var errNoAnswer = errors.New("it does not answer: close what else uses it, or restart the sound system")

func listen(name string) tried {
	mic, err := device.OpenSource(name)
	if err != nil {
		return tried{err: err}
	}
	defer mic.Close()
	loudest := uint8(codec.Silent)
	pcm := make([]float32, codec.FrameSize)
	for range time.Second / netproto.FrameDuration {
		if _, err := mic.Read(pcm); err != nil {
			return tried{err: err}
		}
		loudest = min(loudest, codec.Level(pcm))
	}
	return tried{loudest: loudest}
}

func (c *DoctorCmd) loudspeaker(ctx context.Context, f *findings) {
	if f.skips("loudspeaker", c.Out) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deviceTime)
	defer cancel()
	got, ok := await(ctx, func() tried { return play(c.Out) }, func(tried) {})
	switch {
	case !ok:
		f.wrong("loudspeaker: %v", errNoAnswer)
	case got.err != nil:
		f.wrong("loudspeaker: %v", got.err)
	case got.took > 2*time.Second:
		f.wrong("loudspeaker: a second of sound took it %.1f s: choose another one (tincan devices; --out), or close what keeps this machine busy", got.took.Seconds())
	default:
		f.good("loudspeaker: takes sound")
	}
}

// play plays silence.
func play(name string) tried {
	speaker, err := device.OpenSink(name)
	if err != nil {
		return tried{err: err}
	}
	defer speaker.Close()
	pcm := make([]float32, codec.FrameSize)
	start := time.Now()
	for range time.Second / netproto.FrameDuration {
		if err := speaker.Write(pcm); err != nil {
			return tried{err: err}
		}
	}
	return tried{took: time.Since(start)}
}

// relay tries the way to the relay and back: two of us in a room of their own, of whom one talks.
func (c *DoctorCmd) relay(ctx context.Context, f *findings) error {
	where, err := address.Parse(c.Relay)
	if err != nil {
		return usage.Error{Err: err}
	}
	began := time.Now()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(where.Host, fmt.Sprint(where.Port)))
	if err == nil {
		f.good("relay: TCP of %s answers after %d ms", conn.RemoteAddr(), time.Since(began).Milliseconds())
		conn.Close()
	} // else joining says it better
	cfg := engine.Config{
		Address: c.Relay, Name: "doctor", Room: "doctor " + rand.Text()[:8], Token: os.Getenv(tokenVar),
		KnownRelays: c.KnownRelays, Fingerprint: c.Fingerprint,
	}
	hears, err := engine.Join(ctx, cfg)
	if err != nil {
		f.wrong("relay: %v", err)
		return ctx.Err()
	}
	defer hears.Leave()
	cfg.Source = audio.PacedSource(&speech{synth.Speech(int(c.For.Seconds()*audio.SampleRate), 1)})
	talks, err := engine.Join(ctx, cfg)
	if err != nil {
		f.wrong("relay: a second time: %v", err)
		return ctx.Err()
	}
	defer talks.Leave()
	fmt.Fprintf(f.out, "...   talking to ourselves for %v\n", c.For)
	select {
	case <-time.After(c.For):
	case <-ctx.Done():
		return ctx.Err()
	}
	judge(f, talks.Stats(), hears.Stats())
	return nil
}

// judge says how the call went, by what both ends know.
func judge(f *findings, talks, hears engine.Stats) {
	link := &talks.Link
	f.good("certificate: %s: %s", hears.Link.Fingerprint, screen.Trusts[hears.Link.Trust]) // who joined first has met it
	switch {
	case link.Path == engine.PathTunnel:
		f.wrong("UDP: it does not come through, so voice goes by a tunnel in TCP, and stands still where packets are lost: "+
			"open UDP port %d in your network, or ask the relay's operator", link.Relay.Port())
	case link.Alive:
		f.good("UDP: round trip %d ms, %d at the least, %.0f %% of the probes lost", link.RTT.Milliseconds(), link.LeastRTT.Milliseconds(), 100*link.ProbeLoss)
	default:
		f.wrong("UDP: no answer, and no tunnel in its place yet: try longer (--for 15s), or open UDP port %d in your network", link.Relay.Port())
	}
	if len(hears.Peers) == 0 {
		f.wrong("voice: nothing came back, as the one who listens does not see the one who talks: try longer (--for 15s)")
	}
	for _, s := range []engine.Stats{talks, hears} {
		for _, fault := range s.Faults {
			if fault.On && fault.Kind != engine.FaultAlone && fault.Kind != engine.FaultNobodyListens {
				f.wrong("%s", fault.Text)
			}
		}
	}
	for _, p := range hears.Peers {
		if p.Frames == 0 {
			f.wrong("voice: nothing of what was sent came back: is the relay of the same version as this program?")
			continue
		}
		text := fmt.Sprintf("voice there and back: %s; lost on the way up %.1f %%, down %.1f %%, jitter %d ms, %d ms from mouth to ear without sound cards",
			screen.Verdict(&p), 100*p.Ways.Up(), 100*p.Ways.Down(), p.Jitter.Milliseconds(), p.MouthToEar.Milliseconds())
		if strings.Contains(text, ": good;") {
			f.good("%s", text)
		} else {
			f.wrong("%s: a cable instead of Wi-Fi, or another network, may do better", text)
		}
	}
}

// speech is a Source of what is there.
type speech struct{ left []float32 }

// Read implements audio.Reader.
func (s *speech) Read(pcm []float32) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(pcm, s.left)
	clear(pcm[n:])
	s.left = s.left[n:]
	return n, nil
}

// Close implements audio.Reader.
func (s *speech) Close() error { return nil }
