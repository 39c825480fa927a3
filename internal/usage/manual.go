package usage

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Extras are options that every program has: they print, from the definitions of its command line, what it is
// described by elsewhere.
type Extras struct {
	Man        manFlag        `help:"Print the manual page, for man -l - to show."`
	Completion completionFlag `placeholder:"bash|zsh|fish" help:"Print what completes this command line in a shell."`
}

// manFlag prints the manual page and ends the program.
type manFlag bool

// BeforeReset is called by kong.
func (manFlag) BeforeReset(app *kong.Kong) error {
	_, err := io.WriteString(app.Stdout, manual(app.Model))
	app.Exit(0)
	return err
}

// roff is text as it stands in a manual page (man(7)): nothing of it is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// manual is the page of a program: its commands, and the options of each.
func manual(app *kong.Application) string {
	var b strings.Builder
	first, more, _ := strings.Cut(app.Help, ". ")
	fmt.Fprintf(&b, ".TH %s 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", strings.ToUpper(roff(app.Name)), roff(app.Name), roff(first))
	leaves := app.Leaves(true)
	if len(leaves) == 0 {
		leaves = []*kong.Node{app.Node}
	}
	for i, node := range leaves {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n", roff(app.Name+" "+strings.TrimPrefix(node.Summary(), app.Name+" ")))
	}
	if more != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(more))
	}
	b.WriteString(".SH OPTIONS\n")
	options(&b, app.Flags)
	if len(leaves) > 1 {
		b.WriteString(".SH COMMANDS\n")
		for _, node := range leaves {
			fmt.Fprintf(&b, ".SS %s\n%s\n", roff(node.Summary()), roff(node.Help))
			arguments(&b, node)
			options(&b, node.Flags)
		}
	} else {
		arguments(&b, app.Node)
	}
	b.WriteString(".SH EXIT STATUS\n0: done; 1: failed; 2: a command line that makes no sense.\n")
	return b.String()
}

func arguments(b *strings.Builder, node *kong.Node) {
	for _, p := range node.Positional {
		fmt.Fprintf(b, ".TP\n.I %s\n%s\n", roff(p.Name), roff(p.Help))
	}
}

func options(b *strings.Builder, flags []*kong.Flag) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if !f.IsBool() {
			name += "=" + f.FormatPlaceHolder()
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(f.Help))
	}
}
