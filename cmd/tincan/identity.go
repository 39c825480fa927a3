package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
)

// IdentityCmd prints what --identity brings.
type IdentityCmd struct{}

// Run writes the key to standard output, and where it is kept to standard error.
func (IdentityCmd) Run(app *kong.Kong) error {
	key, err := loadIdentity()
	if err != nil {
		return err
	}
	file, err := identityFile()
	if err != nil {
		return err
	}
	fmt.Fprintf(app.Stderr, "from %s, which is secret: whoever has it can be you\n", file)
	_, err = fmt.Fprintln(app.Stdout, netproto.Identity(key.Public().(ed25519.PublicKey)))
	return err
}

func identityFile() (string, error) {
	dir, err := stateDir()
	return filepath.Join(dir, "identity"), err
}

// loadIdentity reads the key that is ours, and makes it if there is none: PKCS #8 (RFC 5958) in PEM (RFC 7468).
func loadIdentity() (ed25519.PrivateKey, error) {
	file, err := identityFile()
	if err != nil {
		return nil, fmt.Errorf("no folder for the key of --identity: %w", err)
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeIdentity(file); err == nil {
			info, err = os.Stat(file)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key of --identity: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of --identity can be read by others: chmod 600 %s, or delete it for another one, if they may have", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the key of --identity: %w", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("%s holds no Ed25519 key: delete it for another one, which the others do not know", file)
}

// makeIdentity makes a key for a file that is not there. It is there as a whole, or not at all.
func makeIdentity(file string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "identity-*") // for its owner alone
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close()); err != nil {
		return err
	}
	switch err := os.Link(f.Name(), file); {
	case err == nil, errors.Is(err, fs.ErrExist): // another tincan was quicker
		return nil
	}
	return os.Rename(f.Name(), file) // where there are no links
}

// identify has the call bring our key, if that is wanted, and know those of others.
func (c *JoinCmd) identify(cfg *engine.Config) (err error) {
	if c.Identity {
		if cfg.Identity, err = loadIdentity(); err != nil {
			return err
		}
	}
	if dir, err := stateDir(); err == nil { // else nobody is remembered
		cfg.KnownMembers = filepath.Join(dir, "known_members")
	}
	return nil
}

// notIdentified is what there is to say where the key is not brought.
const notIdentified = "--identity does nothing here: without a passphrase whoever runs the relay could bring it, too"

// compare carries out "code NAME" and "accept NAME", and returns what there is to say. It is not known if it is
// neither.
func compare(call *engine.Call, command string) (said string, known bool, err error) {
	verb, args, _ := strings.Cut(command, " ")
	verb = strings.ToLower(verb)
	if verb != "code" && verb != "accept" {
		return "", false, nil
	}
	session, rest, err := addressee(call.Stats().Peers, strings.TrimSpace(args))
	switch {
	case err != nil:
		return "", true, err
	case rest != "":
		return "", true, fmt.Errorf("%s takes a name and nothing else, so not %q", verb, rest)
	case verb == "accept":
		return "", true, call.Accept(session)
	}
	code, err := call.ComparisonCode(session)
	return "read it to each other, best where you see each other; it is the same for both if nobody is between you: " + code, true, err
}
