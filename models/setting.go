package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
)

// KindSettings is what an audit record of changed settings is about.
const KindSettings = "SETTINGS"

// The groups of settings.
const (
	tokenManagementKey = "token-management"
	retentionKey       = "retention"

	tokenManagementName = "Token Management"
)

type settingRow struct {
	Key       string `gorm:"primaryKey"`
	Value     document
	Version   int
	UpdatedAt time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy string
}

// TableName implements gorm's schema.Tabler.
func (settingRow) TableName() string { return "settings" }

// Settings is a group of settings with its version: 0 while nobody has changed
// the defaults.
type Settings[T any] struct {
	Value     T
	Version   int
	UpdatedAt time.Time
	UpdatedBy string
}

// TokenManagement is how token answers look and how scopes are decided.
func (s *Store) TokenManagement(ctx context.Context) (Settings[issue.Management], error) {
	return tokenManagement(ctx, s.db)
}

func tokenManagement(ctx context.Context, tx *gorm.DB) (Settings[issue.Management], error) {
	return settings(ctx, tx, tokenManagementKey, issue.DefaultManagement())
}

// tokensOfBundle is what a bundle carries of Token Management.
func tokensOfBundle(ctx context.Context, tx *gorm.DB) (*issue.Management, error) {
	m, err := tokenManagement(ctx, tx)
	return &m.Value, err
}

// SaveTokenManagement writes Token Management as it was read at version, which
// takes effect in every environment without a deploy (D5). Problems are of the
// fields of issue.Management.
func (s *Store) SaveTokenManagement(ctx context.Context, by Actor, version int, m issue.Management) (Settings[issue.Management], error) {
	if err := m.Validate().Err(); err != nil {
		return Settings[issue.Management]{}, err
	}
	return saveSettings(ctx, s, by, tokenManagementKey, tokenManagementName, version, issue.DefaultManagement(), m, raiseAll)
}

// Retention says for how many days logs are kept, and how many revisions; 0 means
// for ever and all.
type Retention struct {
	TokenRequestDays  int `json:"tokenRequestDays"`
	SecurityEventDays int `json:"securityEventDays"`
	// RefusalDays is for the record of refused calls, which is bounded in its
	// number of rows besides.
	RefusalDays int `json:"refusalDays"`
	// LoginDays is how long a login is kept that has ended.
	LoginDays int `json:"loginDays"`
	// Revisions is how many deploys of an owner are kept in each environment,
	// beside those that run and those that are pinned.
	Revisions int `json:"revisions"`
}

// DefaultRetention is what an installation starts with.
func DefaultRetention() Retention {
	return Retention{TokenRequestDays: 30, SecurityEventDays: 365, RefusalDays: 7, LoginDays: 30, Revisions: 6}
}

// maxRetention is ten years.
const maxRetention = 3650

// maxRevisions bounds how many revisions are kept of each owner and environment.
const maxRevisions = 1000

// Validate reports everything wrong with the settings.
func (r Retention) Validate() problem.List {
	var l problem.List
	for _, f := range []struct {
		field string
		days  int
	}{{"tokenRequestDays", r.TokenRequestDays}, {"securityEventDays", r.SecurityEventDays}, {"refusalDays", r.RefusalDays}, {"loginDays", r.LoginDays}} {
		if f.days < 0 || f.days > maxRetention {
			l.Add(f.field, "Enter a number of days from 1 to %d, or 0 to keep them for ever.", maxRetention)
		}
	}
	if r.Revisions < 0 || r.Revisions > maxRevisions {
		l.Add("revisions", "Enter a number from 1 to %d, or 0 to keep all.", maxRevisions)
	}
	return l
}

// Retention is how long logs are kept.
func (s *Store) Retention(ctx context.Context) (Settings[Retention], error) {
	return settings(ctx, s.db, retentionKey, DefaultRetention())
}

// SaveRetention writes the settings as they were read at version.
func (s *Store) SaveRetention(ctx context.Context, by Actor, version int, r Retention) (Settings[Retention], error) {
	if err := r.Validate().Err(); err != nil {
		return Settings[Retention]{}, err
	}
	return saveSettings(ctx, s, by, retentionKey, "Retention", version, DefaultRetention(), r, nil)
}

// settings reads a group over its defaults, so that a setting that is new
// since it was saved has its default.
func settings[T any](ctx context.Context, tx *gorm.DB, key string, defaults T) (Settings[T], error) {
	out := Settings[T]{Value: defaults}
	rows, err := query[settingRow](ctx, tx, "select * from settings where key = ?", key)
	if err != nil {
		return out, fmt.Errorf("read settings %s: %w", key, err)
	}
	if len(rows) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(rows[0].Value, &out.Value); err != nil {
		return out, fmt.Errorf("read settings %s: %w", key, err)
	}
	out.Version, out.UpdatedAt, out.UpdatedBy = rows[0].Version, rows[0].UpdatedAt.UTC(), rows[0].UpdatedBy
	return out, nil
}

// inAudit is a group of settings as the audit shows it: one with a secret says
// how.
func inAudit(value any) any {
	if v, ok := value.(interface{ audited() any }); ok {
		return v.audited()
	}
	return value
}

// saveSettings writes a group with its audit record, and then does in the same
// transaction what follows from it.
func saveSettings[T any](
	ctx context.Context, s *Store, by Actor, key, name string, version int, defaults, value T, then func(context.Context, *gorm.DB) error,
) (saved Settings[T], err error) {
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		saved, err = putSettings(ctx, tx, s, by, key, name, version, defaults, value, then)
		return err
	})
	if err != nil {
		return Settings[T]{}, fmt.Errorf("save settings %s: %w", key, err)
	}
	return saved, nil
}

// returnTokenManagement is SaveTokenManagement within a transaction.
func (s *Store) returnTokenManagement(ctx context.Context, tx *gorm.DB, by Actor, version int, m issue.Management) error {
	if err := m.Validate().Err(); err != nil {
		return err
	}
	_, err := putSettings(ctx, tx, s, by, tokenManagementKey, tokenManagementName, version, issue.DefaultManagement(), m, raiseAll)
	return err
}

func putSettings[T any](
	ctx context.Context, tx *gorm.DB, s *Store, by Actor, key, name string, version int, defaults, value T, then func(context.Context, *gorm.DB) error,
) (saved Settings[T], err error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return saved, fmt.Errorf("encode settings %s: %w", key, err)
	}
	before, err := settings(ctx, tx, key, defaults)
	if err != nil {
		return saved, err
	}
	if before.Version != version {
		return saved, &StaleError{Kind: KindSettings, Name: name, Version: before.Version, Current: before, By: before.UpdatedBy, At: before.UpdatedAt}
	}
	saved = Settings[T]{Value: value, Version: version + 1, UpdatedAt: s.now(), UpdatedBy: by.Name}
	// Two who save the first time at once: one of them fails here, tries
	// again and learns that it is stale.
	if _, err := exec(ctx, tx, `insert into settings (key, value, version, updated_at, updated_by) values (?, ?::jsonb, ?, ?, ?)
		on conflict (key) do update set value = excluded.value, version = excluded.version,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		key, document(raw), saved.Version, saved.UpdatedAt, saved.UpdatedBy); err != nil {
		return saved, err
	}
	if then != nil {
		if err := then(ctx, tx); err != nil {
			return saved, err
		}
	}
	return saved, s.record(ctx, tx, by, fact{action: ActionUpdated, kind: KindSettings, id: key, name: name, before: inAudit(before.Value), after: inAudit(value)})
}
