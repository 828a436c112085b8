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
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/secret"
)

// The unique indexes behind names, client ids and routes of owners.
const (
	ownersByName     = "owners_name"
	groupsByName     = "owners_name_policy_group"
	ownersByClientID = "owners_client_id"
	routeClaims      = "owner_routes_claim"
)

// clientSecretBytes gives 43 characters.
const clientSecretBytes = 32

// SaveProxy writes a proxy with its endpoints: a new one when p.ID is empty,
// else the one of that id as it was read at p.Version. Of p it reads name,
// description, route, upstream, error templates and endpoints; bindings are
// edited one by one. An endpoint keeps its bindings when it keeps its id, or its
// method and path; those of an endpoint that goes away go with it. A new proxy
// gets a client id and a client secret, which is returned this once, and the
// policy groups that every new proxy gets. Problems are of the fields name,
// description, clientId, basePath, hosts, methods, upstreamUrl, connectTimeout,
// responseTimeout, endpoints[i] and those of errorTemplates.
func (s *Store) SaveProxy(ctx context.Context, by Actor, projectID string, p Owner) (Owner, secret.Text, error) {
	p.Kind = engine.KindProxy
	return s.saveOwner(ctx, by, projectID, p)
}

// SaveProxyGroup writes a proxy group as SaveProxy writes a proxy. It reads name,
// description, route, error templates, BlockDirectAccess and the ids of the
// members, which are proxies of the project, in their order. Problems are of the
// fields name, description, basePath, hosts, methods, members and those of
// errorTemplates.
func (s *Store) SaveProxyGroup(ctx context.Context, by Actor, projectID string, g Owner) (Owner, secret.Text, error) {
	g.Kind = engine.KindProxyGroup
	return s.saveOwner(ctx, by, projectID, g)
}

// SavePolicyGroup writes a policy group as SaveProxy writes a proxy. It reads
// name, description, Active, Pipeline, Rank and MakeDefault; its policies are
// bound one by one. Problems are of the fields name, description, pipeline and
// order.
func (s *Store) SavePolicyGroup(ctx context.Context, by Actor, projectID string, g Owner) (Owner, secret.Text, error) {
	g.Kind = engine.KindPolicyGroup
	return s.saveOwner(ctx, by, projectID, g)
}

func (s *Store) saveOwner(ctx context.Context, by Actor, projectID string, o Owner) (Owner, secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Owner{}, secret.Text{}, err
	}
	var key keyPair
	if o.ID == "" {
		if key, err = newKeyPair(ctx); err != nil {
			return Owner{}, secret.Text{}, err
		}
	}
	var saved Owner
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if o.ID == "" {
			saved, err = s.createOwner(ctx, tx, by, project, o, key, func(row ownerRow) error { return bindDefaults(ctx, tx, row) })
			return err
		}
		saved, err = s.updateOwner(ctx, tx, by, project, o, asTheyAre)
		return err
	})
	if err != nil {
		return Owner{}, secret.Text{}, fmt.Errorf("save %s: %w", kindWord(o.Kind), ownerRace(err, o.Kind))
	}
	return saved, key.secret, nil
}

// ownerRace says what is taken when another writer took it between our look
// and our write.
func ownerRace(err error, kind string) error {
	switch violated(err) {
	case ownersByName, groupsByName:
		return problem.List{{Field: "name", Message: ownerNameTaken(kind), Taken: true}}
	case routeClaims:
		return problem.List{{Field: "basePath", Message: "The base path was just taken by another API; choose another one.", Taken: true}}
	case clientNames, ownersByClientID:
		return problem.List{{Field: "clientId", Message: "The client id is taken by a credential or by another API proxy or group.", Taken: true}}
	}
	return err
}

// ownerNameTaken is what to say of a name that another owner has. Proxies and
// proxy groups share their names, as callers and grants name an API without its
// kind.
func ownerNameTaken(kind string) string {
	if kind == engine.KindPolicyGroup {
		return "The name is taken by another policy group; choose another one."
	}
	return "The name is taken by another proxy or proxy group; choose another one."
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

// createOwner writes a new owner; lanes writes its bindings.
func (s *Store) createOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, o Owner, key keyPair, lanes func(ownerRow) error) (Owner, error) {
	row, err := s.insertOwner(ctx, tx, by, project, o, key)
	if err != nil {
		return o, err
	}
	if err := lanes(row); err != nil {
		return o, err
	}
	return s.createdOwner(ctx, tx, by, project, row)
}

