package jwtauth

import (
	"strings"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	webissue "github.com/gatewright/gatewright/web/issue"
	"github.com/gatewright/gatewright/web/policies"
)

// Settings implements policies.Form. What has no effect is not said.
func (Form) Settings(v policies.Values) []policies.Setting {
	w := words{v: v, section: tokenSection}
	w.token()
	w.headers()
	if hasRoles(v) {
		w.section = authorizationSection
		w.authorization()
	}
	return w.list
}

type words struct {
	v       policies.Values
	section string
	list    []policies.Setting
}

func (w *words) say(field, text string) { w.add(label(field), text, false) }
func (w *words) code(field string)      { w.add(label(field), w.v[field], true) }
func (w *words) yesNo(field string)     { w.say(field, yesNo(w.v.On(field))) }

func (w *words) add(name, text string, code bool) {
	w.list = append(w.list, policies.Setting{Section: w.section, Label: name, Text: text, Code: code})
}

func (w *words) token() {
	w.yesNo("managedFromThisPolicy")
	if !w.v.On("managedFromThisPolicy") {
		return
	}
	f := policies.Fields{Values: w.v}
	lines := webissue.Describe(webissue.From(w.v, ""))
	w.line(lines[0]) // the grant type
	if issue.GrantType(w.v["grantType"]) == issue.Password {
		w.say("authenticationType", authentication(f).words())
		if authentication(f).kind() == "API" {
			w.say("jwtRegeneratorApiName", regenerator(f).name())
		}
	} else {
		w.yesNo("credentialClients")
	}
	if checksAddress(w.v) {
		w.yesNo("checkClientIpAddress")
	}
	for _, l := range lines[1:] {
		w.line(l)
	}
	w.say("signingKeyName", orElse(w.v["signingKeyName"], "The environment's"))
}

func (w *words) line(l webissue.Line) { w.add(l.Label, l.Text, l.Code) }

func (w *words) headers() {
	w.say("leewaySeconds", w.v["leewaySeconds"]+" seconds")
	w.yesNo("clearAuth")
	w.yesNo("setIdentityToContext")
	w.yesNo("addUserToHeader")
	if w.v.On("addUserToHeader") {
		w.code("userHeaderName")
	}
}

func (w *words) authorization() {
	on := w.v.On(authorizationPrefix + "enableAuthorization")
	w.say(authorizationPrefix+"enableAuthorization", enabled(on))
	if !on {
		return
	}
	w.say(rolesField, needed(w.v[rolesField], w.v[authorizationPrefix+"roleRequirement"]))
	w.say(authorizationPrefix+"authorizationType", authorization(policies.Fields{Values: w.v}).words())
	w.yesNo(authorizationPrefix + "addRolesToHeader")
	if w.v.On(authorizationPrefix + "addRolesToHeader") {
		w.code(authorizationPrefix + "rolesHeaderName")
	}
	w.yesNo(authorizationPrefix + "enableMethodAccess")
	if w.v.On(authorizationPrefix + "enableMethodAccess") {
		w.endpoints()
	}
}

func (w *words) endpoints() {
	for i := range rowCount(w.v) {
		if roles := w.v[rowField(i, "credentialRoleNameList")]; len(splitRoles(roles)) > 0 {
			w.add(w.v[rowField(i, "httpMethod")]+" "+w.v[rowField(i, "endpoint")], needed(roles, w.v[rowField(i, "roleRequirement")]), false)
		}
	}
}

func needed(roles, requirement string) string {
	list := splitRoles(roles)
	switch {
	case len(list) < 2:
		return joinRoles(list)
	case jwtauth.Requirement(requirement) == jwtauth.AllRoles:
		return "All of " + joinRoles(list)
	}
	return "Any of " + joinRoles(list)
}

// enabled is how the seed's toggle reads.
func enabled(on bool) string {
	if on {
		return "ENABLED"
	}
	return "SUSPENDED"
}

func yesNo(yes bool) string {
	if yes {
		return "Yes"
	}
	return "No"
}

// name is what is chosen, where the kind goes without saying.
func (s service) name() string { return strings.TrimPrefix(s.words(), kindLabel(s.kind())+": ") }
