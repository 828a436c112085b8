package ldap

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatewright/gatewright/engine/identity"
)

// Lookup implements identity.Source. The name is an Identity's: the value of
// NameAttribute, which need not be what the user types.
func (s *Source) Lookup(ctx context.Context, name string) (identity.Identity, bool, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return identity.Identity{}, false, err
	}
	defer leave()
	return s.lookup(ctx, name, nil)
}

func (s *Source) lookup(ctx context.Context, name string, log *record) (identity.Identity, bool, error) {
	ask := func(ask func(*conn) error) error { return s.asService(ctx, log, ask) }
	if s.config.AuthMode == Simple {
		return s.simpleLookup(ctx, name, log, ask)
	}
	if !fit(name) {
		return identity.Identity{}, false, nil
	}
	var entry *ldap.Entry
	err := ask(func(c *conn) (err error) {
		entry, err = s.findNamed(ctx, c, name, log)
		return err
	})
	if err != nil || entry == nil {
		return identity.Identity{}, false, err
	}
	return s.sameName(ctx, name, entry, log, ask)
}

// simpleLookup needs an account that reads, and a pattern that is made of the
// name itself. The accounts of Active Directory are searched by name.
func (s *Source) simpleLookup(ctx context.Context, name string, log *record, ask asker) (identity.Identity, bool, error) {
	attribute := s.config.nameAttribute()
	if s.config.BindDN == "" || s.pattern.form == dnForm && !s.pattern.madeOf(attribute) {
		return identity.Identity{}, false, identity.ErrNoLookup
	}
	if !fit(name) {
		return identity.Identity{}, false, nil
	}
	var entry *ldap.Entry
	err := ask(func(c *conn) (err error) {
		if s.pattern.form == dnForm {
			bound, _ := s.pattern.bindName(name)
			entry, err = s.read(ctx, c, bound, log)
			return err
		}
		entry, err = s.find(ctx, c, accountFilter(attribute, name), log)
		return err
	})
	if err != nil || entry == nil {
		return identity.Identity{}, false, err
	}
	return s.sameName(ctx, name, entry, log, ask)
}

// findNamed finds an entry by its name. The filter of logins may hold conditions
// besides, such as a group or an account that is not disabled, which must still
// be met: where it asks for another attribute than the name, the entry found by
// name must also be found by what its user would type.
func (s *Source) findNamed(ctx context.Context, c *conn, name string, log *record) (*ldap.Entry, error) {
	if strings.EqualFold(s.config.nameAttribute(), s.config.LoginAttribute) {
		return s.find(ctx, c, s.config.loginFilter(name), log)
	}
	entry, err := s.find(ctx, c, s.config.nameFilter(name), log)
	if err != nil || entry == nil {
		return nil, err
	}
	login, err := only(entry, s.config.LoginAttribute)
	if err != nil {
		return nil, err
	}
	again, err := s.find(ctx, c, s.config.loginFilter(login), log)
	if err != nil || again == nil {
		return nil, err
	}
	if again.DN != entry.DN {
		return nil, aboutUser("the entry of that name is %s, but its login finds %s", entry.DN, again.DN)
	}
	return again, nil
}

// sameName makes sure that a name did not find somebody of another name.
func (s *Source) sameName(ctx context.Context, name string, entry *ldap.Entry, log *record, ask asker) (identity.Identity, bool, error) {
	id, err := s.identify(ctx, entry, log, ask)
	if err != nil {
		return identity.Identity{}, false, fmt.Errorf("read the user: %w", err)
	}
	return id, strings.EqualFold(id.Name, name), nil
}
