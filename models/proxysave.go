package models

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
)

// The unique indexes behind names, client ids and routes of proxies.
const (
	proxiesByName     = "api_proxies_name"
	proxiesByClientID = "api_proxies_client_id"
	routeClaims       = "api_proxy_routes_claim"
)

const (
	proxyNameTaken = "The name is taken by another proxy; choose another one."
	// clientSecretBytes gives 43 characters.
	clientSecretBytes = 32
)

// SaveProxy writes a proxy with its endpoints: a new one when p.ID is empty,
// else the one of that id as it was read at p.Version. Of p it reads name,
// description, route, upstream, error templates and endpoints; bindings are
// edited one by one. An endpoint keeps its bindings when it keeps its id, or its
// method and path; those of an endpoint that goes away go with it. A new proxy
// gets a client id and a client secret, which is returned this once. Problems are
// of the fields name, description, clientId, basePath, hosts, methods,
// upstreamUrl, connectTimeout, responseTimeout, endpoints[i] and those of
// errorTemplates.
func (s *Store) SaveProxy(ctx context.Context, by Actor, projectID string, p Proxy) (Proxy, secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Proxy{}, secret.Text{}, err
	}
	var key keyPair
	if p.ID == "" {
		if key, err = newKeyPair(ctx); err != nil {
			return Proxy{}, secret.Text{}, err
		}
	}
	var saved Proxy
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if p.ID == "" {
			saved, err = s.createProxy(ctx, tx, by, project, p, key)
			return err
		}
		saved, err = s.updateProxy(ctx, tx, by, project, p)
		return err
	})
	if err != nil {
		return Proxy{}, secret.Text{}, fmt.Errorf("save proxy: %w", proxyRace(err))
	}
	return saved, key.secret, nil
}

// proxyRace says what is taken when another writer took it between our look
// and our write.
func proxyRace(err error) error {
	switch violated(err) {
	case proxiesByName:
		return problem.List{{Field: "name", Message: proxyNameTaken}}
	case routeClaims:
		return problem.List{{Field: "basePath", Message: "The base path was just taken by another proxy; choose another one."}}
	case clientNames, proxiesByClientID:
		return problem.List{{Field: "clientId", Message: "The client id is taken by a credential or by another API proxy."}}
	}
	return err
}

// keyPair is an owner's client id and secret.
type keyPair struct {
	id     string
	secret secret.Text
	hash   string
}

func newKeyPair(ctx context.Context) (keyPair, error) {
	k := keyPair{id: uuid.NewString(), secret: secret.New(secret.Generate(clientSecretBytes))}
	var err error
	if k.hash, err = secret.HashContext(ctx, k.secret.Reveal()); err != nil {
		return k, fmt.Errorf("make client secret: %w", err)
	}
	return k, nil
}

func (s *Store) createProxy(ctx context.Context, tx *gorm.DB, by Actor, project Project, p Proxy, key keyPair) (Proxy, error) {
	row := proxyRow{
		ID: newID(), ProjectID: project.ID, ClientID: key.id, ClientSecretHash: key.hash, Stamp: born(by, s.now()),
	}
	if err := s.authorProxy(ctx, tx, &row, &p); err != nil {
		return p, err
	}
	if err := from[proxyRow](tx).Create(ctx, &row); err != nil {
		return p, err
	}
	if err := s.writeParts(ctx, tx, by, project, row, p, nil); err != nil {
		return p, err
	}
	saved, err := s.oneProxy(ctx, tx, project.Name, row)
	if err != nil {
		return p, err
	}
	return saved, s.recordProxy(ctx, tx, by, ActionCreated, nil, &saved)
}

func (s *Store) updateProxy(ctx context.Context, tx *gorm.DB, by Actor, project Project, p Proxy) (Proxy, error) {
	before, row, err := s.proxyAt(ctx, tx, project, p.ID, p.Version)
	if err != nil {
		return before, err
	}
	if err := s.authorProxy(ctx, tx, &row, &p); err != nil {
		return before, err
	}
	if err := s.bumpProxy(ctx, tx, by, &row,
		"name", "description", "methods", "upstream_url", "connect_timeout", "response_timeout", "error_templates"); err != nil {
		return before, err
	}
	if err := s.writeParts(ctx, tx, by, project, row, p, before.Endpoints); err != nil {
		return before, err
	}
	return s.changedProxy(ctx, tx, by, ActionUpdated, project, before)
}

