// Package address takes the address of a relay apart, as people write it: a name or an IP address, with or
// without a port.
package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/tincan-voice/tincan/netproto"
)

// ErrAddress says that something is no host or host:port. It comes wrapped with cause and remedy.
var ErrAddress = errors.New("bad address")

// Address is where a relay is.
type Address struct {
	// Host is a name in lower case, or an IP address in its shortest form. The zone of an IPv6 address, which names a
	// network interface, keeps its case; a dot at the end of a name of several labels, which keeps the resolver from
	// adding to it, stays.
	Host string
	Port int // 1 to 65535
}

// Parse reads host, host:port, an IP address, [IPv6] or [IPv6]:port; an IPv6 address may have a zone,
// as in fe80::1%eth0 (RFC 4007). Without a port it is netproto.DefaultPort. The error is ErrAddress.
func Parse(text string) (Address, error) {
	bad := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("%w %q: %s; write host or host:port, as in voice.example.org or 192.0.2.7:%d",
			ErrAddress, text, why, netproto.DefaultPort)
	}
	host, port, why := split(text)
	if why != "" {
		return bad(why)
	}
	a := Address{Host: host, Port: netproto.DefaultPort}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return bad("the port is not a number from 1 to 65535")
		}
		a.Port = int(n)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsLinkLocalUnicast() && ip.Is6() && ip.Zone() == "" {
			return bad("an address of the local link needs its network interface, as in fe80::1%eth0")
		}
		a.Host = ip.Unmap().String()
		return a, nil
	}
	if host == "" {
		return bad("no host")
	}
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`/\@?#[]%:"`, r)
	}
	if host == "." || strings.Contains(host, "..") || host[0] == '.' || strings.ContainsFunc(host, odd) {
		return bad("that is no host name")
	}
	a.Host = strings.ToLower(host)
	if label := strings.TrimSuffix(a.Host, "."); !strings.Contains(label, ".") {
		a.Host = label // localhost. is in no resolver's files
	}
	return a, nil
}

// split separates the host from the port, "" if there is none, or says why it cannot.
func split(text string) (host, port, why string) {
	inner := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		inner = text[1 : len(text)-1]
	}
	if ip, err := netip.ParseAddr(inner); err == nil {
		// No interface has a colon in its name: what follows one is a port.
		if i := strings.LastIndexByte(inner, ':'); inner == text && strings.ContainsRune(ip.Zone(), ':') {
			return withPort(inner[:i], inner[i+1:])
		}
		return inner, "", ""
	}
	if !strings.Contains(text, ":") {
		return text, "", ""
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", "", "more than one colon, or brackets that do not match"
	}
	return withPort(host, port)
}

func withPort(host, port string) (string, string, string) {
	if port == "" {
		return "", "", "no port after the colon"
	}
	return host, port, ""
}

// String is the address as package net dials it: host:port or [IPv6]:port.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Key names the relay: String without the dot at the end of a name.
func (a Address) Key() string {
	a.Host = strings.TrimSuffix(a.Host, ".")
	return a.String()
}
