package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/secret"
)

// Authenticate implements identity.Source by binding as the user.
func (s *Source) Authenticate(ctx context.Context, name string, password secret.Text) (identity.Identity, bool, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return identity.Identity{}, false, err
	}
	defer leave()
	return s.login(ctx, name, password, nil)
}

func (s *Source) login(ctx context.Context, name string, password secret.Text, log *record) (identity.Identity, bool, error) {
	switch {
	case !sayable(password) || !fit(name):
		return identity.Identity{}, false, nil
	case s.config.AuthMode == Simple:
		return s.simpleLogin(ctx, name, password, log)
	}
	return s.searchLogin(ctx, name, password, log)
}

// sayable tells whether a password may be put to a directory. With an empty one
// it would say yes to nobody in particular (RFC 4513 section 5.1.2), and what
// ends texts at a zero byte would find one that begins with it empty.
func sayable(password secret.Text) bool {
	return !password.IsZero() && !strings.Contains(password.Reveal(), "\x00")
}

// searchLogin binds for an unknown name too, as an entry that cannot exist, so
// that both answers cost the same questions.
func (s *Source) searchLogin(ctx context.Context, name string, password secret.Text, log *record) (identity.Identity, bool, error) {
	var entry *ldap.Entry
	err := s.asService(ctx, log, func(c *conn) (err error) {
		entry, err = s.find(ctx, c, s.config.loginFilter(name), log)
		return err
	})
	if err != nil {
		return identity.Identity{}, false, fmt.Errorf("search for the user: %w", err)
	}
	dn := s.nobody
	switch {
	case entry != nil:
		dn = entry.DN
	case log != nil:
		return identity.Identity{}, false, nil // a test has nothing to hide
	}
	accepted, err := s.userBind(ctx, dn, password, log)
	if err != nil || !accepted || entry == nil {
		return identity.Identity{}, false, err
	}
	id, err := s.identify(ctx, entry, log, func(ask func(*conn) error) error { return s.asService(ctx, log, ask) })
	return id, err == nil, err
}

// userBind tries a password on a connection that is then closed: none that was
// ever a user's is used again.
func (s *Source) userBind(ctx context.Context, dn string, password secret.Text, log *record) (bool, error) {
	c, err := s.reach(ctx, log, nil)
	if err != nil {
		return false, fmt.Errorf("connect for the user: %w", err)
	}
	defer c.close()
	return s.bindUser(ctx, c, dn, password, log)
}

// bindUser tells a refused user from a bind that went wrong.
func (s *Source) bindUser(ctx context.Context, c *conn, dn string, password secret.Text, log *record) (bool, error) {
	err := log.step("Bind as the user", func() (string, error) {
		if err := c.bind(ctx, dn, password); err != nil {
			return "", err
		}
		return "The directory accepted the password of " + dn + ".", nil
	})
	s.blame(c, err)
	switch {
	case err == nil:
		return true, nil
	case refusal(err):
		return false, nil
	}
	err = fmt.Errorf("bind as the user: %w", err)
	if ofAccount(err) {
		return false, oneUser{err}
	}
	return false, err
}

// simpleLogin binds with the pattern. The entry is read by the service account
// where there is one, else by the user on the same connection.
func (s *Source) simpleLogin(ctx context.Context, name string, password secret.Text, log *record) (identity.Identity, bool, error) {
	bound, possible := s.pattern.bindName(name)
	if !possible {
		log.refuse("Check the name", "No account can have this name: the pattern adds the domain, so that it is typed alone and without any of "+forbiddenInAccount)
		return identity.Identity{}, false, nil
	}
	c, err := s.reach(ctx, log, nil)
	if err != nil {
		return identity.Identity{}, false, fmt.Errorf("connect for the user: %w", err)
	}
	defer c.close()
	if accepted, err := s.bindUser(ctx, c, bound, password, log); err != nil || !accepted {
		return identity.Identity{}, false, err
	}
	ask := func(ask func(*conn) error) error { return ofReader(ask(c)) }
	if s.config.BindDN != "" {
		ask = func(ask func(*conn) error) error { return s.asService(ctx, log, ask) }
	}
	id, found, err := s.readBound(ctx, name, bound, log, ask)
	if err == nil && !found {
		err = aboutUser("the password was right, but the user's entry cannot be read; give the user the right to, or set a bind DN")
	}
	return id, err == nil, err
}

// readBound is the identity of the entry that a name of the pattern stands for.
func (s *Source) readBound(ctx context.Context, name, bound string, log *record, ask asker) (identity.Identity, bool, error) {
	var entry *ldap.Entry
	err := ask(func(c *conn) (err error) {
		if s.pattern.form == dnForm {
			entry, err = s.read(ctx, c, bound, log)
			return err
		}
		entry, err = s.find(ctx, c, s.pattern.filter(name, bound), log)
		return err
	})
	if err != nil || entry == nil {
		return identity.Identity{}, false, err
	}
	id, err := s.identify(ctx, entry, log, ask)
	return id, err == nil, err
}

// asker runs a question on the connection that may read.
type asker func(func(*conn) error) error

var (
	errAmbiguous = errors.New("more than one entry matches; the filter must find exactly one")
	errNoEntry   = errors.New("there is no such user")
)

// find gets the one entry that a filter finds, or nil.
func (s *Source) find(ctx context.Context, c *conn, filter string, log *record) (*ldap.Entry, error) {
	return s.one(ctx, c, log, &ldap.SearchRequest{
		BaseDN: s.config.UserBaseDN, Scope: s.config.UserScope.code(), Filter: filter, SizeLimit: 2, Attributes: s.attributes(),
	})
}

// read gets the entry with that DN, or nil.
func (s *Source) read(ctx context.Context, c *conn, dn string, log *record) (*ldap.Entry, error) {
	entry, err := s.one(ctx, c, log, &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: s.attributes(),
	})
	if is(err, ldap.LDAPResultNoSuchObject) {
		return nil, nil
	}
	return entry, err
}

func (s *Source) one(ctx context.Context, c *conn, log *record, r *ldap.SearchRequest) (*ldap.Entry, error) {
	var entry *ldap.Entry
	err := log.step("Search for the user", func() (string, error) {
		found, err := c.search(ctx, r)
		switch {
		case is(err, ldap.LDAPResultSizeLimitExceeded) || err == nil && len(found.Entries) > 1:
			return "The filter was " + r.Filter + ".", oneUser{errAmbiguous}
		case err != nil:
			return "", err
		case len(found.Entries) == 0:
			return fmt.Sprintf("Nothing at or below %s matches %s.", r.BaseDN, r.Filter), errNoEntry
		}
		entry = found.Entries[0]
		return "Found " + entry.DN + " with " + r.Filter + ".", nil
	})
	if errors.Is(err, errNoEntry) {
		return nil, nil
	}
	return entry, err
}

func (s Scope) code() int {
	switch s {
	case OneLevel:
		return ldap.ScopeSingleLevel
	case Object:
		return ldap.ScopeBaseObject
	}
	return ldap.ScopeWholeSubtree
}
