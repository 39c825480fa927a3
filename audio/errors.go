package audio

import "errors"

// Errors to match with errors.Is. They come wrapped with the path and what to do;
// errors of the operating system (os.ErrNotExist, ...) come wrapped too.
var (
	// ErrFormat: the file is neither WAV nor Ogg Opus.
	ErrFormat = errors.New("not a WAV or Ogg Opus file")
	// ErrEncoding: a WAV file whose encoding, width, rate or channel count is not read here.
	ErrEncoding = errors.New("unsupported kind of WAV file")
	// ErrNoOpus: an Ogg Opus file, and the program was built without the library that decodes it.
	ErrNoOpus = errors.New("this program plays no Ogg Opus")
	// ErrTruncated: the file ends inside its header, or is damaged beyond what can be passed over.
	ErrTruncated = errors.New("file is cut short")
	// ErrEmpty: the file holds no sample.
	ErrEmpty = errors.New("file has no sound in it")
	// ErrTooLong: the WAV format cannot hold more, 4 GiB or 12 hours.
	ErrTooLong = errors.New("WAV file is full")
	// ErrRate: a sample rate that the resampler does not take.
	ErrRate = errors.New("sample rate out of range")
	// ErrClosed: the Source or Sink has been closed.
	ErrClosed = errors.New("audio: closed")
)
