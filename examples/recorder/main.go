// Command recorder records a room into a folder, one Ogg Opus file per talker and a mix, until it is interrupted.
// Everyone in the room is told. Run a relay, then: go run ./examples/recorder localhost recordings
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/record"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: recorder HOST[:PORT] DIR")
	}
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "recorder"})
	if err != nil {
		log.Fatal(err)
	}
	recording, err := record.Start(call, os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("recording into %s", recording.Dir())
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	select {
	case <-interrupted:
	case <-call.Done():
	case <-recording.Done():
	}
	err = recording.Stop()
	call.Leave()
	log.Print("ended: ", err, call.Err())
}
