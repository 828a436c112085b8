package models

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

const environmentTaken = "There is an environment of this name. Choose another one."

// environmentRenamed refuses another name: nodes are started with it, and logs
// and revocations of tokens are kept under it.
const environmentRenamed = "The name stays: gateway nodes are started with it (--gateway %s=…) and would serve nothing under another one. Create an environment of the new name instead."

// EnsureEnvironment finds the environment of that name or creates it, and
// tells which. An existing one is left as it is, its public URL too. Its type
// follows from its name; what is neither a test nor a sandbox counts as
// production, the type that people are warned about.
func (s *Store) EnsureEnvironment(ctx context.Context, by Actor, name, publicURL string) (Environment, bool, error) {
	kind := environmentType(name)
	wanted := Environment{Name: name, Type: kind, PublicURL: publicURL, Colour: Blue}
	if kind == Production {
		wanted.Colour = Red
	}
	wanted.normalize()
	if err := wanted.validate().Err(); err != nil {
		return Environment{}, false, err
	}
	created := false
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		created, err = s.insertEnvironment(ctx, tx, by, wanted)
		return err
	})
	if err != nil {
		return Environment{}, false, fmt.Errorf("ensure environment %s: %w", name, err)
	}
	e, err := s.Environment(ctx, name)
	return e, created, err
}

// SaveEnvironment creates an environment, when its ID is empty, or changes it as
// it was read at its Version. Its name never changes. The public URL is the
// issuer of its tokens (D15): those issued under the old one are refused from
// then on, at once and without a deploy. Errors are a problem.List of the fields
// name, type, publicUrl, description and colour, a *StaleError and ErrNotFound.
func (s *Store) SaveEnvironment(ctx context.Context, by Actor, e Environment) (Environment, error) {
	e.normalize()
	problems := e.validate()
	if e.ID == "" && problems.For("name") == "" {
		why, err := s.EnvironmentNameProblem(ctx, e.Name)
		if err != nil {
			return Environment{}, err
		}
		if why != "" {
			problems = append(problem.List{{Field: "name", Message: why, Taken: why == environmentTaken}}, problems...)
		}
	}
	if err := problems.Err(); err != nil {
		return Environment{}, err
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		if e.ID != "" {
			return s.updateEnvironment(ctx, tx, by, e)
		}
		created, err := s.insertEnvironment(ctx, tx, by, e)
		if err == nil && !created {
			return problem.List{{Field: "name", Message: environmentTaken, Taken: true}} // by somebody who was faster
		}
		return err
	})
	if err != nil {
		return Environment{}, fmt.Errorf("save environment %s: %w", e.Name, err)
	}
	return s.Environment(ctx, e.Name)
}

// SetPublicURL changes where an environment is reached, as it was read at
// version.
func (s *Store) SetPublicURL(ctx context.Context, by Actor, name string, version int, publicURL string) (Environment, error) {
	e, err := s.Environment(ctx, name)
	if err != nil {
		return Environment{}, err
	}
	e.Version, e.PublicURL = version, publicURL
	return s.SaveEnvironment(ctx, by, e)
}

// insertEnvironment does nothing where the name is taken, and tells.
func (s *Store) insertEnvironment(ctx context.Context, tx *gorm.DB, by Actor, e Environment) (bool, error) {
	row := environmentRow{
		ID: newID(), Name: e.Name, Type: e.Type, PublicURL: e.PublicURL, Description: e.Description, Colour: string(e.Colour),
		Generation: 1, Stamp: born(by, s.now()),
	}
	n, err := exec(ctx, tx, `insert into environments (id, name, type, public_url, description, colour, generation, version, created_at, created_by, updated_at, updated_by)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict ((lower(name))) do nothing`,
		row.ID, row.Name, row.Type, row.PublicURL, row.Description, row.Colour, row.Generation,
		row.Stamp.Version, row.Stamp.CreatedAt, row.Stamp.CreatedBy, row.Stamp.UpdatedAt, row.Stamp.UpdatedBy)
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.record(ctx, tx, by, fact{action: ActionCreated, kind: KindEnvironment, id: row.ID, name: row.Name, after: row.audited()})
}

func (s *Store) updateEnvironment(ctx context.Context, tx *gorm.DB, by Actor, e Environment) error {
	before, err := s.environmentAt(ctx, tx, e.ID, e.Version)
	if err != nil {
		return err
	}
	if e.Name != before.Name {
		return problem.List{{Field: "name", Message: fmt.Sprintf(environmentRenamed, before.Name)}}
	}
	after := before
	after.Type, after.PublicURL, after.Description, after.Colour = e.Type, e.PublicURL, e.Description, string(e.Colour)
	after.Stamp = before.Stamp.next(by, s.now())
	n, err := from[environmentRow](tx).Where("id = ? and version = ?", before.ID, before.Stamp.Version).
		Select("type", "public_url", "description", "colour", "version", "updated_at", "updated_by").Updates(ctx, after)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	if after.PublicURL != before.PublicURL { // nodes know of nothing else of these
		if _, err := raise(ctx, tx, before); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, by, fact{
		action: ActionUpdated, kind: KindEnvironment, id: before.ID, name: before.Name,
		before: before.audited(), after: after.audited(),
	})
}

// environmentAt is the environment of that id as it was read at version, or the
// *StaleError that shows what it has become.
func (s *Store) environmentAt(ctx context.Context, tx *gorm.DB, id string, version int) (environmentRow, error) {
	if !isID(id) {
		return environmentRow{}, ErrNotFound
	}
	row, err := found(from[environmentRow](tx).Where("id = ?", id).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindEnvironment, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	now := row.environment()
	return row, &StaleError{Kind: KindEnvironment, Name: now.Name, Version: now.Version, Current: now, By: now.UpdatedBy, At: now.UpdatedAt}
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

func (e *Environment) normalize() { e.PublicURL = strings.TrimRight(e.PublicURL, "/") }

func (e Environment) validate() problem.List {
	var l problem.List
	if msg := environmentNameRule(e.Name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if !slices.Contains(EnvironmentTypes(), e.Type) {
		l.Add("type", "Choose one of the types.")
	}
	u, err := url.Parse(e.PublicURL)
	if err != nil || !storable(e.PublicURL) || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		l.Add("publicUrl", "Enter an address that begins with http:// or https://, such as https://api.example.com.")
	} else if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		l.Add("publicUrl", "Keep to scheme, host, port and path: the address is the issuer of tokens.")
	}
	if msg := descriptionProblem(e.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	if e.Colour != "" && !slices.Contains(Colours(), e.Colour) {
		l.Add("colour", "Choose one of the colours, or none.")
	}
	return l
}

// environmentNameRule refuses beside what is no name what no node can be started
// with: --gateway separates names and addresses by these.
func environmentNameRule(name string) string {
	if strings.ContainsAny(name, ",=") {
		return "Remove the comma or the equals sign: gateway nodes are started with name=address, and commas between."
	}
	return problem.Name(name)
}

// EnvironmentNameProblem says what is wrong with name for a new environment, ""
// when it is free.
func (s *Store) EnvironmentNameProblem(ctx context.Context, name string) (string, error) {
	if msg := environmentNameRule(name); msg != "" {
		return msg, nil
	}
	_, err := environmentNamed(ctx, s.db, name)
	if isNotFound(err) {
		return "", nil
	}
	return environmentTaken, err
}
