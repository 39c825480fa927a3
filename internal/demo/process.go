package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stage owns the relay's process.
type stage struct {
	dir   string
	relay *exec.Cmd
}

// startRelay runs tincand on a free port until the stage closes, and returns its address.
func (s *stage) startRelay(ctx context.Context) (string, error) {
	addr, err := freeAddress()
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(s.dir, "relay.log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("bin/tincand", port, "--state", filepath.Join(s.dir, "relay"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("the relay did not start: %w (run make build first)", err)
	}
	s.relay = cmd
	return addr, waitForPort(ctx, addr)
}

// close ends the relay and joins it.
func (s *stage) close() error {
	if s.relay == nil {
		return nil
	}
	_ = s.relay.Process.Signal(syscall.SIGTERM) // it may have ended already: Wait says how
	if err := s.relay.Wait(); err != nil {
		return fmt.Errorf("the relay: %w (see %s)", err, filepath.Join(s.dir, "relay.log"))
	}
	return nil
}

// client is one running `tincan join --json`.
type client struct {
	name    string
	cmd     *exec.Cmd
	done    chan error
	capture time.Time // when the first sample was captured
	playing time.Time // when the first sample was played
	summary *line
	ladder  []line // how it sent, and why
}

// line is what the demo reads of a line of `tincan join --json`.
type line struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	Text  string    `json:"text"`
	Stats struct {
		Link struct {
			UpKbps   float64 `json:"mean_up_kbps"`
			DownKbps float64 `json:"mean_down_kbps"`
		} `json:"link"`
		Peers []peer `json:"peers"`
	} `json:"stats"`
}

type peer struct {
	Name      string `json:"name"`
	Frames    uint64 `json:"frames"`
	Repaired  uint64 `json:"repaired"`
	Concealed uint64 `json:"concealed"`
}

func (s *stage) join(ctx context.Context, name, addr string, args ...string) (*client, error) {
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	c := &client{name: name, done: make(chan error, 1)}
	c.cmd = exec.CommandContext(ctx, "bin/tincan", append([]string{"join", addr, "--name", name, "--json"}, args...)...)
	c.cmd.Stderr = log
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	go func() {
		defer log.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(log, lines.Text())
			c.note(lines.Bytes())
		}
		c.done <- c.cmd.Wait()
	}()
	return c, nil
}

// note keeps what the demo needs of one output line.
func (c *client) note(text []byte) {
	var l line
	if json.Unmarshal(text, &l) != nil {
		return
	}
	switch l.Event {
	case "capturing":
		c.capture = l.Time
	case "playing":
		c.playing = l.Time
	case "sending":
		c.ladder = append(c.ladder, l)
	case "summary":
		c.summary = &l
	}
}

// wait joins the client and makes sure that it told what happened.
func (c *client) wait() error {
	if err := <-c.done; err != nil {
		return fmt.Errorf("%s: tincan join: %w (its log is beside heard.wav)", c.name, err)
	}
	if c.summary == nil {
		return fmt.Errorf("%s: tincan join ended without a summary", c.name)
	}
	return nil
}

// freeAddress finds a port that nobody uses now, by TCP or UDP.
func freeAddress() (addr string, err error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr = l.Addr().String()
		u, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err == nil {
			return addr, u.Close()
		}
	}
	return "", fmt.Errorf("UDP port of %s, and 99 before it: %w", addr, syscall.EADDRINUSE)
}

// waitForPort returns once a server accepts connections at addr.
func waitForPort(ctx context.Context, addr string) error {
	for range 100 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing answers at %s after 5 s (see relay.log)", addr)
}
