package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models/archive"
)

// arriveOwner reads a policy group, a proxy or a proxy group.
func (i *incoming) arriveOwner(ctx context.Context, o archive.Object, line PackageLine) (arrival, error) {
	bindings, err := i.arrivingBindings(o)
	if err != nil {
		return arrival{}, err
	}
	switch o := o.(type) {
	case *archive.PolicyGroup:
		g := *o
		g.Name, g.Policies = line.Name, slotsOf(bindings)
		owner := Owner{Description: g.Description, Active: g.Active, Pipeline: g.Pipeline, Rank: g.Order, MakeDefault: g.MakeDefault}
		return i.ownerArrival(ctx, owner, &g, line), nil
	case *archive.Proxy:
		p := *o
		p.Name, p.Bindings, p.Route, p.ErrorTemplates = line.Name, bindings, routeUnder(p.Route, line), templatesUnder(p.ErrorTemplates)
		p.Upstream = p.Upstream.Normal()
		return i.ownerArrival(ctx, proxyOf(p), &p, line), nil
	case *archive.ProxyGroup:
		g := *o
		g.Name, g.Bindings, g.Route, g.ErrorTemplates = line.Name, bindings, routeUnder(g.Route, line), templatesUnder(g.ErrorTemplates)
		owner, err := i.proxyGroup(&g)
		return i.ownerArrival(ctx, owner, &g, line), err
	}
	return arrival{}, fmt.Errorf("import of %T is not known to this version", o)
}

func (i *incoming) ownerArrival(ctx context.Context, o Owner, as archive.Object, line PackageLine) arrival {
	o.Kind, o.Name = ownerKinds[line.Ref.Kind], line.Name
	return arrival{object: as, save: func(found stored) error { return i.saveOwner(ctx, line.Ref, o, as, found) }}
}

func slotsOf(bindings []archive.Binding) []archive.Slot {
	var list []archive.Slot
	for _, b := range bindings {
		list = append(list, archive.Slot{Global: b.Global, Policy: b.Policy})
	}
	return list
}

func proxyOf(p archive.Proxy) Owner {
	o := Owner{Description: p.Description, Route: p.Route, Upstream: p.Upstream, ErrorTemplates: p.ErrorTemplates}
	for _, e := range p.Endpoints {
		o.Endpoints = append(o.Endpoints, Endpoint{Method: e.Method, Path: e.Path, Description: e.Description})
	}
	return o
}

// proxyGroup finds the members, whose names follow renamed proxies.
func (i *incoming) proxyGroup(g *archive.ProxyGroup) (Owner, error) {
	g.Members = slices.Clone(g.Members)
	for n := range g.Members {
		g.Members[n] = i.now(archive.KindProxy, g.Members[n])
	}
	members, err := i.members(g.Members)
	return Owner{Description: g.Description, Route: g.Route, ErrorTemplates: g.ErrorTemplates, BlockDirectAccess: g.BlockDirectAccess, Members: members}, err
}

// routeUnder is what a route becomes when it is saved.
func routeUnder(r engine.Route, line PackageLine) engine.Route {
	o := Owner{Route: r}
	o.normalize()
	o.Route.BasePath = line.BasePath
	return o.Route
}

// arrivingBindings are the bindings of an owner with the names that what they
// name has here, and with local policies in their one form.
func (i *incoming) arrivingBindings(o archive.Object) ([]archive.Binding, error) {
	var l problem.List
	list := slices.Clone(bindingsOf(o))
	for n := range list {
		b := &list[n]
		if len(b.Policy) == 0 {
			if b.Global != "" {
				b.Global = i.now(archive.KindPolicy, b.Global)
			}
			if b.Group != "" {
				b.Group = i.now(archive.KindPolicyGroup, b.Group)
			}
			continue
		}
		c, err := i.config(b.Policy)
		if err != nil {
			l.Append(placeOf(o, n), problem.Of(under("policy", err)))
			continue
		}
		if b.Policy, err = policy.Encode(c); err != nil {
			return nil, err
		}
	}
	return list, l.Err()
}

