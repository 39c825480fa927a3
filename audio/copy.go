package audio

import (
	"errors"
	"io"
)

// Copy writes all that src gives to dst, and closes neither. At the end of src it returns nil. Errors are those of
// src.Read and dst.Write. It is as fast as these are: into a Feed it returns a second before all has been said.
func Copy(dst Writer, src Reader) error {
	var pcm [SampleRate / 50]float32
	for {
		n, err := src.Read(pcm[:])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := dst.Write(pcm[:n]); err != nil {
			return err
		}
	}
}
