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
		late, dropped := make(chan struct{}), false
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if n, ok := await(ctx, func() int { <-late; return 7 }, func(n int) { dropped = n == 7 }); ok || n != 0 {
			t.Errorf("late: %d, %v", n, ok)
		}
		close(late)
		if synctest.Wait(); !dropped {
			t.Error("what came late stays open")
		}
	})
}
