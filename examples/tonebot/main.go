// Command tonebot is the smallest talker: it joins a room, plays a tone for a while and
// says who is there. Run a relay, then: go run ./examples/tonebot localhost
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: tonebot HOST[:PORT]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // it covers the whole call
	defer cancel()
	call, err := engine.Join(ctx, engine.Config{
		Address:    os.Args[1],
		Name:       "tonebot",
		Source:     audio.PacedSource(audio.Tone(440, -20)),
		Continuous: true, // a tone is no speech: without this it would count as silence
	})
	if err != nil {
		log.Fatal(err)
	}
	for event := range call.Events() {
		fmt.Printf("%T %+v\n", event, event)
	}
}
