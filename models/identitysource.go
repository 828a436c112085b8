package models

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// IdentitySource is where a project checks users and reads roles.
type IdentitySource struct {
	ID, ProjectID, ProjectName string
	Kind                       identity.KindName
	Name, Description          string
	// Config is the source itself; the members above repeat parts of it.
	Config identity.Config
	// Secrets are the names of the secrets that are stored, in the order of the
	// kind. The secrets themselves are never read back (D18).
	Secrets []string
	// Used is how many policies name it.
	Used int
	Stamp
}

// IdentitySourceFilter narrows and orders a list of identity sources.
type IdentitySourceFilter struct {
	// Query is looked for in name and description, without regard to case.
	Query string
	// Kind is the name of a kind; "" for all.
	Kind identity.KindName
	// Sort is name (the default), kind, used or updated.
	Sort string
	Desc bool
	// Page counts from 1; PerPage is 25 by default and at most 500.
	Page, PerPage int
}

var identitySourceSorts = map[string]string{
	"name":    "lower(name)",
	"kind":    "kind",
	"used":    "(select count(distinct u.policy_id) from policy_identity_sources u where u.source_id = identity_sources.id)",
	"updated": "updated_at",
}

type identitySourceRow struct {
	ID          string `gorm:"primaryKey"`
	ProjectID   string
	Kind        string
	Name        string
	Description string
	Config      document
	Secrets     []byte
	Stamp       stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (identitySourceRow) TableName() string { return "identity_sources" }

type policySourceRow struct {
	PolicyID string `gorm:"primaryKey"`
	Field    string `gorm:"primaryKey"`
	SourceID string
}

// TableName implements gorm's schema.Tabler.
func (policySourceRow) TableName() string { return "policy_identity_sources" }

// place is what the secrets are sealed for.
func (r identitySourceRow) place() string { return "identity_sources/" + r.ID + "/secrets" }

// openSecrets are the stored secrets by field name.
func (s *Store) openSecrets(r identitySourceRow) (map[string]secret.Text, error) {
	if len(r.Secrets) == 0 {
		return nil, nil
	}
	plain, err := s.sealer.Open(r.Secrets, r.place())
	if err != nil {
		return nil, fmt.Errorf("open secrets of identity source %s: %w", r.ID, err)
	}
	var texts map[string]string
	if err := json.Unmarshal(plain, &texts); err != nil {
		return nil, fmt.Errorf("read secrets of identity source %s: not a JSON object", r.ID) // the cause may show one
	}
	secrets := make(map[string]secret.Text, len(texts))
	for name, text := range texts {
		secrets[name] = secret.New(text)
	}
	return secrets, nil
}

// sealSecrets is the reverse; no secrets give no bytes.
func (s *Store) sealSecrets(r identitySourceRow, secrets map[string]secret.Text) ([]byte, error) {
	texts := make(map[string]string, len(secrets))
	for name, text := range secrets {
		if !text.IsZero() {
			texts[name] = text.Reveal()
		}
	}
	if len(texts) == 0 {
		return []byte{}, nil
	}
	plain, err := json.Marshal(texts)
	if err != nil {
		return nil, fmt.Errorf("seal secrets of identity source: %w", err)
	}
	sealed, err := s.sealer.Seal(plain, r.place())
	if err != nil {
		return nil, fmt.Errorf("seal secrets of identity source: %w", err)
	}
	return sealed, nil
}

// identitySource reads a row. Like that of a policy, its configuration is not
// judged again.
func (s *Store) identitySource(row identitySourceRow, project string, used int) (IdentitySource, error) {
	kind, ok := s.identities.Find(identity.KindName(row.Kind))
	if !ok {
		return IdentitySource{}, fmt.Errorf("identity source %s has kind %q, which this version does not know", row.ID, row.Kind)
	}
	src := IdentitySource{
		ID: row.ID, ProjectID: row.ProjectID, ProjectName: project, Kind: kind.Name, Name: row.Name,
		Description: row.Description, Used: used, Stamp: row.Stamp.stamp(), Config: kind.New(),
	}
	if err := json.Unmarshal(row.Config, src.Config); err != nil {
		return IdentitySource{}, fmt.Errorf("read identity source %s: %w", row.ID, err)
	}
	secrets, err := s.openSecrets(row)
	if err != nil {
		return IdentitySource{}, err
	}
	for _, f := range kind.Secrets {
		if !secrets[f.Name].IsZero() {
			src.Secrets = append(src.Secrets, f.Name)
		}
	}
	return src, nil
}

// IdentitySources lists the identity sources of a project and how many the
// filter leaves in all.
func (s *Store) IdentitySources(ctx context.Context, projectID string, f IdentitySourceFilter) (rows []IdentitySource, total int, err error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, 0, err
	}
	q := f.conditions(from[identitySourceRow](s.db).Where("project_id = ?", project.ID))
	n, err := q.Count(ctx, "*")
	if err != nil {
		return nil, 0, fmt.Errorf("count identity sources: %w", err)
	}
	limit, offset := page(f.Page, f.PerPage)
	found, err := q.Order(ordering(identitySourceSorts, f.Sort, f.Desc) + ", lower(name), id").Limit(limit).Offset(offset).Find(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list identity sources: %w", err)
	}
	rows, err = s.identitySources(ctx, s.db, project.Name, found)
	return rows, int(n), err
}

