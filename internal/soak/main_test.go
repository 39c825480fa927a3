package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A soak of a few seconds: what it finds wrong is wrong. Where the sockets had no room for a datagram, since
// the machine gave the relay no core for a while, it is done again.
func TestSoak(t *testing.T) {
	for try := 1; ; try++ {
		var out bytes.Buffer
		err := run(t.Context(), options{length: 3 * time.Second, warm: time.Second, churn: 10, roam: 10, noise: 1000}, &out)
		if err == nil {
			return
		}
		if overflowed := strings.Contains(err.Error(), "had no room at the relay") && !strings.Contains(err.Error(), "(0 had no room at the relay, 0 at the clients)"); !overflowed || try == 3 {
			t.Fatalf("%v\n%s", err, &out)
		}
	}
}
