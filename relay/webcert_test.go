package relay

import (
	"crypto/x509"
	"testing"
	"time"
)

// Over a year, whatever the page was told at some time is good for all connections of the next ten days, and what is
// shown is good at that moment and a day around it, and for two weeks at most.
func TestShortCerts(t *testing.T) {
	var certs shortCerts
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	told := map[int][2]string{}
	for hour := range 365 * 24 {
		now := start.Add(time.Duration(hour) * time.Hour)
		current, next, err := certs.at(now)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(current.cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if leaf.NotAfter.Sub(leaf.NotBefore) > 14*24*time.Hour || now.Add(-shortSlack).Before(leaf.NotBefore) || now.Add(shortSlack).After(leaf.NotAfter) {
			t.Fatalf("at %v: good from %v to %v", now, leaf.NotBefore, leaf.NotAfter)
		}
		told[hour] = [2]string{current.hash, next.hash}
		if before, ok := told[hour-10*24]; ok && before[0] != current.hash && before[1] != current.hash {
			t.Fatalf("at %v there is one that the page was not told of ten days before", now)
		}
	}
	for name, now := range map[string]time.Time{"a clock that was set back": start, "one that was set far ahead": start.AddDate(3, 0, 0)} {
		current, _, err := certs.at(now)
		if err != nil {
			t.Fatal(err)
		}
		if now.Before(current.from) || now.After(current.from.Add(shortTerm)) {
			t.Errorf("%s: %v is in use at %v", name, current.from, now)
		}
	}
}
