package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/internal/swarm"
)

func TestSwarmCommand(t *testing.T) {
	args := []string{"swarm", startTestRelay(t), "--clients", "6", "--rooms", "2", "--talkers", "1", "--for", "200ms"}
	var text, object, errs bytes.Buffer
	if code := run(t.Context(), args, nil, &text, &errs); code != 0 || !strings.Contains(text.String(), "joined    6 of 6") {
		t.Errorf("exit code %d\n%s%s", code, &text, &errs)
	}
	code := run(t.Context(), append(args, "--json", "--plaintext"), nil, &object, &errs)
	var report swarm.Report
	if err := json.Unmarshal(object.Bytes(), &report); code != 0 || err != nil || report.Lost != 0 || report.Delivered == 0 {
		t.Errorf("exit code %d, %v\n%s%s", code, err, &object, &errs)
	}
}

func TestSwarmCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"swarm", 2, "write host"},
		{"swarm a:b:c", 2, "host:port"},
		{"swarm relay --clients 1000000", 2, "20000"},
		{"swarm relay --clients 0", 2, "--clients is 0"},
		{"swarm relay --probe 0", 2, "--probe is 0"},
		{"swarm relay --noise 0 --churn 0 --roam 0 --talkers 0 --for 9999h", 2, "1h"},
		{"swarm relay --rooms 300 --talkers 2", 2, "talkers per room 2"},
		{"swarm relay --for 9999h", 2, "1h"},
		{"swarm 127.0.0.1:1 --clients 2", 1, "127.0.0.1:1"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(c.args), nil, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.says) {
			t.Errorf("tincan %s: exit code %d, want %d, and %q:\n%s%s", c.args, code, c.code, c.says, &errs, &out)
		}
	}
}
