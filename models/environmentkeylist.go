package models

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
)

// endedShown is how many keys that have ended a list still has: the audit has
// all of them, and a schedule makes many.
const endedShown = 20

// Keys lists the keys of an environment: its own before those of key stores,
// by project and name, algorithm and state, the newest first. Of keys that have
// ended only the last are in it.
func (s *Store) Keys(ctx context.Context, environment string) ([]Key, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	return s.keys(ctx, s.db, e, "true")
}

// Key is one key of an environment.
func (s *Store) Key(ctx context.Context, environment, id string) (Key, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return Key{}, err
	}
	if !isID(id) {
		return Key{}, fmt.Errorf("read key: %w", ErrNotFound)
	}
	list, err := s.keys(ctx, s.db, e, "k.id = ?", id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read key: %w", ErrNotFound)
	}
	if err != nil {
		return Key{}, err
	}
	return list[0], nil
}

func (s *Store) keys(ctx context.Context, db *gorm.DB, e environmentRow, condition string, args ...any) ([]Key, error) {
	type line struct {
		Row     keyRow `gorm:"embedded"`
		Project string
	}
	lines, err := query[line](ctx, db, `select k.*, coalesce(p.name, '') as project from environment_keys k left join projects p on p.id = k.project_id
		where k.environment_id = ? and (`+condition+`)
			and (k.ended_at is null or k.id in (select id from environment_keys where environment_id = k.environment_id and ended_at is not null order by ended_at desc limit ?))
		order by k.name <> '', lower(p.name), lower(k.name), array_position(?::text[], k.algorithm),
			array_position(array['ACTIVE', 'NEXT', 'RETIRING', 'RETIRED', 'REVOKED'], k.state), k.created_at desc, k.id desc`,
		append(append([]any{e.ID}, args...), endedShown, algorithmOrder())...)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	list := make([]Key, len(lines))
	for i, l := range lines {
		list[i] = l.Row.key(e.Name, l.Project)
	}
	return list, nil
}

// algorithmOrder is the array of all algorithms in PostgreSQL's notation, in
// the order in which people are offered them. No name needs quoting.
func algorithmOrder() string {
	order := "{"
	for i, a := range keys.Algorithms() {
		if i > 0 {
			order += ","
		}
		order += string(a)
	}
	return order + "}"
}

// PublicHalf is what everybody may know of a key. Of a shared secret that is
// nothing: both are empty.
type PublicHalf struct {
	// JWK and PEM are the documents to hand out.
	JWK, PEM []byte
}

// PublicHalf opens a key for its public half. ErrNotFound when the key has
// ended: its material is gone.
func (s *Store) PublicHalf(ctx context.Context, environment, id string) (PublicHalf, error) {
	k, err := s.Key(ctx, environment, id)
	if err != nil {
		return PublicHalf{}, err
	}
	row, err := found(from[keyRow](s.db).Where("id = ?", k.ID).Take(ctx))
	if err == nil && KeyState(row.State).Ended() {
		err = ErrNotFound
	}
	if err != nil {
		return PublicHalf{}, fmt.Errorf("read key: %w", err)
	}
	key, err := s.openKey(row)
	if err != nil {
		return PublicHalf{}, err
	}
	jwk, ok := key.Public()
	if !ok {
		return PublicHalf{}, nil
	}
	var half PublicHalf
	if half.PEM, err = key.PublicPEM(); err != nil {
		return PublicHalf{}, err
	}
	if half.JWK, err = json.MarshalIndent(jwk, "", "  "); err != nil {
		return PublicHalf{}, fmt.Errorf("write public key %s: %w", k.Kid, err)
	}
	return half, nil
}

// KeyUse is a deployed policy that signs.
type KeyUse struct {
	// ProjectID, KeyName and Algorithm say with which key.
	ProjectID, Project, KeyName string
	Algorithm                   keys.Algorithm
	Proxy, Policy               string
	// Lifetime is that of its tokens; zero means for ever.
	Lifetime time.Duration
}

