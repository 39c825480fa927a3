package main

import (
	"testing"

	"github.com/tincan-voice/tincan/audio/device"
	"github.com/tincan-voice/tincan/engine"
)

// Only devices are opened again, not files.
func TestWhatIsOpenedAgain(t *testing.T) {
	keeper := device.NewKeeper()
	defer keeper.Close()
	for _, tt := range []struct {
		in, out      string
		source, sink bool
	}{{"", "", true, true}, {"tone", "heard.wav", false, false}, {"Mic", "none", true, false}} {
		d := &devices{keeper: keeper, in: tt.in, out: tt.out}
		var cfg engine.Config
		d.reopen(&cfg)
		if source, sink := cfg.ReopenSource != nil, cfg.ReopenSink != nil; source != tt.source || sink != tt.sink {
			t.Errorf("--in %q --out %q: input %v, output %v", tt.in, tt.out, source, sink)
		}
	}
}
