package models

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/keys"
)

// KeyState is what a signing key is for. Next, active and retiring keys verify;
// of the others only the record is left.
type KeyState string

// The states in the order of a key's life. Every key but a revoked one passes
// through them one by one.
const (
	KeyNext     KeyState = "NEXT"     // in the JWKS ahead of its use, so that everybody knows it in time
	KeyActive   KeyState = "ACTIVE"   // signs new tokens
	KeyRetiring KeyState = "RETIRING" // verifies the tokens that it signed
	KeyRetired  KeyState = "RETIRED"  // of no use to anybody any more
	KeyRevoked  KeyState = "REVOKED"  // taken away before its tokens had expired
)

// Ended tells that the material is gone and no token verifies.
func (s KeyState) Ended() bool { return s == KeyRetired || s == KeyRevoked }

// KeySource is where a key comes from.
type KeySource string

// The sources.
const (
	KeyGenerated KeySource = "GENERATED"
	KeyUploaded  KeySource = "UPLOADED"
)

// KeySlot is what exactly one key is active for: an algorithm in an
// environment, for policies that name no key of their own, or for those that
// name this one.
type KeySlot struct {
	Environment string
	// ProjectID and Name address an entry of a project's key store, the name
	// without regard to case; both are empty for the environment's own keys.
	ProjectID, Name string
	Algorithm       keys.Algorithm
}

// Own tells the environment's own keys from those of a key store.
func (k KeySlot) Own() bool { return k.ProjectID == "" }

// String names the slot in messages.
func (k KeySlot) String() string {
	if k.Own() {
		return fmt.Sprintf("%s in %s", k.Algorithm, k.Environment)
	}
	return fmt.Sprintf("%s %s in %s", k.Name, k.Algorithm, k.Environment)
}

// Key is a signing key without its material, which nobody is shown.
type Key struct {
	ID string
	KeySlot
	// Project is the name of ProjectID.
	Project string
	Kid     string
	State   KeyState
	Source  KeySource
	// Bits is its length: of the modulus, the curve or the secret.
	Bits int
	// Generation is that of the environment in which the key got its state.
	Generation int64
	// MaxToken is the longest lifetime of a token that it may have signed.
	// Unending tells that it may have signed some that never expire, which pins
	// it for ever (D8).
	MaxToken  time.Duration
	Unending  bool
	CreatedAt time.Time
	CreatedBy string
	// ActivatedAt, RetiringAt and EndedAt are zero until it happened.
	ActivatedAt, RetiringAt, EndedAt time.Time
	// RetireAt is when a retiring key is needed no longer; zero means never.
	RetireAt time.Time
}

type keyRow struct {
	ID              string `gorm:"primaryKey"`
	EnvironmentID   string
	ProjectID       *string
	Name            string
	Kid             string
	Algorithm       string
	State           string
	Source          string
	Bits            int
	Fingerprint     string
	Material        []byte
	Generation      int64
	MaxTokenSeconds int64
	Unending        bool
	CreatedAt       time.Time `gorm:"autoCreateTime:false"`
	CreatedBy       string
	ActivatedAt     *time.Time
	RetiringAt      *time.Time
	RetireAt        *time.Time
	EndedAt         *time.Time
}

// TableName implements gorm's schema.Tabler.
func (keyRow) TableName() string { return "environment_keys" }

// place is what the material is sealed for.
func (r keyRow) place() string { return "environment_keys/" + r.ID + "/material" }

func (r keyRow) key(environment, project string) Key {
	k := Key{
		ID:      r.ID,
		KeySlot: KeySlot{Environment: environment, Name: r.Name, Algorithm: keys.Algorithm(r.Algorithm)},
		Project: project, Kid: r.Kid, State: KeyState(r.State), Source: KeySource(r.Source), Bits: r.Bits, Generation: r.Generation,
		MaxToken: time.Duration(r.MaxTokenSeconds) * time.Second, Unending: r.Unending,
		CreatedAt: r.CreatedAt.UTC(), CreatedBy: r.CreatedBy,
		ActivatedAt: orZero(r.ActivatedAt), RetiringAt: orZero(r.RetiringAt), RetireAt: orZero(r.RetireAt), EndedAt: orZero(r.EndedAt),
	}
	if r.ProjectID != nil {
		k.ProjectID = *r.ProjectID
	}
	return k
}

