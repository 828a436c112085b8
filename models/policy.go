package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// Policy is an authored policy. A global one belongs to its project and may be
// bound to many owners, a local one to one.
type Policy struct {
	ID, ProjectID, ProjectName string
	Type, Name, Description    string
	Active                     bool
	// OwnerID is that of a local policy, "" for a global one.
	OwnerID string
	// Config is the policy itself; the members above repeat parts of it.
	Config policy.Config
	// Used is in how many places it is bound.
	Used int
	Stamp
}

// Global tells a global policy from a local one.
func (p Policy) Global() bool { return p.OwnerID == "" }

// PolicyFilter narrows and orders a list of policies.
type PolicyFilter struct {
	// Type is the wire name of a type; "" for all.
	Type string
	// Query is looked for in name and description, without regard to case.
	Query string
	// Status is "active", "passive" or "" for both.
	Status string
	// Sort is name (the default), status, used or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

// policySorts are the columns that a list may be sorted by. What a request
// names is looked up here and never becomes SQL.
var policySorts = map[string]string{
	"name":    "lower(name)",
	"status":  "active",
	"used":    "coalesce(used, 0)",
	"updated": "updated_at",
}

type policyRow struct {
	ID          string `gorm:"primaryKey"`
	ProjectID   string
	OwnerID     *string
	Type        string
	Name        string
	Key         string `gorm:"->"` // the database makes it
	Description string
	Active      bool
	Config      document
	Stamp       stampRow `gorm:"embedded"`

	sources map[string]string // the ids of the identity sources that Config names, by field
}

// TableName implements gorm's schema.Tabler.
func (policyRow) TableName() string { return "policies" }

func (r policyRow) global() bool { return r.OwnerID == nil }

// policy reads a row. It does not judge the configuration again: a rule that
// came later must not make old policies unreadable; deploying judges.
func (s *Store) policy(row policyRow, project string, used int) (Policy, error) {
	p := Policy{
		ID: row.ID, ProjectID: row.ProjectID, ProjectName: project, Type: row.Type, Name: row.Name,
		Description: row.Description, Active: row.Active, Used: used, Stamp: row.Stamp.stamp(),
	}
	if row.OwnerID != nil {
		p.OwnerID = *row.OwnerID
	}
	t, ok := s.types.Find(row.Type)
	if !ok {
		return p, fmt.Errorf("policy %s has type %q, which this version does not know", row.ID, row.Type)
	}
	p.Config = t.New()
	if err := json.Unmarshal(row.Config, p.Config); err != nil {
		return p, fmt.Errorf("read policy %s: %w", row.ID, err)
	}
	return p, nil
}

// Policies lists the global policies of a project and how many the filter
// leaves in all.
func (s *Store) Policies(ctx context.Context, projectID string, f PolicyFilter) (rows []Policy, total int, err error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, 0, err
	}
	q := f.conditions(from[policyRow](s.db).Where("project_id = ? and owner_id is null", project.ID))
	n, err := q.Count(ctx, "*")
	if err != nil {
		return nil, 0, fmt.Errorf("count policies: %w", err)
	}
	limit, offset := page(f.Page, f.PerPage)
	if f.Sort == "used" {
		q = q.Joins("left join (select policy_id, count(*) as used from policy_bindings where project_id = ? group by policy_id) b on b.policy_id = policies.id", project.ID)
	}
	found, err := q.Order(ordering(policySorts, f.Sort, f.Desc) + ", lower(name), id").Limit(limit).Offset(offset).Find(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list policies: %w", err)
	}
	rows, err = s.policies(ctx, s.db, project.Name, found)
	return rows, int(n), err
}

func (f PolicyFilter) conditions(q tableOf[policyRow]) tableOf[policyRow] {
	if f.Type != "" {
		q = q.Where("type = ?", truncated(f.Type, problem.MaxName))
	}
	if f.Query != "" {
		like := containing(f.Query)
		q = q.Where("(name ilike ? or description ilike ?)", like, like)
	}
	switch f.Status {
	case "active":
		q = q.Where("active")
	case "passive":
		q = q.Where("not active")
	}
	return q
}

// ordering is an allow-listed column and a direction; an unknown column means
// the name.
func ordering(sorts map[string]string, by string, desc bool) string {
	column, ok := sorts[by]
	if !ok {
		column = sorts["name"]
	}
	if desc {
		return column + " desc"
	}
	return column
}

// policies reads rows of one project together with their use.
func (s *Store) policies(ctx context.Context, db *gorm.DB, project string, rows []policyRow) ([]Policy, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	used, err := uses(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	list := make([]Policy, len(rows))
	for i, row := range rows {
		if list[i], err = s.policy(row, project, used[row.ID]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// uses counts the bindings of many policies in one query.
func uses(ctx context.Context, db *gorm.DB, ids []string) (map[string]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type count struct {
		PolicyID string
		N        int
	}
	used := make(map[string]int, len(ids))
	for some := range slices.Chunk(ids, maxParameters) {
		rows, err := query[count](ctx, db, "select policy_id, count(*) as n from policy_bindings where policy_id in ? group by policy_id", some)
		if err != nil {
			return nil, fmt.Errorf("count uses of policies: %w", err)
		}
		for _, r := range rows {
			used[r.PolicyID] = r.N
		}
	}
	return used, nil
}

// Policy finds a global policy by type and name, compared without case.
func (s *Store) Policy(ctx context.Context, projectID, typ, name string) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	if !storable(name) || !storable(typ) {
		return Policy{}, fmt.Errorf("read policy: %w", ErrNotFound)
	}
	row, err := found(from[policyRow](s.db).
		Where("project_id = ? and owner_id is null and type = ? and lower(name) = lower(?)", project.ID, typ, name).Take(ctx))
	if err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return s.onePolicy(ctx, s.db, project.Name, row)
}

// PolicyByID finds a policy of a project, global or local.
func (s *Store) PolicyByID(ctx context.Context, projectID, id string) (Policy, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Policy{}, err
	}
	row, err := policyByID(ctx, s.db, project.ID, id)
	if err != nil {
		return Policy{}, err
	}
	return s.onePolicy(ctx, s.db, project.Name, row)
}

func policyByID(ctx context.Context, db *gorm.DB, projectID, id string) (policyRow, error) {
	if !isID(id) {
		return policyRow{}, fmt.Errorf("read policy: %w", ErrNotFound)
	}
	row, err := found(from[policyRow](db).Where("id = ? and project_id = ?", id, projectID).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read policy: %w", err)
	}
	return row, nil
}

func (s *Store) onePolicy(ctx context.Context, db *gorm.DB, project string, row policyRow) (Policy, error) {
	list, err := s.policies(ctx, db, project, []policyRow{row})
	if err != nil {
		return Policy{}, err
	}
	return list[0], nil
}
