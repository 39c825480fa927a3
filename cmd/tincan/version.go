package main

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/codec/opus"
)

// version is set by the linker.
var version = "unknown"

// VersionCmd prints the version.
type VersionCmd struct{}

// Run prints the version, and what codes and decodes: two people with the same tincan may hear different things.
func (VersionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "tincan %s\n%s\n", version, opus.Library())
	return err
}

// versionFlag is the same as an option.
type versionFlag bool

// BeforeReset is called by kong.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := VersionCmd{}.Run(app.Stdout)
	app.Exit(0)
	return err
}
