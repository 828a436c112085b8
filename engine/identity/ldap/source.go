package ldap

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/secret"
)

// Source is an open LDAP source. It connects when it is first asked.
type Source struct {
	config   Config
	password secret.Text // of config.BindDN
	pattern  pattern     // with Simple
	nobody   string      // a DN that cannot exist, with Search
	servers  []server
	tls      *tls.Config // without the server's name
	dialer   outgoing.Dialer
	health   health
	pool     pool
	slots    chan struct{} // one for each call under way
	now      func() time.Time
}

var (
	_ identity.Source = (*Source)(nil)
	_ identity.Tester = (*Source)(nil)
)

// Open makes a source of a valid configuration. It does not connect. The secret
// BindPassword must be there when there is a BindDN: a bind without a password
// succeeds as nobody.
func (c *Config) Open(deps identity.Deps) (identity.Source, error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	s := &Source{
		config: *c, password: deps.Secrets[BindPassword], pattern: patternOf(c.UserDNPattern),
		nobody: fmt.Sprintf("cn=nobody-%s,%s", rand.Text(), c.UserBaseDN),
		dialer: outgoing.Dialer{Allow: deps.Allow},
		health: health{down: make([]time.Time, len(c.Servers))},
		pool:   pool{most: c.MaxConcurrent},
		slots:  make(chan struct{}, c.MaxConcurrent),
		now:    time.Now,
	}
	if c.BindDN != "" && s.password.IsZero() {
		return nil, errors.New("the bind DN has no password: enter the bind password of the identity source")
	}
	for _, text := range c.Servers {
		srv, _ := parseServer(text) // Validate has seen it
		s.servers = append(s.servers, srv)
	}
	s.tls = c.tlsConfig()
	return s, nil
}

// tlsConfig verifies certificates always; there is no setting that does not.
func (c *Config) tlsConfig() *tls.Config {
	settings := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: c.ServerName,
		// A login opens a connection of its own; resuming saves most of its cost.
		ClientSessionCache: tls.NewLRUClientSessionCache(len(c.Servers)),
	}
	if c.CACertificates != "" {
		settings.RootCAs, _ = authorities(c.CACertificates)
	}
	return settings
}

// Close gives back the connections.
func (s *Source) Close() { s.pool.close() }

// enter waits for a slot and bounds the call. The caller must leave.
func (s *Source) enter(ctx context.Context) (bounded context.Context, leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout(), errSilent)
	select {
	case s.slots <- struct{}{}:
		return ctx, func() { <-s.slots; cancel() }, nil
	case <-ctx.Done():
		defer cancel()
		return nil, nil, fmt.Errorf("wait for one of %d calls to the directory to end: %w", cap(s.slots), context.Cause(ctx))
	}
}

var errSilent = fmt.Errorf("no answer within the source's time limit: %w", context.DeadlineExceeded)

// blame remembers a server that did not answer in time, so that the next call
// tries another first. A caller who went away says nothing about it.
func (s *Source) blame(c *conn, err error) {
	if c.broken && errors.Is(err, context.DeadlineExceeded) {
		s.health.set(c.server, s.now())
	}
}
