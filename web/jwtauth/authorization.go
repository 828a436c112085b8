package jwtauth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

const (
	authorizationPrefix = "authorization."
	rowsField           = authorizationPrefix + "policyAuthorizationMethodDefList"
	rolesField          = authorizationPrefix + "credentialRoleNameList"
)

var authorizationLabels = []policies.Label{
	{Field: authorizationPrefix + "enableAuthorization", Text: "Authorization"},
	{Field: rolesField, Text: "Roles/Groups"},
	{Field: authorizationPrefix + "roleRequirement", Text: "Roles needed"},
	{Field: authorizationPrefix + "authorizationType", Text: "Roles come from"},
	{Field: authorizationPrefix + "authorizationProviderName", Text: "Roles come from"},
	{Field: authorizationPrefix + "addRolesToHeader", Text: "Add Roles To Header"},
	{Field: authorizationPrefix + "rolesHeaderName", Text: "Roles Header Name"},
	{Field: authorizationPrefix + "enableMethodAccess", Text: "Enable Role/Group Based Method Access"},
	{Field: rowsField, Text: "Roles of endpoints"},
	{Field: rowsField + "[].httpMethod", Text: "Method of an endpoint"},
	{Field: rowsField + "[].endpoint", Text: "Path of an endpoint"},
	{Field: rowsField + "[].credentialRoleNameList", Text: "Roles of an endpoint"},
	{Field: rowsField + "[].roleRequirement", Text: "Roles needed at an endpoint"},
}

// maxRows is how many rows of endpoints a form can have.
const maxRows = 2000

func writeAuthorization(v policies.Values, a *jwtauth.Authorization) {
	v.Tick(authorizationPrefix+"enableAuthorization", a.EnableAuthorization)
	v[rolesField] = joinRoles(a.CredentialRoleNameList)
	v[authorizationPrefix+"roleRequirement"] = requirement(a.RoleRequirement)
	writeService(v, authorizationPrefix+"authorizationType", authorizationPrefix+"authorizationProviderName", a.AuthorizationType, a.AuthorizationProviderName)
	v.Tick(authorizationPrefix+"addRolesToHeader", a.AddRolesToHeader)
	v[authorizationPrefix+"rolesHeaderName"] = orElse(a.RolesHeaderName, jwtauth.DefaultRolesHeader)
	v.Tick(authorizationPrefix+"enableMethodAccess", a.EnableMethodAccess)
	v[rowsField+".rows"] = strconv.Itoa(len(a.PolicyAuthorizationMethodDefList))
	for i, row := range a.PolicyAuthorizationMethodDefList {
		v[rowField(i, "httpMethod")], v[rowField(i, "endpoint")] = row.HTTPMethod, row.Endpoint
		v[rowField(i, "credentialRoleNameList")] = joinRoles(row.CredentialRoleNameList)
		v[rowField(i, "roleRequirement")] = requirement(row.RoleRequirement)
	}
}

func requirement(r jwtauth.Requirement) string { return orElse(string(r), string(jwtauth.AnyRole)) }

func rowField(row int, field string) string { return fmt.Sprintf("%s[%d].%s", rowsField, row, field) }

func joinRoles(roles []string) string { return strings.Join(roles, ", ") }

// splitRoles reads a list with commas. A blank does not part two roles: "Domain Users" is one name, of which people are
// told that it cannot be one.
func splitRoles(text string) []string {
	var roles []string
	for role := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if role = strings.TrimSpace(role); role != "" {
			roles = append(roles, role)
		}
	}
	return roles
}

func readAuthorization(l *problem.List, v policies.Values, a *jwtauth.Authorization) {
	if a.EnableAuthorization = v.On(authorizationPrefix + "enableAuthorization"); !a.EnableAuthorization {
		return
	}
	a.CredentialRoleNameList = splitRoles(v[rolesField])
	a.RoleRequirement = jwtauth.Requirement(v[authorizationPrefix+"roleRequirement"])
	a.AuthorizationType, a.AuthorizationProviderName = readService(v, authorizationPrefix+"authorizationType", authorizationPrefix+"authorizationProviderName")
	if a.AddRolesToHeader = v.On(authorizationPrefix + "addRolesToHeader"); a.AddRolesToHeader {
		a.RolesHeaderName = headerName(l, v, authorizationPrefix+"rolesHeaderName")
	}
	if a.EnableMethodAccess = v.On(authorizationPrefix + "enableMethodAccess"); a.EnableMethodAccess {
		a.PolicyAuthorizationMethodDefList = readRows(l, v)
	}
}

