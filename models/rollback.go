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
// beside proxies that are gone. The proxy as it is edited stays as it is. Errors
// are those of Deploy, and a problem of revision when that one runs already.
func (s *Store) Rollback(ctx context.Context, by Actor, projectID, proxyID, environment string, revision int, note string) (DeployResult, error) {
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
	return s.carryOut(ctx, by, order{project: project, proxyID: proxyID, environment: environment, note: note, revision: revision})
}

// earlier is a revision as it would be deployed now: under the names that the
// proxy has today, so that no other that bears an old name is meant.
func (s *Store) earlier(ctx context.Context, tx *gorm.DB, e environmentRow, p *Proxy, number int) (frozen, error) {
	row, err := found(from[revisionRow](tx).Where("proxy_id = ? and environment_id = ? and number = ?", p.ID, e.ID, number).Take(ctx))
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
	var d engine.Proxy
	if err := json.Unmarshal(row.Definition, &d); err != nil {
		return frozen{}, fmt.Errorf("read revision %d: %w", number, err)
	}
	d.Project, d.Name, d.ClientID = p.ProjectName, p.Name, p.ClientID
	p.Route = d.Route
	var f frozen
	f.raw, f.digest, err = engine.Encode(&d)
	return f, err
}

// Revision is one revision of a proxy by its number.
func (s *Store) Revision(ctx context.Context, proxyID string, number int) (Revision, error) {
	list, err := s.revisions(ctx, proxyID, 1, number)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("revision %d: %w", number, ErrNotFound)
	}
	if err != nil {
		return Revision{}, err
	}
	return list[0], nil
}
