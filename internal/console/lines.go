package console

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// foregroundEvery is how often a program in the background tries whether the terminal is its own by now.
const foregroundEvery = 500 * time.Millisecond

// Lines gives the lines of in, trimmed, until it ends. Its goroutine ends with in, which for standard
// input is the end of the process.
//
// A terminal is not read in the background: with SIGTTIN ignored (Detach) reading one fails with EIO there
// (POSIX.1-2017, 11.1.4), and begins when the program is brought to the foreground.
func Lines(in io.Reader) <-chan string {
	if f, ok := in.(*os.File); ok {
		if s, err := f.Stat(); err == nil && s.Mode()&os.ModeCharDevice != 0 {
			in = terminal{f}
		}
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(in); scan.Scan(); {
			lines <- strings.TrimSpace(scan.Text())
		}
	}()
	return lines
}

type terminal struct{ io.Reader }

func (t terminal) Read(p []byte) (int, error) {
	for {
		n, err := t.Reader.Read(p)
		if !errors.Is(err, syscall.EIO) { // one that is gone gives io.EOF
			return n, err
		}
		time.Sleep(foregroundEvery)
	}
}
