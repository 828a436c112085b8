package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/revoke"
)

// TokenStats is what was asked of the token service in a span of time.
type TokenStats struct {
	// From is where the first bucket begins, Width how long each is.
	From  time.Time
	Width time.Duration
	// Buckets is how many there are.
	Buckets int
	// Counts are in the order of time.
	Counts []TokenCount
}

// TokenCount is how many token requests of one kind one bucket has.
type TokenCount struct {
	Bucket int
	// Grant is the grant_type; one that the caller made up is "other".
	Grant string
	// Source is the kind and name of the identity source, "" when none was
	// asked.
	Source string
	// Error is the RFC 6749 error code, "" for what was issued.
	Error string
	Count int
}

// grants that have a name of their own in figures; what callers make up must
// not make series.
const knownGrants = "('client_credentials', 'password', 'refresh_token')"

// maxBuckets bounds what a chart is asked to draw.
const maxBuckets = 200

// TokenStats counts logins, refreshes and regenerations between two moments in
// buckets of the width; an empty environment means all.
func (s *Store) TokenStats(ctx context.Context, from, to time.Time, width time.Duration, environment string) (TokenStats, error) {
	from = from.UTC()
	stats := TokenStats{From: from, Width: width, Buckets: int((to.Sub(from) + width - 1) / width)}
	if width <= 0 || stats.Buckets < 1 || stats.Buckets > maxBuckets {
		return stats, fmt.Errorf("count token requests: %d buckets of %s from %s to %s", stats.Buckets, width, from, to)
	}
	var w where
	w.and("operation in ('ISSUE', 'REFRESH', 'REGENERATE')")
	w.equal("environment", environment)
	w.between(from, to)
	var err error
	stats.Counts, err = query[TokenCount](ctx, s.db, `select floor(extract(epoch from at - ?::timestamptz) / ?::float8)::int as bucket,
			case when operation = 'REGENERATE' then 'regenerate' when grant_type in `+knownGrants+` then grant_type else 'other' end as grant,
			source, error, count(*) as count
		from token_requests where `+w.sql()+` group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
		append([]any{from, width.Seconds()}, w.args...)...)
	if err != nil {
		return stats, fmt.Errorf("count token requests: %w", err)
	}
	return stats, nil
}

// ReasonCount is how often a token request was refused for a reason.
type ReasonCount struct {
	Error, Reason string
	Count         int
}

// RefusalReasons are the most frequent reasons of refusals between two moments.
func (s *Store) RefusalReasons(ctx context.Context, from, to time.Time, environment string, most int) ([]ReasonCount, error) {
	var w where
	w.and("error <> ''")
	w.equal("environment", environment)
	w.between(from, to)
	list, err := query[ReasonCount](ctx, s.db, "select error, reason, count(*) as count from token_requests where "+w.sql()+
		" group by error, reason order by count(*) desc, error, reason limit ?", append(w.args, min(max(most, 1), maxPerPage))...)
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	return list, nil
}

// TokenSources are the identity sources that the log names, for filters. It
// leaps from one to the next in their index: the log may have millions of lines
// of each.
func (s *Store) TokenSources(ctx context.Context) ([]string, error) {
	list, err := query[string](ctx, s.db, `with recursive named as (
			(select source from token_requests where source <> '' order by source limit 1)
			union all
			select (select t.source from token_requests t where t.source <> '' and t.source > n.source order by t.source limit 1)
			from named n where n.source is not null
		) select source from named where source is not null limit 200`)
	if err != nil {
		return nil, fmt.Errorf("list sources of token requests: %w", err)
	}
	return list, nil
}

// LiveTokenFilter says which access tokens to count. Zero members do not
// narrow.
type LiveTokenFilter struct {
	Environment, Project, Owner, Policy string
	// KeyID is the kid that signed.
	KeyID string
	// ClientID is whose login it was, Username a user.
	ClientID, Username string
	// Family is the sid, TokenID the jti.
	Family, TokenID string
	// IssuedBefore counts only older ones.
	IssuedBefore time.Time
}

// CountLiveTokens counts the access tokens that are neither expired nor revoked, as
// far as the log of token requests knows: those older than its retention and
// those whose line was lost are not counted. It counts no further than a
// million.
func (s *Store) CountLiveTokens(ctx context.Context, f LiveTokenFilter) (int, error) {
	return s.countLiveTokens(ctx, s.db, f)
}

func (s *Store) countLiveTokens(ctx context.Context, tx *gorm.DB, f LiveTokenFilter) (int, error) {
	w := f.conditions()
	n, err := query[int](ctx, tx, "select count(*) from (select from token_requests t where "+w.sql()+" limit 1000000) live", w.args...)
	if err != nil {
		return 0, fmt.Errorf("count live tokens: %w", err)
	}
	return n[0], nil
}

// revoked is true of a token that an entry covers. A token of a user is one of
// the password grant, or of a login that began with it.
const revokedToken = `exists (select from revocations r left join environments e on e.id = r.environment_id
	where (e.name is null or e.name = t.environment) and (r.project = '' or r.project = t.project)
		and (r.before is null or t.issued_at < r.before)
		and (r.kind, r.key) in (('TOKEN', t.token_id), ('FAMILY', t.family), ('CLIENT', t.client_id), ('POLICY', t.policy), ('ALL', ''),
			('USER', case when t.grant_type <> 'client_credentials' then t.username end)))`

func (f LiveTokenFilter) conditions() where {
	var w where
	w.and("t.token_id <> '' and coalesce(t.expires_at, 'infinity'::timestamptz) > now() and t.operation in ('ISSUE', 'REFRESH', 'REGENERATE')")
	w.equal("lower(t.environment)", strings.ToLower(f.Environment))
	w.equal("t.project", f.Project)
	w.equal("t.owner", f.Owner)
	w.equal("t.policy", f.Policy)
	w.equal("t.key_id", f.KeyID)
	w.equal("t.client_id", f.ClientID)
	w.equal("t.family", f.Family)
	w.equal("t.token_id", f.TokenID)
	if f.Username != "" {
		w.and("lower(t.username) = lower(?) and t.username = ? and t.grant_type <> 'client_credentials'", fit(f.Username), fit(f.Username))
	}
	if !f.IssuedBefore.IsZero() {
		w.and("t.issued_at < ?", f.IssuedBefore.UTC())
	}
	w.and("not " + revokedToken)
	return w
}

// tokensOf are the tokens that an entry covers.
func tokensOf(environment string, e revoke.Entry) LiveTokenFilter {
	f := LiveTokenFilter{Environment: environment, Project: e.Project, IssuedBefore: e.Before}
	switch e.Kind {
	case revoke.User:
		f.Username = e.Key
	case revoke.Client:
		f.ClientID = e.Key
	case revoke.Policy:
		f.Policy = e.Key
	case revoke.Family:
		f.Family = e.Key
	case revoke.Token:
		f.TokenID = e.Key
	}
	return f
}
