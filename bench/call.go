package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/internal/synth"
	"github.com/tincan-voice/tincan/relay"
)

// call is a whole call over a real relay on loopback: five seconds of speech, and how late
// each second of it came out, measured from the audio. Without sound cards.
func call(b *testing.B) {
	server := calltest.StartRelay(b, relay.Config{})
	var delays []time.Duration
	for b.Loop() {
		mouth, ear := calltest.NewMouth(synth.Speech(5*audio.SampleRate, 1)), calltest.NewEar()
		listener := calltest.Join(b, server.Addr().String(), "listener", engine.Config{Sink: ear})
		talker := calltest.Join(b, server.Addr().String(), "talker", engine.Config{Source: mouth})
		calltest.Eventually(b, "all is said", mouth.Done)
		time.Sleep(time.Second) // the last words are under way
		talker.Leave()
		listener.Leave()
		for _, m := range calltest.Delays(mouth, ear) {
			if m.Score > 0.5 {
				delays = append(delays, time.Duration(m.Delay)*time.Second/audio.SampleRate)
			}
		}
	}
	if len(delays) == 0 {
		b.Fatal("nothing of what was said was heard")
	}
	slices.Sort(delays)
	b.ReportMetric(0, "ns/op") // the length of the speech
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "delay-median-ms")
	b.ReportMetric(float64(delays[len(delays)-1].Microseconds())/1000, "delay-max-ms") // of a handful
}
