package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ShortBody is the longest body in bytes that is worth reading whole before it is passed
// on.
const ShortBody = 64 << 10

// Front is a listener for an http.Server with the same handler. It answers plain
// requests itself and hands every connection over to the server, whole, as soon as
// something else comes in on it. Closing it, as the server's Shutdown does, ends idle
// connections and lets calls under way finish; Drain waits for those.
type Front struct {
	o   Options
	raw net.Listener
	// secrets are for TLS, nil without.
	secrets *tls.Config
	odd     chan net.Conn // for Accept
	once    sync.Once
	ctx     context.Context
	tick    atomic.Pointer[time.Time] // the last one of keepTime

	mu     sync.Mutex
	conns  map[*conn]bool
	closed chan struct{}
	ends   atomic.Bool // with closed
	failed error       // why accepting ended
	done   sync.WaitGroup
}

// Options say what a Front serves and how long it waits.
type Options struct {
	Handler http.Handler
	// Fields tells that the handler reads headers by Of, and needs none in its requests.
	Fields bool
	// Server is told to handlers as http.ServerContextKey.
	Server *http.Server
	// HeaderTimeout is for a head that has begun, IdleTimeout for one that has not,
	// StallTimeout for bodies and answers that do not move.
	HeaderTimeout, IdleTimeout, StallTimeout time.Duration
	// TLS makes all connections secure ones; nil leaves them plain. The handshake has
	// as long as a head.
	TLS    *tls.Config
	Logger *slog.Logger
}

// Listen makes a Front of a listener.
func Listen(l net.Listener, o Options) *Front {
	f := &Front{
		o: o, raw: l, secrets: secrets(o.TLS), odd: make(chan net.Conn), conns: make(map[*conn]bool), closed: make(chan struct{}),
		ctx: context.WithValue(context.Background(), http.ServerContextKey, o.Server),
	}
	f.tick.Store(new(time.Now()))
	return f
}

// now is the time, or that of the last tick where it is good enough for a deadline so far
// away: looking at the clock costs as much as parsing a field.
func (f *Front) now(d time.Duration) time.Time {
	if d < 50*sweepEvery {
		return time.Now()
	}
	return *f.tick.Load()
}

// Accept returns the next connection that is net/http's.
func (f *Front) Accept() (net.Conn, error) {
	f.once.Do(func() {
		f.tick.Store(new(time.Now())) // it may be long since Listen
		go f.accept()
		go f.sweep()
	})
	select {
	case c := <-f.odd:
		return c, nil
	case <-f.closed:
		return nil, f.failed
	}
}

// Addr is the listener's address.
func (f *Front) Addr() net.Addr { return f.raw.Addr() }

// Close ends accepting and the idle connections.
func (f *Front) Close() error {
	err := f.raw.Close()
	f.end(net.ErrClosed)
	return err
}

func (f *Front) end(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return
	}
	f.failed = why
	f.ends.Store(true)
	close(f.closed)
	for c := range f.conns {
		c.endIdle()
	}
}

func (f *Front) closing() bool { return f.ends.Load() }

// Drain waits for the calls under way; when ctx ends first it cuts them off.
func (f *Front) Drain(ctx context.Context) error {
	gone := make(chan struct{})
	go func() {
		f.done.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.leave()
		_ = c.raw.Close() // TLS would say goodbye, and might wait with that
	}
	return ctx.Err()
}

// accept waits ever longer while there are no file descriptors, as net/http does.
func (f *Front) accept() {
	pause := time.Duration(0)
	for {
		nc, err := f.raw.Accept()
		if err == nil {
			pause = 0
			f.start(nc)
			continue
		}
		var temporary interface{ Temporary() bool }
		if f.closing() || !errors.As(err, &temporary) || !temporary.Temporary() {
			f.end(err)
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		f.o.Logger.Warn("connections cannot be accepted", "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-f.closed:
		}
	}
}

func (f *Front) start(nc net.Conn) {
	c := newConn(f, nc)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		_ = nc.Close()
		return
	}
	f.conns[c] = true
	f.done.Add(1)
	go c.serve()
}

func (f *Front) forget(c *conn) {
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
	f.done.Done()
}

// handOver gives a connection to net/http with what was read of it.
func (f *Front) handOver(c *conn) {
	_ = c.nc.SetDeadline(time.Time{})
	select {
	case f.odd <- c.handed():
	case <-f.closed:
		_ = c.nc.Close()
	}
}

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	in *bufio.Reader
}

// Read gives what was read first, then the connection.
func (b *begun) Read(p []byte) (int, error) {
	if b.in == nil {
		return b.Conn.Read(p)
	}
	if n := b.in.Buffered(); n > 0 {
		return b.in.Read(p[:min(n, len(p))])
	}
	b.in = nil
	return b.Conn.Read(p)
}

// CloseWrite lets net/http end its half, so that a caller who is still sending reads the
// last answer.
func (b *begun) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// sweepEvery is how often callers are looked after that wait for an answer.
const sweepEvery = 200 * time.Millisecond

// sweep finds callers that have left while they were waiting, so that no API works for
// nobody. It costs a call that is answered sooner nothing.
func (f *Front) sweep() {
	gone := make(chan struct{})
	defer close(gone)
	go f.keepTime(gone)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-tick.C:
		case <-f.closed:
			f.mu.Lock()
			none := len(f.conns) == 0
			f.mu.Unlock()
			if none {
				return
			}
			<-tick.C
		}
		for _, c := range f.waiting(n) {
			if c.hungUp() {
				c.leave()
			}
		}
	}
}

// keepTime does nothing else: a time that stands still would end connections.
func (f *Front) keepTime(gone <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case at := <-tick.C:
			f.tick.Store(&at)
		case <-gone:
			return
		}
	}
}

// waiting are the connections whose call was under way at the last look too.
func (f *Front) waiting(look int64) []*conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []*conn
	for c := range f.conns {
		if c.calls.Load() == c.seen && c.seen&1 == 1 {
			list = append(list, c)
		}
		c.seen = c.calls.Load()
	}
	return list
}

// conn is one connection of a caller.
type conn struct {
	front *Front
	nc    net.Conn      // what is spoken over
	raw   net.Conn      // what that lies on, where it is TLS; else the same
	in    *bufio.Reader // nil until a handshake is over
	w     response
	r     http.Request
	base  *http.Request // with the connection's context
	head  head
	body  body
	url   url

	// calls is odd while a call is under way; seen is what the last sweep saw.
	calls atomic.Int64
	seen  int64
	gone  context.CancelFunc
	// behind is the connection to the API that the call waits for.
	behind  *upstreamConn
	watched sync.Mutex

	readBy, writeBy time.Time // the deadlines that were set
}
