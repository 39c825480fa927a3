//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd

package guard

import "os"

// Terminal has nothing to do here: a console is as before when its program has ended.
func Terminal(*os.File) (release func(failed bool), err error) { return func(bool) {}, nil }

// Main is false: there are no guards here.
func Main() bool { return false }
