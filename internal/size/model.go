package main

import (
	"errors"
	"math"
)

// load is what a relay does in a second.
type load struct {
	sessions int
	probes   float64 // from all of them, and as many answers
	in       float64 // datagrams of voice that come
	out      float64 // packets of voice that go; a bundle is one
}

// costs is the CPU time that each of these takes, in seconds, and the memory of a session, in bytes.
type costs struct {
	probe, in, out float64
	memory         float64
}

// cores is how many cores a load keeps busy.
func (c costs) cores(l load) float64 { return l.probes*c.probe + l.in*c.in + l.out*c.out }

// measured is a load and what it took.
type measured struct {
	load
	cpu    float64 // cores
	memory float64 // resident, bytes
}

// fit makes the costs of three measurements: nobody talks; many rooms of few, where as much comes as goes; a large room,
// where nearly all goes.
func fit(idle, rooms, room measured) (costs, error) {
	if idle.probes == 0 || rooms.in == 0 || room.out == 0 {
		return costs{}, errors.New("nothing was measured")
	}
	c := costs{probe: idle.cpu / idle.probes, memory: idle.memory / float64(idle.sessions)}
	a, b := rooms.cpu-rooms.probes*c.probe, room.cpu-room.probes*c.probe
	det := rooms.in*room.out - rooms.out*room.in
	if c.in, c.out = (a*room.out-b*rooms.out)/det, (b*rooms.in-a*room.in)/det; det <= 0 || c.in <= 0 || c.out <= 0 {
		return c, errors.New("the measurements contradict each other: something else took the time")
	}
	return c, nil
}

const (
	datagrams  = 50.0 // of a talker per second: frames of 20 ms, one each
	probesBusy = 2.0  // of a client per second while somebody talks, and while nobody does, as clients probe
	probesIdle = 0.5
	// together is how much of n cores n workers make use of, by measurement of two (docs/performance.md, Two workers).
	together = 0.87
	// headroom is how much of a machine's cores is planned with.
	headroom = 0.6
	// cores is how many a larger machine has, and mostRelays how many such a cluster may have (docs/cluster.md).
	cores      = 16
	mostRelays = 63
)

// room is what a second of a room does to one relay where it is alone: so many members, of whom so many talk, with so many
// packets per delivery.
func room(members int, talking, packets float64) load {
	return load{
		sessions: members, probes: float64(members) * probesBusy,
		in: talking * datagrams, out: talking * datagrams * float64(members-1) * packets,
	}
}

// spread is at how many of so many relays a room has somebody on average, if everyone takes one by chance.
func spread(members, relays int) float64 {
	r := float64(relays)
	return r * (1 - math.Pow(1-1/r, float64(members)))
}

// cluster is how many relays so many users need who are all in rooms of so many members, where one talks all the time in
// a share of them: each datagram goes once to every relay where the room has somebody, which takes it as it takes one of
// a client (docs/cluster.md). 0: so many as there may be will not do. busy is how many cores of all relays are.
func (c costs) cluster(users, members int, share float64) (relays int, busy float64) {
	rooms := float64(users) / float64(members)
	for relays = 1; relays <= mostRelays; relays++ {
		at := spread(members, relays)
		l := load{
			probes: float64(users) * (share*probesBusy + (1-share)*probesIdle),
			in:     rooms * share * datagrams * at,
			out:    rooms * share * datagrams * (float64(members-1) + at - 1),
		}
		busy = c.cores(l)
		if busy <= float64(relays*cores)*together*headroom {
			return relays, busy
		}
	}
	return 0, busy
}
