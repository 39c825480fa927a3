// Package mesh carries the messages of a cluster's relays by NATS: each relay has a NATS server in it, and these make
// a full mesh of TLS connections; or all are clients of one that is there. It is a relay.Bus. Nothing is kept
// anywhere: a message goes to who has subscribed to its topic and is reached right then.
package mesh

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tincan-voice/tincan/relay"
)

// Options say how a Bus reaches the other relays.
type Options struct {
	// Listen is where the NATS server in here takes those of the other relays, TCP.
	Listen netip.AddrPort
	// Peers are where those of the others do, host:port. Each pair of relays needs one that names the other.
	Peers []string
	// URL is a NATS server elsewhere, in the place of those in the relays: then Listen and Peers do not count. "":
	// none.
	URL string
	// Secret is relay.Cluster.Secret.
	Secret []byte
	// Log gets what goes wrong with connections.
	Log *slog.Logger
}

const (
	// Connections between relays that carry nothing are given up after two questions without an answer.
	pingEvery = time.Second
	pingsOut  = 2
	// takeWithin is how long a relay has to take what there is for it at a time: else the connection to it begins anew.
	takeWithin = 3 * time.Second
	// Another relay that was met through a third one is tried so often, once a second or so; those of Options.Peers
	// for ever.
	retries = 120

	startTime = 10 * time.Second
)

// Bus is relay.Bus on NATS.
type Bus struct {
	server *server.Server // nil: elsewhere
	conn   *nats.Conn
	in     chan *nats.Msg
	out    chan relay.BusMessage
	stop   chan struct{}
	wg     sync.WaitGroup

	mu   sync.Mutex
	subs map[string]*nats.Subscription
}

// Start begins to reach the others, and does not wait for them. The error says what is wrong with the options, or that
// the port is in use.
func Start(o Options) (*Bus, error) {
	b := &Bus{
		in: make(chan *nats.Msg, 256), out: make(chan relay.BusMessage), stop: make(chan struct{}),
		subs: make(map[string]*nats.Subscription),
	}
	options := []nats.Option{
		nats.NoEcho(), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(time.Second),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut), nats.Name("tincand"),
	}
	to := o.URL
	if to == "" {
		password := make([]byte, 16)
		_, _ = rand.Read(password) // never fails
		if err := b.serve(o, hex.EncodeToString(password)); err != nil {
			return nil, err
		}
		options = append(options, nats.InProcessServer(b.server), nats.UserInfo("tincand", hex.EncodeToString(password)))
	} else {
		there := func(*nats.Conn) { o.Log.Info("NATS is there") }
		options = append(options, nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else this relay ends
				o.Log.Warn("NATS is gone: rooms go on at each relay by itself until it is there again", "error", err)
			}
		}), nats.ReconnectHandler(there), nats.ConnectHandler(there))
	}
	var slow atomic.Bool
	options = append(options, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if !errors.Is(err, nats.ErrSlowConsumer) || !slow.Swap(true) {
			o.Log.Warn("NATS", "error", err)
		}
	}))
	var err error
	if b.conn, err = nats.Connect(to, options...); err != nil {
		b.end()
		return nil, fmt.Errorf("mesh: cannot reach NATS at %s: %w", to, err)
	}
	if !b.conn.IsConnected() {
		o.Log.Warn("NATS cannot be reached yet: rooms are each relay's own until it can")
	}
	b.wg.Go(b.pass)
	return b, nil
}

// serve starts the NATS server in here. Its port for clients is on this machine alone, as there has to be one (routes
// wait for it), and has a password that nobody knows.
func (b *Bus) serve(o Options, password string) error {
	// The server ends the whole program where it cannot have a port: so it is tried before.
	l, err := net.Listen("tcp", o.Listen.String())
	if err != nil {
		return fmt.Errorf("mesh: the port for the other relays: %w", err)
	}
	_ = l.Close()
	routes := make([]*url.URL, len(o.Peers))
	for i, p := range o.Peers {
		host, port, err := net.SplitHostPort(p)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return fmt.Errorf("mesh: bad peer %q: want an address and the port for other relays there, as in 192.0.2.7:9997", p)
		}
		routes[i] = &url.URL{Scheme: "nats", Host: p}
	}
	tls, err := sharedTLS(o.Secret)
	if err != nil {
		return err
	}
	b.server, err = server.NewServer(&server.Options{
		ServerName: "tincand-" + rand.Text(), Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "tincand", Password: password,
		NoSigs: true, NoSystemAccount: true, MaxPayload: 1 << 20, PingInterval: 2 * time.Minute,
		Routes: routes,
		Cluster: server.ClusterOpts{
			Name: "tincan", Host: o.Listen.Addr().String(), Port: int(o.Listen.Port()), TLSConfig: tls, TLSTimeout: 5,
			PoolSize: -1, PingInterval: pingEvery, MaxPingsOut: pingsOut, ConnectRetries: retries,
			WriteDeadline: takeWithin, WriteTimeout: server.WriteTimeoutPolicyClose,
		},
	})
	if err != nil {
		return fmt.Errorf("mesh: %w", err)
	}
	b.server.SetLoggerV2(&logger{log: o.Log}, false, false, false)
	b.server.Start()
	if !b.server.ReadyForConnections(startTime) {
		b.end()
		return errors.New("mesh: the NATS server in here does not start")
	}
	return nil
}

// pass is a goroutine: it hands on what has come.
func (b *Bus) pass() {
	var waiting backlog
	for {
		var out chan<- relay.BusMessage
		if len(waiting.messages) > 0 {
			out = b.out
		}
		select {
		case <-b.stop:
			return
		case m := <-b.in:
			waiting.add(relay.BusMessage{Topic: m.Subject, Data: m.Data})
		case out <- waiting.first():
			waiting.drop()
		}
	}
}

// Subscribe implements relay.Bus.
func (b *Bus) Subscribe(topic string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs[topic] != nil {
		return nil
	}
	s, err := b.conn.ChanSubscribe(topic, b.in)
	if err == nil {
		b.subs[topic] = s
	}
	return err
}

// Unsubscribe implements relay.Bus.
func (b *Bus) Unsubscribe(topic string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.subs[topic]
	if s == nil {
		return nil
	}
	delete(b.subs, topic)
	return s.Unsubscribe()
}

// Publish implements relay.Bus.
func (b *Bus) Publish(topic string, data []byte) error { return b.conn.Publish(topic, data) }

// Messages implements relay.Bus.
func (b *Bus) Messages() <-chan relay.BusMessage { return b.out }

// Close says what is still to be said, ends all connections and joins the goroutine.
func (b *Bus) Close() {
	_ = b.conn.FlushTimeout(time.Second)
	b.conn.Close()
	close(b.stop)
	b.wg.Wait()
	b.end()
}

func (b *Bus) end() {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}
