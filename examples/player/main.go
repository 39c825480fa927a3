// Command player says sound files in a room, one after the other, and leaves.
// Run a relay, then: go run ./examples/player localhost one.wav two.opus
package main

import (
	"context"
	"log"
	"os"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: player HOST[:PORT] FILE ...")
	}
	voice := audio.NewFeed()
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "player", Source: voice})
	if err != nil {
		log.Fatal(err)
	}
	defer call.Leave()
	for _, name := range os.Args[2:] {
		file, err := audio.OpenFile(name)
		if err != nil {
			log.Print(err)
			continue
		}
		if err := audio.Copy(voice, file); err != nil {
			log.Print(err)
		}
		file.Close()
	}
	_ = voice.Write(make([]float32, 2*audio.SampleRate)) // it takes a second ahead: so this is until all has been said
}
