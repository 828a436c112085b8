// Package migrations owns the database schema: numbered SQL files, forward
// only, one change each, never edited once they are released. Apply brings a
// database up to date.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// Apply runs every file that the database has not seen, each in a transaction.
// Processes that start together take turns under an advisory lock.
func Apply(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// Pending tells whether the database lacks any file. It changes nothing.
func Pending(ctx context.Context, db *sql.DB) (bool, error) {
	p, err := provider(db)
	if err != nil {
		return false, err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("compare schema: %w", err)
	}
	return pending, nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(turn{}), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// turn is an advisory lock on the database. goose's own locker asks again
// every few seconds; this one waits and is woken.
type turn struct{}

// lockID is ours among the advisory locks of a database; any number would do.
const lockID = 7_305_804_402_566_853_985

// SessionLock implements lock.SessionLocker.
func (turn) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock($1)", int64(lockID)); err != nil {
		return fmt.Errorf("wait for the migration lock: %w", err)
	}
	return nil
}

// SessionUnlock implements lock.SessionLocker.
func (turn) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	var held bool
	if err := conn.QueryRowContext(ctx, "select pg_advisory_unlock($1)", int64(lockID)).Scan(&held); err != nil {
		return fmt.Errorf("release the migration lock: %w", err)
	}
	if !held {
		return errors.New("release the migration lock: it was not held")
	}
	return nil
}

// Digest names the schema: it differs when any file does. Tests keep a
// migrated database under it.
func Digest() (string, error) {
	h := sha256.New()
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return "", fmt.Errorf("list migrations: %w", err)
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read migration: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(content), content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
