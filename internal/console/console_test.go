package console

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// valve is a writer that stands still until it is opened.
type valve struct {
	open chan struct{}
	got  strings.Builder
}

func (v *valve) Write(p []byte) (int, error) {
	<-v.open
	return v.got.Write(p)
}

func missed(n int) string { return fmt.Sprintf("%d missed\n", n) }

func TestWriterNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &valve{open: make(chan struct{})}
		w := NewWriter(v, missed)
		fmt.Fprintln(w, "first")
		synctest.Wait() // it hangs in the valve
		for i := range room + 10 {
			fmt.Fprintln(w, i)
		}
		close(v.open)
		synctest.Wait()
		fmt.Fprintln(w, "last")
		if !w.Close(time.Second) {
			t.Error("not all was written")
		}
		want := "first\n"
		for i := range room {
			want += fmt.Sprintln(i)
		}
		if want += "10 missed\nlast\n"; v.got.String() != want {
			t.Errorf("%q", v.got.String())
		}
		if _, err := w.Write(nil); err != io.ErrClosedPipe {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestWriterClosesWhatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &valve{open: make(chan struct{})}
		w := NewWriter(v, missed)
		fmt.Fprintln(w, "first")
		start := time.Now()
		if w.Close(time.Second) || time.Since(start) != time.Second {
			t.Errorf("ended after %v", time.Since(start))
		}
		close(v.open)
	})
}

type closedPipe struct{ writes int }

func (c *closedPipe) Write([]byte) (int, error) { c.writes++; return 0, syscall.EPIPE }

func TestWriterOutlivesAClosedPipe(t *testing.T) {
	pipe := &closedPipe{}
	w := NewWriter(pipe, missed)
	for range 3 * room {
		if _, err := fmt.Fprintln(w, "line"); err != nil {
			t.Fatal(err)
		}
	}
	if !w.Close(time.Minute) || pipe.writes != 1 {
		t.Errorf("%d writes", pipe.writes)
	}
}

// background is a terminal that is not ours for a while.
type background struct {
	fails int
	text  io.Reader
}

func (b *background) Read(p []byte) (int, error) {
	if b.fails > 0 {
		b.fails--
		return 0, &pathError{syscall.EIO}
	}
	return b.text.Read(p)
}

type pathError struct{ error }

func (e *pathError) Unwrap() error { return e.error }

func TestTerminalIsReadInTheForeground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []string
		for line := range Lines(terminal{&background{4, strings.NewReader(" M \nq\n")}}) {
			got = append(got, line)
		}
		if strings.Join(got, ",") != "M,q" || time.Since(start) != 4*foregroundEvery {
			t.Errorf("%q after %v", got, time.Since(start))
		}
	})
}
