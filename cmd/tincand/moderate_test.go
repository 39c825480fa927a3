package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

func TestConsoleModerates(t *testing.T) {
	p := start(t)
	for _, tt := range []struct{ command, answer string }{
		{"bans", `nobody is banned or muted\n`},
		{"KICK", `who\? Give a session`},
		{"KICK Ann", `"Ann" is no session`},
		{"KICK 12345", `no session 12345`},
		{"BAN 192.0.2.7 -5m", `for -5m\? Give a time above 0`},
		{"BAN nobody", `neither an address`},
		{"UNBAN 192.0.2.7", `nothing is in force about 192\.0\.2\.7/32`},
		{"ban 192.0.2.7 30m too loud", `done\n`},
		{"BAN 2001:db8::1", `done\n`},
		{"MUTE token:abcd1234 24h", `done\n`},
		{"Bans", `192\.0\.2\.7/32 +banned +30m0s\n2001:db8::/64 +banned +1h0m0s\ntoken:abcd1234 +muted +24h0m0s\n`},
		{"UNMUTE token:abcd1234", `done\n`},
	} {
		fmt.Fprintln(p.in, tt.command)
		p.out.wait(t, tt.answer)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, `{"KEY": 2, "NAME": "Adam"}`)
	if _, err := conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(p.in, "LIST")
	session := p.out.wait(t, `Adam +(\d+) `)[1]
	fmt.Fprintln(p.in, "kick "+session+" for a test")
	if rest, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(rest), `{"KEY": 4, "REASON": "for a test"}`) {
		t.Errorf("%q, %v", rest, err)
	}
	fmt.Fprintln(p.in, "STOP")
	p.wait(t)
}
