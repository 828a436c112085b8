package jwtauth

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
)

// verified is a token that was found valid, with everything derived from it
// that does not change: what may change is asked on each call.
type verified struct {
	identity policy.Identity
	facts    revoke.Facts
	// user and roles are header values.
	user, roles string
	algorithm   keys.Algorithm
	grant       issue.GrantType
	// credential tells that the subject is one of the secret manager's, own that it
	// is the key pair that the token is for.
	credential, own bool
	// granted are the roles that policies ask for, by their numbers.
	granted []uint64
	// expires and begins are in seconds since 1970; expires is 0 for never.
	expires, begins int64
	size            int
	used            atomic.Int64 // second of the last hit
	// verdict is that of the revocation list: its epoch plus one, doubled, and
	// 1 more when it refuses; 0 before it was asked.
	verdict atomic.Uint64
}

// current tells whether the token is valid at now, by the same rule that
// verifying it applies.
func (v *verified) current(now, leeway int64) bool {
	return (v.expires == 0 || now-leeway < v.expires) && v.begins <= now+leeway
}

// revoked asks the list once for each of its epochs, about all but the policy.
func (v *verified) revoked(list *revoke.List) bool {
	epoch := 2 * (list.Epoch() + 1) // read first: an entry added meanwhile is asked for at the next call
	if seen := v.verdict.Load(); seen&^1 == epoch {
		return seen&1 == 1
	}
	refuses := list.Refuses(v.facts)
	if refuses {
		epoch++
	}
	v.verdict.Store(epoch)
	return refuses
}

func (v *verified) refused(why error) error {
	return &Refused{Subject: v.identity.Subject, Reason: why}
}

// grants are the values of gty.
var grants = map[string]issue.GrantType{
	token.GrantClientCredentials: issue.ClientCredentials,
	token.GrantPassword:          issue.Password,
}

// load remembers a token that is good. What is cheap to check comes first, and takes no
// place among the verifications that others may wait for.
func (s *shared) load(from netip.Addr, text string, now time.Time) (*verified, error) {
	p, algorithm, err := s.read(text, now)
	if err != nil {
		return nil, err
	}
	return s.remember(p, algorithm, from, text, now.Unix())
}

// remember is apart from load, as it costs memory. The signature is checked only if the
// network that the token comes from has not forged too many of them.
func (s *shared) remember(p jwt.Pending, algorithm keys.Algorithm, from netip.Addr, text string, now int64) (*verified, error) {
	defer p.End()
	return s.cache.load(text, now, func(string) (*verified, error) {
		if wait, ok := s.forgeries.Admit(from, text); !ok {
			return nil, &slowed{wait}
		}
		v, err := s.verify(&p, algorithm, len(text))
		switch {
		case err == nil:
			s.forgeries.Right(text)
		case errors.Is(err, ErrForged):
			s.forgeries.Forged(from)
		}
		return v, err
	})
}

// slowed refuses a token unseen; it says nothing about the token.
type slowed struct{ wait time.Duration }

func (*slowed) Error() string {
	return "too many tokens with wrong signatures came from this address: the signature was not checked"
}

// verify checks a signature and keeps copies of what the token says: the original lies
// in the request's memory.
func (s *shared) verify(p *jwt.Pending, algorithm keys.Algorithm, size int) (*verified, error) {
	claims, err := p.Verify()
	if err == nil && !s.managed && len(claims.Audience) != 1 {
		err = errAudiences
	}
	if err != nil {
		return nil, err
	}
	audience := s.audience(&claims)
	if err := s.speaksFor(&claims, audience); err != nil {
		return nil, err
	}
	roles, err := rolesOf(claims.Scope)
	if err != nil {
		return nil, err
	}
	v := &verified{
		identity: s.identity(&claims, audience, roles), algorithm: algorithm, grant: grants[claims.GrantType],
		expires: claims.Expires, begins: max(claims.NotBefore, claims.IssuedAt),
	}
	v.facts = s.facts(v, &claims, audience)
	v.own = !v.facts.User && v.identity.Subject == audience
	v.credential = s.source == identity.SecretManager && !v.own
	v.user, v.roles = escape(v.identity.Subject), joinRoles(roles)
	v.granted = s.number(roles)
	v.size = entryOverhead + 8*len(v.granted) + size + 2*len(claims.Subject) + len(claims.Scope) + 16*len(roles) + len(v.user) + len(v.roles) +
		len(claims.ID) + len(claims.Session)
	return v, nil
}

