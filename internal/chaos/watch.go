package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/engine"
)

const (
	// lookEvery is how often it is looked at who hears whom.
	lookEvery = 100 * time.Millisecond
	// leastGap is the shortest time without somebody's voice that counts as a gap: longer than a breath.
	leastGap = 600 * time.Millisecond
	// starvedFor is how late a look must be to show that this machine does not let us run. What that does to calls
	// looks like congestion, with a queue on the path, and starvedAfter is how long it takes until all is forgotten.
	starvedFor   = 100 * time.Millisecond
	starvedAfter = 45 * time.Second
	// deafFor is how long somebody who talks may not be heard where all has long been undisturbed.
	deafFor = 3 * time.Second
	// lingers is how long after the last word something may still be made up or said to talk.
	lingers = 2 * time.Second
	// endTime is how long all may take to be well in the end, however busy the machine is.
	endTime = 3 * time.Minute
	// mostFaults is how many are told in words.
	mostFaults = 30
)

// watch looks who hears whom. It is owned by the goroutine in run.
type watch struct {
	patience time.Duration
	people   []*person
	pairs    map[[2]*person]*pair // listener, talker
	relay    *troubles
	machine  troubles
	out      io.Writer // for what is wrong, when it is seen
	begun    time.Time
	looked   time.Time // last

	gaps   [kinds][]time.Duration
	wrong  []string
	wrongs int
	looks  int // at pairs
	judged int // of these

	live usage // of this process while all are in the call
}

// pair is how one hears another.
type pair struct {
	session uint32 // as which the talker was heard last
	real    time.Duration
	made    time.Duration
	heard   time.Time // the talker's voice, last
	came    uint64    // datagrams of it until then
	talked  bool      // at the last look
	since   time.Time // when that began
	told    bool      // that it is wrong
}

func newWatch(patience time.Duration, begun time.Time) *watch {
	return &watch{patience: patience, begun: begun, pairs: map[[2]*person]*pair{}}
}

// run lets all happen, and then waits until all is well.
func (w *watch) run(ctx context.Context, o options, r *relay, out io.Writer) error {
	w.relay, w.out = &r.troubles, out
	end := time.Now().Add(o.length)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	var lives sync.WaitGroup
	var relayErr error
	for i, p := range w.people {
		rng := rand.New(rand.NewPCG(o.seed, uint64(1000+i)))
		lives.Go(func() { o.unrest.disturb(ctx, p.path, rng, &p.troubles) })
	}
	lives.Go(func() {
		if relayErr = r.disturb(ctx, o.unrest, rand.New(rand.NewPCG(o.seed, 999)), w.relay); relayErr != nil {
			cancel()
		}
	})
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for told := time.Now(); ctx.Err() == nil; {
		<-ticks.C
		now := time.Now()
		w.look(now)
		if now.Sub(told) >= time.Minute {
			told = now
			fmt.Fprintf(out, "%v: %s\n", now.Sub(w.begun).Round(time.Second), w.brief())
		}
	}
	lives.Wait()
	if relayErr != nil {
		return relayErr
	}
	if time.Now().Before(end) {
		return errors.New("broken off")
	}
	// Everyone's troubles are over, when the last one has found out.
	calm := time.Now()
	for _, p := range w.people {
		calm = later(calm, p.path.settles())
	}
	for len(w.missing(calm)) > 0 {
		<-ticks.C
		now := time.Now()
		w.look(now)
		if now.Sub(later(calm, w.quiet())) > w.patience+turn+turnPause || now.Sub(calm) > endTime {
			for _, m := range w.missing(calm) {
				w.say("at the end, %v after the last disturbance, %s", now.Sub(calm).Round(lookEvery), m)
			}
			break
		}
	}
	return nil
}

// look is one look at everyone, every lookEvery.
func (w *watch) look(now time.Time) {
	if !w.looked.IsZero() && now.Sub(w.looked) > lookEvery+starvedFor {
		w.machine.note(trouble{starved, w.looked, now})
	}
	w.looked = now
	for _, p := range w.people {
		s := p.call.Stats()
		w.lookAway(now, p, s.Reconnecting)
		for _, t := range w.people {
			if t.mouth != nil && t != p && t.room == p.room {
				w.lookAt(now, p, t, s.Peers)
			}
		}
	}
}

// lookAway looks whether p should have its control connection back; why is why it is lost.
func (w *watch) lookAway(now time.Time, p *person, why string) {
	if why == "" {
		p.away = time.Time{}
		return
	}
	if p.away.IsZero() {
		p.away, p.told = now, false
	}
	calm := w.calm(now, p)
	if away := now.Sub(later(calm, p.away)); away > w.patience && !p.told {
		p.told = true
		w.say("%s is not connected for %v, %v after the last disturbance, at %v: %s", p.name, away.Round(lookEvery),
			now.Sub(calm).Round(lookEvery), now.Sub(w.begun).Round(lookEvery), why)
	}
}

// calm is since when nothing has disturbed p, nor the relay; now if something does.
func (w *watch) calm(now time.Time, p *person) time.Time {
	return later(w.begun, later(p.troubles.calm(now), w.relay.calm(now)))
}

