package link

import (
	"strconv"
	"strings"
)

// Kind is a kind of owner as addresses name it.
type Kind string

// The kinds of owner.
const (
	KindProxy       Kind = "proxies"
	KindProxyGroup  Kind = "proxy-groups"
	KindPolicyGroup Kind = "policy-groups"
)

// List is the list of a kind.
func (k Kind) List(project string) string { return path("projects", project, string(k)) }

// New is the empty form of a kind.
func (k Kind) New(project string) string { return path("projects", project, "new", string(k)) }

// Proxies is the list of API proxies.
func Proxies(project string) string { return KindProxy.List(project) }

// NewProxy is the empty form of an API proxy.
func NewProxy(project string) string { return KindProxy.New(project) }

// NewProxyDocument reads an OpenAPI document for a new proxy.
func NewProxyDocument(project string) string { return NewProxy(project) + "/document" }

// TakesDocument tells whether an escaped path is that of NewProxyDocument or of
// Owner.Document.
func TakesDocument(escaped string) bool {
	parts := strings.Split(escaped, "/")
	return len(parts) == 6 && parts[1] == "projects" && parts[5] == "document" &&
		(parts[3] == "new" && parts[4] == string(KindProxy) || parts[3] == string(KindProxy))
}

// Owner is an API proxy, a proxy group or a policy group; its methods are the
// addresses of its pages.
type Owner struct {
	Project string
	Kind    Kind
	Name    string
}

// Proxy is the API proxy of that name.
func Proxy(project, name string) Owner { return Owner{project, KindProxy, name} }

// ProxyGroup is the proxy group of that name.
func ProxyGroup(project, name string) Owner { return Owner{project, KindProxyGroup, name} }

// PolicyGroup is the policy group of that name.
func PolicyGroup(project, name string) Owner { return Owner{project, KindPolicyGroup, name} }

// Assign is where many proxies and policies are put into a proxy group at once.
func (o Owner) Assign() string { return o.Page() + "/assign" }

// Page is the owner's own page.
func (o Owner) Page() string { return o.Kind.List(o.Project) + path(o.Name) }

// Edit is the owner's form.
func (o Owner) Edit() string { return o.Page() + "/edit" }

// Document reads an OpenAPI document for the endpoints of a proxy.
func (o Owner) Document() string { return o.Page() + "/document" }

// Status switches a policy group active or passive, and asks before.
func (o Owner) Status() string { return o.Page() + "/status" }

// Duplicate asks for the name of a copy, and then makes it.
func (o Owner) Duplicate() string { return o.Page() + "/duplicate" }

// Delete asks, and then deletes.
func (o Owner) Delete() string { return o.Page() + "/delete" }

// Secret asks, and then makes a new client secret.
func (o Owner) Secret() string { return o.Page() + "/secret" }

// Develop is the tab where policies are bound.
func (o Owner) Develop() string { return o.Page() + "/develop" }

// History is the list of revisions.
func (o Owner) History() string { return o.Page() + "/history" }

// Compare shows what differs; it takes environment, from and to.
func (o Owner) Compare() string { return o.Page() + "/compare" }

// Rollback asks for a note, and then makes a new revision of an earlier one.
func (o Owner) Rollback(environment string, revision int) string {
	return o.Page() + path("rollback", environment, strconv.Itoa(revision))
}

// Pin keeps a revision whatever its age, or no longer.
func (o Owner) Pin(revision int) string {
	return o.History() + path(strconv.Itoa(revision), "pin")
}

// DeleteRevision asks, and then deletes a revision.
func (o Owner) DeleteRevision(revision int) string {
	return o.History() + path(strconv.Itoa(revision), "delete")
}

// Deploy asks for a note, and then deploys.
func (o Owner) Deploy(environment string) string { return o.Page() + path("deploy", environment) }

// Undeploy asks, and then undeploys.
func (o Owner) Undeploy(environment string) string { return o.Page() + path("undeploy", environment) }

// Bindings takes new bindings; the chooser is at its "/new".
func (o Owner) Bindings() string { return o.Page() + "/bindings" }

// NewBinding is where a global policy or a policy group is chosen, or a local
// policy begun.
func (o Owner) NewBinding() string { return o.Bindings() + "/new" }

// NewLocalPolicy is the form of a local policy of a type.
func (o Owner) NewLocalPolicy(typ string) string { return o.NewBinding() + path(typ) }

// OrderBindings takes the new order of a pipeline.
func (o Owner) OrderBindings() string { return o.Bindings() + "/order" }

// SwitchBindings asks, and then switches every policy of a lane; it takes
// pipeline, endpoint and active.
func (o Owner) SwitchBindings() string { return o.Bindings() + "/switch" }

// Binding is a policy where it is bound; the others are its actions.
func (o Owner) Binding(id string) string { return o.Bindings() + path("of", id) }

// BindingEdit is the form of a local policy.
func (o Owner) BindingEdit(id string) string { return o.Binding(id) + "/edit" }

// BindingStatus switches a local policy active or passive.
func (o Owner) BindingStatus(id string) string { return o.Binding(id) + "/status" }

// BindingLocalize asks for the name of a copy in the place of a global policy, and
// then makes it.
func (o Owner) BindingLocalize(id string) string { return o.Binding(id) + "/localize" }

// BindingGlobalize asks for the name of a local policy among the global ones, and
// then makes it one.
func (o Owner) BindingGlobalize(id string) string { return o.Binding(id) + "/globalize" }

// BindingRemove asks, and then removes.
func (o Owner) BindingRemove(id string) string { return o.Binding(id) + "/remove" }

// The kinds of owners as forms and the store spell them.
const (
	OfProxy       = "PROXY"
	OfProxyGroup  = "PROXY_GROUP"
	OfPolicyGroup = "POLICY_GROUP"
)

var kindsOf = map[string]Kind{OfProxy: KindProxy, OfProxyGroup: KindProxyGroup, OfPolicyGroup: KindPolicyGroup}

// OwnerOf is the owner of a kind as the store spells it.
func OwnerOf(project, kind, name string) Owner { return Owner{project, kindsOf[kind], name} }

// CompareIn shows what differs between what runs in an environment and what is
// edited.
func (o Owner) CompareIn(environment string) string {
	return o.Compare() + query("environment", environment)
}
