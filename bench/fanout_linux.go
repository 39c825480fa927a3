//go:build cgo

package bench

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tincan-voice/tincan/bench/internal/floor"
	"github.com/tincan-voice/tincan/netproto"
)

// fanoutRows measure the relay over sockets, against the floor: the same
// datagrams, the same listeners, in turns.
func fanoutRows() []Row {
	return []Row{
		{"fanout/50x1", fanout(50, 1, anyTime)},
		{"fanout/200x1", fanout(200, 1, anyTime)},
		{"fanout/200x2", fanout(200, 2, anyTime)},
		{"fanout/500x2", fanout(500, 2, anyTime)},
		{"fanout/200x4", fanout(200, 4, anyTime)},
		{"fanout/200x4/together", fanout(200, 4, together)},
		{"latency/400x2", latency(400, 2)},
		{"workers/1", workers(1)},
		{"workers/2", workers(2)},
	}
}

const (
	fanoutRounds = 5
	fanoutTime   = 1500 * time.Millisecond
	fanoutPhases = 300 * time.Millisecond // the phases of the talkers are drawn anew
	voicePayload = 60                     // bytes of sealed body, as in the comparison with other relays
)

// The phases of talkers are drawn from anyTime, or from together where they have shifted as the relay wishes
// (netproto.Feedback).
const (
	anyTime  = netproto.FrameDuration
	together = time.Millisecond
)

// member is a session of the relay under test, with its socket in sinks.
type member struct {
	tcp     net.Conn
	fd      int
	session netproto.Session
	tag     *netproto.TagKey
	up      *netproto.Sealer
	down    *netproto.Sealer
	voice   *netproto.Sealer
	seq     [8]uint32
}

// party is a relay, in a process of its own as in real life, with a room full
// of members.
type party struct {
	cmd     *exec.Cmd // nil: it runs in this process
	addr    netip.AddrPort
	sinks   *sinks
	members []*member
	tagger  *netproto.HopTagger
}

// tincand builds the relay, once, as it is released.
var tincand = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tincan-bench")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir, "github.com/tincan-voice/tincan/cmd/tincand")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(dir, "tincand"), nil
})

var listens = regexp.MustCompile(`listens on ([0-9.:]+)`)

func newParty(b *testing.B, listeners int) *party {
	b.Helper()
	bin, err := tincand()
	must(b, err)
	p := &party{tagger: netproto.NewHopTagger()}
	p.cmd = exec.Command(bin, "0", "--host", "127.0.0.1", "--state", filepath.Dir(bin))
	stdout, err := p.cmd.StdoutPipe()
	must(b, err)
	must(b, p.cmd.Start())
	b.Cleanup(p.close) // whatever happens
	var match []string
	for lines := bufio.NewScanner(stdout); match == nil; match = listens.FindStringSubmatch(lines.Text()) {
		if !lines.Scan() {
			b.Fatal("tincand does not say where it listens")
		}
	}
	p.addr = netip.MustParseAddrPort(strings.TrimSuffix(match[1], ","))
	p.fill(b, listeners, 1)
	return p
}

// fill lets so many members join each of some rooms.
func (p *party) fill(b *testing.B, listeners, rooms int) {
	b.Helper()
	s, err := newSinks(listeners * rooms)
	must(b, err)
	p.sinks = s
	for i := range listeners * rooms {
		m, err := p.join(i, fmt.Sprint("room ", i/listeners))
		must(b, err)
		p.members = append(p.members, m)
	}
}

func (p *party) close() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(os.Interrupt)
	}
	for _, m := range p.members {
		_ = m.tcp.Close()
	}
	if p.cmd != nil {
		_ = p.cmd.Wait()
	}
	if p.sinks != nil {
		p.sinks.close()
	}
}

// cpu is the CPU time of the relay's process so far. The clock's number is
// made as clock_getcpuclockid(3) does.
func (p *party) cpu() time.Duration { return cpuTime(int32(^p.cmd.Process.Pid<<3 | 2)) }

