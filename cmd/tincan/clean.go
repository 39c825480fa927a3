package main

import (
	"slices"
	"strings"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/audio/clean"
	"github.com/tincan-voice/tincan/internal/usage"
)

// cleaning is what --clean says is done to the microphone.
type cleaning struct {
	clean.Config
	voice bool // nothing but voice is sent
	files bool // it was asked for, so files have it too
}

// cleaning reads --clean. By default a device has all that this program was built with, and a file has nothing: it is
// as it is meant to be.
func (c *JoinCmd) cleaning() (cleaning, error) {
	if len(c.Clean) == 0 {
		return cleaning{Config: clean.All(), voice: isDevice(c.In)}, nil
	}
	parts, err := partsOf("--clean", c.Clean, "echo", "noise", "gain", "voice")
	return cleaning{Config: clean.Config{Echo: parts["echo"], Noise: parts["noise"], Gain: parts["gain"]}, voice: parts["voice"], files: true}, err
}

// comfort reads --comfort: what is done to what is heard. By default a loudspeaker has it all, and a file nothing.
func (c *JoinCmd) comfort() (level, sounds bool, err error) {
	if len(c.Comfort) == 0 {
		heard := isDevice(c.Out)
		return heard, heard, nil
	}
	parts, err := partsOf("--comfort", c.Comfort, "level", "sounds")
	return parts["level"], parts["sounds"], err
}

// partsOf reads an option that says which of some parts are wanted, or none.
func partsOf(option string, words []string, known ...string) (map[string]bool, error) {
	parts := map[string]bool{}
	for _, word := range words {
		if !slices.Contains(known, word) && (word != "none" || len(words) > 1) {
			return nil, usage.Errorf("%s %q: write some of %s, with commas between them, or none alone", option, word, strings.Join(known, ", "))
		}
		parts[word] = true
	}
	return parts, nil
}

// source puts the cleaning around an input of that name.
func (d *devices) source(s audio.Source, name string) audio.Source {
	if s == nil || !d.files && !isDevice(name) {
		return s
	}
	return d.mic.Source(s)
}

// sink has the cleaning know what is played, and sounds played beside it.
func (d *devices) sink(s audio.Sink) audio.Sink {
	if s == nil {
		return nil
	}
	return d.chimes.over(d.mic.Sink(s))
}
