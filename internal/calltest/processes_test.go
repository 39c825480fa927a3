package calltest

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/relay"
)

// TestMain also is the program that runs as another process, to be killed: see startProcess.
func TestMain(m *testing.M) {
	switch role, argument, _ := strings.Cut(os.Getenv("CALLTEST_ROLE"), " "); role {
	case "relay":
		runRelay(argument)
	case "client":
		runClient(argument)
	case "crowd":
		runCrowd(argument)
	default:
		goleak.VerifyTestMain(m)
	}
}

// runRelay serves until it is killed or another one takes its place, at an address and with a folder for its state. The
// word replace behind them has it take the place of one that is there.
func runRelay(argument string) {
	words := strings.Fields(argument)
	cfg := relay.Config{Addr: netip.MustParseAddrPort(words[0]), StateDir: words[1], Replace: len(words) > 2}
	server, err := relay.Listen(cfg)
	if err != nil {
		panic(err)
	}
	fmt.Println(server.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := server.Serve(ctx); err != nil {
		panic(err)
	}
}

// runClient stays in the room until it is killed.
func runClient(address string) {
	call, err := engine.Join(context.Background(), engine.Config{Address: address, Name: "Victim", Plaintext: true})
	if err != nil {
		panic(err)
	}
	fmt.Println(call.Session())
	<-call.Done()
}

// startProcess runs this test binary in a role and returns its first line and what kills it.
func startProcess(t *testing.T, role, argument string) (line string, kill func()) {
	t.Helper()
	p := start(t, role, argument)
	return p.line(), p.kill
}

// process is this test binary in another role.
type process struct {
	t    *testing.T
	role string
	cmd  *exec.Cmd
	out  *bufio.Reader
	kill func() // without a word
}

// line is the next line that it says.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the %s says nothing: %v", p.role, err)
	}
	return strings.TrimSpace(line)
}

func start(t *testing.T, role, argument string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CALLTEST_ROLE="+role+" "+argument)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = cmd.Process.Kill() // it may be dead already
		_ = cmd.Wait()         // says that it was killed
	}
	t.Cleanup(kill)
	return &process{t, role, cmd, bufio.NewReader(out), kill}
}
