package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// DeployResult is what a deploy or undeploy did. AwaitNodes tells which nodes
// run the generation.
type DeployResult struct {
	Environment string
	// Revision is the number of the one that runs now; after an undeploy, of
	// the one that ran.
	Revision   int
	Generation int64
}

type revisionRow struct {
	ID            string `gorm:"primaryKey"`
	OwnerID       string
	EnvironmentID string
	Number        int
	Definition    document
	Digest        string
	Note          string
	CreatedAt     time.Time `gorm:"autoCreateTime:false"`
	CreatedBy     string
}

// TableName implements gorm's schema.Tabler.
func (revisionRow) TableName() string { return "revisions" }

// order is a wish to deploy.
type order struct {
	project     Project
	ownerID     string
	environment string
	note        string
	// revision is the number of an earlier one that is to run again; 0 for the
	// owner as it is edited.
	revision int
	seen     []Seen
}

// Seen refuses what is to be done with an owner, as the transaction that does it
// finds it, with an error that comes back: it may have changed since somebody
// decided on that (D17). It may be asked again when the transaction is.
type Seen func(Owner) error

// SeenSubject is Seen for what a bulk deploy takes live, with the versions of a
// policy, or those of a policy group (Owner.FlowVersions).
type SeenSubject func(versions ...int) error

func (o *order) judge(p Owner) error {
	for _, seen := range o.seen {
		if err := seen(p); err != nil {
			return err
		}
	}
	return nil
}

// Deploy freezes an owner as it is edited and makes it what the environment
// runs (D5). It is compiled first; when it does not compile, the problem.List
// comes back, nothing is stored and the old revision keeps serving. Keys that
// its policies sign with are made when the environment has none yet (D6).
func (s *Store) Deploy(ctx context.Context, by Actor, projectID, ownerID, environment, note string, seen ...Seen) (DeployResult, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return DeployResult{}, err
	}
	if msg := descriptionProblem(note); msg != "" {
		return DeployResult{}, problem.List{{Field: "note", Message: msg}}
	}
	o := order{project: project, ownerID: ownerID, environment: environment, note: note, seen: seen}
	return s.carryOut(ctx, by, o)
}

func (s *Store) carryOut(ctx context.Context, by Actor, o order) (result DeployResult, err error) {
	err = s.writeWithKeys(ctx, func(tx *gorm.DB, made newKeys) (err error) {
		result, err = s.deploy(ctx, tx, by, o, made)
		return err
	})
	if err != nil {
		return DeployResult{}, fmt.Errorf("deploy: %w", err)
	}
	return result, nil
}

func (s *Store) deploy(ctx context.Context, tx *gorm.DB, by Actor, o order, made newKeys) (DeployResult, error) {
	e, err := environmentNamed(ctx, tx, o.environment)
	if err != nil {
		return DeployResult{}, err
	}
	// Locks the environment before the work, so that of two deploys one waits
	// and starts afresh instead of both working in vain.
	generation, err := raise(ctx, tx, e)
	if err != nil {
		return DeployResult{}, err
	}
	row, p, err := s.ownerToDeploy(ctx, tx, o)
	if err != nil {
		return DeployResult{}, err
	}
	if err := o.judge(p); err != nil {
		return DeployResult{}, err
	}
	f, err := s.wanted(ctx, tx, e, &p, o)
	if err != nil {
		return DeployResult{}, err
	}
	owner, err := s.checked(ctx, tx, by, e, row, p, f, made)
	if err != nil {
		return DeployResult{}, err
	}
	before, err := s.running(ctx, tx, p.ID, e)
	if err != nil {
		return DeployResult{}, err
	}
	rev, err := s.insertRevision(ctx, tx, by, e, owner, o.note)
	if err != nil {
		return DeployResult{}, err
	}
	if err := s.setDeployment(ctx, tx, by, p.ID, e.ID, &rev.ID); err != nil {
		return DeployResult{}, err
	}
	if o.revision > 0 { // what runs may differ from what is edited although that is older
		if _, err := exec(ctx, tx, "update owner_changes set at = greatest(at, ?) where owner_id = ?", s.now(), p.ID); err != nil {
			return DeployResult{}, err
		}
	}
	done := fact{action: ActionDeployed, kind: p.Kind, id: p.ID, name: p.Name, project: p.ProjectName, before: orNothing(before), after: rev.audited(e)}
	return DeployResult{Environment: e.Name, Revision: rev.Number, Generation: generation}, s.record(ctx, tx, by, done)
}

