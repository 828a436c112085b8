package ldap

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// checkAfter is how long a connection may lie idle before it is tried out
	// with a small question: firewalls forget connections without telling.
	checkAfter = 15 * time.Second
	// maxIdle is how long one is kept without use.
	maxIdle = 4 * time.Minute
	// maxAge ends a connection so that traffic comes back to the first server
	// and follows changes of names and certificates.
	maxAge = 10 * time.Minute
)

// pool keeps connections that are bound as the service account, and never those
// that a user's password was tried on.
type pool struct {
	mu     sync.Mutex
	idle   []*conn
	most   int
	closed bool
}

// take gets the connection that was used last, or nil.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	c.retire.Stop()
	return c
}

// put keeps a connection for the next call, or closes it.
func (p *pool) put(c *conn, now time.Time) {
	if c.broken || c.ldap.IsClosing() || now.Sub(c.born) > maxAge || !p.keep(c, now) {
		c.close()
	}
}

func (p *pool) keep(c *conn, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.most {
		return false
	}
	c.idleSince = now
	c.retire = time.AfterFunc(maxIdle, func() { p.drop(c) })
	p.idle = append(p.idle, c)
	return true
}

// drop closes a connection if it is idle still.
func (p *pool) drop(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.close()
	}
}

// flush closes all that are idle.
func (p *pool) flush() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.retire.Stop()
		c.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.flush()
}

// asService runs a question on a connection of the service account. Where a kept
// connection turns out to be dead, the question is asked once more on a new one:
// servers end idle connections when they like.
func (s *Source) asService(ctx context.Context, log *record, ask func(*conn) error) error {
	if c := s.kept(ctx, log); c != nil {
		err := s.finish(c, ask(c))
		if !c.broken || ctx.Err() != nil || errors.As(err, new(oneUser)) {
			return err
		}
		s.pool.flush()
	}
	c, err := s.reach(ctx, log, s.bindService(log))
	if err != nil {
		return err
	}
	return s.finish(c, ask(c))
}

// kept is a living connection from the pool, or nil. A test always makes a new
// one, to show how.
func (s *Source) kept(ctx context.Context, log *record) *conn {
	if log != nil {
		return nil
	}
	for c := s.pool.take(); c != nil; c = s.pool.take() {
		now := s.now()
		if now.Sub(c.born) > maxAge {
			c.close()
			continue
		}
		if now.Sub(c.idleSince) < checkAfter {
			return c
		}
		err := c.alive(ctx)
		if err == nil {
			return c
		}
		c.close()
		s.blame(c, err)
		s.pool.flush() // those left have been idle for longer; asking each would use up the time
	}
	return nil
}

// finish gives the connection back and remembers a server that went silent.
func (s *Source) finish(c *conn, err error) error {
	s.blame(c, err)
	s.pool.put(c, s.now())
	return err
}

func (s *Source) bindService(log *record) func(context.Context, *conn) error {
	if s.config.BindDN == "" {
		return nil
	}
	return func(ctx context.Context, c *conn) error {
		return log.step("Bind as "+s.config.BindDN, func() (string, error) {
			return "", c.bind(ctx, s.config.BindDN, s.password)
		})
	}
}
