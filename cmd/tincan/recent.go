package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tincan-voice/tincan/internal/screen"
)

// stateDir is the folder of what the client remembers by itself: that of the XDG Base Directory Specification, or, on
// macOS and Windows, that of the settings.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tincan"), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "tincan"), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "tincan"), err
}

// loadRecent returns the rooms that were joined on the full screen, the latest first. Without them nothing is amiss.
func loadRecent() (recent []screen.Recent) {
	dir, err := stateDir()
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "recent.json"))
	if err != nil || json.Unmarshal(text, &recent) != nil {
		return nil
	}
	return recent
}

// saveRecent remembers them. What cannot be written is not remembered. There is no secret among them.
func saveRecent(recent []screen.Recent) {
	dir, err := stateDir()
	if err != nil || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	text, err := json.MarshalIndent(recent, "", "  ")
	if err != nil {
		panic(err) // texts can be written
	}
	file := filepath.Join(dir, "recent.json")
	if os.WriteFile(file+".new", append(text, '\n'), 0o600) == nil {
		_ = os.Rename(file+".new", file)
	}
}
