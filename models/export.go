package models

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models/archive"
)

// ExportSelection says what goes into a package.
type ExportSelection struct {
	// All takes every object of the project; else Refs are taken.
	All  bool
	Refs []archive.Ref
	// Dependencies also takes what these name, and what that names in turn, but
	// not what Without lists.
	Dependencies bool
	Without      []archive.Ref
}

// Export reads objects of a project as a package. It holds no secret, no key and
// no key pair, and tells which secrets an identity source had (D18, D21). All is
// read at one moment, and the number of queries does not depend on how much it
// is. What the project has not is a problem.List of the field objects; then
// nothing is exported.
func (s *Store) Export(ctx context.Context, projectID string, selection ExportSelection) (archive.Package, error) {
	var p archive.Package
	err := s.look(ctx, func(tx *gorm.DB) error {
		x, err := s.exporter(ctx, tx, projectID)
		if err != nil {
			return err
		}
		p, err = x.export(ctx, selection)
		return err
	})
	if err != nil {
		return archive.Package{}, fmt.Errorf("export: %w", err)
	}
	return p, nil
}

// ExportChoice is an object that can be exported.
type ExportChoice struct{ Name, Description string }

// ExportChoices lists the objects of a kind whose names hold the query, by name,
// and how many there are; at most limit are listed.
func (s *Store) ExportChoices(ctx context.Context, projectID string, kind archive.Kind, typed string, limit int) ([]ExportChoice, int, error) {
	table, ok := packaged[kind]
	if !ok || !isID(projectID) {
		return nil, 0, fmt.Errorf("list what can be exported: %w", ErrNotFound)
	}
	type line struct {
		Name, Description string
		Total             int
	}
	rows, err := query[line](ctx, s.db, "select name, "+table.description+" as description, count(*) over () as total from "+table.from+
		" where project_id = ? and name ilike ? order by lower(name), name limit ?", projectID, containing(typed), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("list what can be exported: %w", err)
	}
	list, total := make([]ExportChoice, len(rows)), 0
	for i, r := range rows {
		list[i], total = ExportChoice{Name: r.Name, Description: r.Description}, r.Total
	}
	return list, total, nil
}

// packaged says where objects of a kind are stored, and what tells two of one
// kind apart that cannot take each other's place.
var packaged = map[archive.Kind]struct{ from, detail, description string }{
	archive.KindVariable:       {"variables", "''", "coalesce(definition ->> 'description', '')"},
	archive.KindRole:           {"credential_roles", "''", "description"},
	archive.KindIdentitySource: {"identity_sources", "kind", "description"},
	archive.KindPolicy:         {"(select * from policies where owner_id is null) p", "type", "description"},
	archive.KindPolicyGroup:    {"(select * from owners where kind = 'POLICY_GROUP') o", "pipeline", "description"},
	archive.KindProxy:          {"(select * from owners where kind = 'PROXY') o", "''", "description"},
	archive.KindProxyGroup:     {"(select * from owners where kind = 'PROXY_GROUP') o", "''", "description"},
}

var ownerKinds = map[archive.Kind]string{
	archive.KindPolicyGroup: engine.KindPolicyGroup, archive.KindProxy: engine.KindProxy, archive.KindProxyGroup: engine.KindProxyGroup,
}

// stored is an object that a project has.
type stored struct {
	ID, Name, Detail string
	Version          int
}

// inventory is what a project has, by reference. Names are compared here and not
// by the database, so that what is one name in a package is one name here.
type inventory map[archive.Ref]stored

func (i inventory) find(kind archive.Kind, name string) (stored, bool) {
	x, ok := i[archive.Ref{Kind: kind, Name: name}.Key()]
	return x, ok
}

func (i inventory) put(kind archive.Kind, x stored) {
	i[archive.Ref{Kind: kind, Name: x.Name}.Key()] = x
}

func inventoryOf(ctx context.Context, tx *gorm.DB, projectID string) (inventory, error) {
	all := inventory{}
	for _, kind := range archive.Kinds() {
		table := packaged[kind]
		rows, err := query[stored](ctx, tx, "select id, name, version, "+table.detail+" as detail from "+table.from+" where project_id = ?", projectID)
		if err != nil {
			return nil, fmt.Errorf("list every %s: %w", kind.Label(), err)
		}
		for _, r := range rows {
			all.put(kind, r)
		}
	}
	return all, nil
}

// exporter makes objects of packages from what a project has.
type exporter struct {
	s       *Store
	tx      *gorm.DB
	project Project
	there   inventory
}

func (s *Store) exporter(ctx context.Context, tx *gorm.DB, projectID string) (*exporter, error) {
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return nil, err
	}
	there, err := inventoryOf(ctx, tx, project.ID)
	return &exporter{s: s, tx: tx, project: project, there: there}, err
}

