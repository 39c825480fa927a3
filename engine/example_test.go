//go:build cgo

package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/relay"
)

// A bot that says something and knows who else is there, with a relay of its own.
func ExampleJoin() {
	state, err := os.MkdirTemp("", "tincan")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(state)
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: state})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- server.Serve(ctx) }()

	join := func(name string, source audio.Source) *engine.Call {
		call, err := engine.Join(ctx, engine.Config{Address: server.Addr().String(), Name: name, Source: source, Plaintext: true})
		if err != nil {
			panic(err)
		}
		return call
	}
	ann := join("Ann", nil)
	bot := join("Bot", audio.PacedSource(audio.Tone(440, -20)))
	for event := range ann.Events() {
		if e, ok := event.(engine.PeerTalking); ok && e.Talking {
			fmt.Println(e.Name, "talks")
			break
		}
	}
	bot.Leave()
	ann.Leave()
	stop()
	fmt.Println(<-served)
	// Output:
	// Bot talks
	// <nil>
}
