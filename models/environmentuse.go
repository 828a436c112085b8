package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/fault"
)

// The most owners whose drafts are compared with what runs: to freeze ten
// thousand drafts for a page would take seconds.
const (
	// StatesCompared bounds the list of all environments together.
	StatesCompared = 200
	// OwnersShown bounds the page of one environment.
	OwnersShown = 50
)

// EnvironmentState is an environment with who serves it and what it runs.
type EnvironmentState struct {
	Environment
	// Nodes are the last reports of the last day.
	Nodes []NodeReport
	// Deployed is how many owners it runs. Of Compared of them, those changed
	// last, the drafts were looked at: Stale differ from what runs.
	Deployed, Compared, Stale int
}

// EnvironmentStates lists all environments as Environments does, each with its
// state.
func (s *Store) EnvironmentStates(ctx context.Context) ([]EnvironmentState, error) {
	var list []EnvironmentState
	err := s.look(ctx, func(tx *gorm.DB) error {
		rows, err := environments(ctx, tx)
		if err != nil {
			return err
		}
		list = make([]EnvironmentState, len(rows))
		reports, err := nodes(ctx, tx, nodeQuery{age: nodeKept})
		if err != nil {
			return err
		}
		running, err := deployedIn(ctx, tx)
		if err != nil {
			return err
		}
		drafts, err := s.deployedDrafts(ctx, tx, "", StatesCompared)
		if err != nil {
			return err
		}
		for i, row := range rows {
			list[i] = EnvironmentState{Environment: row.environment(), Deployed: running[row.ID]}
			list[i].count(reports, drafts)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list states of environments: %w", err)
	}
	return list, nil
}

func (e *EnvironmentState) count(reports []NodeReport, drafts []Owner) {
	for _, r := range reports {
		if r.Environment == e.Name {
			e.Nodes = append(e.Nodes, r)
		}
	}
	for _, p := range drafts {
		switch p.deployedTo(e.Name).State {
		case RedeployRequired:
			e.Stale++
			e.Compared++
		case Live:
			e.Compared++
		}
	}
}

func (p *Owner) deployedTo(environment string) Deployment {
	i := slices.IndexFunc(p.Deployments, func(d Deployment) bool { return d.Environment == environment })
	if i < 0 {
		return Deployment{}
	}
	return p.Deployments[i]
}

// DeployedOwner is what an environment runs of an owner, and whether that is
// what is edited.
type DeployedOwner struct {
	Project, Kind, Name string
	Deployment
}

// DeployedOwners are the owners that an environment runs, those changed last
// first and at most OwnersShown of them, and how many there are.
func (s *Store) DeployedOwners(ctx context.Context, environment string) (list []DeployedOwner, of int, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		running, err := deployedIn(ctx, tx)
		if err != nil {
			return err
		}
		drafts, err := s.deployedDrafts(ctx, tx, e.ID, OwnersShown)
		list, of = make([]DeployedOwner, len(drafts)), running[e.ID]
		for i, p := range drafts {
			list[i] = DeployedOwner{Project: p.ProjectName, Kind: p.Kind, Name: p.Name, Deployment: p.deployedTo(e.Name)}
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list what is deployed in %s: %w", environment, err)
	}
	return list, of, nil
}

// deployedIn is how many owners each environment runs, by its id.
func deployedIn(ctx context.Context, tx *gorm.DB) (map[string]int, error) {
	type line struct {
		EnvironmentID string
		Owners        int
	}
	lines, err := query[line](ctx, tx, `select environment_id, count(*) as owners from deployments where revision_id is not null group by environment_id`)
	if err != nil {
		return nil, fmt.Errorf("count deployments: %w", err)
	}
	counts := make(map[string]int, len(lines))
	for _, l := range lines {
		counts[l.EnvironmentID] = l.Owners
	}
	return counts, nil
}

// deployedDrafts are the owners that run in an environment, or in any, read
// whole: those changed last, and at most so many.
func (s *Store) deployedDrafts(ctx context.Context, tx *gorm.DB, environmentID string, most int) ([]Owner, error) {
	running := "id in (select owner_id from deployments where revision_id is not null and (? = '' or environment_id::text = ?))"
	rows, err := from[ownerRow](tx).Where(running, environmentID, environmentID).Order("updated_at desc, id").Limit(most).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	projects := map[string][]ownerRow{}
	for _, row := range rows {
		projects[row.ProjectID] = append(projects[row.ProjectID], row)
	}
	byID := map[string]Owner{}
	for _, id := range slices.Sorted(maps.Keys(projects)) {
		project, err := s.projectByID(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		list, err := s.owners(ctx, tx, project.Name, projects[id])
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			byID[p.ID] = p
		}
	}
	list := make([]Owner, len(rows))
	for i, row := range rows {
		list[i] = byID[row.ID]
	}
	return list, nil
}

// EnvironmentUse is what an environment has, and would take along.
type EnvironmentUse struct {
	// Deployed is what it runs, by project and name.
	Deployed []OwnerRevision
	// Live are the tokens whose issuer it is. Those of an earlier public URL are
	// among them: the record does not say which one was theirs.
	Live LiveTokens
	// Logins is how many can be refreshed.
	Logins int
	// Revisions, Keys, Variables and Credentials are how many it has of its own;
	// the last are those with settings for this environment.
	Revisions, Keys, Variables, Credentials int
	// Nodes are the last reports of the last day.
	Nodes []NodeReport
}

// OwnerRevision is an owner that runs, and which revision.
type OwnerRevision struct {
	ID, Project, Kind, Name, Digest string
	Revision                        int
}

// Traffic tells that somebody may be calling.
func (u EnvironmentUse) Traffic() bool {
	return len(u.Deployed) > 0 || u.Live.Total > 0 || u.Logins > 0
}

// EnvironmentUse tells it of an environment. Tokens and logins are counted up to
// CountCap.
func (s *Store) EnvironmentUse(ctx context.Context, environment string) (u EnvironmentUse, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err == nil {
			u, err = s.environmentUse(ctx, tx, e, CountCap)
		}
		return err
	})
	if err != nil {
		return EnvironmentUse{}, fmt.Errorf("look what is in %s: %w", environment, err)
	}
	return u, nil
}