// proxyAt is the proxy as it was read at version, whole and as a row, or the
// *StaleError that shows what it has become.
func (s *Store) proxyAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (Proxy, proxyRow, error) {
	row, err := proxyByID(ctx, tx, project.ID, id)
	if isNotFound(err) {
		return Proxy{}, row, s.missing(ctx, KindProxy, id)
	}
	if err != nil {
		return Proxy{}, row, err
	}
	p, err := s.oneProxy(ctx, tx, project.Name, row)
	if err != nil || p.Version == version {
		return p, row, err
	}
	return p, row, &StaleError{
		Kind: KindProxy, Name: p.Name, Version: p.Version, Current: p, By: p.UpdatedBy, At: p.UpdatedAt,
	}
}

// bumpProxy writes columns of a proxy and its next version, provided that
// nobody wrote since it was read. It locks the proxy: whoever edits its parts
// bumps first.
func (s *Store) bumpProxy(ctx context.Context, tx *gorm.DB, by Actor, row *proxyRow, columns ...any) error {
	read := row.Stamp.Version
	row.Stamp = row.Stamp.next(by, s.now())
	n, err := from[proxyRow](tx).Where("id = ? and version = ?", row.ID, read).
		Select("version", append([]any{"updated_at", "updated_by"}, columns...)...).Updates(ctx, *row)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return nil
}

// changedProxy reads a proxy again after a change and audits it.
func (s *Store) changedProxy(ctx context.Context, tx *gorm.DB, by Actor, action string, project Project, before Proxy) (Proxy, error) {
	row, err := proxyByID(ctx, tx, project.ID, before.ID)
	if err != nil {
		return before, err
	}
	after, err := s.oneProxy(ctx, tx, project.Name, row)
	if err != nil {
		return before, err
	}
	return after, s.recordProxy(ctx, tx, by, action, &before, &after)
}

// authorProxy checks what was written and puts it into its row.
func (s *Store) authorProxy(ctx context.Context, tx *gorm.DB, row *proxyRow, p *Proxy) error {
	p.normalizeTemplates()
	l := p.validate()
	if l.For("name") == "" {
		taken, err := proxyNameIsTaken(ctx, tx, row.ProjectID, p.Name, row.ID)
		if err != nil {
			return err
		}
		if taken {
			l.Add("name", "%s", proxyNameTaken)
		}
	}
	p.normalize()
	if l.For("basePath") == "" && l.For("hosts") == "" {
		msg, err := routeTaken(ctx, tx, row.ProjectID, p.Route, row.ID)
		if err != nil {
			return err
		}
		if msg != "" {
			l.Add("basePath", "%s", msg)
		}
	}
	if err := l.Err(); err != nil {
		return err
	}
	methods, err := json.Marshal(append([]string{}, p.Route.Methods...)) // [] and not null
	if err != nil {
		return fmt.Errorf("encode methods: %w", err)
	}
	row.Name, row.Description, row.BasePath, row.Methods = p.Name, p.Description, p.Route.BasePath, methods
	row.UpstreamURL, row.ConnectTimeout, row.ResponseTimeout = p.Upstream.URL, p.Upstream.ConnectTimeout, p.Upstream.ResponseTimeout
	row.ErrorTemplates = nil
	if p.ErrorTemplates == nil {
		return nil
	}
	if row.ErrorTemplates, err = json.Marshal(p.ErrorTemplates); err != nil {
		return fmt.Errorf("encode error templates: %w", err)
	}
	return nil
}

