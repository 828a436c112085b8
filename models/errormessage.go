package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
)

// KindErrorMessage is a row of the error catalogue in the audit.
const KindErrorMessage = "ERROR_MESSAGE"

// ErrorMessage is a row of the catalogue in the installation's own words. It
// holds for every policy that has no other (reference 1.8).
type ErrorMessage struct {
	fault.Message
	// Version is 0 while nobody has changed the row. A reset counts too.
	Version   int
	UpdatedAt time.Time
	UpdatedBy string
}

type errorMessageRow struct {
	Type       string   `gorm:"primaryKey"`
	Definition document // nil once it was reset
	Version    int
	UpdatedAt  time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy  string
}

// TableName implements gorm's schema.Tabler.
func (errorMessageRow) TableName() string { return "error_messages" }

func (r errorMessageRow) message() (ErrorMessage, error) {
	m := ErrorMessage{Version: r.Version, UpdatedAt: r.UpdatedAt.UTC(), UpdatedBy: r.UpdatedBy}
	if r.Definition != nil {
		if err := json.Unmarshal(r.Definition, &m.Message); err != nil {
			return m, fmt.Errorf("read error message %s: %w", r.Type, err)
		}
	}
	m.Type = fault.Type(r.Type)
	return m, nil
}

// ErrorMessages are the rows of the catalogue that are not as they come, by type.
func (s *Store) ErrorMessages(ctx context.Context) ([]ErrorMessage, error) {
	return errorMessages(ctx, s.db)
}

func errorMessages(ctx context.Context, db *gorm.DB) ([]ErrorMessage, error) {
	rows, err := from[errorMessageRow](db).Where("definition is not null").Order("type").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list error messages: %w", err)
	}
	list := make([]ErrorMessage, len(rows))
	for i, row := range rows {
		if list[i], err = row.message(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ErrorMessage is a row of the catalogue as the installation answers it: with
// nothing but its type where it is as it comes. ErrNotFound when the catalogue
// has no such row.
func (s *Store) ErrorMessage(ctx context.Context, t fault.Type) (ErrorMessage, error) {
	if !t.Known() {
		return ErrorMessage{}, fmt.Errorf("read error message: %w", ErrNotFound)
	}
	return errorMessage(ctx, s.db, t)
}

func errorMessage(ctx context.Context, db *gorm.DB, t fault.Type) (ErrorMessage, error) {
	row, err := found(from[errorMessageRow](db).Where("type = ?", string(t)).Take(ctx))
	if isNotFound(err) {
		return ErrorMessage{Message: fault.Message{Type: t}}, nil
	}
	if err != nil {
		return ErrorMessage{}, fmt.Errorf("read error message: %w", err)
	}
	return row.message()
}

// SaveErrorMessage writes a row of the catalogue as it was read at version,
// which takes effect in every environment without a deploy (D5). So every
// environment must have the values that it names. A message that changes nothing
// resets the row. Problems are of the fields of fault.Message.
func (s *Store) SaveErrorMessage(ctx context.Context, by Actor, version int, m fault.Message) (ErrorMessage, error) {
	var saved ErrorMessage
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		saved, err = s.saveErrorMessage(ctx, tx, by, version, m)
		return err
	})
	if err != nil {
		return ErrorMessage{}, fmt.Errorf("save error message: %w", err)
	}
	return saved, nil
}

func (s *Store) saveErrorMessage(ctx context.Context, tx *gorm.DB, by Actor, version int, m fault.Message) (ErrorMessage, error) {
	m.Normalize()
	if err := messageProblems(m).Err(); err != nil {
		return ErrorMessage{}, err
	}
	before, err := errorMessageAt(ctx, tx, m.Type, version)
	if err != nil || !before.Changes() && !m.Changes() {
		return before, err // a reset of what is as it comes
	}
	if err := valueProblems(ctx, tx, m); err != nil {
		return before, err
	}
	if err := keepErrorMessage(ctx, tx, ErrorMessage{m, version + 1, s.now(), by.Name}); err != nil {
		return before, err
	}
	saved, err := errorMessage(ctx, tx, m.Type)
	if err != nil {
		return before, err
	}
	return saved, s.recordErrorMessage(ctx, tx, by, before, saved)
}

func messageProblems(m fault.Message) problem.List {
	if !m.Type.Known() {
		return problem.List{{Field: "errorType", Message: fmt.Sprintf("There is no error %q.", string(m.Type))}}
	}
	return append(m.Validate(), projectVariables(m)...)
}

// errorMessageAt is a row of the catalogue as it was read at version, or the
// *StaleError that shows what it has become.
func errorMessageAt(ctx context.Context, tx *gorm.DB, t fault.Type, version int) (ErrorMessage, error) {
	m, err := errorMessage(ctx, tx, t)
	if err != nil || m.Version == version {
		return m, err
	}
	return m, &StaleError{Kind: KindErrorMessage, Name: string(t), Version: m.Version, Current: m, By: m.UpdatedBy, At: m.UpdatedAt}
}

func keepErrorMessage(ctx context.Context, tx *gorm.DB, m ErrorMessage) error {
	var definition document // nil for a reset
	if m.Changes() {
		raw, err := json.Marshal(m.Message)
		if err != nil {
			return fmt.Errorf("encode error message: %w", err)
		}
		if err := unstorable(raw).Err(); err != nil {
			return err
		}
		definition = raw
	}
	// Two who save the first time at once: one of them fails here, tries again
	// and learns that it is stale.
	if _, err := exec(ctx, tx, `insert into error_messages (type, definition, version, updated_at, updated_by) values (?, ?::jsonb, ?, ?, ?)
		on conflict (type) do update set definition = excluded.definition, version = excluded.version,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		string(m.Type), definition, m.Version, m.UpdatedAt, m.UpdatedBy); err != nil {
		return err
	}
	return raiseAll(ctx, tx)
}

func (s *Store) recordErrorMessage(ctx context.Context, tx *gorm.DB, by Actor, before, after ErrorMessage) error {
	f := fact{action: ActionCreated, kind: KindErrorMessage, id: string(after.Type), name: string(after.Type)}
	if before.Changes() {
		f.action, f.before = ActionUpdated, before.Message
	}
	if after.Changes() {
		f.after = after.Message
	} else {
		f.action = ActionDeleted
	}
	return s.record(ctx, tx, by, f)
}
