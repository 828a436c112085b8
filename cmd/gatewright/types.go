package main

import (
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/identity/database"
	"github.com/gatewright/gatewright/engine/identity/database/mysql"
	"github.com/gatewright/gatewright/engine/identity/database/postgres"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
)

// policyTypes are the kinds of policy that this build knows, in the order of
// menus: one line each.
func policyTypes() policy.Set {
	return policy.Set{
		jwtauth.Type(),
		headers.Type(),
	}
}

// identityKinds are the kinds of identity source that this build knows, in the
// order of choosers: one line each, and one for each driver of a database.
func identityKinds() identity.Kinds {
	return identity.Kinds{
		ldap.Kind(),
		database.Kind(
			postgres.Driver(),
			mysql.Driver(),
		),
		api.Kind(),
	}
}
