package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
)

// fakeResolver knows one name.
type fakeResolver struct {
	mu    sync.Mutex
	all   []netip.Addr
	err   error
	hangs bool
	asked int
}

func (f *fakeResolver) LookupNetIP(ctx context.Context, network, _ string) (all []netip.Addr, err error) {
	f.mu.Lock()
	f.asked++
	hangs, err := f.hangs, f.err
	for _, a := range f.all {
		if (network == "ip4") == a.Is4() {
			all = append(all, a)
		}
	}
	f.mu.Unlock()
	if hangs {
		<-ctx.Done()
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return all, nil
}

func (f *fakeResolver) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// named joins a relay by a name that leads to all addresses of this machine.
func named(t *testing.T, r *fakeRelay, f *fakeResolver, cfg Config) *Call {
	t.Helper()
	_, port, _ := net.SplitHostPort(r.address())
	f.all = addrs("::1 127.0.0.1")
	cfg.Address, cfg.Name, cfg.resolver = "relay.test:"+port, "Ann", f
	c, err := Join(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Leave)
	return c
}

// onIPv6 listens at the relay's port by IPv6, and does something with each connection.
func onIPv6(t *testing.T, r *fakeRelay, do func(net.Conn)) {
	t.Helper()
	_, port, _ := net.SplitHostPort(r.address())
	l, err := net.Listen("tcp6", "[::1]:"+port)
	if err != nil {
		t.Skip("no IPv6 here, or the port is in use: ", err)
	}
	var loops sync.WaitGroup
	loops.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			loops.Go(func() {
				defer conn.Close()
				do(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		loops.Wait()
	})
}

// An address that takes connections and says nothing is no obstacle.
func TestSilentAddress(t *testing.T) {
	r := startRelay(t, certificate(t), nil)
	onIPv6(t, r, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c := named(t, r, &fakeResolver{}, Config{KnownRelays: t.TempDir() + "/known"})
	if a := c.control.get().conn.RemoteAddr().String(); a != r.address() {
		t.Errorf("connected to %s", a)
	}
}

// Nor is one that has TCP only: datagrams go to another address, and stay there when TCP comes back by the first.
func TestAddressWithoutUDP(t *testing.T) {
	r := startRelay(t, nil, nil)
	r.keep = true
	onIPv6(t, r, func(c net.Conn) {
		relay, err := net.Dial("tcp", r.address())
		if err != nil {
			return
		}
		defer relay.Close()
		go func() {
			_, _ = io.Copy(relay, c)
			relay.Close()
		}()
		_, _ = io.Copy(c, relay)
	})
	c := named(t, r, &fakeResolver{}, Config{Plaintext: true, Source: talk(1)})
	if a := c.control.get().conn.RemoteAddr().(*net.TCPAddr); a.IP.To4() != nil {
		t.Fatalf("connected to %v", a)
	}
	there := func() bool { l := c.Stats().Link; return l.Alive && l.Relay.String() == r.udp.LocalAddr().String() }
	eventually(t, "datagrams come back from the other address", there)
	if over := c.inUse().socket.get().overhead; over != 28 {
		t.Errorf("%d bytes of headers", over)
	}
	r.hangUp()
	await(t, c, "lost", anyEvent[Reconnecting])
	if back := await(t, c, "back", anyEvent[Reconnected]); !back.Resumed {
		t.Errorf("%+v", back)
	}
	if !there() {
		t.Errorf("%+v", c.Stats().Link)
	}
}

// A resolver that fails or hangs in mid-call keeps nobody from coming back, and is asked again.
func TestResolverFailsInMidCall(t *testing.T) {
	r := startRelay(t, nil, nil)
	r.keep = true
	f := &fakeResolver{}
	c := named(t, r, f, Config{Plaintext: true})
	for _, change := range []func(){
		func() { f.err = errors.New("server misbehaving") },
		func() { f.err = &net.DNSError{Err: "no such host", IsNotFound: true} },
		func() { f.hangs = true },
	} {
		var asked int
		f.set(func() { change(); asked = f.asked })
		r.hangUp()
		await(t, c, "lost", anyEvent[Reconnecting])
		if back := await(t, c, "back", anyEvent[Reconnected]); !back.Resumed {
			t.Errorf("%+v", back)
		}
		f.set(func() {
			if f.asked <= asked {
				t.Error("the resolver was not asked")
			}
		})
	}
}

func TestUnreachedInWords(t *testing.T) {
	a4, b4, a6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")
	refused, late := error(syscall.ECONNREFUSED), context.DeadlineExceeded
	for _, tt := range []struct {
		host   string
		tried  []attempt
		lookup error
		want   string
	}{
		{"192.0.2.1", []attempt{{addr: a4, err: late}}, nil,
			"no answer for 10 s; is the relay running, and is TCP port 9999 open on the way (firewalls, routers)?"},
		{"192.0.2.1", []attempt{{addr: a4, err: late, connected: true}}, nil,
			"a connection, but no answer for 10 s; is a tincan relay there, or does a firewall hold up what goes through TCP port 9999?"},
		{"192.0.2.1", []attempt{{addr: a4, err: refused}}, nil, "connection refused; is the relay running, and is 9999 its port?"},
		{"192.0.2.1", []attempt{{addr: a4, err: io.EOF, connected: true}}, nil, "no TLS (EOF); is a tincan relay there?"},
		{"192.0.2.1", []attempt{{addr: a4, err: syscall.EMFILE}}, nil, "too many open files; raise their number (ulimit -n)"},
		{"a.test", []attempt{{addr: a4, err: refused}}, nil, "connection refused by 192.0.2.1; is the relay running, and is 9999 its port?"},
		{"a.test", []attempt{{addr: a6, err: syscall.ENETUNREACH}, {addr: a4, err: late}, {addr: b4, err: late}}, nil,
			"no way to the network of 2001:db8::1, no answer from 192.0.2.1 and 192.0.2.2 for 10 s; " +
				"is this machine connected to a network that leads there?"},
		{"a.test", []attempt{{addr: a4, err: errors.New("100%")}}, nil, "100% for 192.0.2.1; is the address right?"},
		{"a.test", nil, &net.DNSError{Err: "no such host", IsNotFound: true},
			"there is no host named a.test; check the spelling, or give the relay's IP address"},
		{"a.test", nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true},
			"the name server fails to say where a.test is (server misbehaving); is this machine connected to a network? " +
				"Try again later, or give the relay's IP address"},
		{"a.test", nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true},
			"no name server says where a.test is; is this machine connected to a network? Or give the relay's IP address"},
		{"a.test", nil, nil,
			"no name server says where a.test is; is this machine connected to a network? Or give the relay's IP address"},
	} {
		u := &unreached{relay: address.Address{Host: tt.host, Port: 9999}, tried: tt.tried, lookup: tt.lookup}
		err := u.result(10*time.Second - time.Millisecond)
		if want := fmt.Sprintf("cannot reach the relay at %s:9999: %s", tt.host, tt.want); err.Error() != want {
			t.Errorf("%s\nwant %s", err, want)
		}
		for _, a := range tt.tried {
			if !errors.Is(err, a.err) {
				t.Errorf("%v is not %v", err, a.err)
			}
		}
		if tt.lookup != nil && !errors.Is(err, tt.lookup) {
			t.Errorf("%v is not %v", err, tt.lookup)
		}
	}
}

// Where one address shows another certificate, or the file is no list of relays, that is what is said.
func TestUnreachedForTheCertificate(t *testing.T) {
	changed := &CertificateChangedError{}
	u := &unreached{tried: []attempt{{err: syscall.ECONNREFUSED}, {err: changed}}}
	if err := u.result(0); err != changed {
		t.Error(err)
	}
}

// Who gives up while a name is looked up is not kept.
func TestGivingUpWhileTheResolverHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Join(ctx, Config{Address: "relay.test", Name: "Ann", Plaintext: true, resolver: &fakeResolver{hangs: true}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "given up") {
		t.Error(err)
	}
}
