package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// Assignment is what a proxy group gets at once, each by its id.
type Assignment struct {
	// Proxies go behind the members that are there, in this order.
	Proxies []string
	// Policies are global ones and Groups policy groups. They are bound for all
	// calls, policies in the first pipeline that their type can go into, policy
	// groups in their own.
	Policies, Groups []string
}

// MaxAssigned is how many policies and policy groups one assignment may bind.
const MaxAssigned = 100

// AssignToGroup adds members to a proxy group and binds policies in it, all of it
// or nothing; what it has already is left as it is. The version is the group's.
// Problems are of the fields members, policies and groups.
func (s *Store) AssignToGroup(ctx context.Context, by Actor, projectID, groupID string, version int, a Assignment) (Owner, error) {
	after, err := s.editLanes(ctx, by, projectID, groupID, version, s.assign(ctx, by, a))
	if err != nil {
		return Owner{}, fmt.Errorf("assign to proxy group: %w", err)
	}
	return after, nil
}

// errPreviewed takes back what was done to see what comes of it.
var errPreviewed = errors.New("previewed")

// PreviewAssignment is the group as AssignToGroup would make it, by doing just that
// and taking it back.
func (s *Store) PreviewAssignment(ctx context.Context, by Actor, projectID, groupID string, version int, a Assignment) (after Owner, err error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Owner{}, err
	}
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if after, err = s.editOwner(ctx, tx, by, project, groupID, version, s.assign(ctx, by, a)); err != nil {
			return err
		}
		return errPreviewed
	})
	if !errors.Is(err, errPreviewed) {
		return Owner{}, fmt.Errorf("preview assignment: %w", err)
	}
	return after, nil
}

func (s *Store) assign(ctx context.Context, by Actor, a Assignment) func(*gorm.DB, Project, Owner) error {
	return func(tx *gorm.DB, project Project, g Owner) error {
		if g.Kind != engine.KindProxyGroup {
			return ErrNotFound
		}
		if n := len(a.Policies) + len(a.Groups); n > MaxAssigned {
			return problem.List{{Field: "policies", Message: fmt.Sprintf("Assign at most %d policies and policy groups at once; there are %d.", MaxAssigned, n)}}
		}
		if err := addToMembers(ctx, tx, project, &g, a.Proxies); err != nil {
			return err
		}
		return s.bindAll(ctx, tx, by, project, g, a)
	}
}

func addToMembers(ctx context.Context, tx *gorm.DB, project Project, g *Owner, ids []string) error {
	for _, id := range ids {
		if !slices.ContainsFunc(g.Members, func(m Member) bool { return m.ID == id }) {
			g.Members = append(g.Members, Member{ID: id})
		}
	}
	var l problem.List
	if err := memberProblems(ctx, tx, ownerRow{ProjectID: project.ID}, g, &l); err != nil {
		return err
	}
	if n := len(g.Members); n > engine.MaxMembers {
		l.Add("members", "Keep to %d API proxies; there would be %d.", engine.MaxMembers, n)
	}
	if err := l.Err(); err != nil {
		return err
	}
	return writeMembers(ctx, tx, g.ID, g.Members)
}

// bindAll binds one after another, as each is placed by what stands there already.
func (s *Store) bindAll(ctx context.Context, tx *gorm.DB, by Actor, project Project, g Owner, a Assignment) error {
	wanted, err := s.assigned(ctx, tx, project, a)
	if err != nil {
		return err
	}
	for _, b := range wanted {
		if g.runs(b) {
			continue
		}
		if _, err := s.bind(ctx, tx, by, project, g, b); err != nil {
			return err
		}
		now := Owner{ID: g.ID, ProjectName: project.Name}
		if err := s.addBindings(ctx, tx, []string{g.ID}, map[string]*Owner{g.ID: &now}); err != nil {
			return err
		}
		g.Bindings = now.Bindings
	}
	return nil
}

// runs tells whether the owner has that bound in that lane.
func (o *Owner) runs(b NewBinding) bool {
	return slices.ContainsFunc(o.lane(b.Pipeline, b.EndpointID), func(x Binding) bool {
		if x.Group != nil {
			return x.Group.ID == b.GroupID
		}
		return x.Policy.ID == b.PolicyID
	})
}

// assigned are the bindings that an assignment means.
func (s *Store) assigned(ctx context.Context, tx *gorm.DB, project Project, a Assignment) ([]NewBinding, error) {
	var list []NewBinding
	for _, id := range a.Policies {
		row, err := policyByID(ctx, tx, project.ID, id)
		if isNotFound(err) || err == nil && !row.global() {
			return nil, problem.List{{Field: "policies", Message: "A policy of the list is gone; leave it out."}}
		}
		if err != nil {
			return nil, err
		}
		list = append(list, NewBinding{Scope: policy.All, Pipeline: s.firstPipeline(row.Type), PolicyID: id})
	}
	for _, id := range a.Groups {
		row, err := ownerByID(ctx, tx, project.ID, id)
		if isNotFound(err) || err == nil && row.Kind != engine.KindPolicyGroup {
			return nil, problem.List{{Field: "groups", Message: "A policy group of the list is gone; leave it out."}}
		}
		if err != nil {
			return nil, err
		}
		list = append(list, NewBinding{Scope: policy.All, Pipeline: policy.Pipeline(row.Pipeline), GroupID: id})
	}
	return list, nil
}

