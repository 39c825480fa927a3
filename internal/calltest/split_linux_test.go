package calltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/internal/synth"
)

// cluster is three relays with the real programs, each in a network namespace of its own, on one switch. Who talks at a
// relay is in its namespace.
//
//	 relay 1      relay 2      relay 3       clients
//	10.77.0.1    10.77.0.2    10.77.0.3     10.77.0.4
//	    |            |            |             |
//	    +------------+---switch---+-------------+  10.77.0.254: NATS, where it is elsewhere
type cluster struct {
	*stage
	id     string // of all its namespaces
	relays [4]*exec.Cmd
}

// place is a namespace: of a relay, 4 of clients, 0 of the switch.
func (c *cluster) place(n int) string   { return fmt.Sprintf("at%d-%s", n, c.id) }
func (c *cluster) address(n int) string { return fmt.Sprintf("10.77.0.%d:9999", n) }

// newCluster makes the namespaces.
func newCluster(t *testing.T, programs, id string) *cluster {
	c := &cluster{stage: newStage(t, programs), id: fmt.Sprint(id, os.Getpid())}
	c.namespace(c.place(0))
	c.sh(c.place(0), "ip link add switch type bridge; ip addr add 10.77.0.254/24 dev switch; ip link set switch up")
	for n := 1; n <= 4; n++ {
		c.namespace(c.place(n))
		c.sh(c.place(0), "ip link add port%[1]d type veth peer name net netns %[2]s; ip link set port%[1]d master switch up", n, c.place(n))
		c.sh(c.place(n), "ip addr add 10.77.0.%d/24 dev net; ip link set net up; ip route add default via 10.77.0.254", n)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "secret"), clusterSecret, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// serveAll starts the relays, which have one key. Each has a NATS server in it, unless there is one at a URL.
func (c *cluster) serveAll(url string) {
	c.t.Helper()
	for n := 1; n <= 3; n++ {
		state := filepath.Join(c.dir, fmt.Sprint("state", n))
		if err := os.Mkdir(state, 0o700); err != nil {
			c.t.Fatal(err)
		}
		if n > 1 {
			key, err := os.ReadFile(filepath.Join(c.dir, "state1", "relay.pem"))
			if err == nil {
				err = os.WriteFile(filepath.Join(state, "relay.pem"), key, 0o600)
			}
			if err != nil {
				c.t.Fatal(err)
			}
		}
		way := []string{"--nats", url}
		if url == "" {
			way = []string{"--peers", fmt.Sprintf("10.77.0.%d,10.77.0.%d", n%3+1, (n+1)%3+1)}
		}
		c.relays[n], _ = c.serve(c.place(n), append([]string{"--state", state, "--cluster", fmt.Sprint(n),
			"--cluster-secret", c.dir + "/secret", "--cluster-address", fmt.Sprint("10.77.0.", n)}, way...)...)
	}
}

// speech is a file of a minute, so that there is voice: a tone is soon taken for a noise.
func (c *cluster) speech() string {
	c.t.Helper()
	path := filepath.Join(c.dir, "speech.wav")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	w, err := audio.CreateWAV(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := w.Write(synth.Speech(60*audio.SampleRate, 7)); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// talkAt has somebody join a relay from its own namespace.
func (c *cluster) talkAt(n int, name string) *talker {
	return c.talk(c.place(n), c.address(n), name, "--in", c.speech(), "--out", "none")
}

// allHear waits until each hears all others, which they begin to do after a time.
func allHear(from time.Time, people ...*talker) {
	for _, p := range people {
		for _, q := range people {
			if p != q {
				p.await(from, "talking", q.name)
			}
		}
	}
}

// hearAgain waits until the people of one side hear those of the other one again, who were gone.
func hearAgain(from time.Time, one, other []*talker) {
	for _, p := range one {
		for _, q := range other {
			p.await(from, "talking", q.name)
			q.await(from, "talking", p.name)
		}
	}
}

// noGap ends the call for these people, who must have heard each other all the time since all of them were there.
func noGap(since time.Time, people ...*talker) {
	until := time.Now()
	for _, p := range people {
		p.leave()
	}
	for _, p := range people {
		for _, h := range p.since(since, "left", "reconnecting") {
			about := slices.ContainsFunc(people, func(q *talker) bool { return q.name == h.Name })
			if h.Time.Before(until) && (about || h.Event == "reconnecting") {
				p.t.Errorf("%s: %s %s after %v", p.name, h.Event, h.Name, h.Time.Sub(since))
			}
		}
		summary := p.since(time.Time{}, "summary")
		if len(summary) != 1 {
			p.t.Fatalf("%s has no summary", p.name)
		}
		for _, q := range people {
			if p != q {
				heardAllOf(p, q, until, &summary[0])
			}
		}
	}
}

// heardAllOf wants of what a talker has said next to nothing lost, as a machine that is busy loses a few frames, and of
// the time since it began that much filled that there was no gap of seconds: it talks without a pause.
func heardAllOf(p, q *talker, until time.Time, summary *happening) {
	var talkers, frames, lost uint64
	for _, peer := range summary.Stats.Peers {
		if peer.Name == q.name {
			talkers, frames, lost = talkers+1, frames+peer.Frames, lost+peer.Lost
		}
	}
	heard, of := time.Duration(frames)*20*time.Millisecond, until.Sub(p.await(time.Time{}, "talking", q.name).Time)
	if talkers != 1 || lost > frames/50 || heard < of*8/10 {
		p.t.Errorf("%s heard %s as %d talkers, for %v of %v, and %d frames were lost", p.name, q.name, talkers, heard, of, lost)
	}
}

// TestClusterInNetworks has three relays and the people in their one room go through what docs/cluster.md says of what
// happens when.
func TestClusterInNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("the programs take their time, and no race can be seen in them")
	}
	needNamespaces(t)
	programs := buildPrograms(t, "github.com/nats-io/nats-server/v2")
	for name, do := range map[string]func(t *testing.T, programs string){
		"killed": relayIsKilled, "split": relaysAreSplit, "no NATS": natsIsGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, programs)
		})
	}
}

