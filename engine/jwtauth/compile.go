package jwtauth

import (
	"fmt"
	"time"

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
		shared: c.terms(&rt, set).share(&rt), now: rt.Now,
		settings: c.tokenSettings(set), inQuery: c.AllowURLParameters || !c.ManagedFromThisPolicy,
		clearAuth: c.ClearAuth, setsIdentity: c.SetIdentityToContext, near: c.CheckClientIPAddress || !c.ManagedFromThisPolicy,
	}
	s.access = c.Authorization.compile(rt.Owner.Project, s.shared)
	if c.AddUserToHeader {
		s.userHeader = c.UserHeaderName
	}
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

func (c *Config) tokenSettings(set *keys.Set) token.Settings {
	return token.Settings{
		Issue: c.Settings, Keys: set, Policy: c.Name, Managed: c.ManagedFromThisPolicy,
		Leeway: time.Duration(c.LeewaySeconds) * time.Second,
		Source: c.source(), Provider: c.IdentityProviderName, Regenerator: c.JWTRegeneratorAPIName,
		CheckAddress: c.CheckClientIPAddress,
		NeedsScope:   c.Authorization.EnableAuthorization && c.Authorization.AuthorizationType == "",
	}
}
