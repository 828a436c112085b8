package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

const (
	// keyMargin is how long a key verifies beyond the last expiry of its tokens:
	// five minutes for the largest leeway that a policy may have, and as much
	// again for a node that heard late that another key signs.
	keyMargin = 10 * time.Minute
	// keyWait is longer than a node that died counts as alive, so that such a
	// node cannot keep a key from being rotated.
	keyWait = nodeAlive + 5*time.Second
)

// What the audit says of keys beside CREATED, REVOKED and DELETED.
const (
	ActionRotated = "ROTATED"
	ActionRetired = "RETIRED"
)

// KeyUpload is a key that somebody has made elsewhere.
type KeyUpload struct {
	// Text is PEM or a JWK, with the private half.
	Text secret.Text
	// Kid overrides the one that the text names; without either it is the
	// thumbprint of RFC 7638, of a secret a random one.
	Kid string
	// AtOnce makes it sign as soon as every node knows it, instead of with the
	// next rotation.
	AtOnce bool
}

// PrepareNextKey makes the key that signs after the present one and publishes
// it in the JWKS. Problems are of the fields algorithm and name; ErrNotFound of
// environment and project.
func (s *Store) PrepareNextKey(ctx context.Context, by Actor, slot KeySlot) (Key, error) {
	return s.prepareNext(ctx, by, slot, func(slotFrame) error { return nil })
}

// prepareNext is PrepareNextKey if the slot is as the caller takes it to be.
func (s *Store) prepareNext(ctx context.Context, by Actor, slot KeySlot, fits func(slotFrame) error) (Key, error) {
	if err := slotProblems(slot).Err(); err != nil {
		return Key{}, err
	}
	k, err := keys.Generate(slot.Algorithm)
	if err != nil {
		return Key{}, err
	}
	return s.addNext(ctx, by, slot, k, KeyGenerated, fits)
}

// UploadKey takes a key over, as the next one. It is refused when it is weak,
// unfit for the algorithm, without its private half, or known already. Problems
// are of the fields algorithm, name, key and kid. With AtOnce a problem without
// a field says that the key is there and waits, and for what.
func (s *Store) UploadKey(ctx context.Context, by Actor, slot KeySlot, u KeyUpload) (Key, error) {
	if err := slotProblems(slot).Err(); err != nil {
		return Key{}, err
	}
	k, err := keys.ParseText([]byte(u.Text.Reveal()), slot.Algorithm, u.Kid, s.now())
	if err != nil {
		return Key{}, uploadProblems(err)
	}
	if !k.CanSign() {
		return Key{}, problem.List{{Field: "key", Message: "This is a public key. Signing needs the private one."}}
	}
	next, err := s.addNext(ctx, by, slot, k, KeyUploaded, func(slotFrame) error { return nil })
	if err != nil || !u.AtOnce {
		return next, err
	}
	active, err := s.activeKid(ctx, slot)
	if err != nil {
		return next, err
	}
	r, err := s.RotateKey(ctx, by, slot, active)
	if err != nil {
		return next, err
	}
	return r.New, nil
}

// uploadProblems puts what is wrong inside of the text under the field that
// holds the text.
func uploadProblems(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	var l problem.List
	for _, p := range list {
		switch p.Field {
		case "kid", "key":
		case "alg":
			p.Field = "algorithm"
		default:
			p.Field = "key"
		}
		l = append(l, p)
	}
	return l
}

func slotProblems(slot KeySlot) problem.List {
	var l problem.List
	if !slot.Algorithm.Valid() {
		l.Add("algorithm", "Choose a signature algorithm, such as RS256.")
	}
	if slot.Own() && slot.Name != "" {
		l.Add("project", "Choose the project whose key store the key goes into.")
	}
	if !slot.Own() {
		if msg := problem.Name(slot.Name); msg != "" {
			l.Add("name", "%s", msg)
		}
	}
	return l
}

