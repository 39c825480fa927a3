package calltest

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	t        *testing.T
	programs string // folder
	dir      string
	far      string // namespace of Ann
	near     string
	relay    *exec.Cmd
	console  io.Writer // of the relay that was started last
	ann, bob *talker
}

const benchRelay = "10.77.0.1:9999"

// sh runs a command in a namespace.
func (b *bench) sh(ns, command string, args ...any) {
	b.t.Helper()
	if out, err := exec.Command("ip", "netns", "exec", ns, "sh", "-ec", fmt.Sprintf(command, args...)).CombinedOutput(); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
}

// newBench makes both namespaces and starts the relay.
func newBench(t *testing.T, programs string) *bench {
	pid := os.Getpid()
	b := &bench{t: t, programs: programs, dir: t.TempDir(), far: fmt.Sprint("far", pid), near: fmt.Sprint("near", pid)}
	for _, ns := range []string{b.far, b.near} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	b.sh(b.near, "ip link set lo up; ip addr add 10.77.0.1/32 dev lo")
	b.sh(b.far, "ip link set lo up")
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

// start runs a program until the bench is done with, and returns what it says.
func (b *bench) start(ns, name string, args ...string) (*exec.Cmd, io.Reader) {
	b.t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", ns, filepath.Join(b.programs, name)}, args...)...)
	log, err := os.OpenFile(filepath.Join(b.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if name == "tincand" {
		b.console, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); log.Close() })
	return cmd, out
}

// serve starts a relay, and returns its fingerprint when it is there.
func (b *bench) serve(args ...string) (cmd *exec.Cmd, fingerprint string) {
	b.t.Helper()
	cmd, out := b.start(b.near, "tincand", args...)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	return cmd, line[strings.Index(line, "SHA256:") : len(line)-1]
}

// serveOne starts the relay.
func (b *bench) serveOne(args ...string) {
	b.relay, _ = b.serve(append([]string{"9999", "--state", b.dir + "/one"}, args...)...)
}

// talker is a tincan that says a tone and keeps what it hears.
type talker struct {
	b    *bench
	name string
	wav  string
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	events []happening
}

// happening is a line of --json.
type happening struct {
	Event   string
	Time    time.Time
	Kind    string
	Text    string
	On      bool
	Session uint32
}

func (b *bench) talk(ns, name string, args ...string) *talker {
	b.t.Helper()
	p := &talker{b: b, name: name, wav: filepath.Join(b.dir, name+".wav"), done: make(chan struct{})}
	var out io.Reader
	p.cmd, out = b.start(ns, "tincan", append([]string{"join", benchRelay, "--name", name, "--in", "tone", "--out", p.wav, "--overwrite",
		"--known-relays", b.dir + "/known-" + name, "--json"}, args...)...)
	go func() {
		defer close(p.done)
		for d := json.NewDecoder(out); ; {
			var h happening
			if d.Decode(&h) != nil {
				return
			}
			p.mu.Lock()
			p.events = append(p.events, h)
			p.mu.Unlock()
		}
	}()
	return p
}

// since are the events of these kinds since a time.
func (p *talker) since(from time.Time, kinds ...string) (all []happening) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.events {
		if !h.Time.Before(from) && slices.Contains(kinds, h.Event) {
			all = append(all, h)
		}
	}
	return all
}

// hole is a time without sound.
type hole struct{ from, to time.Duration }

func (h hole) String() string { return fmt.Sprintf("%.2f to %.2f s", h.from.Seconds(), h.to.Seconds()) }

// holes leaves the call and returns when nothing was heard for 60 ms or more, since a time. The beginning of it may be
// covered up: what is made up for a tone that is lost can go on for a second and more.
func (p *talker) holes(since time.Time) (all []hole) {
	p.b.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.done
	_ = p.cmd.Wait()
	f, err := audio.OpenFile(p.wav)
	if err != nil {
		p.b.t.Fatal(err)
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
		_, fingerprint := b.serve("9998", "--state", b.dir+"/two")
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
	programs := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", programs, "../../cmd/tincan", "../../cmd/tincand").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
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
			b.bob = b.talk(b.near, "Bob")
			b.ann = b.talk(b.far, "Ann", tt.args...)
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
