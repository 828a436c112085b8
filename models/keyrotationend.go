package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
)

// RetireKey ends a retiring key before its time, or throws a next one away. The
// tokens of a retiring key that have not expired are refused from then on; how
// many is returned, as far as the record of token requests goes back. The active
// key of a slot is a problem: its policies need one.
func (s *Store) RetireKey(ctx context.Context, by Actor, environment, id string) (LiveTokens, error) {
	var live LiveTokens
	err := s.write(ctx, func(tx *gorm.DB) error {
		row, f, err := s.enterKey(ctx, tx, environment, id)
		if err != nil {
			return err
		}
		if KeyState(row.State) == KeyActive {
			return problem.List{{Message: fmt.Sprintf("The key %s signs the tokens of %s. Rotate to another key first; this one then retires by itself.", row.Kid, f.KeySlot)}}
		}
		live, err = s.endKey(ctx, tx, by, f, row, KeyRetired)
		return err
	})
	if err != nil {
		return LiveTokens{}, fmt.Errorf("retire key: %w", err)
	}
	return live, nil
}

// Revocation is what an emergency revocation did.
type Revocation struct {
	// Live is what ended with the key.
	Live LiveTokens
	// New is the key that signs instead; its ID is empty when the key that was
	// revoked did not sign.
	New        Key
	Generation int64
}

// RevokeKey takes a key away in one step, whatever it is for, because somebody
// else may have it: every token of it is refused as soon as the nodes hear of
// it, which takes moments. When the key signed, the next key of its slot or
// else a new one signs from the same moment; unlike after RotateKey, a node that
// hears late refuses the new tokens until it has heard.
func (s *Store) RevokeKey(ctx context.Context, by Actor, environment, id string) (Revocation, error) {
	var done Revocation
	err := s.writeWithKeys(ctx, func(tx *gorm.DB, made newKeys) (err error) {
		done, err = s.revokeKey(ctx, tx, by, environment, id, made)
		return err
	})
	if err != nil {
		return Revocation{}, fmt.Errorf("revoke key: %w", err)
	}
	return done, nil
}

func (s *Store) revokeKey(ctx context.Context, tx *gorm.DB, by Actor, environment, id string, made newKeys) (Revocation, error) {
	row, f, err := s.enterKey(ctx, tx, environment, id)
	if err != nil {
		return Revocation{}, err
	}
	signs, need := KeyState(row.State) == KeyActive, keyNeed{f.e.ID, f.Algorithm}
	if signs && f.next.ID == "" && made[need] == nil {
		return Revocation{}, missingKeys{need}
	}
	done := Revocation{Generation: f.generation}
	if done.Live, err = s.endKey(ctx, tx, by, f, row, KeyRevoked); err != nil {
		return done, err
	}
	detail := fmt.Sprintf("The key %s for %s was revoked; %d live tokens ended with it.", row.Kid, f.KeySlot, done.Live.Total)
	if err := s.reportKey(ctx, tx, by, f, event.KeyRevoked, detail); err != nil || !signs {
		return done, err
	}
	done.New, err = s.replaceKey(ctx, tx, by, f, made[need])
	return done, err
}

// replaceKey makes the next key of a slot sign, or the one given.
func (s *Store) replaceKey(ctx context.Context, tx *gorm.DB, by Actor, f slotFrame, made *keys.Key) (Key, error) {
	row := f.next
	if row.ID == "" {
		if _, err := s.insertNext(ctx, tx, by, f, made, KeyGenerated); err != nil {
			return Key{}, err
		}
		again, err := slotKeys(ctx, tx, f.e.ID, f.KeySlot)
		if err != nil {
			return Key{}, err
		}
		row = again[0] // the active one has just been taken away
	}
	row, err := s.startSigning(ctx, tx, f, row)
	if err != nil {
		return Key{}, err
	}
	return row.key(f.e.Name, f.project.Name), s.record(ctx, tx, by, fact{
		action: ActionRotated, kind: KindKey, id: row.ID, name: row.Kid, project: f.project.Name, before: f.beforeRotation(), after: row.audited(f.e),
	})
}

// enterKey is enterSlot for the slot of one key that still verifies.
func (s *Store) enterKey(ctx context.Context, tx *gorm.DB, environment, id string) (keyRow, slotFrame, error) {
	e, err := environmentNamed(ctx, tx, environment)
	if err != nil {
		return keyRow{}, slotFrame{}, err
	}
	if !isID(id) {
		return keyRow{}, slotFrame{}, ErrNotFound
	}
	row, err := found(from[keyRow](tx).Where("id = ? and environment_id = ?", id, e.ID).Take(ctx))
	if err != nil {
		return row, slotFrame{}, err
	}
	k := row.key(e.Name, "")
	if k.State.Ended() {
		return row, slotFrame{}, &StaleError{Kind: KindKey, Name: "The key " + row.Kid, Deleted: true, At: k.EndedAt}
	}
	f, err := s.enterSlot(ctx, tx, k.KeySlot)
	return row, f, err
}

