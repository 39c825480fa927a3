package engine

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

func TestValidate(t *testing.T) {
	good := Config{Address: "localhost", Name: "Ann", Plaintext: true}
	tests := []struct {
		name   string
		change func(*Config)
		want   error
	}{
		{"good", func(*Config) {}, nil},
		{"address", func(c *Config) { c.Address = "" }, ErrAddress},
		{"no name", func(c *Config) { c.Name = "" }, netproto.ErrName},
		{"long name", func(c *Config) { c.Name = strings.Repeat("x", 20) }, netproto.ErrName},
		{"room", func(c *Config) { c.Room = "\n" }, netproto.ErrRoom},
		{"bitrate", func(c *Config) { c.Encoder.Bitrate = 500 }, codec.ErrConfig},
		{"stride", func(c *Config) { c.Stride = 7 }, stream.ErrRedundancy},
		{"negative stride", func(c *Config) { c.Stride = -1; c.UpCap = 20 }, stream.ErrRedundancy},
		{"copies", func(c *Config) { c.Copies = []int{17} }, stream.ErrRedundancy},
		{"cap", func(c *Config) { c.UpCap = 24 }, nil},
		{"least cap", func(c *Config) { c.UpCap = 12 }, nil},
		{"tiny cap", func(c *Config) { c.UpCap = 11 }, ErrUpCap},
		{"negative cap", func(c *Config) { c.UpCap = -1 }, ErrUpCap},
		{"negative cap down", func(c *Config) { c.DownCap = -1 }, ErrUpCap},
		{"most", func(c *Config) { c.UpCap, c.DownCap = MaxCap, MaxCap }, nil},
		{"beyond", func(c *Config) { c.UpCap = math.MaxInt }, ErrUpCap},
		{"beyond down", func(c *Config) { c.DownCap = MaxCap + 1 }, ErrUpCap},
		{"cap without bundling", func(c *Config) { c.UpCap = 24; c.Stride = 1 }, ErrUpCap},
		{"fingerprint without TLS", func(c *Config) { c.Fingerprint = someFingerprint }, ErrFingerprint},
		{"fingerprint", func(c *Config) { c.Plaintext, c.KnownRelays, c.Fingerprint = false, "x", someFingerprint }, nil},
		{"half a fingerprint", func(c *Config) { c.Plaintext, c.Fingerprint = false, someFingerprint[:20] }, ErrFingerprint},
		{"known relays", func(c *Config) { c.Plaintext = false; c.KnownRelays = "x" }, nil},
	}
	for _, tt := range tests {
		cfg := good
		tt.change(&cfg)
		if err := cfg.Validate(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("AppData", "")
	good.Plaintext = false
	if err := good.Validate(); !errors.Is(err, ErrKnownRelays) {
		t.Errorf("no home: %v", err)
	}
}

func TestFitCap(t *testing.T) {
	tests := []struct {
		cap     int // kbit/s
		cfg     TalkerConfig
		bitrate int
		stride  int
	}{
		{100, TalkerConfig{}, 24000, 1},
		{46, TalkerConfig{}, 22000, 1},
		{34, TalkerConfig{}, 20500, 2}, // at stride 1 only 11.6 would be left
		{24, TalkerConfig{}, 13000, 2},
		{16, TalkerConfig{}, 11600, 6},
		{34, TalkerConfig{Stride: 1}, 11600, 1},
		{34, TalkerConfig{Encoder: codec.EncoderConfig{Bitrate: 8000}}, 8000, 1},
		{46, TalkerConfig{Copies: []int{1}}, 15000, 2}, // two times the payload
	}
	for _, tt := range tests {
		got := tt.cfg
		if err := got.FitCap(wire.Kbps(tt.cap), wire.IPv4Overhead); err != nil {
			t.Errorf("%d kbit/s: %v", tt.cap, err)
		}
		if got.Stride != tt.stride || abs(got.Encoder.Bitrate-tt.bitrate) > 1000 {
			t.Errorf("%d kbit/s, %+v: %d bit/s at stride %d, want about %d at %d", tt.cap, tt.cfg, got.Encoder.Bitrate, got.Stride, tt.bitrate, tt.stride)
		}
	}
}

func abs(n int) int { return max(n, -n) }

func TestProbes(t *testing.T) {
	const ms = time.Millisecond
	var p probes
	if p.due(0, false) != 0 || p.alive(0) || p.loss(0) != 0 {
		t.Error("zero value")
	}
	first := p.next(0, 0, false)
	if p.due(0, false) != probeHurry {
		t.Errorf("due at %v before the first answer", p.due(0, false))
	}
	second := p.next(200*ms, 0, false)
	if !p.ack(240*ms, netproto.ProbeAck{Echo: second.Time}, 0) || p.rtt.Value() != 40*ms {
		t.Errorf("rtt %v, least %v", p.rtt.Value(), p.rtt.Least())
	}
	if p.ack(250*ms, netproto.ProbeAck{Echo: second.Time}, 0) || p.ack(250*ms, netproto.ProbeAck{Echo: 12345}, 0) {
		t.Error("answered twice, or never asked")
	}
	if p.due(0, false) != 200*ms+probeEvery {
		t.Errorf("due at %v", p.due(0, false))
	}
	if p.due(0, true) != 200*ms+probeHurry {
		t.Errorf("due at %v while voice is held back", p.due(0, true))
	}
	if p.due(-idleAfter, false) != 200*ms+probeIdle {
		t.Errorf("due at %v in silence", p.due(-idleAfter, false))
	}
	if !p.ack(320*ms, netproto.ProbeAck{Echo: first.Time}, 0) || p.rtt.Value() != 40*ms || p.rtt.Least() != 40*ms { // one that was late
		t.Errorf("rtt %v, least %v", p.rtt.Value(), p.rtt.Least())
	}
	now := 320 * ms
	for i := range 100 {
		now = p.due(now, false)
		probe := p.next(now, 0, false)
		if i%4 != 0 {
			p.ack(now+30*ms, netproto.ProbeAck{Echo: probe.Time}, 0)
		}
	}
	if l := p.loss(now + 10*time.Second); l != 0.25 {
		t.Errorf("loss %v", l)
	}
	if d := p.rtt.Value() - 30*ms; d < 0 || d > ms {
		t.Errorf("rtt %v", p.rtt.Value())
	}
	if !p.alive(now + time.Hour) {
		t.Error("dead, though the last probe was answered")
	}
	p.next(now+time.Hour, 0, false)
	now += time.Hour
	late := p.rtt.Value() + lateAnswer
	if again := p.due(now, false); again != now+late {
		t.Errorf("asked again at %v", again)
	}
	p.next(now+late, 0, false)
	if again := p.due(now, false); again != now+late+probeSearch {
		t.Errorf("searched at %v", again)
	}
	dead := now + pathDead - probeIdle // what was before the probe is too long ago
	if !p.alive(dead-1) || p.alive(dead) {
		t.Error("alive")
	}
	p.next(dead+1, 0, false)
	if again := p.due(now, false); again != dead+1+probeAgain {
		t.Errorf("a dead path is asked at %v", again)
	}
}
