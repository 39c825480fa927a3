package calltest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
)

var measureGaps = flag.Bool("gaps", false, "measure for how long nothing is heard when networks and relays fail; takes root, iproute2 and nftables")

// bench is two people who talk all the time, with the real programs, each in a network namespace of its own: Ann, and
// Bob beside the relay. There are two links between them.
//
//	ann, 10.77.1.2 ---- link 1 ---- 10.77.1.1, bob and relays,
//	     10.77.2.2 ---- link 2 ---- 10.77.2.1  10.77.0.1
type bench struct {
	*stage
	far      string // namespace of Ann
	near     string
	relay    *exec.Cmd
	ann, bob *talker
}

const benchRelay = "10.77.0.1:9999"

// newBench makes both namespaces and starts the relay.
func newBench(t *testing.T, programs string) *bench {
	pid := os.Getpid()
	b := &bench{stage: newStage(t, programs), far: fmt.Sprint("far", pid), near: fmt.Sprint("near", pid)}
	b.namespace(b.far)
	b.namespace(b.near)
	b.sh(b.near, "ip addr add 10.77.0.1/32 dev lo")
	for i := 1; i <= 2; i++ {
		b.sh(b.near, `ip link add link%[1]d type veth peer name link%[1]d netns %[2]s
			ip addr add 10.77.%[1]d.1/24 dev link%[1]d; ip link set link%[1]d up`, i, b.far)
		b.sh(b.far, "ip addr add 10.77.%[1]d.2/24 dev link%[1]d", i)
		for _, ns := range []string{b.far, b.near} { // what comes in there by this link can be dropped
			b.sh(ns, "nft 'add table netdev drops; add chain netdev drops link%[1]d { type filter hook ingress device link%[1]d priority 0; }'", i)
		}
	}
	b.up(1)
	b.serveOne()
	return b
}

// up has a link of Ann's work, with its route.
func (b *bench) up(link int) {
	b.sh(b.far, "ip link set link%[1]d up; ip route replace 10.77.0.1 via 10.77.%[1]d.1 metric %[1]d", link)
}

// drop has what of both links matches be lost on the way up, down, or both.
func (b *bench) drop(way, match string) {
	for _, ns := range b.ends(way) {
		for link := 1; link <= 2; link++ {
			b.sh(ns, "nft 'add rule netdev drops link%d %s drop'", link, match)
		}
	}
}

// dropOn has what matches be lost on one link, both ways.
func (b *bench) dropOn(link int, match string) {
	for _, ns := range b.ends("both") {
		b.sh(ns, "nft 'add rule netdev drops link%d %s drop'", link, match)
	}
}

// heal has nothing be lost any more.
func (b *bench) heal() {
	for _, ns := range b.ends("both") {
		b.sh(ns, "nft flush table netdev drops")
	}
}

func (b *bench) ends(way string) []string {
	switch way {
	case "up":
		return []string{b.near}
	case "down":
		return []string{b.far}
	}
	return []string{b.far, b.near}
}

// serveOne starts the relay.
func (b *bench) serveOne(args ...string) {
	b.relay, _ = b.serve(b.near, append([]string{"9999", "--state", b.dir + "/one"}, args...)...)
}

// hole is a time without sound.
type hole struct{ from, to time.Duration }

func (h hole) String() string { return fmt.Sprintf("%.2f to %.2f s", h.from.Seconds(), h.to.Seconds()) }

