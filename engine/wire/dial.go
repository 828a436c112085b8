package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// ErrHTTP2 is an API that speaks HTTP/2 and has to be asked by net/http. Nothing of the
// request was sent or read.
var ErrHTTP2 = errors.New("the API speaks HTTP/2")

// HandshakeError is why no secure connection came about. Nothing of a request was sent.
type HandshakeError struct{ err error }

// Error is the reason alone.
func (e *HandshakeError) Error() string { return e.err.Error() }

// Unwrap is the reason.
func (e *HandshakeError) Unwrap() error { return e.err }

// NewSecurePool is NewPool over TLS as c says. HTTP/2 is offered, for the protocol is the
// API's choice: Do refuses with ErrHTTP2 from the first connection on that agrees on it.
func NewSecurePool(address string, c *tls.Config, connect, response time.Duration) *Pool {
	p := NewPool(address, connect, response)
	p.secrets = secrets(c)
	p.secrets.NextProtos = []string{"h2", "http/1.1"}
	return p
}

// HTTP2 tells whether the API has chosen HTTP/2 when it was last connected to.
func (p *Pool) HTTP2() bool { return p.http2.Load() }

// SpeaksHTTP1 is told by whoever finds out that it does so no more.
func (p *Pool) SpeaksHTTP1() { p.http2.Store(false) }

func (p *Pool) dial(ctx context.Context) (*upstreamConn, error) {
	if p.http2.Load() {
		return nil, ErrHTTP2
	}
	raw, err := p.dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	if p.secrets == nil {
		return newUpstreamConn(p, raw), nil
	}
	u, err := p.secure(ctx, raw)
	if err != nil {
		_ = raw.Close()
	}
	return u, err
}

// secure has as long as connecting.
func (p *Pool) secure(ctx context.Context, raw net.Conn) (*upstreamConn, error) {
	below := newBelow(raw)
	nc := tls.Client(below, p.secrets)
	_ = raw.SetDeadline(time.Now().Add(p.connect))
	if err := nc.HandshakeContext(ctx); err != nil {
		return nil, &HandshakeError{err}
	}
	_ = raw.SetDeadline(time.Time{})
	if nc.ConnectionState().NegotiatedProtocol == "h2" {
		p.http2.Store(true)
		return nil, ErrHTTP2
	}
	u := newUpstreamConn(p, nc)
	u.raw, u.below = raw, below
	return u, nil
}

// below is what TLS lies on, on its way to an API.
type below struct {
	net.Conn
	socket syscall.RawConn
	// hasty: a read does not wait; cut: the other end has closed without a goodbye of
	// TLS, or the goodbye was read long ago.
	hasty, cut bool

	look  func(fd uintptr) bool
	into  []byte
	count int
	err   error
}

func newBelow(raw net.Conn) *below {
	b := &below{Conn: raw}
	if s, ok := raw.(syscall.Conn); ok {
		b.socket, _ = s.SyscallConn()
	}
	b.look = b.readNow // bound once, so that asking allocates nothing
	return b
}

// Read implements io.Reader for crypto/tls.
func (b *below) Read(p []byte) (n int, err error) {
	if b.hasty {
		n, err = b.readHasty(p)
	} else {
		n, err = b.Conn.Read(p)
	}
	b.cut = b.cut || err == io.EOF
	return n, err
}

func (b *below) readHasty(p []byte) (int, error) {
	if b.socket == nil {
		return 0, errNothingYet
	}
	b.into, b.count, b.err = p, 0, errNothingYet
	err := b.socket.Read(b.look)
	b.into = nil
	if err != nil {
		return 0, err
	}
	return b.count, b.err
}

// nothingYet is for crypto/tls an error that passes.
type nothingYet struct{}

var errNothingYet error = nothingYet{}

func (nothingYet) Error() string   { return "nothing has come in yet" }
func (nothingYet) Timeout() bool   { return true }
func (nothingYet) Temporary() bool { return true }

// fresh tells whether an idle connection can be used. Over TLS what has come in on it may
// be a ticket for later (RFC 8446 section 4.6.1), or a new key, so that it has to be
// read; and what nobody asked for may have been read already, and wait above the socket.
func (u *upstreamConn) fresh() bool {
	if u.below == nil {
		return u.probe.ok()
	}
	u.below.hasty = true
	n, err := u.nc.Read(u.one[:])
	u.below.hasty = false
	return n == 0 && err == errNothingYet
}

// cutOff tells whether an answer that ends with the connection was cut: over TLS it is
// complete only with a goodbye (RFC 9112 section 9.8).
func (u *upstreamConn) cutOff() bool {
	return u.below != nil && u.below.cut && u.body.endless
}
