// Command tincan is the client: it joins a room of a relay with a sound card or with files,
// lists sound devices, and holds the laboratory that shows what a listener would hear.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/console"
	"github.com/tincan-voice/tincan/internal/guard"
	"github.com/tincan-voice/tincan/internal/usage"
)

// CLI is the command line.
type CLI struct {
	Join     JoinCmd     `cmd:"" help:"Join a room and talk: what tincan does alone. On a terminal the full screen asks for what is not given."`
	Invite   InviteCmd   `cmd:"" help:"Print a link that lets others join a room, and no other relay's."`
	Identity IdentityCmd `cmd:"" help:"Print the key that join --identity brings, and make it if there is none."`
	Serve    ServeCmd    `cmd:"" help:"Host a room: a relay on this machine, an invitation for the others, and you in it."`
	Bridge   BridgeCmd   `cmd:"" help:"Let clients of TIP_Project into a room."`
	Settings SettingsCmd `cmd:"" help:"Print a file of settings for join, with a comment on each, and where it goes."`
	Doctor   DoctorCmd   `cmd:"" help:"Try the microphone, the loudspeaker and a relay, and say what to do about what does not work."`
	Devices  DevicesCmd  `cmd:"" help:"List the sound devices that --in and --out can name."`
	Lab      LabCmd      `cmd:"" help:"Show what a listener hears over any network, in seconds."`
	Swarm    SwarmCmd    `cmd:"" help:"Load a relay with many light clients and measure it."`
	Version  VersionCmd  `cmd:"" help:"Print the version, and that of the Opus library."`

	usage.Extras
	ShowVersion versionFlag `name:"version" help:"Print the version, and that of the Opus library."`
}

func main() {
	if guard.Main() {
		return
	}
	if err := checkFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "tincan:", err)
		os.Exit(1)
	}
	console.Detach()
	ctx, end := context.WithCancel(context.Background())
	endOnSignals(end)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, kong.Resolvers(loadSettings())))
}

// run is main with its surroundings as arguments. It returns the exit code: 0 for
// success, 1 for a failure, 2 for a command line that makes no sense.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer, more ...kong.Option) int {
	code := -1 // set by kong when it wants to exit, after --help
	parser, err := usage.New(&CLI{}, append(more,
		kong.Name("tincan"),
		kong.Description("Group voice for bad networks."),
		kong.Writers(out, errOut),
		kong.Exit(func(c int) { code = c }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(in, (*io.Reader)(nil)),
		kong.BindTo(out, (*io.Writer)(nil)))...)
	if err != nil {
		panic(err) // the CLI struct itself is wrong
	}
	if len(args) == 0 {
		args = []string{"join"}
	}
	command, err := usage.Parse(parser, args)
	if code >= 0 {
		return code
	}
	if err == nil {
		err = command.Run()
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return 0
	}
	text, code := fmt.Sprintf("tincan: %v\n", err), 1
	if usage.Is(err) && !errors.Is(err, codec.ErrNoCodec) { // which is a fault of the program
		text, code = text+"Try: tincan --help\n", 2
	}
	w := console.NewWriter(errOut, func(int) string { return "" }) // does not wait for a terminal that stands still
	_, _ = io.WriteString(w, text)
	w.Close(flushTime)
	return code
}
