// Package ldap owns what LDAP adds to the pages of identity sources: the fields of its form, how they are read, and how
// its settings are said in words.
package ldap

import (
	"maps"
	"strings"

	"github.com/a-h/templ"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/problem"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Form is the part of an identity source's form that is LDAP's own.
type Form struct{}

var _ webidentity.Form = Form{}

// The headings over its fields.
const (
	connectionSection = "Connection"
	accountSection    = "Service account"
	usersSection      = "Users"
	rolesSection      = "Roles"
)

// Two fields that the configuration does not have: it knows a filter from a class by which of them is set.
const (
	userSearch  = "userSearch"
	groupSearch = "groupSearch"

	byAttribute = "ATTRIBUTE"
	byFilter    = "FILTER"
)

// The box startTls is a choice between two: without StartTLS, plain text must be allowed.
const (
	encrypted = "true"
	plain     = "false"
)

var labels = []webidentity.Label{
	{Field: "servers", Text: "Servers"},
	{Field: "servers[]", Text: "Server"},
	{Field: "startTls", Text: "Encryption"},
	{Field: "allowPlaintext", Text: "Encryption"},
	{Field: "caCertificates", Text: "CA certificates"},
	{Field: "serverName", Text: "Name in the certificate"},
	{Field: "bindDn", Text: "Bind DN"},
	{Field: ldap.BindPassword, Text: "Bind password"},
	{Field: "authMode", Text: "How users are checked"},
	{Field: "userDnPattern", Text: "User DN pattern"},
	{Field: "userBaseDn", Text: "User base DN"},
	{Field: "userScope", Text: "User scope"},
	{Field: userSearch, Text: "Find users by"},
	{Field: "userObjectClass", Text: "User object class"},
	{Field: "userFilter", Text: "User filter"},
	{Field: "loginAttribute", Text: "Login attribute"},
	{Field: "nameAttribute", Text: "Name attribute"},
	{Field: claims, Text: "Claims"},
	{Field: claims + "[].attribute", Text: "Attribute"},
	{Field: claims + "[].claim", Text: "Claim"},
	{Field: claims + "[].list", Text: "Always a list"},
	{Field: "memberOfAttribute", Text: "Attribute with the user's groups"},
	{Field: "memberOfBaseDn", Text: "Only groups below"},
	{Field: "groupBaseDn", Text: "Group base DN"},
	{Field: "groupScope", Text: "Group scope"},
	{Field: groupSearch, Text: "Find groups by"},
	{Field: "groupObjectClass", Text: "Group object class"},
	{Field: "groupFilter", Text: "Group filter"},
	{Field: "groupNameAttribute", Text: "Group name attribute"},
	{Field: "groupMemberAttribute", Text: "Group member attribute"},
	{Field: "memberStrategy", Text: "Members are named by"},
	{Field: "nestedGroups", Text: "Groups in groups"},
	{Field: "roleBlanks", Text: "For blanks in group names"},
}

const claims = "claimAttributes"

// Labels implements webidentity.Form.
func (Form) Labels() []webidentity.Label { return labels }

func label(field string) string {
	for _, l := range labels {
		if l.Field == field {
			return l.Text
		}
	}
	return field
}

// New implements webidentity.Form.
func (Form) New() identity.Config { return ldap.New() }

// Write implements webidentity.Form.
func (Form) Write(config identity.Config) webidentity.Values {
	c, ok := config.(*ldap.Config)
	if !ok {
		return webidentity.Values{}
	}
	v := webidentity.Values{
		"startTls": encrypted, "caCertificates": c.CACertificates, "serverName": c.ServerName, "bindDn": c.BindDN,
		"authMode": string(c.AuthMode), "userDnPattern": c.UserDNPattern, "userBaseDn": c.UserBaseDN, "userScope": string(c.UserScope),
		userSearch: searchBy(c.UserFilter), "userFilter": c.UserFilter, "userObjectClass": c.UserObjectClass,
		"loginAttribute": c.LoginAttribute, "nameAttribute": c.NameAttribute,
		"memberOfAttribute": c.MemberOfAttribute, "memberOfBaseDn": c.MemberOfBaseDN,
		"groupBaseDn": c.GroupBaseDN, "groupScope": string(c.GroupScope),
		groupSearch: searchBy(c.GroupFilter), "groupFilter": c.GroupFilter, "groupObjectClass": c.GroupObjectClass,
		"groupNameAttribute": c.GroupNameAttribute, "groupMemberAttribute": c.GroupMemberAttribute, "memberStrategy": string(c.MemberStrategy),
		"roleBlanks": c.RoleBlanks,
	}
	if c.AllowPlaintext && !c.StartTLS {
		v["startTls"] = plain
	}
	v.Tick("nestedGroups", c.NestedGroups)
	writeServers(v, c.Servers)
	writeClaims(v, c.ClaimAttributes)
	return v
}

func searchBy(filter string) string {
	if filter == "" {
		return byAttribute
	}
	return byFilter
}

// writeServers has an empty row where there is none: every source needs a server.
func writeServers(v webidentity.Values, servers []string) {
	if len(servers) == 0 {
		servers = []string{""}
	}
	v.SetRows("servers", len(servers))
	for i, text := range servers {
		v[webidentity.Row("servers", i, "")] = text
	}
}

func writeClaims(v webidentity.Values, list []ldap.ClaimAttribute) {
	v.SetRows(claims, len(list))
	for i, a := range list {
		v[webidentity.Row(claims, i, "attribute")], v[webidentity.Row(claims, i, "claim")] = a.Attribute, a.Claim
		v.Tick(webidentity.Row(claims, i, "list"), a.List)
	}
}

// Read implements webidentity.Form. What another field makes meaningless is dropped by Config.Normalize.
func (Form) Read(typed webidentity.Values) (identity.Config, problem.List) {
	var l problem.List
	v := withoutEmptyRows(filled(typed))
	c := ldap.New()
	for i := range v.Rows("servers") {
		c.Servers = append(c.Servers, v[webidentity.Row("servers", i, "")])
	}
	c.StartTLS, c.AllowPlaintext = v["startTls"] == encrypted, v["startTls"] == plain
	c.CACertificates, c.ServerName, c.BindDN = unixLines(v["caCertificates"]), v["serverName"], v["bindDn"]
	readUsers(&l, v, c)
	readGroups(&l, v, c)
	return c, l
}

func readUsers(l *problem.List, v webidentity.Values, c *ldap.Config) {
	c.AuthMode, c.UserDNPattern = ldap.AuthMode(v["authMode"]), v["userDnPattern"]
	c.UserBaseDN, c.UserScope = v["userBaseDn"], ldap.Scope(v["userScope"])
	c.UserObjectClass, c.LoginAttribute, c.NameAttribute = v["userObjectClass"], v["loginAttribute"], v["nameAttribute"]
	if c.AuthMode == ldap.Search {
		c.UserFilter = readFilter(l, v, userSearch, "userFilter", "Write a filter such as (uid={{username}}), or find users by an attribute.")
	}
	for i := range v.Rows(claims) {
		c.ClaimAttributes = append(c.ClaimAttributes, ldap.ClaimAttribute{
			Attribute: v[webidentity.Row(claims, i, "attribute")], Claim: v[webidentity.Row(claims, i, "claim")],
			List: v.On(webidentity.Row(claims, i, "list")),
		})
	}
}

func readGroups(l *problem.List, v webidentity.Values, c *ldap.Config) {
	c.MemberOfAttribute, c.MemberOfBaseDN, c.RoleBlanks = v["memberOfAttribute"], v["memberOfBaseDn"], v["roleBlanks"]
	c.GroupBaseDN = strings.TrimSpace(v["groupBaseDn"])
	if c.GroupBaseDN == "" {
		return
	}
	c.GroupScope, c.GroupObjectClass = ldap.Scope(v["groupScope"]), v["groupObjectClass"]
	c.GroupFilter = readFilter(l, v, groupSearch, "groupFilter", "Write a filter such as (objectClass=posixGroup), or find groups by their class.")
	c.GroupNameAttribute, c.GroupMemberAttribute = v["groupNameAttribute"], v["groupMemberAttribute"]
	c.MemberStrategy, c.NestedGroups = ldap.MemberStrategy(v["memberStrategy"]), v.On("nestedGroups")
}

// readFilter reads a filter where one is chosen. An empty one would be the class in the eyes of the configuration, and
// nobody would have chosen it.
func readFilter(l *problem.List, v webidentity.Values, choice, field, missing string) string {
	if v[choice] != byFilter {
		return ""
	}
	text := strings.TrimSpace(unixLines(v[field]))
	if text == "" {
		l.Add(field, "%s", missing)
	}
	return text
}

// unixLines undoes what browsers make of line breaks.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func withoutEmptyRows(v webidentity.Values) webidentity.Values {
	v = maps.Clone(v)
	v.DropEmptyRows("servers", "")
	v.DropEmptyRows(claims, "attribute", "claim")
	return v
}

// Fields implements webidentity.Form.
func (Form) Fields(f webidentity.Fields) templ.Component {
	f.Values = filled(f.Values)
	if len(f.Problems) > 0 { // which count the rows that were read
		f.Values = withoutEmptyRows(f.Values)
		f.Values.SetRows("servers", max(f.Values.Rows("servers"), 1))
	}
	return fields(f)
}
