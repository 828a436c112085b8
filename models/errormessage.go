package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
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
	m, _, err := errorMessage(ctx, s.db, t)
	return m, err
}

// errorMessage also tells whether the row is customized.
func errorMessage(ctx context.Context, db *gorm.DB, t fault.Type) (m ErrorMessage, customized bool, err error) {
	row, err := found(from[errorMessageRow](db).Where("type = ?", string(t)).Take(ctx))
	if isNotFound(err) {
		return ErrorMessage{Message: fault.Message{Type: t}}, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("read error message: %w", err)
	}
	m, err = row.message()
	return m, row.Definition != nil, err
}

// SaveErrorMessage writes a row of the catalogue as it was read at version,
// which takes effect in every environment without a deploy (D5). A message that
// changes nothing resets the row. Problems are of the fields of fault.Message.
func (s *Store) SaveErrorMessage(ctx context.Context, by Actor, version int, m fault.Message) (ErrorMessage, error) {
	row, err := authorMessage(m)
	if err != nil {
		return ErrorMessage{}, fmt.Errorf("save error message: %w", err)
	}
	var saved ErrorMessage
	err = s.write(ctx, func(tx *gorm.DB) error {
		before, customized, err := errorMessage(ctx, tx, m.Type)
		if err != nil {
			return err
		}
		if before.Version != version {
			return &StaleError{Kind: KindErrorMessage, Name: string(m.Type), Version: before.Version, Current: before, By: before.UpdatedBy, At: before.UpdatedAt}
		}
		if saved = before; !customized && row.Definition == nil {
			return nil // a reset of what is as it comes
		}
		row.Version, row.UpdatedAt, row.UpdatedBy = version+1, s.now(), by.Name
		if saved, err = row.message(); err != nil {
			return err
		}
		return s.keepErrorMessage(ctx, tx, by, before, customized, row)
	})
	if err != nil {
		return ErrorMessage{}, fmt.Errorf("save error message: %w", err)
	}
	return saved, nil
}

// authorMessage checks a message and puts it into its row, without a definition
// when it changes nothing.
func authorMessage(m fault.Message) (errorMessageRow, error) {
	row := errorMessageRow{Type: string(m.Type)}
	if !m.Type.Known() {
		return row, problem.List{{Field: "errorType", Message: fmt.Sprintf("The catalogue has no row %q.", m.Type)}}
	}
	c := fault.Custom{Messages: []fault.Message{m}}
	c.Normalize()
	l := fault.ValidateMessages(c.Messages)
	l = append(l, projectVariables(c.Messages)...)
	for i := range l { // of a list of one
		l[i].Field = strings.TrimPrefix(l[i].Field, "errorMessageList[0].")
	}
	if err := l.Err(); err != nil || len(c.Messages) == 0 {
		return row, err
	}
	raw, err := json.Marshal(c.Messages[0])
	row.Definition = raw
	return row, err
}

// projectVariables reports the variables that rules of the catalogue name: the
// catalogue is every project's.
func projectVariables(list []fault.Message) problem.List {
	var l problem.List
	eachRule(list, func(path string, r *fault.Rule) {
		r.Condition.Walk(func(rule string, c *condition.Rule) {
			for field, v := range map[string]*condition.Variable{"firstVariable": c.First, "secondVariable": c.Second} {
				if v != nil && v.Reference() {
					l.Add(path+".condition."+rule+"."+field+".name", "The catalogue is every project's and knows no variables of one. Say here what %s reads.", v.Name)
				}
			}
		})
	})
	slices.SortStableFunc(l, func(a, b problem.Problem) int { return strings.Compare(a.Field, b.Field) })
	return l
}

func (s *Store) keepErrorMessage(ctx context.Context, tx *gorm.DB, by Actor, before ErrorMessage, customized bool, row errorMessageRow) error {
	// Two who save the first time at once: one of them fails here, tries again
	// and learns that it is stale.
	if _, err := exec(ctx, tx, `insert into error_messages (type, definition, version, updated_at, updated_by) values (?, ?::jsonb, ?, ?, ?)
		on conflict (type) do update set definition = excluded.definition, version = excluded.version,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		row.Type, row.Definition, row.Version, row.UpdatedAt, row.UpdatedBy); err != nil {
		return err
	}
	if err := raiseAll(ctx, tx); err != nil {
		return err
	}
	f := fact{action: ActionCreated, kind: KindErrorMessage, id: row.Type, name: row.Type}
	if customized {
		f.action, f.before = ActionUpdated, before.Message
	}
	if row.Definition == nil {
		f.action = ActionDeleted
	} else {
		f.after = json.RawMessage(row.Definition)
	}
	return s.record(ctx, tx, by, f)
}

// catalogue is what an environment runs of the error messages: all of them, and
// its values for the ${NAME}s in them.
func catalogue(ctx context.Context, tx *gorm.DB, e environmentRow) ([]fault.Message, map[string]string, error) {
	list, err := errorMessages(ctx, tx)
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	messages := make([]fault.Message, len(list))
	for i, m := range list {
		messages[i] = m.Message
	}
	names := environmentNames(messages)
	if len(names) == 0 {
		return messages, nil, nil
	}
	rows, err := from[environmentVariableRow](tx).Where("environment_id = ? and name in ?", e.ID, names).Find(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list environment variables: %w", err)
	}
	values := make(map[string]string, len(rows))
	for _, row := range rows {
		values[row.Name] = row.Value
	}
	return messages, values, nil
}

// environmentNames are the NAMEs of every ${NAME} in the templates of messages
// and in the conditions of their rules.
func environmentNames(list []fault.Message) []string {
	names := (&fault.Custom{Messages: list}).EnvironmentNames()
	eachRule(list, func(_ string, r *fault.Rule) {
		r.Condition.Walk(func(_ string, c *condition.Rule) {
			names = append(names, condition.EnvironmentNames(c.SecondValue)...)
		})
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// catalogueNames are the rows of the catalogue by the NAMEs of the ${NAME}s in
// them.
func catalogueNames(ctx context.Context, db *gorm.DB) (map[string][]fault.Type, error) {
	list, err := errorMessages(ctx, db)
	if err != nil {
		return nil, err
	}
	users := map[string][]fault.Type{}
	for _, m := range list {
		for _, name := range environmentNames([]fault.Message{m.Message}) {
			users[name] = append(users[name], m.Type)
		}
	}
	return users, nil
}

// raiseIfNamed makes the nodes of an environment load anew when the error
// messages name one of its variables by the name that it has or had, and says
// which name it now. The lock comes first: without it a message that is saved at
// the same time and begins to name the variable would go out with the value that
// it had before.
func raiseIfNamed(ctx context.Context, tx *gorm.DB, e environmentRow, name, was string) ([]fault.Type, error) {
	if _, err := exec(ctx, tx, "select id from environments where id = ? for update", e.ID); err != nil {
		return nil, fmt.Errorf("lock environment %s: %w", e.Name, err)
	}
	users, err := catalogueNames(ctx, tx)
	if err != nil {
		return nil, err
	}
	if len(users[name]) > 0 || len(users[was]) > 0 {
		_, err = raise(ctx, tx, e)
	}
	return users[name], err
}
