package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// The unique indexes behind the names of policies.
const (
	policiesByName      = "policies_name_global"
	localPoliciesByName = "policies_name_local"
)

const nameTaken = "The name is taken by another policy; choose another one."

// SavePolicy writes a policy: a new global one when id is empty, else the one
// of that id, global or local, as it was read at version. The configuration is
// normalised first, in place. Errors are a problem.List, a *StaleError when
// somebody was faster, and ErrNotFound. Traffic is untouched until a deploy.
func (s *Store) SavePolicy(ctx context.Context, by Actor, projectID, id string, version int, c policy.Config) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	var saved policyRow
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if id == "" {
			saved, err = s.createPolicy(ctx, tx, by, project, nil, c)
			return err
		}
		saved, err = s.updatePolicy(ctx, tx, by, project, id, version, func(*policyRow) (policy.Config, error) { return c, nil })
		return err
	})
	if err != nil {
		return Policy{}, fmt.Errorf("save policy: %w", nameRace(err))
	}
	return s.onePolicy(ctx, s.db, project.Name, saved)
}

// SetPolicyActive switches a policy on or off and leaves the rest as it is.
// Errors are those of SavePolicy.
func (s *Store) SetPolicyActive(ctx context.Context, by Actor, projectID, id string, version int, active bool) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	var saved policyRow
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		saved, err = s.switchPolicy(ctx, tx, by, project, id, version, active)
		return err
	})
	if err != nil {
		return Policy{}, fmt.Errorf("switch policy: %w", err)
	}
	return s.onePolicy(ctx, s.db, project.Name, saved)
}

func (s *Store) switchPolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, id string, version int, active bool) (policyRow, error) {
	return s.updatePolicy(ctx, tx, by, project, id, version, func(row *policyRow) (policy.Config, error) {
		p, err := s.policy(*row, project.Name, 0)
		if err != nil {
			return nil, err
		}
		p.Config.Base().Active = active
		return p.Config, nil
	})
}

// nameRace says that a name is taken when another writer took it between our
// look and our write.
func nameRace(err error) error {
	switch violated(err) {
	case policiesByName, localPoliciesByName:
		return problem.List{{Field: "name", Message: nameTaken, Taken: true}}
	}
	return err
}

// createPolicy writes a new policy; owner is that of a local one.
func (s *Store) createPolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, owner *string, c policy.Config) (policyRow, error) {
	row := policyRow{ID: newID(), ProjectID: project.ID, OwnerID: owner, Type: c.Base().Type, Stamp: born(by, s.now())}
	if err := s.author(ctx, tx, &row, c); err != nil {
		return row, err
	}
	if err := from[policyRow](tx).Create(ctx, &row); err != nil {
		return row, err
	}
	if err := keepReferences(ctx, tx, row.ID, row.sources); err != nil {
		return row, err
	}
	return row, s.recordPolicy(ctx, tx, by, ActionCreated, project, nil, &row)
}

// updatePolicy writes what edit makes of the policy, provided that it is still
// at version.
func (s *Store) updatePolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, id string, version int, edit func(*policyRow) (policy.Config, error)) (policyRow, error) {
	before, err := s.policyAt(ctx, tx, project, id, version)
	if err != nil {
		return before, err
	}
	row := before
	c, err := edit(&row)
	if err != nil {
		return row, err
	}
	if err := s.author(ctx, tx, &row, c); err != nil {
		return row, err
	}
	row.Stamp = before.Stamp.next(by, s.now())
	n, err := from[policyRow](tx).Where("id = ? and version = ?", id, version). // D17
											Select("name", "description", "active", "config", "version", "updated_at", "updated_by").Updates(ctx, row)
	if err != nil {
		return row, err
	}
	if n == 0 {
		return row, ErrStale
	}
	if err := keepReferences(ctx, tx, row.ID, row.sources); err != nil {
		return row, err
	}
	return row, s.recordPolicy(ctx, tx, by, ActionUpdated, project, &before, &row)
}

