package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/engine/token"
)

// Login is a refresh family as people see it: a login that can be refreshed.
type Login struct {
	ID token.FamilyID
	// Session is the id as tokens spell it, in the claim sid.
	Session                                      string
	Environment, Project, OwnerID, Owner, Policy string
	ClientID, Subject                            string
	User                                         bool
	Grant, Source, Scope                         string
	Roles                                        []string
	Client                                       string
	StartedAt                                    time.Time
	// RefreshedAt is zero until the first refresh.
	RefreshedAt time.Time
	// ExpiresAt is when the newest refresh token ends.
	ExpiresAt          time.Time
	Refreshes, Allowed int
}

// LoginFilter narrows the list of logins. Zero members do not narrow.
type LoginFilter struct {
	// Query is looked for in the subject, the client id and the owner's name.
	Query, Environment, Project, Owner, Policy string
	// Address is one, or a network such as 10.0.0.0/8.
	Address       string
	Page, PerPage int
}

// Logins lists the logins that can be refreshed now, newest first, and how many
// there are in all. It counts no further than CountCap.
func (s *Store) Logins(ctx context.Context, in Scope, f LoginFilter) ([]Login, int, error) {
	w := f.conditions()
	w.in("f.project", in)
	from := "from refresh_families f join environments e on e.id = f.environment_id where " + w.sql()
	total, err := s.countCapped(ctx, from, w.args)
	if err != nil {
		return nil, 0, fmt.Errorf("count logins: %w", err)
	}
	limit, offset := page(f.Page, f.PerPage)
	list, err := s.logins(ctx, from+" order by f.started_at desc, f.id desc limit ? offset ?", append(w.args, limit, offset)...)
	return list, total, err
}

func (f LoginFilter) conditions() where {
	var w where
	w.and("f.ended_at is null and f.expires_at > now()")
	if f.Query != "" {
		like := containing(f.Query)
		w.and("(f.subject ilike ? or f.client_id ilike ? or f.owner ilike ?)", like, like, like)
	}
	w.equal("lower(e.name)", strings.ToLower(f.Environment))
	w.equal("f.project", f.Project)
	w.equal("f.owner", f.Owner)
	w.equal("f.policy", f.Policy)
	w.address("f.client", f.Address)
	return w
}

func (s *Store) logins(ctx context.Context, from string, args ...any) ([]Login, error) {
	type line struct {
		Row         familyRow `gorm:"embedded"`
		Environment string
	}
	lines, err := query[line](ctx, s.db, `select f.id, f.project, f.owner_id, f.owner, f.policy, f.client_id, f.subject, f.is_user, f.grant_type,
		f.source, f.roles, f.scope, f.client, f.started_at, f.refreshed_at, f.expires_at, f.generation, f.max_refreshes, e.name as environment `+from, args...)
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	list := make([]Login, len(lines))
	for i, l := range lines {
		if list[i], err = l.Row.login(l.Environment); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r familyRow) login(environment string) (Login, error) {
	id, err := uuid.Parse(r.ID)
	if err != nil {
		return Login{}, fmt.Errorf("read id of login: %w", err)
	}
	l := Login{
		ID: token.FamilyID(id), Session: token.FamilyID(id).String(), Environment: environment,
		Project: r.Project, OwnerID: r.OwnerID, Owner: r.Owner, Policy: r.Policy, ClientID: r.ClientID, Subject: r.Subject, User: r.IsUser,
		Grant: r.GrantType, Source: r.Source, Scope: r.Scope, Client: r.Client,
		StartedAt: r.StartedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), Refreshes: r.Generation, Allowed: r.MaxRefreshes,
	}
	if r.RefreshedAt != nil {
		l.RefreshedAt = r.RefreshedAt.UTC()
	}
	if err := exactJSON(r.Roles, &l.Roles); err != nil {
		return l, fmt.Errorf("read roles of login: %w", err)
	}
	return l, nil
}

