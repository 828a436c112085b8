package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
)

// KindEnvironmentVariable is the value of a ${NAME} in the audit.
const KindEnvironmentVariable = "ENVIRONMENT_VARIABLE"

// environmentVariablesByName is the unique index behind their names.
const environmentVariablesByName = "environment_variables_name"

const environmentVariableTaken = "The environment has a variable of this name. Choose another one."

const maxEnvironmentValue = 4096 // bytes

// EnvironmentVariable is what ${NAME} stands for in an environment. It is put
// into what is deployed, in the error catalogue it holds at once (D5), and it is
// no place for secrets.
type EnvironmentVariable struct {
	ID, Environment, Name, Value string
	// ErrorMessages are the rows of the error catalogue that name it.
	ErrorMessages []fault.Type
	Stamp
}

type environmentVariableRow struct {
	ID            string `gorm:"primaryKey"`
	EnvironmentID string
	Name, Value   string
	Stamp         stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (environmentVariableRow) TableName() string { return "environment_variables" }

func (r environmentVariableRow) variable(environment string) EnvironmentVariable {
	return EnvironmentVariable{ID: r.ID, Environment: environment, Name: r.Name, Value: r.Value, Stamp: r.Stamp.stamp()}
}

// EnvironmentVariables are those of an environment, by name.
func (s *Store) EnvironmentVariables(ctx context.Context, environment string) ([]EnvironmentVariable, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	rows, err := from[environmentVariableRow](s.db).Where("environment_id = ?", e.ID).Order("name").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environment variables: %w", err)
	}
	users, err := catalogueNames(ctx, s.db)
	if err != nil {
		return nil, err
	}
	list := make([]EnvironmentVariable, len(rows))
	for i, row := range rows {
		list[i] = row.variable(e.Name)
		list[i].ErrorMessages = typesOf(users[row.Name])
	}
	return list, nil
}

// SaveEnvironmentVariable writes a value: of a new name when id is empty, else
// of the one of that id as it was read at version. Problems are of the fields
// name and value.
func (s *Store) SaveEnvironmentVariable(ctx context.Context, by Actor, environment, id string, version int, name, value string) (EnvironmentVariable, error) {
	if err := environmentVariableProblems(name, value).Err(); err != nil {
		return EnvironmentVariable{}, fmt.Errorf("save environment variable: %w", err)
	}
	var saved EnvironmentVariable
	err := s.write(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		row := environmentVariableRow{ID: newID(), EnvironmentID: e.ID, Stamp: born(by, s.now())}
		var before *environmentVariableRow
		if id != "" {
			current, err := s.environmentVariableAt(ctx, tx, e, id, version)
			if err != nil {
				return err
			}
			before, row = &current, current
			row.Stamp = current.Stamp.next(by, s.now())
		}
		row.Name, row.Value = name, value
		saved = row.variable(e.Name)
		if err := s.keepEnvironmentVariable(ctx, tx, by, e, before, row); err != nil {
			return err
		}
		was := row.Name
		if before != nil {
			was = before.Name
		}
		saved.ErrorMessages, err = raiseIfNamed(ctx, tx, e, row.Name, was)
		return err
	})
	if violated(err) == environmentVariablesByName {
		err = problem.List{{Field: "name", Message: environmentVariableTaken, Taken: true}}
	}
	if err != nil {
		return EnvironmentVariable{}, fmt.Errorf("save environment variable: %w", err)
	}
	return saved, nil
}

func environmentNameProblem(name string) string {
	if condition.EnvironmentName(name) {
		return ""
	}
	return "Use letters, digits and underscores, beginning with no digit, such as ALLOWED_NETWORKS."
}

// EnvironmentVariableNameProblem says what is wrong with name for a variable of
// the environment, "" when it is free. exceptID is the one that is being edited,
// "" for a new one.
func (s *Store) EnvironmentVariableNameProblem(ctx context.Context, environment, name, exceptID string) (string, error) {
	if msg := environmentNameProblem(name); msg != "" {
		return msg, nil
	}
	list, err := s.EnvironmentVariables(ctx, environment)
	if slices.ContainsFunc(list, func(v EnvironmentVariable) bool { return v.Name == name && v.ID != exceptID }) {
		return environmentVariableTaken, nil
	}
	return "", err
}

func environmentVariableProblems(name, value string) problem.List {
	var l problem.List
	if msg := environmentNameProblem(name); msg != "" {
		l.Add("name", "%s", msg)
	}
	if len(value) > maxEnvironmentValue || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		l.Add("value", "Use at most 4096 bytes of text.")
	}
	return l
}

func (s *Store) keepEnvironmentVariable(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, before *environmentVariableRow, row environmentVariableRow) error {
	if before == nil {
		if err := from[environmentVariableRow](tx).Create(ctx, &row); err != nil {
			return err
		}
		return s.recordEnvironmentVariable(ctx, tx, by, ActionCreated, e, nil, &row)
	}
	n, err := from[environmentVariableRow](tx).Where("id = ? and version = ?", row.ID, before.Stamp.Version).
		Select("name", "value", "version", "updated_at", "updated_by").Updates(ctx, row)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return s.recordEnvironmentVariable(ctx, tx, by, ActionUpdated, e, before, &row)
}

func (s *Store) environmentVariableAt(ctx context.Context, tx *gorm.DB, e environmentRow, id string, version int) (environmentVariableRow, error) {
	if !isID(id) {
		return environmentVariableRow{}, ErrNotFound
	}
	row, err := found(from[environmentVariableRow](tx).Where("id = ? and environment_id = ?", id, e.ID).Take(ctx))
	if isNotFound(err) {
		return row, s.missing(ctx, KindEnvironmentVariable, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	v := row.variable(e.Name)
	return row, &StaleError{Kind: KindEnvironmentVariable, Name: v.Name, Version: v.Version, Current: v, By: v.UpdatedBy, At: v.UpdatedAt}
}

// DeleteEnvironmentVariable removes a value as it was read at version. What is
// deployed keeps it; a deploy of what refers to it says that it is missing. The
// error catalogue loses it at once.
func (s *Store) DeleteEnvironmentVariable(ctx context.Context, by Actor, environment, id string, version int) error {
	err := s.write(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		row, err := s.environmentVariableAt(ctx, tx, e, id, version)
		if err != nil {
			return err
		}
		if _, err := from[environmentVariableRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return err
		}
		if err := s.recordEnvironmentVariable(ctx, tx, by, ActionDeleted, e, &row, nil); err != nil {
			return err
		}
		_, err = raiseIfNamed(ctx, tx, e, row.Name, row.Name)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete environment variable: %w", err)
	}
	return nil
}

// environmentVariableRecord is a value in the audit.
type environmentVariableRecord struct {
	Environment string `json:"environment"`
	Name        string `json:"name"`
	Value       string `json:"value"`
}

func (s *Store) recordEnvironmentVariable(ctx context.Context, tx *gorm.DB, by Actor, action string, e environmentRow, before, after *environmentVariableRow) error {
	f := fact{action: action, kind: KindEnvironmentVariable}
	if before != nil {
		f.id, f.name, f.before = before.ID, before.Name, environmentVariableRecord{e.Name, before.Name, before.Value}
	}
	if after != nil {
		f.id, f.name, f.after = after.ID, after.Name, environmentVariableRecord{e.Name, after.Name, after.Value}
	}
	return s.record(ctx, tx, by, f)
}
