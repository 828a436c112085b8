package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
)

// revocationsLock is the advisory lock under which revocations are inserted.
// Ids are taken in order, but transactions commit in any: without it who asks
// for the ids after the last one could miss an earlier one that commits later.
const revocationsLock = 6_221_930_785_143_302_711

// revocationsChannel tells of new entries. The payload is the name of an
// environment, or empty for all.
const revocationsChannel = "gatewright_revocations"

// KindTokens is what an audit record of a revocation is about.
const KindTokens = "TOKENS"

// ActionRevoked says that tokens, or a key, were revoked.
const ActionRevoked = "REVOKED"

type revocationRow struct {
	ID            int64 `gorm:"primaryKey"`
	EnvironmentID *string
	Kind          string
	Project       string
	Key           string
	Before        *time.Time
	ExpiresAt     *time.Time
	Reason        string
	RevokedAt     time.Time
	RevokedBy     string
}

// TableName implements gorm's schema.Tabler.
func (revocationRow) TableName() string { return "revocations" }

func (r revocationRow) entry() revoke.Entry {
	e := revoke.Entry{ID: r.ID, Kind: revoke.Kind(r.Kind), Project: r.Project, Key: r.Key}
	if r.Before != nil {
		e.Before = r.Before.UTC()
	}
	if r.ExpiresAt != nil {
		e.Expires = r.ExpiresAt.UTC()
	}
	return e
}

// RevokeResult says what a revocation ends.
type RevokeResult struct {
	// Families are the logins that can be refreshed no more.
	Families int
	// LiveTokens are the access tokens that the log of token requests knows to
	// be alive and that become worthless. Those older than the log's retention
	// are not among them.
	LiveTokens int
}

