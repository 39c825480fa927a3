package engine

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// watchNetwork wakes tend when this machine's addresses or routes change, until the end closes w. What is read does not
// matter: tend looks for itself, and also where a change was not told.
func (c *Call) watchNetwork(w io.Reader) {
	buf := make([]byte, os.Getpagesize()) // what is longer is cut off
	for {
		_, err := w.Read(buf)
		if err != nil && !errors.Is(err, syscall.ENOBUFS) { // some were lost, so there are some
			return
		}
		c.stirred.Store(true)
		c.tendNow()
	}
}
