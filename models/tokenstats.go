package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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

// maxBuckets bounds what a chart is asked to draw.
const maxBuckets = 200

// TokenStats counts logins, refreshes and regenerations between two moments in
// buckets of the width; an empty environment means all.
func (s *Store) TokenStats(ctx context.Context, in Scope, from, to time.Time, width time.Duration, environment string, by StatsBy) (TokenStats, error) {
	from = from.UTC()
	stats := TokenStats{From: from, Width: width, Buckets: int((to.Sub(from) + width - 1) / width)}
	if width <= 0 || stats.Buckets < 1 || stats.Buckets > maxBuckets {
		return stats, fmt.Errorf("count token requests: %d buckets of %s from %s to %s", stats.Buckets, width, from, to)
	}
	table, at, grant, count := "token_requests", "at", "token_request_kind(operation, grant_type)", "count(*)"
	var w where
	if onTheHour(from) && onTheHour(to) && width%time.Hour == 0 {
		table, at, grant, count = "token_request_hours", "hour", "grant_type", "sum(requests)::bigint"
	} else {
		w.and("operation in ('ISSUE', 'REFRESH', 'REGENERATE')")
	}
	w.equal("environment", environment)
	w.in("project", in)
	w.and(at+" >= ? and "+at+" < ?", from, to.UTC())
	var err error
	stats.Counts, err = query[TokenCount](ctx, s.db, `select (extract(epoch from b.start - ?::timestamptz) / ?::float8)::int as bucket, b."grant", b.source, b.error, b.count
		from (select date_bin(make_interval(secs => ?), `+at+`, ?::timestamptz) as start, `+by.columns(grant)+`, `+count+` as count
			from `+table+` where `+w.sql()+` group by 1, 2, 3, 4) b`,
		append([]any{from, width.Seconds(), width.Seconds(), from}, w.args...)...)
	if err != nil {
		return stats, fmt.Errorf("count token requests: %w", err)
	}
	slices.SortFunc(stats.Counts, func(a, b TokenCount) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Grant, b.Grant), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Error, b.Error))
	})
	return stats, nil
}

// StatsBy is how counts are split, beside what was issued from what was refused.
type StatsBy string

// The ways to split; the empty one splits by all of them.
const (
	ByGrant  StatsBy = "grant"
	BySource StatsBy = "source"
	ByError  StatsBy = "error"
)

// columns are those that a split tells apart. What need not be told apart need
// not be carried here: by all of them there are thousands of counts in a month.
func (b StatsBy) columns(grant string) string {
	source, failed := "source", "error"
	if b != "" && b != ByGrant {
		grant = "''"
	}
	if b != "" && b != BySource {
		source = "''"
	}
	if b != "" && b != ByError {
		failed = "case when error <> '' then '" + AnyError + "' else '' end"
	}
	return grant + ` as "grant", ` + source + " as source, " + failed + " as error"
}

// AnyError stands for every error where these are not told apart.
const AnyError = "any"

// onTheHour tells times for which the counts of hours will do, which are a small
// part of the log.
func onTheHour(t time.Time) bool { return t.Truncate(time.Hour).Equal(t) }

// ReasonCount is how often a token request was refused for a reason.
type ReasonCount struct {
	Error, Reason string
	Count         int
}

// ReasonsOf is of how many refusals, the last ones, the reasons are counted.
const ReasonsOf = 10_000

// RefusalReasons are the most frequent reasons of the last refusals between two
// moments.
func (s *Store) RefusalReasons(ctx context.Context, in Scope, from, to time.Time, environment string, most int) ([]ReasonCount, error) {
	var w where
	w.and("error <> ''")
	w.equal("environment", environment)
	w.in("project", in)
	w.between(from, to)
	list, err := query[ReasonCount](ctx, s.db, "select error, reason, count(*) as count from (select error, reason from token_requests where "+w.sql()+
		" order by at desc, id desc limit ?) last group by error, reason order by count(*) desc, error, reason limit ?",
		append(w.args, ReasonsOf, min(max(most, 1), maxPerPage))...)
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	return list, nil
}

// TokenSources are the identity sources that the log names, for filters. It
// leaps from one to the next in their index: the log may have millions of lines
// of each. For some projects only the counts of hours know them.
func (s *Store) TokenSources(ctx context.Context, in Scope) ([]string, error) {
	if !in.All() {
		return s.tokenSourcesOf(ctx, in)
	}
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

func (s *Store) tokenSourcesOf(ctx context.Context, in Scope) ([]string, error) {
	var w where
	w.and("source <> ''")
	w.in("project", in)
	list, err := query[string](ctx, s.db, "select distinct source from token_request_hours where "+w.sql()+" order by source limit 200", w.args...)
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
	// IssuedBefore counts only older ones, IssuedSince no older ones.
	IssuedBefore, IssuedSince time.Time
}

// CountLiveTokens counts the access tokens that are neither expired nor revoked, as
// far as the log of token requests knows: those older than its retention and
// those whose line was lost are not counted. It counts no further than CountCap.
func (s *Store) CountLiveTokens(ctx context.Context, f LiveTokenFilter) (int, error) {
	return liveTokensCapped(ctx, s.db, f)
}

// revoked is true of a token that an entry covers. A token of a user is one of
// the password grant, or of a login that began with it.
const revokedToken = `exists (select from revocations r left join environments e on e.id = r.environment_id
	where (e.name is null or e.name = t.environment) and (r.project = '' or r.project = t.project)
		and (r.before is null or t.issued_at < r.before)
		and (r.kind, r.key) in (('TOKEN', t.token_id), ('FAMILY', t.family), ('CLIENT', t.client_id), ('POLICY', t.policy), ('ALL', ''),
			('USER', case when t.grant_type <> 'client_credentials' then t.username end)))`

// tokenEnds is when the token of a row expires, null where none was issued. Its
// index is not a partial one, because of that PostgreSQL would not know how few
// tokens live, and read the whole log.
const tokenEnds = "case when t.token_id <> '' then coalesce(t.expires_at, 'infinity'::timestamptz) end"

// conditions are of the tokens that live now, by the clock of the database when
// now is zero.
func (f LiveTokenFilter) conditions(now time.Time) where {
	var w where
	w.and("t.operation in ('ISSUE', 'REFRESH', 'REGENERATE')")
	if now.IsZero() {
		w.and(tokenEnds + " > now()")
	} else {
		w.and(tokenEnds+" > ?", now.UTC())
	}
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
	if !f.IssuedSince.IsZero() {
		w.and("t.issued_at >= ?", f.IssuedSince.UTC())
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
