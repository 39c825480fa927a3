//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A hang-up reads the certificate again, and a bad one changes nothing; it never ends the relay.
func TestHangup(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, log output
	end := make(chan error)
	go func() {
		end <- serve(ctx, flags{Port: "0", Host: "127.0.0.1", State: dir}, "", strings.NewReader(""), &out, &log)
	}()
	print := out.wait(t, `fingerprint (SHA256:\S+)\n`)[1]
	hangUp := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hangUp()
	if got := log.wait(t, `level=INFO msg="settings, certificate and tokens are reloaded" fingerprint=(\S+)\n`)[1]; got != print {
		t.Errorf("fingerprint %s, want %s", got, print)
	}
	if err := os.WriteFile(dir+"/relay.pem", []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp()
	if got := log.wait(t, `level=ERROR msg=".*the old settings, certificate and tokens stay" .* fingerprint=(\S+)\n`)[1]; got != print {
		t.Errorf("fingerprint %s, want %s", got, print)
	}
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
}

// SIGTERM drains where that was asked for, and a second one ends the relay at once.
func TestTerminate(t *testing.T) {
	for _, f := range []flags{{}, {Drain: time.Hour}, {Next: "b.example SHA256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA"}} {
		f.Port, f.Host, f.State, f.LogLevel = "0", "127.0.0.1", t.TempDir(), slog.LevelDebug
		var out, log output
		end := make(chan error)
		go func() { end <- serve(context.Background(), f, "", strings.NewReader(""), &out, &log) }()
		conn, err := net.Dial("tcp", "127.0.0.1:"+out.wait(t, `127\.0\.0\.1:(\d+)`)[1])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, `{"KEY": 2, "NAME": "Adam"}`)
		log.wait(t, "joined")
		terminate := func() {
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		terminate()
		if f.Drain > 0 || f.Next != "" {
			log.wait(t, "draining")
			terminate()
		}
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
}

// Pipes that nobody reads hold up neither the answers' end, nor joins, nor the end.
func TestNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fill(t, w)
	in, commands, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- serve(ctx, flags{Port: "0", Host: "127.0.0.1", State: t.TempDir()}, "", in, w, w) }()
	for range 300 {
		if _, err := commands.WriteString("list\nwhat\n"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := commands.WriteString("stop\n"); err != nil {
		t.Fatal(err)
	}
	_ = commands.Close()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("does not end")
	}
	_ = r.Close() // ends what hangs in a write
}

// A process whose pipes were closed serves on, at hang-ups too.
func TestClosedPipes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asProgram+"=0 --host 127.0.0.1 --state "+t.TempDir())
	cmd.Stdout, cmd.Stderr = w, w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	_ = w.Close()
	text := bufio.NewReader(r)
	var port int
	for port == 0 { // there may be a warning before
		line, err := text.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Sscanf(line, "tincand listens on 127.0.0.1:%d,", &port)
	}
	_ = r.Close()
	for range 3 {
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, `{"KEY": 2, "NAME": "Adam"}`) // which is logged
		if _, err := conn.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		fmt.Fprintln(stdin, "list")
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(stdin, "stop")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// fill fills a pipe.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	if err := w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	if err := w.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}
