package models

import (
	"context"
	"fmt"
	"time"
)

// revocationLeeway is added to the life of tokens: clocks differ, and a token
// is accepted a little after its end.
const revocationLeeway = 24 * 60 * 60 // seconds

// longestLifetime is, in seconds, the longest that a token of any revision
// that was ever deployed can live; -1 when one of them issues tokens that never
// expire, or takes the lifetime from each credential. Revisions are
// immutable and stay as long as their proxy does, and with a proxy its tokens
// end too. The log of token requests would not do: it may lose lines.
const longestLifetime = `select case
		when bool_or((p ->> 'tokenNeverExpires')::boolean is not false or (p ->> 'managedFromThisPolicy')::boolean is false) then -1
		else coalesce(max((p ->> 'tokenExpiresInAmount')::float8 * case p ->> 'tokenExpiresInUnit'
			when 'MILLI_SECONDS' then 0.001 when 'SECONDS' then 1 when 'MINUTES' then 60 when 'HOURS' then 3600 when 'DAYS' then 86400
			when 'WEEKS' then 604800 when 'MONTHS' then 2592000 when 'YEARS' then 31536000 end), 0) end
	from revisions r cross join lateral jsonb_path_query(r.definition::jsonb, '$.** ? (@.type == "policy-auth-jwt")') p`

// uncovering are the entries of which no token is left when all those issued
// before a moment have expired.
const uncovering = "from revocations where expires_at is null and coalesce(before, revoked_at) < ?"

// PurgeRevocations removes entries that cover no token that can still live,
// and says how many: those that say when, and of the others those whose moment
// lies further back than the longest life of a token.
func (s *Store) PurgeRevocations(ctx context.Context) (int, error) {
	n, err := s.purge(ctx, "revocations", "select id from revocations where expires_at < now()")
	if err != nil {
		return n, err
	}
	lives, err := query[float64](ctx, s.db, longestLifetime)
	if err != nil {
		return n, fmt.Errorf("read the longest life of a token: %w", err)
	}
	if len(lives) == 0 || lives[0] < 0 {
		return n, nil
	}
	type line struct{ At time.Time }
	// Read once: what the first step does not see, the second must not remove.
	limit, err := query[line](ctx, s.db, "select now() - make_interval(secs => ?) as at", lives[0]+revocationLeeway)
	if err != nil {
		return n, fmt.Errorf("read the clock: %w", err)
	}
	if err := s.endUncovered(ctx, limit[0].At); err != nil {
		return n, err
	}
	more, err := s.purge(ctx, "revocations", "select id "+uncovering, limit[0].At)
	return n + more, err
}

// endUncovered ends the logins that nothing but an entry that goes keeps from
// being refreshed: those that it did not see because they began while it was
// made, or that could not be ended then. A login may live longer than any token.
func (s *Store) endUncovered(ctx context.Context, limit time.Time) error {
	rows, err := query[revocationRow](ctx, s.db, "select * "+uncovering+" and before is not null", limit)
	if err != nil {
		return fmt.Errorf("read old revocations: %w", err)
	}
	for _, row := range rows {
		r := revocation{entry: row.entry(), reason: row.Reason}
		if row.EnvironmentID != nil {
			r.environmentID = *row.EnvironmentID
		}
		if _, err := endFamilies(ctx, s.db, r); err != nil {
			return err
		}
	}
	return nil
}
