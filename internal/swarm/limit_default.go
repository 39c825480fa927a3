//go:build !unix

package swarm

// allowFiles makes sure that the process may open n files: there is no limit.
func allowFiles(int) error { return nil }
