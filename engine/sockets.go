package engine

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sockets are the upgraded connections of a gateway. net/http hands them over
// whole, so their end is for the gateway to see to.
type sockets struct {
	mu     sync.Mutex
	open   map[*socket]bool
	closed bool
	done   sync.WaitGroup
}

// socket is one connection that asks to be upgraded.
type socket struct {
	request *http.Request // its context ends the connection
	cancel  context.CancelFunc
	expiry  *time.Timer
}

// asksForWebSocket tells whether a request is a WebSocket handshake (RFC 6455
// section 4.1). Nothing else is upgraded: h2c in particular would be a tunnel
// past every policy.
func (c *call) asksForWebSocket() bool {
	u := c.in.Values("Upgrade")
	return len(u) == 1 && strings.EqualFold(u[0], "websocket") && c.r.Method == http.MethodGet &&
		c.r.ProtoMajor == 1 && c.r.ProtoMinor >= 1 && c.r.ContentLength == 0 && asksForUpgrade(c.in.Values("Connection"))
}

func asksForUpgrade(connection []string) bool {
	for _, line := range connection {
		for option := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "upgrade") {
				return true
			}
		}
	}
	return false
}

func (s *sockets) add(r *http.Request) *socket {
	ctx, cancel := context.WithCancel(r.Context())
	k := &socket{request: r.WithContext(ctx), cancel: cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		cancel()
		return k
	}
	if s.open == nil {
		s.open = make(map[*socket]bool)
	}
	s.open[k] = true
	s.done.Add(1)
	return k
}

func (s *sockets) remove(k *socket) {
	if k.expiry != nil {
		k.expiry.Stop()
	}
	k.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k] {
		delete(s.open, k)
		s.done.Done()
	}
}

// Hijack gives ReverseProxy the caller's connection when the API has agreed. It ends with
// the socket: closing the API's connection alone does not end it where that says goodbye
// first, as TLS does, because ReverseProxy then waits for the caller's.
func (c *call) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, in, err := http.NewResponseController(c.w).Hijack()
	if err == nil && c.upgrade != nil {
		context.AfterFunc(c.upgrade.request.Context(), func() { _ = conn.Close() })
	}
	return conn, in, err
}

// begin starts the life of an upgraded connection: it ends with the identity
// that opened it.
func (k *socket) begin(expires, now time.Time) {
	if !expires.IsZero() {
		k.expiry = time.AfterFunc(expires.Sub(now), k.cancel)
	}
}

// close ends every upgraded connection and every later one.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for k := range s.open {
		k.cancel()
	}
}

// wait returns when all are gone or ctx ends.
func (s *sockets) wait(ctx context.Context) error {
	gone := make(chan struct{})
	go func() {
		s.done.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
