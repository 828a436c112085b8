package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/secret"
)

// Test implements identity.Tester. A source that makes tokens anew is asked
// about the name without roles and claims, and accepts no login.
func (s *source) Test(ctx context.Context, name string, password secret.Text) identity.Report {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout())
	defer cancel()
	w := newWatch(name, password, s.secret, s.key)
	var r identity.Report
	if s.testConnection(ctx, w) && name != "" {
		r = s.testLogin(ctx, name, password, w)
	}
	r.Steps = w.steps
	return r
}

func (s *source) testLogin(ctx context.Context, name string, password secret.Text, w *watch) identity.Report {
	if s.login && password.IsZero() {
		w.step(false, "Login", "This service checks passwords and cannot look names up; give a password to test a login.")
		return identity.Report{}
	}
	before := len(w.steps)
	id, ok, err := s.anyWay(ctx, name, password, w)
	if err != nil && !failedSince(w, before) {
		w.step(false, "Request", "%s.", err)
	}
	if err != nil || !ok {
		return identity.Report{}
	}
	return identity.Report{Identity: w.identity(id), Accepted: s.login}
}

// failedSince tells whether a step shows already why the test failed.
func failedSince(w *watch, from int) bool {
	return len(w.steps) > from && !w.steps[len(w.steps)-1].OK
}

func (s *source) anyWay(ctx context.Context, name string, password secret.Text, w *watch) (identity.Identity, bool, error) {
	if s.login {
		return s.authenticate(ctx, name, password, w)
	}
	return s.regenerate(ctx, identity.Identity{Name: name}, w)
}

// testConnection shows where the name leads, what the rule says about it, and
// how the connection is secured. It sends no request.
func (s *source) testConnection(ctx context.Context, w *watch) bool {
	candidates, err := s.dialer.Candidates(ctx, s.address.host)
	if err != nil {
		w.step(false, "Resolve "+s.address.host, "%s.", err)
		return false
	}
	for _, c := range candidates {
		detail := "may be called"
		if c.Err != nil {
			detail = c.Err.Error()
		}
		w.step(c.Err == nil, "Address "+c.Addr.String(), "%s", detail)
	}
	conn, err := s.dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.address.host, s.address.port))
	if err != nil {
		w.step(false, "Connect", "%s.", inWords(ctx, &connectionError{err}))
		return false
	}
	defer conn.Close()
	w.step(true, "Connect", "%s", conn.RemoteAddr())
	return s.testTLS(ctx, conn, w)
}

func (s *source) testTLS(ctx context.Context, conn net.Conn, w *watch) bool {
	if s.address.scheme == "http" {
		w.step(true, "TLS", "None: plain http is allowed, and whoever is on the way reads along.")
		return true
	}
	config := s.transport.TLSClientConfig.Clone()
	config.ServerName = s.address.host
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		w.step(false, "TLS", "%s.", tlsWords(ctx, &connectionError{err}))
		return false
	}
	state := client.ConnectionState()
	leaf := state.PeerCertificates[0]
	w.step(true, "TLS", "%s, certificate of %s, until %s", tls.VersionName(state.Version), strings.Join(certified(leaf.DNSNames, leaf.Subject.CommonName), ", "), leaf.NotAfter.UTC().Format(time.DateOnly))
	return true
}

func certified(names []string, common string) []string {
	if len(names) == 0 {
		return []string{common}
	}
	return names
}

func tlsWords(ctx context.Context, err error) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return fmt.Errorf("the service does not speak TLS at this port")
	}
	return inWords(ctx, err)
}
