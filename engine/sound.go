package engine

import (
	"errors"
	"io"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
)

const (
	// playbackBlock is how much sound is mixed at a time.
	playbackBlock   = 10 * time.Millisecond
	playbackSamples = codec.SampleRate * int(playbackBlock/time.Millisecond) / 1000
)

// SetSource speaks from s from now on, in the place of the Source in use, which is closed; nil: nobody speaks. It may
// be called as long as the call goes on, also where it began without a Source. The call owns s as it does
// Config.Source, closes it at once where the call has ended, and asks Config.ReopenSource for another one when it
// breaks.
func (c *Call) SetSource(s audio.Source) {
	now := c.now()
	c.signs.inputErr.Store(nil)
	c.signs.captured.at(now)
	c.signs.sounded.at(now) // its silence is judged anew
	if over := c.source.set(now, s); over != nil {
		over.Close()
	}
}

// SetSink plays to s from now on, as SetSource does for what is said.
func (c *Call) SetSink(s audio.Sink) {
	c.signs.outputErr.Store(nil)
	if over := c.sink.set(c.now(), s); over != nil {
		over.Close()
	}
}

// capture sends what the Source gives. Where there is none the others are told that it is silence.
func (c *Call) capture() {
	pcm := make([]float32, FrameSize)
	var still standstill
	silent := true
	for c.running.Err() == nil {
		source, turn, next := c.source.look()
		if source == nil {
			if !silent {
				silent = true
				c.skip(still.resume(c.now())) // it was found to be broken some time after
				c.fallSilent(pcm)
				still.frame(c.now(), false)
			}
			select {
			case <-next:
			case <-c.running.Done():
			}
			continue
		}
		drop, ahead := c.shift()
		if drop > 0 {
			_, _ = source.Read(pcm[:drop]) // if that fails the next one does
			still.leaveOut(time.Duration(drop) * time.Second / codec.SampleRate)
			c.skip(ahead)
		}
		_, err := source.Read(pcm)
		if err != nil {
			c.sourceBroke(source, turn, err)
			continue
		}
		c.miss(&c.spilt, turn, source)
		if silent {
			silent = false
			c.skip(still.resume(c.now()))
			c.speakOn()
		}
		if c.signs.inputErr.Load() != nil && c.source.steady(c.now()) {
			c.signs.inputErr.Store(nil)
			c.signs.sounded.at(c.now())
		}
		c.signs.read(c.now(), pcm)
		c.skip(still.frame(c.now(), c.silent()))
		c.speak(pcm)
	}
}

// sourceBroke takes out a Source that broke, or came to its end, unless the call or SetSource has closed it. If that
// can be it is opened again.
func (c *Call) sourceBroke(source audio.Source, turn int, err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	again := err != nil && c.cfg.ReopenSource != nil
	ctx, due, ok := c.source.lost(c.running, turn, again)
	if !ok {
		return
	}
	source.Close()
	if err != nil {
		c.signs.inputErr.Store(&err)
	}
	if again {
		c.loops.Go(func() { revive(ctx, c, due, &c.source, c.cfg.ReopenSource) })
		return
	}
	c.events.add(SourceEnded{err})
}

// playback gives the Sink what is heard. Where there is none it is lost.
func (c *Call) playback() {
	nobody := audio.PacedSink(audio.Discard())
	defer nobody.Close()
	block := make([]float32, playbackSamples)
	for c.running.Err() == nil {
		c.hearing.Lock()
		c.listener.Mix(c.now(), block)
		c.hearing.Unlock()
		if c.deaf.Load() {
			clear(block)
		}
		sink, turn, _ := c.sink.look()
		if sink == nil {
			_ = nobody.Write(block)
			c.signs.wrote(c.now())
			continue
		}
		began := c.now()
		err := sink.Write(block)
		c.signs.wrote(c.now())
		c.played(c.now() - began)
		c.miss(&c.dry, turn, sink)
		switch {
		case err != nil:
			c.sinkBroke(sink, turn, err)
		case c.signs.outputErr.Load() != nil && c.sink.steady(c.now()):
			c.signs.outputErr.Store(nil)
		}
	}
}

// sinkBroke is sourceBroke for the Sink.
func (c *Call) sinkBroke(sink audio.Sink, turn int, err error) {
	again := c.cfg.ReopenSink != nil
	ctx, due, ok := c.sink.lost(c.running, turn, again)
	if !ok {
		return
	}
	sink.Close()
	c.signs.outputErr.Store(&err)
	if again {
		c.loops.Go(func() { revive(ctx, c, due, &c.sink, c.cfg.ReopenSink) })
		return
	}
	c.events.add(SinkFailed{err})
}

// shift asks whether the talker is to send at another time from now on, see stream.Packetizer.Move.
func (c *Call) shift() (drop, ahead int) {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Talker().Move()
}

// silent tells whether the talker says nothing.
func (c *Call) silent() bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Talker().Silent()
}

func (c *Call) speak(pcm []float32) {
	c.talking.Lock()
	d, err := c.sender.Frame(c.now(), pcm)
	level := c.sender.Talker().lastLevel
	if err == nil {
		c.own.came(c.now(), 0, c.sender.Talker().last)
	}
	c.talking.Unlock()
	c.level.Store(uint32(level))
	if err == nil && d != nil { // a frame that cannot be coded is one that was lost
		c.sendVoice(d)
	}
}

// fallSilent sends the end of the talkspurt and the copies that are still due.
func (c *Call) fallSilent(pcm []float32) {
	frames := time.NewTicker(netproto.FrameDuration)
	defer frames.Stop()
	for settled := false; !settled; {
		c.talking.Lock()
		c.sender.Talker().SetMuted(true)
		c.talking.Unlock()
		c.speak(pcm)
		c.talking.Lock()
		settled = c.sender.Talker().Settled()
		c.talking.Unlock()
		select {
		case <-frames.C:
		case <-c.running.Done():
			return
		}
	}
}
