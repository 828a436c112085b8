package apiops

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// Who uses a global policy, and how one place gets a copy of its own
// (reference 5.6, 5.7).

func (a *API) globalPolicyUseOperations() []operation {
	const tag = "Global policies"
	return []operation{
		{
			method: http.MethodGet, path: globalPath + "usage/", id: "listGlobalPolicyUsage", tag: tag, summary: "List where a global policy runs",
			text:  "Also by policy groups. To narrow to LIVE or REDEPLOY_REQUIRED, what is edited has to be compared with what runs, so such a list has no pages: ask on with from as next says, also where a list is short because as much was looked through as one answer may.",
			right: models.ViewSettings, query: usageParameters, result: usageAnswer{}, do: a.listGlobalPolicyUsage,
		},
		{
			method: http.MethodGet, path: globalPath + "impact/", id: "getGlobalPolicyImpact", tag: tag, summary: "Tell how much hangs on a global policy",
			right: models.ViewSettings, result: one[policyImpact]{}, do: a.getGlobalPolicyImpact,
		},
		{
			method: http.MethodPost, path: globalPath + "localize/", id: "localizeGlobalPolicy", tag: tag, summary: "Put a local copy in the place of a global policy",
			text:  "In one place of one API, which the body names; where the API has the policy in several places, with scope and pipeline. The copy is edited there alone. Nothing is deployed.",
			right: models.ManageAPIs, body: localizeBody{}, result: one[localized]{}, do: a.localizeGlobalPolicy,
		},
	}
}

var usageParameters = slices.Concat([]parameter{
	{name: "q", text: "A part of the name of the API or the policy group.", kind: ""},
	{name: "type", text: "The kind of what it is bound to.", kind: "", enum: []string{"API_PROXY", "API_PROXY_GROUP", "POLICY_GROUP"}},
	{name: "name", text: "The name of what it is bound to.", kind: ""},
	{name: "environmentName", text: "The only environment to tell of.", kind: ""},
	{name: "state", text: "How it stands in the environment, or in any.", kind: "", enum: []string{"NOT_DEPLOYED", "LIVE", "REDEPLOY_REQUIRED"}},
	{name: "from", text: "How many places to pass over, instead of page, with the state LIVE or REDEPLOY_REQUIRED.", kind: 0},
}, sortedBy(placeOrders...), pagingParameters)

type usageAnswer struct {
	listOf[policyPlace]
	Next    int  `json:"next" doc:"How many places the next list passes over; 0 when there is none."`
	Stopped bool `json:"stopped" doc:"The list is short because as much was looked through as one answer may."`
}

// policyPlace is a place in which a policy runs.
type policyPlace struct {
	Type         string          `json:"type" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP"`
	Name         string          `json:"name"`
	Scope        policy.Scope    `json:"targetScope"`
	Endpoint     string          `json:"targetEndpoint,omitempty"`
	Method       string          `json:"targetEndpointHTTPMethod,omitempty"`
	Pipeline     policy.Pipeline `json:"targetPipeline"`
	Order        int             `json:"order" doc:"Place in the lane, from 1."`
	Group        string          `json:"policyGroupName,omitempty" doc:"The policy group by which it is there."`
	OrderInGroup int             `json:"orderInPolicyGroup,omitempty"`
	Environments []placeState    `json:"environments"`
}

type placeState struct {
	Name     string `json:"environmentName"`
	State    string `json:"state" enum:"NOT_DEPLOYED,LIVE,REDEPLOY_REQUIRED,UNDEPLOYED"`
	Revision int    `json:"revision" doc:"That runs; 0 for none."`
	Calls    int64  `json:"callsOfLastDay"`
	Tokens   int    `json:"liveTokens" doc:"Among the first 1000 that the owner has there."`
	More     bool   `json:"liveTokensMayBeMore" doc:"The owner has 1000 live tokens there or more, of whatever policies, so that there may be more of this one."`
}

func (a *API) listGlobalPolicyUsage(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	f, err := c.usageFilter()
	if err != nil {
		return nil, err
	}
	f.PolicyID = p.ID
	return c.usage(f)
}

