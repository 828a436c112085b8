package apiops

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

// What can be done with policies where they stand, besides adding, replacing and
// removing them: their order, their switches, and whether they are shared.

func (a *API) laneOperations() []operation {
	return append(a.laneOperationsOf(proxyKind, proxyPolicyTag), a.laneOperationsOf(proxyGroupKind, groupPolicyTag)...)
}

func (a *API) laneOperationsOf(k kind, tag string) []operation {
	at := k.path() + "policies/"
	const several = " Where the flow has the policy more than once the pipeline and the endpoint say which one is meant."
	return []operation{
		{
			method: http.MethodPost, path: at + "{policyName}/localize/", id: "localize" + k.id + "Policy", tag: tag, summary: "Put a local copy in the place of a global policy",
			text:  "The global one stays as it is; later changes of it do not reach the copy." + several,
			right: models.ManageAPIs, body: localizeRequest{}, optional: true, result: deployAnswer{}, versioned: true, do: a.localizePolicy,
		},
		{
			method: http.MethodPost, path: at + "{policyName}/globalize/", id: "globalize" + k.id + "Policy", tag: tag, summary: "Make a local policy a global one",
			text:  "It keeps its place, and others can use it from then on. Needs GLOBAL_SETTINGS, MANAGE, too." + several,
			right: models.ManageAPIs, body: globalizeRequest{}, result: deployAnswer{}, versioned: true, do: a.globalizePolicy,
		},
		{
			method: http.MethodPatch, path: at + "{policyName}/status/", id: "switch" + k.id + "Policy", tag: tag, summary: "Switch a local policy on or off",
			text:  "A global policy and a policy group are switched where they are at home." + several,
			right: models.ManageAPIs, body: statusRequest{}, result: deployAnswer{}, versioned: true, do: a.switchPolicy,
		},
		{
			method: http.MethodPatch, path: at + "status/", id: "switch" + k.id + "Policies", tag: tag, summary: "Switch every policy of a lane on or off",
			text:  "All or none of them. resultList has the names of what was switched.",
			right: models.ManageAPIs, body: laneStatusRequest{}, result: laneStatusAnswer{}, versioned: true, do: a.switchLane,
		},
		{
			method: http.MethodPut, path: k.path() + "policyOrder/", id: "order" + k.id + "Policies", tag: tag, summary: "Give a lane a new order",
			right: models.ManageAPIs, body: orderRequest{}, result: deployAnswer{}, versioned: true, do: a.orderPolicies,
		},
	}
}

// spotted says in which lane a policy is meant.
type spotted struct {
	Pipeline policy.Pipeline `json:"targetPipeline" doc:"The pipeline."`
	Endpoint string          `json:"targetEndpoint" doc:"The endpoint's path; left out: the lane of all endpoints."`
	Method   string          `json:"targetEndpointHTTPMethod" enum:"GET,POST,PUT,DELETE,PATCH,OPTIONS,HEAD" doc:"The endpoint's method."`
}

// lane is the spot in the words of the store.
func (s spotted) lane(o models.Owner) (models.NewBinding, error) {
	b := models.NewBinding{Scope: policy.All, Pipeline: s.Pipeline}
	var l problem.List
	if s.Endpoint != "" || s.Method != "" {
		b.Scope = policy.Endpoint
		b.EndpointID, l = endpointID(o, s.Method, s.Endpoint)
	}
	if !slices.Contains([]policy.Pipeline{policy.Request, policy.Response, policy.Error}, s.Pipeline) {
		l.Add("targetPipeline", "Choose REQUEST, RESPONSE or ERROR.")
	}
	return b, l.Err()
}

// boundIn is the policy that the address names, in the lane of s where one is told.
func (c *call) boundIn(o models.Owner, s spotted) (models.Binding, error) {
	if (s == spotted{}) {
		return c.bound(o, models.NewBinding{})
	}
	to, err := s.lane(o)
	if err != nil {
		return models.Binding{}, err
	}
	b, err := c.bound(o, to)
	if err == nil && (b.Pipeline != to.Pipeline || b.EndpointID != to.EndpointID) {
		return b, models.ErrNotFound
	}
	return b, err
}

type localizeRequest struct {
	Name string `json:"name" doc:"Of the copy, unique among the local policies; left out: as the global one."`
	spotted
	wish
}

// policyToChange reads the owner and what the address names in it.
func (c *call) policyToChange(s spotted, w wish) (models.Owner, models.Binding, error) {
	o, err := c.ownerToWrite()
	if err != nil {
		return o, models.Binding{}, err
	}
	b, err := c.boundIn(o, s)
	if err != nil {
		return o, b, err
	}
	return o, b, c.mayDeploy(w)
}

func (a *API) localizePolicy(c *call) (any, error) {
	var r localizeRequest
	if c.sent != nil {
		if err := c.read(&r); err != nil {
			return nil, err
		}
	}
	o, b, err := c.policyToChange(r.spotted, r.wish)
	if err != nil {
		return nil, err
	}
	switch {
	case b.Group != nil:
		return nil, conflict("%s is a policy group; localize a policy inside of it.", b.Name())
	case !b.Shared():
		return nil, conflict("%s is local already.", b.Name())
	case r.Name == "":
		r.Name = b.Name()
	}
	if _, err := a.Store.Localize(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, b.ID, r.Name); err != nil {
		return nil, err
	}
	return c.deployed(o, r.wish)
}

