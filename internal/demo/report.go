package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/internal/xcorr"
)

func speechPath(dir string, t talker) string { return filepath.Join(dir, t.name+".wav") }

// speak lets espeak-ng say each talker's text into a file.
func speak(ctx context.Context, dir string) error {
	for _, t := range talkers {
		out, err := exec.CommandContext(ctx, "espeak-ng", "-v", t.voice, "-s", "150", "-w", speechPath(dir, t), t.text).CombinedOutput()
		if err != nil {
			return fmt.Errorf("espeak-ng: %w\n%s", err, out)
		}
	}
	return nil
}

// report tells it in words and says whether the call worked: both talkers have to be
// heard, and found again in what was heard.
func report(dir, heardPath string, cleo *client, clients map[string]*client) error {
	heard, err := audio.ReadWAV(heardPath)
	if err != nil {
		return err
	}
	fmt.Println("\nWhat Cleo heard:")
	var failed []error
	for _, t := range talkers {
		c := clients[t.name]
		at := slices.IndexFunc(cleo.summary.Stats.Peers, func(p peer) bool { return p.Name == t.name })
		if at < 0 {
			failed = append(failed, fmt.Errorf("%s was never heard", t.name))
			continue
		}
		p := cleo.summary.Stats.Peers[at]
		delays, err := mouthToEar(speechPath(dir, t), c.capture, heard, cleo.playing)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t.name, err))
			continue
		}
		share := func(frames uint64) float64 { return 100 * float64(frames) / float64(max(p.Frames, 1)) }
		fmt.Printf("  %s: %.1f s of speech. %.1f %% of it was lost on the way and recovered (it was sent twice or again),\n"+
			"       %.1f %% was lost for good and filled with made-up sound.\n"+
			"       It took %d ms from mouth to ear, and at most %d ms for 95 %% of it. On the wire: %.1f kbit/s.\n",
			t.name, float64(p.Frames)/50, share(p.Repaired), share(p.Concealed),
			quantile(delays, 0.5).Milliseconds(), quantile(delays, 0.95).Milliseconds(), c.summary.Stats.Link.UpKbps)
		if p.Frames == 0 || p.Concealed*5 > p.Frames {
			failed = append(failed, fmt.Errorf("%s: %d of %d frames concealed: the call did not survive", t.name, p.Concealed, p.Frames))
		}
	}
	fmt.Println("\nHow their voices were sent, which tincan chooses by what the network does. \"copies {1} of 11.5k at 21k x 2\":\n" +
		"2 pieces of 20 ms in a packet, coded at 21 kbit/s, and coarser at 11.5 kbit/s once more in the next packet.")
	for _, t := range talkers {
		fmt.Printf("  %s\n", t.name)
		c := clients[t.name]
		for _, l := range c.ladder {
			fmt.Printf("    %4.1f s  %s\n", max(l.Time.Sub(c.capture).Seconds(), 0), l.Text)
		}
	}
	fmt.Printf("\nCleo received %.1f kbit/s, packet headers counted, as in all rates on the wire. Listen: %s\n", cleo.summary.Stats.Link.DownKbps, heardPath)
	return errors.Join(failed...)
}

// mouthToEar measures how late each second of what was said came out, from the audio
// and the two moments at which capture and playback began.
func mouthToEar(saidPath string, capture time.Time, heard []float32, playing time.Time) ([]time.Duration, error) {
	said, err := audio.ReadWAV(saidPath)
	if err != nil {
		return nil, err
	}
	if capture.IsZero() || playing.IsZero() {
		return nil, errors.New("capture or playback never began")
	}
	ahead := int(capture.Sub(playing).Seconds() * audio.SampleRate) // capture began so many samples into heard
	if ahead >= 0 {
		heard = heard[min(ahead, len(heard)):]
	} else {
		said = said[min(-ahead, len(said)):]
	}
	var delays []time.Duration
	matches := xcorr.Delays(said, heard, xcorr.Config{})
	for _, m := range matches {
		if m.Score > 0.2 { // two talkers at once: half the energy is the other's
			delays = append(delays, time.Duration(m.Delay)*time.Second/audio.SampleRate)
		}
	}
	if len(delays)*2 < len(matches) || len(delays) == 0 {
		return nil, fmt.Errorf("only %d of %d seconds of speech were found again in what was heard", len(delays), len(matches))
	}
	slices.Sort(delays)
	return delays, nil
}

// quantile of sorted delays.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
