package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/keys"
)

// The states of a key in the database: those of keys.State in capitals, and
// one for keys that are kept but used no longer.
const (
	keyActive  = "ACTIVE"
	keyRetired = "RETIRED"
)

type keyRow struct {
	ID            string `gorm:"primaryKey"`
	EnvironmentID string
	Kid           string
	Algorithm     string
	State         string
	Material      []byte
	CreatedAt     time.Time `gorm:"autoCreateTime:false"`
	CreatedBy     string
}

// TableName implements gorm's schema.Tabler.
func (keyRow) TableName() string { return "environment_keys" }

// place is what the material is sealed for.
func (r keyRow) place() string { return "environment_keys/" + r.ID + "/material" }

// keyRecord is a key in the audit: never its material.
type keyRecord struct {
	Environment string `json:"environment"`
	Kid         string `json:"kid"`
	Algorithm   string `json:"algorithm"`
	State       string `json:"state"`
}

// keySet opens an environment's keys.
func (s *Store) keySet(ctx context.Context, db *gorm.DB, environmentID string) (*keys.Set, error) {
	rows, err := gorm.G[keyRow](db).Where("environment_id = ? and state <> ?", environmentID, keyRetired).Order("kid").Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	entries := make([]keys.Entry, len(rows))
	for i, r := range rows {
		material, err := s.sealer.Open(r.Material, r.place())
		if err != nil {
			return nil, fmt.Errorf("open key %s: %w", r.Kid, err)
		}
		key, err := keys.Parse(keys.Algorithm(r.Algorithm), r.Kid, material)
		if err != nil {
			return nil, fmt.Errorf("read key %s: %w", r.Kid, err)
		}
		entries[i] = keys.Entry{Key: key, State: keys.State(strings.ToLower(r.State))}
	}
	return keys.NewSet(entries)
}

// newKeys are keys that a transaction may need, made before it begins: making
// an RSA key takes long enough to hold up everybody who waits for the rows.
type newKeys map[keys.Algorithm]*keys.Key

// missingKeys is how a transaction asks for keys that it was not given.
type missingKeys []keys.Algorithm

// Error implements error.
func (m missingKeys) Error() string {
	return fmt.Sprintf("the environment lacks keys for %v", []keys.Algorithm(m))
}

// make adds a key for each algorithm.
func (n newKeys) make(algorithms []keys.Algorithm) error {
	for _, alg := range algorithms {
		k, err := keys.Generate(alg)
		if err != nil {
			return err
		}
		n[alg] = k
	}
	return nil
}

// writeWithKeys is write for what may need keys that are not there yet.
func (s *Store) writeWithKeys(ctx context.Context, fn func(*gorm.DB, newKeys) error) error {
	for made := (newKeys{}); ; {
		err := s.write(ctx, func(tx *gorm.DB) error { return fn(tx, made) })
		var missing missingKeys
		if !errors.As(err, &missing) {
			return err
		}
		if err := made.make(missing); err != nil {
			return err
		}
	}
}

// ensureKeys stores the keys that a definition needs and the environment lacks
// (D6), and returns the environment's set.
func (s *Store) ensureKeys(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, definition json.RawMessage, made newKeys) (*keys.Set, error) {
	set, err := s.keySet(ctx, tx, e.ID)
	if err != nil {
		return nil, err
	}
	algorithms, err := signingAlgorithms(definition)
	if err != nil {
		return nil, err
	}
	algorithms = slices.DeleteFunc(algorithms, func(a keys.Algorithm) bool { return set.Signing(a) != nil })
	if len(algorithms) == 0 {
		return set, nil
	}
	if slices.ContainsFunc(algorithms, func(a keys.Algorithm) bool { return made[a] == nil }) {
		return nil, missingKeys(algorithms)
	}
	for _, alg := range algorithms {
		if err := s.storeKey(ctx, tx, by, e, made[alg]); err != nil {
			return nil, err
		}
	}
	return s.keySet(ctx, tx, e.ID)
}

func (s *Store) storeKey(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, k *keys.Key) error {
	row := keyRow{
		ID: newID(), EnvironmentID: e.ID, Kid: k.ID, Algorithm: string(k.Algorithm),
		State: keyActive, CreatedAt: s.now(), CreatedBy: by.Name,
	}
	material, err := k.Marshal()
	if err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	if row.Material, err = s.sealer.Seal(material, row.place()); err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	if err := gorm.G[keyRow](tx).Create(ctx, &row); err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	return s.record(ctx, tx, by, fact{
		action: ActionCreated, kind: KindKey, id: row.ID, name: row.Kid,
		after: keyRecord{Environment: e.Name, Kid: row.Kid, Algorithm: row.Algorithm, State: row.State},
	})
}

// signingAlgorithms are those that the active policies of a definition sign
// with. Policies of any type name theirs in the member of the management API,
// so that a new type needs no change here.
func signingAlgorithms(definition json.RawMessage) ([]keys.Algorithm, error) {
	var p engine.Proxy
	if err := json.Unmarshal(definition, &p); err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	var list []keys.Algorithm
	for _, b := range p.Policies {
		var c struct {
			Active    bool           `json:"active"`
			Algorithm keys.Algorithm `json:"jwtSignatureAlgorithm"`
		}
		if err := json.Unmarshal(b.Policy, &c); err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		if c.Active && c.Algorithm.Valid() && !slices.Contains(list, c.Algorithm) {
			list = append(list, c.Algorithm)
		}
	}
	return list, nil
}
