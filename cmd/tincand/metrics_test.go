package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tincan-voice/tincan/relay"
)

func TestMetrics(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	p, _ := startIn(t, func(f *flags) { f.Metrics = port })
	_ = free.Close() // as the relay before this one does in the end
	eventually(t, "metrics are served", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	defer join(t, p.port, "Adam", "kitchen").Close()
	get := func(path string) (int, string) {
		t.Helper()
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	if code, text := get("/metrics"); code != http.StatusOK || !strings.Contains(text, "\ntincan_sessions{state=\"plain\"} 1\n") ||
		!strings.Contains(text, "\ntincan_rooms 1\n") || !strings.Contains(text, "\nprocess_cpu_seconds_total ") || !strings.Contains(text, "\ngo_gc_duration_seconds") {
		t.Errorf("%d: %s", code, text)
	}
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	if code, _ := get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d", code)
	}
	_, _ = io.WriteString(p.in, "DRAIN 3600\n")
	p.out.wait(t, "draining")
	if code, text := get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d: %s", code, text)
	}
	if code, text := get("/metrics"); code != http.StatusOK || !strings.Contains(text, "\ntincan_draining 1\n") {
		t.Errorf("%d: %s", code, text)
	}
	p.stop()
	p.wait(t)
	if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		t.Error("metrics outlive the relay")
	}
}

// Names and help of all metrics are as Prometheus wants them.
func TestMetricsAreWellFormed(t *testing.T) {
	server, err := relay.Listen(relay.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.CollectAndLint(metrics{server}); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Serve(ended); err != nil {
		t.Error(err)
	}
}

// The dashboard and the manual name only what there is.
func TestMetricsAreNamed(t *testing.T) {
	there := map[string]bool{"tincan_room_worst_loss_bucket": true, "tincan_room_worst_loss_count": true}
	descs := []*prometheus.Desc{sessionsDesc, roomsDesc, largestDesc, drainDesc, peersDesc, lossDesc, droppedDesc}
	for _, total := range totals {
		descs = append(descs, total.desc)
	}
	named := regexp.MustCompile(`tincan_[a-z_]+`)
	for _, d := range descs {
		there[named.FindString(d.String())] = true
	}
	for _, file := range []string{"../../packaging/grafana.json", "../../docs/operating.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			if !there[name] {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
	}
}
