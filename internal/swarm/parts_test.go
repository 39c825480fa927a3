package swarm

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/netproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHistogramQuantiles(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	h.add(-time.Second) // a clock that was set back: counts as 0
	for _, q := range []float64{.01, .25, .5, .9, .99} {
		want := q * 1000
		got := float64(h.quantile(q)) / float64(time.Microsecond)
		if math.Abs(got-want) > .035*want+1 {
			t.Errorf("quantile %v is %v us, want about %v", q, got, want)
		}
	}
	if h.quantile(1) != time.Millisecond || h.max != time.Millisecond {
		t.Errorf("the largest is %v and %v, want 1ms", h.quantile(1), h.max)
	}
	var empty, sum histogram
	if empty.quantile(.5) != 0 {
		t.Error("the median of nothing is not 0")
	}
	sum.merge(&h)
	sum.merge(&h)
	if sum.n != 2*h.n || sum.quantile(.5) != h.quantile(.5) {
		t.Error("twice the same has other quantiles")
	}
}

func TestHistogramBuckets(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 1<<42; d += d/50 + 1 {
		i := bucket(d)
		if i < last || i >= len(histogram{}.counts) {
			t.Fatalf("%v is in bucket %d, after %d", d, i, last)
		}
		last = i
		if m := middle(i); d < 1<<maxExp && math.Abs(float64(m-d)) > float64(d)/subBuckets {
			t.Fatalf("%v is counted as %v", d, m)
		}
	}
}

func TestWindow(t *testing.T) {
	var w window
	for i, step := range []struct {
		seq  uint32
		want bool
	}{
		{5, true}, {5, false}, {7, true}, {6, true}, {6, false}, {7, false},
		{1, true}, {100, true}, {7, false}, {36, false}, {37, true}, {37, false},
		{99, true}, {math.MaxUint32, true}, {math.MaxUint32, false}, {100, false},
	} {
		if got := w.accept(step.seq); got != step.want {
			t.Errorf("step %d: %d accepted: %v, want %v", i, step.seq, got, step.want)
		}
	}
}

func TestSpeechHasTheMeanSize(t *testing.T) {
	for _, size := range []int{minSize, 60, 61, 160, maxSize} {
		sum, sizes := 0, map[int]bool{}
		frames := speech(size)
		for _, f := range frames {
			sum += len(f)
			sizes[len(f)] = true
			if len(f) < 8 {
				t.Fatalf("a frame of %d bytes has no room for the time", len(f))
			}
		}
		if sum != size*len(frames) || len(sizes) < 7 {
			t.Errorf("mean of %d frames is %v with %d sizes, want %d", len(frames), float64(sum)/float64(len(frames)), len(sizes), size)
		}
	}
}

func newTalker(session uint32) *talker {
	return &talker{
		session: session, tag: netproto.HopKey{1}.TagKey(), sealer: netproto.NewSealer(netproto.VoiceKey(secret, session, 0)),
	}
}

func TestWriterWritesWhatRelayAndListenersAccept(t *testing.T) {
	talker := newTalker(9)
	w, tagger, now := newWriter(60), netproto.NewHopTagger(), time.Unix(1000, 0)
	for seq := uint32(1); seq < 100; seq++ {
		d, ok := tagger.Check(talker.tag, w.write(talker, now))
		d, _, _ = netproto.SplitHop(d)
		h, err := netproto.ParseHeader(d)
		if !ok || err != nil || h.Seq != seq || h.Epoch != 0 || !h.Voice {
			t.Fatalf("datagram %d has header %+v, %v, hop tag good: %v", seq, h, err, ok)
		}
		c := client{reading: reading{latency: new(histogram)}}
		if !c.open(talker, h, d, now.UnixNano()+5000) || c.latency.n != 1 || c.latency.max != 5*time.Microsecond {
			t.Fatalf("datagram %d does not open, or says %v", seq, c.latency.max)
		}
		body, err := talker.sealer.Open(nil, d)
		if err != nil || !bytes.Contains(body, w.frames[int(seq)%len(w.frames)]) {
			t.Fatalf("datagram %d: %v", seq, err)
		}
		now = now.Add(netproto.FrameDuration)
	}
	if n := testing.AllocsPerRun(100, func() { w.write(talker, now) }); n != 0 {
		t.Errorf("write allocates %v times", n)
	}
}