// addNext stores a key as the next one of its slot.
func (s *Store) addNext(ctx context.Context, by Actor, slot KeySlot, k *keys.Key, source KeySource, fits func(slotFrame) error) (Key, error) {
	var saved Key
	err := s.write(ctx, func(tx *gorm.DB) error {
		f, err := s.enterSlot(ctx, tx, slot)
		if err != nil {
			return err
		}
		if err := fits(f); err != nil {
			return err
		}
		saved, err = s.insertNext(ctx, tx, by, f, k, source)
		return err
	})
	if err != nil {
		return Key{}, fmt.Errorf("add key: %w", err)
	}
	return saved, nil
}

// slotFrame is a slot during a write: the environment is locked and will load
// its keys anew.
type slotFrame struct {
	KeySlot
	e          environmentRow
	project    Project
	generation int64
	// active and next are the keys that the slot has; their ids are empty when
	// it has none.
	active, next keyRow
}

// enterSlot locks the environment, so that of two changes of its keys one sees
// what the other did.
func (s *Store) enterSlot(ctx context.Context, tx *gorm.DB, slot KeySlot) (slotFrame, error) {
	f := slotFrame{KeySlot: slot}
	var err error
	if f.e, err = environmentNamed(ctx, tx, slot.Environment); err != nil {
		return f, err
	}
	if !slot.Own() {
		if f.project, err = s.projectByID(ctx, tx, slot.ProjectID); err != nil {
			return f, err
		}
		if f.Name, err = spelled(ctx, tx, slot); err != nil {
			return f, err
		}
	}
	if f.generation, err = raise(ctx, tx, f.e); err != nil {
		return f, err
	}
	rows, err := slotKeys(ctx, tx, f.e.ID, slot)
	for _, row := range rows {
		switch KeyState(row.State) {
		case KeyActive:
			f.active = row
		case KeyNext:
			f.next = row
		}
	}
	return f, err
}

// spelled is the name of a key as it was first written in its project.
func spelled(ctx context.Context, tx *gorm.DB, slot KeySlot) (string, error) {
	names, err := query[string](ctx, tx, "select name from environment_keys where project_id = ? and lower(name) = lower(?) order by id limit 1", slot.ProjectID, slot.Name)
	if err != nil || len(names) == 0 {
		return slot.Name, err
	}
	return names[0], nil
}

// slotKeys are the active and the next key of a slot, where it has them.
func slotKeys(ctx context.Context, db *gorm.DB, environmentID string, slot KeySlot) ([]keyRow, error) {
	rows, err := from[keyRow](db).Where("environment_id = ? and project_id is not distinct from ?::uuid and lower(name) = lower(?) and algorithm = ? and state in ?",
		environmentID, orNil(slot.ProjectID), slot.Name, slot.Algorithm, []KeyState{KeyActive, KeyNext}).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keys of %s: %w", slot, err)
	}
	return rows, nil
}

func (s *Store) insertNext(ctx context.Context, tx *gorm.DB, by Actor, f slotFrame, k *keys.Key, source KeySource) (Key, error) {
	if f.next.ID != "" {
		return Key{}, problem.List{{Field: "algorithm", Message: fmt.Sprintf("There is a next key for %s already, %s. Let that one sign, or retire it first.", f.KeySlot, f.next.Kid)}}
	}
	row := keyRow{
		EnvironmentID: f.e.ID, ProjectID: orNil(f.ProjectID), Name: f.Name, State: string(KeyNext), Source: string(source),
		Generation: f.generation, CreatedAt: s.now(), CreatedBy: by.Name,
	}
	if err := s.duplicateProblem(ctx, tx, f.e, k); err != nil {
		return Key{}, err
	}
	row, err := s.insertKey(ctx, tx, row, k)
	if err != nil {
		return Key{}, err
	}
	return row.key(f.e.Name, f.project.Name), s.record(ctx, tx, by, fact{
		action: ActionCreated, kind: KindKey, id: row.ID, name: row.Kid, project: f.project.Name, after: row.audited(f.e),
	})
}