// placeOf is the member of an object that a binding stands in.
func placeOf(o archive.Object, n int) string {
	if _, ok := o.(*archive.PolicyGroup); ok {
		return fmt.Sprintf("policies[%d]", n)
	}
	return fmt.Sprintf("bindings[%d]", n)
}

func (i *incoming) members(names []string) ([]Member, error) {
	var l problem.List
	list := make([]Member, len(names))
	for n, name := range names {
		found, ok := i.there.find(archive.KindProxy, name)
		if !ok {
			l.Add(fmt.Sprintf("members[%d]", n), "%s", nowhere(archive.KindProxy, name))
		}
		list[n] = Member{ID: found.ID}
	}
	return list, l.Err()
}

func nowhere(kind archive.Kind, name string) string {
	return fmt.Sprintf("The %s %q is neither in the package nor in the project.", kind.Label(), name)
}

// saveOwner writes an owner with exactly the bindings of the package: also the
// policy groups that other new proxies get are bound only where they were.
func (i *incoming) saveOwner(ctx context.Context, ref archive.Ref, o Owner, as archive.Object, found stored) error {
	lanes := func(row ownerRow) error { return i.lanes(ctx, row, as) }
	i.needs.templates(o.ErrorTemplates)
	if found.ID != "" {
		o.ID, o.Version = found.ID, found.Version
		saved, err := i.s.updateOwner(ctx, i.tx, i.by, i.project, o, lanes)
		return i.saved(err, ref.Kind, stored{ID: saved.ID, Name: saved.Name, Detail: string(saved.Pipeline)})
	}
	key, err := i.key()
	if err != nil {
		return err
	}
	saved, err := i.s.createOwner(ctx, i.tx, i.by, i.project, o, key, lanes)
	if err != nil {
		return err
	}
	i.result.KeyPairs = append(i.result.KeyPairs, PackageKeyPair{Ref: archive.Ref{Kind: ref.Kind, Name: saved.Name}, ClientID: key.id, Secret: key.secret})
	return i.saved(nil, ref.Kind, stored{ID: saved.ID, Name: saved.Name, Detail: string(saved.Pipeline)})
}

// lanes gives an owner the bindings of the package, in that order. Local
// policies are matched by name and keep their ids; those that the package has
// not are deleted.
func (i *incoming) lanes(ctx context.Context, row ownerRow, as archive.Object) error {
	o := Owner{ID: row.ID, ProjectID: row.ProjectID, Kind: row.Kind, Name: row.Name, Pipeline: policy.Pipeline(row.Pipeline)}
	if err := addEndpoints(ctx, i.tx, []string{o.ID}, map[string]*Owner{o.ID: &o}); err != nil {
		return err
	}
	arriving := bindingsOf(as)
	was, err := i.clearLanes(ctx, o, arriving)
	if err != nil {
		return err
	}
	var l problem.List
	for n, b := range arriving {
		err := i.bind(ctx, &o, b, was)
		list := problem.Of(err)
		if err != nil && len(list) == 0 || violated(err) != "" {
			return err
		}
		l.Append(placeOf(as, n), list)
	}
	return l.Err()
}

// cleared is what stood in the lanes of an owner and may come back.
type cleared struct {
	// ids are those of bindings by what was bound where.
	ids map[spot]string
	// local are the local policies that stay, by name.
	local map[string]policyRow
}

// spot is what is bound in which lane: a binding keeps its id while it moves
// within the lane.
type spot struct{ what, endpointID, pipeline string }

func (r bindingRow) spot() spot {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	return spot{text(r.PolicyID) + text(r.GroupID), text(r.EndpointID), r.Pipeline}
}

