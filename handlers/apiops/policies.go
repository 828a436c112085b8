package apiops

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/models"
)

// The policies of an API proxy, as the seed has them (D19): every name, default
// and answer here is the document's. Those of a proxy group are the same.

const proxyPolicyTag, groupPolicyTag = "Policies of a proxy", "Policies of a proxy group"

func (a *API) policyOperations() []operation {
	return append(a.policyOperationsOf(proxyKind, proxyPolicyTag, policiesAnswer{}), a.policyOperationsOf(proxyGroupKind, groupPolicyTag, groupPoliciesAnswer{})...)
}

func (a *API) policyOperationsOf(k kind, tag string, list any) []operation {
	text := "The body's name is ignored: the address names the policy. A policy in the request pipeline of the " + k.noun + " as a whole has targetScope ALL and targetPipeline REQUEST."
	at := k.path() + "policies/"
	return []operation{
		{
			method: http.MethodGet, path: at, id: "list" + k.id + "Policies", tag: tag, summary: "List the policies",
			text:  "In the order in which they run. Policy groups appear with their policies in policyList.",
			right: models.ViewAPIs, result: list, versioned: true, do: a.listPolicies,
		},
		{
			method: http.MethodPost, path: at + "{policyName}/", id: "add" + k.id + "Policy", tag: tag, summary: "Add a policy", text: text,
			right: models.ManageAPIs, body: proxyPolicyRequest{}, result: deployAnswer{}, versioned: true, do: a.addPolicy,
		},
		{
			method: http.MethodPut, path: at + "{policyName}/", id: "update" + k.id + "Policy", tag: tag, summary: "Replace a policy",
			text:  text + " Members that are left out get their defaults. Scope and pipeline may differ from the present ones: the policy moves. Without order it keeps its place.",
			right: models.ManageAPIs, body: proxyPolicyRequest{}, result: deployAnswer{}, versioned: true, do: a.updatePolicy,
		},
		{
			method: http.MethodDelete, path: at + "{policyName}/", id: "delete" + k.id + "Policy", tag: tag, summary: "Take a policy out",
			text:  "A local policy is deleted, a global one and a policy group stay where they are at home. Clients that cannot send a body with DELETE send the members of operationMetadata as query parameters.",
			right: models.ManageAPIs, body: proxyPolicyDeleteRequest{}, optional: true, result: deployAnswer{}, versioned: true, query: metadataParameters,
			do: a.deletePolicy,
		},
	}
}

// metadata is operationMetadata.
type metadata struct {
	TargetScope    policy.Scope    `json:"targetScope" required:"true" doc:"ALL for every endpoint, ENDPOINT for one."`
	TargetEndpoint string          `json:"targetEndpoint" doc:"The endpoint's path; required where targetScope is ENDPOINT."`
	TargetMethod   string          `json:"targetEndpointHTTPMethod" enum:"GET,POST,PUT,DELETE,PATCH,OPTIONS,HEAD" doc:"The endpoint's method; required where targetScope is ENDPOINT."`
	TargetPipeline policy.Pipeline `json:"targetPipeline" required:"true" doc:"The pipeline that it runs in."`
	Deploy         bool            `json:"deploy" doc:"Whether to deploy the proxy afterwards; true by default, false for DELETE."`
	Environments   []string        `json:"deployTargetEnvironmentNameList" doc:"Where to deploy; left out or empty: wherever the proxy runs."`
	Order          *int            `json:"order" doc:"Place among the policies of the pipeline, from 1; left out or beyond the last: the end."`
	GlobalPolicy   string          `json:"globalPolicyName" doc:"Binds this global policy in the place of one that is sent."`
}

type proxyPolicyRequest struct {
	Metadata metadata        `json:"operationMetadata" required:"true"`
	Policy   json.RawMessage `json:"policy" policy:"true"`
}

type proxyPolicyDeleteRequest struct {
	Metadata metadata `json:"operationMetadata" required:"true"`
}

var metadataParameters = []parameter{
	{name: "targetScope", text: "As in operationMetadata.", kind: "", enum: []string{"ALL", "ENDPOINT"}},
	{name: "targetEndpoint", text: "As in operationMetadata.", kind: ""},
	{name: "targetEndpointHTTPMethod", text: "As in operationMetadata.", kind: ""},
	{name: "targetPipeline", text: "As in operationMetadata.", kind: "", enum: []string{"REQUEST", "RESPONSE", "ERROR"}},
	{name: "deploy", text: "As in operationMetadata; false unless told.", kind: true},
	{name: "deployTargetEnvironmentNameList", text: "As in operationMetadata, with commas.", kind: ""},
}

