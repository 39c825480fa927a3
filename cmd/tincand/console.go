package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tincan-voice/tincan/relay"
)

// console carries out commands, one per line, until the input ends (false) or
// says STOP (true).
func console(s *relay.Server, in io.Reader, out io.Writer) (stop bool) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch command := strings.TrimSpace(lines.Text()); strings.ToUpper(command) {
		case "":
		case "STOP":
			fmt.Fprintln(out, "stopping")
			return true
		case "LIST":
			list(s.Clients(), time.Now(), out)
		case "STATS":
			stats(s.Stats(), len(s.Clients()), out)
		default:
			fmt.Fprintf(out, "unknown command %q: LIST shows who is here, STATS what went through, STOP ends the relay\n", command)
		}
	}
	return false
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
		voice := "-"
		switch {
		case c.Voice == 0:
			voice = "no VOICE"
		case c.Address.IsValid() && c.Listening:
			voice = c.Address.String()
		case c.Address.IsValid():
			voice = c.Address.String() + " (silent)"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s (%s)\t%d\n", c.Name, c.Session, c.Room, control, voice,
			c.Since.Format("15:04:05"), now.Sub(c.Since).Round(time.Second), c.Datagrams)
	}
	_ = w.Flush()
}
