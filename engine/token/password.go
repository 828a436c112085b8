package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
)

// password is the grant of RFC 6749 section 4.3: the identity source of the
// settings says who it is.
func (s *Service) password(ctx context.Context, l *login) (principal, *failure) {
	if l.username == "" || l.userSecret.IsZero() {
		return principal{}, malformed("Send the parameters username and password.")
	}
	if l.settings.Source == identity.SecretManager {
		return s.passwordOfCredential(ctx, l)
	}
	l.e.Source = sourceName(l.settings.Source, l.settings.Provider)
	source, ok := l.d.IdentitySource(l.owner.Project, l.settings.Provider)
	if !ok {
		return principal{}, sourceFailed(l.settings.Source, fmt.Errorf("identity source %q is not in this environment", l.settings.Provider))
	}
	id, outcome, err := source.Login(ctx, l.username, l.userSecret, l.e.Client)
	switch outcome.Verdict {
	case identity.Accepted:
		return s.accepted(l, id)
	case identity.Refused:
		return principal{}, refusedGrant("the source refuses the name or the password", fault.UserRefused)
	case identity.Throttled:
		return principal{}, throttled(outcome.Wait, "too many wrong passwords for this user or from this address")
	}
	return principal{}, sourceFailed(l.settings.Source, err)
}

func (s *Service) passwordOfCredential(ctx context.Context, l *login) (principal, *failure) {
	l.e.Source = string(identity.SecretManager)
	c, known := l.d.Credential(l.username)
	a := attempt{space: "user", environment: l.d.Environment(), id: l.username, password: l.userSecret, from: l.e.Client, known: known}
	if known {
		a.hash = c.SecretHash
	}
	if f := s.logins.check(ctx, a); f != nil {
		s.noteThrottled(l, f, l.username)
		return principal{}, f
	}
	l.e.Username = c.Name
	if f := s.mayUse(l, c); f != nil {
		return principal{}, f
	}
	return s.accepted(l, c.Identity())
}

// accepted makes a user of what a source says. A name that could not stand in a
// log, and roles that could not stand in a list, come from a source that is set
// up wrongly: the name is refused, such roles are left out (D14).
func (s *Service) accepted(l *login, id identity.Identity) (principal, *failure) {
	if !fitName(id.Name) {
		return principal{}, sourceFailed(l.settings.Source, errors.New("the source gave a user name that is empty, longer than 255 bytes or not printable"))
	}
	id.Roles = fitRoles(id.Roles)
	l.e.Username = id.Name
	return principal{Identity: id, user: true, source: l.e.Source}, nil
}

func fitName(name string) bool {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func fitRoles(roles []string) []string {
	fit := make([]string, 0, len(roles))
	for _, r := range roles {
		if identity.RoleProblem(r) == "" && !slices.Contains(fit, r) {
			fit = append(fit, r)
		}
	}
	return fit
}

func sourceName(kind identity.KindName, provider string) string {
	if provider == "" {
		return string(kind)
	}
	return string(kind) + ":" + provider
}

// noteThrottled raises a security event when somebody is guessing.
func (s *Service) noteThrottled(l *login, f *failure, name string) {
	if f.guessing {
		s.security(l, event.LoginsThrottled, abridge(name), "Too many wrong secrets; further ones are turned away for a while.")
	}
}

func (s *Service) security(l *login, kind event.SecurityKind, subject, detail string) {
	s.sink.Security(event.Security{
		Time: s.now(), Kind: kind, Environment: l.d.Environment(), Project: l.owner.Project, Owner: l.owner.Name,
		Subject: subject, Source: l.e.Source, Client: l.e.Client, Detail: detail, CorrelationID: l.e.CorrelationID,
	})
}
