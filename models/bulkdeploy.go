package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// BulkFilter says which of the owners a bulk deploy deploys.
type BulkFilter string

// The filters of the reference, 5.8.
const (
	BulkAll      BulkFilter = "ALL"      // wherever it is deployed or not
	BulkLive     BulkFilter = "LIVE"     // deployed, and what runs is what is edited
	BulkRedeploy BulkFilter = "REDEPLOY" // deployed, and something else is edited
)

// BulkSubject is what a bulk deploy takes live: a global policy, or a policy
// group.
type BulkSubject struct {
	// Kind is "POLICY" or engine.KindPolicyGroup.
	Kind, ID string
	// Type is that of a policy.
	Type, Name string
}

// SubjectPolicy is the kind of a subject that is a policy.
const SubjectPolicy = "POLICY"

// BulkChoice is which owners a bulk deploy is to deploy, and where.
type BulkChoice struct {
	Subject     BulkSubject
	Environment string
	// Kinds are those of owners.
	Kinds  []string
	Filter BulkFilter
}

// BulkTarget is an owner that runs the subject, once it is deployed.
type BulkTarget struct {
	ID, Kind, Name string
	State          DeployState
	Revision       int
}

// BulkPreview is what a bulk deploy would do.
type BulkPreview struct {
	// Of counts by kind what runs the subject, whatever the filter.
	Of map[string]int
	// Targets are those that would be deployed, as many as were asked for, and
	// Matching is how many there are.
	Targets  []BulkTarget
	Matching int
	// Uncompared is how many more may be: to tell, what is edited has to be compared
	// with what runs (D5), which the run does for each at its turn.
	Uncompared int
}

// bulkCompared is how many owners a preview compares.
const bulkCompared = 100

// usersOf names the owners whose definition holds one of some policies, or a policy
// group with one, as users: those that have it bound, the policy groups themselves,
// those that have one bound, and the proxy groups of which one of these is a member.
// Direct are those that have a policy bound themselves, bound also those that have it
// by a policy group, running those that run in an environment. Each is in one of the
// four parts only. Where thousands have a policy bound, bindings tell all of them, and
// what asks for direct ones, or for the first, reads no others.
func usersOf(policyIDs []string, groupID, environmentID, projectID string) where {
	var args []any
	in := func(string) string { return "" }
	if projectID != "" {
		in, args = func(table string) string { return " and " + table + ".project_id = ?" }, []any{projectID}
	}
	holds := func(b string) where {
		w := statement(b+".policy_id = any(?::uuid[])"+in(b), append([]any{"{" + strings.Join(policyIDs, ",") + "}"}, args...)...)
		if len(policyIDs) == 1 { // which keeps the order of the index
			w = statement(b+".policy_id = ?::uuid"+in(b), append([]any{policyIDs[0]}, args...)...)
		}
		return w
	}
	runs := statement("select d.owner_id from deployments d where d.revision_id is not null")
	if environmentID != "" {
		runs = statement(runs.sql()+" and d.environment_id = ?", environmentID)
	}
	b, d := holds("b"), holds("d")
	return statement(`groups as materialized (
			select g.id from owners g where g.kind = 'POLICY_GROUP'`+in("g")+` and g.id in (
				select ?::uuid union all select b.owner_id from policy_bindings b where b.owner_kind = 'POLICY_GROUP' and `+b.sql()+`)
		), others as materialized (
			select distinct b.owner_key as key, b.owner_id as id, b.owner_kind as kind, false as direct, true as bound from policy_bindings b
				where b.group_id in (select id from groups) and not exists (select from policy_bindings d where d.owner_id = b.owner_id and `+d.sql()+`)
			union all select x.key, x.id, x.kind, false, false from owners x where x.id in (select id from groups)
				and not exists (select from policy_bindings d where d.owner_id = x.id and `+d.sql()+`)
			union all select x.key, x.id, x.kind, false, false from owners x where x.kind = 'PROXY_GROUP'
				and x.id in (select m.group_id from proxy_group_members m where (m.proxy_id in (select b.owner_id from policy_bindings b where `+b.sql()+`)) is true
					or (m.proxy_id in (select b.owner_id from policy_bindings b where b.group_id in (select id from groups))) is true)
				and not exists (select from policy_bindings b where b.owner_id = x.id and (`+b.sql()+` or b.group_id in (select id from groups)))
		), users as not materialized (select *, id in (`+runs.sql()+`) as running from (
			select key, id, kind, true as direct, true as bound from (
				select distinct on (b.owner_key, b.owner_id) b.owner_key as key, b.owner_id as id, b.owner_kind as kind from policy_bindings b where `+b.sql()+`) d
			union all select * from others
		) u)`, slices.Concat(args, []any{orNil(groupID)}, b.args, d.args, d.args, b.args, b.args, runs.args, b.args)...)
}