// readRows leaves out rows without roles, which ask for nothing. Only a row that stands for an endpoint of the proxy may
// be without: in another, somebody forgot them.
func readRows(l *problem.List, v policies.Values) []jwtauth.MethodAccess {
	var list []jwtauth.MethodAccess
	for i := range rowCount(v) {
		row := jwtauth.MethodAccess{
			Endpoint: strings.TrimSpace(v[rowField(i, "endpoint")]), HTTPMethod: v[rowField(i, "httpMethod")],
			CredentialRoleNameList: splitRoles(v[rowField(i, "credentialRoleNameList")]),
			RoleRequirement:        jwtauth.Requirement(v[rowField(i, "roleRequirement")]),
		}
		switch {
		case len(row.CredentialRoleNameList) > 0:
			list = append(list, row)
		case row.Endpoint != "" && !v.On(rowField(i, "listed")):
			l.Add(rowsField, "Name the roles for %s %s, or remove the row.", row.HTTPMethod, row.Endpoint)
		}
	}
	return list
}

func rowCount(v policies.Values) int {
	n, err := strconv.Atoi(v[rowsField+".rows"])
	if err != nil {
		return 0
	}
	return min(max(n, 0), maxRows)
}

// methodRow is a row of the table of endpoints as it is drawn.
type methodRow struct {
	policies.Fields
	index int // of its fields
	// saved counts the rows that are not left out, as problems do; -1 for one that is.
	saved int
	// listed tells that the endpoint is one of the proxy's, gone that it no longer is.
	listed, gone bool
}

func (r methodRow) value(field string) string { return r.Values[rowField(r.index, field)] }

// control is one field of the row. Its id is the one that the problem summary leads to.
func (r methodRow) control(field, text string) ui.Field {
	name := rowField(r.index, field)
	c := ui.Field{
		Name: name, ID: ui.FieldID("row." + name), Value: r.Values[name],
		Label: text + " of row " + strconv.Itoa(r.index+1),
	}
	if r.listed || r.gone {
		c.Label = text + " of " + r.value("httpMethod") + " " + r.value("endpoint")
	}
	if r.saved >= 0 {
		problem := rowField(r.saved, field)
		c.ID, c.Error, c.Attrs = ui.FieldID(problem), r.Problems.For(problem), policies.First(r.Problems, problem)
	}
	return c
}

// methodRows are the rows of the table. In a proxy they follow its endpoints, and rows of endpoints that it no longer
// has come last; a global policy has the rows that were typed.
func methodRows(f policies.Fields) (policies.Fields, []methodRow) {
	if f.Choices.Proxy != nil {
		f.Values = followEndpoints(f.Values, f.Choices.Proxy.Endpoints)
	}
	var list []methodRow
	saved := 0
	for i := range rowCount(f.Values) {
		row := methodRow{Fields: f, index: i, saved: -1}
		row.listed = f.Values.On(rowField(i, "listed"))
		row.gone = f.Choices.Proxy != nil && !row.listed
		if len(splitRoles(row.value("credentialRoleNameList"))) > 0 {
			row.saved = saved
			saved++
		}
		list = append(list, row)
	}
	return f, list
}

// followEndpoints gives every endpoint a row, in the order of the proxy.
func followEndpoints(v policies.Values, endpoints []policies.Endpoint) policies.Values {
	rest := make([]int, rowCount(v))
	for i := range rest {
		rest[i] = i
	}
	out := policies.Values{}
	for name, text := range v {
		if !strings.HasPrefix(name, rowsField) {
			out[name] = text
		}
	}
	n := 0
	place := func(from int, method, path string, listed bool) {
		out[rowField(n, "httpMethod")], out[rowField(n, "endpoint")] = method, path
		out[rowField(n, "roleRequirement")] = string(jwtauth.AnyRole)
		if from >= 0 {
			out[rowField(n, "credentialRoleNameList")] = v[rowField(from, "credentialRoleNameList")]
			out[rowField(n, "roleRequirement")] = v[rowField(from, "roleRequirement")]
		}
		out.Tick(rowField(n, "listed"), listed)
		n++
	}
	for _, e := range endpoints {
		from := -1
		i := slices.IndexFunc(rest, func(i int) bool {
			return jwtauth.SameEndpoint(v[rowField(i, "httpMethod")], v[rowField(i, "endpoint")], e.Method, e.Path)
		})
		if i >= 0 {
			from = rest[i]
			rest = slices.Delete(rest, i, i+1)
		}
		place(from, e.Method, e.Path, true)
	}
	for _, i := range rest {
		if v[rowField(i, "credentialRoleNameList")] != "" { // without roles it says nothing
			place(i, v[rowField(i, "httpMethod")], v[rowField(i, "endpoint")], false)
		}
	}
	out[rowsField+".rows"] = strconv.Itoa(n)
	return out
}

var requirements = []ui.OptionGroup{{Options: []ui.Option{
	{Value: string(jwtauth.AnyRole), Label: "Any of roles is enough"},
	{Value: string(jwtauth.AllRoles), Label: "All roles are required"},
}}}

// methods are offered for rows that are typed.
func methods() []ui.OptionGroup {
	return ui.Options("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
}
