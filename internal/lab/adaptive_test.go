package lab

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/tincan-voice/tincan/internal/synth"
)

func TestAdaptive(t *testing.T) {
	speech := synth.Speech(20*second, 1)
	for _, where := range []Where{Up, Down} {
		const seeds = 3
		var plain, made, load float64 // means
		for seed := range uint64(seeds) {
			c := Config{Speech: speech, Network: preset("loss10"), Where: where, Seed: seed, Unjudged: true}
			plain += run(t, c).Figures.Speech.Concealed / seeds
			c.Adaptive = true
			f := run(t, c).Figures
			made += f.Speech.Concealed / seeds
			load += max(f.Wire.Up, f.Wire.Down) / seeds
			if n := len(f.Adaptation); n == 0 || len(f.Adaptation[n-1].Copies) == 0 {
				t.Errorf("loss10 %s: %+v", where, f.Adaptation)
			}
		}
		if made > plain/2 || load > 45 {
			t.Errorf("loss10 %s: %.1f %% concealed, without repair %.1f %%, at %.1f kbit/s", where, made, plain, load)
		}
	}
	if f := run(t, Config{Speech: speech, Network: preset("thin32"), Where: Up, Adaptive: true, Unjudged: true}).Figures; f.Wire.Up > 32 || f.Delay.WithoutFill.P99 > 500 || f.Speech.Concealed > 3 {
		t.Errorf("thin32: %+v, %+v, %+v", f.Wire, f.Delay, f.Speech)
	}
	capped := Config{Speech: speech, Network: preset("loss10"), Where: Up, Adaptive: true, Cap: 24}
	f := run(t, capped).Figures
	if f.Wire.UpPeak > 24 || f.Wire.DownPeak > 24 {
		t.Errorf("cap 24: %+v", f.Wire)
	}
	if again := run(t, capped).Figures; !reflect.DeepEqual(f, again) {
		t.Error("the same call, other figures")
	}
}

// On a clean path repair costs next to nothing.
func TestAdaptiveOnACleanPath(t *testing.T) {
	f := run(t, Config{Speech: synth.Speech(20*second, 1), Network: preset("lan"), Adaptive: true, Unjudged: true}).Figures
	last := f.Adaptation[len(f.Adaptation)-1]
	if len(last.Copies) > 0 || last.Bitrate != 24000 || max(f.Wire.ListenerBack, f.Wire.TalkerBack) > mostBack(20) || f.Speech.Concealed > 0.1 {
		t.Errorf("%+v, %+v, %+v", last, f.Wire, f.Speech)
	}
}

// A listener's cap takes nothing out of the voice once the talker knows of it.
func TestListenersCap(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	speech = slices.Concat(speech, speech, speech)
	for _, kbps := range []int{16, 20, 22, 28} {
		f := run(t, Config{Speech: speech, Network: preset("lan"), Adaptive: true, Cap: kbps, listenerOnly: true, Unjudged: true}).Figures
		t.Logf("cap %d: %+v, %+v", kbps, f.Speech, f.Wire)
		if f.Speech.Concealed > 2 || f.Wire.DownPeak > float64(kbps) || f.Wire.Down < 0.7*float64(kbps) {
			t.Errorf("cap %d: %+v, %+v", kbps, f.Speech, f.Wire)
		}
	}
}

// Three talk at once over paths whose queue others fill: the listener hears all. Where what they say does not fit,
// it hears one without long delay.
func TestSeveralTalkers(t *testing.T) {
	speech, err := MadeSpeech()
	if err != nil {
		t.Fatal(err)
	}
	speech = slices.Concat(speech, speech)
	const calls = 5 // one call says little: which stall the buffer is full in, and which of three is left out, is chance
	for _, network := range []string{"bufferbloat", "edge"} {
		var dropped float64
		for seed := range uint64(calls) {
			f := run(t, Config{Speech: speech, Network: preset(network), Adaptive: true, Talkers: 3, Seed: seed, Unjudged: true}).Figures
			t.Logf("%s: %+v", network, f.Speech)
			if f.Speech.LongestGapMS > 600 {
				t.Errorf("%s: %+v", network, f.Speech)
			}
			dropped += f.Speech.Dropped / calls
		}
		if dropped > 5 {
			t.Errorf("%s: %.2f %% dropped", network, dropped)
		}
	}
	if f := run(t, Config{Speech: speech, Network: preset("lan"), Adaptive: true, Talkers: 2, Cap: 64, Unjudged: true}).Figures; f.Speech.Dropped > 1 || f.Wire.DownPeak > 64 {
		t.Errorf("cap 64: %+v, %+v", f.Speech, f.Wire)
	}
	var late float64 // half of what is heard
	for seed := range uint64(calls) {
		f := run(t, Config{Speech: speech, Network: preset("thin32"), Adaptive: true, Talkers: 3, Seed: seed, Unjudged: true}).Figures
		if t.Logf("thin32: %+v, %+v", f.Delay.WithoutFill, f.Speech); f.Wire.Down > 35 {
			t.Errorf("thin32: %+v", f.Wire)
		}
		late += f.Delay.WithoutFill.P50 / calls
	}
	if late > 450 {
		t.Errorf("thin32: half of what is heard is %.0f ms late", late)
	}
	alone := run(t, Config{Speech: speech, Network: preset("loss10"), Unjudged: true}).Figures.Network
	if f := run(t, Config{Speech: speech, Network: preset("loss10"), Talkers: 2, Unjudged: true}).Figures; f.Network.LossPct < alone.LossPct/2 || f.Network.Delay.Mean < alone.Delay.Mean-5 {
		t.Errorf("the network of one of two talkers: %+v, alone: %+v", f.Network, alone)
	}
	if _, err := Run(t.Context(), Config{Speech: speech, Network: preset("lan"), Talkers: 5}); !errors.Is(err, ErrTalkers) {
		t.Errorf("five talkers: %v", err)
	}
}
