package main

import (
	"fmt"

	"github.com/tincan-voice/tincan/internal/screen"
)

// names tells people apart whose names look the same: their sessions are shown too, for as long as they are here.
// The zero value is ready.
type names struct {
	here  map[string]uint32 // by what is to be seen of a name, who had it first
	alike map[uint32]bool   // sessions that are shown
}

// come takes a session and its name, once, before it is shown.
func (n *names) come(session uint32, name string) {
	if n.here == nil {
		n.here, n.alike = map[string]uint32{}, map[uint32]bool{}
	}
	look := screen.Looks(name)
	if other, taken := n.here[look]; taken {
		n.alike[other], n.alike[session] = true, true
		return
	}
	n.here[look] = session
}

// leave forgets who had a name first; who came after keeps the session beside it.
func (n *names) leave(session uint32, name string) {
	if look := screen.Looks(name); n.here[look] == session {
		delete(n.here, look)
	}
}

// shown is the name as it is shown, and mark what stands behind it: often nothing.
func (n *names) shown(session uint32, name string) string { return name + n.mark(session) }

func (n *names) mark(session uint32) string {
	if !n.alike[session] {
		return ""
	}
	return fmt.Sprintf(" (session %d)", session)
}
