package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/policy"
)

// Project is what people work in. It owns proxies and policies.
type Project struct {
	ID, Name, Description string
	Stamp
}

type projectRow struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Description string
	Stamp       stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (projectRow) TableName() string { return "projects" }

func (r projectRow) project() Project {
	return Project{ID: r.ID, Name: r.Name, Description: r.Description, Stamp: r.Stamp.stamp()}
}

// projectRecord is a project in the audit.
type projectRecord struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Projects lists all projects by name.
func (s *Store) Projects(ctx context.Context) ([]Project, error) {
	rows, err := from[projectRow](s.db).Order("lower(name)").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	list := make([]Project, len(rows))
	for i, row := range rows {
		list[i] = row.project()
	}
	return list, nil
}

// Project finds a project by its name, compared without case, or says
// ErrNotFound.
func (s *Store) Project(ctx context.Context, name string) (Project, error) {
	if !storable(name) {
		return Project{}, fmt.Errorf("read project: %w", ErrNotFound)
	}
	row, err := found(from[projectRow](s.db).Where("lower(name) = lower(?)", name).Take(ctx))
	if err != nil {
		return Project{}, fmt.Errorf("read project: %w", err)
	}
	return row.project(), nil
}

// projectByID is the project of an id that came from outside.
func (s *Store) projectByID(ctx context.Context, db *gorm.DB, id string) (Project, error) {
	if !isID(id) {
		return Project{}, fmt.Errorf("read project: %w", ErrNotFound)
	}
	row, err := found(from[projectRow](db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return Project{}, fmt.Errorf("read project: %w", err)
	}
	return row.project(), nil
}

// EnsureProject finds the project of that name or creates it, and tells which.
// An existing one is left as it is.
func (s *Store) EnsureProject(ctx context.Context, by Actor, name, description string) (Project, bool, error) {
	check := policy.Common{Name: name, Description: description}
	if err := check.Validate().Err(); err != nil {
		return Project{}, false, err
	}
	created := false
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		created, err = s.ensureProject(ctx, tx, by, name, description)
		return err
	})
	if err != nil {
		return Project{}, false, fmt.Errorf("ensure project %s: %w", name, err)
	}
	p, err := s.Project(ctx, name)
	return p, created, err
}

func (s *Store) ensureProject(ctx context.Context, tx *gorm.DB, by Actor, name, description string) (bool, error) {
	row := projectRow{ID: newID(), Name: name, Description: description, Stamp: born(by, s.now())}
	n, err := exec(ctx, tx, `insert into projects (id, name, description, version, created_at, created_by, updated_at, updated_by)
		values (?, ?, ?, 1, ?, ?, ?, ?) on conflict ((lower(name))) do nothing`,
		row.ID, name, description, row.Stamp.CreatedAt, by.Name, row.Stamp.CreatedAt, by.Name)
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.record(ctx, tx, by, fact{
		action: ActionCreated, kind: KindProject, id: row.ID, name: name, project: name,
		after: projectRecord{Name: name, Description: description},
	})
}
