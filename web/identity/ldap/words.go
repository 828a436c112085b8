package ldap

import (
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// Settings implements webidentity.Form. What has no effect is not said.
func (Form) Settings(v webidentity.Values) []webidentity.Setting {
	w := &webidentity.Words{Values: withoutEmptyRows(v), Labels: labels}
	sayConnection(w)
	w.Section = usersSection
	sayUsers(w)
	w.Section = rolesSection
	sayRoles(w)
	return w.List
}

func sayConnection(w *webidentity.Words) {
	w.Section = connectionSection
	var servers []string
	for i := range w.Values.Rows("servers") {
		servers = append(servers, w.Values[webidentity.Row("servers", i, "")])
	}
	w.Say("servers", strings.Join(servers, ", "))
	if plainServers(w.Values) {
		w.Card("startTls", encryptions)
	}
	w.Certificates("caCertificates", "Those the system trusts")
	w.CodeOr("serverName", "The host of the address")
	w.Section = accountSection
	if searches(w.Values) {
		w.CodeOr("bindDn", "None: the search is anonymous")
	} else {
		w.CodeOr("bindDn", "None: users read their own entries")
	}
}

func sayUsers(w *webidentity.Words) {
	w.Card("authMode", authModes)
	if !searches(w.Values) {
		w.Code("userDnPattern")
	}
	if readsBelow(w.Values) {
		w.Code("userBaseDn")
		w.Choice("userScope", scopes)
	}
	if searches(w.Values) {
		sayFilter(w, userSearch, "userFilter", "userObjectClass")
	}
	w.Code("loginAttribute")
	w.CodeOr("nameAttribute", "The login attribute")
	w.Say(claims, claimsText(w.Values))
}

func sayFilter(w *webidentity.Words, choice, filter, class string) {
	if w.Values[choice] == byFilter {
		w.Code(filter)
		return
	}
	w.Code(class)
}

func claimsText(v webidentity.Values) string {
	var list []string
	for i := range v.Rows(claims) {
		text := v[webidentity.Row(claims, i, "attribute")] + " as " + v[webidentity.Row(claims, i, "claim")]
		if v.On(webidentity.Row(claims, i, "list")) {
			text += " (always a list)"
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return "None"
	}
	return strings.Join(list, ", ")
}

func sayRoles(w *webidentity.Words) {
	w.CodeOr("memberOfAttribute", "Not read")
	if w.Values["memberOfAttribute"] != "" {
		w.CodeOr("memberOfBaseDn", "All count")
	}
	w.CodeOr("groupBaseDn", "No search for groups")
	if w.Values["groupBaseDn"] != "" {
		sayGroups(w)
	}
	if w.Values["memberOfAttribute"] != "" || w.Values["groupBaseDn"] != "" {
		w.Choice("roleBlanks", blanks)
	}
}

func sayGroups(w *webidentity.Words) {
	w.Choice("groupScope", scopes)
	sayFilter(w, groupSearch, "groupFilter", "groupObjectClass")
	w.Code("groupNameAttribute")
	w.Code("groupMemberAttribute")
	w.Choice("memberStrategy", strategies)
	if namedByDN(w.Values) {
		w.YesNo("nestedGroups")
	}
}

// Advice implements webidentity.Form.
func (Form) Advice(config identity.Config) []webidentity.Advice {
	c, ok := config.(*ldap.Config)
	if !ok {
		return nil
	}
	var list []webidentity.Advice
	advise := func(matters, warning bool, field, text, instead string) {
		if matters {
			list = append(list, webidentity.Advice{Field: field, Label: label(field), Warning: warning, Text: text, Instead: instead})
		}
	}
	advise(c.AllowPlaintext, true, "startTls",
		"Passwords travel unencrypted: whoever is on the way reads them.", "Choose StartTLS, or write ldaps:// addresses.")
	advise(c.BindDN == "" && c.AuthMode == ldap.Search, false, "bindDn",
		"The search is anonymous. Many directories then show nobody, or too much to everybody.", "Name an account that may read users and groups, and nothing else.")
	advise(c.BindDN == "" && c.AuthMode == ldap.Simple, false, "bindDn",
		"Users read their own entries, so roles cannot be read anew when a token is refreshed, and a policy cannot look them up here.", "Name an account that may read users and groups.")
	advise(c.MemberOfAttribute == "" && c.GroupBaseDN == "", false, "memberOfAttribute",
		"Users get no roles.", "Name the attribute that holds a user's groups, or say where groups are searched for.")
	return list
}
