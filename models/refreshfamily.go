package models

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/token"
)

// Store is what the token service keeps its refresh families and revocations
// in.
var _ token.Store = (*Store)(nil)

// Why a family ended, beside the reasons that callers give.
const (
	endedUsedUp  = "USED_UP"
	endedReused  = "REUSED"
	endedCrowded = "MAX_ACTIVE"
	endedRevoked = "REVOKED"
)

// endedWords are those reasons in words.
var endedWords = map[string]string{
	endedUsedUp:  "all of its refreshes were made",
	endedReused:  "a spent refresh token was used again",
	endedCrowded: "newer logins took its place",
	endedRevoked: "it was revoked",
}

const (
	// spentKept is how many of the last generations are remembered with the
	// moment they were spent. One that is older counts as spent long ago,
	// however long the window is: no client needs more at once.
	spentKept = 32
	maxReason = 255
	// familyLocks is the space of advisory locks, one for each subject of an
	// owner, under which families over the limit end.
	familyLocks = 1_413_829_958
)

// moments is an array of times, which only SQL works with.
type moments string

type familyRow struct {
	ID            string `gorm:"primaryKey"`
	EnvironmentID string
	Project       string
	OwnerID       string
	Owner         string
	Policy        string
	ClientID      string
	Subject       string
	IsUser        bool
	GrantType     string
	Source        string
	Roles         document
	Scope         string
	Claims        document
	Response      document
	Client        string
	StartedAt     time.Time
	RefreshedAt   *time.Time
	ExpiresAt     time.Time
	Generation    int
	MaxRefreshes  int
	Spent         moments
	EndedAt       *time.Time
	EndReason     string
}

// TableName implements gorm's schema.Tabler.
func (familyRow) TableName() string { return "refresh_families" }

// StartFamily keeps a new family, by the clock of the database: it starts now
// and its refresh token lives for as long as lies between StartedAt and
// ExpiresAt. Over MaxActive the oldest of the same subject and owner end.
func (s *Store) StartFamily(ctx context.Context, f token.Family) error {
	row, err := newFamilyRow(f)
	if err != nil {
		return fmt.Errorf("start refresh family: %w", err)
	}
	start := func(tx *gorm.DB) error {
		return insertFamily(ctx, tx, f.Environment, row, f.ExpiresAt.Sub(f.StartedAt))
	}
	if f.MaxActive > 0 {
		// Read committed: the end of the others is decided by what there is once
		// the lock is held, and not by what there was before.
		err = s.transact(ctx, nil, func(tx *gorm.DB) error { return startAmong(ctx, tx, f, start) })
	} else {
		err = start(s.db)
	}
	if err != nil {
		return fmt.Errorf("start refresh family: %w", err)
	}
	return nil
}

// startAmong takes turns with others of the same subject and owner, as two
// logins at once would each not see the other.
func startAmong(ctx context.Context, tx *gorm.DB, f token.Family, start func(*gorm.DB) error) error {
	whose := f.Environment + "\x1f" + f.OwnerID + "\x1f" + f.Subject + "\x1f" + fmt.Sprint(f.User)
	if _, err := exec(ctx, tx, "select pg_advisory_xact_lock(?, hashtext(?))", familyLocks, whose); err != nil {
		return fmt.Errorf("take turns: %w", err)
	}
	if err := start(tx); err != nil {
		return err
	}
	// What has expired holds no place.
	_, err := exec(ctx, tx, `update refresh_families set ended_at = now(), end_reason = ? where id in (
		select f.id from refresh_families f join environments e on e.id = f.environment_id
		where lower(e.name) = lower(?) and f.owner_id = ? and f.subject = ? and f.is_user = ? and f.ended_at is null and f.expires_at > now() and f.id <> ?
		order by f.started_at desc, f.id desc offset ?)`,
		endedCrowded, f.Environment, f.OwnerID, f.Subject, f.User, uuid.UUID(f.ID).String(), f.MaxActive-1)
	if err != nil {
		return fmt.Errorf("end the oldest: %w", err)
	}
	return nil
}

func insertFamily(ctx context.Context, tx *gorm.DB, environment string, r familyRow, lifetime time.Duration) error {
	n, err := exec(ctx, tx, `insert into refresh_families (id, environment_id, project, owner_id, owner, policy, client_id, subject, is_user,
			grant_type, source, roles, scope, claims, response, client, started_at, expires_at, generation, max_refreshes, spent)
		select ?, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?::jsonb, ?::jsonb, ?, now(), now() + make_interval(secs => ?), 0, ?, '{}'
		from environments where lower(name) = lower(?)`,
		r.ID, r.Project, r.OwnerID, r.Owner, r.Policy, r.ClientID, r.Subject, r.IsUser,
		r.GrantType, r.Source, r.Roles, r.Scope, r.Claims, r.Response, r.Client, lifetime.Seconds(), r.MaxRefreshes, environment)
	if err == nil && n == 0 {
		err = fmt.Errorf("environment %s: %w", environment, ErrNotFound)
	}
	return err
}