// quiet is since when the machine has let everyone run, and what it did before is forgotten.
func (w *watch) quiet() time.Time {
	if busy := w.machine.calm(w.begun); busy.After(w.begun) {
		return busy.Add(starvedAfter)
	}
	return w.begun
}

// lookAt looks how p hears t.
func (w *watch) lookAt(now time.Time, p, t *person, peers []engine.PeerStats) {
	h := w.pairs[[2]*person{p, t}]
	if h == nil {
		h = &pair{heard: now}
		w.pairs[[2]*person{p, t}] = h
	}
	talks, since := t.mouth.spell(now)
	if h.talked && !talks {
		w.gap(now, h, p, t)
	}
	h.talked, h.since = talks, since
	calm := now.Sub(later(later(w.calm(now, p), w.calm(now, t)), w.quiet()))
	made := h.made
	i := slices.IndexFunc(peers, func(s engine.PeerStats) bool { return s.Name == t.name && s.Session == t.call.Session() })
	if i >= 0 {
		s := &peers[i]
		if s.Session != h.session {
			h.session, h.real, h.made = s.Session, 0, 0
			made = s.Buffer.Concealed
		}
		real := s.Buffer.Decoded + s.Buffer.Redundant + s.Buffer.FEC
		if real > h.real {
			w.gap(now, h, p, t)
			if h.told {
				fmt.Fprintf(w.out, "%s hears %s again after %v\n", p.name, t.name, now.Sub(h.heard).Round(lookEvery))
			}
			h.heard, h.came, h.told = now, s.Datagrams, false
		}
		h.real, h.made = real, s.Buffer.Concealed
	}
	w.looks++
	if calm >= w.patience {
		w.judged++
	}
	wrong := ""
	switch deaf := now.Sub(later(h.heard, since)); {
	case calm < w.patience:
	case talks && deaf > deafFor:
		wrong = fmt.Sprintf("has not heard %s for %v", t.name, deaf.Round(lookEvery))
		if i >= 0 {
			wrong += fmt.Sprintf(" (%d datagrams came since)", peers[i].Datagrams-h.came)
		} else {
			wrong += fmt.Sprintf(" (whose session %d is not in its list%s)", t.call.Session(), listed(t.name, peers))
		}
	case !talks && now.Sub(since) > lingers && (h.made > made || i >= 0 && peers[i].Talking):
		wrong = fmt.Sprintf("makes up what %s does not say", t.name)
	case talks && t.mouth.pause == 0 && now.Sub(p.ear.heard()) > deafFor:
		wrong = fmt.Sprintf("has frames of %s and plays no sound", t.name)
	}
	if wrong != "" && !h.told {
		h.told = true
		w.say("%s %s, %v after the last disturbance, at %v; %s; %s; relay: %s", p.name, wrong, calm.Round(lookEvery),
			now.Sub(w.begun).Round(lookEvery), p.state(now), t.state(now), w.relay.story(now))
	}
}

// listed tells under which sessions a name is in a list.
func listed(name string, peers []engine.PeerStats) (text string) {
	for i := range peers {
		if peers[i].Name == name {
			text += fmt.Sprintf(", which has %d", peers[i].Session)
		}
	}
	return text
}

// gap notes for how long p has not heard t talk, until now.
func (w *watch) gap(now time.Time, h *pair, p, t *person) {
	from := later(h.heard, h.since)
	if length := now.Sub(from); length >= leastGap && h.talked {
		k := cause(from.Add(leastGap), w.patience, &p.troubles, &t.troubles, w.relay)
		if k == undisturbed {
			k = cause(now, starvedAfter, &w.machine)
		}
		w.gaps[k] = append(w.gaps[k], length)
	}
}

// missing is what is not well, since all is calm.
func (w *watch) missing(calm time.Time) (all []string) {
	for key, h := range w.pairs {
		if !h.heard.After(calm.Add(time.Second)) {
			all = append(all, fmt.Sprintf("%s does not hear %s", key[0].name, key[1].name))
		}
	}
	for _, p := range w.people {
		switch s := p.call.Stats(); {
		case s.Reconnecting != "":
			all = append(all, fmt.Sprintf("%s is not connected: %s", p.name, s.Reconnecting))
		case p.call.Err() != nil:
			all = append(all, fmt.Sprintf("the call of %s has ended: %v", p.name, p.call.Err()))
		case !p.ear.heard().After(calm):
			all = append(all, p.name+" plays no sound")
		case p.ear.wrong.Load() > 0:
			all = append(all, fmt.Sprintf("%s was given %d samples beyond -1..1", p.name, p.ear.wrong.Load()))
		}
	}
	slices.Sort(all)
	return all
}

func (w *watch) say(format string, args ...any) {
	if w.wrongs++; len(w.wrong) < mostFaults {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
		fmt.Fprintln(w.out, "wrong:", w.wrong[len(w.wrong)-1])
	}
}

// faults is all that was wrong.
func (w *watch) faults() (err error) {
	for _, text := range w.wrong {
		err = errors.Join(err, errors.New(text))
	}
	if more := w.wrongs - len(w.wrong); more > 0 {
		err = errors.Join(err, fmt.Errorf("and %d more", more))
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
