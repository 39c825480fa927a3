package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tincan-voice/tincan/internal/web/site"
)

// Web is what a relay has for browsers.
type Web struct {
	// Files are the page, as package internal/web has it: index.html, and what belongs to it. nil: the relay speaks no
	// HTTP.
	Files fs.FS
	// Port is the UDP port by which browsers send datagrams (WebTransport). 0: the one after the relay's own, or any free one
	// where that may be any; below 0: none, and all that browsers send goes by TCP.
	Port int
	// Version is what the relay calls itself to the page.
	Version string
}

// webProtocol is the ALPN name (RFC 7301) of HTTP/1.1. There is no HTTP/2: a WebSocket takes a connection of its own.
const webProtocol = "http/1.1"

const (
	// webIdle is how long a connection with a browser may wait for its next request.
	webIdle = 10 * time.Second
	// webHeader bounds the header of a request, in bytes.
	webHeader = 8 << 10
)

// website serves a page on the relay's TCP port. Each connection is a client that has been let in like any other:
//
//	accept -> admission -> TLS -> HTTP -> a file, /web.json
//	                                   -> /ws: control or tunnel from then on (websocket.go)
type website struct {
	server *Server
	http   *http.Server
	conns  chan net.Conn
}

// newWebsite makes the one that Config has; nil: none.
func (s *Server) newWebsite() (*website, error) {
	if s.cfg.Web.Files == nil {
		return nil, nil
	}
	files, err := site.New(s.cfg.Web.Files, s.cfg.WriteTimeout)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", files)
	mux.HandleFunc("GET /web.json", s.serveWebJSON)
	mux.HandleFunc("GET /ws", s.serveWebSocket)
	w := &website{server: s, conns: make(chan net.Conn)}
	w.http = &http.Server{
		Handler: w.guard(mux), ReadHeaderTimeout: s.cfg.LoginTimeout, WriteTimeout: s.cfg.WriteTimeout, IdleTimeout: webIdle,
		MaxHeaderBytes: webHeader, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), // what clients do wrong
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, clientKey{}, c.(*webConn).client)
		},
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateClosed { // those that are hijacked go on, and end by themselves
				c.(*webConn).client.close()
				s.wg.Done()
			}
		},
	}
	return w, nil
}

// clientKey is where a request's context has its client.
type clientKey struct{}

func clientOf(r *http.Request) *client { return r.Context().Value(clientKey{}).(*client) }

// webConn is a client's connection as package http sees it.
type webConn struct {
	net.Conn
	client *client
}

// Close implements net.Conn. It says no goodbye: that could wait.
func (c *webConn) Close() error { return c.client.link.Close() }

// CloseWrite is called by package http when it ends a connection whose client may still be sending.
func (c *webConn) CloseWrite() error { return c.Conn.(closeWriter).CloseWrite() }

// give hands it a client that speaks HTTP.
func (w *website) give(c *client) {
	_ = c.link.SetDeadline(time.Time{}) // it has its own
	w.server.wg.Add(1)
	select {
	case w.conns <- &webConn{c.conn, c}:
	case <-w.server.stop:
		c.close()
		w.server.wg.Done()
	}
}

// run is a goroutine.
func (w *website) run() {
	if w == nil {
		return
	}
	_ = w.http.Serve(webListener{w})
	_ = w.http.Close()
}

// webListener is the website as package http sees it.
type webListener struct{ *website }

// Accept implements net.Listener.
func (l webListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.server.stop:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (webListener) Close() error { return nil }

// Addr implements net.Listener.
func (l webListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.server.addr) }

// guard says what a page of the relay may do, and turns requests away that have come the wrong way.
func (w *website) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name := hostName(r.Host)
		if name == "" {
			http.Error(rw, "what is this relay's name? The Host of the request makes no sense", http.StatusBadRequest)
			return
		}
		switch c := clientOf(r); {
		case c.tls, w.server.cfg.Plaintext == PlaintextAny:
		case !c.from.Addr().IsLoopback():
			http.Redirect(rw, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusPermanentRedirect)
			return
		case !loopbackName(name): // a page of somebody else's, which has its own name lead to this machine
			http.Error(rw, "without TLS this relay is at http://localhost only", http.StatusForbidden)
			return
		}
		if r.ContentLength != 0 {
			_ = http.NewResponseController(rw).SetReadDeadline(time.Now().Add(lingerTime))
			http.Error(rw, "this relay takes nothing by HTTP", http.StatusRequestEntityTooLarge)
			return
		}
		connect := "ws://" + r.Host + " wss://" + r.Host
		if port := w.server.quic.at(); port > 0 {
			connect += " https://" + net.JoinHostPort(name, fmt.Sprint(port)) // CSP knows no IPv6 address: there it goes by TCP
		}
		h := rw.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "+
			"media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; connect-src 'self' "+connect+
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin") // these two for SharedArrayBuffer
		h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "microphone=(self), speaker-selection=(self), camera=(), geolocation=()")
		next.ServeHTTP(rw, r)
	})
}

// hostName is the name or address in a Host, which may have a port. "": it has what neither has, and what would mean
// something where it is repeated.
func hostName(host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "0"
	}
	if len(name) > 253 || strings.Trim(port, "0123456789") != "" {
		return ""
	}
	if a, err := netip.ParseAddr(name); err == nil && a.Zone() == "" {
		return name
	}
	for _, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_') {
			return ""
		}
	}
	return name
}

// loopbackName tells whether a name always means the machine itself (RFC 6761, 6.3).
func loopbackName(name string) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap().IsLoopback()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// webJSON is what the page has to know of the relay, at /web.json.
type webJSON struct {
	QUIC    int      `json:"quic"`   // UDP port of WebTransport; 0: none
	Hashes  []string `json:"hashes"` // SHA-256 of the certificates there, base64; empty: they are as those of the page
	Version string   `json:"version"`
}

func (s *Server) serveWebJSON(w http.ResponseWriter, r *http.Request) {
	about := webJSON{QUIC: s.quic.at(), Hashes: []string{}, Version: s.cfg.Web.Version}
	if about.QUIC > 0 && !s.trusted(hostName(r.Host)) {
		current, next, err := s.quic.certs.at(time.Now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		about.Hashes = append(about.Hashes, current.hash, next.hash)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(about)
}

// trusted tells whether the relay has a certificate for that name that is not made by itself.
func (s *Server) trusted(name string) bool {
	return s.cfg.CertFile != "" || s.renewal.get(name) != nil
}

// webRefusal is what a browser gets that is turned away.
func webRefusal(reason string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s\n", len(reason)+1, reason)
}
