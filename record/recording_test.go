package record

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
)

// said is a talker of a test: a tone from one time to another, whose frames come at times of their own.
type said struct {
	name     string
	hz       float64
	from, to time.Duration
	number   uint32                                              // of the first frame
	comes    func(i int, at time.Duration) (time.Duration, bool) // when frame i comes that was said at that time; false: never
}

func prompt(_ int, at time.Duration) (time.Duration, bool) { return at, true }

// play records what is said for 10 s and returns the files as they sound, by name.
func play(t *testing.T, all ...said) map[string][]float32 {
	t.Helper()
	enc, err := opus.NewEncoder(codec.EncoderConfig{Bitrate: mixBitrate})
	if err != nil {
		t.Skip(err)
	}
	r, err := newRecording(enc, opus.NewDecoder)
	if err != nil {
		t.Fatal(err)
	}
	const length = 10 * time.Second
	tracks := map[string]*track{}
	due := map[time.Duration][]func(){} // in ms
	for _, s := range all {
		coder, _ := opus.NewEncoder(codec.EncoderConfig{})
		tone := audio.Tone(s.hz, -20)
		for i := 0; s.from+time.Duration(i)*frame < s.to; i++ {
			pcm, packet := make([]float32, codec.FrameSize), make([]byte, codec.MaxFrameBytes)
			_, _ = tone.Read(pcm)
			n, err := coder.Encode(pcm, packet)
			if err != nil {
				t.Fatal(err)
			}
			at, ok := s.comes(i, s.from+time.Duration(i)*frame)
			if at = at.Truncate(time.Millisecond); !ok {
				continue
			}
			due[at] = append(due[at], func() {
				if tracks[s.name] == nil {
					tracks[s.name], _ = r.track(s.name)
				}
				tracks[s.name].take(at, s.number+uint32(i), packet[:n])
			})
		}
		end := s.to + 5*time.Millisecond
		due[end] = append(due[end], func() { // as a talkspurt ends, and the talker leaves
			tracks[s.name].take(end, s.number+uint32((s.to-s.from)/frame), nil)
		})
		due[length] = append(due[length], func() { _ = r.leave(tracks[s.name]) })
	}
	for now := time.Duration(0); now <= length; now += time.Millisecond {
		for _, f := range due[now] {
			f()
		}
		if now%(250*time.Millisecond) == 0 {
			if err := r.poll(now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.end(length); err != nil {
		t.Fatal(err)
	}
	files := map[string][]float32{"mix": sound(t, r.mix.out.Bytes())}
	for _, tr := range r.tracks {
		files[tr.name] = sound(t, tr.out.Bytes())
	}
	return files
}

func sound(t *testing.T, file []byte) []float32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.opus")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := audio.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	pcm := make([]float32, 20*audio.SampleRate)
	n := 0
	for {
		m, err := src.Read(pcm[n:])
		if n += m; err != nil {
			return pcm[:n]
		}
	}
}

// onsets is where sound begins and ends, by blocks of 5 ms.
func onsets(pcm []float32) (edges []time.Duration) {
	const block = audio.SampleRate / 200
	loud := false
	for i := 0; i+block <= len(pcm); i += block {
		var sum float64
		for _, s := range pcm[i:][:block] {
			sum += float64(s) * float64(s)
		}
		if now := math.Sqrt(sum/block) > 0.01; now != loud {
			loud = now
			edges = append(edges, time.Duration(i)*time.Second/audio.SampleRate)
		}
	}
	if loud {
		edges = append(edges, time.Duration(len(pcm))*time.Second/audio.SampleRate)
	}
	return edges
}

// All files begin when the recording did, and everyone is where they were in time, whatever came late or not at all.
func TestTracksAreInStep(t *testing.T) {
	jitter := func(i int, at time.Duration) (time.Duration, bool) {
		return at + time.Duration(i*37%5)*20*time.Millisecond, i%5 != 3 || i%25 == 3 // in runs, out of order; some lost
	}
	resent := func(i int, at time.Duration) (time.Duration, bool) {
		if i > 10 && i%10 == 7 {
			at += 900 * time.Millisecond
		}
		return at, true
	}
	files := play(t,
		said{"Ann", 300, 1003 * time.Millisecond, 3003 * time.Millisecond, 5000, prompt},
		said{"Bob", 500, 2517 * time.Millisecond, 4517 * time.Millisecond, 7, jitter},
		said{"Cid", 700, 6 * time.Second, 8 * time.Second, math.MaxUint32 - 20, resent},
		said{"Ann", 300, 7 * time.Second, 8 * time.Second, 5000 + 300 + 13, prompt}, // 260 ms astray
	)
	for name, want := range map[string][]time.Duration{
		"Ann": {1003 * time.Millisecond, 3003 * time.Millisecond, 7 * time.Second, 8 * time.Second},
		"Bob": {2517 * time.Millisecond, 4517 * time.Millisecond},
		"Cid": {6 * time.Second, 8 * time.Second},
		"mix": {1003 * time.Millisecond, 4517 * time.Millisecond, 6 * time.Second, 8 * time.Second},
	} {
		got := onsets(files[name])
		if len(got) != len(want) {
			t.Errorf("%s: sound at %v, want %v", name, got, want)
			continue
		}
		for i := range want {
			if off := got[i] - want[i]; off < -25*time.Millisecond || off > 25*time.Millisecond {
				t.Errorf("%s: sound at %v, want %v", name, got, want)
				break
			}
		}
	}
	if got := len(files["mix"]); got < 10*audio.SampleRate-960 || got > 10*audio.SampleRate+1920 {
		t.Errorf("the mix has %d samples", got)
	}
}

// Numbers that leap do not make a file of any length.
func TestNumbersLeap(t *testing.T) {
	files := play(t,
		said{"Ann", 300, 1 * time.Second, 2 * time.Second, 5, prompt},
		said{"Ann", 300, 2*time.Second + 60*time.Millisecond, 3 * time.Second, 1 << 30, prompt},
		said{"Ann", 300, 4 * time.Second, 5 * time.Second, 77, prompt},
	)
	if got := onsets(files["Ann"]); len(got) < 4 || got[len(got)-1] > 5100*time.Millisecond || got[len(got)-1] < 4900*time.Millisecond {
		t.Errorf("sound at %v", got)
	}
}

// What is no packet of 20 ms moves nothing.
func TestMalformedFrames(t *testing.T) {
	dec, err := opus.NewDecoder()
	if err != nil {
		t.Skip(err)
	}
	enc, _ := opus.NewEncoder(codec.EncoderConfig{})
	r, err := newRecording(enc, func() (codec.Decoder, error) { return dec, nil })
	if err != nil {
		t.Fatal(err)
	}
	tr, _ := r.track("Eve")
	for i, data := range [][]byte{{0xf8, 0xff, 0xfe}, {0xfb, 0x86}, {0xff}, {0xe0, 1, 2}, nil, {0xf8, 0xff, 0xfe}} {
		tr.take(time.Duration(i)*frame, uint32(i), data)
	}
	if err := r.end(time.Second); err != nil {
		t.Fatal(err)
	}
	if got := len(sound(t, tr.out.Bytes())); got != 6*codec.FrameSize-codec.Lookahead {
		t.Errorf("%d samples", got)
	}
}

func FuzzTrack(f *testing.F) {
	f.Add([]byte{1, 20, 3, 0xf8, 0xff, 0xfe})
	f.Fuzz(func(t *testing.T, script []byte) {
		enc, err := opus.NewEncoder(codec.EncoderConfig{Complexity: 1})
		if err != nil {
			t.Skip(err)
		}
		r, err := newRecording(enc, opus.NewDecoder)
		if err != nil {
			t.Fatal(err)
		}
		tr, _ := r.track("Eve")
		now, number := time.Duration(0), uint32(0)
		for len(script) > 3 {
			now += time.Duration(script[1]) * time.Millisecond
			number += uint32(int8(script[0]))
			n := min(int(script[2]), len(script)-3)
			tr.take(now, number, script[3:][:n])
			script = script[3+n:]
			if err := r.poll(now); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.end(now); err != nil {
			t.Fatal(err)
		}
	})
}
