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

// RevokeResult says what a revocation ends. Revoke counts no further than
// CountCap, as the nodes hear of it only then.
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
		_, err = s.revoke(ctx, tx, &revocation{Actor{Name: "gateway"}, id, e, reason})
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
		x := revocation{by, id, e, reason}
		if x.entry, err = s.dated(ctx, tx, e); err != nil {
			return err
		}
		if r.LiveTokens, err = liveTokensCapped(ctx, tx, tokensOf(environment, x.entry)); err != nil {
			return err
		}
		if r.Families, err = s.revoke(ctx, tx, &x); err != nil {
			return err
		}
		return s.recordRevocation(ctx, tx, by, environment, x.entry, reason, r)
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
	if e, err = s.dated(ctx, s.db, e); err != nil {
		return r, err
	}
	if r.Families, err = countFamilies(ctx, s.db, id, e); err != nil {
		return r, err
	}
	r.LiveTokens, err = s.CountLiveTokens(ctx, tokensOf(environment, e))
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
// may be older than the revocation. It is now by the later one of two clocks, as
// logins begin by the clock of the database, and tokens by that of a node.
func (s *Store) dated(ctx context.Context, tx *gorm.DB, e revoke.Entry) (revoke.Entry, error) {
	if forGood(e.Kind) {
		e.Before = time.Time{}
		return e, nil
	}
	if e.Before.IsZero() {
		var err error
		if e.Before, err = s.later(ctx, tx); err != nil {
			return e, err
		}
	}
	if whole := e.Before.UTC().Truncate(time.Second); !whole.Equal(e.Before) {
		e.Before = whole.Add(time.Second)
	}
	return e, nil
}

// later is now by the clock that is ahead: the database's or that of this process.
func (s *Store) later(ctx context.Context, db *gorm.DB) (time.Time, error) {
	type line struct{ Now time.Time }
	lines, err := query[line](ctx, db, "select greatest(clock_timestamp(), ?) as now", s.now())
	if err != nil {
		return time.Time{}, fmt.Errorf("read the clock: %w", err)
	}
	return lines[0].Now.UTC(), nil
}

// environmentID is that of a name; "" is all environments.
func environmentID(ctx context.Context, tx *gorm.DB, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	row, err := environmentNamed(ctx, tx, name)
	return row.ID, err
}

// revocation is one that a transaction makes. The environment is an id; "" means
// all.
type revocation struct {
	by            Actor
	environmentID string
	entry         revoke.Entry
	reason        string
}

// revokeInTx revokes tokens as part of another change, which has an audit
// record of its own: a credential is deleted, a secret changed. It does so at
// the end of the transaction: nobody else can revoke from then on until it has
// committed, and a person who must revoke at once shall not wait for an import.
func revokeInTx(tx *gorm.DB, r revocation) {
	a := aftermathOf(tx)
	a.last = append(a.last, r)
}

// takeover is how long nodes may take to load a change of what they check logins
// against. Until then they let in whom it shuts out.
const takeover = time.Second

// revokeLast makes the revocations that were left to the end. They cover what
// is issued while nodes take the change over.
func (s *Store) revokeLast(ctx context.Context, tx *gorm.DB, a *aftermath) error {
	for _, r := range a.last {
		var err error
		if r.entry, err = s.dated(ctx, tx, r.entry); err != nil {
			return err
		}
		r.entry.Before = r.entry.Before.Add(takeover)
		families, err := s.revoke(ctx, tx, &r)
		if err != nil {
			return err
		}
		var environment string
		if r.environmentID != "" {
			names, err := query[string](ctx, tx, "select name from environments where id = ?", r.environmentID)
			if err != nil {
				return fmt.Errorf("read environment: %w", err)
			}
			environment = strings.Join(names, "")
		}
		if err := s.recordRevoked(ctx, tx, r.by, environment, r.entry, r.reason, families); err != nil {
			return err
		}
	}
	return nil
}

