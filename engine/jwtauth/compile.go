package jwtauth

import (
	"fmt"
	"time"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/token"
)

// Compile turns a valid policy into the step that verifies its tokens. The one
// error is that there is no key to sign them with.
func (c *Config) Compile(rt policy.Runtime) (policy.Step, error) {
	set, err := c.keys(rt)
	if err != nil {
		return nil, err
	}
	if rt.Now == nil {
		rt.Now = time.Now
	}
	s := &step{
		verifier: c.verifier(rt, set), now: rt.Now, revoked: rt.Revoked, forgeries: rt.Forgeries, owner: rt.Owner, also: rt.Also, issuedBy: rt.IssuedBy,
		settings: c.tokenSettings(set),
		access:   c.Authorization.compile(rt.Owner.Project), inQuery: c.AllowURLParameters || !c.ManagedFromThisPolicy,
		clearAuth: c.ClearAuth, setsIdentity: c.SetIdentityToContext,
	}
	if c.AddUserToHeader {
		s.userHeader = c.UserHeaderName
	}
	s.cache.leeway, s.cache.budget = int64(c.LeewaySeconds), processBudget
	return s, nil
}

// keys are those that sign and verify: the environment's, or the ones that the
// policy names. Tokens of credentials are always signed with the environment's.
func (c *Config) keys(rt policy.Runtime) (*keys.Set, error) {
	switch {
	case !c.ManagedFromThisPolicy:
		return rt.Keys, nil
	case c.SigningKeyName == "" && rt.Keys.Signing(c.JWTSignatureAlgorithm) == nil:
		return nil, fmt.Errorf("the environment has no signing key for %s", c.JWTSignatureAlgorithm)
	case c.SigningKeyName == "":
		return rt.Keys, nil
	}
	var set *keys.Set
	if rt.NamedKeys != nil {
		set = rt.NamedKeys(c.SigningKeyName)
	}
	if set == nil {
		return nil, fmt.Errorf("the project has no key %q in this environment", c.SigningKeyName)
	}
	if set.Signing(c.JWTSignatureAlgorithm) == nil {
		return nil, fmt.Errorf("the key %q cannot sign with %s", c.SigningKeyName, c.JWTSignatureAlgorithm)
	}
	return set, nil
}

func (c *Config) verifier(rt policy.Runtime, set *keys.Set) jwt.Verifier {
	v := jwt.Verifier{
		Keys: set, Issuer: rt.Issuer, Type: jwt.AccessToken, Leeway: time.Duration(c.LeewaySeconds) * time.Second, Now: rt.Now,
	}
	if c.ManagedFromThisPolicy {
		v.Algorithm, v.Audience, v.Also, v.RequireExpiry = c.JWTSignatureAlgorithm, rt.Owner.ClientID, rt.Also, !c.TokenNeverExpires
	}
	return v
}

func (c *Config) tokenSettings(set *keys.Set) token.Settings {
	s := token.Settings{
		Issue: c.Settings, Keys: set, Policy: c.Name, Managed: c.ManagedFromThisPolicy,
		Leeway: time.Duration(c.LeewaySeconds) * time.Second,
		Source: c.AuthenticationType, Provider: c.IdentityProviderName, Regenerator: c.JWTRegeneratorAPIName,
		CheckAddress: c.CheckClientIPAddress,
		NeedsScope:   c.Authorization.EnableAuthorization && c.Authorization.AuthorizationType == "",
	}
	if !c.ManagedFromThisPolicy {
		s.Source = identity.SecretManager
	}
	return s
}
