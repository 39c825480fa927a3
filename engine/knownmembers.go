package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto"
)

// ErrKnownMembers says that the file of Config.KnownMembers cannot be used.
var ErrKnownMembers = errors.New("cannot use the file of known members")

// mostKnown is how many keys of a room are remembered unasked: whoever may come in can bring new ones without end, and
// each join reads the file.
const mostKnown = 1000

// knownMembers is who has been met in one room of one relay, by name. Its file has a line for each key:
//
//	voice.example.org:9999/kitchen Zo%C3%AB ed25519:8Zcy...
//
// Empty lines and those that begin with # are left alone; a file with others, which is something else, is an error.
// Several keys of one name are all good.
type knownMembers struct {
	path, room string
	keys       map[string][]netproto.Identity // by netproto.Skeleton of the name
	count      int                            // of them all

	writing sync.Mutex // guards what follows, and the file
	end     fileEnd
	unsaved map[string]bool // lines that are noted, and could not be written
}

// knownMembers opens the file for the room; nil: it is not sealed, so nothing there proves anything.
func (c *Config) knownMembers() (*knownMembers, error) {
	if c.Passphrase == "" {
		return nil, nil
	}
	relay, err := address.Parse(c.Address)
	if err != nil {
		return nil, err
	}
	return openKnownMembers(c.KnownMembers, relay, c.Room)
}

// openKnownMembers reads the file, which need not be there; without a path nobody is remembered beyond the call.
func openKnownMembers(path string, relay address.Address, room string) (*knownMembers, error) {
	k := &knownMembers{path: path, room: relay.Key() + "/" + url.PathEscape(room), keys: map[string][]netproto.Identity{}, unsaved: map[string]bool{}}
	if path == "" {
		return k, nil
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrKnownMembers, err)
	}
	return k, k.read(text)
}

func (k *knownMembers) read(text []byte) error {
	k.end = endOf(text)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		name, id, ok := parseMember(fields)
		if !ok && k.end.isPart(lines.Text(), n) {
			continue
		}
		if !ok {
			return fmt.Errorf("%w: line %d of %s is no room, name and key: correct it, or delete it", ErrKnownMembers, n, k.path)
		}
		if fields[0] == k.room {
			k.note(name, id)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKnownMembers, k.path, err)
	}
	return nil
}

func parseMember(fields []string) (name string, id netproto.Identity, ok bool) {
	if len(fields) != 3 {
		return "", id, false
	}
	name, err := url.PathUnescape(fields[1])
	id, errKey := netproto.ParseIdentity(fields[2])
	return name, id, err == nil && errKey == nil
}

func (k *knownMembers) note(name string, id netproto.Identity) {
	look := netproto.Skeleton(name)
	k.keys[look] = append(k.keys[look], id)
	k.count++
}

// full tells whether nobody is remembered unasked any more.
func (k *knownMembers) full() bool { return k.count >= mostKnown }

// judge is what to think of somebody with that name, who has proven to have a key, or, nil, none.
func (k *knownMembers) judge(name string, id *netproto.Identity) Identity {
	keys := k.keys[netproto.Skeleton(name)]
	switch {
	case id == nil && len(keys) == 0:
		return IdentityNone
	case id == nil:
		return IdentityMissing
	case len(keys) == 0:
		return IdentityFirst
	case slices.Contains(keys, *id):
		return IdentityKnown
	}
	return IdentityChanged
}

func (k *knownMembers) line(name string, id netproto.Identity) string {
	return fmt.Sprintf("%s %s %v", k.room, url.PathEscape(name), id)
}

// remember adds a key to the file.
func (k *knownMembers) remember(name string, id netproto.Identity) error {
	if k.path == "" {
		return nil
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	line := k.line(name, id)
	err := appendLine(k.path, line, k.end.first())
	if errors.Is(err, errPart) {
		k.end = fileEnd{1, true}
	}
	if k.unsaved[line] = true; err != nil {
		return fmt.Errorf("%w: %w", ErrKnownMembers, err)
	}
	k.end = fileEnd{}
	delete(k.unsaved, line)
	return nil
}

// saved tells whether a key that is known is in the file, as far as there is one.
func (k *knownMembers) saved(name string, id netproto.Identity) bool {
	k.writing.Lock()
	defer k.writing.Unlock()
	return !k.unsaved[k.line(name, id)]
}
