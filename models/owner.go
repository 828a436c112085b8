package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// Endpoint is one operation of a proxy: a method and a path template.
type Endpoint struct{ ID, Method, Path, Description string }

// Binding is a policy or a policy group in a lane of an owner. A lane is a
// pipeline of the owner as a whole, or of one endpoint of a proxy.
type Binding struct {
	ID, OwnerID string
	Scope       policy.Scope
	// EndpointID is set where Scope is ENDPOINT.
	EndpointID string
	Pipeline   policy.Pipeline
	// Position counts from 1 within the lane.
	Position int
	// Policy is what is bound, unless Group is, a policy group with its bindings.
	Policy Policy
	Group  *Owner
}

// Name is that of the policy or policy group.
func (b *Binding) Name() string {
	if b.Group != nil {
		return b.Group.Name
	}
	return b.Policy.Name
}

// Shared tells that other owners may have it too: a global policy or a policy
// group.
func (b *Binding) Shared() bool { return b.Group != nil || b.Policy.Global() }

// Owner is what policies are bound to and what is deployed, as it is edited: an
// API proxy, a proxy group or a policy group. What runs is its revisions.
type Owner struct {
	ID, ProjectID, ProjectName string
	// Kind is engine.KindProxy, KindProxyGroup or KindPolicyGroup.
	Kind              string
	Name, Description string
	// ClientID is the public half of the key pair: given at creation, never
	// changed by a save.
	ClientID string
	// Route is that of a proxy or of a proxy group.
	Route engine.Route
	// ErrorTemplates are what error answers of a proxy or of a proxy group are
	// put into; nil for none.
	ErrorTemplates *fault.Bodies

	// Upstream is that of a proxy, and Endpoints are its operations in the order
	// they were written.
	Upstream  engine.Upstream
	Endpoints []Endpoint

	// Members are the proxies of a proxy group in order; BlockDirectAccess lets
	// them be called through it only.
	Members           []Member
	BlockDirectAccess bool

	// Active is the switch of a policy group, Pipeline the lanes that it is for,
	// Rank its place among the groups of a lane; with MakeDefault every new proxy
	// of the project gets it.
	Active      bool
	Pipeline    policy.Pipeline
	Rank        int
	MakeDefault bool

	// Bindings are in running order: by pipeline, those for all calls before
	// those of an endpoint, then by position.
	Bindings []Binding
	// Deployments has one entry for each environment.
	Deployments []Deployment
	Stamp
}

// Member is a proxy of a proxy group.
type Member struct{ ID, Name, Description, BasePath string }

// OwnerFilter narrows and orders a list of owners of one kind.
type OwnerFilter struct {
	// Kind is engine.KindProxy when it is empty.
	Kind string
	// Query is looked for in name, description and base path, without regard
	// to case.
	Query string
	// Pipeline is that of policy groups; "" for all.
	Pipeline policy.Pipeline
	// Sort is name (the default), basePath, updated, pipeline, order or status.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var ownerSorts = map[string]string{
	"name": "lower(name)", "basePath": "base_path", "updated": "updated_at", "order": "rank", "status": "active",
	"pipeline": "array_position(array['REQUEST', 'RESPONSE', 'ERROR'], pipeline)",
}

