package relay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/netproto"
)

// reader is a client that reads packages from a real connection.
type reader struct {
	t    *testing.T
	conn net.Conn
	dec  netproto.Decoder
}

func newReader(t *testing.T, s *Server, p netproto.SendNickname) *reader {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write(appendPackage(p)); err != nil {
		t.Fatal(err)
	}
	return &reader{t: t, conn: conn}
}

func (r *reader) next() netproto.Package {
	r.t.Helper()
	buf := make([]byte, 4096)
	for {
		p, err := r.dec.Next()
		if err == nil {
			return p
		}
		if !errors.Is(err, netproto.ErrNeedMore) {
			r.t.Fatal(err)
		}
		_ = r.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
		n, err := r.conn.Read(buf)
		if err != nil {
			r.t.Fatal(err)
		}
		r.dec.Write(buf[:n])
	}
}

// session reads up to SESSION.
func (r *reader) session(h *relaytest.Heard) (id uint32, lists int) {
	r.t.Helper()
	for {
		switch p := r.next().(type) {
		case netproto.SendNewUsers:
			h.Take(r.t, p)
			lists++
		case netproto.Session:
			return p.Session, lists
		}
	}
}

// In a room whose list is several packages long everybody is in everybody's
// list, SESSION comes behind the first page, and who knows only TIP_Project's table gets what
// fits, to the byte as ever.
func TestLargeRoom(t *testing.T) {
	const size = 1000
	s := startServer(t, Config{})
	heards := map[int]*relaytest.Heard{}
	readers := map[int]*reader{}
	ids := map[uint32]string{}
	for i := range size {
		r := newReader(t, s, netproto.SendNickname{Name: relaytest.Wide(i), Voice: 1, Fresh: make([]byte, netproto.FreshSize), Room: "r"})
		h := relaytest.Heard{}
		id, lists := r.session(&h)
		if lists != 1 {
			t.Fatalf("member %d: %d lists before SESSION", i, lists)
		}
		ids[id] = relaytest.Wide(i)
		if i%250 == 0 || i == size-1 {
			readers[i], heards[i] = r, &h
		}
	}
	for i, r := range readers {
		for len(*heards[i]) < size {
			if p, ok := r.next().(netproto.SendNewUsers); ok {
				heards[i].Take(t, p)
			}
		}
		if !maps.Equal(map[uint32]string(*heards[i]), ids) {
			t.Errorf("member %d knows others than are there", i)
		}
	}
}

// Clients without VOICE get the whole list on every change, the last to come left
// out where it would not fit into a package.
func TestWholeLists(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{WriteTimeout: time.Minute}) // which reads late
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprint(conn, `{"KEY": 2, "NAME": "Adam"}`)
	in := bufio.NewReader(conn)
	text := func() string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(60 * time.Second))
		b, err := in.ReadBytes('}')
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	names := []string{"Adam"}
	if got, want := text(), `{"KEY": 3, "USERS": ["Adam"]}`; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	text() // SESSION
	for i := range 300 {
		newReader(t, s, netproto.SendNickname{Name: relaytest.Wide(i), Voice: i % 2, Fresh: make([]byte, netproto.FreshSize)}).session(new(relaytest.Heard))
		names = append(names, relaytest.Wide(i))
	}
	// As of old the last are left out, an eighth at a time.
	fit := len(names)
	var want []byte
	for ; want == nil; fit -= 1 + fit/8 {
		want, _ = netproto.AppendPackage(nil, netproto.SendNewUsers{Users: names[:fit]})
	}
	for got := ""; got != string(want); {
		got = text()
		var p struct{ USERS []string }
		if err := json.Unmarshal([]byte(got), &p); err != nil || !slices.Equal(p.USERS, names[:len(p.USERS)]) {
			t.Fatalf("%v in %.80s", err, got)
		}
	}
}