func (p *Proxy) validate() problem.List {
	e := engine.Proxy{Name: p.Name, Route: p.Route, Upstream: p.Upstream, ErrorTemplates: p.ErrorTemplates}
	for _, x := range p.Endpoints {
		e.Endpoints = append(e.Endpoints, engine.APIEndpoint{Method: x.Method, Path: x.Path})
	}
	l := e.Validate()
	for i, x := range p.Endpoints {
		if msg := descriptionProblem(x.Description); msg != "" {
			l.Add(fmt.Sprintf("endpoints[%d]", i), "%s", msg)
		}
	}
	if msg := descriptionProblem(p.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	return l
}

// descriptionProblem is the rule for descriptions of policies, which holds for
// every description.
func descriptionProblem(text string) string {
	c := policy.Common{Name: "any", Description: text}
	return c.Validate().For("description")
}

// normalize gives routes that act alike one form, so that their digests agree
// and the index of claims sees the same host as the router.
func (p *Proxy) normalize() {
	hosts := slices.Clone(p.Route.Hosts)
	for i, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			hosts[i] = ip.String()
		}
	}
	slices.Sort(hosts)
	p.Route.Hosts = slices.Compact(hosts)
	order := engine.Methods()
	methods := slices.Clone(p.Route.Methods)
	slices.SortFunc(methods, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	p.Route.Methods = slices.Compact(methods)
}

// normalizeTemplates comes before validate, which judges what it makes.
func (p *Proxy) normalizeTemplates() {
	if p.ErrorTemplates.Empty() {
		p.ErrorTemplates = nil
		return
	}
	t := *p.ErrorTemplates
	t.Normalize()
	p.ErrorTemplates = &t
}

func proxyNameIsTaken(ctx context.Context, tx *gorm.DB, projectID, name, exceptID string) (bool, error) {
	n, err := from[proxyRow](tx).Where("project_id = ? and lower(name) = lower(?) and id <> ?", projectID, name, exceptID).Count(ctx, "*")
	if err != nil {
		return false, fmt.Errorf("look for a proxy of that name: %w", err)
	}
	return n > 0, nil
}

// claims are the hosts that a route claims its base path on; "" is any host.
func claims(hosts []string) []string {
	if len(hosts) == 0 {
		return []string{""}
	}
	return hosts
}

// routeTaken says who has the route already, or "". A proxy of another project
// is not named, as who asks may not see that project; nor is any when the
// project is unknown ("").
func routeTaken(ctx context.Context, tx *gorm.DB, projectID string, route engine.Route, exceptID string) (string, error) {
	type claim struct{ Host, Name, ProjectID string }
	rows, err := query[claim](ctx, tx, `select r.host, p.name, p.project_id from api_proxy_routes r join api_proxies p on p.id = r.proxy_id
		where r.base_path = ? and r.host in ? and r.proxy_id <> ? order by r.host limit 1`, route.BasePath, claims(route.Hosts), exceptID)
	if err != nil {
		return "", fmt.Errorf("look for a proxy at %s: %w", route.BasePath, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	who, where := "a proxy of another project", ""
	switch projectID {
	case rows[0].ProjectID:
		who = fmt.Sprintf("the proxy %q", rows[0].Name)
	case "":
		who = "another proxy"
	}
	if rows[0].Host != "" {
		where = " on the host " + rows[0].Host
	}
	return fmt.Sprintf("The base path %s%s is taken by %s; choose another one.", route.BasePath, where, who), nil
}

// ProxyNameProblem says what is wrong with name for a proxy of the project, ""
// when it is free. exceptID is the proxy that is being edited, "" for a new
// one.
func (s *Store) ProxyNameProblem(ctx context.Context, projectID, name, exceptID string) (string, error) {
	if msg := problem.Name(name); msg != "" {
		return msg, nil
	}
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	taken, err := proxyNameIsTaken(ctx, s.db, project.ID, name, idOrNew(exceptID))
	if err != nil || !taken {
		return "", err
	}
	return proxyNameTaken, nil
}

// BasePathProblem says what is wrong with a base path on hosts (none means
// any), "" when it is free. The proxy that has it is named only to the editor
// of a proxy of the same project, exceptProxyID.
func (s *Store) BasePathProblem(ctx context.Context, basePath string, hosts []string, exceptProxyID string) (string, error) {
	if msg := engine.BasePathProblem(basePath); msg != "" {
		return msg, nil
	}
	p := Proxy{Route: engine.Route{BasePath: basePath, Hosts: slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !storable(h) })}}
	p.normalize()
	id := idOrNew(exceptProxyID)
	projects, err := query[string](ctx, s.db, "select project_id from api_proxies where id = ?", id)
	if err != nil {
		return "", fmt.Errorf("read proxy: %w", err)
	}
	return routeTaken(ctx, s.db, strings.Join(projects, ""), p.Route, id)
}

