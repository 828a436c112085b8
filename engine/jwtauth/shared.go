package jwtauth

import (
	"fmt"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/revoke"
)

// terms are all that decides whether a token is good, and what is kept of it.
type terms struct {
	keys          *keys.Set
	issuer        string
	algorithm     keys.Algorithm
	owner         policy.Owner
	also          string // the list, as a text that can be compared
	requireExpiry bool
	leeway        time.Duration
	managed       bool
	grant         issue.GrantType
	source        identity.KindName
	revoked       *revoke.List
	forgeries     *guess.Forgeries
}

// shared verifies tokens and remembers the good ones, for all policies of an owner that
// do so on the same terms: however many run, a token costs its signature, its memory and
// its search once. It sees nothing of a policy but its terms, so nothing that differs
// between two of them can decide here. What they demand besides they ask on every call.
type shared struct {
	terms
	// verifier is whole where the policy issues the tokens; where credentials
	// do, the token's own algorithm and audience complete it.
	verifier jwt.Verifier
	cache    cache
	also     []string // client ids of others whose tokens are good here
	issuedBy func(clientID string) string
	// roles numbers those that the policies ask of tokens. It is complete once the owner
	// is compiled.
	roles map[string]int
}

func (c *Config) terms(rt *policy.Runtime, set *keys.Set) terms {
	t := terms{
		keys: set, issuer: rt.Issuer, owner: rt.Owner, also: fmt.Sprintf("%q", rt.Also), leeway: time.Duration(c.LeewaySeconds) * time.Second,
		managed: c.ManagedFromThisPolicy, source: c.source(), revoked: rt.Revoked, forgeries: rt.Forgeries,
	}
	if c.ManagedFromThisPolicy {
		t.algorithm, t.grant, t.requireExpiry = c.JWTSignatureAlgorithm, c.GrantType, !c.TokenNeverExpires
	}
	return t
}

// source is where the subjects of the tokens are to be found.
func (c *Config) source() identity.KindName {
	if !c.ManagedFromThisPolicy {
		return identity.SecretManager
	}
	return c.AuthenticationType
}

// share is what an earlier policy of the owner has with the same terms, or new.
func (t terms) share(rt *policy.Runtime) *shared {
	if s, there := rt.Alike[t].(*shared); there {
		return s
	}
	s := &shared{
		terms: t, also: rt.Also, issuedBy: rt.IssuedBy, roles: map[string]int{},
		verifier: jwt.Verifier{Keys: t.keys, Issuer: t.issuer, Type: jwt.AccessToken, Leeway: t.leeway},
	}
	if t.managed {
		s.verifier.Algorithm, s.verifier.Audience, s.verifier.Also, s.verifier.RequireExpiry = t.algorithm, t.owner.ClientID, rt.Also, t.requireExpiry
	}
	s.cache.leeway, s.cache.budget = int64(t.leeway/time.Second), processBudget()
	if rt.Alike != nil {
		rt.Alike[t] = s
	}
	return s
}