type ownerRow struct {
	ID                string `gorm:"primaryKey"`
	Kind              string
	ProjectID         string
	Name              string
	Key               string `gorm:"->"` // the database makes it
	Description       string
	ClientID          string
	ClientSecretHash  string
	BasePath          string
	Methods           document
	UpstreamURL       string
	ConnectTimeout    int
	ResponseTimeout   int
	Balancing         document // what else the upstream says; nil for nothing
	ErrorTemplates    document // nil for none
	BlockDirectAccess bool
	Active            bool
	Pipeline          string
	Rank              int
	MakeDefault       bool
	Stamp             stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (ownerRow) TableName() string { return "owners" }

type routeRow struct {
	OwnerID  string `gorm:"primaryKey"`
	Host     string `gorm:"primaryKey"`
	BasePath string
}

// TableName implements gorm's schema.Tabler.
func (routeRow) TableName() string { return "owner_routes" }

type endpointRow struct {
	ID          string `gorm:"primaryKey"`
	OwnerID     string
	Method      string
	Path        string
	Description string
	Position    int
}

// TableName implements gorm's schema.Tabler.
func (endpointRow) TableName() string { return "api_proxy_endpoints" }

type groupMemberRow struct {
	GroupID  string `gorm:"primaryKey"`
	ProxyID  string `gorm:"primaryKey"`
	Position int
}

// TableName implements gorm's schema.Tabler.
func (groupMemberRow) TableName() string { return "proxy_group_members" }

type bindingRow struct {
	ID         string `gorm:"primaryKey"`
	OwnerID    string
	Scope      string
	EndpointID *string
	Pipeline   string
	Position   int
	PolicyID   *string
	GroupID    *string

	// The database keeps these for reports.
	ProjectID  string  `gorm:"->"`
	OwnerKey   string  `gorm:"->"`
	OwnerKind  string  `gorm:"->"`
	PolicyKey  *string `gorm:"->"`
	Lane       int     `gorm:"->"`
	OfEndpoint bool    `gorm:"->"`
}

// TableName implements gorm's schema.Tabler.
func (bindingRow) TableName() string { return "policy_bindings" }

func (r ownerRow) owner(project string) (Owner, error) {
	p := Owner{
		ID: r.ID, ProjectID: r.ProjectID, ProjectName: project, Kind: r.Kind, Name: r.Name, Description: r.Description, ClientID: r.ClientID,
		Route:             engine.Route{BasePath: r.BasePath},
		Upstream:          engine.Upstream{URL: r.UpstreamURL, ConnectTimeout: r.ConnectTimeout, ResponseTimeout: r.ResponseTimeout},
		BlockDirectAccess: r.BlockDirectAccess,
		Active:            r.Active, Pipeline: policy.Pipeline(r.Pipeline), Rank: r.Rank, MakeDefault: r.MakeDefault,
		Stamp: r.Stamp.stamp(),
	}
	if err := json.Unmarshal(r.Methods, &p.Route.Methods); err != nil {
		return p, fmt.Errorf("read methods of owner %s: %w", r.ID, err)
	}
	if err := r.readBalancing(&p.Upstream); err != nil {
		return p, fmt.Errorf("read upstream of owner %s: %w", r.ID, err)
	}
	if r.ErrorTemplates == nil {
		return p, nil
	}
	if err := json.Unmarshal(r.ErrorTemplates, &p.ErrorTemplates); err != nil {
		return p, fmt.Errorf("read error templates of owner %s: %w", r.ID, err)
	}
	return p, nil
}

// readBalancing adds to an upstream what its own columns do not say.
func (r *ownerRow) readBalancing(u *engine.Upstream) error {
	if r.Balancing == nil {
		return nil
	}
	more := engine.Upstream{}
	if err := json.Unmarshal(r.Balancing, &more); err != nil {
		return err
	}
	more.URL, more.ConnectTimeout, more.ResponseTimeout = u.URL, u.ConnectTimeout, u.ResponseTimeout
	*u = more
	return nil
}

// writeBalancing is the other way.
func (r *ownerRow) writeBalancing(u engine.Upstream) (err error) {
	u.URL, u.ConnectTimeout, u.ResponseTimeout, r.Balancing = "", 0, 0, nil
	if !reflect.ValueOf(u).IsZero() {
		r.Balancing, err = json.Marshal(u)
	}
	return err
}

// Owners lists the owners of one kind in a project with their deployments,
// without endpoints and bindings, and how many the filter leaves in all.
func (s *Store) Owners(ctx context.Context, projectID string, f OwnerFilter) (list []Owner, total int, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		q := f.of(tx, project)
		n, err := q.Count(ctx, "*")
		if err != nil {
			return fmt.Errorf("count owners: %w", err)
		}
		limit, offset := page(f.Page, f.PerPage)
		rows, err := q.Order(f.order()).Limit(limit).Offset(offset).Find(ctx)
		if err != nil {
			return fmt.Errorf("list owners: %w", err)
		}
		total = int(n)
		list, err = s.owners(ctx, tx, project.Name, rows)
		return err
	})
	for i := range list {
		list[i].Endpoints, list[i].Bindings = nil, nil
	}
	return list, total, err
}

// of are the rows of a project that the filter leaves.
func (f OwnerFilter) of(tx *gorm.DB, project Project) tableOf[ownerRow] {
	return f.conditions(from[ownerRow](tx).Where("project_id = ? and kind = ?", project.ID, cmp.Or(f.Kind, engine.KindProxy)))
}

func (f OwnerFilter) order() string {
	return ordering(ownerSorts, f.Sort, f.Desc) + ", lower(name), id"
}

func (f OwnerFilter) conditions(q tableOf[ownerRow]) tableOf[ownerRow] {
	if f.Pipeline != "" {
		q = q.Where("pipeline = ?", truncated(string(f.Pipeline), problem.MaxName))
	}
	if f.Query == "" {
		return q
	}
	like := containing(f.Query)
	return q.Where("(name ilike ? or description ilike ? or base_path ilike ?)", like, like, like)
}

