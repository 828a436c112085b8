package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// ErrNoPassword means that a source is given no password, so that it would
// accept any: it makes tokens anew and looks people up, but logs nobody in.
var ErrNoPassword = errors.New("this service is not given the password and cannot check it: use {{password}} or Basic authentication")

// What a caller may make us send; more is refused before it costs anything.
const (
	maxName     = 1024 // bytes
	maxPassword = 4096 // bytes
)

// source is an open API source.
type source struct {
	config    *Config
	address   *address
	headers   []headerTemplate
	body      template
	checks    []check
	mapping   mapping
	secret    secret.Text
	key       secret.Text // of the client certificate, to be hidden in reports
	dialer    outgoing.Dialer
	transport *http.Transport
	login     bool // the service is given the password
	anew      bool // a request needs the token's roles or claims
}

type headerTemplate struct {
	name  string
	value template
}

// Open implements identity.Config. It does not connect. A secret that is missing
// or does not fit is a problem.List by its field.
// A source that is given no password is an identity.Regenerator.
func (c *Config) Open(deps identity.Deps) (identity.Source, error) {
	return c.open(deps, outgoing.Dialer{Allow: deps.Allow})
}

func (c *Config) open(deps identity.Deps, dialer outgoing.Dialer) (identity.Source, error) {
	s, err := c.openSource(deps, dialer)
	if err != nil {
		return nil, fmt.Errorf("identity source %s: %w", c.Name, err)
	}
	if s.login {
		return s, nil
	}
	return &regenerator{s}, nil
}

func (c *Config) openSource(deps identity.Deps, dialer outgoing.Dialer) (*source, error) {
	s := &source{
		config: c, secret: deps.Secrets[SecretField], key: deps.Secrets[ClientKeyName], dialer: dialer,
		login: c.ChecksPassword(), anew: c.uses(roles) || c.uses(claims),
	}
	if err := s.compile(); err != nil {
		return nil, err
	}
	if err := s.checkSecret(); err != nil {
		return nil, err
	}
	tls, err := c.tls(s.key)
	if err != nil {
		return nil, err
	}
	s.transport = &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tls,
		Proxy:                  nil, // a proxy would resolve names itself, past the rule
		MaxConnsPerHost:        c.MaxConcurrent,
		MaxIdleConnsPerHost:    c.MaxConcurrent,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeader,
	}
	return s, nil
}

func (s *source) compile() (err error) {
	c := s.config
	if s.address, err = parseURL(c.URL); err != nil {
		return err
	}
	for _, h := range c.Headers {
		value, err := parse(h.Value)
		if err != nil {
			return err
		}
		s.headers = append(s.headers, headerTemplate{h.Name, value})
	}
	if c.BodyType != NoBody {
		if s.body, err = c.parseBody(); err != nil {
			return err
		}
	}
	if s.checks, err = compileChecks(c.Assertions); err != nil {
		return err
	}
	s.mapping, err = c.compileMapping()
	return err
}

// checkSecret finds a secret that is missing or unfit when the source is
// opened, rather than at the first login.
func (s *source) checkSecret() error {
	if !s.config.uses(stored) {
		return nil
	}
	if s.secret.IsZero() {
		return problem.List{{Field: SecretField, Message: "Enter the secret that the templates use."}}
	}
	x := secret.New("x")
	if _, err := s.render(values{username: "x", password: x, secret: s.secret}); err != nil {
		return problem.List{{Field: SecretField, Message: fmt.Sprintf("Enter another secret: %s.", err)}}
	}
	return nil
}

// Authenticate implements identity.Source.
func (s *source) Authenticate(ctx context.Context, name string, password secret.Text) (identity.Identity, bool, error) {
	return s.authenticate(ctx, name, password, nil)
}

func (s *source) authenticate(ctx context.Context, name string, password secret.Text, w *watch) (identity.Identity, bool, error) {
	if !s.login {
		return identity.Identity{}, false, ErrNoPassword
	}
	if name == "" || password.IsZero() {
		w.step(false, "Request", "An empty name or password is refused without asking.")
		return identity.Identity{}, false, nil
	}
	return s.ask(ctx, values{username: name, password: password}, w)
}

// Lookup implements identity.Source, where the request needs the name alone.
func (s *source) Lookup(ctx context.Context, name string) (identity.Identity, bool, error) {
	if s.login || s.anew {
		return identity.Identity{}, false, identity.ErrNoLookup
	}
	if name == "" {
		return identity.Identity{}, false, nil
	}
	return s.ask(ctx, values{username: name}, nil)
}

// ask makes the request and reads the answer.
func (s *source) ask(ctx context.Context, v values, w *watch) (identity.Identity, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout())
	defer cancel()
	v.secret = s.secret
	a, err := s.answer(ctx, v, w)
	var bad *unfit
	if errors.As(err, &bad) && bad.typed() {
		// Somebody typed it: no fault of the service, whose breaker stays closed.
		w.step(false, "Request", "%s, so the login is refused without asking.", bad)
		return identity.Identity{}, false, nil
	}
	if err != nil {
		return identity.Identity{}, false, err
	}
	if ok, err := s.judge(a, w); err != nil || !ok {
		return identity.Identity{}, false, err
	}
	id, err := s.mapping.identity(a, v.username, w)
	return id, err == nil, err
}

func (s *source) answer(ctx context.Context, v values, w *watch) (*answer, error) {
	c, err := s.render(v)
	if err != nil {
		return nil, err
	}
	return s.send(ctx, c, w)
}

// Close implements identity.Source.
func (s *source) Close() { s.transport.CloseIdleConnections() }
