package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

// JoinCmd joins a room.
type JoinCmd struct {
	Relay string `arg:"" help:"Relay to join: HOST or HOST:PORT (port 9999 if none is given)."`

	Name string `short:"n" required:"" help:"Your name, 1 to 19 characters."`
	Room string `short:"r" help:"Room to join; the relay's default room if none is given."`
	In   string `placeholder:"DEVICE|FILE|tone|none" help:"What you say: a capture device, a WAV or Ogg Opus file, - for standard input, tone or none. Default: the default microphone."`
	Out  string `placeholder:"DEVICE|FILE|none" help:"Where you hear: a playback device, a .wav file or none. Default: the default loudspeaker."`

	For         time.Duration `help:"Leave after this time, e.g. 30s. Default: stay."`
	Bitrate     bitrate       `default:"24" help:"Highest Opus bitrate in kbit/s, 6 to 64, headers not counted."`
	FEC         bool          `help:"Send with Opus's own error correction, whatever the network does; works above about 19 kbit/s."`
	Stride      int           `default:"0" help:"Send so many frames per datagram, whatever the network does: more saves headers and adds delay."`
	Copies      []int         `help:"Send again what was new so many datagrams ago, e.g. 1 or 1,4, whatever the network does."`
	Cap         int           `placeholder:"KBPS" help:"Most that may be sent over any second, up and down each, in kbit/s with headers. Default: no cap."`
	KnownRelays string        `placeholder:"FILE" help:"Where the relays' certificates are remembered. Default: in your configuration folder."`
	JSON        bool          `help:"Write a JSON object per line instead of text."`
}

// statsEvery is how often the lines of statistics come.
const statsEvery = 5 * time.Second

// Run joins, tells what happens, and leaves.
func (c *JoinCmd) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	cfg := engine.Config{
		Address:     c.Relay,
		Name:        c.Name,
		Room:        c.Room,
		Stride:      c.Stride,
		Copies:      c.Copies,
		KnownRelays: c.KnownRelays,
		UpCap:       c.Cap,
		DownCap:     c.Cap,
		Passphrase:  os.Getenv("TINCAN_PASSPHRASE"),
	}
	cfg.Encoder.Bitrate, cfg.Encoder.FEC = int(c.Bitrate), c.FEC
	if err := cfg.Validate(); err != nil { // before anything is opened
		return err
	}
	tell := newTeller(out, c.JSON)
	if isStdin(c.In) {
		in = strings.NewReader("")
	}

	source, warning, err := openSource(c.In)
	if err != nil {
		return err
	}
	sink, err := openSink(c.Out)
	if err != nil {
		return errors.Join(err, closeAll(source, nil))
	}
	if warning != "" {
		tell.warning(warning)
	}
	if source != nil {
		cfg.Source = &timedSource{Source: source, begin: begin{tell: tell.capturing}}
	}
	if sink != nil {
		cfg.Sink = &timedSink{Sink: sink, begin: begin{tell: tell.playing}}
	}
	call, err := engine.Join(ctx, cfg)
	if err != nil {
		return errors.Join(err, closeAll(source, sink))
	}
	tell.connected(call, c.Room)
	err = c.stay(ctx, call, readLines(in), tell)
	tell.summary(call.Stats())
	call.Leave()
	return err
}

// stay follows the call until the time is up, the user leaves, or the call ends by itself.
func (c *JoinCmd) stay(ctx context.Context, call *engine.Call, commands <-chan string, tell *teller) error {
	var timeUp <-chan time.Time
	if c.For > 0 {
		timer := time.NewTimer(c.For)
		defer timer.Stop()
		timeUp = timer.C
	}
	ticker := time.NewTicker(statsEvery)
	defer ticker.Stop()
	muted := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timeUp:
			return nil
		case <-ticker.C:
			tell.stats(call.Stats())
		case event, open := <-call.Events():
			if !open {
				return call.Err()
			}
			tell.event(event)
		case command, open := <-commands:
			switch {
			case !open: // standard input has ended: the call goes on
				commands = nil
			case command == "m":
				muted = !muted
				call.Mute(muted)
			case command == "q":
				return nil
			case command != "":
				tell.warning("m + Enter mutes, q + Enter leaves")
			}
		}
	}
}

// readLines gives the lines of in, lower case and trimmed, until it ends. Its goroutine ends
// with in, which for standard input is the end of the process.
func readLines(in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(in); scan.Scan(); {
			lines <- strings.ToLower(strings.TrimSpace(scan.Text()))
		}
	}()
	return lines
}