// insertOwner writes a new owner, nothing bound to it.
func (s *Store) insertOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, o Owner, key keyPair) (ownerRow, error) {
	row := ownerRow{
		ID: newID(), Kind: o.Kind, ProjectID: project.ID, ClientID: key.id, ClientSecretHash: key.hash, Stamp: born(by, s.now()),
	}
	if err := s.authorOwner(ctx, tx, &row, &o); err != nil {
		return row, err
	}
	if err := from[ownerRow](tx).Create(ctx, &row); err != nil {
		return row, err
	}
	return row, s.writeParts(ctx, tx, by, project, row, o, nil)
}

// createdOwner reads a new owner, complete, and audits it.
func (s *Store) createdOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, row ownerRow) (Owner, error) {
	saved, err := s.oneOwner(ctx, tx, project.Name, row)
	if err != nil {
		return saved, err
	}
	return saved, s.recordOwner(ctx, tx, by, ActionCreated, nil, &saved)
}

// bindDefaults binds the policy groups that every new proxy of the project gets.
func bindDefaults(ctx context.Context, tx *gorm.DB, row ownerRow) error {
	if row.Kind != engine.KindProxy {
		return nil
	}
	groups, err := from[ownerRow](tx).Where("project_id = ? and make_default", row.ProjectID).Order("pipeline, rank, lower(name)").Find(ctx)
	if err != nil {
		return fmt.Errorf("list default policy groups: %w", err)
	}
	at := make(map[string]int)
	for _, g := range groups {
		at[g.Pipeline]++
		b := bindingRow{ID: newID(), OwnerID: row.ID, Scope: string(policy.All), Pipeline: g.Pipeline, Position: at[g.Pipeline], GroupID: &g.ID}
		if err := from[bindingRow](tx).Create(ctx, &b); err != nil {
			return fmt.Errorf("bind default policy group: %w", err)
		}
	}
	return nil
}

// asTheyAre leaves the lanes of an owner.
func asTheyAre(ownerRow) error { return nil }

// updateOwner writes an owner that is still at its version; lanes may change its
// bindings.
func (s *Store) updateOwner(ctx context.Context, tx *gorm.DB, by Actor, project Project, o Owner, lanes func(ownerRow) error) (Owner, error) {
	before, row, err := s.ownerAt(ctx, tx, project, o.ID, o.Version)
	if err != nil {
		return before, err
	}
	if row.Kind != o.Kind {
		return before, s.missing(ctx, o.Kind, o.ID)
	}
	if err := s.authorOwner(ctx, tx, &row, &o); err != nil {
		return before, err
	}
	if err := pipelineProblem(ctx, tx, before, o); err != nil {
		return before, err
	}
	if err := s.bumpOwner(ctx, tx, by, &row, "name", "description", "methods", "upstream_url", "connect_timeout", "response_timeout",
		"balancing", "error_templates", "block_direct_access", "active", "pipeline", "rank", "make_default"); err != nil {
		return before, err
	}
	if err := s.writeParts(ctx, tx, by, project, row, o, before.Endpoints); err != nil {
		return before, err
	}
	if err := lanes(row); err != nil {
		return before, err
	}
	return s.changedOwner(ctx, tx, by, ActionUpdated, project, before)
}

// pipelineProblem keeps the pipeline of a policy group that holds policies or is
// bound: both are for the pipeline that it has.
func pipelineProblem(ctx context.Context, tx *gorm.DB, before, o Owner) error {
	if before.Pipeline == o.Pipeline {
		return nil
	}
	n, err := from[bindingRow](tx).Where("group_id = ? or owner_id = ?", o.ID, o.ID).Count(ctx, "*")
	if err != nil {
		return fmt.Errorf("count uses of policy group: %w", err)
	}
	if n == 0 {
		return nil
	}
	return problem.List{{Field: "pipeline", Message: fmt.Sprintf("The pipeline stays %s while the group holds policies or is bound; empty the group and take it out of the flows first.", before.Pipeline)}}
}