// duplicateProblem refuses a kid that the environment has, as it would be a
// matter of chance which key verifies, and a key that it or another one has or
// had: a key belongs to one algorithm, purpose and environment for life, as a
// token of one would pass in another, and one that was taken away must not come
// back.
func (s *Store) duplicateProblem(ctx context.Context, tx *gorm.DB, e environmentRow, k *keys.Key) error {
	material, err := k.Marshal()
	if err != nil {
		return fmt.Errorf("compare key: %w", err)
	}
	print := s.fingerprint(k, material)
	type line struct{ Kid, State, Fingerprint, Environment string }
	lines, err := query[line](ctx, tx, `select k.kid, k.state, k.fingerprint, e.name as environment from environment_keys k join environments e on e.id = k.environment_id
		where k.fingerprint = ? or k.environment_id = ? and k.kid = ? order by k.environment_id <> ?`, print, e.ID, k.ID, e.ID)
	if err != nil {
		return fmt.Errorf("look for the same key: %w", err)
	}
	var l problem.List
	for _, have := range lines {
		if have.Fingerprint == print {
			return problem.List{{Field: "key", Message: fmt.Sprintf("%s has this very key already: it is %s, which is %s.", have.Environment, have.Kid, strings.ToLower(have.State))}}
		}
		l = problem.List{{Field: "kid", Message: fmt.Sprintf("%s has another key of the id %s; choose another id.", e.Name, have.Kid)}}
	}
	return l.Err()
}

// KeyRotation is what a rotation did.
type KeyRotation struct {
	New Key
	// Old is the key that signed before; its ID is empty when none did.
	Old Key
	// Generation is that of the environment in which the new key signs.
	Generation int64
}

// RotateKey makes the next key of a slot sign and the active one retire. It is
// the second half of a rotation: the next key is published first, when it is
// not there yet, and signs only after every gateway node that lives has said
// that it knows it. So no node meets a token that it cannot verify.
//
// activeKid is the key that the caller saw signing, "" for none: of two
// rotations at once one wins and the other gets a *StaleError. A problem.List
// names the nodes that do not know the next key; then nothing changed but that
// the next key is published.
func (s *Store) RotateKey(ctx context.Context, by Actor, slot KeySlot, activeKid string) (KeyRotation, error) {
	next, err := s.publishedNext(ctx, by, slot, activeKid)
	if err != nil {
		return KeyRotation{}, fmt.Errorf("rotate key: %w", err)
	}
	r, err := s.signWith(ctx, by, next, activeKid)
	if err != nil {
		return KeyRotation{}, fmt.Errorf("rotate key: %w", err)
	}
	return r, nil
}

// StartKey makes a next key sign where no key does: the first of its slot, which
// a rotation has nothing to take the place of. It waits for the nodes as
// RotateKey does. A *StaleError when the key is not the next one any more, or
// another key signs: of two who start it at once one wins.
func (s *Store) StartKey(ctx context.Context, by Actor, environment, id string) (KeyRotation, error) {
	k, err := s.Key(ctx, environment, id)
	if err != nil {
		return KeyRotation{}, fmt.Errorf("start key: %w", err)
	}
	next, err := s.readNext(ctx, k.KeySlot, "")
	if err == nil && next.ID != k.ID {
		err = &StaleError{Kind: KindKey, Name: "The key " + k.Kid, Deleted: k.State.Ended(), By: k.CreatedBy, At: k.CreatedAt}
	}
	if err != nil {
		return KeyRotation{}, fmt.Errorf("start key: %w", err)
	}
	r, err := s.signWith(ctx, by, next, "")
	if err != nil {
		return KeyRotation{}, fmt.Errorf("start key: %w", err)
	}
	return r, nil
}

// signWith makes the next key of a slot sign when every node knows it, if the
// slot is still as it was.
func (s *Store) signWith(ctx context.Context, by Actor, next Key, activeKid string) (r KeyRotation, err error) {
	if err := s.awaitKnown(ctx, next.Environment, next.Generation); err != nil {
		return r, err
	}
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		r, err = s.activate(ctx, tx, by, next.KeySlot, activeKid, next.ID)
		return err
	})
	return r, err
}

