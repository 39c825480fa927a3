package stream

import (
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const session = 77

var (
	secret = netproto.RoomSecret{1, 2, 3}
	hop    = netproto.HopKey{4, 5, 6}
	strip  = netproto.NewHopTagger()
)

// speech is frame n of a talker, made up.
func speech(n int) Frame {
	return Frame{Data: slices.Repeat([]byte{byte(n), byte(n >> 8), 0xb8}, 20), Level: 20, Voice: true}
}

func newPacketizer(t testing.TB, cfg Config) *Packetizer {
	t.Helper()
	cfg.Session = session
	p, err := NewPacketizer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.SetTag(hop.TagKey())
	p.SetSecret(1, secret, netproto.EpochGrace)
	return p
}

// say gives a Packetizer one frame and returns the datagram, if any, as the relay forwards it.
func say(t testing.TB, p *Packetizer, f Frame) []byte {
	t.Helper()
	d, err := p.Frame(f)
	if err != nil {
		t.Fatal(err)
	}
	if d == nil {
		return nil
	}
	return forwarded(t, d)
}

// forwarded is a datagram without its hop tag.
func forwarded(t testing.TB, d []byte) []byte {
	t.Helper()
	voice, ok := strip.Check(hop.TagKey(), d)
	if !ok || len(d) > netproto.MaxDatagram {
		t.Fatalf("%d bytes, or a wrong hop tag", len(d))
	}
	return slices.Clone(voice)
}

func newReceiver(cfg ReceiverConfig) *Receiver {
	r := NewReceiver(cfg)
	r.SetSecret(0, 1, secret)
	r.Add(session)
	r.SetRoundTrip(40 * time.Millisecond)
	r.SetPath(40 * time.Millisecond)
	return r
}

func at(frame int) time.Duration { return time.Duration(frame) * wire.FrameDuration }
