// Package link owns the addresses of the console's pages. Names become one
// path segment each, whatever characters they hold. Pages that make or check
// something stand under words of their own (new, check), so that a policy
// called "new" has an address like any other.
package link

import "net/url"

func path(segments ...string) string {
	out := ""
	for _, s := range segments {
		out += "/" + url.PathEscape(s)
	}
	return out
}

// Project is where a project begins.
func Project(project string) string { return path("projects", project) }

// Dashboard is what needs attention in a project.
func Dashboard(project string) string { return path("projects", project, "dashboard") }

// Policies is the list of a type's global policies.
func Policies(project, typ string) string { return path("projects", project, "policies", typ) }

// NewPolicy is the empty form of a type.
func NewPolicy(project, typ string) string { return path("projects", project, "new", "policies", typ) }

// Policy is the page of a global policy; the others are its actions.
func Policy(project, typ, name string) string {
	return path("projects", project, "policies", typ, name)
}

// PolicyEdit is the policy's form.
func PolicyEdit(project, typ, name string) string { return Policy(project, typ, name) + "/edit" }

// PolicyStatus switches the policy active or passive.
func PolicyStatus(project, typ, name string) string { return Policy(project, typ, name) + "/status" }

// PolicyDelete asks, and then deletes.
func PolicyDelete(project, typ, name string) string { return Policy(project, typ, name) + "/delete" }

// PolicyDuplicate asks for the name of a copy, and then makes it.
func PolicyDuplicate(project, typ, name string) string {
	return Policy(project, typ, name) + "/duplicate"
}

// CheckPolicyName says whether a name is free; it takes name and except.
func CheckPolicyName(project string) string { return path("projects", project, "check", "policy-name") }

// PolicyAdvice says what to consider about a form of a type as it is typed.
func PolicyAdvice(project, typ string) string {
	return path("projects", project, "check", "policy-advice", typ)
}

// PolicyConditions draws the conditions of a form of a type anew.
func PolicyConditions(project, typ string) string {
	return path("projects", project, "check", "policy-conditions", typ)
}

// BulkPolicies does one thing with many policies of a type.
func BulkPolicies(project, typ string) string {
	return path("projects", project, "bulk", "policies", typ)
}

// CheckProxyName says whether a name is free; it takes name and except.
func CheckProxyName(project string) string { return path("projects", project, "check", "proxy-name") }

// CheckPolicyGroupName says whether a name is free; it takes name and except.
func CheckPolicyGroupName(project string) string {
	return path("projects", project, "check", "policy-group-name")
}

// ProxyErrors draws the answers that a proxy's error templates give, for its form
// as it is typed.
func ProxyErrors(project string) string { return path("projects", project, "check", "proxy-errors") }

// FindMembers finds proxies for the form of a proxy group; it takes the form.
func FindMembers(project string) string { return path("projects", project, "check", "group-members") }

// CheckBasePath says whether a base path is free; it takes basePath and except.
func CheckBasePath(project string) string { return path("projects", project, "check", "base-path") }

// Account is the user's own page, and Password takes a new password.
const (
	Account  = "/account"
	Password = "/account/password"
)

// Environment chooses the environment on top.
const Environment = "/preferences/environment"
