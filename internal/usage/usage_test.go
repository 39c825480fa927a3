package usage

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func TestParse(t *testing.T) {
	type line struct {
		Relay   string `arg:""`
		Port    string `arg:"" optional:""`
		Name    string `required:"" short:"n"`
		Room    string
		For     time.Duration
		Seed    uint64 `zero:"ok"`
		Size    int    `default:"0"`
		Copies  []int
		Network []string
		JSON    bool
		Dtx     bool `negatable:"" default:"true"`
	}
	for _, tt := range []struct{ args, want string }{
		{"r -n A", ""},
		{"r 0 -n A --room R --for 1s --seed 0 --size 4 --copies 4,1 --network a,b --network c --json --no-dtx", ""},
		{"r", "--name"},
		{"r --name=", "--name is empty: it has no default"},
		{"'' -n A", "<relay> is empty"},
		{"r '' -n A", "<port> is empty: leave it out for the default"},
		{"r -n A --room=", "--room is empty: leave it out"},
		{"r -n A --for 0", "--for is 0: give more, or leave it out"},
		{"r -n A --for 0s", "--for is 0"},
		{"r -n A --size 0", "--size is 0"},
		{"r -n A --size x", "--size"},
		{"r -n A --copies 1,1", "--copies names 1 twice: leave one out"},
		{"r -n A --copies 1 --copies 1", "--copies names 1 twice"},
		{"r -n A --copies 0", "--copies is 0"},
		{"r -n A --network=", "--network is empty"},
		{"r -n A --network a,,b", "--network is empty"},
		{"r -n A -n B", "--name is given twice"},
		{"r -n A --json --json", "--json is given twice"},
		{"r -n A --dtx --no-dtx", "--dtx is given twice"},
		{"r -n A --none", "--none"},
	} {
		var l line
		parser, err := New(&l, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
		if err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(tt.args)
		for i, a := range args {
			args[i] = strings.Trim(a, "'")
		}
		_, err = Parse(parser, args)
		if tt.want == "" && err != nil || tt.want != "" && (!Is(err) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestError(t *testing.T) {
	if err := Errorf("--in: %w", fs.ErrNotExist); !Is(err) || !errors.Is(err, fs.ErrNotExist) || Is(fs.ErrNotExist) {
		t.Errorf("%v is no Error that can be matched", err)
	}
}

// Names of files need not be UTF-8.
func TestTextIsKept(t *testing.T) {
	var l struct {
		File string `arg:""`
		Name string `short:"n"`
	}
	parser, err := New(&l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(parser, []string{"J\xf6rg.wav", "-n", "J\xf6rg"}); err != nil {
		t.Fatal(err)
	}
	if l.File != "J\xf6rg.wav" || l.Name != "J\xf6rg" {
		t.Errorf("%q", l)
	}
}
