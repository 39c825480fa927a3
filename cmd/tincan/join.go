package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/clean"
	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/usage"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// JoinCmd joins a room.
type JoinCmd struct {
	Relay string `arg:"" optional:"" help:"Relay to join: HOST or HOST:PORT (port 9999 if none is given), or an invitation: 'tincan://...'."`

	Name string `short:"n" help:"Your name, 1 to 19 characters."`
	Room string `short:"r" help:"Room to join; the relay's default room if none is given."`

	CallOptions

	Also           string `placeholder:"INTERFACE|ADDRESS" help:"Send and take everything by this second network interface as well, or from this address of it, as far as it is there."`
	Passphrase     bool   `help:"Ask for the room's passphrase. Without one the relay can listen."`
	PassphraseFile string `placeholder:"FILE" help:"The same, from a file. Or set TINCAN_PASSPHRASE."`
	Fingerprint    string `placeholder:"SHA256:...|verified" help:"Join only a relay with this fingerprint, as it prints it, or only one with a certificate that is verified by its name. Default: one that is known, or verified by its name, or met for the first time."`
	KnownRelays    string `placeholder:"FILE" help:"Where the relays' certificates are remembered. Default: in your configuration folder."`

	secret string // the passphrase of an invitation
	notice string // to be said once we are in
}

// tokenVar is the environment variable of the token that the relay's operator has given out.
const tokenVar = "TINCAN_TOKEN"

// statsEvery is how often the lines of statistics come.
const statsEvery = 5 * time.Second

const (
	// leaveTime is how long the sound system may take to let go.
	leaveTime = 3 * time.Second
	// flushTime is how long the last lines may take to get out.
	flushTime = 500 * time.Millisecond
)

// check tells what makes no sense in the command line as such. It is not kong's Validate, which comes before what
// is missing is told. The full screen asks for what is missing.
func (c *JoinCmd) check(onScreen bool) error {
	if err := c.accept(); err != nil {
		return err
	}
	if err := c.checkPassphrase(); err != nil {
		return err
	}
	missing := c.Relay == "" || c.Name == ""
	cfg := c.config()
	_, partsErr := c.cleaning()
	if partsErr == nil {
		_, _, partsErr = c.comfort()
	}
	switch err := cfg.Validate(); {
	case missing && !onScreen:
		return errors.New("no relay or no name: tincan join RELAY --name NAME; tincan alone asks for them, on a terminal")
	case err != nil && !missing && !errors.Is(err, engine.ErrKnownRelays) && !errors.Is(err, engine.ErrAlso): // which are faults of the machine
		return err
	case partsErr != nil:
		return partsErr
	case c.For < 0:
		return errFor(c.For)
	case isFile(c.Out):
		return checkWAV(c.Out)
	}
	return nil
}

func errFor(d time.Duration) error {
	return fmt.Errorf("--for %v: write a time to stay, as in 30s, or leave it out to stay", d)
}

func (c *JoinCmd) config() engine.Config {
	cfg := engine.Config{
		Address:     c.Relay,
		Name:        c.Name,
		Room:        c.Room,
		Stride:      c.Stride,
		Copies:      c.Copies,
		KnownRelays: c.KnownRelays,
		Fingerprint: c.Fingerprint,
		UpCap:       wire.Kbps(c.Cap),
		DownCap:     wire.Kbps(c.Cap),
		Token:       os.Getenv(tokenVar),
		Also:        c.Also,
	}
	if wanted, err := c.cleaning(); err == nil { // check has told
		cfg.VoiceOnly = wanted.voice
	}
	cfg.Level, _, _ = c.comfort()
	cfg.Decoder.Complexity = c.DecoderComplexity
	cfg.Encoder.Bitrate, cfg.Encoder.FEC = int(c.Bitrate), c.FEC
	return cfg
}

