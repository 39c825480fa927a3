package repair

import "time"

const (
	// cacheAge is how long a Cache keeps a datagram.
	cacheAge = time.Second

	cacheSlots = 64
	cacheFirst = 4 << 10  // bytes at first; the ring is a power of two
	cacheMost  = 64 << 10 // bytes at most: a second of the longest datagrams
)

// Cache keeps one talker's datagrams of the last second, to be sent again. It takes 2.5 KiB
// and, while the talker talks, 4 to 64 KiB for the bytes, as many as a second has.
type Cache struct {
	entries [cacheSlots]cacheEntry // by order of arrival
	oldest  uint64                 // of those that are intact, counted from the first ever
	count   uint64                 // datagrams so far
	data    []byte                 // ring
	pos     uint64                 // bytes so far, with those left over at the end of the ring
}

type cacheEntry struct {
	at   time.Duration
	pos  uint64
	seq  uint32
	size int32
}

// Put keeps a copy of d. It allocates only while the cache grows. What is longer than
// netproto.MaxDatagram is no datagram and is not kept.
func (c *Cache) Put(now time.Duration, seq uint32, d []byte) {
	if len(d) == 0 || len(d) > 1200 {
		return
	}
	c.forget(now)
	for !c.fits(len(d)) {
		if len(c.data) < cacheMost {
			c.grow()
		} else {
			c.oldest++
		}
	}
	c.write(cacheEntry{at: now, seq: seq}, d)
}

// forget drops what is too old or in the way of the next entry.
func (c *Cache) forget(now time.Duration) {
	for c.oldest < c.count && (c.count-c.oldest == cacheSlots || now-c.entry(c.oldest).at > cacheAge) {
		c.oldest++
	}
}

func (c *Cache) entry(i uint64) *cacheEntry { return &c.entries[i%cacheSlots] }

// at is where a position is in the ring.
func (c *Cache) at(pos uint64) uint64 { return pos & uint64(len(c.data)-1) }

// place is where n bytes go without being cut in two by the end of the ring.
func (c *Cache) place(n int) uint64 {
	size := uint64(len(c.data))
	if left := size - c.at(c.pos); left < uint64(n) {
		return c.pos + left
	}
	return c.pos
}

// fits tells whether n more bytes leave all entries intact.
func (c *Cache) fits(n int) bool {
	if len(c.data) == 0 {
		return false
	}
	return c.oldest == c.count || c.place(n)+uint64(n)-c.entry(c.oldest).pos <= uint64(len(c.data))
}

func (c *Cache) write(e cacheEntry, d []byte) {
	e.pos, e.size = c.place(len(d)), int32(len(d))
	copy(c.data[c.at(e.pos):], d)
	c.pos = e.pos + uint64(len(d))
	*c.entry(c.count) = e
	c.count++
}

// grow doubles the ring and moves what is in it.
func (c *Cache) grow() {
	old := *c
	c.data = make([]byte, max(2*len(c.data), cacheFirst))
	c.pos, c.count = 0, c.oldest
	for i := old.oldest; i < old.count; i++ {
		e := old.entry(i)
		c.write(*e, old.bytes(e))
	}
}

func (c *Cache) bytes(e *cacheEntry) []byte {
	return c.data[c.at(e.pos):][:e.size:e.size]
}

// Get returns the datagram of that number, or nil if it is not there or older than cacheAge.
// The bytes are the cache's and stay intact until the next Put.
func (c *Cache) Get(now time.Duration, seq uint32) []byte {
	for i := c.count; i > c.oldest; i-- {
		if e := c.entry(i - 1); e.seq == seq && now-e.at <= cacheAge {
			return c.bytes(e)
		}
	}
	return nil
}

// Shift sends the datagrams of a cache a second time, so much later: the copies that a
// Planner asks for. The zero value is off.
type Shift struct {
	delay time.Duration
	next  uint64 // the datagram whose copy is next
}

// Set sets the delay, at most cacheAge; 0 turns the copies off. Copies begin with
// the next datagram.
func (s *Shift) Set(c *Cache, delay time.Duration) {
	if s.delay == 0 {
		s.next = c.count
	}
	s.delay = min(delay, cacheAge)
}

// Next returns a datagram that is to be sent again at now, or nil; call it until it does.
// It is the cache's, as that of Cache.Get.
func (s *Shift) Next(c *Cache, now time.Duration) []byte {
	s.next = max(s.next, c.oldest)
	if at, ok := s.Deadline(c); !ok || at > now {
		return nil
	}
	e := c.entry(s.next)
	s.next++
	return c.bytes(e)
}

// Deadline is when Next has a datagram, and false when there is none under way.
func (s *Shift) Deadline(c *Cache) (time.Duration, bool) {
	next := max(s.next, c.oldest)
	if s.delay == 0 || next >= c.count {
		return 0, false
	}
	return c.entry(next).at + s.delay, true
}