// users are those of a subject in a project, running those in an environment.
func (b BulkSubject) users(environmentID, projectID string) where {
	if b.Kind == SubjectPolicy {
		return usersOf([]string{b.ID}, "", environmentID, projectID)
	}
	return usersOf(nil, b.ID, environmentID, projectID)
}

// PreviewBulkDeploy tells what a bulk deploy would do, with at most so many of its
// owners.
func (s *Store) PreviewBulkDeploy(ctx context.Context, projectID string, c BulkChoice, most int) (p BulkPreview, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		p, err = s.bulkPreview(ctx, tx, projectID, c, most)
		return err
	})
	if err != nil {
		return BulkPreview{}, fmt.Errorf("preview bulk deploy: %w", err)
	}
	return p, nil
}

func (s *Store) bulkPreview(ctx context.Context, tx *gorm.DB, projectID string, c BulkChoice, most int) (BulkPreview, error) {
	p := BulkPreview{Of: map[string]int{}}
	project, err := s.projectByID(ctx, tx, projectID)
	if err != nil {
		return p, err
	}
	e, err := environmentNamed(ctx, tx, c.Environment)
	if err != nil {
		return p, err
	}
	look := most
	if c.Filter != BulkAll {
		look = bulkCompared
	}
	all, err := bulkCandidates(ctx, tx, project.ID, e.ID, c, look)
	if err != nil {
		return p, err
	}
	p.Of = all.of
	if c.Filter == BulkAll {
		p.Matching = all.candidates
	} else {
		p.Uncompared = max(all.candidates-bulkCompared, 0)
	}
	return p, s.compareCandidates(ctx, tx, project, e, c, all.first, most, &p)
}

// everyCandidate stands for no limit.
const everyCandidate = 1_000_000

const bulkOrder = "array_position(array['POLICY_GROUP', 'PROXY', 'PROXY_GROUP'], kind), key, id"

// bulkOwners are those that run a subject: how many there are of each kind, how many
// of them a deploy would take into account, and the first of these, in the order in
// which it goes through them: members before their groups.
type bulkOwners struct {
	of         map[string]int
	candidates int
	first      []BulkTarget
}

// bulkCandidates asks once for the counts and for those to count, as it is dear to
// find the owners.
func bulkCandidates(ctx context.Context, tx *gorm.DB, projectID, environmentID string, c BulkChoice, most int) (bulkOwners, error) {
	type line struct {
		Owners, Running int // of a kind; 0 where the line is of an owner
		Kind, ID, Name  string
	}
	// A policy group is deployed for its own key pair only, so only where it is.
	users := c.Subject.users(environmentID, projectID)
	lines, err := query[line](ctx, tx, with(users)+`, everyone as materialized (select kind, id, key, running from users
		), first as (
			select kind, id, key from everyone where kind in ? and (running or ?::boolean and kind <> 'POLICY_GROUP') order by `+bulkOrder+` limit ?
		)
		select * from (
			select count(*) as owners, count(*) filter (where running) as running, kind, null::uuid as id, '' as name, '' as key from everyone group by kind
			union all select 0, 0, f.kind, f.id, x.name, f.key from first f join owners x on x.id = f.id
		) l order by owners = 0, `+bulkOrder,
		append(users.args, c.Kinds, c.Filter == BulkAll, most)...)
	if err != nil {
		return bulkOwners{}, fmt.Errorf("list owners: %w", err)
	}
	all := bulkOwners{of: map[string]int{}}
	for _, l := range lines {
		switch {
		case l.Owners == 0:
			all.first = append(all.first, BulkTarget{ID: l.ID, Kind: l.Kind, Name: l.Name})
			continue
		case !slices.Contains(c.Kinds, l.Kind):
		case c.Filter == BulkAll && l.Kind != engine.KindPolicyGroup:
			all.candidates += l.Owners
		default:
			all.candidates += l.Running
		}
		all.of[l.Kind] = l.Owners
	}
	return all, nil
}