// Run joins, tells what happens, and leaves.
func (c *JoinCmd) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	tty, onScreen := c.terminal(in, out)
	if err := c.check(onScreen); err != nil {
		return usage.Error{Err: err}
	}
	if err := c.checkSound(); err != nil {
		return err
	}
	phrase, err := c.passphrase(ctx, in)
	if err != nil {
		return err
	}
	if onScreen {
		return c.onScreen(ctx, tty, phrase)
	}
	tell := newTeller(out, c.JSON)
	defer tell.close(flushTime)
	keeper := device.NewKeeper()
	defer keeper.Close()
	devices, err := c.devices(keeper)
	if err != nil {
		return err
	}
	sound := &sound{devices: devices, warn: tell.warning, capturing: tell.capturing, playing: tell.playing}
	cfg := c.config()
	cfg.Passphrase = phrase
	if err := c.identify(&cfg); err != nil {
		return err
	}
	c.open(&cfg, sound)
	call, err := engine.Join(ctx, cfg)
	if err != nil {
		return err
	}
	tell.connected(call, c.Name, c.Room)
	tell.sealed(cfg.Passphrase != "")
	if c.Identity && cfg.Passphrase == "" {
		tell.warning(notIdentified)
	}
	if c.notice != "" {
		tell.warning(c.notice)
	}
	call.Mute(c.Muted)
	var commands <-chan string
	if !isStdin(c.In, in) {
		commands = console.Lines(in)
	}
	var wrong faults
	rec := &recorder{dir: c.Record, tell: tell}
	if c.Record != "" {
		rec.toggle(call)
	}
	err = c.stay(ctx, call, commands, rec, devices.chimes.heard, &wrong)
	rec.end()
	stats := call.Stats()
	tell.summary(stats)
	tell.verdict()
	ending, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	left := within(ending, call.Leave)
	wrong.recording = rec.err
	if err := cmp.Or(err, wrong.err(stats, sound.silent())); err != nil || left {
		return err
	}
	return errStuck
}

// devices are those of one call, with what is done to their sound.
func (c *JoinCmd) devices(keeper *device.Keeper) (*devices, error) {
	wanted, err := c.cleaning()
	if err != nil {
		return nil, err
	}
	mic, err := clean.New(wanted.Config)
	if err != nil {
		return nil, fmt.Errorf("--clean: %w; or leave echo and noise out", err)
	}
	d := &devices{keeper: keeper, mic: mic, files: wanted.files, in: c.In, out: c.Out}
	_, d.chimes.on, err = c.comfort()
	return d, err
}

// open has the sound opened when the relay has answered, and devices again when they are lost.
func (c *JoinCmd) open(cfg *engine.Config, sound *sound) {
	cfg.Open = func(ctx context.Context) (audio.Source, audio.Sink, error) {
		o, ok := await(ctx, func() opened { return openBoth(sound.devices.keeper, c.In, c.Out, c.Overwrite) }, opened.close)
		if !ok {
			return nil, nil, fmt.Errorf("the sound system does not answer: %w", ctx.Err())
		}
		return sound.take(o)
	}
	sound.devices.reopen(cfg)
}

// await does something that may hang in a sound system, and reports whether it was done before ctx ended. If not its
// goroutine is left behind, and what comes of it after all is dropped.
func await[T any](ctx context.Context, do func() T, drop func(T)) (T, bool) {
	done := make(chan T)
	go func() {
		v := do()
		select {
		case done <- v:
		case <-ctx.Done():
			drop(v)
		}
	}()
	select {
	case v := <-done:
		return v, true
	case <-ctx.Done():
		var none T
		return none, false
	}
}

// within is await for what gives nothing.
func within(ctx context.Context, do func()) bool {
	_, ok := await(ctx, func() struct{} { do(); return struct{}{} }, func(struct{}) {})
	return ok
}

// stay follows the call until the time is up, the user leaves, or the call ends by itself.
func (c *JoinCmd) stay(ctx context.Context, call *engine.Call, commands <-chan string, rec *recorder, heard func(engine.Event, time.Time), wrong *faults) error {
	tell := rec.tell
	var timeUp <-chan time.Time
	if c.For > 0 {
		timer := time.NewTimer(c.For)
		defer timer.Stop()
		timeUp = timer.C
	}
	ticker := time.NewTicker(statsEvery)
	defer ticker.Stop()
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	muted := c.Muted
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timeUp:
			return nil
		case <-ticker.C:
			s := call.Stats()
			tell.stats(s)
			rec.look(s)
		case <-looks.C:
			s := call.Stats()
			tell.judge.look(&s)
		case <-rec.ended():
			rec.end()
		case event, open := <-call.Events():
			if !open {
				if ctx.Err() != nil {
					return nil
				}
				return call.Err()
			}
			wrong.note(event)
			heard(event, time.Now())
			tell.event(event)
		case command, open := <-commands:
			switch {
			case !open: // standard input has ended: the call goes on
				commands = nil
			case strings.EqualFold(command, "m"):
				muted = !muted
				call.Mute(muted)
			case strings.EqualFold(command, "r"):
				rec.toggle(call)
			case command == "?":
				tell.verdict()
			case strings.EqualFold(command, "q"):
				return nil
			case command != "":
				switch said, known, err := obey(call, command); {
				case err != nil:
					tell.warning(err.Error())
				case !known:
					tell.warning("m + Enter mutes, r + Enter records, ? + Enter says who lost what, q + Enter leaves; code NAME, accept NAME: about keys; with a token that has the rights: kick, ban and mute NAME")
				case said != "":
					tell.say(jsonLine{Event: "code", Text: said}, said)
				}
			}
		}
	}
}