// policyAt is the policy as it was read at version, or the *StaleError that
// shows what it has become.
func (s *Store) policyAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (policyRow, error) {
	row, err := policyByID(ctx, tx, project.ID, id)
	if isNotFound(err) {
		return row, s.missing(ctx, KindPolicy, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	current, err := s.onePolicy(ctx, tx, project.Name, row)
	if err != nil {
		return row, err
	}
	return row, &StaleError{
		Kind: KindPolicy, Name: current.Name, Version: current.Version,
		Current: current, By: current.UpdatedBy, At: current.UpdatedAt,
	}
}

// author checks a configuration and puts it into its row.
func (s *Store) author(ctx context.Context, tx *gorm.DB, row *policyRow, c policy.Config) error {
	c.Normalize()
	base := c.Base()
	if _, ok := s.types.Find(base.Type); !ok {
		return problem.List{{Field: "type", Message: fmt.Sprintf("Unknown policy type %q.", base.Type)}}
	}
	l := c.Validate()
	if base.Type != row.Type {
		l.Add("type", "The type of a policy stays what it is, %s.", row.Type)
	}
	if l.For("name") == "" {
		taken, err := policyNameTaken(ctx, tx, *row, base.Name)
		if err != nil {
			return err
		}
		if taken {
			l.AddTaken("name", nameTaken)
		}
	}
	msg, err := signingKeyProblem(ctx, tx, row.ProjectID, c)
	if err != nil {
		return err
	}
	if msg != "" {
		l.Add("signingKeyName", "%s", msg)
	}
	if err := conditionProblems(ctx, tx, &l, row.ProjectID, c); err != nil {
		return err
	}
	if row.sources, err = s.checkReferences(ctx, tx, &l, row.ProjectID, c); err != nil {
		return err
	}
	if base.Active || !row.Active { // what is switched off may be so wherever it is bound
		if err := s.misplaced(ctx, tx, &l, row.ID, c); err != nil {
			return err
		}
	}
	if err := l.Err(); err != nil {
		return err
	}
	raw, err := policy.Encode(c)
	if err != nil {
		return err
	}
	if err := unstorable(raw).Err(); err != nil {
		return err
	}
	row.Name, row.Description, row.Active, row.Config = base.Name, base.Description, base.Active, raw
	return nil
}

// misplaced adds to l what does not fit a pipeline that the policy is bound in, also by
// way of a policy group: no deploy would take it.
func (s *Store) misplaced(ctx context.Context, tx *gorm.DB, l *problem.List, id string, c policy.Config) error {
	bound, err := query[policy.Pipeline](ctx, tx, "select distinct pipeline from policy_bindings where policy_id = ? order by pipeline", id)
	if err != nil {
		return fmt.Errorf("find pipelines of policy: %w", err)
	}
	t, _ := s.types.Find(c.Base().Type) // author has found it
	for _, pipeline := range bound {
		for _, p := range policy.Misplaced(t, c, pipeline) {
			if l.For(p.Field) == "" {
				l.Add(p.Field, "%s", p.Message)
			}
		}
	}
	return nil
}

// policyNameTaken looks among the global policies of the project, or among the
// local ones of the owner, without regard to case.
func policyNameTaken(ctx context.Context, tx *gorm.DB, row policyRow, name string) (bool, error) {
	q := from[policyRow](tx).Where("lower(name) = lower(?) and id <> ?", name, row.ID)
	if row.global() {
		q = q.Where("project_id = ? and owner_id is null", row.ProjectID)
	} else {
		q = q.Where("owner_id = ?", *row.OwnerID)
	}
	n, err := q.Count(ctx, "*")
	if err != nil {
		return false, fmt.Errorf("look for a policy of that name: %w", err)
	}
	return n > 0, nil
}

// PolicyNameProblem says what is wrong with name for a global policy of the
// project, "" when it is free. exceptID is the policy that is being edited,
// "" for a new one; for a local policy its own owner is what is asked.
func (s *Store) PolicyNameProblem(ctx context.Context, projectID, name, exceptID string) (string, error) {
	if msg := problem.Name(name); msg != "" {
		return msg, nil
	}
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	row := policyRow{ID: newID(), ProjectID: project.ID}
	if exceptID != "" {
		if row, err = policyByID(ctx, s.db, project.ID, exceptID); err != nil {
			return "", err
		}
	}
	taken, err := policyNameTaken(ctx, s.db, row, name)
	if err != nil || !taken {
		return "", err
	}
	return nameTaken, nil
}

// DeletePolicy removes a policy as it was read at version. Bindings to it go
// too and the lanes close up; every owner that had one gets a new version.
// What is deployed keeps running it until the next deploy.
func (s *Store) DeletePolicy(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := s.policyAt(ctx, tx, project, id, version)
		if err != nil {
			return err
		}
		return s.deletePolicy(ctx, tx, by, project, row)
	})
	if err != nil {
		return fmt.Errorf("delete policy: %w", err)
	}
	return nil
}

