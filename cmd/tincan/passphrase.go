package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// passphraseVar is the environment variable of the room's passphrase.
const passphraseVar = "TINCAN_PASSPHRASE"

// checkPassphrase tells what makes no sense about where the passphrase comes from.
func (c *JoinCmd) checkPassphrase() error {
	phrase, set := os.LookupEnv(passphraseVar)
	switch {
	case set && phrase == "": // by a command that failed, for example
		return errors.New(passphraseVar + " is empty: set it to what the room agreed on, or unset it to do without")
	case c.secret != "" && (set || c.Passphrase || c.PassphraseFile != ""):
		return errors.New("the link has the room's passphrase: use none of --passphrase, --passphrase-file and " + passphraseVar)
	case set && (c.Passphrase || c.PassphraseFile != ""), c.Passphrase && c.PassphraseFile != "":
		return errors.New("more than one passphrase: use one of --passphrase, --passphrase-file and " + passphraseVar)
	case c.Passphrase && c.In == "-":
		return errors.New("--passphrase asks on standard input, which is what you say (--in -): use --passphrase-file or " + passphraseVar)
	}
	return nil
}

// passphrase is the room's, "" if there is none: it asks for it, or reads it from its file.
func (c *JoinCmd) passphrase(ctx context.Context, in io.Reader) (string, error) {
	switch {
	case c.secret != "":
		return c.secret, nil
	case c.Passphrase:
		return askPassphrase(ctx, in)
	case c.PassphraseFile != "":
		text, err := os.ReadFile(c.PassphraseFile)
		if err != nil {
			return "", fmt.Errorf("--passphrase-file: %w", err)
		}
		phrase := strings.TrimRight(string(text), "\r\n")
		if phrase == "" || strings.ContainsAny(phrase, "\r\n") {
			return "", fmt.Errorf("--passphrase-file %s: it should hold one line, what the room agreed on", c.PassphraseFile)
		}
		return phrase, nil
	}
	return os.Getenv(passphraseVar), nil
}

// askPassphrase asks on the terminal, without an echo.
func askPassphrase(ctx context.Context, in io.Reader) (phrase string, err error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return "", errors.New("--passphrase asks on a terminal, which standard input is not: use --passphrase-file or " + passphraseVar)
	}
	was, err := term.GetState(int(file.Fd()))
	if err != nil {
		return "", fmt.Errorf("--passphrase: %w", err)
	}
	fmt.Fprint(os.Stderr, "Passphrase of the room: ")
	var text []byte
	answered := within(ctx, func() { text, err = term.ReadPassword(int(file.Fd())) })
	fmt.Fprintln(os.Stderr)
	switch {
	case !answered:
		_ = term.Restore(int(file.Fd()), was)
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("--passphrase: %w", err)
	case len(text) == 0:
		return "", errors.New("no passphrase: leave out --passphrase to do without")
	}
	return string(text), nil
}
