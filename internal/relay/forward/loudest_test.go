package forward_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// scene is a room in virtual time: each step is 20 ms, in which every talker
// may send one datagram; ear gets what is forwarded.
type scene struct {
	c       *relaytest.Core
	talkers []*relaytest.Client
	ear     *relaytest.Client
	step    int
}

const frame = netproto.FrameDuration

func newScene(t *testing.T, places, talkers int) *scene {
	sc := &scene{c: relaytest.New(t, rooms.Config{Talkers: places, BundleWait: -1})}
	sc.ear = sc.c.Settled("", "ear")
	for i := range talkers {
		sc.talkers = append(sc.talkers, sc.c.Settled("", fmt.Sprint(i)))
	}
	sc.took()
	return sc
}

// took empties the ear and returns the sequence numbers by session, bundles
// split.
func (sc *scene) took() map[uint32][]uint32 {
	got := make(map[uint32][]uint32)
	for _, d := range sc.ear.Took() {
		items := [][]byte{d}
		if t, _ := netproto.DatagramType(d); t == netproto.TypeBundle {
			var err error
			if items, err = netproto.ParseBundle(nil, d); err != nil {
				sc.c.T.Fatal(err)
			}
		}
		for _, it := range items {
			if h, err := netproto.ParseHeader(it); err == nil && h.Type == netproto.TypeVoice {
				got[h.Session] = append(got[h.Session], h.Seq)
			}
		}
	}
	clear(sc.c.Boxes)
	return got
}

// say lets one talker send in this step.
func (sc *scene) say(i int, level uint8, voice bool) {
	sc.c.Handle(sc.talkers[i].Addr, sc.talkers[i].SaidAt("twenty milliseconds of something", level, voice))
}

// next ends the step and says which talkers (by index) were heard in it.
func (sc *scene) next() (heard []int) {
	got := sc.took()
	for i, cl := range sc.talkers {
		if len(got[cl.Session]) > 0 {
			heard = append(heard, i)
		}
	}
	sc.step++
	sc.c.Now = sc.c.Now.Truncate(frame) + frame
	return heard
}

// Ten people shout at once for 20 s: never more than four are heard at a
// time, everybody gets a share, and nobody waits for long.
func TestLoudestBound(t *testing.T) {
	sc := newScene(t, 4, 10)
	rng := rand.New(rand.NewPCG(1, 1))
	const steps = 1000
	share, last, longest := make([]int, 10), make([]int, 10), make([]int, 10)
	changes, before := 0, []int(nil)
	for step := range steps {
		for i := range sc.talkers {
			sc.say(i, uint8(15+2*i+rng.IntN(8)), rng.IntN(10) > 0)
		}
		heard := sc.next()
		if len(heard) > 4+1 { // one may give its place to another within a step
			t.Fatalf("step %d: %v heard", step, heard)
		}
		for _, i := range heard {
			longest[i] = max(longest[i], step-last[i])
			share[i]++
			last[i] = step
		}
		if !slices.Equal(heard, before) {
			changes++
		}
		before = heard
	}
	for i := range share {
		longest[i] = max(longest[i], steps-last[i])
		if time.Duration(longest[i])*frame > 10*time.Second || share[i] < steps/10 {
			t.Errorf("talker %d at level %d..: heard %d of %d, longest silence %v", i, 15+2*i, share[i], steps, time.Duration(longest[i])*frame)
		}
	}
	t.Logf("shares %v, %d changes", share, changes)
	if changes > 2*4*20 {
		t.Errorf("%d changes in 20 s", changes)
	}
}

// Two people, answering and interrupting each other, never lose a frame.
func TestLoudestTwoPeople(t *testing.T) {
	sc := newScene(t, 4, 2)
	rng := rand.New(rand.NewPCG(2, 2))
	said, heard := 0, 0
	for range 1000 {
		for i := range 2 {
			if rng.IntN(3) > 0 {
				sc.say(i, uint8(rng.IntN(128)), rng.IntN(2) == 0)
				said++
			}
		}
		heard += len(sc.next())
	}
	if heard != said {
		t.Errorf("%d of %d", heard, said)
	}
}

// A session that claims to be at its loudest all the time delays others for a
// moment, and no more; with one place only, which is the worst case.
func TestLoudestLiar(t *testing.T) {
	const steps = 1000
	for _, liars := range []int{1, 3} {
		sc := newScene(t, 1, liars+1)
		honest := liars
		step := func(speaks bool) []int {
			for i := range liars {
				sc.say(i, 0, true)
			}
			if speaks {
				sc.say(honest, 45, true)
			}
			return sc.next()
		}
		for range 200 {
			step(false)
		}
		first, share := -1, 0
		for n := range steps {
			if slices.Contains(step(true), honest) {
				share++
				if first < 0 {
					first = n
				}
			}
		}
		wait := time.Duration(first) * frame
		t.Logf("%d liars: heard after %v, %d %% of the time", liars, wait, 100*share/steps)
		if first < 0 || wait > time.Duration(liars)*2200*time.Millisecond || share < steps/(liars+1)/2 {
			t.Errorf("%d liars: heard after %v, %d of %d", liars, wait, share, steps)
		}
	}
}

// Noise from open microphones takes places only as long as nobody speaks.
func TestLoudestNoise(t *testing.T) {
	sc := newScene(t, 2, 4)
	for range 200 {
		for i := range 3 {
			sc.say(i, 30, false)
		}
		if heard := sc.next(); len(heard) != 2 {
			t.Fatalf("%v heard", heard)
		}
	}
	sc.say(3, 60, true)
	if heard := sc.next(); !slices.Contains(heard, 3) {
		t.Errorf("the one who speaks is not heard: %v", heard)
	}
}

// Who gets a place when another one stops is heard from 200 ms before.
func TestPreroll(t *testing.T) {
	sc := newScene(t, 1, 2)
	for range 100 {
		sc.say(0, 20, true)
		sc.next()
	}
	a, b := sc.talkers[0], sc.talkers[1]
	var heardB []uint32
	for step := range 100 {
		if step < 20 {
			sc.say(0, 20, true)
		}
		sc.say(1, 30, true)
		got := sc.took()
		if step >= 20 && len(got[a.Session]) > 0 {
			t.Fatal("a is heard without speaking")
		}
		heardB = append(heardB, got[b.Session]...)
		sc.step++
		sc.c.Now = sc.c.Now.Truncate(frame) + frame
	}
	if len(heardB) == 0 {
		t.Fatal("b is never heard")
	}
	for i, seq := range heardB { // without a hole, in order, each once
		if seq != heardB[0]+uint32(i) {
			t.Fatalf("%v", heardB)
		}
	}
	// a fell silent with step 19; at the latest 400 ms after that b has its place.
	if first := heardB[0]; first < 12 || first > 32 || heardB[len(heardB)-1] != 100 {
		t.Errorf("b is heard from frame %d to %d", first, heardB[len(heardB)-1])
	}
}