// compareCandidates keeps at most so many of those that the filter takes.
func (s *Store) compareCandidates(ctx context.Context, tx *gorm.DB, project Project, e environmentRow, c BulkChoice, list []BulkTarget, most int, p *BulkPreview) error {
	if len(list) == 0 {
		return nil
	}
	var ids []string
	for _, t := range list {
		ids = append(ids, t.ID)
	}
	states, err := s.statesOf(ctx, tx, project, ids)
	if err != nil {
		return err
	}
	for _, t := range list {
		t.stand(states[t.ID], e.Name)
		if !c.Filter.takes(t.State) {
			continue
		}
		if c.Filter != BulkAll {
			p.Matching++
		}
		if len(p.Targets) < most {
			p.Targets = append(p.Targets, t)
		}
	}
	return nil
}

func (t *BulkTarget) stand(all []Deployment, environment string) {
	for _, d := range all {
		if d.Environment == environment {
			t.State, t.Revision = d.State, d.Revision
		}
	}
}

func (f BulkFilter) takes(state DeployState) bool {
	switch f {
	case BulkLive:
		return state == Live
	case BulkRedeploy:
		return state == RedeployRequired
	}
	return true
}

// Validate reports what is wrong with a choice.
func (c BulkChoice) validate() problem.List {
	var l problem.List
	if len(c.Kinds) == 0 {
		l.Add("kinds", "Choose what is deployed: API proxies, API proxy groups or both.")
	}
	for _, kind := range c.Kinds {
		if !slices.Contains([]string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup}, kind) {
			l.Add("kinds", "Choose what is deployed: API proxies, API proxy groups or both.")
		}
	}
	if !slices.Contains([]BulkFilter{BulkAll, BulkLive, BulkRedeploy}, c.Filter) {
		l.Add("filter", "Choose one of the filters.")
	}
	return l
}

// BulkState is where a bulk deploy stands.
type BulkState string

// The states.
const (
	BulkRunning   BulkState = "RUNNING"
	BulkDone      BulkState = "DONE"
	BulkCancelled BulkState = "CANCELLED"
	// BulkInterrupted: the process that was at it ended. What was deployed is; the
	// rest can be gone on with.
	BulkInterrupted BulkState = "INTERRUPTED"
)

// The states of an owner in a bulk deploy.
const (
	BulkWaiting  = "WAITING"
	BulkDeployed = "DEPLOYED"
	// BulkLeftOut was not in the state that the filter asks for at its turn.
	BulkLeftOut = "LEFT_OUT"
	BulkFailed  = "FAILED"
)

// BulkDeploy is a deploy of everything that runs a policy or a policy group.
type BulkDeploy struct {
	ID, Project, Environment string
	Subject                  BulkSubject
	Filter                   BulkFilter
	Note                     string
	State                    BulkState
	// Cancelling tells that it ends before its next owner; CancelledBy is who asked.
	CancelledBy string
	CreatedBy   string
	CreatedAt   time.Time
	// EndedAt is zero while it runs.
	EndedAt time.Time
	// How many owners are in which state.
	Waiting, Deployed, LeftOut, Failed int
	// Generation is the highest that it made in the environment.
	Generation int64
}

// Total is how many owners it goes through.
func (b *BulkDeploy) Total() int { return b.Waiting + b.Deployed + b.LeftOut + b.Failed }

// Ended is how many of them it is through with.
func (b *BulkDeploy) Ended() int { return b.Total() - b.Waiting }

// BulkOwner is what became of an owner in a bulk deploy.
type BulkOwner struct {
	Position                   int
	OwnerID, Kind, Name, State string
	Revision                   int
	Generation                 int64
	Detail                     string
	EndedAt                    time.Time
}

type bulkRow struct {
	ID            string `gorm:"primaryKey"`
	ProjectID     string
	EnvironmentID string
	Subject       string
	SubjectID     string
	PolicyType    string
	Name          string
	Filter        string
	Note          string
	State         string
	Run           int
	CancelledBy   string
	CreatedAt     time.Time `gorm:"autoCreateTime:false"`
	CreatedBy     string
	EndedAt       *time.Time
	AliveUntil    time.Time
}

// TableName implements gorm's schema.Tabler.
func (bulkRow) TableName() string { return "bulk_deploys" }

type bulkOwnerRow struct {
	BulkDeployID string `gorm:"primaryKey"`
	Position     int    `gorm:"primaryKey"`
	OwnerID      string
	Kind         string
	Name         string
	State        string
	Revision     int
	Generation   int64
	Detail       string
	EndedAt      *time.Time
}

// TableName implements gorm's schema.Tabler.
func (bulkOwnerRow) TableName() string { return "bulk_deploy_owners" }

