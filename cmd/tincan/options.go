package main

import "time"

// CallOptions are those of a call, whether it is joined or hosted.
type CallOptions struct {
	In                string   `placeholder:"DEVICE|FILE|tone|none" help:"What you say: a capture device, a WAV or Ogg Opus file (- is standard input), tone or none. Default: the default microphone."`
	Out               string   `placeholder:"DEVICE|FILE|none" help:"Where you hear: a playback device, a new .wav file or none. Default: the default loudspeaker."`
	Record            string   `placeholder:"DIR" help:"Record into this folder from the start: an Ogg Opus file per talker, and a mix. The room is told. Without it the key R records into ./recordings."`
	Clean             []string `placeholder:"PART,..." help:"What is done to your microphone: echo of your loudspeaker is taken out, noise is made quieter, gain brings speech to one level, voice sends nothing else; or none. Default: all of them for a device, as far as this program was built with them, and none for a file."`
	Comfort           []string `placeholder:"PART,..." help:"What is done to what you hear: level brings talkers to one loudness, sounds tell who comes, who goes and whether you are muted; or none. Default: both for a loudspeaker, none for a file."`
	Muted             bool     `help:"Begin muted. On the full screen Space talks for as long as it is held, where the terminal tells that."`
	Bitrate           bitrate  `default:"24" help:"Highest Opus bitrate in kbit/s, 6 to 64, headers not counted."`
	FEC               bool     `help:"Send with Opus's own error correction, whatever the network does; works above about 19 kbit/s."`
	Stride            int      `default:"0" help:"Send so many frames per datagram, whatever the network does: more saves headers and adds delay."`
	Copies            []int    `help:"Send again what was new so many datagrams ago, e.g. 1 or 1,4, whatever the network does."`
	Cap               int      `placeholder:"KBPS" help:"Most that may be sent over any second, up and down each, in kbit/s with headers. Default: no cap."`
	Identity          bool     `help:"In a sealed room, bring a key of yours by which the others know you again, and are warned of somebody else under your name; it is made on first use."`
	Overwrite         bool     `help:"Let --out lose what is in the file already."`
	Plain             bool     `help:"Write lines instead of the full screen that a terminal gets otherwise. So do --json, --for and standard input that is no terminal."`
	DecoderComplexity int      `placeholder:"1-10" help:"What decoding may spend, where libopus is 1.5 or later: below 5 losses are concealed without a network, for slow machines. Default: 6."`

	For  time.Duration `help:"Leave after this time, e.g. 30s. Default: stay."`
	JSON bool          `help:"Write a JSON object per line instead of text."`
}
