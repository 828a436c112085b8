package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// KindKeySchedule is a rotation schedule in the audit.
const KindKeySchedule = "KEY_SCHEDULE"

// The limits of a schedule and where its form begins.
const (
	// MinPublishAhead is longer than the five minutes for which others may keep
	// a copy of the JWKS.
	MinPublishAhead     = 10 * time.Minute
	DefaultPublishAhead = 24 * time.Hour
	MaxRotateEvery      = 10 * 365 * 24 * time.Hour
)

// KeySchedule says how the generated keys of an environment are rotated, its
// own and those of key stores. Uploaded ones are left to whoever made them.
type KeySchedule struct {
	// RotateEvery is the age at which an active key is replaced; zero switches
	// the schedule off.
	RotateEvery time.Duration
	// PublishAhead is how long a next key is in the JWKS before it signs.
	PublishAhead time.Duration
	// Stamp has the version 0 when nobody has saved a schedule.
	Stamp
}

// Validate reports everything wrong with the schedule.
func (k KeySchedule) Validate() problem.List {
	var l problem.List
	if k.RotateEvery < 0 || k.RotateEvery > MaxRotateEvery {
		l.Add("rotateEvery", "Enter a number of days from 1 to %d, or 0 for no schedule.", MaxRotateEvery/(24*time.Hour))
	}
	if k.PublishAhead < MinPublishAhead {
		l.Add("publishAhead", "Enter at least %d minutes: others may keep a copy of the published keys for five.", MinPublishAhead/time.Minute)
	}
	if k.RotateEvery > 0 && k.PublishAhead >= k.RotateEvery {
		l.Add("publishAhead", "Publish the next key for less time than there is from one rotation to the next.")
	}
	return l
}

type keyScheduleRow struct {
	EnvironmentID       string `gorm:"primaryKey"`
	RotateEverySeconds  int64
	PublishAheadSeconds int64
	Stamp               stampRow `gorm:"embedded"`
}

// TableName implements gorm's schema.Tabler.
func (keyScheduleRow) TableName() string { return "key_schedules" }

func (r keyScheduleRow) schedule() KeySchedule {
	return KeySchedule{
		RotateEvery:  time.Duration(r.RotateEverySeconds) * time.Second,
		PublishAhead: time.Duration(r.PublishAheadSeconds) * time.Second, Stamp: r.Stamp.stamp(),
	}
}

// scheduleRecord is a schedule in the audit.
type scheduleRecord struct {
	RotateEverySeconds  int64 `json:"rotateEverySeconds"`
	PublishAheadSeconds int64 `json:"publishAheadSeconds"`
}

func (r keyScheduleRow) audited() scheduleRecord {
	return scheduleRecord{RotateEverySeconds: r.RotateEverySeconds, PublishAheadSeconds: r.PublishAheadSeconds}
}

// KeySchedule is the schedule of an environment; without one it is off.
func (s *Store) KeySchedule(ctx context.Context, environment string) (KeySchedule, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return KeySchedule{}, err
	}
	row, err := keySchedule(ctx, s.db, e)
	return row.schedule(), err
}

func keySchedule(ctx context.Context, db *gorm.DB, e environmentRow) (keyScheduleRow, error) {
	row, err := found(from[keyScheduleRow](db).Where("environment_id = ?", e.ID).Take(ctx))
	if isNotFound(err) {
		return keyScheduleRow{EnvironmentID: e.ID, PublishAheadSeconds: int64(DefaultPublishAhead / time.Second)}, nil
	}
	if err != nil {
		return row, fmt.Errorf("read key schedule: %w", err)
	}
	return row, nil
}

// SaveKeySchedule changes the schedule of an environment as it was read at
// k.Version. Problems are of the fields rotateEvery and publishAhead; a
// *StaleError when somebody was faster.
func (s *Store) SaveKeySchedule(ctx context.Context, by Actor, environment string, k KeySchedule) (KeySchedule, error) {
	if err := k.Validate().Err(); err != nil {
		return KeySchedule{}, err
	}
	err := s.write(ctx, func(tx *gorm.DB) error { return s.saveKeySchedule(ctx, tx, by, environment, k) })
	if err != nil {
		return KeySchedule{}, fmt.Errorf("save key schedule: %w", err)
	}
	return s.KeySchedule(ctx, environment)
}

