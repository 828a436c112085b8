package api

import (
	"context"
	"errors"

	"github.com/gatewright/gatewright/engine/identity"
)

// regenerator is a source that is given no password: the JWT regenerator
// service, asked when a token is refreshed or regenerated.
type regenerator struct{ *source }

// Regenerate implements identity.Regenerator. What the configuration does not
// map stays as it was. An answer about somebody else is an error.
func (r *regenerator) Regenerate(ctx context.Context, of identity.Identity) (identity.Identity, bool, error) {
	return r.regenerate(ctx, of, nil)
}

func (s *source) regenerate(ctx context.Context, of identity.Identity, w *watch) (identity.Identity, bool, error) {
	id, ok, err := s.ask(ctx, values{username: of.Name, roles: of.Roles, claims: of.Claims}, w)
	if err != nil || !ok {
		return identity.Identity{}, false, err
	}
	if id.Name != of.Name {
		return identity.Identity{}, false, errors.New("the answer names another user than the token")
	}
	if s.config.RolesPath == "" {
		id.Roles = of.Roles
	}
	if len(s.config.Claims) == 0 {
		id.Claims = of.Claims
	}
	return id, true, nil
}