// usage is a page of the report.
func (c *call) usage(f models.UsageFilter) (any, error) {
	list, at, err := c.Store.UsageReport(c.ctx(), c.project.ID, f)
	if err != nil {
		return nil, err
	}
	places := make([]policyPlace, len(list))
	for i, u := range list {
		places[i] = placeOf(u)
	}
	return usageAnswer{listing(places, at.Total), at.Next, at.Stopped}, nil
}

// placeOrders are what places can be sorted by: the figures of all environments
// that are asked for together.
var placeOrders = []string{"owner", "kind", "scope", "pipeline", "position", "deployed", "calls", "tokens"}

// usageFilter reads the query; one place is told of once, so without the state
// of what is compared it has pages.
func (c *call) usageFilter() (models.UsageFilter, error) {
	page, size, err := c.paging()
	l := problem.Of(err)
	sort := c.choice(&l, "sort", placeOrders...)
	f := models.UsageFilter{
		Query: c.g.Query("q"), Owner: c.g.Query("name"), OwnerKind: ownerKind(c.choice(&l, "type", "API_PROXY", "API_PROXY_GROUP", "POLICY_GROUP")),
		Sort: sort, Desc: c.flag(&l, "desc"),
		StateFilter: models.StateFilter{
			Environment: c.g.Query("environmentName"), State: models.DeployState(c.choice(&l, "state", "NOT_DEPLOYED", "LIVE", "REDEPLOY_REQUIRED")),
			Page: page, PerPage: size, From: c.number(&l, "from", 0, 0, 1_000_000_000),
		},
	}
	if sort == "" {
		f.Sort = "owner"
	}
	switch {
	case f.Compared() && page != 1:
		l.Add("page", "Use from with this state: such a list has no pages.")
	case !f.Compared() && f.From != 0:
		l.Add("from", "Use page: from is for the states LIVE and REDEPLOY_REQUIRED.")
	}
	if name := f.Environment; name != "" {
		if _, err := c.Store.Environment(c.ctx(), name); isNotFound(err) {
			l.Add("environmentName", "There is no environment %q.", name)
		} else if err != nil {
			return f, err
		}
	}
	return f, l.Err()
}

func placeOf(u models.PlaceUsage) policyPlace {
	method, path, _ := strings.Cut(u.Endpoint, " ")
	p := policyPlace{
		Type: ownerWords[u.OwnerKind], Name: u.OwnerName, Scope: u.Scope, Endpoint: path, Method: method, Pipeline: u.Pipeline,
		Order: u.Position, Group: u.Via, OrderInGroup: u.Order, Environments: []placeState{},
	}
	for _, in := range u.In {
		p.Environments = append(p.Environments, placeState{in.Environment, string(in.State), in.Revision, in.Calls, in.Tokens, in.Capped})
	}
	return p
}

// policyImpact is how much hangs on a policy.
type policyImpact struct {
	Proxies      int        `json:"apiProxies" doc:"That have it, also by a policy group."`
	ProxyGroups  int        `json:"apiProxyGroups" doc:"That have it, also by a policy group."`
	PolicyGroups int        `json:"policyGroups"`
	Bound        int        `json:"boundCount" doc:"How many have it bound themselves."`
	BoundBy      []ownerRef `json:"boundBy" doc:"The first 100 of these."`
	Through      int        `json:"throughCount" doc:"How many others have it by a policy group."`
	ThroughBy    []ownerRef `json:"throughBy" doc:"The first 100 of these."`
	Live         int        `json:"liveCount" doc:"How many run it somewhere, also as a part of what they run; each has to be deployed again for a change."`
	Environments []string   `json:"liveEnvironments" doc:"Where."`
}

func (a *API) getGlobalPolicyImpact(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	i, err := a.Store.PolicyImpact(c.ctx(), p.ID)
	if err != nil {
		return nil, err
	}
	return single(policyImpact{
		i.Proxies, i.ProxyGroups, i.PolicyGroups, i.Bound, ownerRefs(i.BoundBy), i.Through, ownerRefs(i.ThroughBy), i.Live, append([]string{}, i.Environments...),
	}), nil
}

// ownerRef names what policies are bound to.
type ownerRef struct {
	Type string `json:"type" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP"`
	Name string `json:"name"`
}

