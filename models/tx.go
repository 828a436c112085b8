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
		var logged []event.Security // by this try
		err := s.db.WithContext(context.WithValue(ctx, loggedKey{}, &logged)).Transaction(fn, o)
		if err == nil {
			s.announce(logged)
		}
		if err == nil || !worthRetrying(err) || try == maxTries {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
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
