//go:build cgo

package device

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/gordonklaus/portaudio"
)

// systemMu guards PortAudio's global state: it is not safe for concurrent use, and neither is the
// binding's. Callbacks do not take it.
var systemMu sync.Mutex

// portAudio is the system of all platforms.
type portAudio struct{}

// acquire starts PortAudio, or counts one more user of it. PortAudio keeps the count itself.
func acquire() (system, error) {
	systemMu.Lock()
	defer systemMu.Unlock()
	quiet()
	defer quiet() // PortAudio sets functions of its own
	if err := portaudio.Initialize(); err != nil {
		return nil, fmt.Errorf("device: %w: %w", ErrSystem, err)
	}
	return portAudio{}, nil
}

func (portAudio) release() {
	systemMu.Lock()
	defer systemMu.Unlock()
	_ = portaudio.Terminate() // fails only if it was not initialised
}

func (portAudio) devices() ([]Device, error) {
	systemMu.Lock()
	defer systemMu.Unlock()
	infos, err := portaudio.Devices()
	if err != nil {
		return nil, fmt.Errorf("device: %w: %w", ErrSystem, err)
	}
	// Without a default these return errors and nil, which equals no device.
	in, _ := portaudio.DefaultInputDevice()
	out, _ := portaudio.DefaultOutputDevice()
	api, _ := portaudio.DefaultHostApi()
	list := make([]Device, len(infos))
	for i, info := range infos {
		list[i] = Device{
			Name:          info.Name,
			API:           info.HostApi.Name,
			Inputs:        info.MaxInputChannels,
			Outputs:       info.MaxOutputChannels,
			Rate:          int(info.DefaultSampleRate),
			InputLatency:  info.DefaultLowInputLatency,
			OutputLatency: info.DefaultLowOutputLatency,
			DefaultInput:  info == in,
			DefaultOutput: info == out,
			preferred:     info.HostApi == api,
			info:          info,
		}
	}
	return list, nil
}

func (portAudio) capture(d Device, a attempt, callback func(in []float32, lost bool)) (stream, error) {
	return start(portaudio.StreamParameters{Input: portaudio.StreamDeviceParameters{
		Device: d.info.(*portaudio.DeviceInfo), Channels: a.channels, Latency: latency(d.InputLatency),
	}}, a.rate, func(in []float32, _ portaudio.StreamCallbackTimeInfo, flags portaudio.StreamCallbackFlags) {
		callback(in, flags&portaudio.InputOverflow != 0)
	})
}

func (portAudio) playback(d Device, a attempt, callback func(out []float32, lost bool)) (stream, error) {
	return start(portaudio.StreamParameters{Output: portaudio.StreamDeviceParameters{
		Device: d.info.(*portaudio.DeviceInfo), Channels: a.channels, Latency: latency(d.OutputLatency),
	}}, a.rate, func(out []float32, _ portaudio.StreamCallbackTimeInfo, flags portaudio.StreamCallbackFlags) {
		callback(out, flags&portaudio.OutputUnderflow != 0)
	})
}

// latency is what to ask the device for: its lowest, but not less than the two buffers that it needs in
// any case.
func latency(lowest time.Duration) time.Duration { return max(lowest, 2*bufferTime) }

// start opens a stream and lets it run.
func start(to portaudio.StreamParameters, rate int, callback any) (stream, error) {
	to.SampleRate, to.FramesPerBuffer = float64(rate), samplesIn(bufferTime, rate)
	systemMu.Lock()
	defer systemMu.Unlock()
	s, err := portaudio.OpenStream(to, callback)
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		_ = s.Close() // the error of Start is the one to tell
		return nil, err
	}
	p := paStream{s: s}
	if info := s.Info(); info != nil {
		p.late = max(info.InputLatency, info.OutputLatency) // the other one is 0
	}
	return p, nil
}

func (portAudio) busy(err error) bool {
	var host portaudio.UnanticipatedHostError
	if errors.As(err, &host) {
		return host.HostApiType == portaudio.ALSA && host.Code == -int(syscall.EBUSY)
	}
	return errors.Is(err, portaudio.DeviceUnavailable)
}

// paStream is a stream of one direction.
type paStream struct {
	s    *portaudio.Stream
	late time.Duration
}

func (p paStream) latency() time.Duration { return p.late }

func (p paStream) stop() {
	defer turn()()
	_ = p.s.Stop() // close ends it either way
}

func (p paStream) close() error {
	defer turn()()
	return p.s.Close() // stops it first
}

// turn takes systemMu for something that may hang. Others wait for it no longer than for a device: by then PortAudio is
// past what concerns more than this one stream.
func turn() (end func()) {
	systemMu.Lock()
	once := sync.OnceFunc(systemMu.Unlock)
	timer := time.AfterFunc(closeTime/2, once)
	return func() {
		timer.Stop()
		once()
	}
}
