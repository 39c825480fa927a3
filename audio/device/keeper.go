package device

import (
	"context"
	"sync"
	"time"
)

// Keeper has a microphone and a loudspeaker opened again when they are lost, as devices come and go:
//
//	OpenSource ──> in use ── stands still for 0.5 s, or the list is made anew ──> lost ── AwaitSource ──> in use
//
// A device that was named and cannot be had is replaced by the system's default, until the system tells that there
// are other devices (Linux, where udev or the kernel does): then it is tried again. All devices that a program has open
// must be its Keeper's, as the sound system makes a new list only when nothing is open. Any goroutine may call its
// methods.
type Keeper struct {
	start  func() (system, error)
	begun  time.Time
	news   *news // nil: the system tells nothing
	joined sync.WaitGroup

	mu           sync.Mutex // held while devices are opened and closed, never while they are used
	search       search
	source, sink kept
}

// kept is one direction.
type kept struct {
	name string
	now  opened // last, nil: none
	away bool   // it is another one than the one named
}

// opened is a Source or a Sink.
type opened interface {
	lose()       // closes it, which is ErrDeviceLost to who uses it
	over() error // why it is closed, nil: it is not
}

// NewKeeper makes a Keeper. Close ends it.
func NewKeeper() *Keeper {
	k := newKeeper(acquire)
	if n, err := openNews(); err == nil {
		k.news, k.search.tells = n, true
		k.joined.Go(func() {
			for n.wait() {
				k.changed()
			}
		})
	}
	return k
}

func newKeeper(start func() (system, error)) *Keeper { return &Keeper{start: start, begun: time.Now()} }

// Close ends what a Keeper does by itself. What it has opened stays its callers'.
func (k *Keeper) Close() {
	if k.news != nil {
		k.news.Close()
	}
	k.joined.Wait()
}

// OpenSource opens a microphone as the function of that name does, and remembers the name.
func (k *Keeper) OpenSource(name string) (*Source, error) {
	return choice(k, &k.source, name, openSource)
}

// OpenSink opens a loudspeaker as the function of that name does, and remembers the name.
func (k *Keeper) OpenSink(name string) (*Sink, error) {
	return choice(k, &k.sink, name, openSink)
}

// AwaitSource waits until the microphone that was named last can be opened, or another one in its place. The error is
// that of the last attempt, when ctx has ended.
func (k *Keeper) AwaitSource(ctx context.Context) (*Source, error) {
	return await(ctx, k, &k.source, &k.sink, openSource)
}

// AwaitSink does the same for the loudspeaker.
func (k *Keeper) AwaitSink(ctx context.Context) (*Sink, error) {
	return await(ctx, k, &k.sink, &k.source, openSink)
}

// List is List as of now: where the system has told of a change since the list was made, or never tells of any, those
// in use are lost for it, and AwaitSource and AwaitSink have them back.
func (k *Keeper) List() ([]Device, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Since(k.begun); k.search.anew(now, now, !k.search.tells) {
		k.letGo()
	}
	sys, err := k.start()
	if err != nil {
		return nil, err
	}
	defer sys.release()
	return sys.devices()
}

// letGo closes what is in use. The caller holds mu.
func (k *Keeper) letGo() {
	k.source.lose()
	k.sink.lose()
}

// changed takes that there are other devices now. Whoever has to do with another one than was named may get that one.
func (k *Keeper) changed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.search.stale = true
	for _, d := range []*kept{&k.source, &k.sink} {
		if d.away {
			d.lose()
		}
	}
}

func (d *kept) lose() {
	if d.now != nil {
		d.now.lose()
	}
}

func (d *kept) works() bool { return d.now != nil && d.now.over() == nil }

// choice opens what somebody has chosen.
func choice[D opened](k *Keeper, d *kept, name string, open func(system, string) (D, error)) (D, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, err := openBy(k.start, name, open)
	if err == nil {
		*d = kept{name: name, now: now}
	}
	return now, err
}

// await looks for what was lost.
func await[D opened](ctx context.Context, k *Keeper, d, other *kept, open func(system, string) (D, error)) (D, error) {
	for since := time.Since(k.begun); ; {
		now, err := try(k, d, other, since, open)
		if err == nil {
			return now, nil
		}
		timer := time.NewTimer(tryEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return now, err
		}
	}
}

// try makes one attempt, for what has been looked for since the time given.
func try[D opened](k *Keeper, d, other *kept, since time.Duration, open func(system, string) (D, error)) (D, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.search.anew(time.Since(k.begun), since, !other.works()) {
		k.letGo()
	}
	now, err := openBy(k.start, d.name, open)
	d.away = false
	if err != nil && d.name != "" && k.search.fresh(since) {
		if now, err = openBy(k.start, "", open); err == nil {
			d.away = true
		}
	}
	if err == nil {
		d.now = now
	}
	return now, err
}
