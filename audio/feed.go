package audio

import "sync"

// feedRoom is how much sound waits in a Feed at most: a second.
const feedRoom = SampleRate

// Feed is a Source of what is written to it, and of silence while there is nothing: the voice of a program that speaks
// when it has something to say. Use NewFeed. It is a Writer, too, for one goroutine: Write returns when no more than a
// second is left to be said, and fails with ErrClosed after Close. So a second of silence is written before who leaves
// when all has been said, and as much again for what is still on its way to the listeners.
type Feed struct {
	pacer *pacer
	room  chan struct{} // something has been said

	mu    sync.Mutex // guards what follows
	ring  [feedRoom]float32
	first int // place of the next sample to be said
	count int
}

// NewFeed makes a Feed with nothing to say.
func NewFeed() *Feed { return &Feed{pacer: newPacer(), room: make(chan struct{}, 1)} }

// Live implements Source.
func (*Feed) Live() {}

// Write implements Writer.
func (f *Feed) Write(pcm []float32) error {
	for {
		if f.pacer.isClosed() {
			return ErrClosed
		}
		if pcm = pcm[f.put(pcm):]; len(pcm) == 0 {
			return nil
		}
		select {
		case <-f.room:
		case <-f.pacer.closed:
		}
	}
}

// put takes what there is room for.
func (f *Feed) put(pcm []float32) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(pcm), feedRoom-f.count)
	for i, s := range pcm[:n] {
		f.ring[(f.first+f.count+i)%feedRoom] = s
	}
	f.count += n
	return n
}

// Read implements Source.
func (f *Feed) Read(pcm []float32) (int, error) {
	f.pacer.begin()
	if err := f.pacer.wait(len(pcm)); err != nil {
		return 0, err
	}
	f.mu.Lock()
	n := min(len(pcm), f.count)
	for i := range n {
		pcm[i] = f.ring[(f.first+i)%feedRoom]
	}
	f.first, f.count = (f.first+n)%feedRoom, f.count-n
	f.mu.Unlock()
	clear(pcm[n:])
	select {
	case f.room <- struct{}{}:
	default:
	}
	return len(pcm), nil
}

// Close implements Source.
func (f *Feed) Close() error {
	f.pacer.close()
	return nil
}
