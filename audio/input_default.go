//go:build !linux

package audio

import "os"

func openInput(path string) (input, error) {
	if isStdin(path) {
		return stdin{os.Stdin}, nil
	}
	return openPath(path, 0)
}

type stdin struct{ *os.File }

func (stdin) Close() error { return nil }

func awaitWriter(input) error { return nil }
