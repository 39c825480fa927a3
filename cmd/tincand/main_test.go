package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asProgram is the environment variable that makes the test binary tincand itself.
const asProgram = "TINCAND_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(asProgram); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
	}
	if signal.Ignored(syscall.SIGHUP) { // the tests run under nohup, and what they test is to hear a hang-up
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	goleak.VerifyTestMain(m)
}

// output is a buffer that one may look at while it is written to.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// wait waits for text that matches.
func (o *output) wait(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for range 500 {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s in %q", pattern, o.String())
	return nil
}

// program is tincand under test, with a console.
type program struct {
	in   *io.PipeWriter
	out  output
	port string
	end  chan error
	stop context.CancelFunc
}

// serve is run with flags that never change.
func serve(ctx context.Context, f flags, env string, stdin io.Reader, stdout, stderr io.Writer) error {
	return run(ctx, f, func() (flags, error) { return f, nil }, env, stdin, stdout, stderr)
}

func start(t *testing.T) *program {
	return startWith(t, flags{Port: "0", Host: "127.0.0.1", State: t.TempDir()})
}

func startWith(t *testing.T, f flags) *program {
	t.Helper()
	p := &program{end: make(chan error, 1)}
	r, w := io.Pipe()
	p.in = w
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.end <- serve(ctx, f, "", r, &p.out, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		_ = w.Close()
	})
	p.port = p.out.wait(t, `listens on 127\.0\.0\.1:(\d+), fingerprint SHA256:[A-Za-z0-9+/]{43}\n`)[1]
	return p
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 3000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// join has somebody without voice come, who is there when it returns.
func join(t *testing.T, port, name, room string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, `{"KEY": 2, "NAME": %q, "ROOM": %q}`, name, room)
	if _, err := conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (p *program) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.end:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("does not end")
	}
}

func TestConsole(t *testing.T) {
	p := start(t)
	fmt.Fprintln(p.in, "list")
	p.out.wait(t, "nobody is here")
	conn := join(t, p.port, "Adam", "")
	defer conn.Close()
	fmt.Fprintln(p.in, "LiSt")
	p.out.wait(t, `Adam +\d+ +127\.0\.0\.1:\d+ +no VOICE +\d\d:\d\d:\d\d \(0s\) +0\n`)
	fmt.Fprintln(p.in, "stats")
	p.out.wait(t, `(?s)sessions +1\n.*forwarded +0\n.*goroutines +\d+\n.*heap KiB +\d+\n`)
	fmt.Fprintln(p.in, "HELLO")
	p.out.wait(t, `unknown command "HELLO": LIST .* STOP`)
	const print = "SHA256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA"
	fmt.Fprintln(p.in, "DRAIN 5 b.example")
	p.out.wait(t, `fingerprint.*; nothing is drained\n`)
	fmt.Fprintln(p.in, "drain 3600 B.example "+print)
	p.out.wait(t, `draining\n`)
	fmt.Fprintln(p.in, " stop ")
	rest, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(rest), `{"KEY": 5, "REASON": "the relay was stopped", "RELAY": "b.example:9999", "FINGERPRINT": "`+print+`"}`) {
		t.Errorf("%q, %v", rest, err)
	}
	p.wait(t)
}

func TestEndOfInputGoesOn(t *testing.T) {
	p := start(t)
	_ = p.in.Close()
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, `{"KEY": 7, "PORT": 1}`)
	if _, err := conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	p.stop() // as a signal does
	p.wait(t)
}

func TestErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := fmt.Sprint(busy.Addr().(*net.TCPAddr).Port)
	tests := []struct {
		name string
		f    flags
		env  string
		want []string
	}{
		{"port in use", flags{Port: taken, Host: "127.0.0.1"}, "", []string{taken, "in use", "another port"}},
		{"port in use, from the environment", flags{Host: "127.0.0.1"}, taken, []string{taken, "in use"}},
		{"no number", flags{Port: "voice"}, "", []string{`"voice"`, "argument", "0 to 65535"}},
		{"too large", flags{Port: "65536"}, "", []string{`"65536"`}},
		{"environment", flags{}, "x", []string{`"x"`, "PORT"}},
		{"host", flags{Host: "relay.example"}, "", []string{`"relay.example"`, "IP address"}},
		{"per address", flags{PerAddr: -1}, "", []string{"--per-address", "-1"}},
		{"hold", flags{Hold: -1}, "", []string{"--hold", "60s"}},
		{"drain", flags{Drain: -1}, "", []string{"--drain", "10s"}},
		{"next", flags{Next: "b.example"}, "", []string{"--next", `"b.example"`, "SHA256:"}},
		{"key missing", flags{Port: "0", Cert: "c.pem"}, "", []string{"both"}},
		{"no such certificate", flags{Port: "0", Cert: "none.pem", Key: "none.pem"}, "", []string{"none.pem"}},
	}
	for _, tt := range tests {
		tt.f.State = t.TempDir()
		err := serve(context.Background(), tt.f, tt.env, strings.NewReader(""), io.Discard, io.Discard)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q lacks %q", tt.name, err, w)
			}
		}
		if errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestExecute(t *testing.T) {
	tests := []struct {
		args string
		code int
		want string // in what is written
	}{
		{"--version", 0, "tincand "},
		{"--help", 0, "SIGHUP"},
		{"--nonsense", 2, "--nonsense"},
		{"1 2", 2, "2"},
		{"65536", 2, "0 to 65535"},
		{"-5", 2, "-5"},
		{"voice", 2, `"voice"`},
		{"--talkers=-2", 2, "-1 for all"},
		{"--talkers=0", 2, "--talkers"},
		{"--talkers=1001", 2, "1000"},
		{"--talkers=99999999999999999999", 2, "--talkers"},
		{"--per-address=-1", 2, "--per-address"},
		{"--per-address=0", 2, "--per-address"},
		{"--hold=-1s", 2, "--hold"},
		{"--hold=0", 2, "--hold"},
		{"--host=", 2, "--host"},
		{"--host=relay.example", 2, "IP address"},
		{"--host=fe80::1", 2, "fe80::1%"},
		{"--host=fe80::1%noSuch0", 2, "noSuch0"},
		{"--state=", 2, "--state"},
		{"--cert=c.pem", 2, "both"},
		{"--plaintext=some", 2, "any"},
		{"--cert=none.pem --key=none.pem", 1, "none.pem"},
		{"0 --host=192.0.2.1 --state=" + t.TempDir(), 1, "this machine has"},
	}
	for _, tt := range tests {
		var out output
		code := execute(strings.Fields(tt.args), "", strings.NewReader(""), &out, &out)
		if said := out.b.String(); code != tt.code || !strings.Contains(said, tt.want) {
			t.Errorf("%s: exit code %d, want %d; says %q, want %q in it", tt.args, code, tt.code, said, tt.want)
		}
	}
}