func (x *exporter) export(ctx context.Context, selection ExportSelection) (archive.Package, error) {
	wanted, err := x.wanted(selection)
	if err != nil {
		return archive.Package{}, err
	}
	without := map[archive.Ref]bool{}
	for _, ref := range selection.Without {
		without[ref.Key()] = true
	}
	p := archive.Package{Project: x.project.Name}
	for _, kind := range slices.Backward(archive.Kinds()) { // what is named comes after what names it
		objects, err := x.read(ctx, kind, wanted)
		if err != nil {
			return p, err
		}
		p.Objects = append(p.Objects, objects...)
		if !selection.Dependencies {
			continue
		}
		for _, o := range objects {
			for _, d := range o.Base().Dependencies {
				wanted[d.Key()] = wanted[d.Key()] || !without[d.Key()]
			}
		}
	}
	slices.Reverse(p.Objects)
	return p, nil
}

func (x *exporter) wanted(selection ExportSelection) (map[archive.Ref]bool, error) {
	wanted := map[archive.Ref]bool{}
	if selection.All {
		for ref := range x.there {
			wanted[ref] = true
		}
		return wanted, x.enough(len(wanted))
	}
	var l problem.List
	for _, ref := range selection.Refs {
		if _, ok := x.there[ref.Key()]; !ok {
			l.Add("objects", "The project %s has no %s %q.", x.project.Name, ref.Kind.Label(), truncated(ref.Name, problem.MaxName))
		}
		wanted[ref.Key()] = true
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	return wanted, x.enough(len(wanted))
}

// enough bounds both ends, as archive.Write would say it after all was read.
func (x *exporter) enough(n int) error {
	switch {
	case n == 0:
		return problem.List{{Field: "objects", Message: "Choose what to export."}}
	case n > archive.MaxObjects:
		return problem.List{{Field: "objects", Message: fmt.Sprintf("A package holds %d objects at most; choose fewer.", archive.MaxObjects)}}
	}
	return nil
}

// read makes the wanted objects of a kind.
func (x *exporter) read(ctx context.Context, kind archive.Kind, wanted map[archive.Ref]bool) ([]archive.Object, error) {
	var ids []string
	for ref, found := range x.there {
		if ref.Kind == kind && wanted[ref] {
			ids = append(ids, found.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	objects, err := x.objects(ctx, kind, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(objects, func(a, b archive.Object) int { return strings.Compare(a.Base().Name, b.Base().Name) })
	return objects, nil
}

func (x *exporter) objects(ctx context.Context, kind archive.Kind, ids []string) ([]archive.Object, error) {
	switch kind {
	case archive.KindVariable:
		return readObjects(ctx, x, ids, x.variable)
	case archive.KindRole:
		return readObjects(ctx, x, ids, x.role)
	case archive.KindIdentitySource:
		return readObjects(ctx, x, ids, x.source)
	case archive.KindPolicy:
		return readObjects(ctx, x, ids, x.policy)
	}
	rows, err := from[ownerRow](x.tx).Where("id in ?", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read every %s: %w", kind.Label(), err)
	}
	owners, err := completed(ctx, x.tx, x.project.Name, rows, addHosts, addEndpoints, x.s.addBindings, addMembers)
	if err != nil {
		return nil, err
	}
	return objectsOf(owners, x.owner)
}

// readObjects reads the rows of a table as objects.
func readObjects[T any](ctx context.Context, x *exporter, ids []string, object func(T) (archive.Object, error)) ([]archive.Object, error) {
	rows, err := from[T](x.tx).Where("id in ?", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is exported: %w", err)
	}
	return objectsOf(rows, object)
}

func objectsOf[T any](rows []T, object func(T) (archive.Object, error)) ([]archive.Object, error) {
	list := make([]archive.Object, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = object(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (x *exporter) variable(row variableRow) (archive.Object, error) {
	v, err := row.variable()
	return &archive.Variable{Common: archive.Common{Kind: archive.KindVariable, Name: row.Name}, Variable: v.Definition}, err
}

func (x *exporter) role(row roleRow) (archive.Object, error) {
	return &archive.Role{Common: archive.Common{Kind: archive.KindRole, Name: row.Name}, Description: row.Description}, nil
}

func (x *exporter) source(row identitySourceRow) (archive.Object, error) {
	src, err := x.s.identitySource(row, x.project.Name, 0)
	if err != nil {
		return nil, err
	}
	raw, err := plainJSON(src.Config)
	return &archive.IdentitySource{
		Common: archive.Common{Kind: archive.KindIdentitySource, Name: row.Name}, Definition: raw, Secrets: src.Secrets,
	}, err
}

func (x *exporter) policy(row policyRow) (archive.Object, error) {
	p, err := x.s.policy(row, x.project.Name, 0)
	if err != nil {
		return nil, err
	}
	raw, err := policy.Encode(p.Config)
	return &archive.Policy{
		Common: archive.Common{Kind: archive.KindPolicy, Name: row.Name, Dependencies: x.known(namedIn(p.Config, raw))}, Policy: raw,
	}, err
}

func (x *exporter) owner(o Owner) (archive.Object, error) {
	common := archive.Common{Name: o.Name}
	bindings, err := x.bindings(&o, &common.Dependencies)
	if err != nil {
		return nil, err
	}
	switch o.Kind {
	case engine.KindPolicyGroup:
		common.Kind = archive.KindPolicyGroup
		g := &archive.PolicyGroup{Common: common, Description: o.Description, Active: o.Active, Pipeline: o.Pipeline, Order: o.Rank, MakeDefault: o.MakeDefault}
		for _, b := range bindings {
			g.Policies = append(g.Policies, archive.Slot{Global: b.Global, Policy: b.Policy})
		}
		return g, nil
	case engine.KindProxyGroup:
		common.Kind = archive.KindProxyGroup
		g := &archive.ProxyGroup{Common: common, Description: o.Description, Route: o.Route, BlockDirectAccess: o.BlockDirectAccess, ErrorTemplates: o.ErrorTemplates, Bindings: bindings}
		for _, m := range o.Members {
			g.Members = append(g.Members, m.Name)
			g.Dependencies = append(g.Dependencies, archive.Ref{Kind: archive.KindProxy, Name: m.Name})
		}
		return g, nil
	}
	common.Kind = archive.KindProxy
	p := &archive.Proxy{Common: common, Description: o.Description, Route: o.Route, Upstream: o.Upstream, ErrorTemplates: o.ErrorTemplates, Bindings: bindings}
	for _, e := range o.Endpoints {
		p.Endpoints = append(p.Endpoints, archive.Endpoint{Method: e.Method, Path: e.Path, Description: e.Description})
	}
	return p, nil
}

// bindings are in running order, so that importing them in turn gives the same
// order. What they name is added to the dependencies.
func (x *exporter) bindings(o *Owner, dependencies *[]archive.Ref) ([]archive.Binding, error) {
	endpoints := map[string]string{}
	for _, e := range o.Endpoints {
		endpoints[e.ID] = e.Method + " " + e.Path
	}
	var list []archive.Binding
	for _, b := range o.Bindings {
		line := archive.Binding{Scope: b.Scope, Endpoint: endpoints[b.EndpointID], Pipeline: b.Pipeline}
		switch {
		case b.Group != nil:
			line.Group = b.Group.Name
			*dependencies = append(*dependencies, archive.Ref{Kind: archive.KindPolicyGroup, Name: b.Group.Name})
		case b.Policy.Global():
			line.Global = b.Policy.Name
			*dependencies = append(*dependencies, archive.Ref{Kind: archive.KindPolicy, Name: b.Policy.Name})
		default:
			raw, err := policy.Encode(b.Policy.Config)
			if err != nil {
				return nil, err
			}
			line.Policy = raw
			*dependencies = append(*dependencies, x.known(namedIn(b.Policy.Config, raw))...)
		}
		list = append(list, line)
	}
	return list, nil
}

// known are those references that the project has, as it spells them. Roles may
// be those of a directory, which no project has.
func (x *exporter) known(refs []archive.Ref) []archive.Ref {
	var list []archive.Ref
	for _, ref := range refs {
		if found, ok := x.there[ref.Key()]; ok {
			list = append(list, archive.Ref{Kind: ref.Kind, Name: found.Name})
		}
	}
	return list
}

// namedIn is what a policy names: identity sources, variables and roles. Signing
// keys are no objects of packages: each environment has its own.
func namedIn(c policy.Config, raw json.RawMessage) []archive.Ref {
	var refs []archive.Ref
	for _, r := range references(c) {
		refs = append(refs, archive.Ref{Kind: archive.KindIdentitySource, Name: r.Name})
	}
	eachCondition(c.Base(), func(_ string, _ bool, c *condition.Condition) {
		for _, name := range c.Names() {
			refs = append(refs, archive.Ref{Kind: archive.KindVariable, Name: name})
		}
	})
	for _, name := range rolesOf(raw) {
		refs = append(refs, archive.Ref{Kind: archive.KindRole, Name: name})
	}
	return refs
}

// roleMembers are the two places of a policy that roles stand in, as in
// rolePolicies.
type roleMembers struct {
	Authorization struct {
		Names []string `json:"credentialRoleNameList"`
		Rows  []struct {
			Names []string `json:"credentialRoleNameList"`
		} `json:"policyAuthorizationMethodDefList"`
	} `json:"authorization"`
}

func rolesOf(raw json.RawMessage) []string {
	var m roleMembers
	if json.Unmarshal(raw, &m) != nil {
		return nil // a type that has something else there has no roles
	}
	names := m.Authorization.Names
	for _, row := range m.Authorization.Rows {
		names = append(names, row.Names...)
	}
	return names
}

// plainJSON is JSON as policy.Encode writes it: for people too, so that & stays
// what it is.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode what is exported: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