// publishedNext is the next key of a slot, made when there is none.
func (s *Store) publishedNext(ctx context.Context, by Actor, slot KeySlot, activeKid string) (Key, error) {
	next, err := s.readNext(ctx, slot, activeKid)
	if err != nil || next.ID != "" {
		return next, err
	}
	made, err := s.prepareNext(ctx, by, slot, func(f slotFrame) error { return f.staleUnless(activeKid) })
	if problem.Of(err) == nil {
		return made, err
	}
	// Somebody else may have prepared one since we looked.
	if next, again := s.readNext(ctx, slot, activeKid); again != nil || next.ID != "" {
		return next, again
	}
	return made, err
}

// readNext is the next key of a slot, without an ID when it has none.
func (s *Store) readNext(ctx context.Context, slot KeySlot, activeKid string) (Key, error) {
	var next Key
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, slot.Environment)
		if err != nil {
			return err
		}
		rows, err := slotKeys(ctx, tx, e.ID, slot)
		f := slotFrame{KeySlot: slot, e: e}
		for _, row := range rows {
			if KeyState(row.State) == KeyActive {
				f.active = row
			} else {
				next = row.key(e.Name, "")
			}
		}
		if err != nil {
			return err
		}
		return f.staleUnless(activeKid)
	})
	return next, err
}

// staleUnless refuses what was decided when another key signed.
func (f slotFrame) staleUnless(activeKid string) error {
	if f.active.Kid == activeKid {
		return nil
	}
	by, at := f.active.CreatedBy, orZero(f.active.ActivatedAt)
	return &StaleError{Kind: KindKey, Name: "The key for " + f.KeySlot.String(), Current: f.active.key(f.e.Name, f.project.Name), By: by, At: at}
}

func (s *Store) activeKid(ctx context.Context, slot KeySlot) (string, error) {
	e, err := environmentNamed(ctx, s.db, slot.Environment)
	if err != nil {
		return "", err
	}
	rows, err := slotKeys(ctx, s.db, e.ID, slot)
	for _, row := range rows {
		if KeyState(row.State) == KeyActive {
			return row.Kid, nil
		}
	}
	return "", err
}

// awaitKnown waits until every node that lives runs the generation.
func (s *Store) awaitKnown(ctx context.Context, environment string, generation int64) error {
	waiting, cancel := context.WithTimeout(ctx, keyWait)
	defer cancel()
	reports, err := s.AwaitNodes(waiting, environment, generation)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	return unsettled(reports, generation).Err()
}

// unsettled names the nodes that do not run the generation.
func unsettled(reports []NodeReport, generation int64) problem.List {
	var l problem.List
	for _, r := range reports {
		switch {
		case r.Generation < generation:
			l.Add("", "The node %s has not taken over the next key yet. Nothing signs with it; try again when the node has, or stop the node.", r.Node)
		case !r.OK:
			l.Add("", "The node %s cannot take over the next key: %s. Nothing signs with it; put that right or stop the node, then try again.", r.Node, strings.TrimRight(r.Message, "."))
		}
	}
	return l
}

func (s *Store) activate(ctx context.Context, tx *gorm.DB, by Actor, slot KeySlot, activeKid, nextID string) (KeyRotation, error) {
	f, err := s.enterSlot(ctx, tx, slot)
	if err != nil {
		return KeyRotation{}, err
	}
	if err := f.staleUnless(activeKid); err != nil {
		return KeyRotation{}, err
	}
	if f.next.ID != nextID {
		return KeyRotation{}, &StaleError{Kind: KindKey, Name: "The next key for " + slot.String(), Deleted: f.next.ID == "", By: f.next.CreatedBy, At: f.next.CreatedAt}
	}
	r := KeyRotation{Generation: f.generation}
	if f.active.ID != "" {
		if r.Old, err = s.startRetiring(ctx, tx, f); err != nil {
			return KeyRotation{}, err
		}
	}
	row, err := s.startSigning(ctx, tx, f, f.next)
	if err != nil {
		return KeyRotation{}, err
	}
	r.New = row.key(f.e.Name, f.project.Name)
	if err := s.reportKey(ctx, tx, by, f, event.KeyRotated, fmt.Sprintf("The key %s signs for %s.", row.Kid, f.KeySlot)); err != nil {
		return KeyRotation{}, err
	}
	return r, s.record(ctx, tx, by, fact{
		action: ActionRotated, kind: KindKey, id: row.ID, name: row.Kid, project: f.project.Name, before: f.beforeRotation(), after: row.audited(f.e),
	})
}

