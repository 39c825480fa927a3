// Command filecall says a file in a room and writes what it hears meanwhile.
// Run a relay, then: go run ./examples/filecall localhost speech.wav heard.wav
package main

import (
	"context"
	"log"
	"os"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: filecall HOST[:PORT] SPEECH.wav HEARD.wav")
	}
	speech, err := audio.OpenFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stat(os.Args[3]); err == nil {
		log.Fatalf("%s exists: name a new file", os.Args[3]) // nothing is written over
	}
	call, err := engine.Join(context.Background(), engine.Config{
		Address: os.Args[1],
		Name:    "filecall",
		Open: func(context.Context) (audio.Source, audio.Sink, error) { // made only when the relay has let us in
			heard, err := audio.CreateWAV(os.Args[3])
			if err != nil {
				return nil, nil, err
			}
			return audio.PacedSource(speech), audio.PacedSink(heard), nil // files have no pace of their own
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for event := range call.Events() {
		if _, ended := event.(engine.SourceEnded); ended {
			call.Leave() // closes the files; the loop ends with the events
		}
	}
	for _, p := range call.Stats().Peers {
		log.Printf("%s: %d frames, %d lost, %d concealed", p.Name, p.Frames, p.Lost, p.Concealed)
	}
}