// idOrNew is an id to leave out of a search: one that nothing has when there
// is none to leave out.
func idOrNew(id string) string {
	if isID(id) {
		return id
	}
	return newID()
}

// writeParts replaces the routes and the endpoints of a proxy.
func (s *Store) writeParts(ctx context.Context, tx *gorm.DB, by Actor, project Project, row proxyRow, p Proxy, old []Endpoint) error {
	if err := writeRoutes(ctx, tx, row, p.Route.Hosts); err != nil {
		return err
	}
	kept := keptEndpoints(p.Endpoints, old)
	if err := s.dropEndpoints(ctx, tx, by, project, row.ID, old, kept); err != nil {
		return err
	}
	return writeEndpoints(ctx, tx, row.ID, p.Endpoints, kept)
}

// writeRoutes takes the old claims away before the base path moves, or they
// would move along and collide.
func writeRoutes(ctx context.Context, tx *gorm.DB, row proxyRow, hosts []string) error {
	if _, err := from[routeRow](tx).Where("proxy_id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	if _, err := from[proxyRow](tx).Where("id = ?", row.ID).Update(ctx, "base_path", row.BasePath); err != nil {
		return err
	}
	var rows []routeRow
	for _, h := range claims(hosts) {
		rows = append(rows, routeRow{ProxyID: row.ID, Host: h, BasePath: row.BasePath})
	}
	return from[routeRow](tx).CreateInBatches(ctx, &rows, len(rows))
}

// keptEndpoints gives each endpoint its id: the one it names if that is one of
// the old, else that of the old endpoint of the same operation, else a new one.
func keptEndpoints(list, old []Endpoint) []string {
	ids := make([]string, len(list))
	taken := make(map[string]bool)
	for i, e := range list {
		if e.ID != "" && slices.ContainsFunc(old, func(o Endpoint) bool { return o.ID == e.ID }) && !taken[e.ID] {
			ids[i], taken[e.ID] = e.ID, true
		}
	}
	for i, e := range list {
		if ids[i] != "" {
			continue
		}
		ids[i] = newID()
		for _, o := range old {
			if o.Method == e.Method && o.Path == e.Path && !taken[o.ID] {
				ids[i], taken[o.ID] = o.ID, true
			}
		}
	}
	return ids
}

// dropEndpoints removes the endpoints that are not kept, their bindings and
// the local policies of those.
func (s *Store) dropEndpoints(ctx context.Context, tx *gorm.DB, by Actor, project Project, proxyID string, old []Endpoint, kept []string) error {
	var gone []string
	for _, o := range old {
		if !slices.Contains(kept, o.ID) {
			gone = append(gone, o.ID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	local, err := from[policyRow](tx).Where("owner_proxy_id = ? and id in (select policy_id from policy_bindings where endpoint_id in ?)", proxyID, gone).Find(ctx)
	if err != nil {
		return err
	}
	if _, err := from[bindingRow](tx).Where("endpoint_id in ?", gone).Delete(ctx); err != nil {
		return err
	}
	for _, row := range local {
		if err := s.dropLocal(ctx, tx, by, project, row); err != nil {
			return err
		}
	}
	_, err = from[endpointRow](tx).Where("id in ?", gone).Delete(ctx)
	return err
}

// writeEndpoints inserts the new ones and brings the kept ones up to date.
func writeEndpoints(ctx context.Context, tx *gorm.DB, proxyID string, list []Endpoint, ids []string) error {
	if len(list) == 0 {
		return nil
	}
	rows := make([]endpointRow, len(list))
	for i, e := range list {
		rows[i] = endpointRow{ID: ids[i], ProxyID: proxyID, Method: e.Method, Path: e.Path, Description: e.Description, Position: i + 1}
	}
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"method", "path", "description", "position"}),
	}
	return from[endpointRow](tx, replace).CreateInBatches(ctx, &rows, 1000)
}

