package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Expiry is something that ends soon.
type Expiry struct {
	Name string
	// Environment is that of a key.
	Environment string
	At          time.Time
}

// expiringShown is how many of what ends soon are named.
const expiringShown = 3

// ExpiringCredentials are enabled credentials of a project that expire before a
// moment and have not yet: those that do first, and how many in all.
func (s *Store) ExpiringCredentials(ctx context.Context, projectID string, before time.Time) ([]Expiry, int, error) {
	return expiring(ctx, s.db, `select name, expires_at as at from credentials
		where project_id = ? and enabled and expires_at > ? and expires_at <= ?`, projectID, s.now(), before.UTC())
}

// ExpiringKeys are signing keys of all environments that end before a moment.
func (s *Store) ExpiringKeys(ctx context.Context, before time.Time) ([]Expiry, int, error) {
	return expiring(ctx, s.db, `select k.kid as name, e.name as environment, k.retire_at as at from environment_keys k
		join environments e on e.id = k.environment_id where k.ended_at is null and k.retire_at > ? and k.retire_at <= ?`, s.now(), before.UTC())
}

func expiring(ctx context.Context, db *gorm.DB, sql string, args ...any) ([]Expiry, int, error) {
	type line struct {
		Name, Environment string
		At                time.Time
		Total             int
	}
	lines, err := query[line](ctx, db, "select *, count(*) over () as total from ("+sql+") x order by at, name limit ?", append(args, expiringShown)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list what expires: %w", err)
	}
	list, total := make([]Expiry, len(lines)), 0
	for i, l := range lines {
		list[i], total = Expiry{l.Name, l.Environment, l.At.UTC()}, l.Total
	}
	return list, total, nil
}

// Outdated is what runs something else than is edited.
type Outdated struct {
	// Owners are those found, with Endpoints and Bindings left out.
	Owners []Owner
	// Uncompared is how many more may be: what they are made of was written since
	// their deploy, and was not compared.
	Uncompared int
}

// outdatedCompared is how many owners are compared for a page: each takes a draft.
const outdatedCompared = 10

// changedSince are the ids of the owners in a project that run in some environments
// and of which a part was written after their deploy. Only those can differ from what
// runs; whether they do tells the digest (D5). Ten seconds are for clocks that differ.
func changedSince(projectID string, in where) where {
	return statement(`select d.owner_id from deployments d join owner_changes c on c.owner_id = d.owner_id
		where c.project_id = ? and d.revision_id is not null and d.environment_id in (select id `+in.sql()+`)
			and d.updated_at - interval '10 seconds' < greatest(c.at, (select updated_at from projects where id = ?), (select max(updated_at) from variables where project_id = ?),
				(select max(v.updated_at) from environment_variables v where v.environment_id = d.environment_id))`,
		append(append([]any{projectID}, in.args...), projectID, projectID)...)
}

// Outdated finds owners of a project that have to be deployed again, the first of
// them by name.
func (s *Store) Outdated(ctx context.Context, projectID string) (Outdated, error) {
	var o Outdated
	if !isID(projectID) {
		return o, nil
	}
	err := s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		type line struct {
			ID    string
			Total int
		}
		changed := changedSince(project.ID, StateFilter{}.environments())
		lines, err := query[line](ctx, tx, "select id, count(*) over () as total from owners where id in ("+changed.sql()+") order by key, id limit ?", append(changed.args, outdatedCompared)...)
		if err != nil || len(lines) == 0 {
			return err
		}
		ids := make([]string, len(lines))
		for i, l := range lines {
			ids[i] = l.ID
		}
		o.Uncompared = lines[0].Total - len(lines)
		rows, err := from[ownerRow](tx).Where("id in ?", ids).Order("lower(name), id").Find(ctx)
		if err != nil {
			return err
		}
		owners, err := s.owners(ctx, tx, project.Name, rows)
		for _, owner := range owners {
			if owner.outdated() {
				owner.Endpoints, owner.Bindings = nil, nil
				o.Owners = append(o.Owners, owner)
			}
		}
		return err
	})
	if err != nil {
		return Outdated{}, fmt.Errorf("find outdated deployments: %w", err)
	}
	return o, nil
}