func (s *Store) saveKeySchedule(ctx context.Context, tx *gorm.DB, by Actor, environment string, k KeySchedule) error {
	e, err := environmentNamed(ctx, tx, environment)
	if err != nil {
		return err
	}
	// Two first saves have no row that one of them could be stale on.
	if _, err := exec(ctx, tx, "select id from environments where id = ? for update", e.ID); err != nil {
		return err
	}
	before, err := keySchedule(ctx, tx, e)
	if err != nil {
		return err
	}
	if before.Stamp.Version != k.Version {
		now := before.schedule()
		return &StaleError{Kind: KindKeySchedule, Name: "The schedule of " + e.Name, Version: now.Version, Current: now, By: now.UpdatedBy, At: now.UpdatedAt}
	}
	f := fact{action: ActionUpdated, kind: KindKeySchedule, id: e.ID, name: e.Name, before: before.audited()}
	after := keyScheduleRow{
		EnvironmentID: e.ID, RotateEverySeconds: int64(k.RotateEvery / time.Second), PublishAheadSeconds: int64(k.PublishAhead / time.Second),
		Stamp: before.Stamp.next(by, s.now()),
	}
	if before.Stamp.Version == 0 {
		f.action, f.before, after.Stamp = ActionCreated, nil, born(by, s.now())
		err = from[keyScheduleRow](tx).Create(ctx, &after)
	} else {
		_, err = from[keyScheduleRow](tx).Where("environment_id = ?", e.ID).
			Select("rotate_every_seconds", "publish_ahead_seconds", "version", "updated_at", "updated_by").Updates(ctx, after)
	}
	if err != nil {
		return err
	}
	f.after = after.audited()
	return s.record(ctx, tx, by, f)
}

// tendLock is the advisory lock under which one process tends keys.
const tendLock = 2_861_950_034_817_725_109

// TendKeys does what is due with the keys of all environments: it retires those
// whose last token has expired, publishes next keys and rotates, by schedule.
// Of processes that call it at once one works; for the others there is nothing
// to do, which is no error. What fails in one environment keeps no other from
// being tended.
func (s *Store) TendKeys(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("tend keys: %w", err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", int64(tendLock)).Scan(&mine); err != nil {
		return fmt.Errorf("tend keys: %w", err)
	}
	if !mine {
		return nil
	}
	defer func() {
		// The context may have ended, and the connection goes back to the pool.
		if _, err := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(tendLock)); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // which ends the lock too
		}
	}()
	return s.tendAll(ctx)
}

func (s *Store) tendAll(ctx context.Context) error {
	all, err := environments(ctx, s.db)
	if err != nil {
		return err
	}
	by := Actor{Name: "key schedule"}
	var failed error
	for _, e := range all {
		if err := errors.Join(s.retireDue(ctx, by, e.Name), s.rotateDue(ctx, by, e.Name)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("tend the keys of %s: %w", e.Name, err))
		}
	}
	return failed
}

// rotateDue is the schedule at work.
func (s *Store) rotateDue(ctx context.Context, by Actor, environment string) error {
	schedule, err := s.KeySchedule(ctx, environment)
	if err != nil || schedule.RotateEvery == 0 {
		return err
	}
	list, err := s.Keys(ctx, environment)
	if err != nil {
		return err
	}
	next := map[KeySlot]Key{}
	for _, k := range list {
		if k.State == KeyNext {
			next[k.KeySlot] = k
		}
	}
	var failed error
	for _, k := range list {
		if k.State == KeyActive && k.Source == KeyGenerated {
			failed = errors.Join(failed, s.rotateIfDue(ctx, by, schedule, k, next[k.KeySlot]))
		}
	}
	return failed
}

// rotateIfDue publishes the next key ahead and rotates when both the active key
// is old enough and the next one has been published for long enough. Somebody
// who rotated by hand in the meantime has done the work. A clock that jumped ahead
// makes no key old.
func (s *Store) rotateIfDue(ctx context.Context, by Actor, schedule KeySchedule, active, next Key) error {
	now := s.steady()
	due := active.ActivatedAt.Add(schedule.RotateEvery)
	var err error
	switch {
	case next.ID == "" && !now.Before(due.Add(-schedule.PublishAhead)):
		_, err = s.PrepareNextKey(ctx, by, active.KeySlot)
	case next.ID != "" && !now.Before(due) && !now.Before(next.CreatedAt.Add(schedule.PublishAhead)):
		_, err = s.RotateKey(ctx, by, active.KeySlot, active.Kid)
	}
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}
