package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// settings are what the options of join are where the command line does not say: by environment variable, TINCAN_ and
// the option's name, or else by the user's file of settings. They are a kong.Resolver.
type settings struct {
	file   string
	values map[string]setting // by the option's name
	wrong  error              // with the file
	used   bool               // the command is one that they are for; others do not fail by what is wrong
}

// setting is a line of the file.
type setting struct {
	text string
	line int
}

// settingsFile is where the settings are: in the user's folder of settings, $XDG_CONFIG_HOME or ~/.config on Linux.
func settingsFile() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "tincan", "settings"), err
}

// loadSettings reads the file. There need not be one, nor a home.
func loadSettings() *settings {
	file, err := settingsFile()
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return &settings{wrong: fmt.Errorf("the file of settings: %w", err)}
		}
	}
	return parseSettings(file, string(text))
}

// parseSettings reads lines of OPTION = VALUE; what begins with # is a comment.
func parseSettings(file, text string) *settings {
	s := &settings{file: file, values: map[string]setting{}}
	scan := bufio.NewScanner(strings.NewReader(text))
	for line := 1; scan.Scan(); line++ {
		l := strings.TrimSpace(scan.Text())
		if l == "" || l[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(l, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, twice := s.values[name]; !ok || twice {
			s.wrong = fmt.Errorf("%s, line %d: write OPTION = VALUE, each option once, # before comments", file, line)
			return s
		}
		s.values[name] = setting{value, line}
	}
	s.wrong = scan.Err()
	return s
}

// settable tells whether an option can be set for all calls: not what asks for something once, or is of one relay or room.
func settable(flag *kong.Flag) bool {
	switch flag.Name {
	case "help", "version", "for", "overwrite", "room", "passphrase", "passphrase-file", "fingerprint":
		return false
	}
	return true
}

// Validate implements kong.Resolver; kong calls it after Resolve.
func (s *settings) Validate(app *kong.Application) error {
	switch {
	case !s.used:
		return nil
	case s.wrong != nil:
		return s.wrong
	}
	known := map[string]bool{}
	for _, flag := range joinFlags(app) {
		known[flag.Name] = true
	}
	for name, v := range s.values {
		if !known[name] {
			return fmt.Errorf("%s, line %d: there is no setting %q; tincan settings lists them", s.file, v.line, name)
		}
	}
	return nil
}

// Resolve implements kong.Resolver.
func (s *settings) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if parent.Command == nil || parent.Command.Name != "join" && parent.Command.Name != "doctor" {
		return nil, nil
	}
	s.used = true
	if !settable(flag) {
		return nil, nil
	}
	from := variable(flag)
	text, ok := os.LookupEnv(from)
	if !ok {
		v, set := s.values[flag.Name]
		if !set {
			return nil, nil
		}
		from, text = fmt.Sprintf("%s, line %d", s.file, v.line), v.text
	}
	scratch := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Value.Parse(kong.Scan().PushTyped(text, kong.FlagValueToken), scratch); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return text, nil
}

// variable is the environment variable of an option.
func variable(flag *kong.Flag) string {
	return "TINCAN_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// joinFlags are the options of join that can be set.
func joinFlags(app *kong.Application) (flags []*kong.Flag) {
	for _, node := range app.Children {
		if node.Name == "join" {
			for _, flag := range node.Flags {
				if settable(flag) {
					flags = append(flags, flag)
				}
			}
		}
	}
	return flags
}

// SettingsCmd prints a file of settings.
type SettingsCmd struct{}

// Run prints all that can be set, as comments.
func (SettingsCmd) Run(app *kong.Kong, out io.Writer) error {
	file, err := settingsFile()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Settings of tincan join: %s\n# An option of the command line goes first, then an environment variable, then this file.\n"+
		"# Remove the # before a line that is to hold.\n", file)
	for _, flag := range joinFlags(app.Model) {
		value := flag.FormatPlaceHolder()
		switch {
		case flag.IsBool():
			value = "true"
		case flag.HasDefault && flag.Default != "0":
			value = flag.Default
		}
		fmt.Fprintf(&b, "\n# %s (%s)\n# %s = %s\n", flag.Help, variable(flag), flag.Name, value)
	}
	_, err = io.WriteString(out, b.String())
	return err
}