type globalizeRequest struct {
	Name string `json:"name" required:"true" doc:"Unique among the global policies of the project."`
	spotted
	wish
}

func (a *API) globalizePolicy(c *call) (any, error) {
	if !c.visit().Can(models.ManageSettings) { // a global policy is made
		return nil, errForbidden
	}
	var r globalizeRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, b, err := c.policyToChange(r.spotted, r.wish)
	if err != nil {
		return nil, err
	}
	if b.Shared() {
		return nil, conflict("%s is shared with others already.", b.Name())
	}
	if _, err := a.Store.Globalize(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, b.ID, r.Name); err != nil {
		return nil, err
	}
	return c.deployed(o, r.wish)
}

type statusRequest struct {
	Active *bool `json:"active" required:"true"`
	spotted
	wish
}

var errActive = invalid("active", "Send true or false.")

func (a *API) switchPolicy(c *call) (any, error) {
	var r statusRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if r.Active == nil {
		return nil, errActive
	}
	o, b, err := c.policyToChange(r.spotted, r.wish)
	if err != nil {
		return nil, err
	}
	if b.Shared() {
		return nil, conflict("%s is shared with others; switch it under globalPolicies or policyGroups, or localize it.", b.Name())
	}
	if b.Policy.Active != *r.Active {
		if _, err := a.Store.SetPolicyActive(c.ctx(), c.by(), c.project.ID, b.Policy.ID, b.Policy.Version, *r.Active); err != nil {
			return nil, err
		}
	}
	return c.deployed(o, r.wish)
}

type laneStatusRequest struct {
	Active        *bool `json:"active" required:"true"`
	IncludeShared bool  `json:"includeShared" doc:"Whether to switch global policies and policy groups too, in every other place as well."`
	spotted
	wish
}

type laneStatusAnswer struct {
	done
	ResultList  []string    `json:"resultList" doc:"The policies that were switched; empty where all were so already."`
	ResultCount int         `json:"resultCount"`
	Deployment  *deployment `json:"deploymentResult,omitempty"`
}

func (a *API) switchLane(c *call) (any, error) {
	var r laneStatusRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if r.Active == nil {
		return nil, errActive
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	at, err := r.lane(o)
	if err != nil {
		return nil, err
	}
	if err := c.mayDeploy(r.wish); err != nil {
		return nil, err
	}
	names := []string{}
	if left := o.Switching(at.Pipeline, at.EndpointID, *r.Active); len(left) > 0 || r.IncludeShared && len(o.SwitchingShared(at.Pipeline, at.EndpointID, *r.Active)) > 0 {
		names, err = a.Store.SetLaneActive(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, at.Pipeline, at.EndpointID, *r.Active, r.IncludeShared)
		if err != nil {
			return nil, err
		}
	}
	answer, err := c.deployed(o, r.wish)
	if err != nil {
		return nil, err
	}
	return laneStatusAnswer{success(), names, len(names), answer.Deployment}, nil
}

type orderRequest struct {
	spotted
	Names []string `json:"policyNameList" required:"true" doc:"Every policy and policy group of the lane, in the order in which they are to run."`
	wish
}

func (a *API) orderPolicies(c *call) (any, error) {
	var r orderRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	o, err := c.ownerToWrite()
	if err != nil {
		return nil, err
	}
	at, err := r.lane(o)
	if err != nil {
		return nil, err
	}
	ids, err := ordered(o, at, r.Names)
	if err != nil {
		return nil, err
	}
	if err := c.mayDeploy(r.wish); err != nil {
		return nil, err
	}
	if err := a.Store.OrderBindings(c.ctx(), c.by(), c.project.ID, o.ID, o.Version, at.Pipeline, ids); err != nil {
		return nil, refield(err, map[string]string{"ids": "policyNameList"})
	}
	return c.deployed(o, r.wish)
}

// ordered are the bindings of a lane by their names; one that stands there twice
// is named twice.
func ordered(o models.Owner, at models.NewBinding, names []string) ([]string, error) {
	lane := slices.DeleteFunc(slices.Clone(o.Bindings), func(b models.Binding) bool { return b.Pipeline != at.Pipeline || b.EndpointID != at.EndpointID })
	ids := []string{}
	for _, name := range names {
		i := slices.IndexFunc(lane, func(b models.Binding) bool { return strings.EqualFold(b.Name(), name) })
		if i < 0 {
			return nil, invalid("policyNameList", "The lane has no policy %q, or not so often.", name)
		}
		ids, lane = append(ids, lane[i].ID), slices.Delete(lane, i, i+1)
	}
	if len(lane) > 0 {
		return nil, invalid("policyNameList", "Name every policy of the lane; %s is missing.", lane[0].Name())
	}
	return ids, nil
}
