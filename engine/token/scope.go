package token

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/issue"
)

// scopeFor decides which of a caller's roles a token gets (reference 1.1, 3.3).
// At a refresh the scope of the login is the most there is: a request may narrow
// it and never widen it (RFC 6749 section 6).
func (l *login) scopeFor(p principal) (string, *failure) {
	roles, asked := p.Roles, scopeNames(l.scope)
	if p.family != nil {
		return l.scopeOfRefresh(p, asked)
	}
	m := l.d.Tokens()
	if len(asked) == 0 {
		if m.NoScope == issue.AllScopes || l.settings.NeedsScope {
			return join(roles), nil
		}
		return "", nil
	}
	if m.ScopeMismatch == issue.IgnoreRequest {
		return join(roles), nil
	}
	if len(roles) == 0 && m.RejectWithoutRoles {
		return "", refusedScope("the caller has no roles")
	}
	granted := common(asked, roles)
	if m.ScopeMismatch == issue.Strict && len(granted) < len(asked) {
		return "", refusedScope("a scope was requested that the caller has not")
	}
	return join(granted), nil
}

func (l *login) scopeOfRefresh(p principal, asked []string) (string, *failure) {
	had := scopeNames(p.family.Scope)
	if len(common(asked, had)) < len(asked) {
		return "", refusedScope("a scope was requested that the login has not")
	}
	if len(asked) == 0 {
		// Whoever got all roles gets all again, also those that came since.
		if join(had) == join(p.family.Roles) && len(had) > 0 {
			return join(p.Roles), nil
		}
		asked = had
	}
	return join(common(asked, p.Roles)), nil
}

// scopeNames are the names of a scope parameter, each once.
func scopeNames(scope string) []string {
	var names []string
	for _, name := range strings.Fields(scope) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func common(asked, have []string) []string {
	var both []string
	for _, name := range asked {
		if slices.Contains(have, name) {
			both = append(both, name)
		}
	}
	return both
}

func join(names []string) string { return strings.Join(names, " ") }
