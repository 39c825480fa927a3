package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

func TestSplitAddress(t *testing.T) {
	good := []struct {
		address, host string
		port          int
	}{
		{"voice.example.org", "voice.example.org", 9999},
		{"Voice.Example.ORG:80", "voice.example.org", 80},
		{"192.0.2.7", "192.0.2.7", 9999},
		{"192.0.2.7:65535", "192.0.2.7", 65535},
		{"::1", "::1", 9999},
		{"[2001:db8::1]", "2001:db8::1", 9999},
		{"[2001:db8::1]:7", "2001:db8::1", 7},
		{"localhost:1", "localhost", 1},
	}
	for _, tt := range good {
		host, port, err := splitAddress(tt.address)
		if host != tt.host || port != tt.port || err != nil {
			t.Errorf("%q: %q %d %v", tt.address, host, port, err)
		}
	}
	for _, address := range []string{"", ":9999", "host:", "host:0", "host:65536", "host:x", "host:-1", "a:b:c", "[::1", "http://host", "ho st", "host/x", "user@host", "[]", "host\x00"} {
		if _, _, err := splitAddress(address); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", address, err)
		} else if !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%q: no remedy in %q", address, err)
		}
	}
}

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
		{"stride", func(c *Config) { c.Stride = 7 }, ErrRedundancy},
		{"negative stride", func(c *Config) { c.Stride = -1; c.UpCap = 20 }, ErrRedundancy},
		{"copies", func(c *Config) { c.Copies = []int{17} }, ErrRedundancy},
		{"cap", func(c *Config) { c.UpCap = 24 }, nil},
		{"least cap", func(c *Config) { c.UpCap = 12 }, nil},
		{"tiny cap", func(c *Config) { c.UpCap = 11 }, ErrUpCap},
		{"negative cap", func(c *Config) { c.UpCap = -1 }, ErrUpCap},
		{"cap without bundling", func(c *Config) { c.UpCap = 24; c.Stride = 1 }, ErrUpCap},
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
		{46, TalkerConfig{}, 23600, 1},
		{34, TalkerConfig{}, 23000, 2}, // at stride 1 only 11.6 would be left
		{24, TalkerConfig{}, 13000, 2},
		{16, TalkerConfig{}, 11600, 6},
		{34, TalkerConfig{Stride: 1}, 11600, 1},
		{34, TalkerConfig{Encoder: codec.EncoderConfig{Bitrate: 8000}}, 8000, 1},
		{46, TalkerConfig{Copies: []int{1}}, 17100, 2}, // two times the payload
	}
	for _, tt := range tests {
		got := tt.cfg
		if err := got.FitCap(tt.cap, ipv4Overhead); err != nil {
			t.Errorf("%d kbit/s: %v", tt.cap, err)
		}
		if got.Stride != tt.stride || abs(got.Encoder.Bitrate-tt.bitrate) > 1000 {
			t.Errorf("%d kbit/s, %+v: %d bit/s at stride %d, want about %d at %d", tt.cap, tt.cfg, got.Encoder.Bitrate, got.Stride, tt.bitrate, tt.stride)
		}
		if rate := got.wireRate(ipv4Overhead); rate > 1000*tt.cap {
			t.Errorf("%d kbit/s: takes %d bit/s", tt.cap, rate)
		}
	}
}

func abs(n int) int { return max(n, -n) }

func TestProbes(t *testing.T) {
	const ms = time.Millisecond
	var p probes
	if p.due(0) != 0 || p.alive(0) || p.loss(0) != 0 {
		t.Error("zero value")
	}
	first := p.next(0)
	if p.due(0) != probeHurry {
		t.Errorf("due at %v before the first answer", p.due(0))
	}
	second := p.next(200 * ms)
	if !p.ack(240*ms, netproto.ProbeAck{Echo: second.Time}) || p.rtt != 40*ms || p.least != 40*ms {
		t.Errorf("rtt %v, least %v", p.rtt, p.least)
	}
	if p.ack(250*ms, netproto.ProbeAck{Echo: second.Time}) || p.ack(250*ms, netproto.ProbeAck{Echo: 12345}) {
		t.Error("answered twice, or never asked")
	}
	if p.due(0) != 200*ms+probeEvery {
		t.Errorf("due at %v", p.due(0))
	}
	if p.due(-idleAfter) != 200*ms+probeIdle {
		t.Errorf("due at %v in silence", p.due(-idleAfter))
	}
	if !p.ack(320*ms, netproto.ProbeAck{Echo: first.Time}) || p.rtt != 75*ms || p.least != 40*ms { // a late one
		t.Errorf("rtt %v, least %v", p.rtt, p.least)
	}
	now := 320 * ms
	for i := range 100 {
		now = p.due(now)
		probe := p.next(now)
		if i%4 != 0 {
			p.ack(now+30*ms, netproto.ProbeAck{Echo: probe.Time})
		}
	}
	if l := p.loss(now + 10*time.Second); l != 0.25 {
		t.Errorf("loss %v", l)
	}
	if d := p.rtt - 30*ms; d < 0 || d > ms {
		t.Errorf("rtt %v", p.rtt)
	}
	if !p.alive(now + time.Hour) {
		t.Error("dead, though the last probe was answered")
	}
	p.next(now + time.Hour)
	now += time.Hour
	if again := p.due(now); again != now+p.rtt+lateAnswer {
		t.Errorf("asked again at %v", again)
	}
	p.next(now + p.rtt + lateAnswer)
	if again := p.due(now); again != now+p.rtt+lateAnswer+probeSearch {
		t.Errorf("searched at %v", again)
	}
	if !p.alive(now+pathDead-1) || p.alive(now+pathDead) {
		t.Error("alive")
	}
	p.next(now + pathDead + 1)
	if again := p.due(now); again != now+pathDead+1+probeAgain {
		t.Errorf("a dead path is asked at %v", again)
	}
}
