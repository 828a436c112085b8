package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/database/password"
	"github.com/gatewright/gatewright/engine/identity/database/statement"
	"github.com/gatewright/gatewright/engine/secret"
)

// maxUserName is the longest name in bytes that a database is asked for, and that
// one may give.
const maxUserName = 255

// errTwoRows means that a query does not tell users apart. Nobody is let in then:
// which of the two came first would be chance.
var errTwoRows = errors.New("the query finds more than one row for this name; it must find one user")

// source is an open database source.
type source struct {
	config   Config
	driver   Driver
	db       *sql.DB
	query    *statement.Statement
	roles    *statement.Statement // nil without a role query
	verifier *password.Verifier   // nil when the query compares
}

var (
	_ identity.Source = (*source)(nil)
	_ identity.Tester = (*source)(nil)
)

// Open implements identity.Config. It does not connect.
func (c *Config) Open(deps identity.Deps) (identity.Source, error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	d, _ := c.drivers.Find(c.Driver)
	s := &source{config: *c, driver: d}
	s.query, _ = c.parseQuery(d)
	if c.RoleQuery != "" {
		s.roles, _ = c.parseRoleQuery(d)
	}
	if c.PasswordCheck == InColumn {
		s.verifier = password.NewVerifier(c.format())
	}
	connector, err := d.Connector(Server{
		Host: c.Host, Port: c.port(), Database: c.Database, Username: c.Username, Password: deps.Secrets[passwordField],
		TLS: c.tlsConfig(), Dial: dial(deps.Allow), Timeout: c.Timeout(),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s: %w", c.address(), err)
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(c.MaxConcurrent)
	s.db.SetMaxIdleConns(c.IdleConnections)
	s.db.SetConnMaxLifetime(c.lifetime())
	return s, nil
}

// Close implements identity.Source.
func (s *source) Close() { _ = s.db.Close() }

// Authenticate implements identity.Source. It answers an unknown name and a wrong
// password alike: both cost one query and one check.
func (s *source) Authenticate(ctx context.Context, name string, word secret.Text) (identity.Identity, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout())
	defer cancel()
	found, err := s.find(ctx, name, word)
	if err != nil {
		return identity.Identity{}, false, err
	}
	if ok, err := s.check(ctx, found, word); !ok {
		return identity.Identity{}, false, err
	}
	return s.identify(ctx, name, found)
}

// find asks for the row of a user; nil when there is none.
func (s *source) find(ctx context.Context, name string, word secret.Text) (*row, error) {
	if unfitName(name) || s.verifier == nil && password.Unfit(word) {
		return nil, nil
	}
	values := map[string]string{usernameParameter: name}
	if s.verifier == nil {
		values[passwordParameter] = s.config.ParameterEncoding.apply(word.Reveal())
		if !utf8.ValidString(values[passwordParameter]) {
			return nil, nil
		}
	}
	rows, err := s.read(ctx, s.query, values, 2)
	switch {
	case errors.Is(err, errUnmatched):
		return nil, nil
	case err != nil:
		return nil, err
	case len(rows) > 1:
		return nil, errTwoRows
	case len(rows) == 0:
		return nil, nil
	}
	return &rows[0], nil
}

// unfitName tells names that no database can hold.
func unfitName(name string) bool {
	return name == "" || len(name) > maxUserName || !utf8.ValidString(name) || strings.ContainsRune(name, 0)
}

// check tells whether the password is that of the row, if there is one.
func (s *source) check(ctx context.Context, found *row, word secret.Text) (bool, error) {
	if s.verifier == nil {
		return found != nil, nil
	}
	if found == nil {
		return false, s.verifier.Pretend(ctx, word)
	}
	stored, salt, ok, err := s.stored(found)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, s.verifier.Pretend(ctx, word)
	}
	return s.verifier.Verify(ctx, stored, salt, word)
}

// stored is the password of a row and its salt; false when either is NULL.
func (s *source) stored(found *row) (stored, salt string, ok bool, err error) {
	stored, ok, err = found.text(s.config.PasswordColumn)
	if err != nil || !ok || s.config.SaltColumn == "" {
		return stored, "", ok, err
	}
	salt, ok, err = found.text(s.config.SaltColumn)
	return stored, salt, ok, err
}

// identify makes an identity of a row whose password is right.
func (s *source) identify(ctx context.Context, name string, found *row) (identity.Identity, bool, error) {
	name, ok, err := s.canonical(name, found)
	if err != nil || !ok {
		return identity.Identity{}, false, err
	}
	claims, err := s.claims(found)
	if err != nil {
		return identity.Identity{}, false, err
	}
	roles, _, err := s.readRoles(ctx, name)
	if err != nil {
		return identity.Identity{}, false, err
	}
	return identity.Identity{Name: name, Roles: roles, Claims: claims}, true, nil
}

// canonical is the name for tokens. False when the row has none that is fit: some
// users can write their rows themselves, so that is no fault of the source.
func (s *source) canonical(typed string, found *row) (string, bool, error) {
	if s.config.UserColumn == "" {
		return typed, !unfitIdentity(typed), nil
	}
	name, ok, err := found.text(s.config.UserColumn)
	return name, ok && !unfitIdentity(name), err
}

func unfitIdentity(name string) bool {
	return unfitName(name) || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl)
}

// Lookup implements identity.Source. Where the query needs the password, the role
// query alone is asked, and a user without a row in it is not found: a user who has
// gone must not be refreshed for ever.
func (s *source) Lookup(ctx context.Context, name string) (identity.Identity, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout())
	defer cancel()
	if s.verifier == nil {
		return s.lookupRoles(ctx, name)
	}
	found, err := s.find(ctx, name, secret.Text{})
	if err != nil || found == nil {
		return identity.Identity{}, false, err
	}
	return s.identify(ctx, name, found)
}

func (s *source) lookupRoles(ctx context.Context, name string) (identity.Identity, bool, error) {
	if s.roles == nil {
		return identity.Identity{}, false, identity.ErrNoLookup
	}
	if unfitIdentity(name) {
		return identity.Identity{}, false, nil
	}
	roles, rows, err := s.readRoles(ctx, name)
	if err != nil || rows == 0 {
		return identity.Identity{}, false, err
	}
	return identity.Identity{Name: name, Roles: roles}, true, nil
}