// In tells whether the policy signs with the keys of a slot.
func (u KeyUse) In(slot KeySlot) bool {
	return u.Algorithm == slot.Algorithm && (slot.Own() && u.KeyName == "" || u.ProjectID == slot.ProjectID && strings.EqualFold(u.KeyName, slot.Name))
}

// KeyUses lists what signs in an environment, by project, proxy and policy.
func (s *Store) KeyUses(ctx context.Context, environment string) ([]KeyUse, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	return keyUses(ctx, s.db, e.ID)
}

func keyUses(ctx context.Context, db *gorm.DB, environmentID string) ([]KeyUse, error) {
	type line struct {
		ProjectID, Project, KeyName, Algorithm, Proxy, Policy, Unit string
		Unending                                                    bool
		Amount                                                      int64
	}
	lines, err := query[line](ctx, db, `select x.project_id, p.name as project, x.name as proxy, b.policy ->> 'name' as policy,
			coalesce(b.policy ->> 'signingKeyName', '') as key_name, b.policy ->> 'jwtSignatureAlgorithm' as algorithm,
			coalesce((b.policy ->> 'tokenNeverExpires')::boolean, true) as unending,
			coalesce((b.policy ->> 'tokenExpiresInAmount')::bigint, 0) as amount, coalesce(b.policy ->> 'tokenExpiresInUnit', '') as unit
		from deployments d join revisions r on r.id = d.revision_id join api_proxies x on x.id = d.proxy_id join projects p on p.id = x.project_id
			cross join lateral json_array_elements(r.definition -> 'policies') bound cross join lateral (select bound -> 'policy' as policy) b
		where d.environment_id = ? and (b.policy ->> 'active')::boolean and coalesce(b.policy ->> 'jwtSignatureAlgorithm', '') <> ''
		order by lower(p.name), lower(x.name), x.id`, environmentID)
	if err != nil {
		return nil, fmt.Errorf("list what signs: %w", err)
	}
	list := make([]KeyUse, len(lines))
	for i, l := range lines {
		settings := issue.Settings{TokenNeverExpires: l.Unending, TokenExpiresInAmount: l.Amount, TokenExpiresInUnit: issue.TimeUnit(l.Unit)}
		list[i] = KeyUse{
			ProjectID: l.ProjectID, Project: l.Project, KeyName: l.KeyName, Algorithm: keys.Algorithm(l.Algorithm),
			Proxy: l.Proxy, Policy: l.Policy, Lifetime: settings.Lifetime(),
		}
	}
	return list, nil
}

// LiveTokens is how many tokens of a key have not expired, as far as the record
// of token requests goes back, and whose they are.
type LiveTokens struct {
	Total  int
	Owners []OwnerTokens // those with the most first
}

// OwnerTokens are the live tokens of one owner.
type OwnerTokens struct {
	Project, Owner string
	Tokens         int
}

// LiveTokens counts what ends with a key.
func (s *Store) LiveTokens(ctx context.Context, k Key) (LiveTokens, error) {
	return s.liveTokens(ctx, s.db, k.Environment, k.Kid)
}

func (s *Store) liveTokens(ctx context.Context, tx *gorm.DB, environment, kid string) (LiveTokens, error) {
	lines, err := query[OwnerTokens](ctx, tx, `select project, owner, count(*) as tokens from token_requests
		where environment = ? and key_id = ? and token_id <> '' and coalesce(expires_at, 'infinity'::timestamptz) > ?
		group by project, owner order by tokens desc, project, owner`, environment, kid, s.now())
	if err != nil {
		return LiveTokens{}, fmt.Errorf("count live tokens: %w", err)
	}
	live := LiveTokens{Owners: lines}
	for _, l := range lines {
		live.Total += l.Tokens
	}
	return live, nil
}
