package ldap

import (
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/identity/ldap"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

func field(f webidentity.Fields, name, help string) ui.Field {
	return f.Control(label(name), name, help)
}

// code is a field for names and expressions of a directory.
func code(f webidentity.Fields, name, help, example string) ui.Field {
	c := field(f, name, help)
	c.Mono, c.Placeholder = true, example
	return c
}

func required(c ui.Field) ui.Field {
	c.Required = true
	return c
}

// cell is a field in the row of a list.
func cell(f webidentity.Fields, list string, row int, name, example string) ui.Field {
	c := f.Control(label(list+"[]."+name), webidentity.Row(list, row, name), "")
	c.Mono, c.Placeholder = true, example
	return c
}

// server is one address. The first one takes the focus where there is none at all.
func server(f webidentity.Fields, row int) ui.Field {
	c := f.Control(label("servers[]")+" "+strconv.Itoa(row+1), webidentity.Row("servers", row, ""), "")
	c.HideLabel, c.Mono, c.Placeholder = true, true, "ldaps://ldap.example.com"
	if row == 0 && c.Attrs == nil {
		c.Attrs = f.First("servers")
	}
	return c
}

// plainWhen is plainServers for the page (ui.Depends).
func plainWhen(v webidentity.Values) string {
	ways := make([]string, v.Rows("servers"))
	for i := range ways {
		ways[i] = webidentity.Row("servers", i, "") + "^=ldap://"
	}
	return strings.Join(ways, ";")
}

// plainServers tells whether a connection begins without encryption.
func plainServers(v webidentity.Values) bool {
	for i := range v.Rows("servers") {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(v[webidentity.Row("servers", i, "")])), "ldap://") {
			return true
		}
	}
	return false
}

func searches(v webidentity.Values) bool { return v["authMode"] == string(ldap.Search) }

// account tells whether users bind by the name of an account of Active Directory, which is no DN that could be read.
func account(v webidentity.Values) bool {
	pattern := strings.ToLower(strings.TrimSpace(v["userDnPattern"]))
	return strings.HasPrefix(pattern, "{{username}}@") || strings.HasSuffix(pattern, `\{{username}}`)
}

const accountWhen = `userDnPattern^={{username}}@;userDnPattern$=\{{username}}`

// readsBelow tells whether the entries of users are searched for.
func readsBelow(v webidentity.Values) bool { return searches(v) || account(v) }

const readsBelowWhen = "authMode=SEARCH;" + accountWhen

func namedByDN(v webidentity.Values) bool { return v["memberStrategy"] == string(ldap.UserDN) }

var encryptions = []ui.Card{
	{Value: encrypted, Label: "StartTLS", Text: "The connection is encrypted before anything else is said.", Tag: "Recommended"},
	{Value: plain, Label: "None", Text: "Passwords travel as they are."},
}

var authModes = []ui.Card{
	{Value: string(ldap.Search), Label: "Search", Text: "Search for the user, then check the password."},
	{Value: string(ldap.Simple), Label: "Simple", Text: "Make the DN from the name."},
}

var userSearches = []ui.Card{
	{Value: byAttribute, Label: "Attribute", Text: "The entry of the object class whose login attribute is the name."},
	{Value: byFilter, Label: "Filter", Text: "The one entry that a filter of your own finds."},
}

var groupSearches = []ui.Card{
	{Value: byAttribute, Label: "Class", Text: "Every entry of the object class is a group."},
	{Value: byFilter, Label: "Filter", Text: "A filter of your own says which entries are groups."},
}

var scopes = []ui.OptionGroup{{Options: []ui.Option{
	{Value: string(ldap.Subtree), Label: "The base and everything below"},
	{Value: string(ldap.OneLevel), Label: "Directly below the base"},
	{Value: string(ldap.Object), Label: "The base alone"},
}}}

var blanks = []ui.OptionGroup{{Options: []ui.Option{
	{Value: "", Label: "Nothing: such groups give no role"},
	{Value: "_", Label: "An underscore, as in Domain_Users"},
	{Value: "-", Label: "A hyphen, as in Domain-Users"},
	{Value: ".", Label: "A dot, as in Domain.Users"},
}}}

var strategies = []ui.OptionGroup{{Options: []ui.Option{
	{Value: string(ldap.UserDN), Label: "Their DN"},
	{Value: string(ldap.UserLogin), Label: "What they log in with"},
}}}