// reportKey tells whoever watches over the installation.
func (s *Store) reportKey(ctx context.Context, tx *gorm.DB, by Actor, f slotFrame, kind event.SecurityKind, detail string) error {
	return insertSecurityEvents(ctx, tx, []event.Security{{
		Time: s.now(), Kind: kind, Environment: f.e.Name, Project: f.project.Name, Subject: by.Name, Client: by.Client,
		Detail: detail, CorrelationID: by.CorrelationID,
	}})
}

// beforeRotation is the key that signed, or nothing.
func (f slotFrame) beforeRotation() any {
	if f.active.ID == "" {
		return nil
	}
	return f.active.audited(f.e)
}

// startRetiring makes the active key of a slot verify only. It is now by the later one
// of two clocks: where that of this process was set back, tokens are of later.
func (s *Store) startRetiring(ctx context.Context, tx *gorm.DB, f slotFrame) (Key, error) {
	row := f.active
	now, err := s.later(ctx, tx)
	if err != nil {
		return Key{}, err
	}
	seconds, unending, err := longest(ctx, tx, f)
	if err != nil {
		return Key{}, err
	}
	row.MaxTokenSeconds, row.Unending = max(row.MaxTokenSeconds, seconds), row.Unending || unending
	row.State, row.Generation, row.RetiringAt, row.RetireAt = string(KeyRetiring), f.generation, &now, row.retireFrom(now)
	_, err = from[keyRow](tx).Where("id = ?", row.ID).
		Select("state", "generation", "max_token_seconds", "unending", "retiring_at", "retire_at").Updates(ctx, row)
	return row.key(f.e.Name, f.project.Name), err
}

// retireFrom is when a key is needed no longer that signed until now; nil is
// never (D8).
func (r keyRow) retireFrom(now time.Time) *time.Time {
	if r.Unending {
		return nil
	}
	at := now.Add(time.Duration(r.MaxTokenSeconds)*time.Second + keyMargin)
	return &at
}

// startSigning makes a key the active one of its slot, which has none.
func (s *Store) startSigning(ctx context.Context, tx *gorm.DB, f slotFrame, row keyRow) (keyRow, error) {
	now := s.now()
	seconds, unending, err := longest(ctx, tx, f)
	if err != nil {
		return row, err
	}
	row.State, row.Generation, row.ActivatedAt, row.MaxTokenSeconds, row.Unending = string(KeyActive), f.generation, &now, seconds, unending
	_, err = from[keyRow](tx).Where("id = ?", row.ID).
		Select("state", "generation", "activated_at", "max_token_seconds", "unending").Updates(ctx, row)
	return row, err
}

// longest is for how long tokens live that are signed in a slot now.
func longest(ctx context.Context, tx *gorm.DB, f slotFrame) (seconds int64, unending bool, err error) {
	w := signersOf(f.e.ID, f.KeySlot)
	lines, err := query[settingsLine](ctx, tx, "select distinct s.unending, s.amount, s.unit from signers s where "+w.sql(), w.args...)
	if err != nil {
		return 0, false, fmt.Errorf("list lifetimes of tokens: %w", err)
	}
	for _, l := range lines {
		lifetime := l.lifetime()
		seconds, unending = max(seconds, int64(lifetime/time.Second)), unending || lifetime == 0
	}
	if !f.Own() {
		return seconds, unending, nil
	}
	more, err := credentialSigners(ctx, tx, f.e.ID, "c.tokens ->> 'jwtSignatureAlgorithm' = ? and "+leavesToCredentials, f.Algorithm)
	for _, c := range more {
		seconds, unending = max(seconds, lifetimeSeconds(c.Settings)), unending || c.TokenNeverExpires
	}
	return seconds, unending, err
}
