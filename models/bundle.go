package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// Bundle is everything that an environment runs, read at one moment.
func (s *Store) Bundle(ctx context.Context, environment string) (engine.Bundle, error) {
	return s.BundleReader(environment).Read(ctx)
}

// BundleReader reads the bundle of one environment again and again: all of it
// once, then what has changed. It is for one goroutine.
type BundleReader struct {
	store       *Store
	environment string
	last        *reading // nil: nothing yet
}

// reading is a bundle with the moment it is of.
type reading struct {
	moment
	bundle engine.Bundle
	// whole is when all of it was read last, losses how often the store had lost
	// touch with the database until then.
	whole  time.Time
	losses int64
}

// BundleReader is a new one, which has read nothing yet.
func (s *Store) BundleReader(environment string) *BundleReader {
	return &BundleReader{store: s, environment: environment}
}

// Read is the bundle at one moment. What did not change in it is shared with the
// bundles that were read before, so nobody may write to it.
func (r *BundleReader) Read(ctx context.Context) (engine.Bundle, error) {
	return r.look(ctx, func(tx *gorm.DB) (*reading, error) { return r.read(ctx, tx) })
}

// Verify reads the bundle whole beside the one that was kept up to date, and
// tells whether they differ: then something was missed, which nothing should be.
func (r *BundleReader) Verify(ctx context.Context) (b engine.Bundle, missed bool, err error) {
	b, err = r.look(ctx, func(tx *gorm.DB) (*reading, error) {
		kept, err := r.read(ctx, tx)
		if err != nil {
			return nil, err
		}
		whole, err := r.readAll(ctx, tx, kept.moment)
		missed = err == nil && !kept.bundle.Same(&whole.bundle)
		if err == nil && !missed { // so that all is shared on
			whole.bundle = kept.bundle
		}
		return whole, err
	})
	return b, missed, err
}

func (r *BundleReader) look(ctx context.Context, read func(*gorm.DB) (*reading, error)) (engine.Bundle, error) {
	losses := r.store.losses.Load() // before, so that one from now on counts the next time
	var now *reading
	err := r.store.look(ctx, func(tx *gorm.DB) (err error) {
		now, err = read(tx)
		return err
	})
	if err != nil {
		return engine.Bundle{}, fmt.Errorf("read bundle of %s: %w", r.environment, err)
	}
	if now.whole.Equal(now.Now) {
		now.losses = losses
	}
	r.last = now
	return now.bundle, nil
}

// read goes on from the last reading where that is safe.
func (r *BundleReader) read(ctx context.Context, tx *gorm.DB) (*reading, error) {
	now, err := momentOf(ctx, tx, r.environment)
	if err != nil {
		return nil, err
	}
	if r.last == nil || r.last.losses != r.store.losses.Load() || !now.follows(r.last.moment) {
		return r.readAll(ctx, tx, now)
	}
	changed, all, err := changesSince(ctx, tx, r.last.Snapshot)
	switch {
	case err != nil:
		return nil, err
	case !all:
		return r.readAll(ctx, tx, now)
	}
	next := *r.last
	next.moment = now
	return &next, r.update(ctx, tx, &next, changed)
}

func (r *BundleReader) readAll(ctx context.Context, tx *gorm.DB, now moment) (*reading, error) {
	next := &reading{moment: now, whole: now.Now}
	all := changes{keys: true, sources: true, tokens: true, catalogue: true, whole: true}
	if r.last != nil {
		next.bundle.Owners = r.last.bundle.Owners // whose definitions are known
	}
	return next, r.update(ctx, tx, next, all)
}

// update brings the bundle of a reading to its moment. What it does not read it
// leaves as it is.
func (r *BundleReader) update(ctx context.Context, tx *gorm.DB, now *reading, c changes) (err error) {
	b, e := &now.bundle, now.environment()
	b.Environment, b.PublicURL, b.Generation = e.Name, e.PublicURL, e.Generation
	if c.keys {
		rings, err := r.store.keyRings(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		b.Keys, b.NamedKeys = rings.own, rings.named
	}
	if c.sources {
		if b.Sources, err = r.store.sources(ctx, tx); err != nil {
			return err
		}
	}
	if c.tokens {
		if b.Tokens, err = tokensOfBundle(ctx, tx); err != nil {
			return err
		}
	}
	if c.catalogue {
		if b.Messages, b.Values, err = catalogue(ctx, tx, e); err != nil {
			return err
		}
	}
	if c.whole || len(c.credentials) > 0 {
		list, err := r.store.credentialsForBundle(ctx, tx, e, c.credentials)
		if err != nil {
			return err
		}
		b.Credentials = c.merge(b.Credentials, list)
	}
	if c.whole || len(c.owners) > 0 {
		list, err := deployedOwners(ctx, tx, e, c.owners, b.Owners)
		if err != nil {
			return err
		}
		b.Owners = c.mergeOwners(b.Owners, list)
	}
	return nil
}

// Generation is the environment's current one.
func (s *Store) Generation(ctx context.Context, environment string) (int64, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	return e.Generation, err
}
