//go:build unix

package swarm

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// allowFiles makes sure that the process may open n files.
func allowFiles(n int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("swarm: limit of open files: %w", err)
	}
	want := limit
	want.Cur = like(limit.Cur, n)
	if limit.Cur >= want.Cur {
		return nil
	}
	want.Max = max(limit.Max, want.Cur)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("%w: these clients need %d open files and this process may have %d: "+
			"ask for fewer clients, run `ulimit -n %d` first (more than `ulimit -Hn` takes root), or start several swarms",
			ErrConfig, n, limit.Max, n)
	}
	return nil
}

// like gives n the type of a limit: on FreeBSD it is signed.
func like[T int64 | uint64](_ T, n int) T { return T(n) }
