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
	add := func(field string, kind identity.KindName, name string) {
		if hasProvider(kind) && name != "" {
			list = append(list, policy.Reference{Field: field, Kind: kind, Name: name})
		}
	}
	add("identityProviderName", c.AuthenticationType, c.IdentityProviderName)
	add("jwtRegeneratorApiName", identity.API, c.JWTRegeneratorAPIName)
	add("authorization.authorizationProviderName", c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName)
	return list
}