// keyRecord is a key in the audit: never its material.
type keyRecord struct {
	Environment string     `json:"environment"`
	Kid         string     `json:"kid"`
	Algorithm   string     `json:"algorithm"`
	State       string     `json:"state"`
	Name        string     `json:"name,omitempty"`
	Source      string     `json:"source"`
	RetireAt    *time.Time `json:"retireAt,omitempty"`
	// LiveTokens is how many tokens ended with a key that was taken away.
	LiveTokens int `json:"liveTokens,omitempty"`
}

func (r keyRow) audited(e environmentRow) keyRecord {
	return keyRecord{
		Environment: e.Name, Kid: r.Kid, Algorithm: r.Algorithm, State: r.State, Name: r.Name, Source: r.Source, RetireAt: r.RetireAt,
	}
}

// keyRings are the keys that an environment works with.
type keyRings struct {
	own   *keys.Set
	named map[engine.KeyName]*keys.Set
}

// signing is the active key for an algorithm, of that name in the project when
// there is a name; nil when there is none.
func (r keyRings) signing(project, name string, alg keys.Algorithm) *keys.Key {
	if name == "" {
		return r.own.Signing(alg)
	}
	return r.named[engine.KeyName{Project: project, Name: strings.ToLower(name)}].Signing(alg)
}

// keyRings opens all keys of an environment that still verify.
func (s *Store) keyRings(ctx context.Context, db *gorm.DB, environmentID string) (keyRings, error) {
	type line struct {
		Row     keyRow `gorm:"embedded"`
		Project string
	}
	lines, err := query[line](ctx, db, `select k.*, coalesce(p.name, '') as project from environment_keys k left join projects p on p.id = k.project_id
		where k.environment_id = ? and k.state in ? order by k.kid`, environmentID, []KeyState{KeyNext, KeyActive, KeyRetiring})
	if err != nil {
		return keyRings{}, fmt.Errorf("list keys: %w", err)
	}
	entries := map[engine.KeyName][]keys.Entry{}
	for _, l := range lines {
		key, err := s.openKey(l.Row)
		if err != nil {
			return keyRings{}, err
		}
		at := engine.KeyName{Project: l.Project, Name: strings.ToLower(l.Row.Name)}
		entries[at] = append(entries[at], keys.Entry{Key: key, State: keys.State(strings.ToLower(l.Row.State))})
	}
	return ringsOf(entries)
}

func ringsOf(entries map[engine.KeyName][]keys.Entry) (keyRings, error) {
	own, err := keys.NewSet(entries[engine.KeyName{}])
	if err != nil {
		return keyRings{}, err
	}
	rings := keyRings{own: own, named: map[engine.KeyName]*keys.Set{}}
	for name, list := range entries {
		if name == (engine.KeyName{}) {
			continue
		}
		if rings.named[name], err = keys.NewSet(list); err != nil {
			return keyRings{}, err
		}
	}
	return rings, nil
}

func (s *Store) openKey(r keyRow) (*keys.Key, error) {
	material, err := s.sealer.Open(r.Material, r.place())
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", r.Kid, err)
	}
	key, err := keys.Parse(keys.Algorithm(r.Algorithm), r.Kid, material)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", r.Kid, err)
	}
	return key, nil
}

// insertKey seals a key into a new row.
func (s *Store) insertKey(ctx context.Context, tx *gorm.DB, row keyRow, k *keys.Key) (keyRow, error) {
	material, err := k.Marshal()
	if err != nil {
		return row, fmt.Errorf("store key: %w", err)
	}
	row.ID, row.Kid, row.Algorithm, row.Bits, row.Fingerprint = newID(), k.ID, string(k.Algorithm), k.Bits(), s.fingerprint(k, material)
	if row.Material, err = s.sealer.Seal(material, row.place()); err != nil {
		return row, fmt.Errorf("store key: %w", err)
	}
	if err := from[keyRow](tx).Create(ctx, &row); err != nil {
		return row, fmt.Errorf("store key: %w", err)
	}
	return row, nil
}

// fingerprint is equal for equal keys. A shared secret may be guessable, so its
// fingerprint is keyed: a copy of the database must not help to guess.
func (s *Store) fingerprint(k *keys.Key, material []byte) string {
	if thumbprint := k.Thumbprint(); thumbprint != "" {
		return "sha256:" + thumbprint
	}
	mac := hmac.New(sha256.New, s.sealer.Derive("environment_keys/fingerprint", sha256.Size))
	_, _ = mac.Write(material) // a hash never fails
	return "hmac:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
