package main

import (
	"sync"

	"github.com/tincan-voice/tincan/audio"
)

// lateSource is a Source that may come late or stand still, such as a FIFO that nobody writes or a pipe from a
// program that waits: Close ends a pending Read all the same.
type lateSource struct {
	open   func() (audio.Source, error)
	once   sync.Once
	begin  sync.Once
	closed chan struct{}
	want   chan int
	got    chan []float32 // of the samples that were wanted; closed with err
	err    error
}

func newLateSource(open func() (audio.Source, error)) *lateSource {
	return &lateSource{open: open, closed: make(chan struct{}), want: make(chan int), got: make(chan []float32)}
}

// Live implements audio.Source.
func (*lateSource) Live() {}

// Read implements audio.Source. What is opened is opened with the first Read.
func (l *lateSource) Read(pcm []float32) (int, error) {
	l.begin.Do(func() { go l.run() })
	select {
	case l.want <- len(pcm):
	case <-l.closed:
		return 0, audio.ErrClosed
	case <-l.got: // it has ended
		return 0, l.err
	}
	select {
	case b, ok := <-l.got:
		if !ok {
			return 0, l.err
		}
		n := copy(pcm, b)
		clear(pcm[n:])
		return n, nil
	case <-l.closed:
		return 0, audio.ErrClosed
	}
}

// run reads in a goroutine that Close leaves behind: a system call that waits for another program cannot be
// ended. It is gone when the call returns, or with the process.
func (l *lateSource) run() {
	defer close(l.got)
	src, err := l.open()
	if err != nil {
		l.err = err
		return
	}
	defer src.Close()
	var b []float32
	for {
		select {
		case n := <-l.want:
			if len(b) != n {
				b = make([]float32, n)
			}
			if n, l.err = src.Read(b); l.err != nil {
				return
			}
			select {
			case l.got <- b[:n]:
			case <-l.closed:
				return
			}
		case <-l.closed:
			return
		}
	}
}

// Close implements audio.Source.
func (l *lateSource) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}
