// Command whotalks prints who is in a room, and who talks for how long.
// Run a relay, then: go run ./examples/whotalks localhost
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: whotalks HOST[:PORT]")
	}
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "whotalks"})
	if err != nil {
		log.Fatal(err)
	}
	began := map[uint32]time.Time{}
	for event := range call.Events() {
		switch e := event.(type) {
		case engine.PeerJoined:
			fmt.Println(e.Name, "is here")
		case engine.PeerLeft:
			fmt.Println(e.Name, "left")
		case engine.PeerTalking:
			if e.Talking {
				began[e.Session] = time.Now()
			} else {
				fmt.Printf("%s talked for %.1f s\n", e.Name, time.Since(began[e.Session]).Seconds())
			}
		}
	}
	log.Print(call.Err())
}
