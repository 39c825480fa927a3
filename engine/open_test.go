package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/netproto"
)

// closing is a Source and Sink that counts its closings.
type closing struct {
	audio.Reader
	audio.Writer
	closed int
}

func (*closing) Live()          {}
func (c *closing) Close() error { c.closed++; return nil }

func TestOpenIsAskedWhenTheRelayHasLetUsIn(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close() // its port refuses
	refusing := startRelay(t, nil, func(conn net.Conn) {
		b, _ := netproto.AppendPackage(nil, netproto.Disconnect{Reason: "full"})
		conn.Write(b)
	})
	for name, address := range map[string]string{"nobody there": nobody.Addr().String(), "refused": refusing.address()} {
		_, err := Join(t.Context(), Config{Address: address, Name: "Ann", Plaintext: true,
			Open: func(context.Context) (audio.Source, audio.Sink, error) {
				t.Errorf("%s: opened", name)
				return nil, nil, nil
			}})
		if err == nil {
			t.Errorf("%s: joined", name)
		}
	}

	r := startRelay(t, nil, nil)
	broken := errors.New("no loudspeaker")
	_, err = Join(t.Context(), Config{Address: r.address(), Name: "Ann", Plaintext: true,
		Open: func(context.Context) (audio.Source, audio.Sink, error) { return nil, nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}

	sink := &closing{Writer: audio.PacedSink(audio.Discard())}
	opened := 0
	call := join(t, r, Config{Open: func(ctx context.Context) (audio.Source, audio.Sink, error) {
		opened++
		return nil, sink, ctx.Err()
	}})
	call.Leave()
	if opened != 1 || sink.closed == 0 {
		t.Errorf("opened %d times, sink closed %d times", opened, sink.closed)
	}
}

// What Open returned is closed when joining fails afterwards: here it is given up meanwhile.
func TestWhatWasOpenedIsClosedWhenJoiningFails(t *testing.T) {
	r := startRelay(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	source, sink := &closing{Reader: audio.Tone(440, -20)}, &closing{Writer: audio.Discard()}
	_, err := Join(ctx, Config{Address: r.address(), Name: "Ann", Plaintext: true,
		Open: func(context.Context) (audio.Source, audio.Sink, error) {
			cancel()
			return source, sink, nil
		}})
	if !errors.Is(err, context.Canceled) || source.closed != 1 || sink.closed != 1 {
		t.Errorf("%v; source closed %d times, sink %d", err, source.closed, sink.closed)
	}
}

func TestKnownRelaysByTheKeyOfTheirAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	const mine = "Voice.Example.org.:9999 " + fingerprintA + "\n[fe80::1%vEth0]:9999 " + fingerprintB + "\n"
	if err := os.WriteFile(path, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	var changed *CertificateChangedError
	check := func(path, key, fingerprint string) error {
		_, err := known{path, key}.check(presented{fingerprint: fingerprint, unverified: errors.New("self-made")}, "", "")
		return err
	}
	if err := check(path, "voice.example.org:9999", fingerprintA); err != nil {
		t.Error(err)
	}
	if err := check(path, "[fe80::1%vEth0]:9999", fingerprintX); !errors.As(err, &changed) || changed.Line != 2 {
		t.Errorf("zone: %v", err)
	}
	if err := check(path, "[fe80::1%veth0]:9999", fingerprintX); err != nil {
		t.Errorf("another zone: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != mine+"[fe80::1%veth0]:9999 "+fingerprintX+"\n" {
		t.Errorf("%q", text)
	}
}

// A file that is something else is neither taken for a list of relays nor written to.
func TestKnownRelaysLeavesOtherFilesAlone(t *testing.T) {
	for name, text := range map[string]string{"notes": "Dear diary,\ntoday\n", "wav": "RIFF\x24\x00\x00\x00WAVEfmt "} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (known{path, "localhost:9999"}).check(presented{fingerprint: fingerprintX}, "", ""); !errors.Is(err, ErrKnownRelays) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s became %q", name, now)
		}
	}
}

func TestUnknownInterface(t *testing.T) {
	_, err := Join(t.Context(), Config{Address: "fe80::1%nope", Name: "Ann", Plaintext: true})
	if err == nil || !strings.Contains(err.Error(), `no network interface "nope"`) {
		t.Error(err)
	}
}
