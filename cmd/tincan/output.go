package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/internal/usage"
)

// checkOutput tells, without making anything, whether a file can be written that an option asks for: before a call
// or a long run, not after it. What is there already is not written over, unless that is wanted, and never one of
// the inputs.
func checkOutput(option, path string, overwrite bool, inputs ...string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := checkFolder(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%s %s: %w", option, path, err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", option, err)
	case !info.Mode().IsRegular():
		return usage.Errorf("%s %s: that is no file that can be written; name a new one", option, path)
	}
	for _, in := range inputs {
		if other, err := os.Stat(in); err == nil && os.SameFile(info, other) {
			return usage.Errorf("%s %s: that is the input; name another file", option, path)
		}
	}
	if info.Size() > 0 && !overwrite {
		return exists(option, path)
	}
	if err := writable(path); err != nil {
		return fmt.Errorf("%s %s: %w", option, path, err)
	}
	return nil
}

func exists(option, path string) error {
	return fmt.Errorf("%s %s: %w; name another, or give --overwrite to lose what is in it", option, path, fs.ErrExist)
}

// checkFolder tells whether files can be made in a folder.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s; make it first", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	}
	return writable(dir)
}

// checkNewFolder tells whether files can be made in a folder that may not be there yet.
func checkNewFolder(option, dir string, overwrite bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0 && !overwrite:
		return fmt.Errorf("%s %s: the folder is not empty; name another, or give --overwrite to lose what is in it", option, dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", option, err)
	}
	for {
		_, err := os.Stat(dir)
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		if err := checkFolder(dir); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		return nil
	}
}

// createOutput makes a file that checkOutput found good. Unless it may be written over it must still be new, or empty.
func createOutput(option, path string, overwrite bool) (*os.File, error) {
	if overwrite {
		return os.Create(path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if f, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		return nil, errors.Join(exists(option, path), f.Close())
	}
	return f, nil
}

// checkWAV tells whether the name of an output is that of a WAV file: others are not written.
func checkWAV(path string) error {
	if !strings.EqualFold(filepath.Ext(path), ".wav") {
		return fmt.Errorf("--out %s: only WAV files can be written; name it .wav", path)
	}
	return nil
}

// createWAV makes the WAV file of --out in the same way.
func createWAV(path string, overwrite bool) (audio.Writer, error) {
	f, err := createOutput("--out", path, overwrite)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return audio.CreateWAV(path) // of an empty file
}
