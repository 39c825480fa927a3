// Command transcriber runs a program on each thing that somebody says: go run ./examples/transcriber localhost
// ./transcribe.sh
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: transcriber HOST[:PORT] PROGRAM")
	}
	dir, err := os.MkdirTemp("", "transcriber-") // of our own: nobody else chooses what is written
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "transcriber"})
	if err != nil {
		log.Fatal(err)
	}
	call.Hear(func(v *engine.Voice) { // in a goroutine of its own for each
		path := filepath.Join(dir, fmt.Sprintf("said-%d.wav", v.Session))
		file, err := audio.CreateWAV(path)
		for pcm := range v.Sound() {
			if err != nil {
				log.Fatal(err)
			}
			if err = file.Write(pcm); len(pcm) > 0 {
				continue
			}
			file.Close() // a talkspurt is over
			text, failed := exec.Command(os.Args[2], path).Output()
			log.Print(v.Name, ": ", string(text), failed)
			file, err = audio.CreateWAV(path)
		}
	})
	<-call.Done()
}
