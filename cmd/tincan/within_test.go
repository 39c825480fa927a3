package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := false
		if !within(ctx, func() { done = true }) || !done {
			t.Error("not done")
		}
		hang := make(chan struct{})
		if start := time.Now(); within(ctx, func() { <-hang }) || time.Since(start) != time.Minute {
			t.Errorf("hung for %v", time.Since(start))
		}
		close(hang)
	})
}
