// Command echo says what each talker has said again, when they have fallen silent.
// Run a relay, then: go run ./examples/echo localhost
package main

import (
	"context"
	"log"
	"os"
	"sync"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: echo HOST[:PORT]")
	}
	voice := audio.NewFeed()
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "echo", Source: voice})
	if err != nil {
		log.Fatal(err)
	}
	var turn sync.Mutex
	call.Hear(func(v *engine.Voice) { // in a goroutine of its own for each
		var said []float32
		for pcm := range v.Sound() {
			if said = append(said, pcm...); len(pcm) == 0 { // a talkspurt is over
				turn.Lock()
				_ = voice.Write(said) // what is said meanwhile is missed
				turn.Unlock()
				said = said[:0]
			}
		}
	})
	<-call.Done()
	log.Print(call.Err())
}