// Login is a login that has not ended, by its session id (sid), or ErrNotFound.
func (s *Store) Login(ctx context.Context, session string) (Login, error) {
	id, ok := token.SessionID(session)
	if !ok {
		return Login{}, fmt.Errorf("read login: %w", ErrNotFound)
	}
	list, err := s.logins(ctx, `from refresh_families f join environments e on e.id = f.environment_id
		where f.id = ? and f.ended_at is null`, uuid.UUID(id).String())
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Login{}, fmt.Errorf("read login: %w", err)
	}
	return list[0], nil
}

// EndLogin ends a login and makes its access tokens worthless, in one
// transaction with its audit record and a security event. A login that has
// ended already is ErrNotFound.
func (s *Store) EndLogin(ctx context.Context, by Actor, session, reason string) (RevokeResult, error) {
	l, err := s.Login(ctx, session)
	if err != nil {
		return RevokeResult{}, err
	}
	// Its newest access token may live longer than its refresh token; how long
	// is not known here, so the entry stays.
	return s.Revoke(ctx, by, l.Environment, revoke.Entry{Kind: revoke.Family, Key: l.Session}, reason)
}

// PurgeFamilies removes families that ended or expired longer ago than kept,
// and says how many. A family must not go while a spent token of it would
// still be recognised as reused to some end: when all its tokens have expired,
// nothing of it is left to protect.
func (s *Store) PurgeFamilies(ctx context.Context, kept time.Duration) (int, error) {
	return s.purge(ctx, "refresh_families", `select id from refresh_families where least(expires_at, ended_at) < now() - make_interval(secs => ?)`, kept.Seconds())
}

// purge deletes what the query finds in small batches, so that no lock is held
// for long and a stop loses little.
func (s *Store) purge(ctx context.Context, table, ids string, args ...any) (int, error) {
	total := 0
	for {
		n, err := exec(ctx, s.db, "delete from "+table+" where id in ("+ids+" limit 5000)", args...)
		total += n
		if err != nil {
			return total, fmt.Errorf("purge %s: %w", table, err)
		}
		if n < 5000 {
			return total, nil
		}
	}
}

// covered are the live families that an entry covers, as f.
func covered(environmentID string, e revoke.Entry) where {
	var w where
	w.and("f.ended_at is null and f.expires_at > now()")
	if environmentID != "" {
		w.and("f.environment_id = ?", environmentID)
	}
	if e.Project != "" {
		w.and("f.project = ?", e.Project)
	}
	if !e.Before.IsZero() {
		w.and("f.started_at < ?", e.Before.UTC())
	}
	switch e.Kind {
	case revoke.User:
		w.and("f.is_user and f.subject = ?", e.Key)
	case revoke.Client:
		w.and("f.client_id = ?", e.Key)
	case revoke.Policy:
		w.and("f.policy = ?", e.Key)
	case revoke.All:
	case revoke.Family:
		id, ok := token.SessionID(e.Key)
		w.and("f.id = ? and ?", uuid.UUID(id).String(), ok)
	default:
		w.and("false") // a single token is not its login
	}
	return w
}

// endBatch is how many logins end at once: few enough that a stop loses little,
// and enough that finding them does not take longer than ending them.
const endBatch = 50_000

// endFamilies ends the families that a revocation covers and says how many.
func endFamilies(ctx context.Context, tx *gorm.DB, r revocation) (int, error) {
	w, why := covered(r.environmentID, r.entry), endedRevoked
	if r.reason != "" {
		why = truncated(endedWords[endedRevoked]+": "+r.reason, maxReason)
	}
	for total := 0; ; {
		n, err := exec(ctx, tx, "update refresh_families set ended_at = now(), end_reason = ? where ended_at is null and id in (select f.id from refresh_families f where "+
			w.sql()+" limit ?)", append(append([]any{why}, w.args...), endBatch)...)
		if err != nil {
			return total, fmt.Errorf("end logins: %w", err)
		}
		if total += n; n < endBatch {
			return total, nil
		}
	}
}

// countFamilies counts the families that an entry would end.
func countFamilies(ctx context.Context, tx *gorm.DB, environmentID string, e revoke.Entry) (int, error) {
	w := covered(environmentID, e)
	n, err := query[int](ctx, tx, "select count(*) from refresh_families f where "+w.sql(), w.args...)
	if err != nil {
		return 0, fmt.Errorf("count logins: %w", err)
	}
	return n[0], nil
}
