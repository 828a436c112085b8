package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
)

// KindVariable is a variable of a project in the audit.
const KindVariable = "VARIABLE"

// variablesByName is the unique index behind the names of variables.
const variablesByName = "variables_name"

const variableTaken = "The name is taken by another variable of the project. Choose another one."

// Variable is a named value of a request that the conditions of a project can
// refer to.
type Variable struct {
	ID, ProjectID string
	// Definition has the name too.
	Definition condition.Variable
	// Policies are the names of those that refer to it, in their conditions or in
	// those of their error response rules.
	Policies []string
	Stamp
}

type variableRow struct {
	ID         string `gorm:"primaryKey"`
	ProjectID  string
	Name       string
	Definition document
	Stamp      stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (variableRow) TableName() string { return "variables" }

func (r variableRow) variable() (Variable, error) {
	v := Variable{ID: r.ID, ProjectID: r.ProjectID, Stamp: r.Stamp.stamp()}
	if err := json.Unmarshal(r.Definition, &v.Definition); err != nil {
		return v, fmt.Errorf("read variable %s: %w", r.ID, err)
	}
	return v, nil
}

// Variables are those of a project, by name.
func (s *Store) Variables(ctx context.Context, projectID string) ([]Variable, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, err
	}
	rows, err := from[variableRow](s.db).Where("project_id = ?", project.ID).Order("lower(name)").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list variables: %w", err)
	}
	users, err := variableUsers(ctx, s.db, project.ID)
	if err != nil {
		return nil, err
	}
	list := make([]Variable, len(rows))
	for i, row := range rows {
		if list[i], err = row.variable(); err != nil {
			return nil, err
		}
		list[i].Policies = users[strings.ToLower(row.Name)]
	}
	return list, nil
}

// Variable finds a variable of a project by its name, without regard to case.
func (s *Store) Variable(ctx context.Context, projectID, name string) (Variable, error) {
	if !isID(projectID) || !storable(name) {
		return Variable{}, fmt.Errorf("read variable: %w", ErrNotFound)
	}
	row, err := found(from[variableRow](s.db).Where("project_id = ? and lower(name) = lower(?)", projectID, name).Take(ctx))
	if err != nil {
		return Variable{}, fmt.Errorf("read variable: %w", err)
	}
	users, err := variableUsers(ctx, s.db, projectID)
	if err != nil {
		return Variable{}, err
	}
	v, err := row.variable()
	v.Policies = users[strings.ToLower(row.Name)]
	return v, err
}

// variableUsers are the policies of a project by the variables, in lower case,
// that conditions in them refer to: a variable with a name and no type.
func variableUsers(ctx context.Context, db *gorm.DB, projectID string) (map[string][]string, error) {
	type use struct{ Variable, Policy string }
	uses, err := query[use](ctx, db, `select distinct lower(v ->> 'name') as variable, p.name as policy
		from policies p, unnest(array['policyCondition', 'errorMessageList']) part,
			lateral (select jsonb_path_query(p.config -> part, 'lax $.**.firstVariable') as v
				union all select jsonb_path_query(p.config -> part, 'lax $.**.secondVariable')) found
		where p.project_id = ? and jsonb_exists(p.config, part) and jsonb_typeof(v) = 'object' and not jsonb_exists(v, 'type')
		order by policy`, projectID)
	if err != nil {
		return nil, fmt.Errorf("list uses of variables: %w", err)
	}
	users := map[string][]string{}
	for _, u := range uses {
		users[u.Variable] = append(users[u.Variable], u.Policy)
	}
	return users, nil
}

// VariableNameProblem says what is wrong with name for a variable of the
// project, "" when it is free. exceptID is the one that is being edited, "" for
// a new one.
func (s *Store) VariableNameProblem(ctx context.Context, projectID, name, exceptID string) (string, error) {
	if msg := problem.Name(name); msg != "" {
		return msg, nil
	}
	v, err := s.Variable(ctx, projectID, name)
	if isNotFound(err) || err == nil && v.ID == exceptID {
		return "", nil
	}
	return variableTaken, err
}

// SaveVariable writes a variable: a new one when id is empty, else the one of
// that id as it was read at version. Deployed policies that use it want a deploy
// then. Problems have the names of its JSON form.
func (s *Store) SaveVariable(ctx context.Context, by Actor, projectID, id string, version int, v condition.Variable) (Variable, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Variable{}, err
	}
	var row variableRow
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		row, err = s.saveVariable(ctx, tx, by, project, id, version, v)
		return err
	})
	if violated(err) == variablesByName {
		err = problem.List{{Field: "name", Message: variableTaken, Taken: true}}
	}
	if err != nil {
		return Variable{}, fmt.Errorf("save variable: %w", err)
	}
	return row.variable()
}

