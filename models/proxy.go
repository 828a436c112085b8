package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
)

// Endpoint is one operation of a proxy: a method and a path template.
type Endpoint struct{ ID, Method, Path, Description string }

// Binding is a policy in a lane of a proxy. A lane is a pipeline of the proxy
// as a whole, or of one of its endpoints.
type Binding struct {
	ID, ProxyID string
	Scope       policy.Scope
	// EndpointID is set where Scope is ENDPOINT.
	EndpointID string
	Pipeline   policy.Pipeline
	// Position counts from 1 within the lane.
	Position int
	Policy   Policy
}

// Proxy is an API proxy as it is edited. What runs is its revisions.
type Proxy struct {
	ID, ProjectID, ProjectName string
	Name, Description          string
	// ClientID is the public half of the key pair: given at creation, never
	// changed by a save.
	ClientID string
	Route    engine.Route
	Upstream engine.Upstream
	// ErrorTemplates are what error answers are put into; nil for none.
	ErrorTemplates *fault.Bodies
	// Endpoints are in the order they were written.
	Endpoints []Endpoint
	// Bindings are in running order: by pipeline, those for all calls before
	// those of an endpoint, then by position.
	Bindings []Binding
	// Deployments has one entry for each environment.
	Deployments []Deployment
	Stamp
}

// ProxyFilter narrows and orders a list of proxies.
type ProxyFilter struct {
	// Query is looked for in name, description and base path, without regard
	// to case.
	Query string
	// Sort is name (the default), basePath or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var proxySorts = map[string]string{"name": "lower(name)", "basePath": "base_path", "updated": "updated_at"}

type proxyRow struct {
	ID               string `gorm:"primaryKey"`
	ProjectID        string
	Name             string
	Description      string
	ClientID         string
	ClientSecretHash string
	BasePath         string
	Methods          document
	UpstreamURL      string
	ConnectTimeout   int
	ResponseTimeout  int
	ErrorTemplates   document // nil for none
	Stamp            stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (proxyRow) TableName() string { return "api_proxies" }

type routeRow struct {
	ProxyID  string `gorm:"primaryKey"`
	Host     string `gorm:"primaryKey"`
	BasePath string
}

// TableName implements gorm's schema.Tabler.
func (routeRow) TableName() string { return "api_proxy_routes" }

type endpointRow struct {
	ID          string `gorm:"primaryKey"`
	ProxyID     string
	Method      string
	Path        string
	Description string
	Position    int
}

// TableName implements gorm's schema.Tabler.
func (endpointRow) TableName() string { return "api_proxy_endpoints" }

type bindingRow struct {
	ID         string `gorm:"primaryKey"`
	ProxyID    string
	Scope      string
	EndpointID *string
	Pipeline   string
	Position   int
	PolicyID   string
}

// TableName implements gorm's schema.Tabler.
func (bindingRow) TableName() string { return "policy_bindings" }

func (r proxyRow) proxy(project string) (Proxy, error) {
	p := Proxy{
		ID: r.ID, ProjectID: r.ProjectID, ProjectName: project, Name: r.Name, Description: r.Description, ClientID: r.ClientID,
		Route:    engine.Route{BasePath: r.BasePath},
		Upstream: engine.Upstream{URL: r.UpstreamURL, ConnectTimeout: r.ConnectTimeout, ResponseTimeout: r.ResponseTimeout},
		Stamp:    r.Stamp.stamp(),
	}
	if err := json.Unmarshal(r.Methods, &p.Route.Methods); err != nil {
		return p, fmt.Errorf("read methods of proxy %s: %w", r.ID, err)
	}
	if r.ErrorTemplates == nil {
		return p, nil
	}
	if err := json.Unmarshal(r.ErrorTemplates, &p.ErrorTemplates); err != nil {
		return p, fmt.Errorf("read error templates of proxy %s: %w", r.ID, err)
	}
	return p, nil
}

// Proxies lists the proxies of a project with their deployments, without
// endpoints and bindings, and how many the filter leaves in all.
func (s *Store) Proxies(ctx context.Context, projectID string, f ProxyFilter) (list []Proxy, total int, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		q := f.conditions(from[proxyRow](tx).Where("project_id = ?", project.ID))
		n, err := q.Count(ctx, "*")
		if err != nil {
			return fmt.Errorf("count proxies: %w", err)
		}
		limit, offset := page(f.Page, f.PerPage)
		rows, err := q.Order(ordering(proxySorts, f.Sort, f.Desc) + ", lower(name), id").Limit(limit).Offset(offset).Find(ctx)
		if err != nil {
			return fmt.Errorf("list proxies: %w", err)
		}
		total = int(n)
		list, err = s.proxies(ctx, tx, project.Name, rows)
		return err
	})
	for i := range list {
		list[i].Endpoints, list[i].Bindings = nil, nil
	}
	return list, total, err
}

