package apiops

import (
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// What API proxies, proxy groups and policy groups have in common: addresses,
// key pairs, and what is deployed of them.

// kind is a kind of owner as addresses and the document have it.
type kind struct {
	kind string // engine.KindProxy and the others
	// folder is where they are below a project, parameter their name in a path.
	folder, parameter string
	// id is the word in operation ids, noun the one in sentences.
	id, noun string
}

var (
	proxyKind       = kind{engine.KindProxy, "apiProxies/", "apiProxyName", "Proxy", "API proxy"}
	proxyGroupKind  = kind{engine.KindProxyGroup, "apiProxyGroups/", "apiProxyGroupName", "ProxyGroup", "proxy group"}
	policyGroupKind = kind{engine.KindPolicyGroup, "policyGroups/", "policyGroupName", "PolicyGroup", "policy group"}

	kinds = []kind{proxyKind, proxyGroupKind, policyGroupKind}
)

// list is the path of all of a kind in a project, path that of one.
func (k kind) list() string { return Prefix + "projects/{projectName}/" + k.folder }
func (k kind) path() string { return k.list() + "{" + k.parameter + "}/" }

// ownerKind is the one that the address is about.
func (c *call) ownerKind() kind {
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.HasPrefix(c.op.path, k.list()) })
	return kinds[i] // an operation about an owner begins with one of their paths
}

// owner is the one that the address names.
func (c *call) owner() (models.Owner, error) {
	k := c.ownerKind()
	return c.Store.Owner(c.ctx(), c.project.ID, k.kind, c.name(k.parameter))
}

// ownerToWrite is owner, at the version of If-Match.
func (c *call) ownerToWrite() (models.Owner, error) {
	o, err := c.owner()
	if err != nil {
		return o, err
	}
	return o, c.matches(o.FlowVersions()...)
}

// clientRoute says which calls are the owner's.
type clientRoute struct {
	Paths   []string `json:"relativePathList" doc:"The base path, exactly one, such as /orders."`
	Hosts   []string `json:"hostList" doc:"Host names, each exact or with * as its first label; empty: any."`
	Methods []string `json:"methodList" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS" doc:"HTTP methods; empty: any."`
}

func routeOf(r engine.Route) clientRoute {
	return clientRoute{Paths: []string{r.BasePath}, Hosts: noNil(r.Hosts), Methods: noNil(r.Methods)}
}

// noNil makes a list that is [] in JSON where it is empty.
func noNil[T any](list []T) []T { return append([]T{}, list...) }

// route adds to l what only the API can get wrong; the rest is judged by the save.
func (r clientRoute) route(l *problem.List) engine.Route {
	return engine.Route{BasePath: only(l, "clientRoute.relativePathList", r.Paths), Hosts: r.Hosts, Methods: r.Methods}
}

// only is the one value of a list, which other products let be longer.
func only(l *problem.List, field string, list []string) string {
	switch len(list) {
	case 0:
		return "" // the save says what is missing
	case 1:
		return list[0]
	}
	l.Add(field, "Give exactly one; there are %d.", len(list))
	return ""
}

// ownerFields are the fields of the store that are called otherwise here.
var ownerFields = map[string]string{
	"basePath": "clientRoute.relativePathList", "hosts": "clientRoute.hostList", "methods": "clientRoute.methodList",
	"connectTimeout": "timeouts.connect", "responseTimeout": "timeouts.response",
}

// refield puts problems of the store under the names of what was sent.
func refield(err error, more map[string]string) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := slices.Clone(list)
	for i, p := range l {
		if to, ok := more[p.Field]; ok {
			l[i].Field = to
		} else if to, ok := ownerFields[p.Field]; ok {
			l[i].Field = to
		} else if to, ok := routingField(p.Field); ok {
			l[i].Field = to
		}
	}
	return l
}

// stamped says who made a thing and who changed it last.
type stamped struct {
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
}

func stampOf(s models.Stamp) stamped {
	return stamped{s.CreatedAt, s.CreatedBy, s.UpdatedAt, s.UpdatedBy}
}

// lanesOf are the policies for all calls, as an owner's own answer has them.
type lanesOf struct {
	Request  []any `json:"requestPolicyList,omitzero" policy:"true" doc:"With withPolicies=true."`
	Response []any `json:"responsePolicyList,omitzero" policy:"true" doc:"With withPolicies=true."`
	Error    []any `json:"errorPolicyList,omitzero" policy:"true" doc:"With withPolicies=true."`
}

func lanes(o models.Owner, endpointID string) lanesOf {
	return lanesOf{entries(o, policy.Request, endpointID), entries(o, policy.Response, endpointID), entries(o, policy.Error, endpointID)}
}

var withPolicies = []parameter{{name: "withPolicies", text: "Whether to answer the policies too.", kind: true}}

