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

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// keyNeed is the need of an environment for a key of its own. Two environments
// never share one: a token of one would pass in the other.
type keyNeed struct {
	environmentID string
	algorithm     keys.Algorithm
}

// newKeys are keys that a transaction may need, made before it begins: making
// an RSA key takes long enough to hold up everybody who waits for the rows.
type newKeys map[keyNeed]*keys.Key

// missingKeys is how a transaction asks for keys that it was not given.
type missingKeys []keyNeed

// Error implements error.
func (m missingKeys) Error() string { return fmt.Sprintf("keys are missing: %v", []keyNeed(m)) }

// make adds a key for each need.
func (n newKeys) make(needs missingKeys) error {
	for _, need := range needs {
		k, err := keys.Generate(need.algorithm)
		if err != nil {
			return err
		}
		n[need] = k
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

// signer is a policy that signs tokens. Policies of any type name the algorithm
// and their own key in the members of the management API, so that a new type
// needs no change here.
type signer struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	issue.Settings
	SigningKeyName string `json:"signingKeyName"`
	Managed        *bool  `json:"managedFromThisPolicy"`
}

// leaves tells that the policy leaves the token settings to each credential.
func (c signer) leaves() bool { return c.Active && c.Managed != nil && !*c.Managed }

// signs tells that tokens are signed under the policy's own settings.
func (c signer) signs() bool { return c.Active && c.JWTSignatureAlgorithm.Valid() }

func signerOf(raw json.RawMessage) (signer, error) {
	c := signer{Settings: issue.Defaults()}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read policy: %w", err)
	}
	return c, nil
}

// signers are what signs tokens of an owner: its policies, and where one leaves
// that to the credentials, those that may use the owner or a member of it.
func signers(ctx context.Context, tx *gorm.DB, e environmentRow, ownerID string, d definition) ([]signer, error) {
	var list []signer
	left := false
	for _, raw := range d.policies {
		c, err := signerOf(raw)
		if err != nil {
			return nil, err
		}
		left = left || c.leaves()
		if c.signs() {
			list = append(list, c)
		}
	}
	if !left {
		return list, nil
	}
	more, err := credentialSigners(ctx, tx, e.ID, "x.id in ?", append(d.members, ownerID))
	return append(list, more...), err
}

// ensureKeys stores the keys of the environment's own that a definition needs
// and the environment lacks (D6), notes for how long the definition's tokens
// live, and returns the environment's keys. A named key is never made here: who
// names one means that one, and gets a problem when it is not there.
func (s *Store) ensureKeys(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, o Owner, raw json.RawMessage, made newKeys) (keyRings, error) {
	d, err := readDefinition(o.Kind, raw)
	if err != nil {
		return keyRings{}, err
	}
	needs, err := signers(ctx, tx, e, o.ID, d)
	if err != nil {
		return keyRings{}, err
	}
	return s.ensureSigners(ctx, tx, by, e, d.project, needs, made)
}

func (s *Store) ensureSigners(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, project string, needs []signer, made newKeys) (keyRings, error) {
	rings, err := s.keyRings(ctx, tx, e.ID)
	if err != nil {
		return keyRings{}, err
	}
	missing, err := missingFor(e, project, needs, rings)
	if err != nil {
		return keyRings{}, err
	}
	if slices.ContainsFunc(missing, func(n keyNeed) bool { return made[n] == nil }) {
		return keyRings{}, missing
	}
	for _, need := range missing {
		if err := s.storeActiveKey(ctx, tx, by, e, made[need]); err != nil {
			return keyRings{}, err
		}
	}
	if err := noteLifetimes(ctx, tx, e, project, needs); err != nil || len(missing) == 0 {
		return rings, err
	}
	return s.keyRings(ctx, tx, e.ID)
}