// ownerAt is the owner as it was read at version, whole and as a row, or the
// *StaleError that shows what it has become.
func (s *Store) ownerAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (Owner, ownerRow, error) {
	row, err := ownerByID(ctx, tx, project.ID, id)
	if isNotFound(err) {
		return Owner{}, row, s.missingOwner(ctx, id)
	}
	if err != nil {
		return Owner{}, row, err
	}
	p, err := s.oneOwner(ctx, tx, project.Name, row)
	if err != nil || p.Version == version {
		return p, row, err
	}
	return p, row, &StaleError{
		Kind: p.Kind, Name: p.Name, Version: p.Version, Current: p, By: p.UpdatedBy, At: p.UpdatedAt,
	}
}

// bumpOwner writes columns of an owner and its next version, provided that
// nobody wrote since it was read. It locks the owner: whoever edits its parts
// bumps first.
func (s *Store) bumpOwner(ctx context.Context, tx *gorm.DB, by Actor, row *ownerRow, columns ...any) error {
	read := row.Stamp.Version
	row.Stamp = row.Stamp.next(by, s.now())
	n, err := from[ownerRow](tx).Where("id = ? and version = ?", row.ID, read).
		Select("version", append([]any{"updated_at", "updated_by"}, columns...)...).Updates(ctx, *row)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return nil
}

// changedOwner reads an owner again after a change and audits it.
func (s *Store) changedOwner(ctx context.Context, tx *gorm.DB, by Actor, action string, project Project, before Owner) (Owner, error) {
	row, err := ownerByID(ctx, tx, project.ID, before.ID)
	if err != nil {
		return before, err
	}
	after, err := s.oneOwner(ctx, tx, project.Name, row)
	if err != nil {
		return before, err
	}
	return after, s.recordOwner(ctx, tx, by, action, &before, &after)
}

// authorOwner checks what was written and puts it into its row.
func (s *Store) authorOwner(ctx context.Context, tx *gorm.DB, row *ownerRow, o *Owner) error {
	o.normalizeTemplates()
	l := o.validate()
	if l.For("name") == "" {
		taken, err := ownerNameIsTaken(ctx, tx, row.ProjectID, o.Kind, o.Name, row.ID)
		if err != nil {
			return err
		}
		if taken {
			l.AddTaken("name", ownerNameTaken(o.Kind))
		}
	}
	o.normalize()
	if err := routeProblem(ctx, tx, *row, o, &l); err != nil {
		return err
	}
	if err := memberProblems(ctx, tx, *row, o, &l); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return err
	}
	return row.write(o)
}

func routeProblem(ctx context.Context, tx *gorm.DB, row ownerRow, o *Owner, l *problem.List) error {
	if o.Kind == engine.KindPolicyGroup || l.For("basePath") != "" || l.For("hosts") != "" {
		return nil
	}
	msg, err := routeTaken(ctx, tx, row.ProjectID, o.Route, row.ID)
	if msg != "" {
		l.AddTaken("basePath", msg)
	}
	return err
}

// memberProblems reports members that the project has not, and those named
// twice.
func memberProblems(ctx context.Context, tx *gorm.DB, row ownerRow, o *Owner, l *problem.List) error {
	if o.Kind != engine.KindProxyGroup || len(o.Members) == 0 {
		return nil
	}
	ids := make([]string, 0, len(o.Members))
	for i, m := range o.Members {
		switch {
		case !isID(m.ID):
			l.Add("members", "Choose API proxies of the project.")
			return nil
		case slices.Contains(ids[:i], m.ID):
			l.Add("members", "Name each API proxy once.")
			return nil
		}
		ids = append(ids, m.ID)
	}
	n, err := from[ownerRow](tx).Where("project_id = ? and kind = ? and id in ?", row.ProjectID, engine.KindProxy, ids).Count(ctx, "*")
	if err != nil {
		return fmt.Errorf("look for members: %w", err)
	}
	if int(n) != len(ids) {
		l.Add("members", "An API proxy of the list is gone; leave it out.")
	}
	return nil
}

