// Package link owns the addresses of the console's pages. Names become one
// path segment each, whatever characters they hold. Pages that make or check
// something stand under words of their own (new, check), so that a policy
// called "new" has an address like any other.
package link

import (
	"net/url"
	"strconv"
)

func path(segments ...string) string {
	out := ""
	for _, s := range segments {
		out += "/" + url.PathEscape(s)
	}
	return out
}

// Project is where a project begins.
func Project(project string) string { return path("projects", project) }

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

// Proxies is the list of API proxies.
func Proxies(project string) string { return path("projects", project, "proxies") }

// NewProxy is the empty form.
func NewProxy(project string) string { return path("projects", project, "new", "proxies") }

// Proxy is the page of an API proxy.
func Proxy(project, name string) string { return path("projects", project, "proxies", name) }

// ProxyEdit is the proxy's form.
func ProxyEdit(project, name string) string { return Proxy(project, name) + "/edit" }

// ProxyDelete asks, and then deletes.
func ProxyDelete(project, name string) string { return Proxy(project, name) + "/delete" }

// ProxySecret asks, and then makes a new client secret.
func ProxySecret(project, name string) string { return Proxy(project, name) + "/secret" }

// ProxyDevelop is the tab where policies are bound.
func ProxyDevelop(project, name string) string { return Proxy(project, name) + "/develop" }

// ProxyHistory is the list of revisions.
func ProxyHistory(project, name string) string { return Proxy(project, name) + "/history" }

// ProxyCompare shows what differs; it takes environment, from and to.
func ProxyCompare(project, name string) string { return Proxy(project, name) + "/compare" }

// ProxyRollback asks for a note, and then makes a new revision of an earlier one.
func ProxyRollback(project, name, environment string, revision int) string {
	return Proxy(project, name) + path("rollback", environment, strconv.Itoa(revision))
}

// ProxyDeploy asks for a note, and then deploys.
func ProxyDeploy(project, name, environment string) string {
	return Proxy(project, name) + path("deploy", environment)
}

// ProxyUndeploy asks, and then undeploys.
func ProxyUndeploy(project, name, environment string) string {
	return Proxy(project, name) + path("undeploy", environment)
}

// CheckProxyName says whether a name is free; it takes name and except.
func CheckProxyName(project string) string { return path("projects", project, "check", "proxy-name") }

// ProxyErrors draws the answers that a proxy's error templates give, for its form
// as it is typed.
func ProxyErrors(project string) string { return path("projects", project, "check", "proxy-errors") }

// CheckBasePath says whether a base path is free; it takes basePath and except.
func CheckBasePath(project string) string { return path("projects", project, "check", "base-path") }

// Bindings takes new bindings; the chooser is at its "/new".
func Bindings(project, proxy string) string { return Proxy(project, proxy) + "/bindings" }

// NewBinding is where a global policy is chosen or a local one begun.
func NewBinding(project, proxy string) string { return Bindings(project, proxy) + "/new" }

// NewLocalPolicy is the form of a local policy of a type.
func NewLocalPolicy(project, proxy, typ string) string {
	return Bindings(project, proxy) + "/new" + path(typ)
}

// OrderBindings takes the new order of a pipeline.
func OrderBindings(project, proxy string) string { return Bindings(project, proxy) + "/order" }

// Binding is a policy where it is bound; "/edit" and "/remove" are its actions.
func Binding(project, proxy, id string) string { return Bindings(project, proxy) + path("of", id) }

// BindingEdit is the form of a local policy.
func BindingEdit(project, proxy, id string) string { return Binding(project, proxy, id) + "/edit" }

// BindingStatus switches a local policy active or passive.
func BindingStatus(project, proxy, id string) string { return Binding(project, proxy, id) + "/status" }

// BindingLocalize asks for the name of a copy in the place of a global policy, and
// then makes it.
func BindingLocalize(project, proxy, id string) string {
	return Binding(project, proxy, id) + "/localize"
}

// BindingGlobalize asks for the name of a local policy among the global ones, and
// then makes it one.
func BindingGlobalize(project, proxy, id string) string {
	return Binding(project, proxy, id) + "/globalize"
}

// BindingRemove asks, and then removes.
func BindingRemove(project, proxy, id string) string { return Binding(project, proxy, id) + "/remove" }

// Audit is the list of audit records.
const Audit = "/audit"

// AuditRecord is one record with its before and after.
func AuditRecord(id string) string { return path("audit", id) }

// Account is the user's own page, and Password takes a new password.
const (
	Account  = "/account"
	Password = "/account/password"
)

// Environment chooses the environment on top.
const Environment = "/preferences/environment"