// bulkDeploys reads them; conditions and order follow. One whose process has
// fallen silent counts as interrupted.
const bulkDeploys = `select b.id, b.subject as subject_kind, b.subject_id, b.policy_type, b.name as subject_name, b.filter, b.note, b.cancelled_by,
		b.created_by, b.created_at, b.ended_at, p.name as project, e.name as environment,
		case when b.state = 'RUNNING' and b.alive_until < now() then 'INTERRUPTED' else b.state end as state,
		o.waiting, o.deployed, o.left_out, o.failed, coalesce(o.generation, 0) as generation
	from bulk_deploys b
	join projects p on p.id = b.project_id join environments e on e.id = b.environment_id
	cross join lateral (select count(*) filter (where state = 'WAITING') as waiting, count(*) filter (where state = 'DEPLOYED') as deployed,
		count(*) filter (where state = 'LEFT_OUT') as left_out, count(*) filter (where state = 'FAILED') as failed, max(generation) as generation
		from bulk_deploy_owners where bulk_deploy_id = b.id) o where `

func (s *Store) bulkDeploys(ctx context.Context, tx *gorm.DB, where string, args ...any) ([]BulkDeploy, error) {
	type line struct {
		ID, Project, Environment, SubjectKind, SubjectID, PolicyType, SubjectName, Filter, Note, State, CancelledBy, CreatedBy string
		CreatedAt                                                                                                              time.Time
		EndedAt                                                                                                                *time.Time
		Waiting, Deployed, LeftOut, Failed                                                                                     int
		Generation                                                                                                             int64
	}
	lines, err := query[line](ctx, tx, bulkDeploys+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read bulk deploy: %w", err)
	}
	list := make([]BulkDeploy, len(lines))
	for i, l := range lines {
		list[i] = BulkDeploy{
			ID: l.ID, Project: l.Project, Environment: l.Environment, Subject: BulkSubject{Kind: l.SubjectKind, ID: l.SubjectID, Type: l.PolicyType, Name: l.SubjectName},
			Filter: BulkFilter(l.Filter), Note: l.Note, State: BulkState(l.State), CancelledBy: l.CancelledBy, CreatedBy: l.CreatedBy, CreatedAt: l.CreatedAt.UTC(),
			Waiting: l.Waiting, Deployed: l.Deployed, LeftOut: l.LeftOut, Failed: l.Failed, Generation: l.Generation,
		}
		if l.EndedAt != nil {
			list[i].EndedAt = l.EndedAt.UTC()
		}
	}
	return list, nil
}

// BulkDeploy tells how far a bulk deploy is, or ErrNotFound. Any node can.
func (s *Store) BulkDeploy(ctx context.Context, projectID, id string) (BulkDeploy, error) {
	if !isID(id) || !isID(projectID) {
		return BulkDeploy{}, fmt.Errorf("read bulk deploy: %w", ErrNotFound)
	}
	list, err := s.bulkDeploys(ctx, s.db, "b.id = ? and b.project_id = ?", id, projectID)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read bulk deploy: %w", ErrNotFound)
	}
	if err != nil {
		return BulkDeploy{}, err
	}
	return list[0], nil
}

// BulkDeploys lists the last bulk deploys of a project, newest first.
func (s *Store) BulkDeploys(ctx context.Context, projectID string, most int) ([]BulkDeploy, error) {
	if !isID(projectID) {
		return nil, nil
	}
	limit, _ := page(1, most)
	return s.bulkDeploys(ctx, s.db, "b.project_id = ? order by b.created_at desc, b.id desc limit ?", projectID, limit)
}

// BulkOwners lists what became of the owners of a bulk deploy, those that failed
// first; an empty state means all.
func (s *Store) BulkOwners(ctx context.Context, id, state string, pageNumber, perPage int) ([]BulkOwner, error) {
	if !isID(id) {
		return nil, nil
	}
	limit, offset := page(pageNumber, perPage)
	rows, err := query[bulkOwnerRow](ctx, s.db, `select * from bulk_deploy_owners where bulk_deploy_id = ? and (? = '' or state = ?)
		order by array_position(array['FAILED', 'DEPLOYED', 'LEFT_OUT', 'WAITING'], state), position limit ? offset ?`, id, state, state, limit, offset)
	if err != nil {
		return nil, fmt.Errorf("list results: %w", err)
	}
	list := make([]BulkOwner, len(rows))
	for i, r := range rows {
		list[i] = BulkOwner{
			Position: r.Position, OwnerID: r.OwnerID, Kind: r.Kind, Name: r.Name, State: r.State, Revision: r.Revision, Generation: r.Generation, Detail: r.Detail,
		}
		if r.EndedAt != nil {
			list[i].EndedAt = r.EndedAt.UTC()
		}
	}
	return list, nil
}
