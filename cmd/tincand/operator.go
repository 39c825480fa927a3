package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/tincan-voice/tincan/relay"
)

// operator is what whoever runs the relay can ask of it, by its standard input, by tincand ctl and by signals.
type operator struct {
	server *relay.Server
	log    *slog.Logger
	level  *slog.LevelVar
	flags  flags                      // that it was started with
	again  func() (flags, error)      // reads them anew
	env    string                     // PORT of the environment
	next   atomic.Pointer[relay.Next] // where DRAIN and SIGTERM send clients that are not told otherwise
	mu     sync.Mutex                 // for what follows
	files  *os.File                   // folder of the open files, nil where there is none
}

// answer is what comes of a command.
type answer struct {
	text   []byte
	failed bool
	stop   bool // the relay is to end
}

// commands carries out commands until the input ends (false), ctx does (false), or one says STOP (true). Each answer is
// one Write.
func (o *operator) commands(ctx context.Context, lines <-chan string, out io.Writer) (stop bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case line, ok := <-lines:
			if !ok {
				return false
			}
			a := o.answer(line)
			if len(a.text) > 0 {
				_, _ = out.Write(a.text)
			}
			if a.stop {
				return true
			}
		}
	}
}

// answer carries out one command, a word and what belongs to it.
func (o *operator) answer(line string) (a answer) {
	var text bytes.Buffer
	command, args, _ := strings.Cut(line, " ")
	args = strings.TrimSpace(args)
	err := error(nil)
	switch command = strings.ToUpper(command); command {
	case "":
	case "STOP":
		a.stop = true
		fmt.Fprintln(&text, "stopping")
	case "DRAIN":
		if err = drain(o.server, *o.next.Load(), args); err == nil {
			fmt.Fprintln(&text, "draining")
		}
	case "LIST":
		list(o.server.Clients(), time.Now(), &text)
	case "WHO":
		err = who(o.server.Clients(), args, &text)
	case "ROOMS":
		rooms(o.server.Clients(), &text)
	case "STATS":
		o.mu.Lock()
		stats(o.server.Stats(), len(o.server.Clients()), o.files, &text)
		o.mu.Unlock()
	case "BANS":
		sanctions(o.server.Sanctions(), time.Now(), &text)
	case "RELOAD":
		if err = o.reload(); err == nil {
			fmt.Fprintln(&text, "done")
		}
	case "PROFILE":
		err = errProfile // converse takes one
	default:
		known := false
		if known, err = moderate(o.server, command, args); known {
			if err == nil {
				fmt.Fprintln(&text, "done")
			}
			break
		}
		err = fmt.Errorf("unknown command %q: LIST shows who is here, ROOMS the rooms, WHO ROOM|NAME|SESSION some of LIST, STATS what went through, "+
			"KICK SESSION [REASON] sends away, BAN and MUTE SESSION|ADDRESS|NETWORK|token:ID [DURATION] [REASON] keep out or quiet, "+
			"UNBAN and UNMUTE lift that, BANS lists them, RELOAD reads settings, certificate and tokens again, "+
			"PROFILE [SECONDS] takes a profile of the processor's time, for tincand ctl, "+
			"DRAIN [SECONDS] [ADDRESS FINGERPRINT] sends clients elsewhere, STOP ends the relay", command)
	}
	if err != nil {
		a.failed = true
		fmt.Fprintln(&text, err)
	}
	a.text = text.Bytes()
	return a
}

// hangUps reads what can be read again at each hang-up, until ctx ends.
func (o *operator) hangUps(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			_ = o.reload() // the log says how that went
		}
	}
}

// reload reads settings, certificate and tokens again. If anything is no good all stays as it was.
func (o *operator) reload() error {
	f, err := o.again()
	var next relay.Next
	if err == nil {
		_, next, err = f.config(o.env)
	}
	if err == nil {
		err = o.server.Reload()
	}
	if err != nil {
		o.log.Error("nothing is reloaded: the old settings, certificate and tokens stay", "error", err, "fingerprint", o.server.Fingerprint())
		return fmt.Errorf("nothing is reloaded: %w", err)
	}
	o.next.Store(&next)
	o.level.Set(f.LogLevel)
	o.log.Info("settings, certificate and tokens are reloaded", "fingerprint", o.server.Fingerprint())
	if f.Next, f.LogLevel = o.flags.Next, o.flags.LogLevel; f != o.flags {
		o.log.Warn("other settings have changed: they hold for a relay that is started anew, or takes this one's place with --replace")
	}
	return nil
}

// drain reads what DRAIN has been told, and begins it.
func drain(s *relay.Server, next relay.Next, args string) error {
	first, rest, _ := strings.Cut(strings.TrimSpace(args), " ")
	seconds, err := strconv.ParseUint(first, 10, 16)
	if err != nil { // no number: the address, or nothing
		rest = args
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		if next, err = relay.ParseNext(rest); err != nil {
			return fmt.Errorf("%w; nothing is drained", err)
		}
	}
	s.Drain(time.Duration(seconds)*time.Second, next)
	return nil
}

// list prints a table of the clients.
func list(clients []relay.Client, now time.Time, out io.Writer) {
	if len(clients) == 0 {
		fmt.Fprintln(out, "nobody is here")
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSESSION\tROOM\tCONTROL\tVOICE\tSINCE\tDATAGRAMS")
	for _, c := range clients {
		control := c.Control.String()
		if c.TLS {
			control += " (TLS)"
		}
		if c.Held {
			control += " (lost)"
		}
		if c.Token != "" {
			control += " token:" + c.Token
		}
		voice := "-"
		switch {
		case c.Voice == 0:
			voice = "no VOICE"
		case c.Address.IsValid() && c.Listening:
			voice = c.Address.String()
		case c.Address.IsValid():
			voice = c.Address.String() + " (silent)"
		}
		if c.Muted {
			voice += " (muted)"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s (%s)\t%d\n", c.Name, c.Session, c.Room, control, voice,
			c.Since.Format("15:04:05"), now.Sub(c.Since).Round(time.Second), c.Datagrams)
	}
	_ = w.Flush()
}

// who is list of those who are in a room of that name, have that name, or that session.
func who(clients []relay.Client, whom string, out io.Writer) error {
	clients = slices.DeleteFunc(clients, func(c relay.Client) bool {
		return c.Room != whom && c.Name != whom && strconv.FormatUint(uint64(c.Session), 10) != whom
	})
	if len(clients) == 0 {
		return fmt.Errorf("no room, name or session is %q: LIST shows all", whom)
	}
	list(clients, time.Now(), out)
	return nil
}

// rooms prints a table of the rooms, the largest first.
func rooms(clients []relay.Client, out io.Writer) {
	members := map[string]int{}
	for _, c := range clients {
		members[c.Room]++
	}
	if len(members) == 0 {
		fmt.Fprintln(out, "nobody is here")
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MEMBERS\tROOM")
	names := slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		return cmp.Or(cmp.Compare(members[b], members[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "%d\t%s\n", members[name], cmp.Or(name, "(the default one)"))
	}
	_ = w.Flush()
}
