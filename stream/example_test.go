package stream_test

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

// A recorder needs neither codec nor buffer: frames come as they were sent.
func Example() {
	secret, hop := netproto.RoomSecret{1}, netproto.HopKey{2} // from the relay's SESSION
	talker, err := stream.NewPacketizer(stream.Config{Session: 7, Stride: 2})
	if err != nil {
		panic(err)
	}
	talker.SetTag(hop.TagKey())
	talker.SetSecret(1, secret, netproto.EpochGrace)

	recorder := stream.NewReceiver(stream.ReceiverConfig{Take: func(now time.Duration, a *stream.Arrival) error {
		for _, f := range a.Frames {
			fmt.Printf("%v: frame %d of session %d, %q\n", now, f.Number, a.Header.Session, f.Data)
		}
		return nil
	}})
	recorder.SetSecret(0, 1, secret)
	recorder.Add(7)

	relay := netproto.NewHopTagger()
	for i, opus := range []string{"one", "two", "", ""} { // in earnest from an encoder; then silence
		now := time.Duration(i) * netproto.FrameDuration
		datagram, err := talker.Frame(stream.Frame{Data: []byte(opus), Level: 20, Voice: true})
		if err != nil {
			panic(err)
		}
		if voice, ok := relay.Check(hop.TagKey(), datagram); ok { // what the relay forwards
			if err := recorder.Handle(now, voice); err != nil {
				panic(err)
			}
		}
	}
	// Output:
	// 20ms: frame 2 of session 7, "two"
	// 20ms: frame 1 of session 7, "one"
	// 40ms: frame 3 of session 7, ""
}