// write puts what was checked into the row.
func (r *ownerRow) write(o *Owner) error {
	methods, err := json.Marshal(append([]string{}, o.Route.Methods...)) // [] and not null
	if err != nil {
		return fmt.Errorf("encode methods: %w", err)
	}
	r.Name, r.Description, r.BasePath, r.Methods = o.Name, o.Description, o.Route.BasePath, methods
	r.UpstreamURL, r.ConnectTimeout, r.ResponseTimeout = o.Upstream.URL, o.Upstream.ConnectTimeout, o.Upstream.ResponseTimeout
	if err := r.writeBalancing(o.Upstream); err != nil {
		return fmt.Errorf("encode upstream: %w", err)
	}
	r.BlockDirectAccess = o.BlockDirectAccess
	r.Active, r.Pipeline, r.Rank, r.MakeDefault = o.Active, string(o.Pipeline), o.Rank, o.MakeDefault
	r.ErrorTemplates = nil
	if o.ErrorTemplates == nil {
		return nil
	}
	if r.ErrorTemplates, err = json.Marshal(o.ErrorTemplates); err != nil {
		return fmt.Errorf("encode error templates: %w", err)
	}
	return nil
}

// MaxRank bounds the order of a policy group.
const MaxRank = 9999

// validate judges what was written by the rules of its kind, and keeps of it
// what the kind has.
func (o *Owner) validate() problem.List {
	var l problem.List
	switch o.Kind {
	case engine.KindProxyGroup:
		o.Upstream, o.Endpoints, o.Pipeline, o.Rank, o.MakeDefault, o.Active = engine.Upstream{}, nil, "", 0, false, false
		e := engine.ProxyGroup{Name: o.Name, Route: o.Route, ErrorTemplates: o.ErrorTemplates}
		l = e.Validate()
	case engine.KindPolicyGroup:
		o.Upstream, o.Endpoints, o.Route, o.ErrorTemplates, o.BlockDirectAccess = engine.Upstream{}, nil, engine.Route{}, nil, false
		e := engine.PolicyGroup{Name: o.Name, Pipeline: o.Pipeline}
		l = e.Validate()
		if o.Rank < 0 || o.Rank > MaxRank {
			l.Add("order", "Enter a number from 0 to %d.", MaxRank)
		}
	default:
		o.BlockDirectAccess, o.Pipeline, o.Rank, o.MakeDefault, o.Active = false, "", 0, false, false
		l = o.validateProxy()
	}
	if msg := descriptionProblem(o.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	return l
}

func (o *Owner) validateProxy() problem.List {
	e := engine.Proxy{Name: o.Name, Route: o.Route, Upstream: o.Upstream, ErrorTemplates: o.ErrorTemplates}
	for _, x := range o.Endpoints {
		e.Endpoints = append(e.Endpoints, engine.APIEndpoint{Method: x.Method, Path: x.Path})
	}
	l := e.Validate()
	for i, x := range o.Endpoints {
		if msg := descriptionProblem(x.Description); msg != "" {
			l.Add(fmt.Sprintf("endpoints[%d]", i), "%s", msg)
		}
	}
	return l
}

// descriptionProblem is the rule for descriptions of policies, which holds for
// every description.
func descriptionProblem(text string) string {
	c := policy.Common{Name: "any", Description: text}
	return c.Validate().For("description")
}

// normalize gives routes and upstreams that act alike one form, so that their digests agree
// and the index of claims sees the same host as the router.
func (p *Owner) normalize() {
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
	p.Upstream = p.Upstream.Normal()
}

// normalizeTemplates comes before validate, which judges what it makes.
func (p *Owner) normalizeTemplates() {
	if p.ErrorTemplates.Empty() {
		p.ErrorTemplates = nil
		return
	}
	t := *p.ErrorTemplates
	t.Normalize()
	p.ErrorTemplates = &t
}

// ownerNameIsTaken looks among the owners that share their names with the kind.
func ownerNameIsTaken(ctx context.Context, tx *gorm.DB, projectID, kind, name, exceptID string) (bool, error) {
	among := "kind <> 'POLICY_GROUP'"
	if kind == engine.KindPolicyGroup {
		among = "kind = 'POLICY_GROUP'"
	}
	n, err := from[ownerRow](tx).Where("project_id = ? and "+among+" and lower(name) = lower(?) and id <> ?", projectID, name, exceptID).Count(ctx, "*")
	if err != nil {
		return false, fmt.Errorf("look for a %s of that name: %w", kindWord(kind), err)
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

// routeTaken says who has the route already, or "". An API of another project
// is not named, as who asks may not see that project; nor is any when the
// project is unknown ("").
func routeTaken(ctx context.Context, tx *gorm.DB, projectID string, route engine.Route, exceptID string) (string, error) {
	type claim struct{ Host, Kind, Name, ProjectID string }
	rows, err := query[claim](ctx, tx, `select r.host, p.kind, p.name, p.project_id from owner_routes r join owners p on p.id = r.owner_id
		where r.base_path = ? and r.host in ? and r.owner_id <> ? order by r.host limit 1`, route.BasePath, claims(route.Hosts), exceptID)
	if err != nil {
		return "", fmt.Errorf("look for an API at %s: %w", route.BasePath, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	who, where := "an API of another project", ""
	switch projectID {
	case rows[0].ProjectID:
		who = fmt.Sprintf("the %s %q", kindWord(rows[0].Kind), rows[0].Name)
	case "":
		who = "another API"
	}
	if rows[0].Host != "" {
		where = " on the host " + rows[0].Host
	}
	return fmt.Sprintf("The base path %s%s is taken by %s; choose another one.", route.BasePath, where, who), nil
}

// OwnerNameProblem says what is wrong with name for an owner of that kind in the
// project, "" when it is free. exceptID is the owner that is being edited, "" for
// a new one.
func (s *Store) OwnerNameProblem(ctx context.Context, projectID, kind, name, exceptID string) (string, error) {
	if msg := problem.Name(name); msg != "" {
		return msg, nil
	}
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	taken, err := ownerNameIsTaken(ctx, s.db, project.ID, kind, name, idOrNew(exceptID))
	if err != nil || !taken {
		return "", err
	}
	return ownerNameTaken(kind), nil
}

// BasePathProblem says what is wrong with a base path on hosts (none means
// any), "" when it is free. The API that has it is named only to the editor of
// one of the same project, exceptID.
func (s *Store) BasePathProblem(ctx context.Context, basePath string, hosts []string, exceptID string) (string, error) {
	if msg := engine.BasePathProblem(basePath); msg != "" {
		return msg, nil
	}
	p := Owner{Route: engine.Route{BasePath: basePath, Hosts: slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !storable(h) })}}
	p.normalize()
	id := idOrNew(exceptID)
	projects, err := query[string](ctx, s.db, "select project_id from owners where id = ?", id)
	if err != nil {
		return "", fmt.Errorf("read owner: %w", err)
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

// writeParts replaces the routes, endpoints and members of an owner.
func (s *Store) writeParts(ctx context.Context, tx *gorm.DB, by Actor, project Project, row ownerRow, o Owner, old []Endpoint) error {
	if row.Kind == engine.KindPolicyGroup {
		return nil
	}
	if err := writeRoutes(ctx, tx, row, o.Route.Hosts); err != nil {
		return err
	}
	if row.Kind == engine.KindProxyGroup {
		return writeMembers(ctx, tx, row.ID, o.Members)
	}
	kept := keptEndpoints(o.Endpoints, old)
	if err := s.dropEndpoints(ctx, tx, by, project, row.ID, old, kept); err != nil {
		return err
	}
	return writeEndpoints(ctx, tx, row.ID, o.Endpoints, kept)
}

func writeMembers(ctx context.Context, tx *gorm.DB, groupID string, members []Member) error {
	if _, err := exec(ctx, tx, "delete from proxy_group_members where group_id = ?", groupID); err != nil {
		return err
	}
	rows := make([]groupMemberRow, len(members))
	for i, m := range members {
		rows[i] = groupMemberRow{GroupID: groupID, ProxyID: m.ID, Position: i + 1}
	}
	if len(rows) == 0 {
		return nil
	}
	return from[groupMemberRow](tx).CreateInBatches(ctx, &rows, 1000)
}

// writeRoutes takes the old claims away before the base path moves, or they
// would move along and collide.
func writeRoutes(ctx context.Context, tx *gorm.DB, row ownerRow, hosts []string) error {
	if _, err := from[routeRow](tx).Where("owner_id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	if _, err := from[ownerRow](tx).Where("id = ?", row.ID).Update(ctx, "base_path", row.BasePath); err != nil {
		return err
	}
	var rows []routeRow
	for _, h := range claims(hosts) {
		rows = append(rows, routeRow{OwnerID: row.ID, Host: h, BasePath: row.BasePath})
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
	local, err := from[policyRow](tx).Where("owner_id = ? and id in (select policy_id from policy_bindings where endpoint_id in ?)", proxyID, gone).Find(ctx)
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
		rows[i] = endpointRow{ID: ids[i], OwnerID: proxyID, Method: e.Method, Path: e.Path, Description: e.Description, Position: i + 1}
	}
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"method", "path", "description", "position"}),
	}
	return from[endpointRow](tx, replace).CreateInBatches(ctx, &rows, 1000)
}

// DeleteOwner removes an owner as it was read at version, with its local
// policies and its revisions, and takes it out of every environment at once. A
// policy group is detached where it is bound, a proxy leaves its groups; what is
// deployed of those runs on until their next deploy.
func (s *Store) DeleteOwner(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		o, row, err := s.ownerAt(ctx, tx, project, id, version)
		if err != nil {
			return err
		}
		if err := s.bumpOwner(ctx, tx, by, &row); err != nil {
			return err
		}
		if err := s.undeployEverywhere(ctx, tx, by, o); err != nil {
			return err
		}
		if err := s.leave(ctx, tx, by, row); err != nil {
			return err
		}
		if _, err := from[ownerRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.recordOwner(ctx, tx, by, ActionDeleted, &o, nil)
	})
	if err != nil {
		return fmt.Errorf("delete owner: %w", err)
	}
	return nil
}

// leave takes an owner out of what other owners are made of, and raises the
// version of those.
func (s *Store) leave(ctx context.Context, tx *gorm.DB, by Actor, row ownerRow) error {
	users, err := query[string](ctx, tx, `select distinct owner_id from policy_bindings where group_id = ?
		union select group_id from proxy_group_members where proxy_id = ?`, row.ID, row.ID)
	if err != nil || len(users) == 0 {
		return err
	}
	if err := s.touch(ctx, tx, by, users); err != nil {
		return err
	}
	if _, err := exec(ctx, tx, "delete from policy_bindings where group_id = ?", row.ID); err != nil {
		return err
	}
	return closeLanes(ctx, tx, users)
}

// touch raises the version of owners, so that nobody saves over what no longer
// is. It locks them in the order of their ids, so that two cannot lock each
// other.
func (s *Store) touch(ctx context.Context, tx *gorm.DB, by Actor, ids []string) error {
	if _, err := exec(ctx, tx, "select id from owners where id in ? order by id for update", ids); err != nil {
		return err
	}
	_, err := exec(ctx, tx, "update owners set version = version + 1, updated_at = ?, updated_by = ? where id in ?", s.now(), by.Name, ids)
	return err
}

// RotateOwnerSecret gives an owner a new client secret, returned this once. It
// takes effect at once wherever the owner is deployed (D5); tokens that were
// issued for the old one are worthless from then on.
func (s *Store) RotateOwnerSecret(ctx context.Context, by Actor, projectID, ownerID string, version int) (secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return secret.Text{}, err
	}
	key, err := newKeyPair(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, row, err := s.ownerAt(ctx, tx, project, ownerID, version)
		if err != nil {
			return err
		}
		row.ClientSecretHash = key.hash
		if err := s.bumpOwner(ctx, tx, by, &row, "client_secret_hash"); err != nil {
			return err
		}
		if err := raiseWhereLive(ctx, tx, ownerID); err != nil {
			return err
		}
		// What was issued for the old secret dies with it (D15 names the owner
		// by its client id, which stays).
		revokeInTx(tx, revocation{by: by, entry: revoke.Entry{Kind: revoke.Client, Key: row.ClientID}, reason: "the client secret was rotated"})
		_, err = s.changedOwner(ctx, tx, by, ActionSecretRotated, project, before)
		return err
	})
	if err != nil {
		return secret.Text{}, fmt.Errorf("rotate client secret: %w", err)
	}
	return key.secret, nil
}
