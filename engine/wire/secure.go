package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"
)

// secured is a connection over TLS. The records of one write leave in as few pieces as
// they can: small ones first, as crypto/tls sends them on a young connection, would cost
// a system call each.
func (f *Front) secured(nc net.Conn) net.Conn { return tls.Server(nc, f.secrets) }

func secrets(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.DynamicRecordSizingDisabled = true
	return c
}

// handshake makes the connection a secure one, within the time that a head may take. It
// runs in the connection's own goroutine, so that nobody waits for a slow caller. What
// has agreed on HTTP/2 is net/http's from here on.
func (c *conn) handshake() next {
	nc, ok := c.nc.(*tls.Conn)
	if !ok {
		return plain
	}
	_ = c.raw.SetDeadline(time.Now().Add(c.front.o.HeaderTimeout))
	if c.front.closing() { // or its end would not have been told
		return over
	}
	if err := nc.HandshakeContext(c.front.ctx); err != nil {
		c.handshakeFailed(err)
		return over
	}
	_ = c.raw.SetDeadline(time.Time{})
	state := nc.ConnectionState()
	if state.NegotiatedProtocol != "" && state.NegotiatedProtocol != "http/1.1" {
		return odd
	}
	c.base.TLS = &state
	c.listen()
	return plain
}

// handshakeFailed tells who speaks HTTP without TLS so, as net/http does.
func (c *conn) handshakeFailed(err error) {
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
		_, _ = io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	c.front.o.Logger.Debug("TLS handshake failed", "client", c.raw.RemoteAddr().String(), "error", err)
}

func looksLikeHTTP(first [5]byte) bool {
	switch string(first[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return strings.HasPrefix(string(first[:]), "PRI")
}

// begunTLS is begun over TLS; net/http asks it for the state of that.
type begunTLS struct {
	begun
	secure *tls.Conn
}

// ConnectionState is what http.Request.TLS tells.
func (b *begunTLS) ConnectionState() tls.ConnectionState { return b.secure.ConnectionState() }

// handed is the connection as net/http gets it.
func (c *conn) handed() net.Conn {
	secure, ok := c.nc.(*tls.Conn)
	switch {
	case ok && c.in == nil:
		return secure // net/http speaks HTTP/2 with a *tls.Conn alone
	case ok:
		return &begunTLS{begun{Conn: c.nc, in: c.in}, secure}
	}
	return &begun{Conn: c.nc, in: c.in}
}
