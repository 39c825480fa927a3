package main

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/tincan-voice/tincan/netproto"
)

// howToInvite is the command that makes an invitation to this relay. It is for a client to make it: the relay is not to know
// the passphrase in it. A fingerprint that the next renewal changes is left out.
func (f flags) howToInvite(addr netip.AddrPort, fingerprint string) string {
	host := "HOST"
	switch ip, _ := netip.ParseAddr(f.Host); {
	case f.ACME != "":
		host = f.ACME
	case ip.IsValid() && !ip.IsUnspecified():
		host = f.Host
	}
	if port := addr.Port(); port != netproto.DefaultPort {
		host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	command := "tincan invite " + host + " ROOM"
	if f.ACME == "" && f.Cert == "" {
		command += " --fingerprint " + fingerprint
	}
	return command
}