// join logs in over TCP and proves the path of the member's socket.
func (p *party) join(i int, room string) (*member, error) {
	conn, err := net.Dial("tcp", p.addr.String())
	if err != nil {
		return nil, err
	}
	m := &member{tcp: conn, fd: p.sinks.fds[i]}
	name, err := netproto.AppendPackage(nil, netproto.SendNickname{Name: fmt.Sprint(i), Room: room, Voice: 1, Fresh: make([]byte, netproto.FreshSize)})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(name); err != nil {
		return nil, err
	}
	var dec netproto.Decoder
	for buf := make([]byte, 4096); m.session.Session == 0; {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		dec.Write(buf[:n])
		for pkg, err := dec.Next(); err == nil; pkg, err = dec.Next() {
			if s, ok := pkg.(netproto.Session); ok {
				m.session = s
			}
		}
	}
	hop := netproto.HopKey(m.session.HopKey)
	m.tag, m.up, m.down = hop.TagKey(), netproto.NewSealer(hop.Up()), netproto.NewSealer(hop.Down())
	m.voice = netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, m.session.Session, 0))
	return m, m.settle(p.addr)
}

// send sends something sealed for the relay.
func (m *member) send(to netip.AddrPort, t netproto.Type, body []byte) error {
	m.seq[t]++
	d := m.up.Seal(nil, netproto.Header{Type: t, Session: m.session.Session, Seq: m.seq[t]}, body)
	return unix.Sendto(m.fd, d, 0, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

// probe keeps the relay from taking the member for gone.
func (m *member) probe(to netip.AddrPort) error {
	return m.send(to, netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{}))
}

func (m *member) settle(relay netip.AddrPort) error {
	if err := m.probe(relay); err != nil {
		return err
	}
	buf := make([]byte, 1500)
	for {
		n, _, err := unix.Recvfrom(m.fd, buf, 0)
		if err != nil {
			return err
		}
		h, err := netproto.ParseHeader(buf[:n])
		if err != nil {
			return err
		}
		if h.Type != netproto.TypeChallenge {
			continue
		}
		body, err := m.down.Open(nil, buf[:n])
		if err != nil {
			return err
		}
		return m.send(relay, netproto.TypeChallengeReply, body)
	}
}

// say makes the next datagram of voice; plain is what listeners get.
func (m *member) say(tagger *netproto.HopTagger) (tagged, plain []byte) {
	m.seq[netproto.TypeVoice]++
	h := netproto.Header{Session: m.session.Session, Seq: m.seq[netproto.TypeVoice], Level: 30, Voice: true}
	plain = m.voice.Seal(nil, h, make([]byte, voicePayload))
	plain = netproto.AppendHop(plain, netproto.Hop{Count: uint8(h.Seq % netproto.HopCounts)})
	return tagger.Append(m.tag, slices.Clone(plain)), plain
}

// shot is one datagram and its time.
type shot struct {
	at  time.Duration
	d   []byte
	fd  int // its talker's socket
	key uint64
}

// script is a while of talkers at 50 datagrams per second each, with phases
// by chance within a time, as the relay gets it or as the floor does.
func (p *party) script(talkers int, within time.Duration, rng *rand.Rand, tagged bool) []shot {
	var shots []shot
	for start := time.Duration(0); start < fanoutTime; start += fanoutPhases {
		for i := range talkers {
			phase := time.Duration(rng.Int64N(int64(within)))
			for at := phase; at < fanoutPhases; at += netproto.FrameDuration {
				shots = append(shots, p.shot(start+at, i*len(p.members)/talkers, tagged))
			}
		}
	}
	slices.SortStableFunc(shots, func(a, b shot) int { return int(a.at - b.at) })
	return shots
}

// shot lets a member speak at a time.
func (p *party) shot(at time.Duration, member int, tagged bool) shot {
	m := p.members[member]
	d, plain := m.say(p.tagger)
	if !tagged {
		d = plain
	}
	return shot{at, d, m.fd, arrivalKey(m.session.Session, m.seq[netproto.TypeVoice])}
}

// play sends the script in real time, on a thread of its own, and returns when
// each datagram went.
func play(shots []shot, to netip.AddrPort) (sent map[uint64]int64, err error) {
	sa := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	sent = make(map[uint64]int64, len(shots))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for _, s := range shots {
		nanosleep(s.at - time.Since(start))
		sent[s.key] = time.Now().UnixNano()
		if err := unix.Sendto(s.fd, s.d, 0, sa); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// outcome is one round.
type outcome struct {
	perDelivery float64 // CPU ns
	p50, p99    float64 // one-way delay, us
	perPacket   float64 // deliveries per packet
	bytes       float64 // of IP per delivery
}

// round plays one script to the relay or, with the same sockets, to the floor.
func (p *party) round(b *testing.B, shots []shot, toFloor bool) outcome {
	b.Helper()
	target := p.addr
	var done chan time.Duration
	if toFloor {
		fd, addr, err := udpSocket()
		must(b, err)
		defer unix.Close(fd)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20)
		target, done = addr, make(chan time.Duration)
		go func() { done <- floor.Forward(fd, p.sinks.addrs[1:]) }()
	}
	for _, m := range p.members {
		must(b, m.probe(p.addr))
	}
	nanosleep(20 * time.Millisecond) // the answers are none of the round's business
	s := p.sinks
	runtime.GC()
	s.run()
	nanosleep(5 * time.Millisecond)
	before := p.cpu()
	sent, err := play(shots, target)
	must(b, err)
	want := int64(len(shots) * (len(p.members) - 1))
	for end := time.Now().Add(2 * time.Second); s.deliveries.Load() < want && time.Now().Before(end); {
		nanosleep(sinkPause)
	}
	spent := p.cpu() - before
	s.halt()
	if toFloor {
		fd, _, err := udpSocket()
		must(b, err)
		must(b, unix.Sendto(fd, []byte{0}, 0, &unix.SockaddrInet4{Port: int(target.Port()), Addr: target.Addr().As4()}))
		_ = unix.Close(fd)
		spent = <-done
	}
	if got := s.deliveries.Load(); got < want*99/100 {
		b.Fatalf("%d of %d deliveries", got, want)
	}
	delays := make([]float64, 0, len(s.arrivals))
	for _, a := range s.arrivals {
		if at, ok := sent[a.key]; ok {
			delays = append(delays, float64(a.came-at)/1e3)
		}
	}
	slices.Sort(delays)
	n := float64(s.deliveries.Load())
	return outcome{
		perDelivery: float64(spent) / n,
		p50:         delays[len(delays)/2],
		p99:         delays[len(delays)*99/100],
		perPacket:   n / float64(s.packets.Load()),
		bytes:       float64(s.bytes.Load()) / n,
	}
}

func median(outcomes []outcome, f func(outcome) float64) float64 {
	v := make([]float64, len(outcomes))
	for i, o := range outcomes {
		v[i] = f(o)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// fanout is a room in which some talk, who come within a time of each other. It reports CPU per delivered datagram
// of voice, of the relay (its process) and of the floor (its thread), and their ratio: medians of interleaved
// rounds.
func fanout(listeners, talkers int, within time.Duration) func(*testing.B) {
	return func(b *testing.B) {
		p := newParty(b, listeners)
		rng := rand.New(rand.NewPCG(uint64(listeners), uint64(talkers)))
		var ours, least []outcome
		for b.Loop() {
			p.round(b, p.script(talkers, within, rng, true), false) // the vectors are built, the load is known
			for range fanoutRounds {
				ours = append(ours, p.round(b, p.script(talkers, within, rng, true), false))
				least = append(least, p.round(b, p.script(talkers, within, rng, false), true))
			}
		}
		cpu := func(o outcome) float64 { return o.perDelivery }
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(ours, cpu), "relay-ns/delivery")
		b.ReportMetric(median(least, cpu), "floor-ns/delivery")
		b.ReportMetric(median(ours, cpu)/median(least, cpu), "x-floor")
		b.ReportMetric(median(ours, func(o outcome) float64 { return o.p50 }), "relay-p50-us")
		b.ReportMetric(median(ours, func(o outcome) float64 { return o.p99 }), "relay-p99-us")
		b.ReportMetric(median(least, func(o outcome) float64 { return o.p50 }), "floor-p50-us")
		b.ReportMetric(median(least, func(o outcome) float64 { return o.p99 }), "floor-p99-us")
		b.ReportMetric(median(ours, func(o outcome) float64 { return o.perPacket }), "deliveries/packet")
		b.ReportMetric(median(ours, func(o outcome) float64 { return o.bytes }), "wire-B/delivery")
	}
}
