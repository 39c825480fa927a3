package usage

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionFlag prints what completes command lines and ends the program.
type completionFlag string

// BeforeApply is called by kong.
func (completionFlag) BeforeApply(app *kong.Kong, ctx *kong.Context, path *kong.Path) error {
	shell := ctx.FlagValue(path.Flag).(completionFlag)
	text := ""
	switch shell {
	case "bash":
		text = bash(app.Model)
	case "zsh":
		text = fmt.Sprintf("#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n", app.Model.Name) + bash(app.Model)
	case "fish":
		text = fish(app.Model)
	default:
		return Errorf("--completion %s: there are bash, zsh and fish", shell)
	}
	_, err := io.WriteString(app.Stdout, text)
	app.Exit(0)
	return err
}

// nodes visits a command and those below it; path is how it is called, "" for the program.
func nodes(n *kong.Node, path string, visit func(n *kong.Node, path string)) {
	visit(n, path)
	for _, child := range n.Children {
		if !child.Hidden {
			nodes(child, strings.TrimSpace(path+" "+child.Name), visit)
		}
	}
}

// words are what may stand behind a command.
func words(n *kong.Node) (all []string) {
	for _, child := range n.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	for _, f := range n.Flags {
		if !f.Hidden {
			all = append(all, "--"+f.Name)
		}
	}
	return all
}

// bash completes commands and options, and files where none fits.
func bash(app *kong.Application) string {
	var steps, offers strings.Builder
	nodes(app.Node, "", func(n *kong.Node, path string) {
		if path != "" {
			fmt.Fprintf(&steps, "\t\t%q) at=%q ;;\n", path, path)
		}
		fmt.Fprintf(&offers, "\t%q) words=%q ;;\n", path, strings.Join(words(n), " "))
	})
	name := app.Name
	return fmt.Sprintf(`_%[1]s() {
	local at="" words="" word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "${at:+$at }$word" in
%[2]s		esac
	done
	case "$at" in
%[3]s	esac
	COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _%[1]s %[1]s
`, name, steps.String(), offers.String())
}

// fish completes the same, with what each means.
func fish(app *kong.Application) string {
	var b strings.Builder
	quote := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
	}
	nodes(app.Node, "", func(n *kong.Node, path string) {
		where := ""
		for _, word := range strings.Fields(path) {
			where += "__fish_seen_subcommand_from " + word + "; and "
		}
		below := make([]string, 0, len(n.Children))
		for _, child := range n.Children {
			below = append(below, child.Name)
		}
		when := strings.TrimSuffix(where, "; and ")
		if len(below) > 0 {
			when = where + "not __fish_seen_subcommand_from " + strings.Join(below, " ")
		}
		for _, child := range n.Children {
			if !child.Hidden {
				fmt.Fprintf(&b, "complete -c %s -f -n %s -a %s -d %s\n", app.Name, quote(when), child.Name, quote(child.Help))
			}
		}
		for _, f := range n.Flags {
			if f.Hidden {
				continue
			}
			fmt.Fprintf(&b, "complete -c %s", app.Name)
			if when != "" {
				fmt.Fprintf(&b, " -n %s", quote(when))
			}
			fmt.Fprintf(&b, " -l %s", f.Name)
			if f.Short != 0 {
				fmt.Fprintf(&b, " -s %c", f.Short)
			}
			if !f.IsBool() {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d %s\n", quote(f.Help))
		}
	})
	return b.String()
}
