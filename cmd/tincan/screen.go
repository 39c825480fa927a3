package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/guard"
	"github.com/tincan-voice/tincan/internal/screen"
	"github.com/tincan-voice/tincan/invite"
	"github.com/tincan-voice/tincan/record"
)

// tty is a terminal, both ways.
type tty struct{ in, out *os.File }

// terminal is that of a call on a full screen, if the command line does not ask for lines.
func (c *JoinCmd) terminal(in io.Reader, out io.Writer) (tty, bool) {
	i, isFile := in.(*os.File)
	o, outIsFile := out.(*os.File)
	switch {
	case !isFile || !outIsFile || c.JSON || c.Plain || c.For > 0 || isStdin(c.In, in) || os.Getenv("TERM") == "dumb":
		return tty{}, false
	}
	return tty{i, o}, term.IsTerminal(int(i.Fd())) && term.IsTerminal(int(o.Fd())) && inForeground(i)
}

// stage is a screen and its calls, one after the other.
type stage struct {
	keeper *device.Keeper

	mu   sync.Mutex // guards what follows: the screen joins and chooses devices in goroutines of its own
	join *JoinCmd
	last *shown // the call under way, or the last one

	recordings []*record.Recorder
}

// current is the call under way, or the last one; nil: there was none.
func (s *stage) current() *shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// shown is a call on the screen.
type shown struct {
	*engine.Call
	sound  *sound
	tell   *teller // for the summary; nobody reads its lines
	wrong  faults
	speaks atomic.Bool

	leaving sync.Once
	stats   engine.Stats // at the end
	stuck   bool         // the sound system does not let go
}

// onScreen shows the full screen; with a relay and a name it joins at once.
func (c *JoinCmd) onScreen(ctx context.Context, tty tty, phrase string) error {
	release, err := guard.Terminal(tty.out)
	if err != nil {
		return err
	}
	s := &stage{keeper: device.NewKeeper(), join: c}
	defer s.keeper.Close()
	recent := loadRecent()
	form := screen.Form{Relay: c.Relay, Name: c.Name, Room: c.Room, Passphrase: phrase}
	begin := form.Relay != "" && form.Name != ""
	if form.Name == "" && len(recent) > 0 {
		form.Name = recent[0].Name
	}
	err = screen.Run(ctx, screen.Config{
		Form: form, Recent: recent, Begin: begin, Muted: c.Muted, ASCII: asciiLocale(), Version: version,
		Join: s.enter, Heard: s.heard, Remember: saveRecent, Command: s.command, Devices: s.list, Use: s.use, Record: s.record, RecordAtOnce: c.Record != "",
	}, tty.in, tty.out)
	broken := errors.Is(err, screen.ErrBroken)
	release(broken)
	if last := s.current(); last != nil {
		last.summary(tty.out)
		s.mu.Lock()
		recordings := s.recordings
		s.mu.Unlock()
		for _, r := range recordings {
			err = cmp.Or(err, r.Stop())
			fmt.Fprintln(tty.out, "recorded into", r.Dir())
		}
		err = cmp.Or(err, last.err())
	}
	if !begin && !broken {
		return nil // it was said on the screen, and is no failure of what the command line asked for
	}
	return err
}

