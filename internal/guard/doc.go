// Package guard keeps a terminal fit for use, whatever becomes of the full-screen program that has it.
package guard