// endKey deletes the material of a key and keeps the rest as a record.
func (s *Store) endKey(ctx context.Context, tx *gorm.DB, by Actor, f slotFrame, row keyRow, state KeyState) (LiveTokens, error) {
	live, err := s.liveTokens(ctx, tx, f.e.Name, row.Kid, allLive)
	if err != nil {
		return live, err
	}
	before, now, action := row.audited(f.e), s.now(), ActionRetired
	if state == KeyRevoked {
		action = ActionRevoked
	}
	row.State, row.Generation, row.Material, row.EndedAt = string(state), f.generation, []byte{}, &now
	if _, err := from[keyRow](tx).Where("id = ?", row.ID).Select("state", "generation", "material", "ended_at").Updates(ctx, row); err != nil {
		return live, err
	}
	after := row.audited(f.e)
	after.LiveTokens = live.Total
	return live, s.record(ctx, tx, by, fact{action: action, kind: KindKey, id: row.ID, name: row.Kid, project: f.project.Name, before: before, after: after})
}

// DeleteNamedKey removes a name from a project's key store in an environment,
// with all its keys. A problem.List names the policies, as they are edited or
// deployed, that still name it. Tokens of these keys are refused from then on.
func (s *Store) DeleteNamedKey(ctx context.Context, by Actor, environment, projectID, name string) (LiveTokens, error) {
	var live LiveTokens
	err := s.write(ctx, func(tx *gorm.DB) (err error) {
		live, err = s.deleteNamedKey(ctx, tx, by, KeySlot{Environment: environment, ProjectID: projectID, Name: name})
		return err
	})
	if err != nil {
		return LiveTokens{}, fmt.Errorf("delete key: %w", err)
	}
	return live, nil
}

func (s *Store) deleteNamedKey(ctx context.Context, tx *gorm.DB, by Actor, slot KeySlot) (LiveTokens, error) {
	var live LiveTokens
	if slot.Own() || !storable(slot.Name) {
		return live, ErrNotFound
	}
	f, err := s.enterSlot(ctx, tx, slot)
	if err != nil {
		return live, err
	}
	if err := namedKeyProblem(ctx, tx, f); err != nil {
		return live, err
	}
	rows, err := from[keyRow](tx).Where("environment_id = ? and project_id = ? and lower(name) = lower(?)", f.e.ID, f.project.ID, f.Name).Find(ctx)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	for _, row := range rows {
		if err == nil {
			live, err = s.deleteKey(ctx, tx, by, f, row, live)
		}
	}
	return live, err
}

func (s *Store) deleteKey(ctx context.Context, tx *gorm.DB, by Actor, f slotFrame, row keyRow, live LiveTokens) (LiveTokens, error) {
	ended, err := s.liveTokens(ctx, tx, f.e.Name, row.Kid, allLive)
	if err != nil {
		return live, err
	}
	live.Total += ended.Total
	live.Owners = append(live.Owners, ended.Owners...)
	if _, err := from[keyRow](tx).Where("id = ?", row.ID).Delete(ctx); err != nil {
		return live, err
	}
	before := row.audited(f.e)
	before.LiveTokens = ended.Total
	return live, s.record(ctx, tx, by, fact{action: ActionDeleted, kind: KindKey, id: row.ID, name: row.Kid, project: f.project.Name, before: before})
}

// needsNamed is how many of those who still need a key a refusal names.
const needsNamed = 5

// namedKeyProblem names what still needs a named key.
func namedKeyProblem(ctx context.Context, tx *gorm.DB, f slotFrame) error {
	var l problem.List
	drafts, err := query[string](ctx, tx, `select name from policies
		where project_id = ? and lower(config ->> 'signingKeyName') = lower(?) order by lower(name), id limit ?`, f.project.ID, f.Name, needsNamed)
	if err != nil {
		return fmt.Errorf("look for policies with the key %q: %w", f.Name, err)
	}
	for _, name := range drafts {
		l.Add("", "The policy %q signs with it; choose another key there first.", name)
	}
	uses, err := keyUses(ctx, tx, needsNamed, signersOf(f.e.ID, KeySlot{ProjectID: f.project.ID, Name: f.Name}))
	if err != nil {
		return err
	}
	for _, u := range uses {
		l.Add("", "The proxy %q runs in %s with the policy %q, which signs with it; deploy or undeploy it first.", u.Proxy, f.e.Name, u.Policy)
	}
	return l.Err()
}

// retireDue retires the keys of an environment whose last token has expired. A
// node that has not taken the rotation over may sign with the old key to this
// day, so the time counts from when the last node that lives has.
func (s *Store) retireDue(ctx context.Context, by Actor, environment string) error {
	list, err := s.Keys(ctx, environment)
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.State != KeyRetiring || k.RetireAt.IsZero() {
			continue
		}
		if err := s.retireIfDue(ctx, by, k); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) retireIfDue(ctx context.Context, by Actor, k Key) error {
	e, err := environmentNamed(ctx, s.db, k.Environment)
	if err != nil {
		return err
	}
	reports, err := nodes(ctx, s.db, nodeQuery{age: nodeAlive, environmentID: e.ID})
	if err != nil {
		return err
	}
	if len(unsettled(reports, k.Generation)) > 0 {
		now, err := s.later(ctx, s.db)
		if err != nil {
			return err
		}
		_, err = exec(ctx, s.db, "update environment_keys set retire_at = ? where id = ? and state = 'RETIRING' and retire_at < ?",
			now.Add(k.MaxToken+keyMargin), k.ID, now.Add(k.MaxToken+keyMargin-time.Minute))
		return err
	}
	if s.steady().Before(k.RetireAt) { // a clock that jumped ahead ends no tokens for good
		return nil
	}
	_, err = s.RetireKey(ctx, by, k.Environment, k.ID)
	return err
}