// OutdatedOwners are those owners that the filter leaves which have to be deployed
// again: of what was written since its deploy, each is compared with what runs (D5),
// from those on that were looked at before. Endpoints and bindings are left out.
func (s *Store) OutdatedOwners(ctx context.Context, projectID string, f OwnerFilter, looked int) (list []Owner, at Scan, err error) {
	err = s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		changed := changedSince(project.ID, StateFilter{}.environments())
		q := f.of(tx, project).Where("id in ("+changed.sql()+")", changed.args...)
		n, err := q.Count(ctx, "*")
		if err != nil {
			return err
		}
		at.Total = int(n)
		rows, err := q.Order(f.order()).Limit(scanMost).Offset(max(looked, 0)).Find(ctx)
		if err != nil {
			return err
		}
		limit, _ := page(1, f.PerPage)
		list, at.Next, err = s.firstOutdated(ctx, tx, project, rows, limit)
		if at.Next += max(looked, 0); at.Next >= at.Total {
			at.Next = 0
		}
		at.Stopped = at.Next > 0 && len(list) < limit
		return err
	})
	if err != nil {
		return nil, Scan{}, fmt.Errorf("list what has to be deployed again: %w", err)
	}
	return list, at, nil
}

// firstOutdated are at most so many of those that have to be deployed again, and how
// many were looked at for them: first as many as are wanted, then the others.
func (s *Store) firstOutdated(ctx context.Context, tx *gorm.DB, project Project, rows []ownerRow, most int) (list []Owner, looked int, err error) {
	first := min(most, len(rows))
	for _, some := range [][]ownerRow{rows[:first], rows[first:]} {
		if len(list) == most {
			break
		}
		owners, err := s.owners(ctx, tx, project.Name, some)
		if err != nil {
			return nil, 0, err
		}
		for i := 0; i < len(owners) && len(list) < most; i++ {
			looked++
			if o := owners[i]; o.outdated() {
				o.Endpoints, o.Bindings = nil, nil
				list = append(list, o)
			}
		}
	}
	return list, looked, nil
}

func (o *Owner) outdated() bool {
	for _, d := range o.Deployments {
		if d.State == RedeployRequired {
			return true
		}
	}
	return false
}

// FailingSource is an identity source that does not answer.
type FailingSource struct {
	Source, Environment string
	Since               time.Time
}

// FailingSources are those of a project whose last event since a moment says so.
func (s *Store) FailingSources(ctx context.Context, in Scope, since time.Time) ([]FailingSource, error) {
	var w where
	w.and("kind in ('IDENTITY_SOURCE_FAILING', 'IDENTITY_SOURCE_RECOVERED')")
	w.and("at >= ?", since.UTC())
	w.in("project", in)
	list, err := query[FailingSource](ctx, s.db, `select source, environment, at as since from (
			select distinct on (source, environment) source, environment, kind, at from security_events where `+w.sql()+` order by source, environment, at desc, id desc
		) last where kind = 'IDENTITY_SOURCE_FAILING' order by source, environment limit 100`, w.args...)
	if err != nil {
		return nil, fmt.Errorf("list failing sources: %w", err)
	}
	return list, nil
}

// RefusalCount is how many calls were refused for one reason in one bucket.
type RefusalCount struct {
	Bucket int
	Fault  string
	Count  int
}

// RefusalStats counts refused calls between two moments in buckets of whole hours.
func (s *Store) RefusalStats(ctx context.Context, in Scope, from, to time.Time, width time.Duration) ([]RefusalCount, error) {
	var w where
	w.and("hour >= ? and hour < ?", from.UTC(), to.UTC())
	w.in("project", in)
	list, err := query[RefusalCount](ctx, s.db, `select (extract(epoch from b.start - ?::timestamptz) / ?::float8)::int as bucket, b.fault, b.count
		from (select date_bin(make_interval(secs => ?), hour, ?::timestamptz) as start, fault, sum(refusals)::bigint as count
			from refusal_hours where `+w.sql()+` group by 1, 2) b order by 1, 2`,
		append([]any{from.UTC(), width.Seconds(), width.Seconds(), from.UTC()}, w.args...)...)
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	return list, nil
}
