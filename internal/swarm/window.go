package swarm

// window knows which of a talker's datagrams a listener has had, as far as the
// newest 64: older ones count as seen. It takes 16 bytes, a sixtieth of
// netproto.ReplayWindow, so that those of all listeners stay in the cache.
type window struct {
	newest uint32
	mask   uint64 // bit i: newest-i has come
}

// accept reports whether seq is new, and marks it.
func (w *window) accept(seq uint32) bool {
	if seq > w.newest {
		w.mask = w.mask<<min(seq-w.newest, 64) | 1
		w.newest = seq
		return true
	}
	bit := uint64(1) << min(w.newest-seq, 64)
	if bit == 0 || w.mask&bit != 0 {
		return false
	}
	w.mask |= bit
	return true
}