func (f IdentitySourceFilter) conditions(q tableOf[identitySourceRow]) tableOf[identitySourceRow] {
	if f.Kind != "" {
		q = q.Where("kind = ?", truncated(string(f.Kind), problem.MaxName))
	}
	if f.Query != "" {
		like := containing(f.Query)
		q = q.Where("(name ilike ? or description ilike ?)", like, like)
	}
	return q
}

// identitySources reads rows of one project together with their use.
func (s *Store) identitySources(ctx context.Context, db *gorm.DB, project string, rows []identitySourceRow) ([]IdentitySource, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	used, err := sourceUses(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	list := make([]IdentitySource, len(rows))
	for i, row := range rows {
		if list[i], err = s.identitySource(row, project, used[row.ID]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sourceUses counts the policies that name sources, in one query.
func sourceUses(ctx context.Context, db *gorm.DB, ids []string) (map[string]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type count struct {
		SourceID string
		N        int
	}
	rows, err := query[count](ctx, db, "select source_id, count(distinct policy_id) as n from policy_identity_sources where source_id in ? group by source_id", ids)
	if err != nil {
		return nil, fmt.Errorf("count uses of identity sources: %w", err)
	}
	used := make(map[string]int, len(rows))
	for _, r := range rows {
		used[r.SourceID] = r.N
	}
	return used, nil
}

// IdentitySource finds a source of a project by name, compared without case.
func (s *Store) IdentitySource(ctx context.Context, projectID, name string) (IdentitySource, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return IdentitySource{}, err
	}
	if !storable(name) {
		return IdentitySource{}, fmt.Errorf("read identity source: %w", ErrNotFound)
	}
	row, err := found(from[identitySourceRow](s.db).Where("project_id = ? and lower(name) = lower(?)", project.ID, name).Take(ctx))
	if err != nil {
		return IdentitySource{}, fmt.Errorf("read identity source: %w", err)
	}
	return s.oneIdentitySource(ctx, s.db, project.Name, row)
}

// IdentitySourceByID finds a source of a project.
func (s *Store) IdentitySourceByID(ctx context.Context, projectID, id string) (IdentitySource, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return IdentitySource{}, err
	}
	row, err := identitySourceByID(ctx, s.db, project.ID, id)
	if err != nil {
		return IdentitySource{}, err
	}
	return s.oneIdentitySource(ctx, s.db, project.Name, row)
}

func identitySourceByID(ctx context.Context, db *gorm.DB, projectID, id string) (identitySourceRow, error) {
	if !isID(id) {
		return identitySourceRow{}, fmt.Errorf("read identity source: %w", ErrNotFound)
	}
	row, err := found(from[identitySourceRow](db).Where("id = ? and project_id = ?", id, projectID).Take(ctx))
	if err != nil {
		return row, fmt.Errorf("read identity source: %w", err)
	}
	return row, nil
}

func (s *Store) oneIdentitySource(ctx context.Context, db *gorm.DB, project string, row identitySourceRow) (IdentitySource, error) {
	list, err := s.identitySources(ctx, db, project, []identitySourceRow{row})
	if err != nil {
		return IdentitySource{}, err
	}
	return list[0], nil
}

// sources are the identity sources of all projects, as an environment runs
// them, in the order of their ids.
func (s *Store) sources(ctx context.Context, tx *gorm.DB) ([]engine.Source, error) {
	type line struct {
		Row     identitySourceRow `gorm:"embedded"`
		Project string
	}
	lines, err := query[line](ctx, tx, "select i.*, p.name as project from identity_sources i join projects p on p.id = i.project_id order by i.id")
	if err != nil {
		return nil, fmt.Errorf("list identity sources: %w", err)
	}
	list := make([]engine.Source, len(lines))
	for i, l := range lines {
		row := l.Row
		secrets, err := s.openSecrets(row)
		if err != nil {
			return nil, err
		}
		list[i] = engine.Source{
			ID: row.ID, Project: l.Project, Name: row.Name, Definition: json.RawMessage(row.Config), Secrets: secrets,
			// The sealed bytes stand for the secrets: they are new with each of them.
			Digest: engine.Digest(slices.Concat(row.Config, []byte{0}, row.Secrets)),
		}
	}
	return list, nil
}

// IdentitySourceNameProblem says what is wrong with name for an identity source
// of the project, "" when it is free. exceptID is the one that is being edited,
// "" for a new one.
func (s *Store) IdentitySourceNameProblem(ctx context.Context, projectID, name, exceptID string) (string, error) {
	if msg := problem.Name(name); msg != "" {
		return msg, nil
	}
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	taken, err := identitySourceNameTaken(ctx, s.db, project.ID, exceptID, name)
	if err != nil || !taken {
		return "", err
	}
	return identitySourceTaken, nil
}

func identitySourceNameTaken(ctx context.Context, db *gorm.DB, projectID, exceptID, name string) (bool, error) {
	ids, err := query[string](ctx, db, "select id from identity_sources where project_id = ? and lower(name) = lower(?)", projectID, name)
	if err != nil {
		return false, fmt.Errorf("look for an identity source of that name: %w", err)
	}
	return slices.ContainsFunc(ids, func(id string) bool { return id != exceptID }), nil
}

// namesOf are the keys of a map in order.
func namesOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
