package wire

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
)

type url = neturl.URL

func newConn(f *Front, nc net.Conn) *conn {
	c := &conn{front: f, nc: nc, raw: nc}
	ctx, gone := context.WithCancel(f.ctx)
	c.gone = gone
	c.base = (&http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: nc.RemoteAddr().String(), URL: &c.url,
	}).WithContext(ctx)
	c.w.conn, c.body.conn = c, c
	if f.secrets != nil {
		c.nc = f.secured(nc)
	} else {
		c.listen()
	}
	return c
}

func (c *conn) listen() {
	c.in = readers.Get().(*bufio.Reader)
	c.in.Reset(c.nc)
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxHead) }}

// next is what comes in on a connection.
type next int

const (
	plain next = iota
	odd        // for net/http
	over
)

// serve answers one request after the other until the connection ends or is handed
// over.
func (c *conn) serve() {
	defer c.front.forget(c)
	defer c.gone()
	verdict := c.handshake()
	for verdict == plain {
		if verdict = c.read(); verdict == plain && !c.answer() {
			verdict = over
		}
	}
	if verdict == odd {
		c.front.handOver(c)
		return
	}
	c.end()
}

func (c *conn) end() {
	_ = c.nc.Close()
	if c.in == nil {
		return
	}
	c.in.Reset(nil)
	readers.Put(c.in)
	c.in = nil
}

// endIdle ends the connection if no call is under way on it.
func (c *conn) endIdle() {
	if c.calls.Load()&1 == 0 {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// leave ends the call of a caller who has left.
func (c *conn) leave() {
	c.gone()
	c.watched.Lock()
	defer c.watched.Unlock()
	if c.behind != nil {
		c.behind.interrupt()
	}
}

func (c *conn) setBehind(u *upstreamConn) {
	c.watched.Lock()
	c.behind = u
	c.watched.Unlock()
}

// few processors let the others go first before a connection looks for its next request:
// under load that has come by then, and the look is not in vain. Many would meet at the
// one queue that those wait in who let others go first.
var few = runtime.GOMAXPROCS(0) <= 8

// read waits for the next head and reads it.
func (c *conn) read() next {
	if c.in.Buffered() == 0 {
		c.readWithin(c.front.o.IdleTimeout)
		if c.front.closing() {
			return over
		}
		if few {
			runtime.Gosched()
		}
		if _, err := c.in.Peek(1); err != nil {
			return over
		}
	}
	if c.front.closing() {
		return odd // net/http says so in its way
	}
	c.calls.Add(1)
	verdict := c.readHead()
	if verdict != plain {
		c.calls.Add(1)
	}
	return verdict
}

func (c *conn) readHead() next {
	n := 0
	for more := false; ; more = true {
		have, _ := c.in.Peek(c.in.Buffered())
		if n = endOfHead(have); n > 0 {
			break
		}
		if len(have) == maxHead {
			return odd
		}
		if !more {
			c.readBy = time.Time{}
			c.readWithin(c.front.o.HeaderTimeout)
		}
		if _, err := c.in.Peek(len(have) + 1); err != nil {
			return over
		}
	}
	raw, _ := c.in.Peek(n)
	method, target, ok := c.head.request(string(raw))
	if !ok {
		return odd
	}
	_, _ = c.in.Discard(n)
	c.request(method, target)
	return plain
}

// readWithin moves the deadline for reading once in a while, not at each request: a
// timer that moves costs more than a head that is parsed.
func (c *conn) readWithin(d time.Duration) {
	now := c.front.now(d)
	if left := c.readBy.Sub(now); left > d-d/8 && left <= d {
		return
	}
	c.readBy = now.Add(d)
	_ = c.nc.SetReadDeadline(c.readBy)
}

// writeWithin is for each write, so that an answer may take its time for as long as the
// caller reads it.
func (c *conn) writeWithin(d time.Duration) {
	now := c.front.now(d)
	if left := c.writeBy.Sub(now); left > d-d/8 && left <= d {
		return
	}
	c.writeBy = now.Add(d)
	_ = c.nc.SetWriteDeadline(c.writeBy)
}

// request fills the one request of the connection. Handlers keep none after they
// return; what they may keep are its strings.
func (c *conn) request(method, target string) {
	path, query, _ := strings.Cut(target, "?") // apart, as whoever reports a path must not tell the query
	c.url = url{Path: path, RawQuery: query}
	c.r = *c.base
	if c.head.chunked {
		c.head.fields.Del("Transfer-Encoding")
	}
	c.r.Method, c.r.RequestURI, c.r.Host, c.r.Close = method, target, c.head.host, c.head.close
	if !c.front.o.Fields {
		c.r.Header = c.head.fields.Header()
	}
	c.r.Body, c.r.ContentLength = http.NoBody, 0
	switch {
	case c.head.chunked:
		c.r.Body, c.r.ContentLength, c.r.TransferEncoding = &c.body, -1, chunkedCoding
	case c.head.length > 0:
		c.r.Body, c.r.ContentLength = &c.body, c.head.length
	}
	c.body.begin(c.r.ContentLength)
	c.w.begin(method, c.head.close)
}

var chunkedCoding = []string{"chunked"}

// answer calls the handler and tells whether the connection goes on.
func (c *conn) answer() (goesOn bool) {
	defer c.calls.Add(1)
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			goesOn = false
		default:
			c.front.o.Logger.Error("request failed", "error", v, "stack", string(debug.Stack()))
			goesOn = false
		}
		c.w.release()
	}()
	if c.body.left.Load() != 0 {
		c.readBy = time.Time{}
		c.readWithin(c.front.o.HeaderTimeout + c.front.o.StallTimeout)
	}
	c.front.o.Handler.ServeHTTP(&c.w, &c.r)
	if c.w.finish() != nil {
		return false
	}
	if c.w.closes || c.body.drain() != nil {
		c.linger()
		return false
	}
	return true
}

// lingerTimeout is how long what a caller still sends is read after the last answer:
// closing sooner would reset the connection, and the answer might be lost with it
// (RFC 9112 section 9.6).
const lingerTimeout = 500 * time.Millisecond

func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if c.body.left.Load() == 0 && c.in.Buffered() == 0 || !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.in, 256<<10))
}

// hungUp tells whether the caller has closed the connection.
func (c *conn) hungUp() bool {
	s, ok := c.raw.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	if c.raw != c.nc {
		return ended(raw)
	}
	n, said := peek(raw)
	return said && n == 0
}