// Owner finds an owner by kind and name, compared without case, and reads it
// whole.
func (s *Store) Owner(ctx context.Context, projectID, kind, name string) (Owner, error) {
	var o Owner
	err := s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		if !storable(name) {
			return ErrNotFound
		}
		row, err := found(from[ownerRow](tx).Where("project_id = ? and kind = ? and lower(name) = lower(?)", project.ID, kind, name).Take(ctx))
		if err != nil {
			return err
		}
		o, err = s.oneOwner(ctx, tx, project.Name, row)
		return err
	})
	if err != nil {
		return Owner{}, fmt.Errorf("read %s: %w", kindWord(kind), err)
	}
	return o, nil
}

// FlowVersions are those of an owner and of what it alone has in its flow.
func (o Owner) FlowVersions() []int {
	versions := []int{o.Version}
	for _, b := range o.Bindings {
		if !b.Shared() {
			versions = append(versions, b.Policy.Version)
		}
	}
	return versions
}

// Proxy is Owner for an API proxy.
func (s *Store) Proxy(ctx context.Context, projectID, name string) (Owner, error) {
	return s.Owner(ctx, projectID, engine.KindProxy, name)
}

// kindWord is what people call an owner of that kind.
func kindWord(kind string) string {
	switch kind {
	case engine.KindProxyGroup:
		return "proxy group"
	case engine.KindPolicyGroup:
		return "policy group"
	}
	return "proxy"
}

func ownerByID(ctx context.Context, db *gorm.DB, projectID, id string) (ownerRow, error) {
	if !isID(id) {
		return ownerRow{}, fmt.Errorf("read proxy: %w", ErrNotFound)
	}
	row, err := found(from[ownerRow](db).Where("id = ? and project_id = ?", id, projectID).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read proxy: %w", err)
	}
	return row, nil
}

func (s *Store) oneOwner(ctx context.Context, db *gorm.DB, project string, row ownerRow) (Owner, error) {
	list, err := s.owners(ctx, db, project, []ownerRow{row})
	if err != nil {
		return Owner{}, err
	}
	err = list[0].countUses(ctx, db)
	return list[0], err
}

// countUses tells of every policy that the owner runs in how many places it is
// bound. Lists of owners leave that out: it costs more than what they show.
func (o *Owner) countUses(ctx context.Context, db *gorm.DB) error {
	var ids []string
	for p := range o.Policies() {
		ids = append(ids, p.ID)
	}
	used, err := uses(ctx, db, ids)
	if err != nil {
		return err
	}
	for p := range o.Policies() {
		p.Used = used[p.ID]
	}
	return nil
}

// part completes owners of one project.
type part func(ctx context.Context, db *gorm.DB, ids []string, owners map[string]*Owner) error

// owners completes rows of one project. The number of queries does not depend
// on the number of rows.
func (s *Store) owners(ctx context.Context, db *gorm.DB, project string, rows []ownerRow) ([]Owner, error) {
	return completed(ctx, db, project, rows, addHosts, addEndpoints, s.addBindings, addMembers, s.addDeployments)
}

