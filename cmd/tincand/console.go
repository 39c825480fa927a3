package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tincan-voice/tincan/relay"
)

// commands carries out commands until the input ends (false), ctx does (false), or one
// says STOP (true). Each answer is one Write. DRAIN sends clients to next where it does not say where. files is the
// folder of the open files, nil where there is none.
func commands(ctx context.Context, s *relay.Server, next relay.Next, lines <-chan string, out io.Writer, files *os.File) (stop bool) {
	for {
		var command, args string
		select {
		case <-ctx.Done():
			return false
		case line, ok := <-lines:
			if !ok {
				return false
			}
			command, args, _ = strings.Cut(line, " ")
		}
		var answer bytes.Buffer
		switch strings.ToUpper(command) {
		case "":
		case "STOP":
			stop = true
			fmt.Fprintln(&answer, "stopping")
		case "DRAIN":
			if err := drain(s, next, args); err != nil {
				fmt.Fprintln(&answer, err)
				break
			}
			fmt.Fprintln(&answer, "draining")
		case "LIST":
			list(s.Clients(), time.Now(), &answer)
		case "STATS":
			stats(s.Stats(), len(s.Clients()), files, &answer)
		case "BANS":
			sanctions(s.Sanctions(), time.Now(), &answer)
		default:
			if known, err := moderate(s, strings.ToUpper(command), args); known {
				fmt.Fprintln(&answer, cmp.Or(errorText(err), "done"))
				break
			}
			fmt.Fprintf(&answer, "unknown command %q: LIST shows who is here, STATS what went through, "+
				"KICK SESSION [REASON] sends away, BAN and MUTE SESSION|ADDRESS|NETWORK|token:ID [DURATION] [REASON] keep out or quiet, "+
				"UNBAN and UNMUTE lift that, BANS lists them, "+
				"DRAIN [SECONDS] [ADDRESS FINGERPRINT] sends clients elsewhere, STOP ends the relay\n", command)
		}
		if answer.Len() > 0 {
			_, _ = out.Write(answer.Bytes())
		}
		if stop {
			return true
		}
	}
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