func ownerRefs(names []models.OwnerName) []ownerRef {
	list := make([]ownerRef, len(names))
	for i, n := range names {
		list[i] = ownerRef{ownerWords[n.Kind], n.Name}
	}
	return list
}

// localizeBody names one place of one owner.
type localizeBody struct {
	Proxy       string          `json:"apiProxyName" doc:"The API proxy, unless one of the next two is named."`
	ProxyGroup  string          `json:"apiProxyGroupName"`
	PolicyGroup string          `json:"policyGroupName"`
	Scope       policy.Scope    `json:"targetScope" doc:"Where it is in several places."`
	Endpoint    string          `json:"targetEndpoint" doc:"The endpoint's path, where it is in several places."`
	Method      string          `json:"targetEndpointHTTPMethod" enum:"GET,POST,PUT,DELETE,PATCH,OPTIONS,HEAD"`
	Pipeline    policy.Pipeline `json:"targetPipeline" doc:"Where it is in several places."`
	Name        string          `json:"name" doc:"Of the copy; that of the global policy unless told."`
}

type localized struct {
	Type string `json:"type" enum:"API_PROXY,API_PROXY_GROUP,POLICY_GROUP"`
	In   string `json:"in" doc:"What has the copy."`
	Name string `json:"name" doc:"Of the copy."`
}

// owner is what the body names: exactly one of the three.
func (b localizeBody) owner() (kind, name, field string, err error) {
	var l problem.List
	for _, is := range []struct{ kind, name, field string }{
		{engine.KindProxy, b.Proxy, "apiProxyName"}, {engine.KindProxyGroup, b.ProxyGroup, "apiProxyGroupName"}, {engine.KindPolicyGroup, b.PolicyGroup, "policyGroupName"},
	} {
		switch {
		case is.name == "":
		case kind != "":
			l.Add(is.field, "Name one of apiProxyName, apiProxyGroupName and policyGroupName.")
		default:
			kind, name, field = is.kind, is.name, is.field
		}
	}
	if kind == "" {
		l.Add("apiProxyName", "Name an API proxy, or an API proxy group or a policy group.")
	}
	return kind, name, field, l.Err()
}

func (a *API) localizeGlobalPolicy(c *call) (any, error) {
	p, err := c.global()
	if err != nil {
		return nil, err
	}
	var body localizeBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	kind, name, field, err := body.owner()
	if err != nil {
		return nil, err
	}
	o, err := a.Store.Owner(c.ctx(), c.project.ID, kind, name)
	if isNotFound(err) {
		return nil, invalid(field, "The project has none of this name.")
	}
	if err != nil {
		return nil, err
	}
	b, err := body.place(o, p, field)
	if err != nil {
		return nil, err
	}
	to := strings.TrimSpace(body.Name)
	if to == "" {
		to = p.Name
	}
	made, err := a.Store.Localize(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, b.ID, to)
	if err != nil {
		return nil, err
	}
	return single(localized{ownerWords[kind], o.Name, made.Policy.Name}), nil
}

// place is the one in which the owner has the policy and that the body means.
func (b localizeBody) place(o models.Owner, p models.Policy, field string) (models.Binding, error) {
	var found []models.Binding
	for _, x := range o.Bindings {
		if x.Group == nil && x.Policy.ID == p.ID && b.means(o, x) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		return models.Binding{}, invalid(field, "%s has not %s there.", o.Name, p.Name)
	case 1:
		return found[0], nil
	}
	return models.Binding{}, conflict("%s has %s in %d places; name one by targetScope, targetEndpoint, targetEndpointHTTPMethod and targetPipeline.", o.Name, p.Name, len(found))
}

func (b localizeBody) means(o models.Owner, x models.Binding) bool {
	if b.Scope != "" && x.Scope != b.Scope || b.Pipeline != "" && x.Pipeline != b.Pipeline {
		return false
	}
	if b.Endpoint == "" && b.Method == "" {
		return true
	}
	return slices.ContainsFunc(o.Endpoints, func(e models.Endpoint) bool {
		return e.ID == x.EndpointID && (b.Endpoint == "" || e.Path == b.Endpoint) && (b.Method == "" || e.Method == b.Method)
	})
}