func TestProbing(t *testing.T) {
	const n = 10
	count := func(p *probing, from, to time.Duration) (probes int) {
		for ; p.due() <= to; p.take() {
			if p.due() < from-time.Microsecond {
				t.Fatalf("a probe is due at %v, before %v", p.due(), from)
			}
			probes++
		}
		return probes
	}
	p := newProbing(0, n)
	p.pace(0, false)
	if got := count(&p, 0, 30*time.Second); got < 15*n || got > 15*n+1 {
		t.Errorf("%d probes in 30 s of silence, want %d", got, 15*n)
	}
	p.pace(30*time.Second, true)
	if got := count(&p, 30*time.Second, 40*time.Second); got < 20*n-1 || got > 20*n+1 {
		t.Errorf("%d probes in 10 s of talking, want %d", got, 20*n)
	}
	p.pace(40*time.Second, false)
	if got := count(&p, 40*time.Second, 50*time.Second); got < 5*n-1 || got > 5*n+1 {
		t.Errorf("%d probes in 10 s of silence, want %d", got, 5*n)
	}
	p = newProbing(time.Second, n)
	p.pace(0, true)
	if got := count(&p, 0, 10*time.Second); got < 10*n || got > 10*n+1 {
		t.Errorf("%d probes in 10 s, want %d", got, 10*n)
	}
}

// No relay takes noise: it is cut, of another version or session, without a good tag, or
// has been sent before.
func TestNoise(t *testing.T) {
	key := netproto.HopKey{1}
	who := newTalker(9)
	w, tagger, up := newWriter(60), netproto.NewHopTagger(), netproto.NewSealer(key.Up())
	var c captured
	n := noisemaker{rng: rand.New(rand.NewPCG(1, 2))}
	if d, _ := n.next(7, 9, &c); len(d) != 0 {
		t.Errorf("%x is repeated before anything was captured", d)
	}
	for range len(c.ring) * captureEvery {
		d := w.write(who, time.Unix(1000, 0))
		c.offer(who.seq, d)
	}
	repeated, own := 0, 0
	for k := range 800 {
		d, mine := n.next(k, 9, &c)
		if mine {
			own++
		}
		h, err := netproto.ParseHeader(d)
		if err != nil || h.Session != 9 {
			continue
		}
		if _, ok := tagger.Check(who.tag, d); h.Type == netproto.TypeVoice && ok {
			repeated++
			if h.Seq > who.seq {
				t.Errorf("datagram %d is new", h.Seq)
			}
		}
		if _, err := up.Open(nil, d); err == nil {
			t.Errorf("%x opens", d)
		}
	}
	if repeated != 100 || own != 100 {
		t.Errorf("%d datagrams are repeated and %d from the member's own address, want 100 each", repeated, own)
	}
}

// FuzzPackages: what comes out does not depend on how the stream is cut.
func FuzzPackages(f *testing.F) {
	f.Add([]byte(`{"KEY": 3, "USERS": ["a"]}{"KEY": 0}{"KEY": 6, "SESSION": 1}{"KEY": 3, "USERS": []}`), uint8(1))
	f.Add([]byte(`}}{"KEY": 3,{"KEY": 0}`), uint8(3))
	f.Add([]byte(`{"KEY": 4, "REASON": null}{"KEY": 0}`), uint8(255))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		read := func(step int) (keys []netproto.Key, lists uint64, failed bool) {
			var p packages
			for part := range slices.Chunk(stream, step) {
				err := p.write(part, func(pkg netproto.Package) error {
					keys = append(keys, pkg.Key())
					return nil
				})
				if err != nil {
					return keys, p.lists, true
				}
			}
			return keys, p.lists, false
		}
		keys, lists, failed := read(len(stream) + 1)
		keys2, lists2, failed2 := read(int(step) + 1)
		if !slices.Equal(keys, keys2) || lists != lists2 || failed != failed2 {
			t.Errorf("whole: %v, %d lists, failed %v; in steps of %d: %v, %d lists, failed %v",
				keys, lists, failed, int(step)+1, keys2, lists2, failed2)
		}
	})
}