// read checks all but the signature. Where the policy issues tokens, it fixes everything.
// Where credentials do, the one that the token is for fixes the algorithm and
// whether it must expire, which is checked on every call; until the signature
// is checked, nothing tells a known credential from an unknown one. A key serves
// one algorithm, so a token cannot choose how its signature is read.
func (s *shared) read(text string, now time.Time) (jwt.Pending, keys.Algorithm, error) {
	if s.managed {
		p, err := s.verifier.Begin(text, now)
		return p, s.verifier.Algorithm, err
	}
	said, err := jwt.Parse(text)
	if err != nil {
		return jwt.Pending{}, "", err
	}
	v := s.verifier
	v.Algorithm, v.Audience = keys.Algorithm(said.Algorithm), said.Claims.ClientID
	p, err := v.Begin(text, now)
	return p, v.Algorithm, err
}

// audience is whom the token is for, of those whose tokens are good here. Where
// credentials issue tokens it is the owner: each is for its credential.
func (s *shared) audience(c *jwt.Claims) string {
	if s.managed && !slices.Contains(c.Audience, s.owner.ClientID) {
		for _, client := range s.also {
			if slices.Contains(c.Audience, client) {
				return client
			}
		}
	}
	return s.owner.ClientID
}

// speaksFor checks that the token says whom it speaks for, and that the policy
// issues such tokens (D15): a user's never passes for a client's, nor one of the
// two ways of managing access for the other.
func (s *shared) speaksFor(c *jwt.Claims, audience string) error {
	grant, known := grants[c.GrantType]
	switch {
	case c.Subject == "" || c.GrantType == "":
		return errNoSubject
	case !known, s.managed && grant != s.grant:
		return errGrant
	case grant == issue.ClientCredentials && c.Subject != c.ClientID:
		return errClient
	case !s.managed && (c.ClientID == s.owner.ClientID || slices.Contains(s.also, c.ClientID)):
		return errOwnName
	case grant == issue.ClientCredentials && s.source == "" && c.Subject != audience:
		return errStranger
	}
	return nil
}

func (s *shared) identity(c *jwt.Claims, audience string, roles []string) policy.Identity {
	id := policy.Identity{
		Subject: strings.Clone(c.Subject), ClientID: audience, Grant: strings.Clone(c.GrantType), Roles: roles,
	}
	if !s.managed {
		id.ClientID = strings.Clone(c.ClientID)
	}
	if c.Expires != 0 {
		id.Expires = time.Unix(c.Expires, 0).UTC()
	}
	return id
}

func (s *shared) facts(v *verified, c *jwt.Claims, audience string) revoke.Facts {
	f := revoke.Facts{
		ID: strings.Clone(c.ID), Family: strings.Clone(c.Session), Subject: v.identity.Subject, User: v.grant == issue.Password,
		ClientID: v.identity.ClientID, Project: s.owner.Project, IssuedAt: c.IssuedAt,
	}
	if c.ClientID != f.ClientID {
		f.ClientID = strings.Clone(c.ClientID)
	}
	if s.managed && s.issuedBy != nil {
		f.Issuer = s.issuedBy(audience)
	}
	return f
}

// rolesOf splits a scope at its blanks (RFC 6749 section 3.3). Roles are handed
// on in lists, so one that would be read as two makes the token worthless (D14).
func rolesOf(scope string) ([]string, error) {
	if scope == "" {
		return nil, nil
	}
	roles := strings.Split(strings.Clone(scope), " ")
	for _, role := range roles {
		if identity.RoleProblem(role) != "" {
			return nil, errRoleName
		}
	}
	return roles, nil
}
