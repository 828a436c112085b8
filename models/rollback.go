package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
)

// Rollback makes an environment run an earlier revision of its own again, as a
// new revision (D5). It is compiled first, as it may have been made for keys or
// beside APIs that are gone. The owner as it is edited stays as it is. Errors
// are those of Deploy, and a problem of revision when that one runs already.
func (s *Store) Rollback(ctx context.Context, by Actor, projectID, ownerID, environment string, revision int, note string, seen ...Seen) (DeployResult, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return DeployResult{}, err
	}
	if msg := descriptionProblem(note); msg != "" {
		return DeployResult{}, problem.List{{Field: "note", Message: msg}}
	}
	if revision < 1 {
		return DeployResult{}, fmt.Errorf("roll back to revision %d: %w", revision, ErrNotFound)
	}
	return s.carryOut(ctx, by, order{project: project, ownerID: ownerID, environment: environment, note: note, revision: revision, seen: seen})
}

// earlier is a revision as it would be deployed now: under the names that the
// owner has today, so that no other that bears an old name is meant.
func (s *Store) earlier(ctx context.Context, tx *gorm.DB, e environmentRow, p *Owner, number int) (frozen, error) {
	row, err := found(from[revisionRow](tx).Where("owner_id = ? and environment_id = ? and number = ?", p.ID, e.ID, number).Take(ctx))
	if err != nil {
		return frozen{}, fmt.Errorf("read revision %d: %w", number, err)
	}
	running, err := s.running(ctx, tx, p.ID, e)
	if err != nil {
		return frozen{}, err
	}
	if running != nil && running.Revision == number {
		return frozen{}, problem.List{{Field: "revision", Message: fmt.Sprintf("Revision %d runs in %s already.", number, e.Name)}}
	}
	return p.again(row.Definition)
}

// again is a frozen definition under the names that the owner has today; the
// owner takes over its route.
func (o *Owner) again(raw document) (f frozen, err error) {
	switch o.Kind {
	case engine.KindProxyGroup:
		var d engine.ProxyGroup
		if err = json.Unmarshal(raw, &d); err == nil {
			d.Project, d.Name, d.ClientID, o.Route = o.ProjectName, o.Name, o.ClientID, d.Route
			f.raw, f.digest, err = engine.Encode(&d)
		}
	case engine.KindPolicyGroup:
		var d engine.PolicyGroup
		if err = json.Unmarshal(raw, &d); err == nil {
			d.Project, d.Name, d.ClientID = o.ProjectName, o.Name, o.ClientID
			f.raw, f.digest, err = engine.Encode(&d)
		}
	default:
		var d engine.Proxy
		if err = json.Unmarshal(raw, &d); err == nil {
			d.Project, d.Name, d.ClientID, o.Route = o.ProjectName, o.Name, o.ClientID, d.Route
			f.raw, f.digest, err = engine.Encode(&d)
		}
	}
	if err != nil {
		return f, fmt.Errorf("read revision: %w", err)
	}
	return f, nil
}
