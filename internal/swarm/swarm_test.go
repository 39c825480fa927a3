package swarm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/swarm"
	"github.com/tincan-voice/tincan/relay"
)

// startRelay runs a real relay on loopback for the time of the test.
func startRelay(t *testing.T, cfg relay.Config) *relay.Server {
	t.Helper()
	cfg.Addr, cfg.StateDir = netip.MustParseAddrPort("127.0.0.1:0"), t.TempDir()
	server, err := relay.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Close()
		wg.Wait()
	})
	return server
}

func TestEverythingArrives(t *testing.T) {
	for name, cfg := range map[string]swarm.Config{
		"one room":     {Clients: 12, Talkers: 2},
		"many rooms":   {Clients: 13, Rooms: 4, Talkers: 1, Plaintext: true},
		"all talk":     {Clients: 3, Talkers: 3, Size: 200},
		"tunnels":      {Clients: 12, Talkers: 2, Tunnel: 50},
		"nobody talks": {Clients: 4, Probe: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRelay(t, relay.Config{})
			cfg.Address, cfg.For = server.Addr().String(), 300*time.Millisecond
			r, err := swarm.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Joined != cfg.Clients || r.Paths != cfg.Clients || len(r.Failed)+len(r.Disconnected) > 0 {
				t.Errorf("%d joined, %d paths, failed %v, disconnected %v", r.Joined, r.Paths, r.Failed, r.Disconnected)
			}
			if r.Lost != 0 || r.Wrong != 0 || r.Duplicates != 0 || r.Unsent != 0 || r.Delivered != r.Expected {
				t.Errorf("%d of %d delivered, %d lost, %d wrong, %d twice, %d unsent",
					r.Delivered, r.Expected, r.Lost, r.Wrong, r.Duplicates, r.Unsent)
			}
			if talks := cfg.Talkers > 0; (r.Expected > 0) != talks || (r.Latency.Max > 0) != talks || (r.Bytes > 0) != talks {
				t.Errorf("%d sent, %d expected, latency %+v, %v bytes each", r.Sent, r.Expected, r.Latency, r.Bytes)
			}
			if want := server.Fingerprint(); !cfg.Plaintext && r.Fingerprint != want {
				t.Errorf("fingerprint %s, want %s", r.Fingerprint, want)
			}
			if r.RelayProcess != nil {
				t.Error("the relay's process is this one: its figures mean nothing")
			}
			if r.UserLists == 0 || r.ControlBytes == 0 || r.JoinTime.Max <= 0 {
				t.Errorf("control: %d lists, %d bytes, join time %+v", r.UserLists, r.ControlBytes, r.JoinTime)
			}
		})
	}
}

// Visitors, changes of address and noise cost the clients nothing, and nobody is left over.
func TestUnrest(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{HoldTime: -1}) // the port of a held session may be given to somebody else
	cfg := swarm.Config{
		Address: server.Addr().String(), Clients: 12, Rooms: 2, Talkers: 2, For: 1500 * time.Millisecond, Churn: 10, Noise: 800,
	}
	if runtime.GOOS == "linux" {
		cfg.Roam = 10
	}
	r, err := swarm.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Joined != 12 || r.Paths != 12 || r.Lost+r.Duplicates+r.Wrong+r.Unsent != 0 || r.Delivered == 0 {
		t.Errorf("%+v", r)
	}
	u := r.Unrest
	if u.Visits == 0 || u.Noise == 0 || (u.Moves > 0) != (cfg.Roam > 0) || len(u.Failed) > 0 || u.Astray > 0 || u.Answered > 0 {
		t.Errorf("unrest %+v", u)
	}
	dropped := server.Stats().Dropped
	for _, d := range []relay.Drop{relay.DropMalformed, relay.DropVersion, relay.DropUnknown, relay.DropForged, relay.DropReplayed} {
		if dropped[d] == 0 {
			t.Errorf("no noise was dropped as %v: %v", d, dropped)
		}
	}
	if dropped[relay.DropSessionRate] > 0 {
		t.Errorf("noise was charged to a session: %v", dropped)
	}
	for range 300 { // connections without a farewell linger
		if len(server.Clients()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d clients are left", len(server.Clients()))
}

func TestRefusedClientsAreReported(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{MaxRoomSize: 3})
	r, err := swarm.Run(t.Context(), swarm.Config{
		Address: server.Addr().String(), Clients: 5, Talkers: 1, For: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for why, n := range r.Failed {
		refused += n
		if !strings.Contains(why, "full") {
			t.Errorf("refused because %q", why)
		}
	}
	if r.Joined != 3 || refused != 2 || r.Lost != 0 {
		t.Errorf("%d joined, %d refused, %d lost", r.Joined, refused, r.Lost)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{})
	address := server.Addr().String()
	server.Close()
	_, err := swarm.Run(t.Context(), swarm.Config{Address: address, Clients: 2})
	if err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("error %v does not name %s", err, address)
	}
}

func TestContextEndsJoining(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cfg := swarm.Config{Address: server.Addr().String(), Clients: 500, Rate: 1}
	cfg.Progress = func(string) { cancel() } // its first words
	if _, err := swarm.Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestContextEndsTalking(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cfg := swarm.Config{Address: server.Addr().String(), Clients: 3, Talkers: 1, For: time.Hour}
	cfg.Progress = func(text string) {
		if strings.Contains(text, "talkers") {
			cancel()
		}
	}
	r, err := swarm.Run(ctx, cfg)
	if err != nil || r.Sent == 0 || r.Delivered != r.Expected || r.Lost != 0 {
		t.Errorf("report %+v, error %v", r, err)
	}
}

func TestRelayGoesAway(t *testing.T) {
	t.Parallel()
	server := startRelay(t, relay.Config{})
	cfg := swarm.Config{Address: server.Addr().String(), Clients: 4, Talkers: 1, For: 600 * time.Millisecond}
	cfg.Progress = func(text string) {
		if strings.Contains(text, "talkers") {
			server.Close()
		}
	}
	r, err := swarm.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Disconnected) == 0 || r.Lost == 0 {
		t.Errorf("disconnected %v, %d lost", r.Disconnected, r.Lost)
	}
	var text, object bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteJSON(&object)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "disconnected") {
		t.Errorf("the text does not say so:\n%s", &text)
	}
	var back swarm.Report
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || back.Lost != r.Lost {
		t.Errorf("the JSON says %d lost, %v:\n%s", back.Lost, err, &object)
	}
}
