package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/identity"
)

const (
	// maxChanges is how many changed owners and credentials are read one by one;
	// with more, all are.
	maxChanges = 1000
	// changesKept is how long changes are kept, changesGood how old a reading may
	// be that goes on from them.
	changesKept = 2 * day
	changesGood = day
)

// moment is an environment as one transaction sees it, and which transactions
// that one sees.
type moment struct {
	ID, Name, PublicURL string
	Generation          int64
	Snapshot            string
	Now                 time.Time
}

func momentOf(ctx context.Context, tx *gorm.DB, environment string) (moment, error) {
	if !storable(environment) {
		return moment{}, fmt.Errorf("read environment: %w", ErrNotFound)
	}
	list, err := query[moment](ctx, tx, `select id, name, public_url, generation, pg_current_snapshot()::text as snapshot, now() as now
		from environments where lower(name) = lower(?)`, environment)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return moment{}, fmt.Errorf("read environment: %w", err)
	}
	return list[0], nil
}

func (m moment) environment() environmentRow {
	return environmentRow{ID: m.ID, Name: m.Name, PublicURL: m.PublicURL, Generation: m.Generation}
}

// follows tells whether m is later in the life of one database: what goes back
// was restored or is another one, and its changes say nothing.
func (m moment) follows(last moment) bool {
	if m.ID != last.ID || m.Generation < last.Generation || m.Now.Before(last.Now) || m.Now.Sub(last.Now) > changesGood {
		return false
	}
	min, max, ok := bounds(m.Snapshot)
	lastMin, lastMax, known := bounds(last.Snapshot)
	return ok && known && min >= lastMin && max >= lastMax
}

// bounds are the first two numbers of a pg_snapshot, such as 10:20:10,14: all
// transactions before the first have ended, none from the second on is seen.
func bounds(snapshot string) (min, max uint64, ok bool) {
	parts := strings.SplitN(snapshot, ":", 3)
	if len(parts) != 3 {
		return 0, 0, false
	}
	min, err := strconv.ParseUint(parts[0], 10, 64)
	max, wrong := strconv.ParseUint(parts[1], 10, 64)
	return min, max, err == nil && wrong == nil
}

// changes are what a bundle has to be brought up to date with; whole means all
// owners and credentials.
type changes struct {
	owners, credentials              []string // ids in order
	keys, sources, tokens, catalogue bool
	whole                            bool
}

// changesSince are those that a snapshot did not see; false when they are too
// many to be told one by one. Each row carries the transaction that wrote it, so
// it does not matter in which order those began or ended: what one transaction
// sees and an earlier one did not is new. Rows of transactions that are still to
// come were carried over from another database and mean nothing.
func changesSince(ctx context.Context, tx *gorm.DB, snapshot string) (c changes, all bool, err error) {
	type line struct{ Kind, ID string }
	lines, err := query[line](ctx, tx, `select distinct kind, id from changes
		where xid >= pg_snapshot_xmin(?::pg_snapshot) and xid < pg_snapshot_xmax(pg_current_snapshot())
			and not pg_visible_in_snapshot(xid, ?::pg_snapshot) order by id limit ?`, snapshot, snapshot, maxChanges+1)
	if err != nil {
		return c, false, fmt.Errorf("list changes: %w", err)
	}
	for _, l := range lines {
		switch l.Kind {
		case "OWNER":
			c.owners = append(c.owners, l.ID)
		case "CREDENTIAL":
			c.credentials = append(c.credentials, l.ID)
		case "KEYS":
			c.keys = true
		case "SOURCES":
			c.sources = true
		case "TOKENS":
			c.tokens = true
		case "CATALOGUE":
			c.catalogue = true
		default: // of a newer version
			return c, false, nil
		}
	}
	return c, len(lines) <= maxChanges, nil
}

func (c *changes) mergeOwners(old, read []engine.Owner) []engine.Owner {
	if c.whole {
		return read
	}
	return merged(old, read, c.owners, func(o engine.Owner) string { return o.ID })
}

func (c *changes) merge(old, read []*identity.Credential) []*identity.Credential {
	if c.whole {
		return read
	}
	return merged(old, read, c.credentials, func(x *identity.Credential) string { return x.ID })
}

// merged is old with what was read in the place of all that has one of the ids.
// Everything is in the order of the ids.
func merged[T any](old, read []T, ids []string, id func(T) string) []T {
	list := make([]T, 0, len(old)+len(read))
	for _, changed := range ids {
		at, found := slices.BinarySearchFunc(old, changed, func(have T, want string) int { return strings.Compare(id(have), want) })
		list, old = append(list, old[:at]...), old[at:]
		if found {
			old = old[1:]
		}
		if len(read) > 0 && id(read[0]) == changed {
			list, read = append(list, read[0]), read[1:]
		}
	}
	return append(list, old...)
}

// forgetChanges removes those that every reader has seen or reads all instead.
func (s *Store) forgetChanges(ctx context.Context) error {
	if _, err := exec(ctx, s.db, "delete from changes where at < now() - make_interval(secs => ?)", changesKept.Seconds()); err != nil {
		return fmt.Errorf("forget changes: %w", err)
	}
	return nil
}
