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
	var b engine.Bundle
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		b = engine.Bundle{Environment: e.Name, PublicURL: e.PublicURL, Generation: e.Generation}
		rings, err := s.keyRings(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		b.Keys, b.NamedKeys = rings.own, rings.named
		if b.Credentials, err = s.credentialsForBundle(ctx, tx, e); err != nil {
			return err
		}
		if b.Sources, err = s.sources(ctx, tx); err != nil {
			return err
		}
		if b.Tokens, err = tokensOfBundle(ctx, tx); err != nil {
			return err
		}
		if b.Messages, b.Values, err = catalogue(ctx, tx, e); err != nil {
			return err
		}
		b.Owners, err = owners(ctx, tx, e)
		return err
	})
	if err != nil {
		return engine.Bundle{}, fmt.Errorf("read bundle of %s: %w", environment, err)
	}
	return b, nil
}

// owners are in the order of their ids, so that equal states give equal
// bundles.
func owners(ctx context.Context, tx *gorm.DB, e environmentRow) ([]engine.Owner, error) {
	type line struct {
		ID, Kind, Digest, ClientID, ClientSecretHash string
		Number                                       int
		Definition                                   document
	}
	lines, err := query[line](ctx, tx, `select x.id, x.kind, r.number, r.digest, r.definition, x.client_id, x.client_secret_hash
		from deployments d join revisions r on r.id = d.revision_id join owners x on x.id = d.owner_id
		where d.environment_id = ? order by x.id`, e.ID)
	if err != nil {
		return nil, fmt.Errorf("list deployed owners: %w", err)
	}
	list := make([]engine.Owner, len(lines))
	for i, l := range lines {
		list[i] = engine.Owner{
			ID: l.ID, Kind: l.Kind, Revision: l.Number, Digest: l.Digest, Definition: json.RawMessage(l.Definition),
			Client: engine.Client{ID: l.ClientID, SecretHash: l.ClientSecretHash},
		}
	}
	return list, nil
}

// Generation is the environment's current one.
func (s *Store) Generation(ctx context.Context, environment string) (int64, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	return e.Generation, err
}
