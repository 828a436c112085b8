package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// The unique indexes behind the names of credentials. The second one holds the
// client ids of owners too, as a token request gives nothing but such a name.
const (
	credentialsByName = "credentials_name"
	clientNames       = "client_names_pkey"
)

const (
	credentialTaken = "The name is taken by another credential; names are unique over all projects. Choose another one."
	ownerHasName    = "The name is the client id of an API proxy; choose another one."
	// credentialSecretBytes gives 43 characters.
	credentialSecretBytes = 32
)

// SaveCredential writes a credential: a new one when id is empty, else the one
// of that id as it was read at version. It takes effect at once in every
// environment (D5). A secret that was generated is returned this once. Errors
// are a problem.List, a *StaleError when somebody was faster, and ErrNotFound.
func (s *Store) SaveCredential(ctx context.Context, by Actor, projectID, id string, version int, d CredentialDraft) (Credential, secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Credential{}, secret.Text{}, err
	}
	d.normalize()
	w := credentialWrite{s: s, by: by, project: project, draft: d}
	if w.problems = w.draft.validate(); len(w.problems) == 0 {
		if err := w.prepare(ctx); err != nil {
			return Credential{}, secret.Text{}, fmt.Errorf("save credential: %w", err)
		}
	}
	var saved Credential
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) (_ []string, err error) {
		saved, err = w.write(ctx, tx, id, version)
		return []string{saved.ID}, err
	})
	if err != nil {
		return Credential{}, secret.Text{}, fmt.Errorf("save credential: %w", credentialRace(err))
	}
	return saved, w.generated, nil
}

// credentialRace says that a name is taken when another writer took it between
// our look and our write.
func credentialRace(err error) error {
	switch violated(err) {
	case credentialsByName:
		return problem.List{{Field: "username", Message: credentialTaken, Taken: true}}
	case clientNames:
		return problem.List{{Field: "username", Message: ownerHasName}}
	}
	return err
}