func (s *Store) deletePolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, row policyRow) error {
	// The lock comes first and keeps new bindings out until we are done.
	if _, err := exec(ctx, tx, "select id from policies where id = ? for update", row.ID); err != nil {
		return err
	}
	places, err := s.detach(ctx, tx, by, row.ID)
	if err != nil {
		return err
	}
	if _, err := from[policyRow](tx).Where("id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	return s.record(ctx, tx, by, fact{
		action: ActionDeleted, kind: KindPolicy, id: row.ID, name: row.Name, project: project.Name,
		before: deletedPolicy{Policy: json.RawMessage(row.Config), DetachedFrom: places},
	})
}

// deletedPolicy is a policy that was deleted, in the audit.
type deletedPolicy struct {
	Policy       json.RawMessage `json:"policy"`
	DetachedFrom []detached      `json:"detachedFrom,omitempty"`
	// LocalTo is the owner of a local policy.
	LocalTo string `json:"localTo,omitempty"`
}

// detached is a place that a deleted policy was bound in.
type detached struct {
	Kind     string `json:"kind"`
	Owner    string `json:"owner"`
	Endpoint string `json:"endpoint,omitempty"`
	Pipeline string `json:"pipeline"`
	Position int    `json:"position"`
}

// detach removes all bindings of a policy, closes the lanes and raises the
// version of the owners, so that nobody saves an order that no longer is.
func (s *Store) detach(ctx context.Context, tx *gorm.DB, by Actor, policyID string) ([]detached, error) {
	places, err := usage(ctx, tx, policyID, 0)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	list := make([]detached, len(places))
	owners := make([]string, len(places))
	for i, p := range places {
		list[i] = detached{Kind: p.OwnerKind, Owner: p.OwnerName, Endpoint: p.Endpoint, Pipeline: string(p.Pipeline), Position: p.Position}
		owners[i] = p.OwnerID
	}
	if err := s.touch(ctx, tx, by, owners); err != nil {
		return nil, err
	}
	if _, err := exec(ctx, tx, "delete from policy_bindings where policy_id = ?", policyID); err != nil {
		return nil, err
	}
	return list, closeLanes(ctx, tx, owners)
}

// closeLanes numbers the bindings of owners from 1 without gaps.
func closeLanes(ctx context.Context, tx *gorm.DB, ownerIDs []string) error {
	_, err := exec(ctx, tx, `update policy_bindings b set position = n.place from
		(select id, row_number() over (partition by owner_id, pipeline, endpoint_id order by position) as place
			from policy_bindings where owner_id in ?) n
		where n.id = b.id and b.position <> n.place`, ownerIDs)
	if err != nil {
		return fmt.Errorf("close the gaps: %w", err)
	}
	return nil
}

// recordPolicy audits a policy by its JSON, which holds no secret.
func (s *Store) recordPolicy(ctx context.Context, tx *gorm.DB, by Actor, action string, project Project, before, after *policyRow) error {
	f := fact{action: action, kind: KindPolicy, project: project.Name}
	if before != nil {
		f.id, f.name, f.before = before.ID, before.Name, json.RawMessage(before.Config)
	}
	if after != nil {
		f.id, f.name, f.after = after.ID, after.Name, json.RawMessage(after.Config)
	}
	return s.record(ctx, tx, by, f)
}