// deployState is what an environment runs of an owner.
type deployState struct {
	Environment      string     `json:"environmentName"`
	AccessURL        string     `json:"accessUrl" doc:"Where callers reach the environment."`
	Deployed         bool       `json:"deployed"`
	State            string     `json:"state" enum:"NOT_DEPLOYED,LIVE,REDEPLOY_REQUIRED,UNDEPLOYED"`
	Revision         int        `json:"revision" doc:"The one that runs, 0 when none does."`
	RedeployRequired bool       `json:"redeployRequired" doc:"What runs is not what is edited."`
	LastDeployTime   *time.Time `json:"lastDeployTime,omitempty" doc:"Of the last deploy or undeploy; left out when there was none."`
	DeployedBy       string     `json:"deployedBy"`
	Description      string     `json:"description" doc:"That was given with what runs."`
}

func deployStateOf(d models.Deployment) deployState {
	s := deployState{
		Environment: d.Environment, AccessURL: d.PublicURL, Deployed: d.Revision > 0, State: string(d.State), Revision: d.Revision,
		RedeployRequired: d.State == models.RedeployRequired, DeployedBy: d.DeployedBy, Description: d.Note,
	}
	if !d.DeployedAt.IsZero() {
		s.LastDeployTime = &d.DeployedAt
	}
	return s
}

func statesOf(o models.Owner) []deployState {
	list := []deployState{}
	for _, d := range o.Deployments {
		list = append(list, deployStateOf(d))
	}
	return list
}

// runsIn are the environments that run the owner.
func runsIn(o models.Owner) []string {
	var list []string
	for _, d := range o.Deployments {
		if d.Revision > 0 {
			list = append(list, d.Environment)
		}
	}
	return list
}

// ownerRow is an API in a list.
type ownerRow struct {
	Name        string        `json:"name"`
	Description string        `json:"description"`
	ClientID    string        `json:"clientId"`
	Path        string        `json:"relativePath" doc:"The base path."`
	Hosts       []string      `json:"hostList"`
	Methods     []string      `json:"methodList"`
	Deployments []deployState `json:"deployList" doc:"One for each environment."`
	stamped
}

var listParameters = append([]parameter{{name: "q", text: "Text in name, description or base path.", kind: ""}}, pagingParameters...)

// listOwners is a page of the owners of a kind that have a route.
func (a *API) listOwners(c *call) (any, error) {
	page, size, err := c.paging()
	if err != nil {
		return nil, err
	}
	found, total, err := a.Store.Owners(c.ctx(), c.project.ID, models.OwnerFilter{Kind: c.ownerKind().kind, Query: c.g.Query("q"), Page: page, PerPage: size})
	if err != nil {
		return nil, err
	}
	var list []ownerRow
	for _, o := range found {
		list = append(list, ownerRow{o.Name, o.Description, o.ClientID, o.Route.BasePath, noNil(o.Route.Hosts), noNil(o.Route.Methods), statesOf(o), stampOf(o.Stamp)})
	}
	return listing(list, total), nil
}

var undeployParameter = []parameter{{name: "undeploy", text: "Whether to take it out of the environments that run it. Needs the right to deploy.", kind: true}}

// deleteOwner deletes what runs nowhere, or wherever it runs if that was said.
func (a *API) deleteOwner(c *call) (any, error) {
	var l problem.List
	undeploy := c.flag(&l, "undeploy")
	if l != nil {
		return nil, l
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	live := runsIn(o)
	switch {
	case len(live) > 0 && !undeploy:
		return nil, conflict("%s is deployed in %s. Undeploy it first, or send undeploy=true.", o.Name, strings.Join(live, ", "))
	case len(live) > 0 && !c.visit().Can(models.DeployAPIs):
		return nil, errForbidden
	}
	if err := a.Store.DeleteOwner(c.ctx(), c.by(), c.project.ID, o.ID, o.Version); err != nil {
		return nil, err
	}
	result := nothingDeployed()
	for _, place := range live {
		result.Results = append(result.Results, environment{place, true, "Undeployed"})
	}
	return deployAnswer{success(), result}, nil
}

// keyAnswer has a new secret, this once.
type keyAnswer struct {
	done
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret" doc:"Shown this once."`
}

func (a *API) rotateSecret(c *call) (any, error) {
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	fresh, err := a.Store.RotateOwnerSecret(c.ctx(), c.by(), c.project.ID, o.ID, o.Version)
	if err != nil {
		return nil, err
	}
	after, err := c.owner()
	if err != nil {
		return nil, err
	}
	c.noStore()
	c.tag(after.FlowVersions()...)
	return keyAnswer{success(), o.ClientID, fresh.Reveal()}, nil
}

// noStore keeps an answer with a secret out of caches.
func (c *call) noStore() { c.g.Header("Cache-Control", "no-store") }

// errorTemplates are those of an answer, nil for none.
func errorTemplates(o models.Owner) *fault.Bodies {
	if o.ErrorTemplates.Empty() {
		return nil
	}
	return o.ErrorTemplates
}
