package relay

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority is the least of an ACME server (RFC 8555): it believes every signature, and proves names by HTTP.
type authority struct {
	t      *testing.T
	url    string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	proof  string // where the relay answers
	token  string // of its challenges
	fails  atomic.Bool
	proven atomic.Bool
	issued atomic.Pointer[[]byte]
}

func startAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, proof: freePort(t), token: "tok"}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ServeHTTP implements http.Handler.
func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Replay-Nonce", "nonce")
	status := func(valid bool) string {
		if valid {
			return "valid"
		}
		return "pending"
	}
	say := func(code int, v map[string]any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	order := map[string]any{"status": "pending", "authorizations": []string{a.url + "/authz"}, "finalize": a.url + "/finalize"}
	if a.proven.Load() {
		order["status"] = "ready"
	}
	if a.issued.Load() != nil {
		order["status"], order["certificate"] = "valid", a.url+"/cert"
	}
	challenge := map[string]any{"type": "http-01", "url": a.url + "/challenge", "token": a.token, "status": status(a.proven.Load())}
	switch r.URL.Path {
	case "/":
		say(200, map[string]any{"newNonce": a.url + "/nonce", "newAccount": a.url + "/account", "newOrder": a.url + "/order"})
	case "/account":
		w.Header().Set("Location", a.url+"/me")
		say(201, map[string]any{"status": "valid"})
	case "/order":
		if a.fails.Load() {
			say(403, map[string]any{"type": "urn:ietf:params:acme:error:unauthorized", "detail": "not today"})
			return
		}
		w.Header().Set("Location", a.url+"/order1")
		say(201, order)
	case "/order1":
		say(200, order)
	case "/authz":
		say(200, map[string]any{
			"status": status(a.proven.Load()), "identifier": map[string]string{"type": "dns", "value": "relay.test"}, "challenges": []any{challenge},
		})
	case "/challenge":
		if answer, err := http.Get("http://" + a.proof + "/.well-known/acme-challenge/" + url.PathEscape(a.token)); err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			a.proven.Store(strings.HasPrefix(string(text), a.token+"."))
		}
		say(200, challenge)
	case "/finalize":
		a.issue(r)
		w.Header().Set("Location", a.url+"/order1")
		order["status"], order["certificate"] = "valid", a.url+"/cert"
		say(200, order)
	case "/cert":
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: *a.issued.Load()})
	}
}

// issue signs what is asked for.
func (a *authority) issue(r *http.Request) {
	var signed struct{ Payload string }
	var asked struct{ CSR string }
	if err := json.NewDecoder(r.Body).Decode(&signed); err != nil {
		a.t.Error(err)
	}
	payload, _ := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err := json.Unmarshal(payload, &asked); err != nil {
		a.t.Error(err)
	}
	der, _ := base64.RawURLEncoding.DecodeString(asked.CSR)
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		a.t.Error(err)
		return
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, csr.PublicKey, a.key)
	if err != nil {
		a.t.Error(err)
	}
	a.issued.Store(&cert)
}

