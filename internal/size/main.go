// Command size measures how much a relay can do on this machine and says what that means for larger ones.
//
//	size --- crowd, swarm: processes of their own ---> tincand, one core, a process of its own
//
// It measures 20,000 idle sessions, 2,000 rooms in which somebody talks, and a room of 1,000 with four talkers. Three costs
// are made of these: of a probe, of a datagram that comes, of a packet that goes. A fourth measurement, of a mixture, checks
// them, and so does a fifth, of three relays of a cluster, beside one relay with a third of their work. Everything runs on one machine, so the clients take time from the relay: where they cannot keep up it says so.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tincan-voice/tincan/internal/relaycmd"
	"github.com/tincan-voice/tincan/internal/swarm"
)

// part is the clients of one process.
type part struct {
	clients, rooms, talkers int
	length                  time.Duration
}

// trial is one measurement: of a part, with others there who say nothing.
type trial struct {
	name  string
	crowd part
	part
	relays int
}

// trials are what is measured; the numbers of clients and rooms are divided by scale. A process has two files per client,
// and many systems allow it 20,000 files.
func trials(scale int, length time.Duration) []trial {
	n := func(v int) int { return max(v/scale, 1) }
	return []trial{
		{"idle", part{n(9960), n(2490), 0, time.Hour}, part{n(9800), n(2450), 0, 2 * length}, 1},
		{"rooms", part{}, part{2 * n(2000), n(2000), 1, length}, 1},
		{"large room", part{}, part{max(1000/scale, 20), 1, 4, length}, 1},
		{"mixture", part{n(4000), n(1000), 0, time.Hour}, part{10 * n(250), n(250), 2, length}, 1},
		// Each of the three takes 100 datagrams per second and room, and sends 300 to clients and 67 to the others; so
		// does one alone with rooms of 4.67.
		{"three", part{}, part{10 * n(100), n(100), 2, length}, 3},
		{"a third", part{}, part{14 * n(100) / 3, n(100), 2, length}, 1},
	}
}

