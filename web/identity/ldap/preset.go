package ldap

import (
	"maps"
	"slices"

	"github.com/gatewright/gatewright/engine/identity/ldap"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// preset is how a directory calls what the form asks for, where the usual ones differ.
type preset struct {
	name, label string
	values      webidentity.Values
}

// presets are the directories that can be chosen. Those of the 389 Directory Server are the defaults. The filter for
// Active Directory leaves out computers, and accounts that are switched off: bit 2 of userAccountControl, asked by the
// rule LDAP_MATCHING_RULE_BIT_AND ([MS-ADTS] section 3.1.1.3.4.4.1).
var presets = []preset{
	{"openldap", "OpenLDAP", webidentity.Values{
		"loginAttribute": "uid", userSearch: byAttribute, "userFilter": "",
		"memberOfAttribute": "memberOf", "groupObjectClass": "groupOfNames", "groupMemberAttribute": "member", "roleBlanks": "",
	}},
	{"389", "389 Directory Server", webidentity.Values{
		"loginAttribute": "uid", userSearch: byAttribute, "userFilter": "",
		"memberOfAttribute": "isMemberOf", "groupObjectClass": "groupOfUniqueNames", "groupMemberAttribute": "uniqueMember", "roleBlanks": "",
	}},
	{"active-directory", "Active Directory", webidentity.Values{
		"loginAttribute": "sAMAccountName", userSearch: byFilter,
		"userFilter":        "(&(objectCategory=person)(sAMAccountName={{username}})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
		"memberOfAttribute": "memberOf", "groupObjectClass": "group", "groupMemberAttribute": "member", "roleBlanks": "_",
	}},
}

// usualClaims are the attributes that nearly every directory has (RFC 4519, RFC 4524), as claims of OpenID Connect Core
// section 5.1.
var usualClaims = []ldap.ClaimAttribute{
	{Attribute: "cn", Claim: "name"}, {Attribute: "givenName", Claim: "given_name"},
	{Attribute: "sn", Claim: "family_name"}, {Attribute: "mail", Claim: "email"},
}

// The buttons that fill fields in are those that add a row, to lists that nobody sees: the page that answers finds such
// a list, fills in what it stands for, and does not draw it. So they need nothing but a form that is sent.
const usualList = "usual:claims"

func (p preset) list() string { return "preset:" + p.name }

// filled is v with what a button asked for. What somebody typed stays.
func filled(v webidentity.Values) webidentity.Values {
	v = maps.Clone(v)
	for _, p := range presets {
		if v.Rows(p.list()) > 0 {
			p.fill(v)
		}
	}
	if v.Rows(usualList) > 0 {
		addUsual(v)
	}
	return v
}

func (p preset) fill(v webidentity.Values) {
	for field, text := range p.values {
		if fromPreset(field, v[field]) {
			v[field] = text
		}
	}
}

// fromPreset tells a text that some preset gave from one that was typed.
func fromPreset(field, text string) bool {
	return slices.ContainsFunc(presets, func(p preset) bool { return p.values[field] == text })
}

// addUsual adds the usual claims that are not there yet, below the rows that are.
func addUsual(v webidentity.Values) {
	v.DropEmptyRows(claims, "attribute", "claim")
	taken := map[string]bool{}
	for i := range v.Rows(claims) {
		taken[v[webidentity.Row(claims, i, "claim")]] = true
	}
	for _, a := range usualClaims {
		if n := v.Rows(claims); !taken[a.Claim] {
			v[webidentity.Row(claims, n, "attribute")], v[webidentity.Row(claims, n, "claim")] = a.Attribute, a.Claim
			v.SetRows(claims, n+1)
		}
	}
}