func completed(ctx context.Context, db *gorm.DB, project string, rows []ownerRow, parts ...part) ([]Owner, error) {
	list := make([]Owner, len(rows))
	byID := make(map[string]*Owner, len(rows))
	ids := make([]string, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = row.owner(project); err != nil {
			return nil, err
		}
		byID[row.ID], ids[i] = &list[i], row.ID
	}
	if len(rows) == 0 {
		return list, nil
	}
	for _, add := range parts {
		if err := add(ctx, db, ids, byID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func addHosts(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Owner) error {
	rows, err := from[routeRow](db).Where("owner_id in ? and host <> ''", ids).Order("host").Find(ctx)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, r := range rows {
		p := proxies[r.OwnerID]
		p.Route.Hosts = append(p.Route.Hosts, r.Host)
	}
	return nil
}

func addEndpoints(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Owner) error {
	rows, err := from[endpointRow](db).Where("owner_id in ?", ids).Order("position").Find(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	for _, r := range rows {
		p := proxies[r.OwnerID]
		p.Endpoints = append(p.Endpoints, Endpoint{ID: r.ID, Method: r.Method, Path: r.Path, Description: r.Description})
	}
	return nil
}

func (s *Store) addBindings(ctx context.Context, db *gorm.DB, ids []string, owners map[string]*Owner) error {
	rows, err := query[bindingRow](ctx, db, `select b.* from policy_bindings b left join api_proxy_endpoints e on e.id = b.endpoint_id
		where b.owner_id in ?
		order by array_position(array['REQUEST', 'RESPONSE', 'ERROR'], b.pipeline), e.position nulls first, b.position`, ids)
	if err != nil {
		return fmt.Errorf("list bindings: %w", err)
	}
	project := owners[ids[0]].ProjectName
	policies, err := s.boundPolicies(ctx, db, rows, project)
	if err != nil {
		return err
	}
	groups, err := s.boundGroups(ctx, db, rows, project)
	if err != nil {
		return err
	}
	for _, r := range rows {
		o := owners[r.OwnerID]
		o.Bindings = append(o.Bindings, r.binding(policies, groups))
	}
	return nil
}

func (r bindingRow) binding(policies map[string]Policy, groups map[string]*Owner) Binding {
	b := Binding{ID: r.ID, OwnerID: r.OwnerID, Scope: policy.Scope(r.Scope), Pipeline: policy.Pipeline(r.Pipeline), Position: r.Position}
	if r.EndpointID != nil {
		b.EndpointID = *r.EndpointID
	}
	if r.PolicyID != nil {
		b.Policy = policies[*r.PolicyID]
	}
	if r.GroupID != nil {
		b.Group = groups[*r.GroupID]
	}
	return b
}

// boundPolicies reads the policies of bindings, all of one project, without
// counting their uses.
func (s *Store) boundPolicies(ctx context.Context, db *gorm.DB, bindings []bindingRow, project string) (map[string]Policy, error) {
	ids := distinct(bindings, func(b bindingRow) *string { return b.PolicyID })
	byID := make(map[string]Policy, len(ids))
	for some := range slices.Chunk(ids, maxParameters) {
		rows, err := from[policyRow](db).Where("id in ?", some).Find(ctx)
		if err != nil {
			return nil, fmt.Errorf("list bound policies: %w", err)
		}
		for _, row := range rows {
			if byID[row.ID], err = s.policy(row, project, 0); err != nil {
				return nil, err
			}
		}
	}
	return byID, nil
}

// distinct are the ids that bindings name, each once: thousands of proxies may have
// one policy or group.
func distinct(bindings []bindingRow, id func(bindingRow) *string) []string {
	var ids []string
	seen := map[string]bool{}
	for _, b := range bindings {
		if at := id(b); at != nil && !seen[*at] {
			ids, seen[*at] = append(ids, *at), true
		}
	}
	return ids
}

// boundGroups reads the policy groups of bindings with what is bound in them.
func (s *Store) boundGroups(ctx context.Context, db *gorm.DB, bindings []bindingRow, project string) (map[string]*Owner, error) {
	ids := distinct(bindings, func(b bindingRow) *string { return b.GroupID })
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := from[ownerRow](db).Where("id in ?", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list bound policy groups: %w", err)
	}
	list, err := completed(ctx, db, project, rows, s.addBindings)
	byID := make(map[string]*Owner, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, err
}

// addMembers names the members of proxy groups.
func addMembers(ctx context.Context, db *gorm.DB, ids []string, owners map[string]*Owner) error {
	type line struct{ GroupID, ID, Name, Description, BasePath string }
	lines, err := query[line](ctx, db, `select m.group_id, x.id, x.name, x.description, x.base_path
		from proxy_group_members m join owners x on x.id = m.proxy_id where m.group_id in ? order by m.group_id, m.position`, ids)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	for _, l := range lines {
		g := owners[l.GroupID]
		g.Members = append(g.Members, Member{ID: l.ID, Name: l.Name, Description: l.Description, BasePath: l.BasePath})
	}
	return nil
}

// readMembers reads the members of proxy groups of one project whole, as drafts of
// the groups need them.
func (s *Store) readMembers(ctx context.Context, db *gorm.DB, groups []*Owner) (map[string]*Owner, error) {
	var ids []string
	for _, g := range groups {
		for _, m := range g.Members {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := from[ownerRow](db).Where("id in ?", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	list, err := completed(ctx, db, groups[0].ProjectName, rows, addHosts, addEndpoints, s.addBindings)
	byID := make(map[string]*Owner, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, err
}

// Policies are all policies that the owner runs, those of policy groups too; of
// a proxy group not those of its members.
func (o *Owner) Policies() iter.Seq[*Policy] {
	return func(yield func(*Policy) bool) {
		for i := range o.Bindings {
			b := &o.Bindings[i]
			if b.Group == nil {
				if !yield(&b.Policy) {
					return
				}
				continue
			}
			for p := range b.Group.Policies() {
				if !yield(p) {
					return
				}
			}
		}
	}
}