// The relay gets a certificate for its name, keeps it over a restart, and shows its own one to who asks for another
// name.
func TestACME(t *testing.T) {
	a, dir := startAuthority(t), t.TempDir()
	cfg := Config{StateDir: dir, ACMEName: "Relay.test", acmeDirectory: a.url + "/", acmeListen: a.proof}
	s := startServer(t, cfg)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	verified := func(s *Server, name string) bool {
		conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{ServerName: name, RootCAs: roots})
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	within(t, "there is a certificate", func() bool { return verified(s, "relay.test") })
	if verified(s, "other.test") {
		t.Error("a certificate for another name")
	}
	c := dialTLS(t, s, &tls.Config{ServerName: "other.test"})
	state := c.conn.(*tls.Conn).ConnectionState()
	if print, err := fingerprint(tls.Certificate{Certificate: [][]byte{state.PeerCertificates[0].Raw}}); err != nil || print != s.Fingerprint() {
		t.Errorf("%s, %v; want the self-made one", print, err)
	}
	if conn, err := net.Dial("tcp", a.proof); err == nil {
		_ = conn.Close()
		t.Error("the port for proofs stays open")
	}
	cfg.acmeDirectory = "http://127.0.0.1:1/" // nobody is asked again
	if again := startServer(t, cfg); !verified(again, "relay.test") {
		t.Error("the certificate is not kept")
	}
	for _, name := range []string{"acme-account.pem", "acme-relay.test.pem"} {
		if info, err := os.Stat(dir + "/" + name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// Where the authority refuses the log says why, and the relay serves.
func TestACMERefused(t *testing.T) {
	a := startAuthority(t)
	a.fails.Store(true)
	var log valve
	log.open = make(chan struct{})
	close(log.open)
	s := startServer(t, Config{ACMEName: "relay.test", acmeDirectory: a.url + "/", acmeListen: a.proof, Log: slog.New(bare(&log))})
	within(t, "the log says so", func() bool { return bytes.Contains([]byte(log.String()), []byte("not today")) })
	dialTLS(t, s, &tls.Config{ServerName: "relay.test"}).login("a", "a")

	for _, name := range []string{"192.0.2.1", "relay", "https://relay.test", "relay.test:80"} {
		if _, err := Listen(Config{Addr: s.Addr(), StateDir: t.TempDir(), ACMEName: name}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A token is the authority's word: whatever is in it, the relay goes on.
func TestACMEOddToken(t *testing.T) {
	for _, token := range []string{"{", "{a}", "a b", "GET /", "../..", "é%", "{$}"} {
		a := startAuthority(t)
		a.token = token
		s := startServer(t, Config{ACMEName: "relay.test", acmeDirectory: a.url + "/", acmeListen: a.proof})
		within(t, "there is a certificate", func() bool { return s.renewal.get("relay.test") != nil })
	}
}

// A certificate that has expired, or soon will, is shown until there is another one, and the log says what it is worth.
func TestACMEExpires(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		says string
	}{
		{-time.Hour, "has expired, clients that know it refuse this relay"},
		{time.Hour, "this one is good until"},
	} {
		a, dir := startAuthority(t), t.TempDir()
		a.fails.Store(true)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(c.left)
		template := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: []string{"relay.test"}, NotBefore: end.Add(-100 * time.Hour), NotAfter: end}
		der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeKey(dir+"/acme-relay.test.pem", [][]byte{der}, key); err != nil {
			t.Fatal(err)
		}
		log := valve{open: make(chan struct{})}
		close(log.open)
		s := startServer(t, Config{
			StateDir: dir, ACMEName: "relay.test", acmeDirectory: a.url + "/", acmeListen: a.proof, Log: slog.New(bare(&log)),
		})
		within(t, "the log says "+c.says, func() bool { return strings.Contains(log.String(), c.says) })
		shown := dialTLS(t, s, &tls.Config{ServerName: "relay.test"}).conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		if !bytes.Equal(shown.Raw, der) {
			t.Errorf("%v: another certificate is shown", c.left)
		}
	}
}

// Where clients are refused the pauses do not grow.
func TestACMEAgain(t *testing.T) {
	for _, tt := range []struct{ left, pause, want time.Duration }{
		{0, acmeFirst, acmeFirst}, // none
		{0, acmeMost, acmeUrgent},
		{-time.Hour, acmeMost, acmeUrgent},
		{time.Minute, acmeMost, acmeUrgent},
		{time.Hour, acmeMost, time.Hour},
		{240 * time.Hour, acmeMost, acmeMost},
	} {
		var r renewal
		if tt.left != 0 {
			r.cert.Store(&tls.Certificate{Leaf: &x509.Certificate{NotAfter: time.Now().Add(tt.left)}})
		}
		if got := r.again(tt.pause); got > tt.want || got < tt.want-time.Minute {
			t.Errorf("%v left, after %v: %v, want %v", tt.left, tt.pause, got, tt.want)
		}
	}
}