func newFamilyRow(f token.Family) (r familyRow, err error) {
	if !f.ExpiresAt.After(f.StartedAt) {
		return r, errors.New("its refresh token would be expired at birth")
	}
	r = familyRow{
		ID: uuid.UUID(f.ID).String(), Project: f.Project, OwnerID: f.OwnerID, Owner: f.Owner, Policy: f.Policy,
		ClientID: f.ClientID, Subject: f.Subject, IsUser: f.User, GrantType: f.Grant, Source: f.Source,
		Scope: f.Scope, Client: addressText(f.Client), MaxRefreshes: f.MaxRefreshes,
	}
	if r.Roles, err = json.Marshal(append([]string{}, f.Roles...)); err != nil {
		return r, fmt.Errorf("encode roles: %w", err)
	}
	if r.Claims, err = objectJSON(f.Claims); err != nil {
		return r, fmt.Errorf("encode claims: %w", err)
	}
	if r.Response, err = objectJSON(f.Response); err != nil {
		return r, fmt.Errorf("encode response members: %w", err)
	}
	return r, nil
}

// objectJSON is {} and not null for nil.
func objectJSON(m map[string]any) (document, error) {
	if m == nil {
		return document("{}"), nil
	}
	return json.Marshal(m)
}

// fit is text that callers send, as it could be stored: what cannot be is
// nobody's name, and asking for it is no fault of the database.
func fit(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// FindFamily is a family, whatever the state of its tokens, and whether it
// lives. The zero Family says that there is none.
func (s *Store) FindFamily(ctx context.Context, environment string, id token.FamilyID) (token.Family, bool, error) {
	var r familyRow
	err := s.pool.QueryRow(ctx, findFamily, [16]byte(id), fit(environment)).Scan(append(r.familyFields(), &r.EndReason)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return token.Family{}, false, nil
	}
	if err != nil {
		return token.Family{}, false, fmt.Errorf("find refresh family: %w", err)
	}
	f, err := r.family(environment)
	return f, err == nil && f.Ended == "", err
}

// Both statements of a refresh go to pgx without gorm, which was a third of the
// processor time of a whole refresh.
const (
	findFamily = `select ` + familyColumns + `, f.expires_at, f.generation, f.end_reason
		from refresh_families f join environments e on e.id = f.environment_id
		where f.id = $1 and lower(e.name) = lower($2)`
	// familyColumns never change in the life of a login.
	familyColumns = `f.id::text, f.project, f.owner_id, f.owner, f.policy, f.client_id, f.subject, f.is_user, f.grant_type, f.source,
		f.roles, f.scope, f.claims, f.response, f.client, f.started_at, f.max_refreshes`
)

// familyFields take familyColumns, expiry and generation.
func (r *familyRow) familyFields() []any {
	return []any{
		&r.ID, &r.Project, &r.OwnerID, &r.Owner, &r.Policy, &r.ClientID, &r.Subject, &r.IsUser, &r.GrantType, &r.Source,
		(*[]byte)(&r.Roles), &r.Scope, (*[]byte)(&r.Claims), (*[]byte)(&r.Response), &r.Client, &r.StartedAt, &r.MaxRefreshes,
		&r.ExpiresAt, &r.Generation,
	}
}

// redeemFamily decides a redemption. The row is locked and then seen as its
// last writer left it, so that of any number at once the first wins and the
// rest find its generation spent. A revocation that covers the login counts
// even when the login began while it was under way.
//
// The parameters are: id, environment, client id, generation, window and lifetime in
// seconds, how many moments are kept beside the new one, and the two reasons to end.
const redeemFamily = `with asked as (
	select f.*, now() as at, case
		when f.ended_at is not null or f.client_id <> $3 or f.generation < $4 or exists (
			select from revocations r where (r.environment_id is null or r.environment_id = f.environment_id)
				and (r.project = '' or r.project = f.project) and r.before > f.started_at
				and (r.kind, r.key) in (('USER', case when f.is_user then f.subject end), ('CLIENT', f.client_id), ('POLICY', f.policy), ('ALL', ''))
			) then 'unknown'
		when f.generation > $4 and f.spent[cardinality(f.spent) - (f.generation - $4) + 1] + make_interval(secs => $5)
				> greatest(now(), f.spent[cardinality(f.spent) - (f.generation - $4) + 1])
			then case when f.expires_at > now() then 'repeated' else 'expired' end
		when f.generation > $4 then 'reused'
		when f.expires_at <= now() then 'expired'
		when f.generation >= f.max_refreshes then 'used up'
		else 'redeemed' end as outcome
	from refresh_families f
	where f.id = $1 and f.environment_id = (select id from environments where lower(name) = lower($2))
	for update of f
), changed as (
	update refresh_families f set
		generation = f.generation + (a.outcome = 'redeemed')::int,
		expires_at = case a.outcome when 'redeemed' then a.at + make_interval(secs => $6) else f.expires_at end,
		refreshed_at = case a.outcome when 'redeemed' then a.at else f.refreshed_at end,
		spent = case a.outcome when 'redeemed' then f.spent[greatest(1, cardinality(f.spent) - $7::int):] || a.at else f.spent end,
		ended_at = case when a.outcome in ('used up', 'reused') then a.at end,
		end_reason = case a.outcome when 'used up' then $8 when 'reused' then $9 else '' end
	from asked a
	where f.id = a.id and a.outcome in ('redeemed', 'used up', 'reused')
	returning f.id, f.generation, f.expires_at
)
select ` + familyColumns + `, coalesce(c.expires_at, f.expires_at), coalesce(c.generation, f.generation), f.outcome
from asked f left join changed c on c.id = f.id`

// RedeemFamily decides a redemption in one statement. A token that lies more
// than 32 generations back counts as spent before its window.
func (s *Store) RedeemFamily(ctx context.Context, r token.Redemption) (token.Family, token.RedeemOutcome, error) {
	var row familyRow
	var outcome token.RedeemOutcome
	err := s.pool.QueryRow(ctx, redeemFamily, [16]byte(r.ID), fit(r.Environment), fit(r.ClientID), r.Generation, r.Grace.Seconds(),
		r.Lifetime.Seconds(), spentKept-2, endedUsedUp, endedReused).Scan(append(row.familyFields(), &outcome)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return token.Family{}, token.Unknown, nil
	case err != nil:
		return token.Family{}, "", fmt.Errorf("redeem refresh token: %w", err)
	}
	switch outcome {
	case token.Redeemed, token.Repeated, token.Reused:
		f, err := row.family(r.Environment)
		return f, outcome, err
	default:
		return token.Family{}, outcome, nil
	}
}

// EndFamily ends a family of that client's. False means that there was none.
func (s *Store) EndFamily(ctx context.Context, environment string, id token.FamilyID, clientID, reason string) (bool, error) {
	n, err := exec(ctx, s.db, `update refresh_families set ended_at = now(), end_reason = ?
		where id = ? and environment_id = (select id from environments where lower(name) = lower(?)) and client_id = ? and ended_at is null`,
		endReason(reason), uuid.UUID(id).String(), fit(environment), fit(clientID))
	if err != nil {
		return false, fmt.Errorf("end refresh family: %w", err)
	}
	return n > 0, nil
}

// endReason is never empty, as that stands for a family that has not ended.
func endReason(given string) string {
	if given == "" {
		return endedRevoked
	}
	return truncated(given, maxReason)
}

func (r familyRow) family(environment string) (token.Family, error) {
	id, err := uuid.Parse(r.ID)
	if err != nil {
		return token.Family{}, fmt.Errorf("read id of refresh family: %w", err)
	}
	f := token.Family{
		ID: token.FamilyID(id), Environment: environment, Project: r.Project, OwnerID: r.OwnerID, Owner: r.Owner, Policy: r.Policy,
		ClientID: r.ClientID, Subject: r.Subject, User: r.IsUser, Grant: r.GrantType, Source: r.Source, Scope: r.Scope,
		StartedAt: r.StartedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), Generation: r.Generation, MaxRefreshes: r.MaxRefreshes, Ended: cmp.Or(endedWords[r.EndReason], r.EndReason),
	}
	if r.Client != "" {
		if f.Client, err = netip.ParseAddr(r.Client); err != nil {
			return f, fmt.Errorf("read address of refresh family: %w", err)
		}
	}
	for column, into := range map[string]struct {
		raw document
		to  any
	}{"roles": {r.Roles, &f.Roles}, "claims": {r.Claims, &f.Claims}, "response": {r.Response, &f.Response}} {
		if err := exactJSON(into.raw, into.to); err != nil {
			return f, fmt.Errorf("read %s of refresh family: %w", column, err)
		}
	}
	return f, nil
}

// exactJSON keeps every digit of a number: claims go into the next token as
// they were in the first.
func exactJSON(raw document, to any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(to)
}