// missingFor are the keys of its own that the environment has not.
// Named keys that are not there are problems.
func missingFor(e environmentRow, project string, needs []signer, rings keyRings) (missingKeys, error) {
	var missing missingKeys
	var l problem.List
	for _, c := range needs {
		alg := c.JWTSignatureAlgorithm
		need := keyNeed{e.ID, alg}
		switch {
		case rings.signing(project, c.SigningKeyName, alg) != nil:
		case c.SigningKeyName != "":
			l.Add("signingKeyName", "The policy %q signs %s with the key %q, which the key store has no active one of in %s; add it there first, or let the one that is there sign.", c.Name, alg, c.SigningKeyName, e.Name)
		case !slices.Contains(missing, need):
			missing = append(missing, need)
		}
	}
	return missing, l.Err()
}

// storeActiveKey stores a key of the environment's own that signs from the
// start: nothing else there has signed with the algorithm.
func (s *Store) storeActiveKey(ctx context.Context, tx *gorm.DB, by Actor, e environmentRow, k *keys.Key) error {
	now := s.now()
	row, err := s.insertKey(ctx, tx, keyRow{
		EnvironmentID: e.ID, State: string(KeyActive), Source: string(KeyGenerated), Generation: e.Generation + 1,
		CreatedAt: now, CreatedBy: by.Name, ActivatedAt: &now,
	}, k)
	if err != nil {
		return err
	}
	return s.record(ctx, tx, by, fact{action: ActionCreated, kind: KindKey, id: row.ID, name: row.Kid, after: row.audited(e)})
}

// noteLifetimes keeps at the active keys how long tokens may live that they
// sign from now on. What was noted is never taken back: a token that was issued
// yesterday outlives the setting that it was issued under.
func noteLifetimes(ctx context.Context, tx *gorm.DB, e environmentRow, project string, needs []signer) error {
	for _, c := range needs {
		if err := noteLifetime(ctx, tx, e.ID, project, c.SigningKeyName, c.Settings); err != nil {
			return err
		}
	}
	return nil
}

// noteLifetime is noteLifetimes for one set of token settings. It must be in
// the transaction that lets tokens be issued under them, after raise.
func noteLifetime(ctx context.Context, tx *gorm.DB, environmentID, project, name string, c issue.Settings) error {
	_, err := exec(ctx, tx, `update environment_keys k
		set max_token_seconds = greatest(k.max_token_seconds, ?), unending = k.unending or ?
		where k.environment_id = ? and k.algorithm = ? and k.state = 'ACTIVE' and lower(k.name) = lower(?)
			and (k.name = '' or k.project_id = (select id from projects where name = ?))
			and (k.max_token_seconds < ? or ? and not k.unending)`,
		lifetimeSeconds(c), c.TokenNeverExpires, environmentID, c.JWTSignatureAlgorithm, name, project, lifetimeSeconds(c), c.TokenNeverExpires)
	if err != nil {
		return fmt.Errorf("note the lifetime of tokens: %w", err)
	}
	return nil
}

func lifetimeSeconds(c issue.Settings) int64 { return int64(c.Lifetime() / time.Second) }

// signingKeyProblem says why a policy of the project cannot name the key that
// it names, or "". Which environments have the key is checked when the policy
// is deployed to one.
func signingKeyProblem(ctx context.Context, tx *gorm.DB, projectID string, c policy.Config) (string, error) {
	raw, err := policy.Encode(c)
	if err != nil {
		return "", err
	}
	named, err := signerOf(raw)
	if err != nil || named.SigningKeyName == "" {
		return "", err
	}
	algorithms, err := query[string](ctx, tx, `select distinct algorithm from environment_keys
		where project_id = ? and lower(name) = lower(?) and state in ? order by algorithm`, projectID, named.SigningKeyName, []KeyState{KeyNext, KeyActive, KeyRetiring})
	if err != nil {
		return "", fmt.Errorf("look for the key %q: %w", named.SigningKeyName, err)
	}
	switch {
	case len(algorithms) == 0:
		return fmt.Sprintf("The key store of the project has no key %q; add it under Keys first, or leave this empty to sign with the environment's key.", named.SigningKeyName), nil
	case !slices.Contains(algorithms, string(named.JWTSignatureAlgorithm)):
		return fmt.Sprintf("The key %q is for %s, not for %s; choose that algorithm, or add a key for this one.", named.SigningKeyName, strings.Join(algorithms, ", "), named.JWTSignatureAlgorithm), nil
	}
	return "", nil
}