func TestPackagesSkipUserLists(t *testing.T) {
	var stream []byte
	want := []netproto.Package{netproto.Session{Session: 7, Voice: 1}, netproto.Ack{}, netproto.Disconnect{Reason: "}{"}}
	for _, p := range want {
		list := netproto.SendNewUsers{Users: []string{"a}", "{b", strings.Repeat("x", 19)}, Sessions: []uint32{1, 2, 3}}
		for _, p := range []netproto.Package{list, p, list} {
			var err error
			if stream, err = netproto.AppendPackage(stream, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for step := 1; step <= len(stream); step++ {
		var p packages
		var got []netproto.Package
		for part := range slices.Chunk(stream, step) {
			err := p.write(part, func(pkg netproto.Package) error {
				got = append(got, pkg)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(want) || got[0].Key() != netproto.KeySession || got[1] != want[1] || got[2] != want[2] {
			t.Fatalf("in steps of %d bytes: %+v", step, got)
		}
		if p.lists != 6 || p.bytes != uint64(len(stream)) || len(p.begun) != 0 {
			t.Fatalf("in steps of %d bytes: %d lists, %d bytes, %d kept", step, p.lists, p.bytes, len(p.begun))
		}
	}
	var p packages
	never := func(netproto.Package) error { return nil }
	if err := p.write(bytes.Repeat([]byte("x"), netproto.MaxPackage+1), never); !errors.Is(err, netproto.ErrTooLarge) {
		t.Errorf("a package without end: %v", err)
	}
	stop := errors.New("stop")
	p = packages{}
	if err := p.write(stream, func(netproto.Package) error { return stop }); err != stop {
		t.Errorf("the error of the caller is %v", err)
	}
}

func TestWheel(t *testing.T) {
	w := wheel{start: time.Second, period: 20 * time.Millisecond, places: 3}
	for i := range 10 {
		want := time.Second + time.Duration(i)*20*time.Millisecond/3
		if d := w.due() - want; d < -3 || d > 3 {
			t.Errorf("event %d is due at %v, want %v", i, w.due(), want)
		}
		if place := w.take(); place != i%3 {
			t.Errorf("event %d is at place %d", i, place)
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{Address: "relay.example"}
	if err := good.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, change := range map[string]func(*Config){
		"no address":       func(c *Config) { c.Address = "" },
		"address":          func(c *Config) { c.Address = "a:b:c" },
		"port":             func(c *Config) { c.Address = "a:70000" },
		"clients":          func(c *Config) { c.Clients = MaxClients + 1 },
		"negative clients": func(c *Config) { c.Clients = -1 },
		"rooms":            func(c *Config) { c.Rooms = 501 },
		"talkers":          func(c *Config) { c.Rooms, c.Talkers = 250, 3 },
		"rate":             func(c *Config) { c.Rate = -5 },
		"small frames":     func(c *Config) { c.Size = 8 },
		"large frames":     func(c *Config) { c.Size = 1200 },
		"probes":           func(c *Config) { c.Probe = time.Millisecond },
		"silence":          func(c *Config) { c.Probe = time.Minute },
		"many visitors":    func(c *Config) { c.Churn = 1 << 20 },
		"many moves":       func(c *Config) { c.Clients, c.Roam = 10, 11 },
		"negative noise":   func(c *Config) { c.Noise = -1 },
		"negative time":    func(c *Config) { c.For = -1 },
		"days":             func(c *Config) { c.For = 48 * time.Hour },
	} {
		c := good
		change(&c)
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}

func TestAllowFiles(t *testing.T) {
	if err := allowFiles(100); err != nil {
		t.Errorf("100 files: %v", err)
	}
	if err := allowFiles(1 << 30); err == nil || os.Getuid() != 0 && !errors.Is(err, ErrConfig) {
		t.Errorf("more files than any system has: %v", err)
	}
}
