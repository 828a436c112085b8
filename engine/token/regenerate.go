package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
)

// regenerate makes a token anew from one that is still valid: the JWT
// regenerator service says what is to be in it (reference 3.7). It is no
// refresh and counts as none.
func (s *Service) regenerate(ctx context.Context, l *login) (any, *failure) {
	if l.bearer == "" {
		return nil, malformed("Send the current access token in the Authorization header, and the client's credentials in the body.")
	}
	if f := s.authenticate(ctx, l, false); f != nil {
		return nil, f
	}
	if l.by.owner == nil || l.settings == nil || !l.settings.Managed || l.settings.Regenerator == "" {
		return nil, unauthorized("Tokens of this client cannot be regenerated.", "the policy names no JWT regenerator service")
	}
	if f := l.guarded(); f != nil {
		return nil, f
	}
	claims, ok := s.inspect(l, l.bearer)
	if !ok {
		return nil, refusedGrant("the access token is not valid", fault.TokenNotValid)
	}
	l.e.Username = claims.Subject
	renewed, f := s.askRegenerator(ctx, l, identityOf(&claims))
	if f != nil {
		return nil, f
	}
	p := principal{Identity: *renewed, user: claims.GrantType == GrantPassword, source: l.e.Source}
	p.Name = claims.Subject // a service that names somebody else is not believed
	p.Roles = fitRoles(p.Roles)
	return s.answerToken(ctx, l, p, strings.Join(p.Roles, " "), nil)
}

// regenerated asks the JWT regenerator service before a refresh is redeemed, so
// that a service that is down costs nobody a login.
func (s *Service) regenerated(ctx context.Context, l *login, family *Family) (*identity.Identity, *failure) {
	if l.settings.Source != identity.API || l.settings.Regenerator == "" {
		return nil, nil
	}
	renewed, f := s.askRegenerator(ctx, l, identity.Identity{
		Name: family.Subject, Roles: family.Roles, Claims: family.Claims, Response: family.Response,
	})
	if f != nil && f.code == invalidGrant {
		return nil, s.end(ctx, l, family, f)
	}
	l.e.Source = family.Source
	return renewed, f
}

func (s *Service) askRegenerator(ctx context.Context, l *login, of identity.Identity) (*identity.Identity, *failure) {
	l.e.Source = sourceName(identity.API, l.settings.Regenerator)
	source, ok := l.d.IdentitySource(l.owner.Project, l.settings.Regenerator)
	if !ok {
		return nil, sourceFailed(identity.API, fmt.Errorf("identity source %q is not in this environment", l.settings.Regenerator))
	}
	renewed, ok, err := source.Regenerate(ctx, of)
	switch {
	case err != nil:
		return nil, sourceFailed(identity.API, err)
	case !ok:
		return nil, refusedGrant("the JWT regenerator service refuses the user", fault.UserRefused)
	}
	return &renewed, nil
}

// identityOf is what a token says of its subject.
func identityOf(c *jwt.Claims) identity.Identity {
	id := identity.Identity{Name: c.Subject, Roles: strings.Fields(c.Scope), Claims: map[string]any{}}
	var all map[string]any
	if err := json.Unmarshal([]byte(c.Payload), &all); err != nil { // it was verified, hence read before
		return id
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !issue.ReservedClaim(name) {
			id.Claims[name] = all[name]
		}
	}
	return id
}

// sourceFailed lets nobody in because a source does not answer. It is no fault
// of the client's, who may try again.
func sourceFailed(kind identity.KindName, err error) *failure {
	if err == nil {
		err = errors.New("the identity source does not answer")
	}
	f := overloaded("identity source: " + err.Error())
	f.code, f.text, f.row = serverError, "Users cannot be checked at the moment. Try again shortly.", sourceFault(kind)
	return f
}

func sourceFault(kind identity.KindName) fault.Type {
	switch kind {
	case identity.LDAP:
		return fault.SourceFailedLDAP
	case identity.Database:
		return fault.SourceFailedDB
	}
	return fault.SourceFailedAPI
}
