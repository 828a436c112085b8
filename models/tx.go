package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
)

// maxTries bounds a transaction that keeps losing races. Of those that collide
// one always wins, so this many writers can meet at once.
const maxTries = 40

// write runs fn in a transaction of its own. All its statements see one moment,
// so that what is read together fits together; a row that somebody else has
// changed since cannot be written and makes fn run again.
func (s *Store) write(ctx context.Context, fn func(*gorm.DB) error) error {
	return s.transact(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead}, fn)
}

// look is write for reading only.
func (s *Store) look(ctx context.Context, fn func(*gorm.DB) error) error {
	return s.transact(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

// transact runs fn again when the database ended it for a race that another
// try may win. So fn must not leave anything behind but what it writes to tx.
func (s *Store) transact(ctx context.Context, o *sql.TxOptions, fn func(*gorm.DB) error) error {
	for try := 1; ; try++ {
		a := &aftermath{}
		err := s.db.WithContext(context.WithValue(ctx, aftermathKey{}, a)).Transaction(func(tx *gorm.DB) error {
			if err := fn(tx); err != nil {
				return err
			}
			return s.revokeLast(ctx, tx, a)
		}, o)
		if err == nil {
			s.announce(a.logged)
			s.endRevoked(ctx, a.revoked)
		}
		if err == nil || !worthRetrying(err) || try == maxTries {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// aftermath is what one try of a transaction leaves to do at its end.
type aftermath struct {
	// last are revocations to make just before it commits.
	last []revocation
	// revoked are those made, and logged the security events that it has logged:
	// both have consequences once it has committed.
	revoked []revocation
	logged  []event.Security
	// backTo is the audit record to whose version an object goes back here.
	backTo int64
}

// aftermathKey finds the aftermath in the context of a transaction.
type aftermathKey struct{}

// aftermathOf is nil outside of a transaction.
func aftermathOf(tx *gorm.DB) *aftermath {
	a, _ := tx.Statement.Context.Value(aftermathKey{}).(*aftermath)
	return a
}

// pause waits a random time that grows with the tries, so that those who
// collided do not meet again.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(time.Duration(min(try, 20)) * 5 * time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to try again: %w", ctx.Err())
	}
}

// found turns gorm's word for an absent row into ours.
func found[T any](row T, err error) (T, error) {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row, ErrNotFound
	}
	return row, err
}

// exec runs a statement and returns how many rows it changed.
func exec(ctx context.Context, tx *gorm.DB, sql string, args ...any) (int, error) {
	result := tx.WithContext(ctx).Exec(sql, args...)
	return int(result.RowsAffected), result.Error
}

// query reads rows of a hand-written statement.
func query[T any](ctx context.Context, tx *gorm.DB, sql string, args ...any) ([]T, error) {
	var rows []T
	err := tx.WithContext(ctx).Raw(sql, args...).Scan(&rows).Error
	return rows, err
}