func (f ProxyFilter) conditions(q tableOf[proxyRow]) tableOf[proxyRow] {
	if f.Query == "" {
		return q
	}
	like := containing(f.Query)
	return q.Where("(name ilike ? or description ilike ? or base_path ilike ?)", like, like, like)
}

// Proxy finds a proxy by name, compared without case, and reads it whole.
func (s *Store) Proxy(ctx context.Context, projectID, name string) (Proxy, error) {
	var p Proxy
	err := s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		if !storable(name) {
			return ErrNotFound
		}
		row, err := found(from[proxyRow](tx).Where("project_id = ? and lower(name) = lower(?)", project.ID, name).Take(ctx))
		if err != nil {
			return err
		}
		p, err = s.oneProxy(ctx, tx, project.Name, row)
		return err
	})
	if err != nil {
		return Proxy{}, fmt.Errorf("read proxy: %w", err)
	}
	return p, nil
}

func proxyByID(ctx context.Context, db *gorm.DB, projectID, id string) (proxyRow, error) {
	if !isID(id) {
		return proxyRow{}, fmt.Errorf("read proxy: %w", ErrNotFound)
	}
	row, err := found(from[proxyRow](db).Where("id = ? and project_id = ?", id, projectID).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read proxy: %w", err)
	}
	return row, nil
}

func (s *Store) oneProxy(ctx context.Context, db *gorm.DB, project string, row proxyRow) (Proxy, error) {
	list, err := s.proxies(ctx, db, project, []proxyRow{row})
	if err != nil {
		return Proxy{}, err
	}
	return list[0], nil
}

// proxies completes rows of one project. The number of queries does not depend
// on the number of rows.
func (s *Store) proxies(ctx context.Context, db *gorm.DB, project string, rows []proxyRow) ([]Proxy, error) {
	list := make([]Proxy, len(rows))
	byID := make(map[string]*Proxy, len(rows))
	ids := make([]string, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = row.proxy(project); err != nil {
			return nil, err
		}
		byID[row.ID], ids[i] = &list[i], row.ID
	}
	if len(rows) == 0 {
		return list, nil
	}
	for _, part := range []func(context.Context, *gorm.DB, []string, map[string]*Proxy) error{
		addHosts, addEndpoints, s.addBindings, addDeployments,
	} {
		if err := part(ctx, db, ids, byID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func addHosts(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Proxy) error {
	rows, err := from[routeRow](db).Where("proxy_id in ? and host <> ''", ids).Order("host").Find(ctx)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, r := range rows {
		p := proxies[r.ProxyID]
		p.Route.Hosts = append(p.Route.Hosts, r.Host)
	}
	return nil
}

func addEndpoints(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Proxy) error {
	rows, err := from[endpointRow](db).Where("proxy_id in ?", ids).Order("position").Find(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	for _, r := range rows {
		p := proxies[r.ProxyID]
		p.Endpoints = append(p.Endpoints, Endpoint{ID: r.ID, Method: r.Method, Path: r.Path, Description: r.Description})
	}
	return nil
}

func (s *Store) addBindings(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Proxy) error {
	rows, err := query[bindingRow](ctx, db, `select b.* from policy_bindings b left join api_proxy_endpoints e on e.id = b.endpoint_id
		where b.proxy_id in ?
		order by array_position(array['REQUEST', 'RESPONSE', 'ERROR'], b.pipeline), e.position nulls first, b.position`, ids)
	if err != nil {
		return fmt.Errorf("list bindings: %w", err)
	}
	policies, err := s.boundPolicies(ctx, db, ids, proxies)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := proxies[r.ProxyID]
		p.Bindings = append(p.Bindings, r.binding(policies[r.PolicyID]))
	}
	return nil
}

func (r bindingRow) binding(p Policy) Binding {
	b := Binding{
		ID: r.ID, ProxyID: r.ProxyID, Scope: policy.Scope(r.Scope), Pipeline: policy.Pipeline(r.Pipeline),
		Position: r.Position, Policy: p,
	}
	if r.EndpointID != nil {
		b.EndpointID = *r.EndpointID
	}
	return b
}

// boundPolicies reads every policy that the proxies, all of one project, run.
func (s *Store) boundPolicies(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Proxy) (map[string]Policy, error) {
	rows, err := from[policyRow](db).Where("id in (select policy_id from policy_bindings where proxy_id in ?)", ids).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list bound policies: %w", err)
	}
	list, err := s.policies(ctx, db, proxies[ids[0]].ProjectName, rows)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]Policy, len(list))
	for _, p := range list {
		byID[p.ID] = p
	}
	return byID, nil
}
