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
	heard, err := audio.CreateWAV(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	call, err := engine.Join(context.Background(), engine.Config{
		Address: os.Args[1],
		Name:    "filecall",
		Source:  audio.PacedSource(speech), // files have no pace of their own
		Sink:    audio.PacedSink(heard),
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
