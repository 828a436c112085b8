package token

import (
	"context"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
)

// The grant_type parameters (RFC 6749 sections 4.3.2, 4.4.2, 6).
const (
	GrantClientCredentials = "client_credentials"
	GrantPassword          = "password"
	GrantRefreshToken      = "refresh_token"
)

// grant is one grant_type.
type grant struct {
	name      string
	operation event.Operation
	// grantType is what the settings must allow; "" asks only that they allow
	// refreshes, which the grant does itself.
	grantType issue.GrantType
	// public lets an owner's client leave out its secret: what is shown besides,
	// a user's password or a refresh token, proves enough.
	public bool
	// authorize runs after the client is authenticated and its settings allow
	// the grant.
	authorize func(*Service, context.Context, *login) (principal, *failure)
}

// grantNames are all that there are.
var grantNames = []string{GrantClientCredentials, GrantPassword, GrantRefreshToken}

func findGrant(name string) (grant, bool) {
	switch name {
	case GrantClientCredentials:
		return grant{name, event.Issue, issue.ClientCredentials, false, (*Service).clientCredentials}, true
	case GrantPassword:
		return grant{name, event.Issue, issue.Password, true, (*Service).password}, true
	case GrantRefreshToken:
		return grant{name, event.Refresh, "", true, (*Service).redeem}, true
	}
	return grant{}, false
}

func (q *request) findGrant() (grant, *failure) {
	if q.grant == "" {
		return grant{}, malformed("The parameter grant_type is missing.")
	}
	g, ok := findGrant(q.grant)
	if !ok {
		return grant{}, unsupported()
	}
	return g, nil
}

// clientCredentials issues a token for the client itself, which the pipeline
// has authenticated.
func (s *Service) clientCredentials(_ context.Context, l *login) (principal, *failure) {
	if l.by.credential == nil {
		return principal{Identity: identity.Identity{Name: l.owner.ClientID}}, nil
	}
	if f := s.mayUse(l, l.by.credential); f != nil {
		return principal{}, f
	}
	return principal{Identity: l.by.credential.Identity(), source: string(identity.SecretManager)}, nil
}
