package main

import (
	"fmt"
	"os"
	"testing"
)

// A call says whether the relay can listen, before anybody can talk in it.
func TestSaysWhoCanListen(t *testing.T) {
	relay := startTestRelay(t)
	for phrase, says := range map[string]string{"": "not sealed: the relay can listen", "four words by chance": "sealed for those who know the passphrase"} {
		t.Setenv("TINCAN_PASSPHRASE", phrase) // which puts back what there was
		if phrase == "" {
			_ = os.Unsetenv("TINCAN_PASSPHRASE")
		}
		p := startJoin(t, relay, "--in", "none")
		p.wait(says)
		fmt.Fprintln(p.in, "q")
		if code := p.ends(); code != 0 {
			t.Errorf("exit code %d: %s", code, &p.err)
		}
	}
}
