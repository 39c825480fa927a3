//go:build !linux

package udpio

import "net/netip"

func listen(addr netip.AddrPort, _ Options) ([]Conn, error) {
	c, err := listenPlain(addr)
	if err != nil {
		return nil, err
	}
	return []Conn{c}, nil
}
