package usage

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Settings are what options are where the command line does not say: by environment variable, or else by a file with
// lines of OPTION = VALUE, in which # begins a comment. They are a kong.Resolver.
type Settings struct {
	Prefix   string   // of the variables, before the option's name: "TINCAN_"
	Commands []string // that they are for, by name; the options of the first are all there are
	Once     []string // options that cannot be set: they ask for something once
	Lists    string   // the command line that lists all settings, for errors

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

// Load reads a file. If must is false there need not be one. What is wrong with it is an error of the command line as
// well, if the command is one that the settings are for.
func (s *Settings) Load(file string, must bool) error {
	text, err := os.ReadFile(file)
	if err != nil && (must || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)) {
		s.wrong = fmt.Errorf("the file of settings: %w", err)
		return s.wrong
	}
	s.Parse(file, string(text))
	return s.wrong
}

// Parse is Load with what is in the file.
func (s *Settings) Parse(file, text string) {
	s.file, s.values = file, map[string]setting{}
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
			return
		}
		s.values[name] = setting{value, line}
	}
	s.wrong = scan.Err()
}

// Validate implements kong.Resolver; kong calls it after Resolve.
func (s *Settings) Validate(app *kong.Application) error {
	switch {
	case !s.used:
		return nil
	case s.wrong != nil:
		return s.wrong
	}
	known := map[string]bool{}
	for _, flag := range s.flags(app) {
		known[flag.Name] = true
	}
	for name, v := range s.values {
		if !known[name] {
			return fmt.Errorf("%s, line %d: there is no setting %q; %s lists them", s.file, v.line, name, s.Lists)
		}
	}
	return nil
}

// Resolve implements kong.Resolver.
func (s *Settings) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if parent.Command == nil || !slices.Contains(s.Commands, parent.Command.Name) {
		return nil, nil
	}
	s.used = true
	if !s.settable(flag) {
		return nil, nil
	}
	from := s.variable(flag)
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

// Example is a file of all settings, each as a comment.
func (s *Settings) Example(app *kong.Application, file string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Settings of %s %s: %s\n# An option of the command line goes first, then an environment variable, then this file.\n"+
		"# Remove the # before a line that is to hold.\n", app.Name, s.Commands[0], file)
	for _, flag := range s.flags(app) {
		value := flag.FormatPlaceHolder()
		switch {
		case flag.IsBool():
			value = "true"
		case flag.HasDefault && flag.Default != "0":
			value = flag.Default
		}
		fmt.Fprintf(&b, "\n# %s (%s)\n# %s = %s\n", flag.Help, s.variable(flag), flag.Name, value)
	}
	return b.String()
}

// settable tells whether an option can be set for all times.
func (s *Settings) settable(flag *kong.Flag) bool {
	switch flag.Name {
	case "help", "version", "man", "completion":
		return false
	}
	return !slices.Contains(s.Once, flag.Name)
}

// variable is the environment variable of an option.
func (s *Settings) variable(flag *kong.Flag) string {
	return s.Prefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// flags are the options that can be set.
func (s *Settings) flags(app *kong.Application) (flags []*kong.Flag) {
	for _, node := range app.Children {
		if node.Name == s.Commands[0] {
			for _, flag := range node.Flags {
				if s.settable(flag) {
					flags = append(flags, flag)
				}
			}
		}
	}
	return flags
}
