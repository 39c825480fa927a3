package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/internal/usage"
)

// newSettings are the settings of calls. What is of one relay or room cannot be set for all.
func newSettings() *usage.Settings {
	return &usage.Settings{
		Prefix: "TINCAN_", Commands: []string{"join", "serve", "doctor"}, Lists: "tincan settings",
		Once: []string{"for", "overwrite", "room", "passphrase", "passphrase-file", "fingerprint",
			"join", "host", "port", "unsealed", "state"}, // of serve
	}
}

// settingsFile is where the settings are: in the user's folder of settings, $XDG_CONFIG_HOME or ~/.config on Linux.
func settingsFile() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "tincan", "settings"), err
}

// loadSettings reads the user's file. There need not be one, nor a home.
func loadSettings() *usage.Settings {
	s := newSettings()
	if file, err := settingsFile(); err == nil {
		_ = s.Load(file, false) // join says it
	}
	return s
}

// SettingsCmd prints a file of settings.
type SettingsCmd struct{}

// Run prints all that can be set, as comments.
func (SettingsCmd) Run(app *kong.Kong, out io.Writer) error {
	file, err := settingsFile()
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, newSettings().Example(app.Model, file))
	return err
}