// clearLanes empties the lanes of an owner.
func (i *incoming) clearLanes(ctx context.Context, o Owner, arriving []archive.Binding) (*cleared, error) {
	bound, err := from[bindingRow](i.tx).Where("owner_id = ?", o.ID).Find(ctx)
	if err != nil {
		return nil, err
	}
	was := &cleared{ids: map[spot]string{}, local: map[string]policyRow{}}
	for _, b := range bound {
		was.ids[b.spot()] = b.ID
	}
	if _, err := from[bindingRow](i.tx).Where("owner_id = ?", o.ID).Delete(ctx); err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, b := range arriving {
		if c, err := i.s.types.Decode(b.Policy); err == nil {
			types[strings.ToLower(c.Base().Name)] = c.Base().Type
		}
	}
	rows, err := from[policyRow](i.tx).Where("owner_id = ?", o.ID).Find(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if types[strings.ToLower(row.Name)] == row.Type {
			was.local[strings.ToLower(row.Name)] = row
			continue
		}
		if err := i.s.dropLocal(ctx, i.tx, i.by, i.project, row); err != nil {
			return nil, err
		}
	}
	return was, nil
}

// bind puts one binding at the end of its lane.
func (i *incoming) bind(ctx context.Context, o *Owner, b archive.Binding, was *cleared) error {
	to, err := i.place(o, b)
	if err != nil {
		return err
	}
	if err := i.s.checkBinding(ctx, i.tx, i.project, *o, to); err != nil {
		return err
	}
	if to.Local != nil {
		if to.PolicyID, err = i.local(ctx, o, to.Local, was.local); err != nil {
			return under("policy", err)
		}
	}
	row := bindingRow{
		ID: newID(), OwnerID: o.ID, Scope: string(to.Scope), EndpointID: orNil(to.EndpointID), Pipeline: string(to.Pipeline),
		Position: len(o.lane(to.Pipeline, to.EndpointID)) + 1, PolicyID: orNil(to.PolicyID), GroupID: orNil(to.GroupID),
	}
	if id, ok := was.ids[row.spot()]; ok {
		row.ID = id
		delete(was.ids, row.spot()) // a policy may stand in a lane twice
	}
	if err := from[bindingRow](i.tx).Create(ctx, &row); err != nil {
		return err
	}
	bound := Binding{ID: row.ID, Pipeline: to.Pipeline, EndpointID: to.EndpointID, Position: row.Position}
	if to.GroupID != "" {
		bound.Group = &Owner{ID: to.GroupID}
	}
	o.Bindings = append(o.Bindings, bound)
	return nil
}

// place finds what a binding names, by kind and name.
func (i *incoming) place(o *Owner, b archive.Binding) (NewBinding, error) {
	to := NewBinding{Scope: b.Scope, Pipeline: b.Pipeline}
	if at := slices.IndexFunc(o.Endpoints, func(e Endpoint) bool { return b.Endpoint != "" && e.Method+" "+e.Path == b.Endpoint }); at >= 0 {
		to.EndpointID = o.Endpoints[at].ID
	}
	var l problem.List
	find := func(member string, kind archive.Kind, name string) string {
		found, ok := i.there.find(kind, name)
		if !ok {
			l.Add(member, "%s", nowhere(kind, name))
		}
		return found.ID
	}
	var err error
	switch {
	case b.Global != "":
		to.PolicyID = find("global", archive.KindPolicy, b.Global)
	case b.Group != "":
		to.GroupID = find("group", archive.KindPolicyGroup, b.Group)
	default:
		to.Local, err = i.s.types.Decode(b.Policy)
		l.Append("policy", problem.Of(err))
	}
	return to, l.Err()
}

// local writes a local policy, unless it is there already like that.
func (i *incoming) local(ctx context.Context, o *Owner, c policy.Config, kept map[string]policyRow) (string, error) {
	name := strings.ToLower(c.Base().Name)
	row, ok := kept[name]
	delete(kept, name) // a second one of the name is refused by the save
	if !ok {
		row, err := i.savePolicy(ctx, c, &o.ID, stored{})
		return row.ID, err
	}
	same, err := i.same(row, c)
	if err != nil || same {
		return row.ID, err
	}
	row, err = i.savePolicy(ctx, c, nil, stored{ID: row.ID, Version: row.Stamp.Version})
	return row.ID, err
}

func (i *incoming) same(row policyRow, c policy.Config) (bool, error) {
	p, err := i.s.policy(row, i.project.Name, 0)
	if err != nil {
		return false, err
	}
	was, err := policy.Encode(p.Config)
	if err != nil {
		return false, err
	}
	is, err := policy.Encode(c)
	return string(was) == string(is), err
}