// enter joins a room for the screen.
func (s *stage) enter(ctx context.Context, form screen.Form) (screen.Joined, error) {
	s.mu.Lock()
	c := *s.join
	s.join.notice = "" // it is about this room
	s.mu.Unlock()
	if c.Relay != "" && form.Relay != c.Relay {
		c.Fingerprint = "" // which is that one's
	}
	c.Fingerprint = cmp.Or(form.Fingerprint, c.Fingerprint)
	c.Relay, c.Name, c.Room, c.secret = form.Relay, form.Name, form.Room, ""
	if invite.Is(c.Relay) {
		c.Room = "" // of the call before: the link says which
	}
	switch err := c.accept(); {
	case err != nil:
		return screen.Joined{}, err
	case c.secret != "" && form.Passphrase != "":
		return screen.Joined{}, errors.New("the link has the room's passphrase: leave that field empty")
	}
	form.Relay, form.Room, form.Fingerprint, form.Passphrase = c.Relay, c.Room, c.Fingerprint, cmp.Or(c.secret, form.Passphrase)
	cfg := c.config()
	cfg.Passphrase = form.Passphrase
	if err := c.identify(&cfg); err != nil {
		return screen.Joined{}, err
	}
	warning := c.notice
	if c.Identity && cfg.Passphrase == "" {
		warning = notIdentified
	}
	nothing := func(time.Time) {}
	devices, err := c.devices(s.keeper)
	if err != nil {
		return screen.Joined{}, err
	}
	sound := &sound{devices: devices, warn: func(text string) { warning = text }, capturing: nothing, playing: nothing}
	c.open(&cfg, sound)
	call, err := engine.Join(ctx, cfg)
	if err != nil {
		return screen.Joined{}, err
	}
	now := &shown{Call: call, sound: sound, tell: newTeller(io.Discard, false)}
	now.tell.we(c.Name, call.Session())
	s.mu.Lock()
	before := s.last
	s.last = now
	s.mu.Unlock()
	if before != nil {
		before.tell.close(0)
	}
	return screen.Joined{Call: now, Form: form, Warning: warning}, nil
}

func (s *stage) heard(e engine.Event) {
	call := s.current()
	call.wrong.note(e)
	call.sound.devices.chimes.heard(e, time.Now())
	call.tell.event(e)
}

// list tells which sound devices there are.
func (s *stage) list() (screen.Devices, error) { return s.current().sound.devices.list() }

// use chooses others, for this call and those after it.
func (s *stage) use(in, out string) error {
	call := s.current()
	devices := call.sound.devices
	wasIn, _ := devices.names()
	err := devices.use(call.Call, in, out)
	if nowIn, _ := devices.names(); nowIn != wasIn {
		call.speaks.Store(true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.join.In, s.join.Out = devices.names()
	return err
}

// record begins to record a call.
func (s *stage) record(call screen.Call) (screen.Recording, error) {
	r, err := record.Start(call.(*shown).Call, cmp.Or(s.join.Record, recordFolder))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.recordings = append(s.recordings, r)
	s.mu.Unlock()
	return r, nil
}

// command carries out what was typed behind a colon.
func (s *stage) command(call screen.Call, text string) (said string, err error) {
	said, known, err := obey(call.(*shown).Call, text)
	if err == nil && !known {
		return "", errors.New("nothing is called " + text +
			": there are code NAME and accept NAME, and kick NAME, ban NAME 1h and mute NAME 10m, for who has a token with that right")
	}
	return said, err
}

// Stats returns the figures of now, which the verdict takes as well.
func (s *shown) Stats() engine.Stats {
	stats := s.Call.Stats()
	s.tell.judge.look(&stats)
	return stats
}

// Verdict says who lost what, when and where.
func (s *shown) Verdict() []string { return s.tell.judge.lines(s.tell.names.shown) }

// Speaks tells whether there is an input.
func (s *shown) Speaks() bool { return s.sound.source != nil || s.speaks.Load() }

// Leave leaves the call, and waits for the sound system for a while.
func (s *shown) Leave() {
	s.leaving.Do(func() {
		s.stats = s.Stats()
		ending, cancel := context.WithTimeout(context.Background(), leaveTime)
		defer cancel()
		s.stuck = !within(ending, s.Call.Leave)
	})
}

// summary tells the call when it has been left.
func (s *shown) summary(out io.Writer) {
	s.tell.close(flushTime)
	tell := newTeller(out, false)
	tell.names, tell.gone, tell.judge = s.tell.names, s.tell.gone, s.tell.judge
	tell.summary(s.stats)
	tell.verdict()
	tell.close(flushTime)
}

// err is what was asked for and did not happen.
func (s *shown) err() error {
	if err := s.wrong.err(s.stats, s.sound.silent()); err != nil || !s.stuck {
		return err
	}
	return errStuck
}

// errStuck: the process ends with a device open.
var errStuck = errors.New("the sound system does not let go: the call ends without it")

// asciiLocale tells whether the locale says that the terminal shows nothing but ASCII (POSIX.1-2017, 8.2). Where there
// is none it is taken to be one of today.
func asciiLocale() bool {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}
