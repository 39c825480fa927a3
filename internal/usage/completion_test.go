package usage

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

type tool struct {
	Join struct {
		Relay string `arg:"" help:"Relay to join."`
		Name  string `short:"n" help:"Your name: it's what others see."`
		Mute  bool   `help:".begins with a dot, a \\ and a - too."`
	} `cmd:"" help:"Join a room."`
	Lab struct {
		Run  struct{} `cmd:"" help:"Run it."`
		List struct{} `cmd:"" help:"List it."`
	} `cmd:"" help:"Laboratory."`
	Extras
}

// printed is what the tool prints for an option of Extras.
func printed(t *testing.T, option string) string {
	t.Helper()
	var out bytes.Buffer
	code := -1
	parser, err := New(&tool{}, kong.Name("tool"), kong.Description("A tool."), kong.Writers(&out, &out), kong.Exit(func(c int) { code = c }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(parser, []string{option})
	if code != 0 {
		t.Fatalf("%s: exit code %d, %v", option, code, err)
	}
	return out.String()
}

func TestManual(t *testing.T) {
	page := printed(t, "--man")
	for _, want := range []string{
		".TH TOOL 1\n", ".B tool lab run\n", "tool \\- A tool.\n", ".SS join <relay> [flags]\nJoin a room.\n", ".B \\-n, \\-\\-name=STRING\n",
		"\n\\&.begins with a dot, a \\e and a \\- too.\n", ".SS lab run", ".I relay\nRelay to join.\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// What bash makes of it, where there is one.
func TestCompletionInBash(t *testing.T) {
	script := printed(t, "--completion=bash")
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, tt := range []struct{ line, want string }{
		{"jo", "join"},
		{"", "join lab --help --man --completion"},
		{"join relay --n", "--name"},
		{"join --name lab --m", "--mute"}, // the value of an option is no command
		{"lab ", "run list"},
		{"lab run --", ""},
	} {
		words := strings.Split(tt.line, " ")
		call := script + "\nCOMP_WORDS=(tool \"$@\") COMP_CWORD=$#\n_tool\necho \"${COMPREPLY[*]}\""
		out, err := exec.Command(shell, append([]string{"--norc", "-c", call, "bash"}, words...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%q: %q, want %q (%v)", tt.line, got, tt.want, err)
		}
	}
}

func TestCompletionInOtherShells(t *testing.T) {
	if zsh := printed(t, "--completion=zsh"); !strings.HasPrefix(zsh, "#compdef tool\n") || !strings.Contains(zsh, "complete -o default -F _tool tool") {
		t.Error(zsh)
	}
	fish := printed(t, "--completion=fish")
	for _, want := range []string{
		"complete -c tool -f -n 'not __fish_seen_subcommand_from join lab' -a join -d 'Join a room.'\n",
		`complete -c tool -n '__fish_seen_subcommand_from join' -l name -s n -r -d 'Your name: it\'s what others see.'`,
		"complete -c tool -f -n '__fish_seen_subcommand_from lab; and not __fish_seen_subcommand_from run list' -a run -d 'Run it.'\n",
	} {
		if !strings.Contains(fish, want) {
			t.Errorf("no %q in\n%s", want, fish)
		}
	}
	parser, err := New(&tool{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(parser, []string{"--completion=csh"}); !Is(err) || !strings.Contains(err.Error(), "there are bash, zsh and fish") {
		t.Errorf("csh: %v", err)
	}
}
