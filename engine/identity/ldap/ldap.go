// Package ldap owns the identity source that asks a directory: OpenLDAP, Active
// Directory and whatever else speaks LDAP version 3 (RFC 4511). A password is
// checked by binding as the user; roles come from the user's entry, from a
// search for groups, or both. What several kinds of source have in common
// (caches, circuit breaker, slowing of guesses) lives in package identity.
package ldap

import "github.com/gatewright/gatewright/engine/identity"

// BindPassword is the name of the one secret: the password of BindDN.
const BindPassword = "bindPassword"

// Kind is LDAP as a kind of identity source.
func Kind() identity.Kind {
	return identity.Kind{
		Name:    identity.LDAP,
		Label:   "LDAP / Active Directory",
		Summary: "Users log in with the password that they have in a company directory.",
		Secrets: []identity.SecretField{{
			Name:  BindPassword,
			Label: "Bind password",
			Help:  "The password of the bind DN. It is stored sealed and asked for again when a server address changes.",
		}},
		New: func() identity.Config { return New() },
	}
}
