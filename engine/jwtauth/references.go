package jwtauth

import (
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

var _ policy.Referrer = (*Config)(nil)

// References implements policy.Referrer. The secret manager is built in and is
// not named.
func (c *Config) References() []policy.Reference {
	var list []policy.Reference
	add := func(field string, kind identity.KindName, name string, why policy.Purpose) {
		if hasProvider(kind) && name != "" {
			list = append(list, policy.Reference{Field: field, Kind: kind, Name: name, Purpose: why})
		}
	}
	add("identityProviderName", c.AuthenticationType, c.IdentityProviderName, policy.Login)
	add("jwtRegeneratorApiName", identity.API, c.JWTRegeneratorAPIName, policy.LookUp)
	add("authorization.authorizationProviderName", c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName, policy.LookUp)
	return list
}
