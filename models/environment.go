package models

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// The types of an environment.
const (
	Production = "PRODUCTION"
	Test       = "TEST"
	Sandbox    = "SANDBOX"
)

// Environment is a slice of the gateway (D4).
type Environment struct {
	ID, Name string
	// Type is PRODUCTION, TEST or SANDBOX.
	Type string
	// PublicURL is where callers reach it and the issuer of its tokens (D15),
	// without a trailing slash.
	PublicURL string
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
	Stamp      stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (environmentRow) TableName() string { return "environments" }

func (r environmentRow) environment() Environment {
	return Environment{
		ID: r.ID, Name: r.Name, Type: r.Type, PublicURL: r.PublicURL,
		Generation: r.Generation, Stamp: r.Stamp.stamp(),
	}
}

// environmentRecord is an environment in the audit.
type environmentRecord struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	PublicURL string `json:"publicUrl"`
}

func (r environmentRow) audited() environmentRecord {
	return environmentRecord{Name: r.Name, Type: r.Type, PublicURL: r.PublicURL}
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

// EnsureEnvironment finds the environment of that name or creates it, and
// tells which. An existing one is left as it is, its public URL too. Its type
// follows from its name; what is neither a test nor a sandbox counts as
// production, the type that people are warned about.
func (s *Store) EnsureEnvironment(ctx context.Context, by Actor, name, publicURL string) (Environment, bool, error) {
	publicURL = strings.TrimRight(publicURL, "/")
	if err := environmentProblems(name, publicURL).Err(); err != nil {
		return Environment{}, false, err
	}
	created := false
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		created, err = s.ensureEnvironment(ctx, tx, by, name, publicURL)
		return err
	})
	if err != nil {
		return Environment{}, false, fmt.Errorf("ensure environment %s: %w", name, err)
	}
	e, err := s.Environment(ctx, name)
	return e, created, err
}

func (s *Store) ensureEnvironment(ctx context.Context, tx *gorm.DB, by Actor, name, publicURL string) (bool, error) {
	id, at, kind := newID(), s.now(), environmentType(name)
	n, err := exec(ctx, tx, `insert into environments (id, name, type, public_url, generation, version, created_at, created_by, updated_at, updated_by)
		values (?, ?, ?, ?, 1, 1, ?, ?, ?, ?) on conflict ((lower(name))) do nothing`,
		id, name, kind, publicURL, at, by.Name, at, by.Name)
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.record(ctx, tx, by, fact{
		action: ActionCreated, kind: KindEnvironment, id: id, name: name,
		after: environmentRecord{Name: name, Type: kind, PublicURL: publicURL},
	})
}

// SetPublicURL changes where an environment is reached, as it was read at
// version. The address is the issuer of its tokens (D15): those issued under
// the old one are refused from then on, at once and without a deploy. Errors
// are a problem.List of publicUrl, a *StaleError and ErrNotFound.
func (s *Store) SetPublicURL(ctx context.Context, by Actor, name string, version int, publicURL string) (Environment, error) {
	publicURL = strings.TrimRight(publicURL, "/")
	if err := environmentProblems(name, publicURL).Err(); err != nil {
		return Environment{}, err
	}
	err := s.write(ctx, func(tx *gorm.DB) error { return s.setPublicURL(ctx, tx, by, name, version, publicURL) })
	if err != nil {
		return Environment{}, fmt.Errorf("set public URL of %s: %w", name, err)
	}
	return s.Environment(ctx, name)
}

func (s *Store) setPublicURL(ctx context.Context, tx *gorm.DB, by Actor, name string, version int, publicURL string) error {
	before, err := environmentNamed(ctx, tx, name)
	if err != nil {
		return err
	}
	if before.Stamp.Version != version {
		now := before.environment()
		return &StaleError{Kind: KindEnvironment, Name: now.Name, Version: now.Version, Current: now, By: now.UpdatedBy, At: now.UpdatedAt}
	}
	after := before
	after.PublicURL, after.Stamp = publicURL, before.Stamp.next(by, s.now())
	n, err := from[environmentRow](tx).Where("id = ? and version = ?", before.ID, version).
		Select("public_url", "version", "updated_at", "updated_by").Updates(ctx, after)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	if _, err := raise(ctx, tx, before); err != nil {
		return err
	}
	return s.record(ctx, tx, by, fact{
		action: ActionUpdated, kind: KindEnvironment, id: before.ID, name: before.Name,
		before: before.audited(), after: after.audited(),
	})
}

func environmentType(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.Contains(name, "sandbox"):
		return Sandbox
	case strings.HasPrefix(name, "test"), strings.HasPrefix(name, "dev"), strings.HasPrefix(name, "stag"):
		return Test
	}
	return Production
}

func environmentProblems(name, publicURL string) problem.List {
	var l problem.List
	if msg := problem.Name(name); msg != "" {
		l.Add("name", "%s", msg)
	}
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		l.Add("publicUrl", "Enter an address that begins with http:// or https://, such as https://api.example.com.")
	} else if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		l.Add("publicUrl", "Keep to scheme, host, port and path: the address is the issuer of tokens.")
	}
	return l
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
