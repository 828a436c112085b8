package models

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// AuditFollower reads the audit in the order of its records, each after it was
// committed and at least once. Of those of one name, in any process, one reads at
// a time; where it stands outlives them. The first begins with what comes then.
type AuditFollower struct {
	s    *Store
	name string
	// limit is up to which record it reads next, 0 for not known yet; running are
	// the transactions that may still write one of those, 0 for not known.
	limit, running int64
}

// followLock is the first half of the advisory lock of followers; the name makes
// the other.
const followLock = 286_195_003

// followBatch is how many records are handed over at once.
const followBatch = 200

// FollowAudit makes a follower.
func (s *Store) FollowAudit(name string) *AuditFollower { return &AuditFollower{s: s, name: name} }

// Next hands over the records that have come, if it is this one's turn. When
// take fails they come again. It has to be called again and again, with some time
// between.
func (f *AuditFollower) Next(ctx context.Context, take func(context.Context, []AuditRecord) error) error {
	conn, err := f.s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("follow audit: %w", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1, hashtext($2))", followLock, f.name).Scan(&mine); err != nil || !mine {
		return err
	}
	defer func() {
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, err := conn.Exec(unlocking, "select pg_advisory_unlock($1, hashtext($2))", followLock, f.name); err != nil {
			_ = conn.Conn().Close(unlocking) // ends the session and so the lock
		}
	}()
	if err := f.next(ctx, conn, take); err != nil {
		return fmt.Errorf("follow audit: %w", err)
	}
	return nil
}

func (f *AuditFollower) next(ctx context.Context, conn *pgxpool.Conn, take func(context.Context, []AuditRecord) error) error {
	at, err := f.position(ctx, conn)
	if err != nil {
		return err
	}
	settled, err := f.settled(ctx, conn)
	if err != nil || !settled {
		return err
	}
	rows, err := from[auditRow](f.s.db).Where("id > ? and id <= ?", at, f.limit).Order("id").Limit(followBatch).Find(ctx)
	if err != nil {
		return err
	}
	list := make([]AuditRecord, len(rows))
	for i, r := range rows {
		list[i] = r.record()
	}
	if len(list) > 0 {
		if err := take(ctx, list); err != nil {
			return err
		}
		at = list[len(list)-1].ID
	}
	if len(list) < followBatch {
		at, f.limit = max(at, f.limit), 0
	}
	_, err = conn.Exec(ctx, "update audit_followers set audit_id = $2 where name = $1", f.name, at)
	return err
}

// position is where the name stands, the end of the audit when it is new.
func (f *AuditFollower) position(ctx context.Context, conn *pgxpool.Conn) (at int64, err error) {
	if _, err = conn.Exec(ctx, `insert into audit_followers (name, audit_id) select $1, coalesce(max(id), 0) from audit_records
		on conflict (name) do nothing`, f.name); err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, "select audit_id from audit_followers where name = $1", f.name).Scan(&at)
	return at, err
}

// settled tells that no record up to the limit can come any more: ids are given
// before their transactions commit, and not in that order. A limit is taken in
// one call, and those who were writing then are noted in the next: by then who
// had an id has a transaction id too.
func (f *AuditFollower) settled(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	if f.limit == 0 {
		f.running = 0
		return false, conn.QueryRow(ctx, "select last_value from pg_sequences where schemaname = current_schema() and sequencename = 'audit_records_id_seq'").Scan(&nullable{&f.limit})
	}
	var oldest, next int64
	err := conn.QueryRow(ctx, "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&oldest, &next)
	if f.running == 0 {
		f.running = next
	}
	return err == nil && oldest >= f.running, err
}

// nullable reads a number that may be null as 0.
type nullable struct{ to *int64 }

// Scan implements sql.Scanner.
func (n *nullable) Scan(v any) error {
	*n.to, _ = v.(int64)
	return nil
}
