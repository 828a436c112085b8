package models

import (
	"context"
	"fmt"
	"time"
)

// Purged is what a clean-up removed.
type Purged struct {
	TokenRequests, SecurityEvents, Refusals, Families, Revocations, Revisions int
}

// purgeLock is the advisory lock of the clean-up: one process at a time is
// enough.
const purgeLock = 2_880_137_406_715_911_204

const day = 24 * time.Hour

// Purge removes what is older than its retention says. When another process is
// at it, false and nothing.
func (s *Store) Purge(ctx context.Context) (Purged, bool, error) {
	var p Purged
	acted, err := s.alone(ctx, purgeLock, func() error { return s.purgeAll(ctx, &p) })
	if err != nil {
		err = fmt.Errorf("purge: %w", err)
	}
	return p, acted, err
}

// alone does something that one process at a time is enough for; false when
// another one is at it.
func (s *Store) alone(ctx context.Context, lock int64, do func() error) (bool, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	// A lock of the session and not of a transaction: what is done is many short
	// transactions, so that it holds nothing up.
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", lock).Scan(&mine); err != nil || !mine {
		return false, err
	}
	defer func() {
		// The connection goes back to the pool; were the lock not given back, no
		// process would ever do this again.
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if _, err := conn.Exec(unlocking, "select pg_advisory_unlock($1)", lock); err != nil {
			_ = conn.Conn().Close(unlocking) // ends the session and so the lock
		}
	}()
	return true, do()
}

// clockLead is how far the database's clock may be ahead of that of the process.
const clockLead = time.Hour

// agree refuses to remove anything while the database's clock is far ahead: it may have
// jumped, and what was removed for its age does not come back when it is set right.
func (s *Store) agree(ctx context.Context) error {
	type line struct{ At time.Time }
	rows, err := query[line](ctx, s.db, "select now() as at")
	if err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	if mine := s.steady(); rows[0].At.After(mine.Add(clockLead)) {
		return fmt.Errorf("the database's clock says %s, that of this process %s: nothing is removed until they agree, or have differed for a day",
			rows[0].At.UTC().Format(time.RFC3339), mine.UTC().Format(time.RFC3339))
	}
	return nil
}

func (s *Store) purgeAll(ctx context.Context, p *Purged) error {
	if err := s.agree(ctx); err != nil {
		return err
	}
	kept, err := s.Retention(ctx)
	if err != nil {
		return err
	}
	r := kept.Value
	if p.TokenRequests, err = s.purgeLog(ctx, "token_requests", r.TokenRequestDays); err != nil {
		return err
	}
	if err := s.purgeHours(ctx, r.TokenRequestDays, "token_request_hours"); err != nil {
		return err
	}
	if err := s.purgeDays(ctx, r.TokenRequestDays, "call_days"); err != nil {
		return err
	}
	if p.SecurityEvents, err = s.purgeLog(ctx, "security_events", r.SecurityEventDays); err != nil {
		return err
	}
	if p.Refusals, err = s.purgeRefusals(ctx, r.RefusalDays); err != nil {
		return err
	}
	if r.LoginDays > 0 {
		if p.Families, err = s.PurgeFamilies(ctx, time.Duration(r.LoginDays)*day); err != nil {
			return err
		}
	}
	if p.Revocations, err = s.PurgeRevocations(ctx); err != nil {
		return err
	}
	if p.Revisions, err = s.purgeRevisions(ctx, r.Revisions); err != nil {
		return err
	}
	if err := s.forgetBulkDeploys(ctx); err != nil {
		return err
	}
	if err := s.forgetChanges(ctx); err != nil {
		return err
	}
	if err := s.forgetPackages(ctx); err != nil {
		return err
	}
	return s.forgetImports(ctx)
}

func (s *Store) purgeLog(ctx context.Context, table string, days int) (int, error) {
	if days == 0 {
		return 0, nil
	}
	return s.purge(ctx, table, "select id from "+table+" where at < now() - make_interval(days => ?)", days)
}

// purgeHours removes the counts of hours whose requests are all gone.
func (s *Store) purgeHours(ctx context.Context, days int, tables ...string) error {
	return s.purgeCounts(ctx, days, " where hour < now() - make_interval(days => ?, hours => 1)", tables...)
}

// purgeDays is purgeHours for counts of days.
func (s *Store) purgeDays(ctx context.Context, days int, tables ...string) error {
	return s.purgeCounts(ctx, days, " where day < now() - make_interval(days => ? + 1)", tables...)
}

func (s *Store) purgeCounts(ctx context.Context, days int, where string, tables ...string) error {
	if days == 0 {
		return nil
	}
	for _, table := range tables {
		if _, err := exec(ctx, s.db, "delete from "+table+where, days); err != nil {
			return fmt.Errorf("purge %s: %w", table, err)
		}
	}
	return nil
}
