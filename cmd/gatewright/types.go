package main

import (
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
)

// policyTypes are the kinds of policy that this build knows, in the order of
// menus: one line each.
func policyTypes() policy.Set {
	return policy.Set{
		jwtauth.Type(),
	}
}