func (s *Store) environmentUse(ctx context.Context, tx *gorm.DB, e environmentRow, most int) (EnvironmentUse, error) {
	type counts struct{ Logins, Revisions, Keys, Variables, Credentials int }
	numbers, err := query[counts](ctx, tx, `select
			(select count(*) from (select from refresh_families where environment_id = e.id and ended_at is null and expires_at > now() limit ?) f) as logins,
			(select count(*) from revisions where environment_id = e.id) as revisions,
			(select count(*) from environment_keys where environment_id = e.id and ended_at is null) as keys,
			(select count(*) from environment_variables where environment_id = e.id) as variables,
			(select count(*) from credential_environments where environment_id = e.id) as credentials
		from environments e where e.id = ?`, most, e.ID)
	if err != nil || len(numbers) == 0 {
		return EnvironmentUse{}, orNotFound(err)
	}
	n := numbers[0]
	u := EnvironmentUse{Logins: n.Logins, Revisions: n.Revisions, Keys: n.Keys, Variables: n.Variables, Credentials: n.Credentials}
	// An environment of the same name may have been there before. Its tokens are
	// dead: their keys went with it.
	if u.Live, err = s.liveTokensOf(ctx, tx, LiveTokenFilter{Environment: e.Name, IssuedSince: e.Stamp.CreatedAt.Truncate(time.Second)}, most); err != nil {
		return u, err
	}
	if u.Nodes, err = nodes(ctx, tx, nodeQuery{age: nodeKept, environmentID: e.ID}); err != nil {
		return u, err
	}
	u.Deployed, err = query[OwnerRevision](ctx, tx, `select x.id, p.name as project, x.kind, x.name, r.number as revision, r.digest
		from deployments d join revisions r on r.id = d.revision_id join owners x on x.id = d.owner_id join projects p on p.id = x.project_id
		where d.environment_id = ? order by lower(p.name), lower(x.name)`, e.ID)
	return u, err
}

func orNotFound(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}

// MissingValue is a variable that an environment lacks although messages of the
// error catalogue name it. Until it is there their templates do not act.
type MissingValue struct {
	Name  string
	Types []fault.Type
}

// MissingValues are those of an environment, by name.
func (s *Store) MissingValues(ctx context.Context, environment string) ([]MissingValue, error) {
	var list []MissingValue
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		users, err := catalogueNames(ctx, tx)
		if err != nil {
			return err
		}
		has, err := query[string](ctx, tx, "select name from environment_variables where environment_id = ?", e.ID)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(users)) {
			if !slices.Contains(has, name) {
				list = append(list, MissingValue{Name: name, Types: typesOf(users[name])})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for values that %s lacks: %w", environment, err)
	}
	return list, nil
}
