package calltest

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
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
	default:
		goleak.VerifyTestMain(m)
	}
}

// runRelay serves until it is killed, at an address and with a folder for its state.
func runRelay(argument string) {
	address, stateDir, _ := strings.Cut(argument, " ")
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort(address), StateDir: stateDir})
	if err != nil {
		panic(err)
	}
	fmt.Println(server.Addr())
	panic(server.Serve(context.Background()))
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

// startProcess runs this test binary in a role and returns its first line and what kills it
// without a word.
func startProcess(t *testing.T, role, argument string) (line string, kill func()) {
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
	kill = func() {
		_ = cmd.Process.Kill() // it may be dead already
		_ = cmd.Wait()         // says that it was killed
	}
	t.Cleanup(kill)
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the %s said nothing: %v", role, err)
	}
	return strings.TrimSpace(line), kill
}
