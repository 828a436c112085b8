package jwtauth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
)

// Requirement says how many of a list of roles a caller needs.
type Requirement string

// The requirements.
const (
	AnyRole  Requirement = "ANY"
	AllRoles Requirement = "ALL"
)

// Authorization says which roles a caller needs (reference: Authorization
// Configuration). Callers who lack them get 403.
type Authorization struct {
	// EnableAuthorization switches all of it on. Default false.
	EnableAuthorization bool `json:"enableAuthorization"`
	// AddRolesToHeader hands all roles of the caller to the upstream, joined by
	// commas (D14), in RolesHeaderName (default X-Authenticated-UserRoles).
	AddRolesToHeader bool   `json:"addRolesToHeader,omitempty"`
	RolesHeaderName  string `json:"rolesHeaderName,omitempty"`
	// AuthorizationType is where roles are read anew on calls, by user name;
	// empty means the token's scope. AuthorizationProviderName is the source.
	AuthorizationType         identity.KindName `json:"authorizationType,omitempty"`
	AuthorizationProviderName string            `json:"authorizationProviderName,omitempty"`
	// CredentialRoleNameList are the roles needed for every call, compared
	// exactly; required. RoleRequirement is ANY (default) or ALL.
	CredentialRoleNameList []string    `json:"credentialRoleNameList,omitempty"`
	RoleRequirement        Requirement `json:"roleRequirement,omitempty"`
	// EnableMethodAccess also asks the endpoint's own row of
	// PolicyAuthorizationMethodDefList. An endpoint without a row needs the
	// roles above only.
	EnableMethodAccess               bool           `json:"enableMethodAccess,omitempty"`
	PolicyAuthorizationMethodDefList []MethodAccess `json:"policyAuthorizationMethodDefList,omitempty"`
}

// MethodAccess is the roles that one endpoint needs, beside those of the policy.
type MethodAccess struct {
	// Endpoint is the path template as the proxy spells it; HTTPMethod is in
	// capitals.
	Endpoint               string      `json:"endpoint"`
	HTTPMethod             string      `json:"httpMethod"`
	CredentialRoleNameList []string    `json:"credentialRoleNameList"`
	RoleRequirement        Requirement `json:"roleRequirement"`
}

// normalize drops what has no effect; possible tells whether callers can have
// roles at all.
func (a *Authorization) normalize(possible bool) {
	if !possible || !a.EnableAuthorization {
		*a = Authorization{}
		return
	}
	switch {
	case !a.AddRolesToHeader:
		a.RolesHeaderName = ""
	case a.RolesHeaderName == "":
		a.RolesHeaderName = DefaultRolesHeader
	}
	if !hasProvider(a.AuthorizationType) {
		a.AuthorizationProviderName = ""
	}
	if !a.EnableMethodAccess {
		a.PolicyAuthorizationMethodDefList = nil
	}
	a.RoleRequirement = orAny(a.RoleRequirement)
	for i := range a.PolicyAuthorizationMethodDefList {
		row := &a.PolicyAuthorizationMethodDefList[i]
		row.HTTPMethod, row.RoleRequirement = strings.ToUpper(row.HTTPMethod), orAny(row.RoleRequirement)
	}
	// A row without roles asks for nothing.
	a.PolicyAuthorizationMethodDefList = slices.DeleteFunc(a.PolicyAuthorizationMethodDefList,
		func(m MethodAccess) bool { return len(m.CredentialRoleNameList) == 0 })
	if len(a.PolicyAuthorizationMethodDefList) == 0 {
		a.PolicyAuthorizationMethodDefList = nil
	}
	if len(a.CredentialRoleNameList) == 0 {
		a.CredentialRoleNameList = nil
	}
}

func orAny(r Requirement) Requirement {
	if r == "" {
		return AnyRole
	}
	return r
}

func (c *Config) validateAuthorization(l *problem.List) {
	a := &c.Authorization
	if !a.EnableAuthorization {
		return
	}
	var own problem.List
	a.validate(&own)
	if a.AddRolesToHeader && c.AddUserToHeader && sameHeader(a.RolesHeaderName, c.UserHeaderName) {
		own.Add("rolesHeaderName", "Choose another name: the user's name is handed on in this header.")
	}
	l.Append("authorization", own)
}

func (a *Authorization) validate(l *problem.List) {
	if a.AddRolesToHeader {
		if msg := HeaderNameProblem(a.RolesHeaderName); msg != "" {
			l.Add("rolesHeaderName", "%s", msg)
		}
	}
	a.validateSource(l)
	if len(a.CredentialRoleNameList) == 0 {
		l.Add("credentialRoleNameList", "Choose at least one role that callers need.")
	}
	checkRoles(l, "credentialRoleNameList", a.CredentialRoleNameList)
	checkRequirement(l, "roleRequirement", a.RoleRequirement)
	a.validateRows(l)
}

func (a *Authorization) validateSource(l *problem.List) {
	switch a.AuthorizationType {
	case "", identity.SecretManager:
	case identity.LDAP, identity.Database, identity.API:
		if a.AuthorizationProviderName == "" {
			l.Add("authorizationProviderName", "Choose the identity source that knows the roles.")
		}
	default:
		l.Add("authorizationType", "Choose SECRET_MANAGER, LDAP, DATABASE or API, or leave it empty to use the roles of the token.")
	}
}

func (a *Authorization) validateRows(l *problem.List) {
	seen := map[string]bool{}
	for i, row := range a.PolicyAuthorizationMethodDefList {
		place := fmt.Sprintf("policyAuthorizationMethodDefList[%d].", i)
		if !isTemplate(row.Endpoint) {
			l.Add(place+"endpoint", "Enter the path of an endpoint as the proxy has it, such as /orders/{id}.")
		}
		if row.HTTPMethod == "" || strings.ContainsFunc(row.HTTPMethod, notMethodChar) {
			l.Add(place+"httpMethod", "Enter the HTTP method of the endpoint, such as GET.")
		}
		// By the router's identity: /a/{id} and /a/{key} are one endpoint.
		if key := string(appendEndpoint(nil, row.HTTPMethod, row.Endpoint)); seen[key] {
			l.Add(place+"endpoint", "There are two rows for %s %s; remove one.", row.HTTPMethod, row.Endpoint)
		} else {
			seen[key] = true
		}
		checkRoles(l, place+"credentialRoleNameList", row.CredentialRoleNameList)
		checkRequirement(l, place+"roleRequirement", row.RoleRequirement)
	}
}

// isTemplate tells whether path can be that of an endpoint. Whether a proxy has
// it only the proxy knows.
func isTemplate(path string) bool {
	return strings.HasPrefix(path, "/") && len(path) <= maxTemplate && !strings.Contains(path, "//") &&
		!strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`?#;\"<>^|`+"`", r) })
}

const maxTemplate = 1000

func notMethodChar(r rune) bool { return r < 'A' || r > 'Z' }

func checkRoles(l *problem.List, field string, roles []string) {
	for i, role := range roles {
		if msg := identity.RoleProblem(role); msg != "" {
			l.Add(field, "%q: %s", role, msg)
		} else if slices.Contains(roles[:i], role) {
			l.Add(field, "The role %s is here twice; remove one.", role)
		}
	}
}

func checkRequirement(l *problem.List, field string, r Requirement) {
	if r != AnyRole && r != AllRoles {
		l.Add(field, "Choose ANY or ALL.")
	}
}

// sameHeader compares as lenient servers do, which read an underscore as a
// hyphen.
func sameHeader(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-"))
}
