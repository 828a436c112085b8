package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// The types of an environment.
const (
	Production = "PRODUCTION"
	Test       = "TEST"
	Sandbox    = "SANDBOX"
)

// EnvironmentTypes are all of them, the one that people are warned about first.
func EnvironmentTypes() []string { return []string{Production, Test, Sandbox} }

// Colour marks an environment in the console, so that nobody takes production
// for a test. The zero value is none.
type Colour string

// The colours. There are as many as people tell apart at a glance.
const (
	Red    Colour = "red"
	Amber  Colour = "amber"
	Green  Colour = "green"
	Blue   Colour = "blue"
	Violet Colour = "violet"
)

// Colours are all of them but none.
func Colours() []Colour { return []Colour{Red, Amber, Green, Blue, Violet} }

// Environment is a slice of the gateway (D4).
type Environment struct {
	ID, Name string
	// Type is PRODUCTION, TEST or SANDBOX.
	Type string
	// PublicURL is where callers reach it and the issuer of its tokens (D15),
	// without a trailing slash.
	PublicURL   string
	Description string
	// Colour marks it in the console; "" is none.
	Colour Colour
	// Generation is raised with everything that its nodes must load anew.
	Generation int64
	Stamp
}

type environmentRow struct {
	ID         string `gorm:"primaryKey"`
	Name       string
	Type       string
	PublicURL  string
	Generation int64

	Description, Colour string
	Stamp               stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (environmentRow) TableName() string { return "environments" }

func (r environmentRow) environment() Environment {
	return Environment{
		ID: r.ID, Name: r.Name, Type: r.Type, PublicURL: r.PublicURL, Description: r.Description,
		Colour: Colour(r.Colour), Generation: r.Generation, Stamp: r.Stamp.stamp(),
	}
}

// environmentRecord is an environment in the audit.
type environmentRecord struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	PublicURL   string `json:"publicUrl"`
	Description string `json:"description,omitempty"`
	Colour      string `json:"colour,omitempty"`
}

func (r environmentRow) audited() environmentRecord {
	return environmentRecord{Name: r.Name, Type: r.Type, PublicURL: r.PublicURL, Description: r.Description, Colour: r.Colour}
}

// Environments lists all environments: production ones first, then by name.
func (s *Store) Environments(ctx context.Context) ([]Environment, error) {
	rows, err := environments(ctx, s.db)
	if err != nil {
		return nil, err
	}
	list := make([]Environment, len(rows))
	for i, row := range rows {
		list[i] = row.environment()
	}
	return list, nil
}

func environments(ctx context.Context, db *gorm.DB) ([]environmentRow, error) {
	rows, err := from[environmentRow](db).Order("type <> 'PRODUCTION', lower(name)").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	return rows, nil
}

// environmentsByID are all environments in the order in which everybody locks
// them, so that two who lock several cannot lock each other.
func environmentsByID(ctx context.Context, tx *gorm.DB) ([]environmentRow, error) {
	rows, err := from[environmentRow](tx).Order("id").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	return rows, nil
}

// Environment finds an environment by its name, compared without case, or
// says ErrNotFound.
func (s *Store) Environment(ctx context.Context, name string) (Environment, error) {
	row, err := environmentNamed(ctx, s.db, name)
	if err != nil {
		return Environment{}, err
	}
	return row.environment(), nil
}

func environmentNamed(ctx context.Context, db *gorm.DB, name string) (environmentRow, error) {
	if !storable(name) {
		return environmentRow{}, fmt.Errorf("read environment: %w", ErrNotFound)
	}
	row, err := found(from[environmentRow](db).Where("lower(name) = lower(?)", name).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read environment: %w", err)
	}
	return row, nil
}

// raise lifts an environment's generation and tells its nodes, both when the
// transaction commits. It also locks the environment until then, so that
// changes of one environment happen one after the other.
func raise(ctx context.Context, tx *gorm.DB, e environmentRow) (int64, error) {
	rows, err := query[int64](ctx, tx, "update environments set generation = generation + 1 where id = ? returning generation", e.ID)
	if err != nil {
		return 0, fmt.Errorf("raise generation of %s: %w", e.Name, err)
	}
	if len(rows) == 0 {
		return 0, fmt.Errorf("raise generation of %s: %w", e.Name, ErrNotFound)
	}
	if _, err := exec(ctx, tx, "select pg_notify(?, ?)", changesChannel, e.Name); err != nil {
		return 0, fmt.Errorf("notify nodes of %s: %w", e.Name, err)
	}
	return rows[0], nil
}
