package calltest

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
)

var (
	crowdSize = flag.Int("crowd", 40, "how many calls come back")
	crowdRoom = flag.Int("crowdroom", 10, "how many of them are in a room")
	crowdDown = flag.Duration("crowddown", time.Second, "how long the relay is away")
)

// idle is a Sink of which there can be thousands.
type idle struct {
	end  chan struct{}
	once sync.Once
}

func (*idle) Live() {}

func (s *idle) Write([]float32) error {
	select {
	case <-s.end:
		return errors.New("closed")
	case <-time.After(time.Second):
		return nil
	}
}

func (s *idle) Close() error {
	s.once.Do(func() { close(s.end) })
	return nil
}

// crowdTries is how often each of a crowd tries to join: a machine that is busy with all of them may let an attempt run
// out of time.
const crowdTries = 10

// runCrowd makes calls to a relay until it is killed, and says "in" when all are there, "back", which and the time
// whenever one comes back after a loss, and "over", which and the time whenever one has changed over before. Who is
// there may lose its connection and be back before all are in.
func runCrowd(argument string) {
	words := strings.Fields(argument)
	n, _ := strconv.Atoi(words[1])
	room, _ := strconv.Atoi(words[2])
	var say sync.Mutex
	var in sync.WaitGroup
	doors := make(chan bool, 16)
	for i := range n {
		in.Go(func() {
			doors <- true
			defer func() { <-doors }()
			var call *engine.Call
			for try := 1; call == nil; try++ {
				var err error
				call, err = engine.Join(context.Background(), engine.Config{
					Address: words[0], KnownRelays: words[3], Name: fmt.Sprint(i), Room: fmt.Sprint("crowd ", i/room), Sink: &idle{end: make(chan struct{})},
				})
				if err != nil && try == crowdTries {
					panic(err)
				}
			}
			go func() {
				for e := range call.Events() {
					if e, ok := e.(engine.Reconnected); ok {
						word := "back"
						if e.Gap == 0 {
							word = "over"
						}
						say.Lock()
						fmt.Println(word, i, time.Now().UnixNano())
						say.Unlock()
					}
				}
				panic(call.Err())
			}()
		})
	}
	in.Wait()
	fmt.Println("in")
	select {}
}

// gaps is a Sink that tells for how long nothing was heard at most, in sound played.
type gaps struct {
	mu            sync.Mutex
	faint, faints int // samples, now; the longest
}

func (g *gaps) Write(pcm []float32) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, x := range pcm {
		if g.faint++; x > 0.01 { // as the hum is once in a period
			g.faint = 0
		}
		g.faints = max(g.faints, g.faint)
	}
	return nil
}

func (g *gaps) Close() error { return nil }

// longest is the longest one since the call before.
func (g *gaps) longest() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	longest := g.faints
	g.faints = 0
	return time.Duration(longest) * time.Second / audio.SampleRate
}

// pair is two in a call, one of whom hums.
type pair struct {
	hums, hears *engine.Call
	gaps        *gaps
}

func newPair(t *testing.T, address, room string) *pair {
	t.Helper()
	p := &pair{gaps: &gaps{}}
	p.hears = Join(t, address, "Ear", engine.Config{Room: room, Sink: audio.PacedSink(p.gaps)})
	p.hums = Join(t, address, "Hum", engine.Config{Room: room, Source: audio.PacedSource(audio.Tone(200, -10)), Continuous: true})
	Eventually(t, "the hum is heard", func() bool { return p.heard().Frames > 50 })
	p.gaps.longest()
	return p
}

// heard is how the hum came.
func (p *pair) heard() engine.PeerStats {
	if peers := p.hears.Stats().Peers; len(peers) == 1 {
		return peers[0]
	}
	return engine.PeerStats{}
}

// quietPort is a free address that nobody's outgoing connection is given (ip_local_port_range begins at 32768): of
// thousands who dial a port where nobody listens one may meet itself, and then has the port.
func quietPort(t *testing.T) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 24000+rand.N(1000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}

// allIn waits until all of a crowd are there.
func allIn(p *process) {
	p.t.Helper()
	for p.line() != "in" {
	}
}

// returns reads from a crowd when each of its members is there again after a loss at a time, as so long after another
// time, rising, and whether all have been in no other way than that word says.
func returns(p *process, n int, word string, lost, since time.Time) (so bool, times []time.Duration) {
	p.t.Helper()
	so = true
	for seen := make(map[int]bool); len(seen) < n; {
		var how string
		var who int
		var nano int64
		if _, err := fmt.Sscan(p.line(), &how, &who, &nano); err != nil {
			p.t.Fatal(err)
		}
		at := time.Unix(0, nano)
		if at.Before(lost) || seen[who] {
			continue
		}
		seen[who] = true
		so = so && how == word
		times = append(times, at.Sub(since))
	}
	slices.Sort(times)
	return so, times
}

