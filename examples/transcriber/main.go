// Command transcriber has a program, go run ./examples/transcriber localhost ./transcribe.sh, write down each thing that
// somebody says: it gets 48 kHz mono, 32 bit float, on its standard input (ffmpeg -f f32le -ar 48000 -i -).
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"log"
	"os"
	"os/exec"

	"github.com/tincan-voice/tincan/engine"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: transcriber HOST[:PORT] PROGRAM")
	}
	call, err := engine.Join(context.Background(), engine.Config{Address: os.Args[1], Name: "transcriber"})
	if err != nil {
		log.Fatal(err)
	}
	call.Hear(func(v *engine.Voice) { // in a goroutine of its own for each
		var said []byte
		for pcm := range v.Sound() {
			if said, _ = binary.Append(said, binary.LittleEndian, pcm); len(pcm) == 0 { // a talkspurt is over
				program := exec.Command(os.Args[2])
				program.Stdin, said = bytes.NewReader(said), nil
				go func() { // what is said meanwhile waits for a second only
					text, err := program.Output()
					log.Printf("%s: %s (%v)", v.Name, text, err)
				}()
			}
		}
	})
	<-call.Done()
}
