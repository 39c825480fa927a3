// Command demo runs a real call on this machine and shows what was heard: a relay and
// three clients as separate processes, with an emulated bad network between them.
//
//	Ann  --tincan--+                                  +--tincan--> Cleo (heard.wav)
//	               +--> network --> tincand --> network
//	Bob  --tincan--+
//
// Ann and Bob speak (espeak-ng makes their voices), Cleo listens and writes what she hears.
// The delay is measured from the audio: each second of what was said is looked for in
// what was heard. It needs no sound card and ends by itself; the exit code says
// whether the call worked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/udpproxy"
)

// talkers are the two who speak, with espeak-ng voices and texts of about fifteen seconds.
var talkers = []talker{
	{name: "Ann", voice: "en-gb+f3", text: "Hello Bob, this is Ann. I am calling over a network that loses one packet in twenty, " +
		"and delivers the rest when it likes. Can you still follow every word that I say? " +
		"The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. " +
		"It is easy to tell the depth of a well."},
	{name: "Bob", voice: "en-us+m3", text: "Good evening Ann, Bob speaking. Rice is often served in round bowls. " +
		"The juice of lemons makes fine punch. The box was thrown beside the parked truck. " +
		"The hogs were fed chopped corn and garbage. Four hours of steady work faced us. " +
		"I hear you well, even though the line is poor."},
}

type talker struct{ name, voice, text string }

func main() {
	o := options{}
	flag.StringVar(&o.network, "network", "", "network preset between every client and the relay, each way (tincan lab presets lists them);\n"+
		"default: 5 % loss and 40 ms +-30 ms from end to end, half of it on each side")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the network")
	flag.StringVar(&o.dir, "dir", filepath.Join("build", "demo"), "folder for speech, heard.wav and logs")
	flag.DurationVar(&o.talk, "for", 18*time.Second, "how long the talkers stay")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

type options struct {
	network string
	seed    uint64
	dir     string
	talk    time.Duration
}

func run(ctx context.Context, o options) (err error) {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	network, about, err := chooseNetwork(o)
	if err != nil {
		return err
	}
	if err := speak(ctx, o.dir); err != nil {
		return err
	}
	stage := stage{dir: o.dir}
	defer func() { err = errors.Join(err, stage.close()) }()
	relay, err := stage.startRelay(ctx)
	if err != nil {
		return err
	}
	proxy, err := udpproxy.Start(udpproxy.Config{Target: relay, Network: network})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	fmt.Printf("relay at %s; network at %s: %s (seed %d)\n", relay, proxy.Addr(), about, o.seed)

	join := func(name, in, out string, stay time.Duration) (*client, error) {
		return stage.join(ctx, name, proxy.Addr().String(), "--in", in, "--out", out, "--overwrite", "--for", stay.String(),
			"--known-relays", filepath.Join(o.dir, "known_relays"))
	}
	heard := filepath.Join(o.dir, "heard.wav")
	cleo, err := join("Cleo", "none", heard, o.talk+time.Second)
	if err != nil {
		return err
	}
	clients := map[string]*client{}
	for _, t := range talkers {
		if clients[t.name], err = join(t.name, speechPath(o.dir, t), "none", o.talk); err != nil {
			return err
		}
	}
	fmt.Printf("Ann and Bob talk, Cleo listens, for %s ...\n", o.talk)
	for _, c := range []*client{clients["Ann"], clients["Bob"], cleo} {
		if err := c.wait(); err != nil {
			return err
		}
	}
	return report(o.dir, heard, cleo, clients)
}

// chooseNetwork returns the maker of every client's links, and what they imitate.
func chooseNetwork(o options) (func(uint64) (up, down netsim.Link), string, error) {
	if o.network != "" {
		if _, _, err := netsim.Preset(o.network, o.seed); err != nil {
			return nil, "", err
		}
		return func(number uint64) (up, down netsim.Link) {
			up, down, _ = netsim.Preset(o.network, o.seed+number) // the name has been checked
			return up, down
		}, o.network + " each way", nil
	}
	half := func(seed uint64) netsim.Link {
		const ms = time.Millisecond
		return netsim.Chain(netsim.Loss(0.025, seed), netsim.Delay(5*ms), netsim.Jitter(netsim.Uniform(0, 30*ms), false, seed+1))
	}
	return func(number uint64) (up, down netsim.Link) {
		seed := (o.seed + number) * 4
		return half(seed), half(seed + 2)
	}, "5 % loss, 40 ms +-30 ms from end to end", nil
}
