package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
)

// deployedOwners are those of the ids that an environment runs, or all when ids
// is nil, in the order of their ids, so that equal states give equal bundles.
// Revisions never change, so the definitions of the known ones are not read
// again.
func deployedOwners(ctx context.Context, tx *gorm.DB, e environmentRow, ids []string, known []engine.Owner) ([]engine.Owner, error) {
	if len(known) == 0 {
		return ownerLines(ctx, tx, "r.definition", e, ids)
	}
	list, err := ownerLines(ctx, tx, "null", e, ids)
	if err != nil {
		return nil, err
	}
	var missing []int
	for i := range list {
		if at, ok := slices.BinarySearchFunc(known, list[i].ID, byOwner); ok && sameRevision(&known[at], &list[i]) {
			list[i].Digest, list[i].Definition = known[at].Digest, known[at].Definition
		} else {
			missing = append(missing, i)
		}
	}
	for part := range slices.Chunk(missing, maxChanges) {
		if err := readDefinitions(ctx, tx, list, part); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func byOwner(o engine.Owner, id string) int { return strings.Compare(o.ID, id) }

// sameRevision compares the digest for the case that the database is another
// one.
func sameRevision(a, b *engine.Owner) bool { return a.Revision == b.Revision && a.Digest == b.Digest }

// ownerLines are scanned by hand: there may be ten thousand.
func ownerLines(ctx context.Context, tx *gorm.DB, definition string, e environmentRow, ids []string) ([]engine.Owner, error) {
	where, args := "", []any{e.ID}
	if ids != nil {
		where, args = " and d.owner_id in ?", append(args, ids)
	}
	rows, err := tx.WithContext(ctx).Raw(`select x.id, x.kind, x.client_id, x.client_secret_hash, r.number, r.digest, `+definition+`
		from deployments d join owners x on x.id = d.owner_id join revisions r on r.id = d.revision_id
		where d.environment_id = ?`+where+` order by x.id`, args...).Rows()
	if err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	defer rows.Close()
	list := []engine.Owner{}
	for rows.Next() {
		var o engine.Owner
		if err := rows.Scan(&o.ID, &o.Kind, &o.Client.ID, &o.Client.SecretHash, &o.Revision, &o.Digest, (*[]byte)(&o.Definition)); err != nil {
			return nil, fmt.Errorf("list deployed owners: %w", err)
		}
		list = append(list, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	return list, nil
}

// readDefinitions fills in those of the owners at the given places.
func readDefinitions(ctx context.Context, tx *gorm.DB, list []engine.Owner, places []int) error {
	at := make(map[string]int, len(places))
	pairs := make([][]any, len(places))
	for i, place := range places {
		at[list[place].ID] = place
		pairs[i] = []any{list[place].ID, list[place].Revision}
	}
	type line struct {
		OwnerID    string
		Definition document
	}
	lines, err := query[line](ctx, tx, "select owner_id, definition from revisions where (owner_id, number) in ?", pairs)
	if err != nil {
		return fmt.Errorf("read deployed revisions: %w", err)
	}
	for _, l := range lines {
		list[at[l.OwnerID]].Definition = json.RawMessage(l.Definition)
	}
	return nil
}
