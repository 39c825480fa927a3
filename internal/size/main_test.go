package main

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is a swarm where the command starts one of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-relay" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// The command measures, a hundredth of the size here, and says what it has found.
func TestSize(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), trials(100, time.Second), &out)
	if err != nil && !strings.Contains(err.Error(), "contradict") { // so small that anything else on this machine counts more
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, name := range []string{"idle", "rooms", "large room", "mixture", "three", "a third"} {
		if !strings.Contains(out.String(), "\n"+name+" ") {
			t.Errorf("nothing is said of %s:\n%s", name, &out)
		}
	}
	t.Logf("%s", &out)
}

// What was measured with known costs gives these costs, and the right number of relays.
func TestModel(t *testing.T) {
	want := costs{probe: 13e-6, in: 4e-6, out: 3e-6, memory: 15000}
	of := func(l load) measured {
		return measured{load: l, cpu: want.cores(l), memory: want.memory * float64(l.sessions)}
	}
	got, err := fit(of(load{sessions: 20000, probes: 10000}), of(load{sessions: 6000, probes: 12000, in: 1e5, out: 2e5}), of(load{sessions: 1000, probes: 2000, in: 200, out: 54000}))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][2]float64{{got.probe, want.probe}, {got.in, want.in}, {got.out, want.out}, {got.memory, want.memory}} {
		if math.Abs(v[0]/v[1]-1) > 1e-9 {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if _, err := fit(measured{}, measured{}, measured{}); err == nil {
		t.Error("costs of nothing")
	}
	if s := spread(1, 7); math.Abs(s-1) > 1e-9 {
		t.Errorf("one member is at %v relays", s)
	}
	if s := spread(1000, 3); math.Abs(s-3) > 1e-9 {
		t.Errorf("a thousand are at %v relays of three", s)
	}
	// Idle, a million sessions take 1e6 * 0.5 * 13 us = 6.5 cores; 16 at 0.87 * 0.6 are 8.4.
	if n, per := want.cluster(1e6, 10, 0); n != 1 || math.Abs(per-6.5) > 1e-9 {
		t.Errorf("%d relays, %v cores", n, per)
	}
	// With a talker in each room of two: on R relays a datagram comes at 2 - 1/R of them, and goes to one listener and on.
	n, per := want.cluster(1e6, 2, 1)
	at := 2 - 1/float64(n)
	if want := 1e6*2*13e-6 + 5e5*50*(at*4e-6+at*3e-6); math.Abs(per-want) > 1e-6 || per > float64(n)*cores*together*headroom {
		t.Errorf("%d relays, %v cores, want %v", n, per, want)
	}
	if n, _ := want.cluster(1e9, 10, 1); n != 0 {
		t.Errorf("a thousand million on %d relays", n)
	}
}