func (s *Store) ownerToDeploy(ctx context.Context, tx *gorm.DB, o order) (ownerRow, Owner, error) {
	row, err := ownerByID(ctx, tx, o.project.ID, o.ownerID)
	if isNotFound(err) {
		return row, Owner{}, s.missingOwner(ctx, o.ownerID)
	}
	if err != nil {
		return row, Owner{}, err
	}
	p, err := s.oneOwner(ctx, tx, o.project.Name, row)
	return row, p, err
}

// wanted is what the order wants to run: the owner as it is edited, or an earlier
// revision, whose route p then has.
func (s *Store) wanted(ctx context.Context, tx *gorm.DB, e environmentRow, p *Owner, o order) (frozen, error) {
	if o.revision > 0 {
		return s.earlier(ctx, tx, e, p, o.revision)
	}
	known, err := s.drafting(ctx, tx, map[string]*Owner{p.ID: p})
	if err != nil {
		return frozen{}, err
	}
	f, err := p.draft(known, e.ID)
	if err == nil {
		err = f.wrong.Err()
	}
	return f, err
}

// checked is the owner that a deploy of f would make, compiled dry.
func (s *Store) checked(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, row ownerRow, p Owner, f frozen, made newKeys) (engine.Owner, error) {
	if p.Kind != engine.KindPolicyGroup {
		if err := deployedRouteProblem(ctx, tx, e, p); err != nil {
			return engine.Owner{}, err
		}
	}
	rings, err := s.ensureKeys(ctx, tx, by, e, p, f.raw, made)
	if err != nil {
		return engine.Owner{}, err
	}
	owner := engine.Owner{
		ID: p.ID, Kind: p.Kind, Digest: f.digest, Definition: f.raw,
		Client: engine.Client{ID: row.ClientID, SecretHash: row.ClientSecretHash},
	}
	b := engine.Bundle{Environment: e.Name, PublicURL: e.PublicURL, Generation: e.Generation, Keys: rings.own, NamedKeys: rings.named}
	return owner, engine.Check(s.types, b, owner)
}

// deployedRouteProblem looks for another API that the environment still runs
// at the same place: its own edit may have moved away without a deploy.
func deployedRouteProblem(ctx context.Context, tx *gorm.DB, e environmentRow, p Owner) error {
	type rival struct {
		Kind, Name, ProjectID string
		Route                 document
	}
	rivals, err := query[rival](ctx, tx, `select x.kind, x.name, x.project_id, r.definition -> 'route' as route
		from deployments d join revisions r on r.id = d.revision_id join owners x on x.id = d.owner_id
		where d.environment_id = ? and d.owner_id <> ? and r.environment_id = d.environment_id and r.definition #>> '{route,basePath}' = ?`,
		e.ID, p.ID, p.Route.BasePath)
	if err != nil {
		return fmt.Errorf("look for a deployed API at %s: %w", p.Route.BasePath, err)
	}
	for _, r := range rivals {
		var route engine.Route
		if err := json.Unmarshal(r.Route, &route); err != nil {
			return fmt.Errorf("read deployed route: %w", err)
		}
		if !slices.ContainsFunc(claims(p.Route.Hosts), func(h string) bool { return slices.Contains(claims(route.Hosts), h) }) {
			continue
		}
		who := "An API of another project"
		if r.ProjectID == p.ProjectID {
			who = fmt.Sprintf("The %s %q", kindWord(r.Kind), r.Name)
		}
		return problem.List{{Field: "basePath", Message: fmt.Sprintf("%s still runs at %s in %s; deploy or undeploy it first.", who, p.Route.BasePath, e.Name)}}
	}
	return nil
}

func (s *Store) insertRevision(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, o engine.Owner, note string) (revisionRow, error) {
	numbers, err := query[int](ctx, tx, "select coalesce(max(number), 0) + 1 from revisions where owner_id = ?", o.ID)
	if err != nil {
		return revisionRow{}, err
	}
	row := revisionRow{
		ID: newID(), OwnerID: o.ID, EnvironmentID: e.ID, Number: numbers[0], Definition: document(o.Definition),
		Digest: o.Digest, Note: note, CreatedAt: s.now(), CreatedBy: by.Name,
	}
	return row, from[revisionRow](tx).Create(ctx, &row)
}

