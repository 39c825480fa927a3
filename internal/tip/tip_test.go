package tip

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/calltest"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// theirs is a client as TIP_Project's behaves.
type theirs struct {
	tcp    net.Conn
	udp    *net.UDPConn
	users  atomic.Pointer[string] // of the last list
	closed atomic.Bool            // SERVER_CLOSE has come
	id     atomic.Int64           // of SESSION; -1: none
	energy atomic.Int64           // of what is heard
}

func dial(t *testing.T, at netip.AddrPort, name string) *theirs {
	t.Helper()
	tcp, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	c := &theirs{tcp: tcp, udp: udp}
	c.id.Store(-1)
	none := ""
	c.users.Store(&none)
	done := make(chan struct{}, 2)
	t.Cleanup(func() { tcp.Close(); udp.Close(); <-done; <-done })
	c.say(t, `{"KEY": 2, "NAME": "`+name+`"}`)
	c.say(t, string(must(netproto.AppendPackage(nil, netproto.ClientPort{Port: udp.LocalAddr().(*net.UDPAddr).Port}))))
	_, _ = udp.Write(greeting)
	go func() { defer func() { done <- struct{}{} }(); c.read() }()
	go func() { defer func() { done <- struct{}{} }(); c.hear() }()
	return c
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func (c *theirs) say(t *testing.T, text string) {
	if _, err := io.WriteString(c.tcp, text); err != nil {
		t.Error(err)
	}
}

// read takes whatever one read brings for whole packages.
func (c *theirs) read() {
	buf := make([]byte, 1024)
	for {
		n, err := c.tcp.Read(buf)
		if err != nil {
			return
		}
		for text := range strings.SplitSeq(regexp.MustCompile(`\}\{`).ReplaceAllString(string(buf[:n]), "}\n{"), "\n") {
			var d netproto.Decoder
			d.Write([]byte(text))
			switch p, _ := d.Next(); p := p.(type) {
			case netproto.SendNewUsers:
				all := strings.Join(p.Users, " ")
				c.users.Store(&all)
			case netproto.Session:
				c.id.Store(int64(p.Session))
			case netproto.ServerClose:
				c.closed.Store(true)
			}
		}
	}
}

func (c *theirs) hear() {
	buf := make([]byte, datagram)
	for {
		n, err := c.udp.Read(buf)
		if err != nil {
			return
		}
		for i := 0; i+1 < n; i += 2 {
			s := int64(int16(binary.LittleEndian.Uint16(buf[i:])))
			c.energy.Add(s * s >> 10)
		}
	}
}

// talk says a tone until the end of the test.
func (c *theirs) talk(ctx context.Context) {
	const step = samples * time.Second / rate
	tone := make([]byte, datagram)
	for n := 0; ctx.Err() == nil; n++ {
		for i := range samples {
			binary.LittleEndian.PutUint16(tone[2*i:], uint16(int16(6000*math.Sin(2*math.Pi*400*float64(n*samples+i)/rate))))
		}
		_, _ = c.udp.Write(tone)
		time.Sleep(step)
	}
}

// Two of their clients and one of ours hear each other, see each other, and are told of the end.
func TestBridge(t *testing.T) {
	relay := calltest.StartRelay(t, relay.Config{})
	s, err := Listen(Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Log: slog.New(slog.DiscardHandler),
		Join: engine.Config{Address: relay.Addr().String(), Plaintext: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	ann := calltest.Join(t, relay.Addr().String(), "Ann", engine.Config{Source: calltest.Babble(1)})
	adam, julie := dial(t, s.Addr(), "Adam"), dial(t, s.Addr(), "Julie")
	refused := dial(t, s.Addr(), strings.Repeat("x", 20))
	calltest.Eventually(t, "a client with a bad name is told to go", refused.closed.Load)
	calltest.Eventually(t, "lists and sessions", func() bool {
		for _, c := range []*theirs{adam, julie} {
			list := *c.users.Load()
			if len(strings.Fields(list)) != 3 || !strings.Contains(list, "Ann") || c.id.Load() < 0 {
				return false
			}
		}
		return true
	})
	calltest.Eventually(t, "both hear Ann", func() bool { return adam.energy.Load() > 1e5 && julie.energy.Load() > 1e5 })
	ann.Mute(true)
	var talking sync.WaitGroup
	talking.Go(func() { adam.talk(t.Context()) })
	t.Cleanup(talking.Wait)
	calltest.Await(t, ann, "Adam talks", func(e engine.PeerTalking) bool { return e.Name == "Adam" && e.Talking })
	before := julie.energy.Load()
	calltest.Eventually(t, "Julie hears Adam", func() bool { return julie.energy.Load() > before+1e6 })
	julie.say(t, `{"KEY": 4, "REASON": "Quit"}`)
	calltest.Eventually(t, "Julie has left", func() bool { return !strings.Contains(*adam.users.Load(), "Julie") })
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	calltest.Eventually(t, "Adam is told of the end", adam.closed.Load)
}

// Sound goes in and out unchanged, but for its rate; bursts do not add up to delay; silence is not sent.
func TestSound(t *testing.T) {
	in, err := newIntake()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	var power float64
	out, err := newOutlet(func(d []byte) {
		sent++
		for i := 0; i < len(d); i += 2 {
			s := float64(int16(binary.LittleEndian.Uint16(d[i:]))) / (1 << 15)
			power += s * s / samples
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 480)
	tone := audio.Tone(400, -20)
	for range 200 {
		_, _ = tone.Read(pcm)
		_ = out.Write(pcm)
	}
	if level := 10 * math.Log10(power/float64(sent)); sent != 77 && sent != 78 || math.Abs(level+20) > 0.3 {
		t.Errorf("%d datagrams at %.1f dB", sent, level)
	}
	sent = 0
	for range 100 {
		_ = out.Write(make([]float32, 480))
	}
	if sent > 1 {
		t.Errorf("%d datagrams of silence", sent)
	}
	for range 100 {
		in.put(must(nil, nil))
		in.put(append([]byte{1}, greeting[1:]...))
		in.put(greeting)
	}
	if n := len(in.waiting); n > most || n < enough {
		t.Errorf("%d samples wait", n)
	}
	if n := testing.AllocsPerRun(100, func() { in.put(greeting[1:]); _, _ = in.Read(pcm); _ = out.Write(pcm) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzIntake(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	in, err := newIntake()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, d []byte) {
		in.put(d)
		_, _ = in.Read(make([]float32, len(d)))
	})
}