type policiesAnswer struct {
	done
	ResultList  []proxyPolicies `json:"resultList"`
	ResultCount int             `json:"resultCount"`
}

type proxyPolicies struct {
	Proxy policyLanes `json:"apiProxy"`
}

type groupPoliciesAnswer struct {
	done
	ResultList  []groupPolicies `json:"resultList"`
	ResultCount int             `json:"resultCount"`
}

type groupPolicies struct {
	Group policyLanes `json:"apiProxyGroup"`
}

type policyLanes struct {
	Name         string          `json:"name"`
	RelativePath string          `json:"relativePath" doc:"The base path."`
	Request      []any           `json:"requestPolicyList" policy:"true"`
	Response     []any           `json:"responsePolicyList" policy:"true"`
	Error        []any           `json:"errorPolicyList" policy:"true"`
	Endpoints    []endpointLanes `json:"endpointList,omitempty" doc:"Endpoints that have policies of their own."`
}

type endpointLanes struct {
	Path     string `json:"name"`
	Method   string `json:"httpMethod"`
	Request  []any  `json:"requestPolicyList" policy:"true"`
	Response []any  `json:"responsePolicyList" policy:"true"`
	Error    []any  `json:"errorPolicyList" policy:"true"`
}

// groupEntry is a policy group in a lane.
type groupEntry struct {
	Type        string `json:"type" enum:"policy-group"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Active      bool   `json:"active"`
	Policies    []any  `json:"policyList" policy:"true"`
}

func (a *API) listPolicies(c *call) (any, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	lanes := policyLanes{
		Name: o.Name, RelativePath: o.Route.BasePath,
		Request: entries(o, policy.Request, ""), Response: entries(o, policy.Response, ""), Error: entries(o, policy.Error, ""),
	}
	for _, e := range o.Endpoints {
		if slices.ContainsFunc(o.Bindings, func(b models.Binding) bool { return b.EndpointID == e.ID }) {
			lanes.Endpoints = append(lanes.Endpoints, endpointLanes{
				e.Path, e.Method, entries(o, policy.Request, e.ID), entries(o, policy.Response, e.ID), entries(o, policy.Error, e.ID),
			})
		}
	}
	c.tag(o.FlowVersions()...)
	if o.Kind == engine.KindProxyGroup {
		return groupPoliciesAnswer{success(), []groupPolicies{{lanes}}, 1}, nil
	}
	return policiesAnswer{success(), []proxyPolicies{{lanes}}, 1}, nil
}

// entries are the policies of a lane in their one JSON form.
func entries(o models.Owner, pipeline policy.Pipeline, endpointID string) []any {
	list := []any{}
	for _, b := range o.Bindings {
		if b.Pipeline != pipeline || b.EndpointID != endpointID {
			continue
		}
		if b.Group == nil {
			list = append(list, b.Policy.Config)
			continue
		}
		list = append(list, groupEntry{"policy-group", b.Group.Name, b.Group.Description, b.Group.Active, entries(*b.Group, pipeline, "")})
	}
	return list
}

// proxy is the one that the address names.
func (c *call) proxy() (models.Owner, error) {
	return c.Store.Owner(c.ctx(), c.project.ID, engine.KindProxy, c.name("apiProxyName"))
}

// readPolicyRequest reads and judges a body as far as it can be without the proxy.
func (c *call) readPolicyRequest() (proxyPolicyRequest, policy.Config, error) {
	r := proxyPolicyRequest{Metadata: metadata{Deploy: true}}
	if err := c.read(&r); err != nil {
		return r, nil, err
	}
	if r.Metadata.GlobalPolicy != "" && r.Policy != nil {
		return r, nil, invalid("policy", "Leave it out where operationMetadata.globalPolicyName is given.")
	}
	if r.Metadata.GlobalPolicy != "" {
		return r, nil, nil
	}
	if r.Policy == nil {
		return r, nil, invalid("policy", "Send the policy.")
	}
	raw, err := named(r.Policy, c.name("policyName"))
	if err != nil {
		return r, nil, ofPolicy(err)
	}
	config, err := c.Types.Decode(raw)
	return r, config, ofPolicy(err)
}

// ofPolicy puts the fields of a policy's problems where they were sent: its name
// in the address, the rest in the member policy.
func ofPolicy(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := slices.Clone(list)
	for i := range l {
		if l[i].Field == "name" {
			l[i].Field = "policyName"
		} else {
			l[i].Field = strings.TrimSuffix("policy."+l[i].Field, ".")
		}
	}
	return l
}

// named is a policy with the name that the address gives it, whatever it says
// itself.
func named(raw json.RawMessage, name string) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := strict.Decode(raw, &members, "policy"); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	members["name"] = encoded
	return json.Marshal(members)
}

// spot is where a policy goes, in the words of the store.
func (m metadata) spot(o models.Owner) (models.NewBinding, error) {
	var l problem.List
	b := models.NewBinding{Scope: m.TargetScope, Pipeline: m.TargetPipeline}
	if m.Order != nil {
		if b.Position = *m.Order; b.Position < 1 {
			l.Add("order", "Count from 1.")
		}
	}
	switch m.TargetScope {
	case policy.All:
		if m.TargetEndpoint != "" || m.TargetMethod != "" {
			l.Add("targetEndpoint", "Leave out the endpoint: the scope ALL covers every one.")
		}
	case policy.Endpoint:
		id, missing := endpointID(o, m.TargetMethod, m.TargetEndpoint)
		b.EndpointID = id
		l.Append("", missing)
	default:
		l.Add("targetScope", "Choose ALL or ENDPOINT.")
	}
	if !slices.Contains([]policy.Pipeline{policy.Request, policy.Response, policy.Error}, m.TargetPipeline) {
		l.Add("targetPipeline", "Choose REQUEST, RESPONSE or ERROR.")
	}
	return b, prefixed("operationMetadata", l.Err())
}

// endpointID finds an endpoint by method and path.
func endpointID(o models.Owner, method, path string) (string, problem.List) {
	var l problem.List
	if path == "" {
		l.Add("targetEndpoint", "Give the path of the endpoint: the scope is ENDPOINT.")
	}
	if method == "" {
		l.Add("targetEndpointHTTPMethod", "Give the method of the endpoint: the scope is ENDPOINT.")
	}
	if l != nil {
		return "", l
	}
	for _, e := range o.Endpoints {
		if e.Method == method && e.Path == path {
			return e.ID, nil
		}
	}
	l.Add("targetEndpoint", "%s has no endpoint %s %s.", o.Name, method, path)
	return "", l
}

// renamed puts the store's field names for a place into those of the metadata.
func renamed(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	fields := map[string]string{
		"scope": "operationMetadata.targetScope", "endpointId": "operationMetadata.targetEndpoint", "pipeline": "operationMetadata.targetPipeline",
		"position": "operationMetadata.order", "policyId": "operationMetadata.globalPolicyName",
	}
	l := make(problem.List, len(list))
	for i, p := range list {
		if to, ok := fields[p.Field]; ok {
			p.Field = to
			l[i] = p
			continue
		}
		l[i] = problem.Of(ofPolicy(problem.List{p}))[0]
	}
	return l
}

func (a *API) addPolicy(c *call) (any, error) {
	r, config, err := c.readPolicyRequest()
	if err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if err := c.matches(o.FlowVersions()...); err != nil {
		return nil, err
	}
	b, err := r.Metadata.spot(o)
	if err != nil {
		return nil, err
	}
	if config == nil {
		if b.PolicyID, err = c.globalPolicy(r.Metadata.GlobalPolicy); err != nil {
			return nil, err
		}
	}
	b.Local = config
	name := cmp.Or(r.Metadata.GlobalPolicy, c.name("policyName"))
	if len(boundAs(o, name)) > 0 {
		return nil, problem.List{{Field: "policyName", Message: o.Name + " has a policy of this name; replace it with PUT, or choose another name.", Taken: true}}
	}
	if err := c.deployable(r.Metadata); err != nil {
		return nil, err
	}
	if _, err := a.Store.AddBinding(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, b); err != nil {
		return nil, renamed(err)
	}
	return c.deployed(o, r.Metadata.wish())
}

// globalPolicy is the id of a global policy, of whatever type.
func (c *call) globalPolicy(name string) (string, error) {
	p, err := c.Store.GlobalPolicy(c.ctx(), c.project.ID, name)
	if isNotFound(err) {
		return "", invalid("operationMetadata.globalPolicyName", "The project has no global policy %q.", name)
	}
	return p.ID, err
}

// boundAs are the bindings of that name; names are compared without case.
func boundAs(o models.Owner, name string) []models.Binding {
	var list []models.Binding
	for _, b := range o.Bindings {
		if strings.EqualFold(b.Name(), name) {
			list = append(list, b)
		}
	}
	return list
}

// bound is the policy that the address names, in the lane of b where the flow has
// it more than once.
func (c *call) bound(o models.Owner, b models.NewBinding) (models.Binding, error) {
	list := boundAs(o, c.name("policyName"))
	if len(list) == 0 {
		return models.Binding{}, models.ErrNotFound
	}
	if len(list) == 1 {
		return list[0], nil
	}
	for _, x := range list {
		if x.Pipeline == b.Pipeline && x.EndpointID == b.EndpointID {
			return x, nil
		}
	}
	return models.Binding{}, conflict("The flow has %s in %d places, and none of them is the one of operationMetadata.", list[0].Name(), len(list))
}

func (a *API) updatePolicy(c *call) (any, error) {
	r, config, err := c.readPolicyRequest()
	if err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if err := c.matches(o.FlowVersions()...); err != nil {
		return nil, err
	}
	to, err := r.Metadata.spot(o)
	if err != nil {
		return nil, err
	}
	b, err := c.bound(o, to)
	if err != nil {
		return nil, err
	}
	switch {
	case config == nil && !strings.EqualFold(b.Name(), r.Metadata.GlobalPolicy):
		return nil, invalid("operationMetadata.globalPolicyName", "Name the policy of the address, or leave it out and send a policy.")
	case config != nil && b.Shared():
		return nil, conflict("%s is shared with others. Change it under globalPolicies or policyGroups, or localize it; here only its place can be changed, with globalPolicyName.", b.Name())
	case config != nil && config.Base().Type != b.Policy.Type:
		return nil, invalid("policy.type", "The type of a policy stays: %s.", b.Policy.Type)
	}
	if err := c.deployable(r.Metadata); err != nil {
		return nil, err
	}
	_, err = a.Store.ChangeBound(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, b.ID, models.BoundChange{
		Config: config, PolicyVersion: b.Policy.Version, Scope: to.Scope, EndpointID: to.EndpointID, Pipeline: to.Pipeline, Position: to.Position,
	})
	if err != nil {
		return nil, renamed(err)
	}
	return c.deployed(o, r.Metadata.wish())
}

func (a *API) deletePolicy(c *call) (any, error) {
	m, err := c.deleteMetadata()
	if err != nil {
		return nil, err
	}
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if err := c.matches(o.FlowVersions()...); err != nil {
		return nil, err
	}
	ids, err := c.doomed(o, m)
	if err != nil {
		return nil, err
	}
	if err := c.deployable(m); err != nil {
		return nil, err
	}
	if _, err := a.Store.RemoveBound(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, ids); err != nil {
		return nil, err
	}
	return c.deployed(o, m.wish())
}

// doomed are the bindings of that name in the scope and the pipeline; without an
// endpoint the scope ENDPOINT means every one.
func (c *call) doomed(o models.Owner, m metadata) ([]string, error) {
	if m.TargetScope != policy.Endpoint || m.TargetEndpoint != "" || m.TargetMethod != "" {
		if _, err := m.spot(o); err != nil {
			return nil, err
		}
	}
	var ids []string
	for _, b := range boundAs(o, c.name("policyName")) {
		if b.Scope == m.TargetScope && b.Pipeline == m.TargetPipeline && (m.TargetEndpoint == "" || b.EndpointID == endpointOf(o, m)) {
			ids = append(ids, b.ID)
		}
	}
	if ids != nil {
		return ids, nil
	}
	for _, b := range o.Bindings {
		if b.Group != nil && len(boundAs(*b.Group, c.name("policyName"))) > 0 {
			return nil, conflict("%s is a part of the policy group %s, which other APIs may have; take it out there, or the group out of the flow.", c.name("policyName"), b.Group.Name)
		}
	}
	return nil, models.ErrNotFound
}

func endpointOf(o models.Owner, m metadata) string {
	id, _ := endpointID(o, m.TargetMethod, m.TargetEndpoint)
	return id
}

// deleteMetadata reads the body, or the query of clients that send none.
func (c *call) deleteMetadata() (metadata, error) {
	if len(c.sent) > 0 {
		var r proxyPolicyDeleteRequest
		err := c.read(&r)
		return r.Metadata, err
	}
	var l problem.List
	m := metadata{
		TargetScope: policy.Scope(c.g.Query("targetScope")), TargetEndpoint: c.g.Query("targetEndpoint"), TargetMethod: c.g.Query("targetEndpointHTTPMethod"),
		TargetPipeline: policy.Pipeline(c.g.Query("targetPipeline")), Deploy: c.flag(&l, "deploy"),
	}
	if text := c.g.Query("deployTargetEnvironmentNameList"); text != "" {
		m.Environments = strings.Split(text, ",")
	}
	return m, l.Err()
}