func (s *Store) saveVariable(ctx context.Context, tx *gorm.DB, by Actor, project Project, id string, version int, v condition.Variable) (variableRow, error) {
	v.Normalize()
	row := variableRow{ID: newID(), ProjectID: project.ID, Stamp: born(by, s.now())}
	var before *variableRow
	if id != "" {
		current, err := s.variableAt(ctx, tx, project, id, version)
		if err != nil {
			return row, err
		}
		before, row = &current, current
		row.Stamp = current.Stamp.next(by, s.now())
	}
	if err := s.defineVariable(ctx, tx, &row, before, v); err != nil {
		return row, err
	}
	return row, s.keepVariable(ctx, tx, by, project, before, &row)
}

// defineVariable checks a definition and puts it into its row.
func (s *Store) defineVariable(ctx context.Context, tx *gorm.DB, row, before *variableRow, v condition.Variable) error {
	l := v.Validate()
	switch {
	case v.Type == "":
		l.Add("type", "Choose HEADER, PARAMETER, BODY or CONTEXT_VALUES.")
	case v.Name == "":
		l.Add("name", "Enter a name.")
	}
	if before != nil && !strings.EqualFold(before.Name, v.Name) {
		users, err := variableUsers(ctx, tx, row.ProjectID)
		if err != nil {
			return err
		}
		if used := users[strings.ToLower(before.Name)]; len(used) > 0 {
			l.Add("name", "The name stays %s: policies refer to it (%s).", before.Name, strings.Join(used, ", "))
		}
	}
	if err := l.Err(); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	row.Name, row.Definition = v.Name, raw
	return err
}

func (s *Store) keepVariable(ctx context.Context, tx *gorm.DB, by Actor, project Project, before, row *variableRow) error {
	if before == nil {
		if err := from[variableRow](tx).Create(ctx, row); err != nil {
			return err
		}
		return s.recordVariable(ctx, tx, by, ActionCreated, project, nil, row)
	}
	n, err := from[variableRow](tx).Where("id = ? and version = ?", row.ID, before.Stamp.Version).
		Select("name", "definition", "version", "updated_at", "updated_by").Updates(ctx, *row)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return s.recordVariable(ctx, tx, by, ActionUpdated, project, before, row)
}

// variableAt is a variable as it was read at version, or the *StaleError that
// shows what it has become.
func (s *Store) variableAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (variableRow, error) {
	if !isID(id) {
		return variableRow{}, ErrNotFound
	}
	row, err := found(from[variableRow](tx).Where("id = ? and project_id = ?", id, project.ID).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindVariable, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	v, err := row.variable()
	if err != nil {
		return row, err
	}
	return row, &StaleError{Kind: KindVariable, Name: row.Name, Version: v.Version, Current: v, By: v.UpdatedBy, At: v.UpdatedAt}
}

// DeleteVariable removes a variable as it was read at version. One that a policy
// refers to is refused, with the names of the policies.
func (s *Store) DeleteVariable(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := s.variableAt(ctx, tx, project, id, version)
		if err != nil {
			return err
		}
		users, err := variableUsers(ctx, tx, project.ID)
		if err != nil {
			return err
		}
		if used := users[strings.ToLower(row.Name)]; len(used) > 0 {
			return problem.List{{Field: "name", Message: fmt.Sprintf("%s is used by policies: %s. Take it away from them first.", row.Name, strings.Join(used, ", "))}}
		}
		if _, err := from[variableRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		return s.recordVariable(ctx, tx, by, ActionDeleted, project, &row, nil)
	})
	if err != nil {
		return fmt.Errorf("delete variable: %w", err)
	}
	return nil
}

func (s *Store) recordVariable(ctx context.Context, tx *gorm.DB, by Actor, action string, project Project, before, after *variableRow) error {
	f := fact{action: action, kind: KindVariable, project: project.Name}
	if before != nil {
		f.id, f.name, f.before = before.ID, before.Name, json.RawMessage(before.Definition)
	}
	if after != nil {
		f.id, f.name, f.after = after.ID, after.Name, json.RawMessage(after.Definition)
	}
	return s.record(ctx, tx, by, f)
}
