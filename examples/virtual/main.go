// Command virtual makes a call without sockets, goroutines or a clock: a Talker and a
// Listener with a lossy line between them that this program plays itself. Ten seconds of
// call take a fraction of one. Run: go run ./examples/virtual
package main

import (
	"fmt"
	"log"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/netproto"
)

func main() {
	const session = 1
	secret, hop := netproto.RoomSecret{1}, netproto.HopKey{2} // a relay would give them
	talker, err := engine.NewTalker(engine.TalkerConfig{Session: session, Copies: []int{2}, Continuous: true})
	if err != nil {
		log.Fatal(err)
	}
	talker.SetTag(hop.TagKey())
	talker.SetSecret(0, secret, netproto.EpochGrace)
	listener := engine.NewListener(engine.ListenerConfig{})
	listener.SetSecret(0, 0, secret)
	listener.AddPeer(session, "talker")

	said, heard := make([]float32, engine.FrameSize), make([]float32, engine.FrameSize)
	source := audio.Tone(200, -20)
	for i := range 500 {
		now := time.Duration(i) * netproto.FrameDuration
		if _, err := source.Read(said); err != nil {
			log.Fatal(err)
		}
		datagram, err := talker.Frame(said)
		if err != nil {
			log.Fatal(err)
		}
		if datagram != nil && i%10 != 9 { // the line loses every tenth
			voice := datagram[:len(datagram)-netproto.HopTagSize] // the relay strips its tag
			if err := listener.Handle(now, voice); err != nil {
				log.Fatal(err)
			}
		}
		listener.Mix(now, heard)
	}
	p := listener.Peers(500*netproto.FrameDuration, nil)[0]
	fmt.Printf("%d frames, %d lost, %d repaired, %d concealed, buffer %v\n", p.Frames, p.Lost, p.Repaired, p.Concealed, p.Delay)
}