func main() {
	var client part
	relay := flag.String("relay", "", "be a swarm of these relays: for itself")
	flag.IntVar(&client.clients, "clients", 0, "of the swarm")
	flag.IntVar(&client.rooms, "rooms", 0, "of the swarm")
	flag.IntVar(&client.talkers, "talkers", 0, "of the swarm")
	flag.DurationVar(&client.length, "for", 15*time.Second, "how long each measurement takes")
	scale := flag.Int("scale", 1, "so many times fewer clients")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *relay != "" {
		err = client.swarm(ctx, *relay, os.Stdout)
	} else {
		err = run(ctx, trials(*scale, client.length), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// swarm is what the process of a part does: it says a line when all have joined, and at the end its report.
func (p part) swarm(ctx context.Context, relay string, out io.Writer) error {
	relays := strings.Split(relay, ",")
	report, err := swarm.Run(ctx, swarm.Config{
		Address: relays[0], Also: relays[1:], Clients: p.clients, Rooms: p.rooms, Talkers: p.talkers, For: p.length, Rate: 1000,
		Progress: func(text string) { fmt.Fprintln(out, text) },
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(report)
}

// run makes all measurements and says what comes of them.
func run(ctx context.Context, trials []trial, out io.Writer) error {
	dir, err := os.MkdirTemp("", "tincan-size-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := relaycmd.Build(ctx, dir, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-11s %8s %6s %8s %9s %9s %6s %7s %8s %9s %8s\n", "", "sessions", "rooms", "in/s", "deliv./s", "packets/s", "lost", "cores", "us/deliv", "p99 us", "KiB/sess")
	var found []measured
	for _, t := range trials {
		r, err := t.measure(ctx, program)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if r.RelayProcess == nil {
			return errors.New("the CPU time of the relay cannot be seen here")
		}
		m := t.of(r)
		found = append(found, m)
		fmt.Fprintf(out, "%-11s %8d %6d %8.0f %9.0f %9.0f %6d %7.3f %8.2f %9.0f %8.1f\n", t.name, m.sessions, t.crowd.rooms+t.rooms, m.in,
			float64(r.Delivered)/r.Seconds, m.out, r.Lost, m.cpu, r.RelayProcess.PerDelivery, r.Latency.P99, m.memory/1024/float64(m.sessions))
		if r.Saturated != "" {
			fmt.Fprintf(out, "%-11s %s\n", "", r.Saturated)
		}
	}
	c, err := fit(found[0], found[1], found[2])
	if err != nil {
		return err
	}
	check := found[3]
	fmt.Fprintf(out, "\ncosts: %.1f us per probe, %.2f us per datagram that comes, %.2f us per packet that goes, %.1f KiB per session\n", c.probe*1e6, c.in*1e6, c.out*1e6, c.memory/1024)
	fmt.Fprintf(out, "check: the mixture should take %.3f cores, and took %.3f (%+.0f %%)\n", c.cores(check.load), check.cpu, 100*(c.cores(check.load)/check.cpu-1))
	three, third := found[4], found[5]
	fmt.Fprintf(out, "check: the three relays of a cluster should take %.3f cores, and took %.3f (%+.0f %%): %.2f times what one takes with as many datagrams\n",
		c.cores(three.load), three.cpu, 100*(c.cores(three.load)/three.cpu-1), three.cpu/(three.in+three.out)/(third.cpu/(third.in+third.out)))
	c.predict(out)
	return nil
}

// predict says what the costs mean.
func (c costs) predict(out io.Writer) {
	fmt.Fprintf(out, "\n%-44s %12s %12s\n", fmt.Sprintf("at %.0f %% of", 100*headroom), "1 core", fmt.Sprint(cores, " cores"))
	for _, row := range []struct {
		name string
		per  float64 // cores
		unit int
	}{
		{"idle sessions", probesIdle * c.probe, 1},
		{"rooms of 3, one talks", c.cores(room(3, 1, 1)), 1},
		{"rooms of 10, one talks", c.cores(room(10, 1, 1)), 1},
		{"rooms of 100, two talk, bundled", c.cores(room(100, 2, 0.55)), 1},
		{"listeners of 4 talkers in rooms of 1000, bundled", c.cores(room(1000, 4, 0.27)), 1000},
		{"deliveries per second, one talker, large rooms", c.out, 1},
	} {
		one := headroom / row.per * float64(row.unit)
		fmt.Fprintf(out, "%-48s %8.3g %12.3g\n", row.name, one, one*cores*together)
	}
	fmt.Fprintf(out, "\na million users in a cluster of relays with %d cores, each at %.0f %%; everyone joins any relay\n", cores, 100*headroom)
	for _, members := range []int{3, 10, 50} {
		for _, share := range []float64{0, 0.1, 1} {
			text := fmt.Sprintf("rooms of %d, one talks in %.0f %%", members, 100*share)
			switch n, per := c.cluster(1e6, members, share); {
			case n == 0:
				fmt.Fprintf(out, "%-48s more than %d relays: %.0f cores\n", text, mostRelays, per)
			default:
				fmt.Fprintf(out, "%-48s %8d relays, %.0f cores busy, %.1f GiB each\n", text, n, per, 1e6*c.memory/float64(n)/(1<<30))
			}
		}
	}
}

// of is what a trial's report says.
func (t trial) of(r *swarm.Report) measured {
	m := measured{cpu: r.RelayProcess.CPU / 100, memory: r.RelayProcess.Memory * (1 << 20)}
	m.sessions = r.Joined + t.crowd.clients
	busy := probesIdle
	if t.talkers > 0 {
		busy = probesBusy
		m.cpu = r.RelayProcess.PerDelivery * float64(r.Delivered) / 1e6 / r.Seconds // of the whole time, that of waiting for the last included
	}
	m.probes = float64(r.Joined)*busy + float64(t.crowd.clients)*probesIdle
	sent, relays := float64(r.Sent)/r.Seconds, float64(t.relays)
	m.in, m.out = relays*sent, float64(r.Delivered)*r.Packets/r.Seconds+(relays-1)*sent // every room is at every relay
	return m
}

// measure starts the relays, lets the crowd in, and then those who are measured.
func (t trial) measure(ctx context.Context, program string) (report *swarm.Report, err error) {
	var relays []string
	ways, err := clusterFlags(filepath.Dir(program), t.relays)
	if err != nil {
		return nil, err
	}
	for _, way := range ways {
		var r *relaycmd.Relay // err is the function's: it gets how the relays end
		if r, err = relaycmd.Start(ctx, program, "0", append([]string{"--sessions", "32768", "--rooms", "32768", "--hold", "1s"}, way...)...); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.Stop()) }()
		relays = append(relays, r.Address)
	}
	address := strings.Join(relays, ",")
	if t.crowd.clients > 0 {
		crowd, err := t.crowd.start(ctx, address)
		if err != nil {
			return nil, err
		}
		defer crowd.end()
		if err := crowd.joined(); err != nil {
			return nil, err
		}
	}
	p, err := t.start(ctx, address)
	if err != nil {
		return nil, err
	}
	defer p.end()
	return p.report()
}

// clusterFlags make each of some relays one of a cluster; one alone needs none.
func clusterFlags(dir string, relays int) (flags [][]string, err error) {
	if relays == 1 {
		return [][]string{nil}, nil
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(rand.Text()), 0o600); err != nil {
		return nil, err
	}
	var ports []string
	for range relays {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().String())
	}
	for i, own := range ports {
		others := slices.Delete(slices.Clone(ports), i, i+1)
		flags = append(flags, []string{"--cluster", strconv.Itoa(i + 1), "--cluster-secret", secret, "--cluster-address", own, "--peers", strings.Join(others, ",")})
	}
	return flags, nil
}

// process is a part that runs.
type process struct {
	cmd *exec.Cmd
	out *bufio.Scanner
}

func (p part) start(ctx context.Context, relay string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-relay", relay, "-clients", strconv.Itoa(p.clients), "-rooms", strconv.Itoa(p.rooms),
		"-talkers", strconv.Itoa(p.talkers), "-for", p.length.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, bufio.NewScanner(out)}, cmd.Start()
}

// joined waits until all have joined.
func (p *process) joined() error {
	for p.out.Scan() {
		if strings.Contains(p.out.Text(), "talkers for") {
			return nil
		}
	}
	return errors.New("the crowd could not join")
}

// report waits for the end.
func (p *process) report() (*swarm.Report, error) {
	for p.out.Scan() {
		if strings.HasPrefix(p.out.Text(), "{") {
			r := new(swarm.Report)
			return r, json.Unmarshal(p.out.Bytes(), r)
		}
	}
	return nil, errors.New("a swarm has ended without a report")
}

// end ends the process.
func (p *process) end() {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	for p.out.Scan() {
	}
	_ = p.cmd.Wait()
}