// busiest is the most within a span of that length.
func busiest(times []time.Duration, span time.Duration) (most int) {
	from := 0
	for i, at := range times {
		for at-times[from] >= span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func report(t *testing.T, times []time.Duration) {
	t.Helper()
	t.Logf("%d are there: the first after %v, half after %v, the last after %v; at most %d within 100 ms, %d within 1 s", len(times),
		times[0].Round(time.Millisecond), times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond),
		busiest(times, 100*time.Millisecond), busiest(times, time.Second))
}

// A relay ends, and is started again: everybody comes back, and those who are there first are not disturbed by that.
// With -crowd 2000 this measures docs/performance.md's figures.
func TestCrowdComesBack(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			state := t.TempDir()
			server := start(t, "relay", quietPort(t)+" "+state)
			address := server.line()
			crowd := start(t, "crowd", fmt.Sprintln(address, *crowdSize, *crowdRoom, state+"/known"))
			allIn(crowd)
			lost := time.Now()
			if err := server.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = server.cmd.Wait()
			time.Sleep(*crowdDown)
			server = start(t, "relay", address+" "+state)
			server.line()
			returned := time.Now()
			p := newPair(t, address, "pair")
			before := p.heard()
			so, times := returns(crowd, *crowdSize, "back", lost, returned)
			after := p.heard()
			if !so || after.Session != before.Session {
				t.Errorf("all back: %v, %+v", so, after)
			}
			report(t, times)
			t.Logf("meanwhile %d frames of another call: %d lost, %d made up; nothing for %v at most", after.Frames-before.Frames,
				after.Lost-before.Lost, after.Concealed-before.Concealed, p.gaps.longest().Round(time.Millisecond))
			server.kill()
			t.Logf("the relay computed for %v", server.cmd.ProcessState.UserTime()+server.cmd.ProcessState.SystemTime())
		})
	}
}

// A relay takes another one's place: everybody changes over, and nobody is lost in between.
func TestCrowdChangesOver(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has that")
	}
	state := t.TempDir()
	server := start(t, "relay", quietPort(t)+" "+state)
	address := server.line()
	crowd := start(t, "crowd", fmt.Sprintln(address, *crowdSize, *crowdRoom, state+"/known"))
	allIn(crowd)
	p := newPair(t, address, "pair")
	before := p.hears.Session()
	told := time.Now()
	start(t, "relay", address+" "+state+" replace").line()
	so, times := returns(crowd, *crowdSize, "over", told, time.Now())
	if err := server.cmd.Wait(); err != nil || !so {
		t.Errorf("%v, all over: %v", err, so)
	}
	Eventually(t, "the hum is heard again", func() bool { return p.heard().Frames > 50 && p.hears.Session() != before })
	report(t, times)
	t.Logf("another call heard nothing for %v at most", p.gaps.longest().Round(time.Millisecond))
}

// hello keeps what is written, which is the first word of a handshake.
type hello struct {
	net.Conn
	text []byte
}

func (h *hello) Write(p []byte) (int, error) {
	h.text = append(h.text, p...)
	return 0, net.ErrClosed
}

// Handshakes that all come at once, as from clients on as many machines, do not keep the relay from its voice.
func TestHandshakesAtOnce(t *testing.T) {
	address := start(t, "relay", "127.0.0.1:0 "+t.TempDir()).line()
	p := newPair(t, address, "pair")
	h := &hello{}
	_ = tls.Client(h, &tls.Config{InsecureSkipVerify: true}).Handshake() // never gets further
	conns := make([]net.Conn, *crowdSize)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	p.gaps.longest()
	before, begin := p.heard(), time.Now()
	for _, conn := range conns {
		if _, err := conn.Write(h.text); err != nil {
			t.Fatal(err)
		}
	}
	for _, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begin)
	Eventually(t, "the hum goes on", func() bool { return p.heard().Frames > before.Frames+50 })
	after := p.heard()
	t.Logf("%d handshakes took %v; meanwhile %d frames of a call: %d lost, %d made up; nothing for %v at most", len(conns), took.Round(time.Millisecond),
		after.Frames-before.Frames, after.Lost-before.Lost, after.Concealed-before.Concealed, p.gaps.longest().Round(time.Millisecond))
}