func (s *Store) setDeployment(ctx context.Context, tx *gorm.DB, by Actor, ownerID, environmentID string, revisionID *string) error {
	_, err := exec(ctx, tx, `insert into deployments (owner_id, owner_key, environment_id, revision_id, name, updated_at, updated_by)
		select id, key, ?, ?, coalesce((select definition ->> 'name' from revisions where id = ?), ''), ?, ? from owners where id = ?
		on conflict (owner_id, environment_id) do update
		set revision_id = excluded.revision_id, name = excluded.name, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		environmentID, revisionID, revisionID, s.now(), by.Name, ownerID)
	return err
}

// Undeploy takes an owner out of an environment. ErrNotFound when it does not
// run there.
func (s *Store) Undeploy(ctx context.Context, by Actor, projectID, ownerID, environment string, seen ...Seen) (DeployResult, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return DeployResult{}, err
	}
	var result DeployResult
	o := order{project: project, ownerID: ownerID, seen: seen}
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := ownerByID(ctx, tx, project.ID, ownerID)
		if err != nil {
			return err
		}
		if len(seen) > 0 {
			p, err := s.oneOwner(ctx, tx, project.Name, row)
			if err == nil {
				err = o.judge(p)
			}
			if err != nil {
				return err
			}
		}
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		result, err = s.undeploy(ctx, tx, by, project, row, e)
		return err
	})
	if err != nil {
		return DeployResult{}, fmt.Errorf("undeploy: %w", err)
	}
	return result, nil
}

func (s *Store) undeploy(ctx context.Context, tx *gorm.DB, by Actor, project Project, row ownerRow, e environmentRow) (DeployResult, error) {
	generation, err := raise(ctx, tx, e)
	if err != nil {
		return DeployResult{}, err
	}
	before, err := s.running(ctx, tx, row.ID, e)
	if err != nil {
		return DeployResult{}, err
	}
	if before == nil {
		return DeployResult{}, ErrNotFound
	}
	if err := s.setDeployment(ctx, tx, by, row.ID, e.ID, nil); err != nil {
		return DeployResult{}, err
	}
	f := fact{action: ActionUndeployed, kind: row.Kind, id: row.ID, name: row.Name, project: project.Name, before: *before}
	return DeployResult{Environment: e.Name, Revision: before.Revision, Generation: generation}, s.record(ctx, tx, by, f)
}

// undeployEverywhere is what happens to the deployments of an owner that goes.
func (s *Store) undeployEverywhere(ctx context.Context, tx *gorm.DB, by Actor, p Owner) error {
	where, err := environmentsRunning(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for _, e := range where {
		if _, err := s.undeploy(ctx, tx, by, Project{ID: p.ProjectID, Name: p.ProjectName}, ownerRow{ID: p.ID, Kind: p.Kind, Name: p.Name}, e); err != nil {
			return err
		}
	}
	return nil
}

// raiseWhereLive makes every environment that runs an owner load it anew.
func raiseWhereLive(ctx context.Context, tx *gorm.DB, ownerID string) error {
	where, err := environmentsRunning(ctx, tx, ownerID)
	if err != nil {
		return err
	}
	for _, e := range where {
		if _, err := raise(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// environmentsRunning is in the order of environmentsByID.
func environmentsRunning(ctx context.Context, tx *gorm.DB, ownerID string) ([]environmentRow, error) {
	rows, err := from[environmentRow](tx).
		Where("id in (select environment_id from deployments where owner_id = ? and revision_id is not null)", ownerID).Order("id").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	return rows, nil
}

// deployRecord is a deployment in the audit. The definition is in the
// revision; its digest says which.
type deployRecord struct {
	Environment string `json:"environment"`
	Revision    int    `json:"revision"`
	Digest      string `json:"digest"`
	Note        string `json:"note,omitempty"`
}

func (r revisionRow) audited(e environmentRow) deployRecord {
	return deployRecord{Environment: e.Name, Revision: r.Number, Digest: r.Digest, Note: r.Note}
}

// running is what an environment runs of an owner, nil when nothing.
func (s *Store) running(ctx context.Context, tx *gorm.DB, ownerID string, e environmentRow) (*deployRecord, error) {
	row, err := found(from[revisionRow](tx).Omit("definition").
		Where("id = (select revision_id from deployments where owner_id = ? and environment_id = ?)", ownerID, e.ID).Take(ctx))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read deployment: %w", err)
	}
	r := row.audited(e)
	return &r, nil
}

// orNothing keeps a nil pointer from becoming the JSON null.
func orNothing(r *deployRecord) any {
	if r == nil {
		return nil
	}
	return *r
}