// revoke inserts an entry and tells the nodes when the transaction commits. It
// says how many logins end with it. These are ended only then, but for a single
// one: a login that is refreshed all the time could keep a transaction from
// ever committing, and thousands would keep the nodes waiting. Until then the
// entry keeps them from being refreshed.
func (s *Store) revoke(ctx context.Context, tx *gorm.DB, r *revocation) (families int, err error) {
	if r.entry, err = s.dated(ctx, tx, r.entry); err != nil {
		return 0, err
	}
	if err := revocationProblems(r.entry).Err(); err != nil {
		return 0, err
	}
	switch r.entry.Kind {
	case revoke.Token: // is not its login
	case revoke.Family:
		families, err = endFamilies(ctx, tx, *r)
	default:
		w := covered(r.environmentID, r.entry)
		families, err = countedIn(ctx, tx, "from refresh_families f where "+w.sql(), w.args)
		a := aftermathOf(tx)
		a.revoked = append(a.revoked, *r)
	}
	if err != nil {
		return 0, fmt.Errorf("find logins that end: %w", err)
	}
	return families, s.keepRevocation(ctx, tx, r)
}

func liveTokensCapped(ctx context.Context, tx *gorm.DB, f LiveTokenFilter) (int, error) {
	w := f.conditions(time.Time{})
	n, err := countedIn(ctx, tx, "from token_requests t where "+w.sql(), w.args)
	if err != nil {
		return 0, fmt.Errorf("count live tokens: %w", err)
	}
	return n, nil
}

// keepRevocation stores an entry. When it expires was said by the clock of this process:
// where that is behind, the database's would take it for expired too early, and so would
// all who read it. Less than a minute is within what entries outlive their tokens.
func (s *Store) keepRevocation(ctx context.Context, tx *gorm.DB, r *revocation) error {
	if _, err := exec(ctx, tx, "select pg_advisory_xact_lock(?)", int64(revocationsLock)); err != nil {
		return fmt.Errorf("take turns: %w", err)
	}
	e := &r.entry
	_, err := exec(ctx, tx, `with kept as (
			insert into revocations (environment_id, kind, project, key, before, expires_at, reason, revoked_at, revoked_by)
			values (nullif(?, '')::uuid, ?, ?, ?, ?, ?::timestamptz + date_trunc('minute', greatest(clock_timestamp() - ?::timestamptz, interval '0')), ?, now(), ?) returning environment_id)
		select pg_notify(?, coalesce((select name from environments e where e.id = kept.environment_id), '')) from kept`,
		r.environmentID, string(e.Kind), e.Project, e.Key, orNever(e.Before), orNever(e.Expires), s.now(), truncated(r.reason, maxReason),
		truncated(r.by.Name, maxReason), revocationsChannel)
	if err != nil {
		return fmt.Errorf("keep revocation: %w", err)
	}
	return nil
}

// endRevokedFor bounds how long a caller waits for logins to end.
const endRevokedFor = time.Minute

// endRevoked ends the logins that committed revocations cover, also when the
// caller has left. It may fail: they are refused all the same, and
// PurgeRevocations ends what is left.
func (s *Store) endRevoked(ctx context.Context, list []revocation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endRevokedFor)
	defer cancel()
	for _, r := range list {
		if _, err := endFamilies(ctx, s.db, r); err != nil {
			s.logger.WarnContext(ctx, "logins that were revoked are not ended yet", "revoked", named(r.entry), "error", err)
		}
	}
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
		Detail:        fmt.Sprintf("%s revoked %s: %s. %s ended.", by.Name, named(e), strings.TrimSuffix(reason, "."), loginCount(families)),
		CorrelationID: by.CorrelationID,
	}})
}

func loginCount(n int) string {
	if n >= CountCap {
		return fmt.Sprintf("%d logins or more", n)
	}
	return fmt.Sprintf("%d logins", n)
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