// RevokeTokens makes access tokens worthless on every node within a second, and
// ends the logins that the entry covers. It is for the gateway itself, which
// reports its own events.
func (s *Store) RevokeTokens(ctx context.Context, environment string, e revoke.Entry, reason string) error {
	err := s.transact(ctx, nil, func(tx *gorm.DB) error {
		id, err := environmentID(ctx, tx, environment)
		if err != nil {
			return err
		}
		_, err = s.revoke(ctx, tx, Actor{Name: "gateway"}, id, e, reason)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke tokens: %w", err)
	}
	return nil
}

// Revoke makes tokens worthless in an environment ("" means in all) and ends
// the logins that the entry covers, in one transaction with the audit record
// and the security event. Without Before an entry that needs one takes this
// moment. Problems are of the fields kind, key, project and before.
func (s *Store) Revoke(ctx context.Context, by Actor, environment string, e revoke.Entry, reason string) (RevokeResult, error) {
	if err := revocationProblems(e).Err(); err != nil {
		return RevokeResult{}, err
	}
	var r RevokeResult
	err := s.transact(ctx, nil, func(tx *gorm.DB) error {
		id, err := environmentID(ctx, tx, environment)
		if err != nil {
			return err
		}
		dated := s.dated(e)
		if r.LiveTokens, err = s.countLiveTokens(ctx, tx, tokensOf(environment, dated)); err != nil {
			return err
		}
		if r.Families, err = s.revoke(ctx, tx, by, id, dated, reason); err != nil {
			return err
		}
		return s.recordRevocation(ctx, tx, by, environment, dated, reason, r)
	})
	if err != nil {
		return RevokeResult{}, fmt.Errorf("revoke tokens: %w", err)
	}
	return r, nil
}

// PreviewRevoke counts what Revoke would end now.
func (s *Store) PreviewRevoke(ctx context.Context, environment string, e revoke.Entry) (r RevokeResult, err error) {
	id, err := environmentID(ctx, s.db, environment)
	if err != nil {
		return r, err
	}
	e = s.dated(e)
	if r.Families, err = countFamilies(ctx, s.db, id, e); err != nil {
		return r, err
	}
	r.LiveTokens, err = s.countLiveTokens(ctx, s.db, tokensOf(environment, e))
	return r, err
}

// RevocationProblems reports what is wrong with an entry, by the fields kind,
// key, project and before.
func revocationProblems(e revoke.Entry) problem.List {
	var l problem.List
	if !slices.Contains(revocationKinds(), e.Kind) {
		l.Add("kind", "Choose USER, CLIENT, POLICY, ALL, FAMILY or TOKEN.")
	}
	switch {
	case e.Kind == revoke.All && e.Key != "":
		l.Add("key", "Leave this empty: every token is revoked.")
	case e.Kind != revoke.All && e.Key == "":
		l.Add("key", "Enter whose tokens to revoke.")
	case len(e.Key) > 4*maxReason || !storable(e.Key):
		l.Add("key", "Enter a name of at most %d characters, without control characters.", maxReason)
	}
	if e.Project != "" && e.Kind != revoke.User && e.Kind != revoke.Policy {
		l.Add("project", "Leave this empty: only a user's tokens and a policy's are of one project.")
	}
	return l
}

func revocationKinds() []revoke.Kind {
	return []revoke.Kind{revoke.Token, revoke.Family, revoke.User, revoke.Client, revoke.Policy, revoke.All}
}

// forGood tells the kinds that revoke without a moment.
func forGood(k revoke.Kind) bool { return k == revoke.Token || k == revoke.Family }

// dated gives an entry the moment that its kind needs. The times of a token are
// whole seconds, so that "now" is the second that comes: a token of this second
// may be older than the revocation.
func (s *Store) dated(e revoke.Entry) revoke.Entry {
	if forGood(e.Kind) {
		e.Before = time.Time{}
		return e
	}
	if e.Before.IsZero() {
		e.Before = s.now()
	}
	if whole := e.Before.UTC().Truncate(time.Second); !whole.Equal(e.Before) {
		e.Before = whole.Add(time.Second)
	}
	return e
}

// environmentID is that of a name; "" is all environments.
func environmentID(ctx context.Context, tx *gorm.DB, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	row, err := environmentNamed(ctx, tx, name)
	return row.ID, err
}

// revokeInTx revokes tokens as part of another change, which has an audit
// record of its own: a credential is deleted, a secret changed. The environment
// is an id; "" means all.
func (s *Store) revokeInTx(ctx context.Context, tx *gorm.DB, by Actor, environmentID string, e revoke.Entry, reason string) error {
	e = s.dated(e)
	families, err := s.revoke(ctx, tx, by, environmentID, e, reason)
	if err != nil {
		return err
	}
	var environment string
	if environmentID != "" {
		names, err := query[string](ctx, tx, "select name from environments where id = ?", environmentID)
		if err != nil {
			return fmt.Errorf("read environment: %w", err)
		}
		environment = strings.Join(names, "")
	}
	return s.recordRevoked(ctx, tx, by, environment, e, reason, families)
}

// revoke inserts an entry, tells the nodes when the transaction commits, and
// ends the logins that it covers.
func (s *Store) revoke(ctx context.Context, tx *gorm.DB, by Actor, environmentID string, e revoke.Entry, reason string) (int, error) {
	e = s.dated(e)
	if err := revocationProblems(e).Err(); err != nil {
		return 0, err
	}
	if _, err := exec(ctx, tx, "select pg_advisory_xact_lock(?)", int64(revocationsLock)); err != nil {
		return 0, fmt.Errorf("take turns: %w", err)
	}
	_, err := exec(ctx, tx, `with kept as (
			insert into revocations (environment_id, kind, project, key, before, expires_at, reason, revoked_at, revoked_by)
			values (nullif(?, '')::uuid, ?, ?, ?, ?, ?, ?, now(), ?) returning environment_id)
		select pg_notify(?, coalesce((select name from environments e where e.id = kept.environment_id), '')) from kept`,
		environmentID, string(e.Kind), e.Project, e.Key, orNever(e.Before), orNever(e.Expires), truncated(reason, maxReason),
		truncated(by.Name, maxReason), revocationsChannel)
	if err != nil {
		return 0, fmt.Errorf("keep revocation: %w", err)
	}
	return endFamilies(ctx, tx, environmentID, e)
}

// orNever is null for the zero time.
func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// revocationRecord is a revocation in the audit.
type revocationRecord struct {
	Kind        string     `json:"kind"`
	Key         string     `json:"key,omitempty"`
	Project     string     `json:"project,omitempty"`
	Environment string     `json:"environment"`
	Before      *time.Time `json:"before,omitempty"`
	Reason      string     `json:"reason"`
	Logins      int        `json:"loginsEnded"`
	LiveTokens  int        `json:"liveTokensEnded"`
}

func (s *Store) recordRevocation(ctx context.Context, tx *gorm.DB, by Actor, environment string, e revoke.Entry, reason string, r RevokeResult) error {
	err := s.record(ctx, tx, by, fact{
		action: ActionRevoked, kind: KindTokens, name: named(e), project: e.Project,
		after: revocationRecord{
			Kind: string(e.Kind), Key: e.Key, Project: e.Project, Environment: allIfEmpty(environment), Before: orNever(e.Before),
			Reason: truncated(reason, maxReason), Logins: r.Families, LiveTokens: r.LiveTokens,
		},
	})
	if err != nil {
		return err
	}
	return s.recordRevoked(ctx, tx, by, environment, e, reason, r.Families)
}

// recordRevoked writes the security event of a revocation by a person.
func (s *Store) recordRevoked(ctx context.Context, tx *gorm.DB, by Actor, environment string, e revoke.Entry, reason string, families int) error {
	subject := ""
	if e.Kind == revoke.User || e.Kind == revoke.Client {
		subject = e.Key
	}
	return insertSecurityEvents(ctx, tx, []event.Security{{
		Time: s.now(), Kind: event.TokensRevoked, Environment: environment, Project: e.Project, Subject: subject, Client: by.Client,
		Detail:        fmt.Sprintf("%s revoked %s: %s. %d logins ended.", by.Name, named(e), strings.TrimSuffix(reason, "."), families),
		CorrelationID: by.CorrelationID,
	}})
}

func allIfEmpty(environment string) string {
	if environment == "" {
		return "all"
	}
	return environment
}

// named says in words what an entry covers.
func named(e revoke.Entry) string {
	switch e.Kind {
	case revoke.User:
		return "the tokens of user " + e.Key
	case revoke.Client:
		return "the tokens of client " + e.Key
	case revoke.Policy:
		return "the tokens of policy " + e.Key
	case revoke.Family:
		return "the tokens of login " + e.Key
	case revoke.Token:
		return "the token " + e.Key
	}
	return "all tokens"
}

// Revocations are the entries in force of an environment with an id above
// afterID, in the order of their ids. An id that is not among them now will not
// come later.
func (s *Store) Revocations(ctx context.Context, environment string, afterID int64) ([]revoke.Entry, error) {
	rows, err := query[revocationRow](ctx, s.db, `select r.* from revocations r join environments e on e.id = r.environment_id or r.environment_id is null
		where lower(e.name) = lower(?) and r.id > ? and (r.expires_at is null or r.expires_at > now()) order by r.id`, fit(environment), afterID)
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	list := make([]revoke.Entry, len(rows))
	for i, r := range rows {
		list[i] = r.entry()
	}
	return list, nil
}

// WatchRevocations calls apply for each of the environments at once with all
// entries in force, and again with those that are new; never twice at the same
// time. Notifications make it quick, a poll every three seconds makes it
// certain: what was missed while the connection was lost is caught up. It
// returns the context's error when that ends.
func (s *Store) WatchRevocations(ctx context.Context, environments []string, apply func(environment string, entries []revoke.Entry)) error {
	ctx, stop := context.WithCancel(ctx)
	bell := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ringOn(ctx, revocationsChannel, bell)
	}()
	defer func() { stop(); <-done }()
	w := revocationWatcher{store: s, names: environments, apply: apply, seen: make(map[string]int64)}
	ticker := time.NewTicker(s.poll)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-bell:
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// revocationWatcher remembers the last entry that each environment was told of.
type revocationWatcher struct {
	store *Store
	names []string
	apply func(string, []revoke.Entry)
	seen  map[string]int64
	lost  bool
}

func (w *revocationWatcher) look(ctx context.Context) {
	err := w.lookAll(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil && !w.lost {
		w.store.logger.WarnContext(ctx, "cannot look for revocations; keep those that are known and try again", "error", err)
	}
	if err == nil && w.lost {
		w.store.logger.InfoContext(ctx, "can look for revocations again")
	}
	w.lost = err != nil
}

func (w *revocationWatcher) lookAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pollEvery) // a hung server must not hang the node
	defer cancel()
	var errs []error
	for _, name := range w.names {
		last, told := w.seen[name]
		entries, err := w.store.Revocations(ctx, name, last)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if told && len(entries) == 0 {
			continue
		}
		w.apply(name, entries)
		if n := len(entries); n > 0 {
			last = entries[n-1].ID
		}
		w.seen[name] = last
	}
	return errors.Join(errs...)
}
