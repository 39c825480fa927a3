package engine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// errSamePath is why there is no second path where the first one leads the same way.
var errSamePath = errors.New("UDP goes that way already")

// alsoSame is how long both paths must lead the same way until one of them will do.
const alsoSame = 3 * time.Second

// checkAlso tells what is wrong with Config.Also on this machine. An interface that has no address now may get one.
func checkAlso(also string) error {
	if addr, err := netip.ParseAddr(also); err == nil {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err != nil {
			return fmt.Errorf("%w: %s is no address of this machine now (%w)", ErrAlso, also, err)
		}
		return conn.Close()
	}
	if _, err := net.InterfaceByName(also); err == nil {
		return nil
	}
	var names []string
	all, _ := net.Interfaces()
	for _, i := range all {
		names = append(names, i.Name)
	}
	return fmt.Errorf("%w: there is neither an interface nor an address %q here; interfaces are %s", ErrAlso, also, strings.Join(names, ", "))
}

// findAlso finds the address for a second path to a relay, and the interface that has it, "" if that is not known.
func findAlso(also string, relay netip.Addr) (addr netip.Addr, device string, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return addr, "", err
	}
	fits := func(ip netip.Addr) bool {
		return ip.Is4() == relay.Unmap().Is4() && ip.IsLinkLocalUnicast() == relay.IsLinkLocalUnicast()
	}
	for _, i := range all {
		has, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range has {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			ip, _ := netip.AddrFromSlice(n.IP)
			if ip = ip.Unmap(); ip.String() != also && i.Name != also || !fits(ip) {
				continue
			}
			if i.Flags&net.FlagUp == 0 {
				return addr, "", fmt.Errorf("%s is down", i.Name)
			}
			return ip, i.Name, nil
		}
	}
	if ip, err := netip.ParseAddr(also); err == nil && fits(ip.Unmap()) {
		return ip.Unmap(), "", nil // it may be one of a whole network of ours, as 127.0.0.2 is
	}
	return addr, "", fmt.Errorf("%s has no address that leads to %s", also, relay)
}

// dialFrom opens a socket to the relay that is bound to an address, and to the interface that has it where the system
// lets us: else the routes decide which way datagrams from there take.
func (l *link) dialFrom(addr netip.Addr, device string) (*socket, error) {
	to := l.to.Load()
	if addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(device)
	}
	dialer := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)),
		Control: func(_, _ string, c syscall.RawConn) error {
			if device == "" {
				return nil
			}
			return c.Control(func(fd uintptr) { bindTo(fd, device) })
		},
	}
	conn, err := dialer.Dial("udp", to.String())
	if err != nil {
		return nil, err
	}
	return newUDP(conn.(*net.UDPConn), to), nil
}

// tendAlso keeps up the second path, as far as its interface is there, and says whether it is in use.
func (c *Call) tendAlso(now time.Duration, l *link) {
	p, s := &c.paths[PathAlso], &c.second
	signs := c.signsOf(p)
	if route, move := s.roaming.look(now, signs); route || s.again {
		if err := c.routeAlso(now, p, l, move || s.again); err != nil {
			s.reason = err.Error()
			p.move(nil)
		}
	}
	c.probing.Lock()
	alive := p.probes.alive(now)
	c.probing.Unlock()
	on := p.usable() && alive && p.heard.get() >= s.opened
	if on == (s.name != "") {
		return
	}
	e := SecondPath{Name: c.cfg.Also, On: on}
	name := c.cfg.Also
	if !on {
		name = ""
		if e.Reason = s.reason; p.usable() {
			e.Reason = "it gets no answer"
		}
	}
	c.probing.Lock()
	s.name = name
	c.probing.Unlock()
	c.events.add(e)
}

// routeAlso looks whether the second path has its address, and takes another socket into use if it is another one, or if it
// must be. The error says why there can be none.
func (c *Call) routeAlso(now time.Duration, p *path, l *link, move bool) error {
	s := &c.second
	addr, device, err := findAlso(c.cfg.Also, l.to.Load().Addr())
	if err != nil {
		return err
	}
	if addr != c.paths[PathUDP].local().Addr() {
		s.apart = now
	} else if now-s.apart >= alsoSame || !p.usable() {
		return errSamePath
	}
	if p.usable() && p.local().Addr() == addr && !move {
		return nil
	}
	socket, err := l.dialFrom(addr, device)
	if err != nil {
		return err
	}
	if !p.usable() {
		s.opened = now
		c.probing.Lock()
		p.probes.moved()
		c.probing.Unlock()
	}
	if c.read(p, l, socket) {
		c.probeBy(now, p, false)
	}
	return nil
}
