package mesh

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sixteen bytes and more"

// patience is how long what has to happen is waited for.
const patience = 30 * time.Second

func freePort(t *testing.T) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// startAt starts a Bus that subscribes to the topic t.
func startAt(t *testing.T, at netip.AddrPort, peers ...string) *Bus {
	t.Helper()
	b, err := Start(Options{Listen: at, Peers: peers, Secret: []byte(secret), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = b.Subscribe("t")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// reaches waits until what one says comes to another one.
func reaches(t *testing.T, from, to *Bus, text string) {
	t.Helper()
	eventually(t, text+" arrives", func() bool {
		if err := from.Publish("t", []byte(text)); err != nil {
			t.Fatal(err)
		}
		for {
			select {
			case m := <-to.Messages():
				if string(m.Data) == text {
					return true
				}
			case <-time.After(20 * time.Millisecond):
				return false
			}
		}
	})
}

// What waits has a bound, also where messages say nothing, and is handed on in order.
func TestBacklog(t *testing.T) {
	for _, size := range []int{0, 1000, 1 << 20} {
		var b backlog
		data := make([]byte, size)
		for i := range 2 * mostWaiting / messageCost {
			b.add(relay.BusMessage{Topic: fmt.Sprint(i), Data: data})
		}
		if n := len(b.messages); n*(size+messageCost) > mostWaiting || (n+1)*(size+messageCost+8) < mostWaiting {
			t.Errorf("%d messages of %d bytes wait", n, size)
		}
		for i := 0; len(b.messages) > 0; i++ {
			if m := b.first(); m.Topic != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Topic)
			}
			b.drop()
		}
		if b.bytes != 0 {
			t.Errorf("%d bytes are left", b.bytes)
		}
	}
}

// A relay that takes none of its messages loses some, and delays nobody: who sends them goes on, and so does it when it
// takes them again.
func TestNobodyTakes(t *testing.T) {
	at := freePort(t)
	a := startAt(t, at)
	b, idle := startAt(t, freePort(t), at.String()), startAt(t, freePort(t), at.String())
	reaches(t, a, b, "the first")
	reaches(t, a, idle, "the first")
	data := make([]byte, 1<<19)
	for range 100 { // 50 MiB
		if err := a.Publish("t", data); err != nil {
			t.Fatal(err)
		}
	}
	reaches(t, a, b, "the last")
	reaches(t, a, idle, "the last")
}

// glutton has the secret, knows the language of NATS servers (its documents' "NATS Server Client and Route Protocol"),
// wants all that is said, shows life, and takes 1.3 MB of it per second.
func glutton(t *testing.T, at netip.AddrPort, stop <-chan struct{}) error {
	raw, err := net.Dial("tcp", at.String())
	if err != nil {
		return err
	}
	defer raw.Close()
	secured, err := sharedTLS([]byte(secret))
	if err != nil {
		return err
	}
	conn := tls.Client(raw, secured)
	const me = `{"server_id":"GLUTTON","server_name":"glutton","name":"GLUTTON","version":"2.15.2","proto":1,"cluster":"tincan","host":"127.0.0.1","port":9,"headers":true}`
	if _, err := fmt.Fprintf(conn, "CONNECT %s\r\nINFO %s\r\nPING\r\nRS+ $G t\r\n", me, me); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for block := make([]byte, 1<<16); ; {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		if n, err := conn.Read(block); err != nil {
			return err
		} else if bytes.Contains(block[:n], []byte("-ERR")) {
			t.Logf("%s", block[:n])
		}
		if _, err := conn.Write([]byte("PONG\r\n")); err != nil {
			return err
		}
	}
}

// What is said does not gather for a relay that takes little of it, though it shows life: the connection to it begins
// anew. Others do not notice.
func TestSlowPeer(t *testing.T) {
	at := freePort(t)
	a := startAt(t, at)
	other := startAt(t, freePort(t), at.String())
	reaches(t, a, other, "the first")
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- glutton(t, at, stop) }()
	defer func() { close(stop); t.Log(<-ended) }()
	eventually(t, "the glutton is there", func() bool { return a.server.NumRoutes() == 2 })
	began, said := time.Now(), 0
	data := make([]byte, 1<<17)
	eventually(t, "the glutton has no connection", func() bool {
		if err := a.Publish("t", data); err != nil { // 10 MB per second
			t.Fatal(err)
		}
		said += len(data)
		return a.server.NumRoutes() == 1
	})
	t.Logf("%d MB were said in %v", said/1e6, time.Since(began))
	reaches(t, a, other, "the last")
}
