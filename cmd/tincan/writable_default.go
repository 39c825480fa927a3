//go:build !unix

package main

// writable leaves the answer to the moment of writing.
func writable(string) error { return nil }
