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
	// Of is how many policies sign with that key, of which a list has the first.
	Of int
}

// In tells whether the policy signs with the keys of a slot.
func (u KeyUse) In(slot KeySlot) bool {
	return u.Algorithm == slot.Algorithm && (slot.Own() && u.KeyName == "" || u.ProjectID == slot.ProjectID && strings.EqualFold(u.KeyName, slot.Name))
}

// KeyUses lists what signs in an environment, of each slot at most so many, by
// project, proxy and policy.
func (s *Store) KeyUses(ctx context.Context, environment string, most int) ([]KeyUse, error) {
	e, err := environmentNamed(ctx, s.db, environment)
	if err != nil {
		return nil, err
	}
	return keyUses(ctx, s.db, most, signersIn(e.ID))
}

// KeyUsesOf is KeyUses for one slot.
func (s *Store) KeyUsesOf(ctx context.Context, slot KeySlot, most int) ([]KeyUse, error) {
	e, err := environmentNamed(ctx, s.db, slot.Environment)
	if err != nil {
		return nil, err
	}
	return keyUses(ctx, s.db, most, signersOf(e.ID, slot))
}

// signersIn are the conditions for what signs in an environment, signersOf for
// what signs in a slot, or without an algorithm with any key of the name.
func signersIn(environmentID string) where {
	var w where
	w.and("s.environment_id = ?", environmentID)
	return w
}

func signersOf(environmentID string, slot KeySlot) where {
	w := signersIn(environmentID)
	w.equal("s.algorithm", string(slot.Algorithm))
	w.and("lower(s.key_name) = lower(?)", slot.Name)
	if !slot.Own() {
		w.and("s.project_id = ?", slot.ProjectID)
	}
	return w
}

// usesSorted bounds how many of what signs with one key are put in order.
const usesSorted = 500

// keyUses counts what signs in each slot and lists the first ones. Of more than
// usesSorted it lists the first of the oldest, so that ten thousand that sign
// with one key cost little more than their count.
func keyUses(ctx context.Context, db *gorm.DB, most int, w where) ([]KeyUse, error) {
	type line struct {
		ProjectID, Project, KeyName, Algorithm, Proxy, Policy string
		Settings                                              settingsLine `gorm:"embedded"`
		Total                                                 int
	}
	lines, err := query[line](ctx, db, `with slots as (
			select s.environment_id, s.algorithm, lower(s.key_name) as name, case when s.key_name <> '' then s.project_id end as project_id, count(*) as total
			from signers s where `+w.sql()+` group by 1, 2, 3, 4
		)
		select u.*, t.total from slots t cross join lateral (
			select s.project_id, p.name as project, s.key_name, s.algorithm, x.name as proxy, s.policy, s.unending, s.amount, s.unit, s.owner_id, s.position
			from (
				select * from signers s where s.environment_id = t.environment_id and s.algorithm = t.algorithm and lower(s.key_name) = t.name
					and s.project_id = coalesce(t.project_id, s.project_id) order by s.project_id, s.owner_id, s.position limit ?
			) s join owners x on x.id = s.owner_id join projects p on p.id = x.project_id
			order by lower(p.name), lower(x.name), x.id, s.position limit ?
		) u order by lower(u.project), lower(u.proxy), u.owner_id, u.position`, append(w.args, usesSorted, most)...)
	if err != nil {
		return nil, fmt.Errorf("list what signs: %w", err)
	}
	list := make([]KeyUse, len(lines))
	for i, l := range lines {
		list[i] = KeyUse{
			ProjectID: l.ProjectID, Project: l.Project, KeyName: l.KeyName, Algorithm: keys.Algorithm(l.Algorithm),
			Proxy: l.Proxy, Policy: l.Policy, Lifetime: l.Settings.lifetime(), Of: l.Total,
		}
	}
	return list, nil
}

// settingsLine is for how long the tokens of a policy live, as it was deployed.
type settingsLine struct {
	Unending bool
	Amount   int64
	Unit     string
}

func (l settingsLine) lifetime() time.Duration {
	c := issue.Settings{TokenNeverExpires: l.Unending, TokenExpiresInAmount: l.Amount, TokenExpiresInUnit: issue.TimeUnit(l.Unit)}
	return c.Lifetime()
}

// LiveTokens is how many tokens of a key are neither expired nor revoked, as far
// as the record of token requests goes back, and whose they are.
type LiveTokens struct {
	Total  int
	Owners []OwnerTokens // those with the most first
	// Capped tells that there are more, which were not counted.
	Capped bool
}

// OwnerTokens are the live tokens of one owner.
type OwnerTokens struct {
	Project, Owner string
	Tokens         int
}

// LiveTokens counts what would end with a key, up to CountCap.
func (s *Store) LiveTokens(ctx context.Context, k Key) (LiveTokens, error) {
	return s.liveTokens(ctx, s.db, k.Environment, k.Kid, CountCap)
}

// allLive counts every token that ends with a key: what was done is recorded as
// it was, while a question need not wait for millions.
const allLive = 1 << 40

func (s *Store) liveTokens(ctx context.Context, tx *gorm.DB, environment, kid string, most int) (LiveTokens, error) {
	return s.liveTokensOf(ctx, tx, LiveTokenFilter{Environment: environment, KeyID: kid}, most)
}

// liveTokensOf counts up to most of those that a filter lets through.
func (s *Store) liveTokensOf(ctx context.Context, tx *gorm.DB, f LiveTokenFilter, most int) (LiveTokens, error) {
	w := f.conditions(s.now())
	lines, err := query[OwnerTokens](ctx, tx, `select project, owner, count(*) as tokens from (select t.project, t.owner from token_requests t where `+w.sql()+` limit ?) live
		group by project, owner order by tokens desc, project, owner`, append(w.args, most+1)...)
	if err != nil {
		return LiveTokens{}, fmt.Errorf("count live tokens: %w", err)
	}
	live := LiveTokens{Owners: lines}
	for _, l := range lines {
		live.Total += l.Tokens
	}
	live.Capped, live.Total = live.Total > most, min(live.Total, most)
	return live, nil
}
