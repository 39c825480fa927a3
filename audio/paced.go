package audio

import (
	"sync"
	"time"
)

// maxBurst is how far a paced Source or Sink runs behind the clock at most: after a longer
// stall the time is lost, as it is with a sound card whose buffer overran, so that no
// more than this and one block comes at once.
const maxBurst = 60 * time.Millisecond

// PacedSource makes src run in real time, like a microphone: a block is there when
// its last sample would have been captured. The clock starts with the first Read and each
// block is timed from that start, so nothing adds up over hours. Close closes src.
func PacedSource(src Reader) Source {
	return &pacedSource{src: src, pacer: newPacer()}
}

// PacedSink makes dst run in real time, like a speaker without a buffer: Write passes the block on at
// once and returns when its last sample would have been played, so that the next block is
// made when it is due. The clock starts with the first Write. Close closes dst.
func PacedSink(dst Writer) Sink {
	return &pacedSink{dst: dst, pacer: newPacer()}
}

type pacedSource struct {
	pacer *pacer
	mu    sync.Mutex // held while src is in use, never while waiting for time
	src   Reader
}

// Live implements Source.
func (*pacedSource) Live() {}

func (s *pacedSource) Read(pcm []float32) (int, error) {
	s.pacer.begin()
	if err := s.pacer.wait(len(pcm)); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pacer.isClosed() {
		return 0, ErrClosed
	}
	return s.src.Read(pcm)
}

func (s *pacedSource) Close() error {
	if !s.pacer.close() {
		return nil
	}
	if s.mu.TryLock() { // else a Read is pending, maybe for a pipe, and this ends it
		defer s.mu.Unlock()
	}
	return s.src.Close()
}

type pacedSink struct {
	pacer *pacer
	mu    sync.Mutex // held while dst is in use, never while waiting for time
	dst   Writer
}

// Live implements Sink.
func (*pacedSink) Live() {}

func (s *pacedSink) Write(pcm []float32) error {
	s.pacer.begin()
	if err := s.pass(pcm); err != nil {
		return err
	}
	return s.pacer.wait(len(pcm))
}

func (s *pacedSink) pass(pcm []float32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pacer.isClosed() {
		return ErrClosed
	}
	return s.dst.Write(pcm)
}

func (s *pacedSink) Close() error {
	if !s.pacer.close() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dst.Close()
}

// pacer is the only place of the package that reads the clock.
type pacer struct {
	closed chan struct{}
	once   sync.Once

	// owned by the one goroutine that reads or writes
	start time.Time
	done  int64 // samples passed since start
	timer *time.Timer
}

func newPacer() *pacer { return &pacer{closed: make(chan struct{})} }

// begin starts the clock, the first time.
func (p *pacer) begin() {
	if p.start.IsZero() {
		p.start = time.Now()
	}
}

// wait blocks until the given samples, after all those before, have passed.
func (p *pacer) wait(samples int) error {
	if p.isClosed() {
		return ErrClosed
	}
	now := time.Now()
	p.done += int64(samples)
	due := p.start.Add(samplesToTime(p.done))
	if late := now.Sub(due); late > maxBurst {
		p.start = p.start.Add(late - maxBurst)
	}
	if left := due.Sub(now); left > 0 {
		return p.sleep(left)
	}
	return nil
}

func (p *pacer) sleep(d time.Duration) error {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	defer p.timer.Stop()
	select {
	case <-p.timer.C:
		return nil
	case <-p.closed:
		return ErrClosed
	}
}

func (p *pacer) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// close tells whether this was the first call.
func (p *pacer) close() (first bool) {
	p.once.Do(func() { close(p.closed); first = true })
	return first
}

// samplesToTime is exact to the nanosecond for 290 years of samples: whole seconds are
// split off, because the product of a long count and a second overflows.
func samplesToTime(n int64) time.Duration {
	return time.Duration(n/SampleRate)*time.Second + time.Duration(n%SampleRate)*time.Second/SampleRate
}
