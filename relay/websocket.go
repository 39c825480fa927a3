package relay

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/tincan-voice/tincan/netproto"
)

// A WebSocket (RFC 6455) at /ws is a connection like any other: its binary messages, put together, are the stream of
// bytes of a control connection or of a tunnel. Which one its subprotocol says, by the name that ALPN has for it.

// serveWebSocket takes a client over from HTTP.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	c := clientOf(r)
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{ // it refuses pages of another origin
		Subprotocols: []string{netproto.TunnelProtocol, controlProtocol},
	})
	if err != nil {
		return // it has been told
	}
	defer s.wg.Done() // of HTTP
	_ = c.link.SetDeadline(time.Now().Add(s.cfg.LoginTimeout))
	c.stays = true
	c.conn = &socketConn{Conn: websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws: ws, link: &c.link}
	c.begin(ws.Subprotocol() == netproto.TunnelProtocol)
}

// socketConn is a WebSocket as a stream. Its deadlines are those of its link.
type socketConn struct {
	net.Conn
	ws   *websocket.Conn
	link *link
}

// SetWriteDeadline implements net.Conn.
func (c *socketConn) SetWriteDeadline(t time.Time) error { return c.link.SetWriteDeadline(t) }

// CloseWrite says that nothing more comes, and waits for a moment for the same word of the browser.
func (c *socketConn) CloseWrite() error {
	_ = c.link.SetDeadline(time.Now().Add(lingerTime))
	return c.ws.Close(websocket.StatusNormalClosure, "")
}
