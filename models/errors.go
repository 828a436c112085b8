package models

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The meanings that callers tell apart, beside problem.List for a value that
// is wrong.
var (
	// ErrNotFound means that there is no such thing, for this caller.
	ErrNotFound = errors.New("not found")
	// ErrForbidden means that the thing may not be changed like that by anyone.
	ErrForbidden = errors.New("forbidden")
	// ErrStale is what every StaleError is.
	ErrStale = errors.New("changed by someone else since it was read")
	// ErrSchema means that migrations are missing.
	ErrSchema = errors.New("the database has not the schema of this version; run \"gatewright migrate\", or start \"gatewright serve\"")
)

// StaleError refuses a write whose base is no longer current (D17), with what
// is needed to show both sides.
type StaleError struct {
	// Kind and Name say what was to be written.
	Kind, Name string
	// Version is the current one; 0 when Deleted.
	Version int
	// Current is the thing as it is now (Policy, Owner, User); nil when Deleted.
	Current any
	// By and At say who made the change that came first.
	By string
	At time.Time
	// Deleted tells that the change was a deletion.
	Deleted bool
}

// Error is for the log.
func (e *StaleError) Error() string {
	if e.Deleted {
		return fmt.Sprintf("%s %q was deleted by %s", e.Kind, e.Name, e.By)
	}
	return fmt.Sprintf("%s %q is at version %d, changed by %s", e.Kind, e.Name, e.Version, e.By)
}

// Is makes errors.Is(err, ErrStale) true.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// The SQLSTATE codes that are acted on.
const (
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// violated is the name of the unique index that err broke, or "".
func violated(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == uniqueViolation {
		return pg.ConstraintName
	}
	return ""
}

// worthRetrying tells whether the same transaction may succeed when run again:
// it lost a race. A broken foreign key is one too: what this transaction saw
// was removed by another, or what it removes was just put to use.
func worthRetrying(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return pg.Code == serializationFailure || pg.Code == deadlockDetected || pg.Code == foreignKeyViolation
}
