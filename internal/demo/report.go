package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
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

// report prints the table and says whether the call worked: both talkers have to be
// heard, and found again in what was heard.
func report(dir, heardPath string, cleo *client, clients map[string]*client) error {
	heard, err := audio.ReadWAV(heardPath)
	if err != nil {
		return err
	}
	fmt.Println("\nWhat Cleo heard:")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "talker\tframes\tlost\trepaired\tconcealed\tmouth-to-ear p50\tp95\tbuffer\ton the wire\t")
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
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d ms\t%d ms\t%.0f ms\t%.1f kbit/s\t\n", t.name, p.Frames, p.Lost, p.Repaired, p.Concealed,
			quantile(delays, 0.5).Milliseconds(), quantile(delays, 0.95).Milliseconds(), p.BufferMS, c.summary.Stats.Link.UpKbps)
		if p.Frames == 0 || p.Concealed*5 > p.Frames {
			failed = append(failed, fmt.Errorf("%s: %d of %d frames concealed: the call did not survive", t.name, p.Concealed, p.Frames))
		}
	}
	w.Flush()
	for _, t := range talkers {
		fmt.Printf("\nHow %s sent (bitrate x frames per datagram), and why:\n", t.name)
		c := clients[t.name]
		for _, l := range c.ladder {
			fmt.Printf("%6.1f s  %s\n", max(l.Time.Sub(c.capture).Seconds(), 0), l.Text)
		}
	}
	fmt.Printf("\nCleo received %.1f kbit/s; all rates count IP and UDP headers. Listen: %s\n", cleo.summary.Stats.Link.DownKbps, heardPath)
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
