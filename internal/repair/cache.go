package repair

import (
	"time"
)

// CacheAge is how long a Cache keeps a datagram.
const CacheAge = time.Second

// cacheBytes are what hardly any datagram is longer than.
const cacheBytes = 256

// Cache keeps one talker's datagrams of the last second, to be sent again. It takes 3 KiB and, from the first one on,
// 16 KiB for the bytes, more where datagrams are long.
type Cache struct {
	entries [slots]cacheEntry // a ring
	count   uint64            // datagrams so far
}

type cacheEntry struct {
	at   time.Duration
	seq  uint32
	data []byte
}

func (c *Cache) entry(i uint64) *cacheEntry { return &c.entries[i%slots] }

// Put keeps a copy of d. It allocates at first, and for what is longer than all that was in its place.
func (c *Cache) Put(now time.Duration, seq uint32, d []byte) {
	if c.count == 0 {
		all := make([]byte, slots*cacheBytes)
		for i := range c.entries {
			c.entries[i].data = all[i*cacheBytes:][:0:cacheBytes]
		}
	}
	e := c.entry(c.count)
	e.at, e.seq, e.data = now, seq, append(e.data[:0], d...)
	c.count++
}

// Get returns the datagram of that number, or nil if it is not there or older than CacheAge.
// The bytes are the cache's and stay intact until the next Put.
func (c *Cache) Get(now time.Duration, seq uint32) []byte {
	for i := c.count; i > max(c.count, slots)-slots; i-- {
		if e := c.entry(i - 1); e.seq == seq && now-e.at <= CacheAge {
			return e.data
		}
	}
	return nil
}