// firstPipeline is where a policy of a type goes unless somebody says.
func (s *Store) firstPipeline(typ string) policy.Pipeline {
	if t, ok := s.types.Find(typ); ok && len(t.Pipelines) > 0 {
		return t.Pipelines[0]
	}
	return policy.Request
}

// FindMembers finds proxies of a project that a group could get, by name,
// description or base path, and how many there are; those whose name begins with
// the text come first. Except are ids to leave out.
func (s *Store) FindMembers(ctx context.Context, projectID, text string, except []string, limit int) ([]Member, int, error) {
	if !isID(projectID) {
		return nil, 0, fmt.Errorf("find members: %w", ErrNotFound)
	}
	type line struct {
		Member
		Total int
	}
	like := containing(text)
	limit, _ = page(1, limit)
	lines, err := query[line](ctx, s.db, `select id, name, description, base_path, count(*) over () as total from owners
		where project_id = ? and kind = 'PROXY' and (name ilike ? or description ilike ? or base_path ilike ?) and id not in ?
		order by name not ilike ?, lower(name) limit ?`,
		projectID, like, like, like, append([]string{newID()}, onlyIDs(except)...), strings.TrimPrefix(like, "%"), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("find members: %w", err)
	}
	list, total := make([]Member, len(lines)), 0
	for i, l := range lines {
		list[i], total = l.Member, l.Total
	}
	return list, total, nil
}

// Members names proxies of a project in the order of their ids; those that are gone
// keep their id and have no name.
func (s *Store) Members(ctx context.Context, projectID string, ids []string) ([]Member, error) {
	found := map[string]Member{}
	if known := onlyIDs(ids); len(known) > 0 && isID(projectID) {
		rows, err := query[Member](ctx, s.db, `select id, name, description, base_path from owners
			where project_id = ? and kind = 'PROXY' and id in ?`, projectID, known)
		if err != nil {
			return nil, fmt.Errorf("name members: %w", err)
		}
		for _, m := range rows {
			found[m.ID] = m
		}
	}
	list := make([]Member, len(ids))
	for i, id := range ids {
		if list[i] = found[id]; list[i].ID == "" {
			list[i].ID = id
		}
	}
	return list, nil
}

func onlyIDs(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !isID(id) })
}

// Membership is a proxy group that a proxy is a member of.
type Membership struct {
	Name, Description string
	BlockDirectAccess bool
	// Live names the environments in which the group is deployed, in order.
	Live []string
}

// GroupsOf are the proxy groups that a proxy is a member of, by name.
func (s *Store) GroupsOf(ctx context.Context, proxyID string) ([]Membership, error) {
	if !isID(proxyID) {
		return nil, nil
	}
	type line struct {
		Name, Description string
		BlockDirectAccess bool
		Environment       string
	}
	lines, err := query[line](ctx, s.db, `select g.name, g.description, g.block_direct_access, coalesce(e.name, '') as environment
		from proxy_group_members m join owners g on g.id = m.group_id
			left join deployments d on d.owner_id = g.id and d.revision_id is not null left join environments e on e.id = d.environment_id
		where m.proxy_id = ? order by lower(g.name), lower(e.name)`, proxyID)
	if err != nil {
		return nil, fmt.Errorf("list groups of proxy: %w", err)
	}
	var list []Membership
	for _, l := range lines {
		if n := len(list); n == 0 || list[n-1].Name != l.Name {
			list = append(list, Membership{Name: l.Name, Description: l.Description, BlockDirectAccess: l.BlockDirectAccess})
		}
		if at := &list[len(list)-1]; l.Environment != "" {
			at.Live = append(at.Live, l.Environment)
		}
	}
	return list, nil
}

// Direct are the proxies that are called at their own addresses in an environment.
type Direct struct {
	Environment string
	Proxies     []string // names, in order
}

// DirectlyCalled tells of proxies where they are deployed themselves, by
// environment. Those are the calls that a group can block.
func (s *Store) DirectlyCalled(ctx context.Context, ids []string) ([]Direct, error) {
	known := onlyIDs(ids)
	if len(known) == 0 {
		return nil, nil
	}
	type line struct{ Environment, Name string }
	lines, err := query[line](ctx, s.db, `select e.name as environment, x.name from deployments d join owners x on x.id = d.owner_id
		join environments e on e.id = d.environment_id
		where d.owner_id in ? and d.revision_id is not null and x.kind = 'PROXY' order by lower(e.name), lower(x.name)`, known)
	if err != nil {
		return nil, fmt.Errorf("list deployments of members: %w", err)
	}
	var list []Direct
	for _, l := range lines {
		if n := len(list); n == 0 || list[n-1].Environment != l.Environment {
			list = append(list, Direct{Environment: l.Environment})
		}
		at := &list[len(list)-1]
		at.Proxies = append(at.Proxies, l.Name)
	}
	return list, nil
}
