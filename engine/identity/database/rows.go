package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/identity/database/statement"
)

// row is one row of an answer.
type row struct {
	columns []*sql.ColumnType
	values  []any
}

// errNoColumn means that an answer lacks a column that the settings name.
var errNoColumn = errors.New("the query has no such column")

// value is what a column has. Databases fold letter case in names, so a column is
// found without regard to it, unless two are called so.
func (r *row) value(name string) (any, error) {
	exact := r.find(func(column string) bool { return column == name })
	if len(exact) == 0 {
		exact = r.find(func(column string) bool { return strings.EqualFold(column, name) })
	}
	switch len(exact) {
	case 1:
		return r.values[exact[0]], nil
	case 0:
		return nil, fmt.Errorf("%w: %s; it has %s", errNoColumn, name, strings.Join(r.names(), ", "))
	}
	return nil, fmt.Errorf("the query has %d columns called %s; name them apart with AS", len(exact), name)
}

func (r *row) find(is func(string) bool) []int {
	var at []int
	for i, c := range r.columns {
		if is(c.Name()) {
			at = append(at, i)
		}
	}
	return at
}

func (r *row) names() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name()
	}
	return names
}

// text is what a column has as text; false for NULL.
func (r *row) text(name string) (string, bool, error) {
	v, err := r.value(name)
	if err != nil {
		return "", false, err
	}
	text, ok := asText(v)
	return text, ok, nil
}

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return fmt.Sprint(v), true
}

// read runs a statement in a transaction that can only read and gives up to most
// rows. A statement that has as many is cut off there, with its connection: reading
// a whole table to its end would take long.
func (s *source) read(ctx context.Context, st *statement.Statement, values map[string]string, most int) ([]row, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	tx, err := s.db.BeginTx(running, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.connecting(ctx, err)
	}
	// It has read what it should: how it ends does not matter, and must not wait.
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(running, st.SQL, st.Args(values)...)
	if err != nil {
		return nil, s.reading(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	all, err := collect(rows, most)
	if err != nil {
		return nil, s.reading(ctx, err)
	}
	if len(all) == most {
		stop()
	}
	return all, nil
}

func collect(rows *sql.Rows, most int) ([]row, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var all []row
	for len(all) < most && rows.Next() {
		r := row{columns, make([]any, len(columns))}
		into := make([]any, len(columns))
		for i := range into {
			into[i] = &r.values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// connecting words a failure before any value was bound. The text is not secret, but
// the error of a driver may carry its settings along, so it is left behind.
func (s *source) connecting(ctx context.Context, err error) error {
	if ended := s.ended(ctx); ended != nil {
		return ended
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	return fmt.Errorf("connect to the database at %s: %s", s.config.address(), text)
}

// reading words a failure of a statement whose values may be passwords. Databases
// and drivers like to quote the value that they do not take, so that only what is
// known to hold none is shown, and the error itself is left behind.
func (s *source) reading(ctx context.Context, err error) error {
	if ended := s.ended(ctx); ended != nil {
		return ended
	}
	if s.driver.Unmatched(err) {
		return errUnmatched
	}
	if errors.Is(err, errTooMuch) {
		return fmt.Errorf("run the query: %w", errTooMuch)
	}
	if text := s.driver.Explain(err); text != "" {
		return fmt.Errorf("run the query: %s", text)
	}
	if broken(err) {
		return errors.New("run the query: the connection to the database broke")
	}
	return fmt.Errorf("run the query: the database refused it (%T)", err)
}

func (s *source) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the database at %s did not answer in time: %w", s.config.address(), err)
	}
	return nil
}

func broken(err error) bool {
	var network net.Error
	return errors.As(err, &network) || slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, sql.ErrConnDone},
		func(known error) bool { return errors.Is(err, known) })
}

// errUnmatched means that the database says that no row can have the value.
var errUnmatched = errors.New("no row can have such a name")