// raiseAll makes the nodes of every environment load anew.
func raiseAll(ctx context.Context, tx *gorm.DB) error {
	list, err := environmentsByID(ctx, tx)
	if err != nil {
		return err
	}
	for _, e := range list {
		if _, err := raise(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// writeCredentials is write for a change of credentials or of what they may
// use: the nodes of every environment load anew (D5), and an environment that
// lacks a key to sign the tokens of those credentials with gets one.
func (s *Store) writeCredentials(ctx context.Context, by Actor, change func(*gorm.DB) (ids []string, err error)) error {
	// By environment: a key that two of them shared would make tokens of one
	// pass in the other.
	made := map[string]newKeys{}
	for {
		var lacks string
		err := s.write(ctx, func(tx *gorm.DB) error {
			ids, err := change(tx)
			if err != nil {
				return err
			}
			lacks, err = s.raiseWithKeys(ctx, tx, by, ids, made)
			return err
		})
		var missing missingKeys
		if !errors.As(err, &missing) {
			return err
		}
		if made[lacks] == nil {
			made[lacks] = newKeys{}
		}
		if err := made[lacks].make(missing); err != nil {
			return err
		}
	}
}

// raiseWithKeys is raiseAll that also stores keys, and says which environment
// lacks any.
func (s *Store) raiseWithKeys(ctx context.Context, tx *gorm.DB, by Actor, ids []string, made map[string]newKeys) (string, error) {
	list, err := environmentsByID(ctx, tx)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if _, err := raise(ctx, tx, e); err != nil {
			return "", err
		}
		if err := s.ensureCredentialKeys(ctx, tx, by, e, ids, made[e.ID]); err != nil {
			return e.ID, err
		}
	}
	return "", nil
}

// credentialWrite is one credential on its way into the database.
type credentialWrite struct {
	s       *Store
	by      Actor
	project Project
	draft   CredentialDraft
	// problems are those that the value alone has; hash and hashes exist only
	// without any. hash is "" when the secret stays, hashes are by the index of
	// the environment.
	problems  problem.List
	hash      string
	hashes    map[int]string
	generated secret.Text
}

// prepare does what takes long, before the transaction begins.
func (w *credentialWrite) prepare(ctx context.Context) error {
	text := w.draft.Secret
	if w.draft.GenerateSecret {
		w.generated = secret.New(secret.Generate(credentialSecretBytes))
		text = w.generated
	}
	var err error
	if !text.IsZero() {
		if w.hash, err = secret.HashContext(ctx, text.Reveal()); err != nil {
			return err
		}
	}
	known, err := environments(ctx, w.s.db)
	if err != nil {
		return err
	}
	w.hashes = map[int]string{}
	for i, o := range w.draft.Environments {
		// One that is made up would cost a hash before it is refused.
		if !o.OwnSecret || o.Secret.IsZero() || !slices.ContainsFunc(known, o.of) {
			continue
		}
		if w.hashes[i], err = secret.HashContext(ctx, o.Secret.Reveal()); err != nil {
			return err
		}
	}
	return nil
}

// of tells whether the override is that of an environment.
func (o *CredentialOverride) of(e environmentRow) bool {
	return strings.EqualFold(e.Name, o.Environment)
}

// credentialState is a credential as rows, before or after a write.
type credentialState struct {
	row        credentialRow
	overrides  []overrideRow
	credential Credential
}

func (w *credentialWrite) write(ctx context.Context, tx *gorm.DB, id string, version int) (Credential, error) {
	before := credentialState{}
	row := credentialRow{ID: newID(), ProjectID: w.project.ID, Stamp: born(w.by, w.s.now())}
	if id != "" {
		var err error
		if before, err = w.s.credentialAt(ctx, tx, w.project, id, version); err != nil {
			return Credential{}, err
		}
		row = before.row
	}
	parts, err := w.check(ctx, tx, before, row.ID)
	if err != nil {
		return Credential{}, err
	}
	if err := w.fill(&row, parts); err != nil {
		return Credential{}, err
	}
	if err := w.store(ctx, tx, &row, id == ""); err != nil {
		return Credential{}, err
	}
	if err := writeCredentialParts(ctx, tx, row.ID, parts); err != nil {
		return Credential{}, err
	}
	action := ActionUpdated
	if id == "" {
		action = ActionCreated
	}
	return w.s.finishCredential(ctx, tx, w.by, w.project, action, before, row)
}

// credentialParts are what stands in other tables, or sealed.
type credentialParts struct {
	roleIDs   []string
	overrides []overrideRow
	metadata  []storedMetadata
}

// check finds what is wrong in the light of other rows, all at once.
func (w *credentialWrite) check(ctx context.Context, tx *gorm.DB, before credentialState, id string) (credentialParts, error) {
	var parts credentialParts
	l := slices.Clone(w.problems)
	if l.For("username") == "" {
		msg, err := credentialNameTaken(ctx, tx, w.draft.Name, id)
		if err != nil {
			return parts, err
		}
		if msg != "" {
			l.AddTaken("username", msg)
		}
	}
	if before.row.ID == "" && w.draft.Secret.IsZero() && !w.draft.GenerateSecret {
		l.Add("password", "Enter a secret of at least %d characters, or have one generated.", MinCredentialSecret)
	}
	if err := w.checkExpiry(&l, before); err != nil {
		return parts, err
	}
	known, err := roleIDs(ctx, tx, w.project.ID, w.draft.Roles)
	if err != nil {
		return parts, err
	}
	checkRoleNames(&l, "roleNameList", w.draft.Roles, known)
	for _, name := range w.draft.Roles {
		parts.roleIDs = append(parts.roleIDs, known[name])
	}
	if parts.overrides, err = w.overrides(ctx, tx, &l, before, id); err != nil {
		return parts, err
	}
	if parts.metadata, err = w.metadata(&l, before, id); err != nil {
		return parts, err
	}
	return parts, l.Err()
}

// checkExpiry refuses a new end in the past; one that has come may stay.
func (w *credentialWrite) checkExpiry(l *problem.List, before credentialState) error {
	e := w.draft.Expires
	if e.IsZero() || e.After(w.s.now()) || before.row.ID != "" && e.Equal(before.credential.Expires) {
		return nil
	}
	l.Add("expireDate", "Choose a moment in the future, or disable the credential.")
	return nil
}

// credentialNameTaken looks over all projects, without saying whose the name
// is, and among the client ids of APIs.
func credentialNameTaken(ctx context.Context, db *gorm.DB, name, exceptID string) (string, error) {
	taken, err := query[string](ctx, db, "select kind from client_names where name = lower(?) and owner <> ?", name, exceptID)
	if err != nil {
		return "", fmt.Errorf("look for a credential of that name: %w", err)
	}
	switch {
	case len(taken) == 0:
		return "", nil
	case taken[0] == KindProxy:
		return ownerHasName, nil
	}
	return credentialTaken, nil
}

// overrides makes the rows of the environments that differ.
func (w *credentialWrite) overrides(ctx context.Context, tx *gorm.DB, l *problem.List, before credentialState, id string) ([]overrideRow, error) {
	if len(w.draft.Environments) == 0 {
		return nil, nil
	}
	all, err := environments(ctx, tx)
	if err != nil {
		return nil, err
	}
	var rows []overrideRow
	for i, o := range w.draft.Environments {
		if !o.differs() {
			continue
		}
		field := fmt.Sprintf("environments[%d].", i)
		at := slices.IndexFunc(all, o.of)
		if at < 0 {
			l.Add(field+"environment", "Choose an environment that exists; there is no %q.", truncated(o.Environment, 60))
			continue
		}
		row := overrideRow{CredentialID: id, EnvironmentID: all[at].ID, Disabled: o.Disabled}
		if o.OwnSecret {
			row.SecretHash = w.overrideHash(l, field, i, before.override(row.EnvironmentID))
		}
		if o.OwnNetworks {
			if row.Networks, err = json.Marshal(append([]string{}, o.Networks...)); err != nil {
				return nil, fmt.Errorf("encode networks: %w", err)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (w *credentialWrite) overrideHash(l *problem.List, field string, i int, before *overrideRow) *string {
	if hash, ok := w.hashes[i]; ok {
		return &hash
	}
	if before != nil && before.SecretHash != nil {
		return before.SecretHash
	}
	if w.draft.Environments[i].Secret.IsZero() {
		l.Add(field+"password", "Enter the secret for this environment, of at least %d characters.", MinCredentialSecret)
	}
	return nil
}

func (b credentialState) override(environmentID string) *overrideRow {
	for i := range b.overrides {
		if b.overrides[i].EnvironmentID == environmentID {
			return &b.overrides[i]
		}
	}
	return nil
}

// metadata seals what is secret (D18) and keeps what is sealed already.
func (w *credentialWrite) metadata(l *problem.List, before credentialState, id string) ([]storedMetadata, error) {
	old, err := before.row.stored()
	if err != nil {
		return nil, err
	}
	list := make([]storedMetadata, 0, len(w.draft.Metadata)) // [] and not null
	for i, m := range w.draft.Metadata {
		stored := storedMetadata{Metadata: m}
		if m.Secret {
			value := m.SecretValue
			if value.IsZero() {
				value = secret.New(m.Value) // an open entry that is made secret
			}
			stored.Value = ""
			if stored.Sealed, err = w.seal(value, old, id, m.Key); err != nil {
				return nil, err
			}
			if stored.Sealed == nil {
				l.Add(fmt.Sprintf("metadata[%d].value", i), "Enter the secret value.")
			}
		}
		list = append(list, stored)
	}
	return list, nil
}

// seal gives nil when there is neither a new value nor an old one.
func (w *credentialWrite) seal(value secret.Text, old []storedMetadata, id, key string) ([]byte, error) {
	if !value.IsZero() {
		return w.s.sealer.Seal([]byte(value.Reveal()), metadataPlace(id, key))
	}
	for _, m := range old {
		if m.Key == key {
			return m.Sealed, nil
		}
	}
	return nil, nil
}

// metadataPlace is what a secret entry is sealed for.
func metadataPlace(credentialID, key string) string {
	return "credentials/" + credentialID + "/metadata/" + key
}

// fill puts the draft into its row.
func (w *credentialWrite) fill(row *credentialRow, parts credentialParts) error {
	d := &w.draft
	row.Name, row.Description, row.FullName, row.Email, row.Enabled = d.Name, d.Description, d.FullName, d.Email, d.Enabled
	row.ExpiresAt = orNever(d.Expires)
	if w.hash != "" {
		row.SecretHash, row.SecretChangedAt = w.hash, w.s.now()
	}
	var err error
	if row.Networks, err = json.Marshal(append([]string{}, d.Networks...)); err != nil { // [] and not null
		return fmt.Errorf("encode networks: %w", err)
	}
	if row.Metadata, err = json.Marshal(parts.metadata); err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	if row.Tokens, err = json.Marshal(d.Tokens); err != nil {
		return fmt.Errorf("encode token settings: %w", err)
	}
	return nil
}

func (w *credentialWrite) store(ctx context.Context, tx *gorm.DB, row *credentialRow, fresh bool) error {
	if fresh {
		return from[credentialRow](tx).Create(ctx, row)
	}
	return w.s.bumpCredential(ctx, tx, w.by, row)
}

// bumpCredential writes a credential and its next version, provided that
// nobody wrote since it was read.
func (s *Store) bumpCredential(ctx context.Context, tx *gorm.DB, by Actor, row *credentialRow) error {
	read := row.Stamp.Version
	row.Stamp = row.Stamp.next(by, s.now())
	n, err := from[credentialRow](tx).Where("id = ? and version = ?", row.ID, read).
		Select("name", "description", "full_name", "email", "enabled", "expires_at", "secret_hash", "secret_changed_at",
			"networks", "metadata", "tokens", "version", "updated_at", "updated_by").Updates(ctx, *row)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrStale
	}
	return nil
}

func writeCredentialParts(ctx context.Context, tx *gorm.DB, id string, parts credentialParts) error {
	if _, err := from[memberRow](tx).Where("credential_id = ?", id).Delete(ctx); err != nil {
		return err
	}
	if _, err := from[overrideRow](tx).Where("credential_id = ?", id).Delete(ctx); err != nil {
		return err
	}
	var members []memberRow
	for _, role := range parts.roleIDs {
		members = append(members, memberRow{CredentialID: id, RoleID: role})
	}
	if len(members) > 0 {
		if err := from[memberRow](tx).CreateInBatches(ctx, &members, len(members)); err != nil {
			return err
		}
	}
	if len(parts.overrides) == 0 {
		return nil
	}
	return from[overrideRow](tx).CreateInBatches(ctx, &parts.overrides, len(parts.overrides))
}

// credentialAt is a credential as it was read at version, or the *StaleError
// that shows what it has become.
func (s *Store) credentialAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (credentialState, error) {
	if !isID(id) {
		return credentialState{}, ErrNotFound
	}
	row, err := found(from[credentialRow](tx).Where("id = ? and project_id = ?", id, project.ID).Take(ctx))
	if isNotFound(err) {
		return credentialState{}, s.missing(ctx, KindCredential, id)
	}
	if err != nil {
		return credentialState{}, err
	}
	state, err := credentialStateOf(ctx, tx, project, row)
	if c := state.credential; err == nil && c.Version != version {
		return state, &StaleError{Kind: KindCredential, Name: c.Name, Version: c.Version, Current: c, By: c.UpdatedBy, At: c.UpdatedAt}
	}
	return state, err
}

func credentialStateOf(ctx context.Context, tx *gorm.DB, project Project, row credentialRow) (credentialState, error) {
	c, err := oneCredential(ctx, tx, project.Name, row)
	if err != nil {
		return credentialState{}, err
	}
	overrides, err := from[overrideRow](tx).Where("credential_id = ?", row.ID).Find(ctx)
	return credentialState{row: row, overrides: overrides, credential: c}, err
}

// finishCredential reads a credential again after a write, makes the tokens
// worthless that must be, and audits.
func (s *Store) finishCredential(ctx context.Context, tx *gorm.DB, by Actor, project Project, action string, before credentialState, row credentialRow) (Credential, error) {
	after, err := credentialStateOf(ctx, tx, project, row)
	if err != nil {
		return Credential{}, err
	}
	if err := s.revokeChanged(ctx, tx, by, project, before, after); err != nil {
		return Credential{}, err
	}
	return after.credential, s.recordCredential(ctx, tx, by, project, action, before, after)
}

// changeCredential writes what edit makes of the row of a credential that is
// still at version.
func (s *Store) changeCredential(ctx context.Context, by Actor, projectID, id string, version int, action string, edit func(*credentialRow)) (Credential, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return Credential{}, err
	}
	var saved Credential
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		before, err := s.credentialAt(ctx, tx, project, id, version)
		if err != nil {
			return nil, err
		}
		row := before.row
		edit(&row)
		if err := s.bumpCredential(ctx, tx, by, &row); err != nil {
			return nil, err
		}
		saved, err = s.finishCredential(ctx, tx, by, project, action, before, row)
		return []string{id}, err
	})
	return saved, err
}

// SetCredentialEnabled switches a credential on or off, at once and
// everywhere. Switched off, its tokens are worthless. Errors are those of
// SaveCredential.
func (s *Store) SetCredentialEnabled(ctx context.Context, by Actor, projectID, id string, version int, enabled bool) (Credential, error) {
	c, err := s.changeCredential(ctx, by, projectID, id, version, ActionUpdated, func(r *credentialRow) { r.Enabled = enabled })
	if err != nil {
		return Credential{}, fmt.Errorf("switch credential: %w", err)
	}
	return c, nil
}

// RotateCredentialSecret gives a credential a new secret, returned this once.
// It takes effect at once wherever the environment has none of its own; tokens
// that were issued there are worthless.
func (s *Store) RotateCredentialSecret(ctx context.Context, by Actor, projectID, id string, version int) (Credential, secret.Text, error) {
	fresh := secret.New(secret.Generate(credentialSecretBytes))
	hash, err := secret.HashContext(ctx, fresh.Reveal())
	if err != nil {
		return Credential{}, secret.Text{}, fmt.Errorf("rotate secret: %w", err)
	}
	c, err := s.changeCredential(ctx, by, projectID, id, version, ActionSecretRotated, func(r *credentialRow) {
		r.SecretHash, r.SecretChangedAt = hash, s.now()
	})
	if err != nil {
		return Credential{}, secret.Text{}, fmt.Errorf("rotate secret: %w", err)
	}
	return c, fresh, nil
}

// DeleteCredential removes a credential as it was read at version, with its
// access to APIs. Its tokens are worthless from then on.
func (s *Store) DeleteCredential(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		before, err := s.credentialAt(ctx, tx, project, id, version)
		if err != nil {
			return nil, err
		}
		row := before.row
		if err := s.bumpCredential(ctx, tx, by, &row); err != nil { // locks it
			return nil, err
		}
		if _, err := from[credentialRow](tx).Where("id = ?", id).Delete(ctx); err != nil {
			return nil, err
		}
		if err := s.revokeChanged(ctx, tx, by, project, before, credentialState{}); err != nil {
			return nil, err
		}
		return nil, s.recordCredential(ctx, tx, by, project, ActionDeleted, before, credentialState{})
	})
	if err != nil {
		return fmt.Errorf("delete credential: %w", err)
	}
	return nil
}

// CredentialNameProblem says what is wrong with name for a credential, "" when
// it is free. exceptID is the one that is being edited, "" for a new one.
func (s *Store) CredentialNameProblem(ctx context.Context, name, exceptID string) (string, error) {
	if msg := credentialNameProblem(name); msg != "" {
		return msg, nil
	}
	return credentialNameTaken(ctx, s.db, name, idOrNew(exceptID))
}