// DeleteProxy removes a proxy as it was read at version, with its local
// policies and its revisions, and takes it out of every environment at once.
func (s *Store) DeleteProxy(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		p, row, err := s.proxyAt(ctx, tx, project, id, version)
		if err != nil {
			return err
		}
		if err := s.bumpProxy(ctx, tx, by, &row); err != nil {
			return err
		}
		if err := s.undeployEverywhere(ctx, tx, by, p); err != nil {
			return err
		}
		if _, err := from[proxyRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.recordProxy(ctx, tx, by, ActionDeleted, &p, nil)
	})
	if err != nil {
		return fmt.Errorf("delete proxy: %w", err)
	}
	return nil
}

// RotateProxySecret gives a proxy a new client secret, returned this once. It
// takes effect at once wherever the proxy is deployed (D5); tokens that were
// issued for the old one are worthless from then on.
func (s *Store) RotateProxySecret(ctx context.Context, by Actor, projectID, proxyID string, version int) (secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return secret.Text{}, err
	}
	key, err := newKeyPair(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, row, err := s.proxyAt(ctx, tx, project, proxyID, version)
		if err != nil {
			return err
		}
		row.ClientSecretHash = key.hash
		if err := s.bumpProxy(ctx, tx, by, &row, "client_secret_hash"); err != nil {
			return err
		}
		if err := raiseWhereLive(ctx, tx, proxyID); err != nil {
			return err
		}
		// What was issued for the old secret dies with it (D15 names the owner
		// by its client id, which stays).
		revokeInTx(tx, revocation{by: by, entry: revoke.Entry{Kind: revoke.Client, Key: row.ClientID}, reason: "the client secret was rotated"})
		_, err = s.changedProxy(ctx, tx, by, ActionSecretRotated, project, before)
		return err
	})
	if err != nil {
		return secret.Text{}, fmt.Errorf("rotate client secret: %w", err)
	}
	return key.secret, nil
}

// proxyRecord is a proxy in the audit.
type proxyRecord struct {
	Name           string           `json:"name"`
	Description    string           `json:"description"`
	ClientID       string           `json:"clientId"`
	Route          engine.Route     `json:"route"`
	Upstream       engine.Upstream  `json:"upstream"`
	ErrorTemplates *fault.Bodies    `json:"errorTemplates,omitempty"`
	Endpoints      []endpointRecord `json:"endpoints"`
	Policies       []bindingRecord  `json:"policies"`
	Version        int              `json:"version"`
}

type endpointRecord struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	Description string `json:"description,omitempty"`
}

type bindingRecord struct {
	Policy   string          `json:"policy"`
	Global   bool            `json:"global"`
	Pipeline policy.Pipeline `json:"pipeline"`
	Scope    policy.Scope    `json:"scope"`
	Endpoint string          `json:"endpoint,omitempty"`
	Position int             `json:"position"`
}

func (p *Proxy) audited() proxyRecord {
	r := proxyRecord{
		Name: p.Name, Description: p.Description, ClientID: p.ClientID, Route: p.Route, Upstream: p.Upstream, ErrorTemplates: p.ErrorTemplates,
		Endpoints: []endpointRecord{}, Policies: []bindingRecord{}, Version: p.Version,
	}
	operations := make(map[string]string)
	for _, e := range p.Endpoints {
		r.Endpoints = append(r.Endpoints, endpointRecord{Method: e.Method, Path: e.Path, Description: e.Description})
		operations[e.ID] = e.Method + " " + e.Path
	}
	for _, b := range p.Bindings {
		r.Policies = append(r.Policies, bindingRecord{
			Policy: b.Policy.Name, Global: b.Policy.Global(), Pipeline: b.Pipeline,
			Scope: b.Scope, Endpoint: operations[b.EndpointID], Position: b.Position,
		})
	}
	return r
}

func (s *Store) recordProxy(ctx context.Context, tx *gorm.DB, by Actor, action string, before, after *Proxy) error {
	f := fact{action: action, kind: KindProxy}
	if before != nil {
		f.id, f.name, f.project, f.before = before.ID, before.Name, before.ProjectName, before.audited()
	}
	if after != nil {
		f.id, f.name, f.project, f.after = after.ID, after.Name, after.ProjectName, after.audited()
	}
	return s.record(ctx, tx, by, f)
}
