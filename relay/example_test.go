package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/tincan-voice/tincan/relay"
)

// A relay inside another program, on any free port of the loopback interface.
func Example() {
	state, err := os.MkdirTemp("", "relay")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(state)
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: state})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx) }()

	_, err = relay.Listen(relay.Config{Addr: server.Addr(), StateDir: state})
	fmt.Println("a second one on that port:", errors.Is(err, relay.ErrPortInUse))
	fmt.Println("clients:", len(server.Clients()), "forged datagrams:", server.Stats().Dropped[relay.DropForged])

	stop()
	fmt.Println("ended:", <-ended)
	// Output:
	// a second one on that port: true
	// clients: 0 forged datagrams: 0
	// ended: <nil>
}
