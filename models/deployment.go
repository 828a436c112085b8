package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// DeployState says how what is edited stands to what runs. It is decided by
// comparing digests, never stored (D5): editing back makes it LIVE again.
type DeployState string

// The states of an owner in an environment.
const (
	// NotDeployed was never deployed there.
	NotDeployed DeployState = "NOT_DEPLOYED"
	// Live runs what is edited.
	Live DeployState = "LIVE"
	// RedeployRequired runs something else than is edited.
	RedeployRequired DeployState = "REDEPLOY_REQUIRED"
	// Undeployed was taken out.
	Undeployed DeployState = "UNDEPLOYED"
)

// Deployment is an owner's state in one environment.
type Deployment struct {
	Environment, PublicURL string
	State                  DeployState
	// Revision is the number of the one that runs, 0 when none does.
	Revision int
	// RunsAs is the name of the owner there, which after a rename is the old one
	// until the next deploy; "" when it does not run.
	RunsAs string
	// DeployedAt and DeployedBy are of the last deploy or undeploy; zero when
	// there was none. Note is of the revision that runs.
	DeployedAt       time.Time
	DeployedBy, Note string
}

type deploymentRow struct {
	OwnerID       string `gorm:"primaryKey"`
	EnvironmentID string `gorm:"primaryKey"`
	RevisionID    *string
	Name          string
	OwnerKey      string
	Renamed       bool      `gorm:"->"`
	UpdatedAt     time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy     string
}

// TableName implements gorm's schema.Tabler.
func (deploymentRow) TableName() string { return "deployments" }

// place is a deployment with its revision.
type place struct {
	OwnerID, EnvironmentID string
	RevisionID             *string
	Number                 int
	Name, Digest, Note     string
	UpdatedAt              time.Time
	UpdatedBy              string
}

// addDeployments tells for each owner and environment what runs there. Hosts,
// endpoints, bindings and members must be there already: the digest is made of
// them.
func (s *Store) addDeployments(ctx context.Context, db *gorm.DB, ids []string, owners map[string]*Owner) error {
	all, err := environments(ctx, db)
	if err != nil {
		return err
	}
	rows, err := query[place](ctx, db, `select d.owner_id, d.environment_id, d.revision_id, d.name, d.updated_at, d.updated_by,
			coalesce(r.number, 0) as number, coalesce(r.digest, '') as digest, coalesce(r.note, '') as note
		from deployments d left join revisions r on r.id = d.revision_id where d.owner_id in ?`, ids)
	if err != nil {
		return fmt.Errorf("list deployments: %w", err)
	}
	places := make(map[[2]string]place, len(rows))
	live := make(map[string]*Owner)
	for _, r := range rows {
		places[[2]string{r.OwnerID, r.EnvironmentID}] = r
		if r.RevisionID != nil {
			live[r.OwnerID] = owners[r.OwnerID]
		}
	}
	known, err := s.drafting(ctx, db, live)
	if err != nil {
		return err
	}
	for id, p := range owners {
		digests := map[string]string{}
		for _, e := range all {
			at, deployed := places[[2]string{id, e.ID}]
			d, err := deployment(e, at, deployed, func() (string, error) { return p.draftDigest(known, e.ID, digests) })
			if err != nil {
				return err
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	return nil
}

// drafting makes owners, all of one project, ready for drafts: it reads the
// members of groups and what conditions and templates refer to.
func (s *Store) drafting(ctx context.Context, db *gorm.DB, owners map[string]*Owner) (*resolver, error) {
	var groups []*Owner
	for _, o := range owners {
		if o.Kind == engine.KindProxyGroup {
			groups = append(groups, o)
		}
	}
	members, err := s.readMembers(ctx, db, groups)
	if err != nil {
		return nil, err
	}
	return resolverFor(ctx, db, owners, members)
}

func deployment(e environmentRow, at place, deployed bool, draft func() (string, error)) (Deployment, error) {
	d := Deployment{Environment: e.Name, PublicURL: e.PublicURL, State: NotDeployed}
	if !deployed {
		return d, nil
	}
	d.Revision, d.Note, d.RunsAs, d.DeployedAt, d.DeployedBy = at.Number, at.Note, at.Name, at.UpdatedAt.UTC(), at.UpdatedBy
	if at.RevisionID == nil {
		d.State = Undeployed
		return d, nil
	}
	digest, err := draft()
	if err != nil {
		return d, err
	}
	d.State = RedeployRequired
	if digest == at.Digest {
		d.State = Live
	}
	return d, nil
}

// draftDigest makes as few drafts as there are different ones: one for all
// environments where neither a condition nor a template refers to their values.
func (p *Owner) draftDigest(known *resolver, environmentID string, made map[string]string) (string, error) {
	key := ""
	if known.perEnvironment {
		key = environmentID
	}
	if made[key] == "" {
		f, err := p.draft(known, environmentID)
		if err != nil {
			return "", err
		}
		made[key] = f.digest
	}
	return made[key], nil
}

// Draft is what a deploy of the owner to an environment would freeze now, and
// its digest.
func (s *Store) Draft(ctx context.Context, ownerID, environment string) (json.RawMessage, string, error) {
	var f frozen
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		p, err := s.anyOwner(ctx, tx, ownerID)
		if err != nil {
			return err
		}
		known, err := s.drafting(ctx, tx, map[string]*Owner{p.ID: &p})
		if err != nil {
			return err
		}
		f, err = p.draft(known, e.ID)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("draft: %w", err)
	}
	return f.raw, f.digest, nil
}

// anyOwner reads an owner whole, whatever its project.
func (s *Store) anyOwner(ctx context.Context, db *gorm.DB, id string) (Owner, error) {
	if !isID(id) {
		return Owner{}, ErrNotFound
	}
	row, err := found(from[ownerRow](db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return Owner{}, err
	}
	project, err := s.projectByID(ctx, db, row.ProjectID)
	if err != nil {
		return Owner{}, err
	}
	return s.oneOwner(ctx, db, project.Name, row)
}
