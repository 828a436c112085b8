package models

import (
	"encoding/json"
	"fmt"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
)

// frozen is what a deploy of an owner freezes, with its digest. Wrong is what
// keeps it from being deployed to the environment: its conditions and templates
// refer to what is not there.
type frozen struct {
	raw    json.RawMessage
	digest string
	wrong  problem.List
}

// draft is what a deploy of the owner, read whole, to an environment would
// freeze.
func (o *Owner) draft(known *resolver, environmentID string) (f frozen, err error) {
	switch o.Kind {
	case engine.KindProxyGroup:
		d, wrong, err := o.proxyGroup(known, environmentID)
		if err != nil {
			return f, err
		}
		f.wrong = wrong
		f.raw, f.digest, err = engine.Encode(&d)
		return f, err
	case engine.KindPolicyGroup:
		values := known.values(environmentID)
		d, wrong, err := o.policyGroup(known, environmentID, values)
		if err != nil {
			return f, err
		}
		f.wrong, d.Values = wrong, values.used
		f.raw, f.digest, err = engine.Encode(&d)
		return f, err
	}
	d, wrong, err := o.proxy(known, environmentID)
	if err != nil {
		return f, err
	}
	f.wrong = wrong
	f.raw, f.digest, err = engine.Encode(&d)
	return f, err
}

func (o *Owner) proxy(known *resolver, environmentID string) (engine.Proxy, problem.List, error) {
	d := engine.Proxy{Project: o.ProjectName, Name: o.Name, ClientID: o.ClientID, Route: o.Route, Upstream: o.Upstream, ErrorTemplates: o.activeTemplates()}
	endpoints := make(map[string]*engine.APIEndpoint, len(o.Endpoints))
	for _, e := range o.Endpoints {
		d.Endpoints = append(d.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
		endpoints[e.ID] = &engine.APIEndpoint{Method: e.Method, Path: e.Path}
	}
	values := known.values(environmentID)
	var wrong problem.List
	wrong.Append("errorTemplates", values.fill(bodyTemplates(d.ErrorTemplates)))
	var l problem.List
	var err error
	d.Policies, l, err = o.bound(known, environmentID, values, endpoints)
	d.Values = values.used
	return d, append(wrong, l...), err
}

func (o *Owner) proxyGroup(known *resolver, environmentID string) (engine.ProxyGroup, problem.List, error) {
	d := engine.ProxyGroup{
		Project: o.ProjectName, Name: o.Name, ClientID: o.ClientID, Route: o.Route, BlockDirectAccess: o.BlockDirectAccess,
		Members: []engine.Member{}, ErrorTemplates: o.activeTemplates(),
	}
	values := known.values(environmentID)
	var wrong problem.List
	wrong.Append("errorTemplates", values.fill(bodyTemplates(d.ErrorTemplates)))
	for i, m := range o.Members {
		p, l, err := known.members[m.ID].proxy(known, environmentID)
		if err != nil {
			return d, nil, err
		}
		wrong.Append(fmt.Sprintf("members[%d]", i), l)
		d.Members = append(d.Members, engine.Member{ID: m.ID, Proxy: p})
	}
	var l problem.List
	var err error
	d.Policies, l, err = o.bound(known, environmentID, values, nil)
	d.Values = values.used
	return d, append(wrong, l...), err
}

// policyGroup leaves the values that its templates name in values, which is
// those of the owner that embeds it.
func (o *Owner) policyGroup(known *resolver, environmentID string, values *values) (engine.PolicyGroup, problem.List, error) {
	d := engine.PolicyGroup{ID: o.ID, Project: o.ProjectName, Name: o.Name, ClientID: o.ClientID, Active: o.Active, Pipeline: o.Pipeline}
	var wrong problem.List
	for i, b := range o.Bindings {
		raw, l, err := known.policy(b.Policy, environmentID, values)
		if err != nil {
			return d, nil, err
		}
		wrong.Append(fmt.Sprintf("policies[%d]", i), l)
		d.Policies = append(d.Policies, raw)
	}
	return d, wrong, nil
}

// bound is what the lanes of a proxy or proxy group hold.
func (o *Owner) bound(known *resolver, environmentID string, values *values, endpoints map[string]*engine.APIEndpoint) ([]engine.Bound, problem.List, error) {
	var list []engine.Bound
	var wrong problem.List
	for i, b := range o.Bindings {
		slot := engine.Bound{Scope: b.Scope, Endpoint: endpoints[b.EndpointID], Pipeline: b.Pipeline}
		var l problem.List
		var err error
		if b.Group == nil {
			slot.Policy, l, err = known.policy(b.Policy, environmentID, values)
		} else {
			slot.Group = new(engine.PolicyGroup)
			*slot.Group, l, err = b.Group.policyGroup(known, environmentID, values)
		}
		if err != nil {
			return nil, nil, err
		}
		wrong.Append(fmt.Sprintf("policies[%d]", i), l)
		list = append(list, slot)
	}
	return list, wrong, nil
}

// policy is a policy as an environment gets it; what its templates name goes
// into values.
func (r *resolver) policy(p Policy, environmentID string, values *values) (json.RawMessage, problem.List, error) {
	raw, wrong, err := r.encode(p.Config, p.ProjectID, environmentID)
	if err != nil {
		return nil, nil, err
	}
	return raw, append(wrong, values.fill(templatesOf(&p.Config.Base().Custom))...), nil
}

// activeTemplates leaves out what is kept and off: it changes nothing that runs.
func (o *Owner) activeTemplates() *fault.Bodies {
	if o.ErrorTemplates == nil {
		return nil
	}
	on := *o.ErrorTemplates
	if !on.JSON.Enabled {
		on.JSON = fault.Body{}
	}
	if !on.XML.Enabled {
		on.XML = fault.Body{}
	}
	if on.Empty() {
		return nil
	}
	return &on
}
