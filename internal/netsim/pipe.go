package netsim

import (
	"container/heap"
	"time"
)

// Pipe carries datagrams over a Link in virtual time: Send puts them in, Receive takes out what
// has arrived, by time of arrival and, where that is the same, in the order of sending. The zero
// Limit is no limit.
type Pipe struct {
	Link  Link
	Limit int // datagrams under way at most; more are lost and counted

	Sent, Lost, Overflowed int // datagrams so far; Overflowed are the ones beyond Limit

	flights flights
	count   uint64
}

// Send hands over a datagram at now; d is copied.
func (p *Pipe) Send(now time.Duration, d []byte) {
	p.Sent++
	fate := p.Link.Send(now, len(d))
	if fate.Copies == 0 {
		p.Lost++
		return
	}
	data := append([]byte(nil), d...) // shared by the copies: receivers only read it
	for _, at := range fate.At[:fate.Copies] {
		if p.Limit > 0 && len(p.flights) >= p.Limit {
			p.Overflowed++
			continue
		}
		p.count++
		heap.Push(&p.flights, flight{at: at, order: p.count, data: data})
	}
}

// Next returns when the next datagram arrives, and false when none is under way.
func (p *Pipe) Next() (time.Duration, bool) {
	if len(p.flights) == 0 {
		return 0, false
	}
	return p.flights[0].at, true
}

// Receive returns the next datagram that has arrived by now and when it did. It is the
// caller's, who must not write to it.
func (p *Pipe) Receive(now time.Duration) (d []byte, at time.Duration, ok bool) {
	if len(p.flights) == 0 || p.flights[0].at > now {
		return nil, 0, false
	}
	f := heap.Pop(&p.flights).(flight)
	return f.data, f.at, true
}

type flight struct {
	at    time.Duration
	order uint64
	data  []byte
}

// flights is a heap by time of arrival.
type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	if f[i].at != f[j].at {
		return f[i].at < f[j].at
	}
	return f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	(*f)[last] = flight{}
	*f = (*f)[:last]
	return x
}
