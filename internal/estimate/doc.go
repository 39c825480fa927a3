// Package estimate tells what a path is like from what was measured on it. Both ends of
// it use the same code, so that a quantity has one value.
//
// Everything is sans-IO: the time is an argument, a time.Duration since any fixed start.
// Every type is bounded in memory, for one goroutine at a time, and ready as its zero value.
package estimate
