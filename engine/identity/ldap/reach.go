package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// downFor is how long a server that failed is tried last.
const downFor = 30 * time.Second

// health remembers which servers failed lately.
type health struct {
	mu   sync.Mutex
	down []time.Time // by server, when it failed; zero when it works
}

// order is the servers in the order to try them: as configured, those that
// failed lately last.
func (h *health) order(now time.Time) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var good, bad []int
	for i, failed := range h.down {
		if failed.IsZero() || now.Sub(failed) > downFor {
			good = append(good, i)
		} else {
			bad = append(bad, i)
		}
	}
	return append(good, bad...)
}

func (h *health) set(server int, failed time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down[server] = failed
}

// reach connects to the first server that lets itself be reached and prepared,
// such as by binding. Each gets its share of the time that is left.
func (s *Source) reach(ctx context.Context, log *record, prepare func(context.Context, *conn) error) (*conn, error) {
	order := s.health.order(s.now())
	var failed []error
	for n, i := range order {
		c, err := s.try(ctx, i, len(order)-n, log, prepare)
		if err == nil {
			s.health.set(i, time.Time{})
			return c, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", s.servers[i].url(), err))
		if !elsewhere(err) || errors.Is(ctx.Err(), context.Canceled) {
			break // this server works, or nobody waits for it
		}
		s.health.set(i, s.now())
		if ctx.Err() != nil {
			break
		}
	}
	return nil, joined(failed)
}

// joined is several errors in one line.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return fmt.Errorf("no server can be used: %s%w", strings.Join(texts, "; "), hidden{errors.Join(errs...)})
}

// hidden keeps errors findable without printing them a second time.
type hidden struct{ err error }

func (hidden) Error() string   { return "" }
func (h hidden) Unwrap() error { return h.err }

func (s *Source) try(ctx context.Context, i, left int, log *record, prepare func(context.Context, *conn) error) (*conn, error) {
	ctx, cancel := share(ctx, left)
	defer cancel()
	c, err := s.connect(ctx, i, log)
	if err != nil || prepare == nil {
		return c, err
	}
	if err := prepare(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// share is a part of the time that is left, so that a silent server does not
// cost the next its turn.
func share(ctx context.Context, left int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || left <= 1 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
}

// connect opens an encrypted connection, unless the configuration allows a plain
// one.
func (s *Source) connect(ctx context.Context, i int, log *record) (*conn, error) {
	srv := s.servers[i]
	var c *conn
	err := log.step("Connect to "+srv.url(), func() (string, error) {
		wire, err := s.dialer.DialContext(ctx, "tcp", srv.address)
		if err != nil {
			return "", err
		}
		c = &conn{wire: &meter{Conn: wire}, server: i, born: s.now()}
		c.wire.left.Store(maxAnswer)
		return "Reached " + wire.RemoteAddr().String() + ".", nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.encrypt(ctx, c, srv, log); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// encrypt puts the LDAP connection on the wire, with TLS before or with StartTLS
// after it.
func (s *Source) encrypt(ctx context.Context, c *conn, srv server, log *record) error {
	settings := s.tls.Clone()
	if settings.ServerName == "" {
		settings.ServerName = srv.host
	}
	switch {
	case srv.tls:
		return log.step("Encrypt with TLS", func() (string, error) {
			secured := tls.Client(c.wire, settings)
			if err := secured.HandshakeContext(ctx); err != nil {
				return "", err
			}
			c.start(secured, true)
			return encryption(secured.ConnectionState()), nil
		})
	case s.config.StartTLS:
		return log.step("Encrypt with StartTLS", func() (string, error) {
			c.start(c.wire, false)
			if err := c.do(ctx, func() error { return c.ldap.StartTLS(settings) }); err != nil {
				return "", err
			}
			state, _ := c.ldap.TLSConnectionState()
			return encryption(state), nil
		})
	}
	c.start(c.wire, false)
	log.note("No encryption", "Passwords travel in the clear on this connection.")
	return nil
}

func (c *conn) start(wire net.Conn, encrypted bool) {
	c.ldap = ldap.NewConn(wire, encrypted)
	c.ldap.Start()
}

func encryption(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return tls.VersionName(state.Version) + "."
	}
	return fmt.Sprintf("%s; the certificate of %s ends on %s.", tls.VersionName(state.Version),
		state.PeerCertificates[0].Subject, state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
}
