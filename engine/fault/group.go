package fault

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Group sorts rows for screens, as the reference's parent types do.
type Group string

// The groups, in the order of screens.
const (
	GroupGateway        Group = "Gateway"
	GroupCondition      Group = "Conditions"
	GroupAuthentication Group = "Authentication"
	GroupCredential     Group = "Credentials"
	GroupAuthorization  Group = "Authorization"
	GroupToken          Group = "Token requests"
	GroupBackend        Group = "Backend"
)

// Groups are all of them.
func Groups() []Group {
	return []Group{GroupGateway, GroupCondition, GroupAuthentication, GroupCredential, GroupAuthorization, GroupToken, GroupBackend}
}

// Group is the one that the row belongs to.
func (r Row) Group() Group {
	prefixes := []struct {
		prefix string
		group  Group
	}{
		{"APIPROXY_NOTFOUND_FORTOKEN", GroupToken}, {"CREDENTIAL_", GroupToken}, {"URL_TOKEN_", GroupToken}, {"TOKEN_", GroupToken},
		{"CONDITION_", GroupCondition}, {"POLICY_AUTH_CREDENTIAL_", GroupCredential}, {"POLICY_AUTH_", GroupAuthentication},
		{"POLICY_AUTHORIZATION_WRONG_SCOPE", GroupToken}, {"POLICY_AUTHORIZATION_", GroupAuthorization}, {"POLICY_ROLE_GROUP_", GroupAuthorization}, {"POLICY_ROUTING_", GroupBackend},
	}
	for _, p := range prefixes {
		if strings.HasPrefix(string(r.Type), p.prefix) {
			return p.group
		}
	}
	return GroupGateway
}

// Rows are the whole catalogue in the order of codes.
func Rows() []Row {
	return slices.SortedFunc(maps.Values(catalogue), func(a, b Row) int { return cmp.Compare(a.Code, b.Code) })
}

// Known tells whether there is such a row.
func (t Type) Known() bool {
	_, ok := catalogue[t]
	return ok
}
