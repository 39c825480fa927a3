package engine

import (
	"io"
	"sync"
)

// held is what a call has in use one after the other, such as its sockets, and its end closes.
type held[D io.Closer] struct {
	mu     sync.Mutex // never held while it is closed
	device D
	ended  bool
}

// get is what is in use.
func (h *held[D]) get() D {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.device
}

// hold takes another one into use, unless the end has come.
func (h *held[D]) hold(d D) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.device = d
	}
	return !h.ended
}

// end closes what is in use.
func (h *held[D]) end() {
	h.mu.Lock()
	h.ended = true
	d := h.device
	h.mu.Unlock()
	d.Close()
}