// relayIsKilled: its client dials the one name of all relays and goes on at another one.
func relayIsKilled(t *testing.T, programs string) {
	c := newCluster(t, programs, "k")
	hosts := "127.0.0.1 localhost\n10.77.0.1 relays.test\n10.77.0.2 relays.test\n10.77.0.3 relays.test\n"
	if err := os.WriteFile(filepath.Join(c.dir, "hosts"), []byte(hosts), 0o600); err != nil {
		t.Fatal(err)
	}
	c.serveAll("")
	var start time.Time
	ann := c.talk(c.place(4), "relays.test:9999", "Ann", "--in", c.speech(), "--out", "none")
	at := int(ann.await(start, "connected", "").Session>>25) % 64 // docs/cluster.md: the relay's number
	bob, cid := c.talkAt(at%3+1, "Bob"), c.talkAt((at+1)%3+1, "Cid")
	allHear(start, ann, bob, cid)

	killed := time.Now()
	_ = c.relays[at].Process.Kill()
	after := func(h happening) time.Duration { return h.Time.Sub(killed).Round(10 * time.Millisecond) }
	back := ann.await(killed, "reconnected", "")
	if after(back) > 3*time.Second {
		t.Errorf("at another relay after %v", after(back))
	}
	t.Logf("Ann is at another relay after %v", after(back))
	for _, p := range []*talker{bob, cid} {
		t.Logf("her old self is gone for %s after %v", p.name, after(p.await(killed, "left", "Ann")))
		t.Logf("she hears %[1]s after %v, and %[1]s her after %v", p.name, after(ann.await(killed, "talking", p.name)), after(p.await(killed, "talking", "Ann")))
	}
	noGap(killed, bob, cid)
}

// relaysAreSplit: each side goes on by itself, and then all meet again. So they do when a relay has stood still, taking
// nothing of what it was told.
func relaysAreSplit(t *testing.T, programs string) {
	c := newCluster(t, programs, "s")
	c.serveAll("")
	ann, amy, bob, cid := c.talkAt(1, "Ann"), c.talkAt(1, "Amy"), c.talkAt(2, "Bob"), c.talkAt(3, "Cid")
	one, other := []*talker{ann, amy, bob}, []*talker{cid}
	allHear(time.Time{}, ann, amy, bob, cid)
	begun := time.Now()
	port := func(state string) { c.sh(c.place(0), "ip link set port3 %s", state) }
	for _, trouble := range []struct {
		name        string
		begin, over func()
	}{
		{"cut", func() { port("down") }, func() { port("up") }},
		{"stopped", func() { _ = c.relays[3].Process.Signal(syscall.SIGSTOP) }, func() { _ = c.relays[3].Process.Signal(syscall.SIGCONT) }},
	} {
		from := time.Now()
		trouble.begin()
		for _, p := range one {
			p.await(from, "left", "Cid")
			if trouble.name == "cut" {
				cid.await(from, "left", p.name)
			}
		}
		t.Logf("%s: two lists after %v", trouble.name, time.Since(from).Round(10*time.Millisecond))
		over := time.Now()
		trouble.over()
		hearAgain(over, one, other) // voice can be opened with the keys of one epoch alone
		t.Logf("%s: all hear all %v after it was over", trouble.name, time.Since(over).Round(10*time.Millisecond))
	}
	noGap(begun, ann, amy, bob)
}

// natsIsGone: the relays use a NATS server elsewhere, which is killed while UDP between them works. Rooms go on at each
// relay, and meet when there is one again.
func natsIsGone(t *testing.T, programs string) {
	c := newCluster(t, programs, "n")
	nats := func() *exec.Cmd {
		cmd, _ := c.start(c.place(0), "nats-server", "--addr", "10.77.0.254", "--port", "4222")
		return cmd
	}
	server := nats()
	c.serveAll("nats://10.77.0.254:4222")
	ann, amy, bob := c.talkAt(1, "Ann"), c.talkAt(1, "Amy"), c.talkAt(2, "Bob")
	allHear(time.Time{}, ann, amy, bob)
	begun := time.Now()
	_ = server.Process.Kill()
	for _, p := range []*talker{ann, amy} {
		p.await(begun, "left", "Bob")
		bob.await(begun, "left", p.name)
	}
	t.Logf("each relay for itself after %v", time.Since(begun).Round(10*time.Millisecond))
	again := time.Now()
	nats()
	hearAgain(again, []*talker{ann, amy}, []*talker{bob})
	t.Logf("all hear all %v after there was a server again", time.Since(again).Round(10*time.Millisecond))
	noGap(begun, ann, amy)
}
