package calltest

import (
	"bufio"
	"encoding/json"
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
)

// stage is where the real programs run, in network namespaces: it takes root and iproute2. All of it ends with the
// test.
type stage struct {
	t        *testing.T
	programs string // folder
	dir      string
	console  io.Writer // of the relay that was started last
}

func newStage(t *testing.T, programs string) *stage {
	return &stage{t: t, programs: programs, dir: t.TempDir()}
}

// buildPrograms builds tincan, tincand and others into a folder.
func buildPrograms(t *testing.T, others ...string) (programs string) {
	t.Helper()
	programs = t.TempDir()
	args := append([]string{"build", "-o", programs, "../../cmd/tincan", "../../cmd/tincand"}, others...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return programs
}

// needNamespaces skips the test where none can be made.
func needNamespaces(t *testing.T) {
	t.Helper()
	name := fmt.Sprint("probe", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here, which takes root and iproute2: %v: %s", err, out)
	}
	_ = exec.Command("ip", "netns", "del", name).Run()
}

// namespace makes one, with an interface of its own for loopback alone.
func (s *stage) namespace(ns string) {
	s.t.Helper()
	if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	s.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	s.sh(ns, "ip link set lo up")
}

// sh runs a command in a namespace.
func (s *stage) sh(ns, command string, args ...any) {
	s.t.Helper()
	if out, err := exec.Command("ip", "netns", "exec", ns, "sh", "-ec", fmt.Sprintf(command, args...)).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// start runs a program until the test ends, and returns what it says. In that namespace the file hosts of the stage's
// folder, if it is there, is /etc/hosts.
func (s *stage) start(ns, name string, args ...string) (*exec.Cmd, io.Reader) {
	s.t.Helper()
	const hosts = `[ ! -e "$0" ] || mount --bind "$0" /etc/hosts; exec "$@"`
	cmd := exec.Command("ip", append([]string{"netns", "exec", ns, "sh", "-ec", hosts, filepath.Join(s.dir, "hosts"), filepath.Join(s.programs, name)},
		args...)...)
	log, err := os.OpenFile(filepath.Join(s.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if name == "tincand" {
		s.console, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); log.Close() })
	return cmd, out
}

// serve starts a relay, and returns its fingerprint when it is there.
func (s *stage) serve(ns string, args ...string) (cmd *exec.Cmd, fingerprint string) {
	s.t.Helper()
	cmd, out := s.start(ns, "tincand", args...)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "tincand.log"))
		s.t.Fatalf("the relay says nothing: %v; %s", err, log)
	}
	return cmd, line[strings.Index(line, "SHA256:") : len(line)-1]
}

// talker is a tincan that talks all the time.
type talker struct {
	*stage
	name string
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
	Name    string
	On      bool
	Session uint32
	Stats   struct {
		Peers []struct {
			Name         string
			Lost, Frames uint64
		}
	}
}

// talk has somebody join a relay and talk.
func (s *stage) talk(ns, relay, name string, args ...string) *talker {
	s.t.Helper()
	p := &talker{stage: s, name: name, done: make(chan struct{})}
	var out io.Reader
	p.cmd, out = s.start(ns, "tincan", append([]string{"join", relay, "--name", name,
		"--known-relays", s.dir + "/known-" + name, "--json"}, args...)...)
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

// leave has it end, and waits until all that it has said is there.
func (p *talker) leave() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.done
	_ = p.cmd.Wait()
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

// await waits for an event of a kind since a time about somebody; "": whoever.
func (p *talker) await(from time.Time, kind, name string) (first happening) {
	p.t.Helper()
	Eventually(p.t, strings.Join([]string{p.name, "is told:", kind, name}, " "), func() bool {
		for _, h := range p.since(from, kind) {
			if (name == "" || h.Name == name) && (kind != "talking" || h.On) {
				first = h
				return true
			}
		}
		return false
	})
	return first
}
