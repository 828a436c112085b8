package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// Bundle is everything that an environment runs, read at one moment.
func (s *Store) Bundle(ctx context.Context, environment string) (engine.Bundle, error) {
	return s.BundleReader(environment).Read(ctx)
}

// BundleReader reads the bundle of one environment again and again. Revisions
// never change, so a definition is sent once, and what a deploy of one API
// among ten thousand costs is one definition and a list of who runs what. It is
// for one goroutine.
type BundleReader struct {
	store       *Store
	environment string
	known       map[string]revision // by the id of the revision
}

// BundleReader is a new one, which has read nothing yet.
func (s *Store) BundleReader(environment string) *BundleReader {
	return &BundleReader{store: s, environment: environment}
}

// Read is the bundle at one moment. The definitions in it are shared with the
// bundles that were read before.
func (r *BundleReader) Read(ctx context.Context) (engine.Bundle, error) {
	var b engine.Bundle
	var known map[string]revision
	err := r.store.look(ctx, func(tx *gorm.DB) (err error) {
		b, known, err = r.read(ctx, tx)
		return err
	})
	if err != nil {
		return engine.Bundle{}, fmt.Errorf("read bundle of %s: %w", r.environment, err)
	}
	r.known = known
	return b, nil
}

func (r *BundleReader) read(ctx context.Context, tx *gorm.DB) (engine.Bundle, map[string]revision, error) {
	e, err := environmentNamed(ctx, tx, r.environment)
	if err != nil {
		return engine.Bundle{}, nil, err
	}
	b := engine.Bundle{Environment: e.Name, PublicURL: e.PublicURL, Generation: e.Generation}
	rings, err := r.store.keyRings(ctx, tx, e.ID)
	if err != nil {
		return b, nil, err
	}
	b.Keys, b.NamedKeys = rings.own, rings.named
	if b.Credentials, err = r.store.credentialsForBundle(ctx, tx, e); err != nil {
		return b, nil, err
	}
	if b.Sources, err = r.store.sources(ctx, tx); err != nil {
		return b, nil, err
	}
	if b.Tokens, err = tokensOfBundle(ctx, tx); err != nil {
		return b, nil, err
	}
	if b.Messages, b.Values, err = catalogue(ctx, tx, e); err != nil {
		return b, nil, err
	}
	lines, err := deployedLines(ctx, tx, e)
	if err != nil {
		return b, nil, err
	}
	known, err := r.revisions(ctx, tx, e, lines)
	if err != nil {
		return b, nil, err
	}
	b.Owners = make([]engine.Owner, len(lines))
	for i, l := range lines {
		v := known[l.revisionID]
		b.Owners[i] = engine.Owner{
			ID: l.id, Kind: l.kind, Revision: v.number, Digest: v.digest, Definition: v.definition,
			Client: engine.Client{ID: l.clientID, SecretHash: l.secretHash},
		}
	}
	return b, known, nil
}

// deployedLine says which revision an environment runs of an owner, with what
// takes effect without a deploy.
type deployedLine struct{ id, kind, revisionID, clientID, secretHash string }

// deployedLines are in the order of the ids, so that equal states give equal
// bundles. They are scanned by hand: this is the one list that is read whole at
// every change.
func deployedLines(ctx context.Context, tx *gorm.DB, e environmentRow) ([]deployedLine, error) {
	rows, err := tx.WithContext(ctx).Raw(`select x.id, x.kind, d.revision_id, x.client_id, x.client_secret_hash
		from deployments d join owners x on x.id = d.owner_id
		where d.environment_id = ? and d.revision_id is not null order by x.id`, e.ID).Rows()
	if err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	defer rows.Close()
	var lines []deployedLine
	for rows.Next() {
		var l deployedLine
		if err := rows.Scan(&l.id, &l.kind, &l.revisionID, &l.clientID, &l.secretHash); err != nil {
			return nil, fmt.Errorf("list deployed owners: %w", err)
		}
		lines = append(lines, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	return lines, nil
}

// revision is what never changes of one.
type revision struct {
	number     int
	digest     string
	definition json.RawMessage
}

// revisions are those of the lines: what is known, and what is not from the
// database.
func (r *BundleReader) revisions(ctx context.Context, tx *gorm.DB, e environmentRow, lines []deployedLine) (map[string]revision, error) {
	all := make(map[string]revision, len(lines))
	var missing []string
	for _, l := range lines {
		if v, ok := r.known[l.revisionID]; ok {
			all[l.revisionID] = v
		} else {
			missing = append(missing, l.revisionID)
		}
	}
	if len(missing) == 0 {
		return all, nil
	}
	return all, readRevisions(ctx, tx, e, missing, all)
}

// readRevisions adds revisions to all: some by their ids, many at once as all
// that run.
func readRevisions(ctx context.Context, tx *gorm.DB, e environmentRow, ids []string, all map[string]revision) error {
	q := from[revisionRow](tx).Select("id, number, digest, definition")
	if len(ids) <= 1000 {
		q = q.Where("id in ?", ids)
	} else {
		q = q.Where("id in (select revision_id from deployments where environment_id = ? and revision_id is not null)", e.ID)
	}
	rows, err := q.Find(ctx)
	if err != nil {
		return fmt.Errorf("read deployed revisions: %w", err)
	}
	for _, row := range rows {
		all[row.ID] = revision{row.Number, row.Digest, json.RawMessage(row.Definition)}
	}
	return nil
}

// Generation is the environment's current one.
func (s *Store) Generation(ctx context.Context, environment string) (int64, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	return e.Generation, err
}
