package relay

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	// acmeFirst is how long after a failure another try is made. Then that doubles, up to acmeMost: authorities count
	// failures. Where clients are refused for want of a certificate it is acmeUrgent at most: Let's Encrypt lets an
	// account fail 5 times for a name, and once more every 12 minutes (https://letsencrypt.org/docs/rate-limits/).
	acmeFirst  = time.Minute
	acmeMost   = 6 * time.Hour
	acmeUrgent = 15 * time.Minute
	// acmeTime is how long one try may take.
	acmeTime = 5 * time.Minute
	// acmePort is where authorities look (RFC 8555, 8.3).
	acmePort = 80
)

// renewal gets a certificate for the relay's name from an authority by ACME (RFC 8555), and another one when two thirds
// of its life are over. It answers the authority by HTTP (8.3), at port 80, which is open for that time only. nil:
// there is none.
type renewal struct {
	// Static.
	name     string
	dir      string // of the certificate and the account's key
	client   acme.Client
	listenAt string

	cert atomic.Pointer[tls.Certificate]
}

// newRenewal loads what was got before.
func newRenewal(cfg Config) (*renewal, error) {
	if cfg.ACMEName == "" {
		return nil, nil
	}
	r := &renewal{
		name: strings.ToLower(cfg.ACMEName), dir: cfg.StateDir, listenAt: cfg.acmeListen,
		client: acme.Client{DirectoryURL: cfg.acmeDirectory, UserAgent: "tincand"},
	}
	if r.listenAt == "" {
		r.listenAt = fmt.Sprintf(":%d", acmePort)
	}
	key, err := r.accountKey()
	if err != nil {
		return nil, fmt.Errorf("relay: the key for ACME: %w", err)
	}
	r.client.Key = key
	if cert, err := tls.LoadX509KeyPair(r.file(), r.file()); err == nil {
		r.cert.Store(&cert)
	}
	return r, nil
}

// file has the certificate, its chain and its key.
func (r *renewal) file() string { return filepath.Join(r.dir, "acme-"+r.name+".pem") }

// accountKey loads the key of the account at the authority, or makes one.
func (r *renewal) accountKey() (crypto.Signer, error) {
	path := filepath.Join(r.dir, "acme-account.pem")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return key, writeKey(path, nil, key)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no key: remove it", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: remove it", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s has a key that cannot sign: remove it", path)
	}
	return signer, nil
}

// get is the certificate for a client that asks for that name; nil: there is none. One that has expired is better than
// the self-made one: a client that has verified it before says that it has expired, and not that somebody else may be
// here.
func (r *renewal) get(name string) *tls.Certificate {
	if r == nil || !strings.EqualFold(strings.TrimSuffix(name, "."), r.name) {
		return nil
	}
	return r.cert.Load()
}

// due is when another certificate is to be got: the zero time if there is none.
func (r *renewal) due() time.Time {
	c := r.cert.Load()
	if c == nil {
		return time.Time{}
	}
	return c.Leaf.NotBefore.Add(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore) * 2 / 3)
}

// left is how long the certificate is still good.
func (r *renewal) left() time.Duration {
	c := r.cert.Load()
	if c == nil {
		return 0
	}
	return time.Until(c.Leaf.NotAfter)
}

// again is how long after a failure the next try is made, where that would be a pause.
func (r *renewal) again(pause time.Duration) time.Duration {
	return min(pause, max(r.left(), acmeUrgent))
}

// lack says what it means that there is no new certificate.
func (r *renewal) lack() string {
	switch c := r.cert.Load(); {
	case c == nil:
		return "no certificate"
	case r.left() < 0:
		return "the certificate has expired, clients that know it refuse this relay, and there is no new one"
	default:
		return fmt.Sprintf("no new certificate; this one is good until %s", c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
}

// renew is a goroutine: it gets certificates until the relay ends.
func (s *Server) renew() {
	r := s.renewal
	if r == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.wg.Go(func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	})
	wait, pause := time.Until(r.due()), acmeFirst
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		switch err := r.obtain(ctx); {
		case err == nil:
			wait, pause = max(time.Until(r.due()), acmeFirst), acmeFirst
			s.log.Info("there is a new certificate", "name", r.name, "until", r.cert.Load().Leaf.NotAfter.UTC())
		case ctx.Err() != nil:
			return
		default:
			wait = r.again(pause)
			pause = min(2*wait, acmeMost)
			s.log.Error(r.lack()+": the authority must be within reach, and TCP port 80 of that name lead here", "name", r.name, "error", err, "again in", wait)
		}
	}
}

// obtain gets a certificate and keeps it.
func (r *renewal) obtain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acmeTime)
	defer cancel()
	if _, err := r.client.Register(ctx, new(acme.Account), acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return fmt.Errorf("account: %w", err)
	}
	order, err := r.client.AuthorizeOrder(ctx, acme.DomainIDs(r.name))
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := r.authorize(ctx, url); err != nil {
			return fmt.Errorf("proof of the name: %w", err)
		}
	}
	if order, err = r.client.WaitOrder(ctx, order.URI); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{r.name}}, key)
	if err != nil {
		return err
	}
	chain, _, err := r.client.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if err := writeKey(r.file(), chain, key); err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(r.file(), r.file())
	if err != nil {
		return err
	}
	r.cert.Store(&cert)
	return nil
}

// authorize proves to the authority that the name leads here.
func (r *renewal) authorize(ctx context.Context, url string) error {
	authz, err := r.client.GetAuthorization(ctx, url)
	if err != nil || authz.Status == acme.StatusValid {
		return err
	}
	for _, challenge := range authz.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		answer, err := r.client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return err
		}
		stop, err := r.answer(r.client.HTTP01ChallengePath(challenge.Token), answer)
		if err != nil {
			return err
		}
		defer stop()
		if _, err := r.client.Accept(ctx, challenge); err != nil {
			return err
		}
		_, err = r.client.WaitAuthorization(ctx, authz.URI)
		return err
	}
	return errors.New("the authority offers no proof by HTTP")
}

// answer has one page served until stop.
func (r *renewal) answer(path, text string) (stop func(), err error) {
	l, err := net.Listen("tcp", r.listenAt)
	if err != nil {
		return nil, err
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text))
	})
	server := &http.Server{Handler: page, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}