// holes leaves the call and returns when nothing was heard for 60 ms or more, since a time. The beginning of it may be
// covered up: what is made up for a tone that is lost can go on for a second and more.
func (p *talker) holes(since time.Time) (all []hole) {
	p.t.Helper()
	p.leave()
	f, err := audio.OpenFile(filepath.Join(p.dir, p.name+".wav"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	const step = 10 * time.Millisecond
	at := p.since(time.Time{}, "playing")[0].Time.Sub(since) // of the first sample
	sounded := time.Hour                                     // the end of the last sound
	for block := make([]float32, audio.SampleRate*step/time.Second); ; at += step {
		n, err := f.Read(block)
		if err != nil {
			return all
		}
		if slices.ContainsFunc(block[:n], func(x float32) bool { return x > 0.01 }) {
			if at > 0 && at-sounded >= 60*time.Millisecond {
				all = append(all, hole{sounded, at})
			}
			sounded = at + step
		}
	}
}

// settled waits until both are in the call, and voice goes by UDP, or whichever way.
func (b *bench) settled(tunnel bool) {
	b.t.Helper()
	Eventually(b.t, "all is well again", func() bool {
		for _, p := range []*talker{b.ann, b.bob} {
			control, path := p.since(time.Time{}, "reconnecting", "reconnected"), p.since(time.Time{}, "path")
			if len(p.since(time.Time{}, "talking")) == 0 || len(control) > 0 && control[len(control)-1].Event == "reconnecting" ||
				len(path) > 0 && path[len(path)-1].Kind == "tunnel" && !tunnel {
				return false
			}
		}
		return true
	})
	time.Sleep(3 * time.Second)
}

// tell says what has happened to somebody since a time.
func (p *talker) tell(from time.Time) string {
	words := []string{}
	for _, h := range p.since(from, "path", "second_path", "reconnecting", "reconnected") {
		words = append(words, fmt.Sprintf("%.1f s %s", h.Time.Sub(from).Seconds(), strings.TrimSpace(strings.Join([]string{h.Event, h.Kind, h.Text}, " "))))
	}
	return strings.Join(words, ", ")
}

// trial is something that goes wrong, and is over in the end.
type trial struct {
	name string
	args []string       // of Ann's
	from func(b *bench) // before she joins; nil: nothing
	do   func(b *bench)
	stay bool // voice does, in the tunnel
}

func trials() (all []trial) {
	const udp, small, tcp = "meta l4proto udp", "udp length > 68", "meta l4proto tcp"
	wait := func(seconds float64) { time.Sleep(time.Duration(seconds * float64(time.Second))) }
	add := func(name string, do func(b *bench)) { all = append(all, trial{name: name, do: do}) }
	for _, way := range []string{"both", "up", "down"} {
		add("10 s: UDP dropped, "+way, func(b *bench) { b.drop(way, udp); wait(10); b.heal() })
		add("10 s: UDP above 60 bytes dropped, "+way, func(b *bench) { b.drop(way, small); wait(10); b.heal() })
	}
	all = append(all,
		trial{name: "UDP dropped from the start, for 10 s", from: func(b *bench) { b.drop("both", udp) }, do: func(b *bench) { wait(10); b.heal() }},
		trial{name: "UDP dropped for good", do: func(b *bench) { b.drop("both", udp); wait(30) }, stay: true},
		trial{name: "2.7 s: TCP dropped, while in the tunnel", stay: true, do: func(b *bench) {
			b.drop("both", udp)
			wait(5)
			b.drop("both", tcp)
			wait(2.7)
			b.heal()
			b.drop("both", udp)
			wait(5)
		}},
	)
	for _, seconds := range []float64{3, 6, 11, 16, 25, 45} {
		add(fmt.Sprint(seconds, " s: the interface is down"), func(b *bench) { b.sh(b.far, "ip link set link1 down"); wait(seconds); b.up(1) })
	}
	for _, seconds := range []float64{5, 16} {
		add(fmt.Sprint(seconds, " s: all dropped"), func(b *bench) { b.drop("both", "meta protocol ip"); wait(seconds); b.heal() })
	}
	for _, seconds := range []float64{0, 4} {
		add(fmt.Sprint(seconds, " s: another address"), func(b *bench) {
			b.sh(b.far, "ip addr del 10.77.1.2/24 dev link1")
			wait(seconds)
			b.sh(b.far, "ip addr add 10.77.1.3/24 dev link1")
			b.up(1)
		})
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		for _, seconds := range []float64{1, 5, 20} {
			add(fmt.Sprintf("%v s: the relay is %v", seconds, signal), func(b *bench) {
				_ = b.relay.Process.Signal(signal)
				_ = b.relay.Wait()
				wait(seconds)
				b.serveOne()
			})
		}
	}
	add("8 s: the relay stands still", func(b *bench) {
		_ = b.relay.Process.Signal(syscall.SIGSTOP)
		wait(8)
		_ = b.relay.Process.Signal(syscall.SIGCONT)
	})
	drain := func(b *bench) {
		console := b.console
		_, fingerprint := b.serve(b.near, "9998", "--state", b.dir+"/two")
		fmt.Fprintf(console, "DRAIN 8 10.77.0.1:9998 %s\n", fingerprint)
		wait(9)
	}
	replace := func(b *bench) { b.serveOne("--replace"); wait(12) }
	tunnel := func(b *bench) { b.drop("both", udp); wait(5) }
	add("the relay is drained to another one", drain)
	add("the relay is replaced in place", replace)
	all = append(all,
		trial{name: "the relay is drained to another one, while in the tunnel", stay: true, do: func(b *bench) { tunnel(b); drain(b) }},
		trial{name: "the relay is replaced in place, while in the tunnel", stay: true, do: func(b *bench) { tunnel(b); replace(b) }},
		trial{name: "UDP dropped for good, 2 s after the relay is replaced", stay: true, do: func(b *bench) {
			b.serveOne("--replace")
			wait(2)
			b.drop("both", udp)
			wait(15)
		}},
	)
	two := func(name string, do func(b *bench), args ...string) {
		all = append(all, trial{name: name, args: append([]string{"--also", "link2"}, args...), do: do})
	}
	two("12 s: the first of two paths is dropped", func(b *bench) { b.dropOn(1, ""); wait(12); b.heal() })
	two("12 s: the second of two paths is dropped", func(b *bench) { b.dropOn(2, ""); wait(12); b.heal() })
	two("12 s: the interface of the first of two is down", func(b *bench) { b.sh(b.far, "ip link set link1 down"); wait(12); b.up(1) })
	two("12 s: UDP above 60 bytes dropped on the first of two, with --cap 64", func(b *bench) { b.dropOn(1, small); wait(12); b.heal() }, "--cap", "64")
	return all
}

// TestGaps measures docs/client.md's figures. With -run TestGaps/drained only those.
func TestGaps(t *testing.T) {
	if !*measureGaps {
		t.Skip("without -gaps")
	}
	programs := buildPrograms(t)
	for _, tt := range trials() {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, programs)
			if tt.from != nil {
				tt.from(b)
			}
			if len(tt.args) > 0 {
				b.up(2)
			}
			start := time.Now()
			b.bob = b.talk(b.near, benchRelay, "Bob", "--in", "tone", "--out", b.dir+"/Bob.wav", "--overwrite")
			b.ann = b.talk(b.far, benchRelay, "Ann", append(tt.args, "--in", "tone", "--out", b.dir+"/Ann.wav", "--overwrite")...)
			b.settled(tt.from != nil)
			if tt.from == nil {
				start = time.Now()
			}
			tt.do(b)
			over := time.Since(start)
			b.settled(tt.stay)
			t.Logf("over after %.1f s", over.Seconds())
			for _, p := range []*talker{b.ann, b.bob} {
				t.Logf("%s hears nothing from %v; %s", p.name, p.holes(start), p.tell(start))
			}
		})
	}
}
