package models

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// identitySourcesByName is the unique index behind the names of sources.
const identitySourcesByName = "identity_sources_name"

const (
	identitySourceTaken = "The name is taken by another identity source; choose another one."
	// enterAgain keeps a stored secret from being sent wherever whoever may
	// edit a source likes: to a server of their own, by a test or a login.
	enterAgain = "Enter it again: it would be sent to a new address, or to whoever a certificate now vouches for."
)

// SaveIdentitySource writes a source: a new one when id is empty, else the one
// of that id as it was read at version. It takes effect at once in every
// environment (D5). The configuration is normalised first, in place. Of the
// secrets, one that is absent stays as it is stored and one that is there and
// empty is removed. Errors are a problem.List, with the secrets by their field
// names, a *StaleError when somebody was faster, and ErrNotFound.
func (s *Store) SaveIdentitySource(ctx context.Context, by Actor, projectID, id string, version int, c identity.Config, secrets map[string]secret.Text) (IdentitySource, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return IdentitySource{}, err
	}
	c.Normalize()
	w := sourceWrite{s: s, by: by, project: project, config: c, given: secrets}
	var saved identitySourceRow
	err = s.write(ctx, func(tx *gorm.DB) (err error) {
		if saved, err = w.write(ctx, tx, id, version); err != nil {
			return err
		}
		return raiseAll(ctx, tx)
	})
	if err != nil {
		return IdentitySource{}, fmt.Errorf("save identity source: %w", identitySourceRace(err))
	}
	return s.oneIdentitySource(ctx, s.db, project.Name, saved)
}

// identitySourceRace says that a name is taken when another writer took it
// between our look and our write.
func identitySourceRace(err error) error {
	if violated(err) == identitySourcesByName {
		return problem.List{{Field: "name", Message: identitySourceTaken, Taken: true}}
	}
	return err
}

// sourceWrite is one identity source on its way into the database.
type sourceWrite struct {
	s       *Store
	by      Actor
	project Project
	config  identity.Config
	given   map[string]secret.Text
}

func (w *sourceWrite) write(ctx context.Context, tx *gorm.DB, id string, version int) (identitySourceRow, error) {
	base := w.config.Base()
	row := identitySourceRow{ID: newID(), ProjectID: w.project.ID, Kind: string(base.Kind), Secrets: []byte{}, Stamp: born(w.by, w.s.now())}
	var before *identitySourceRow
	if id != "" {
		old, err := w.s.identitySourceAt(ctx, tx, w.project, id, version)
		if err != nil {
			return row, err
		}
		row, before = old, &old
		row.Stamp = old.Stamp.next(w.by, w.s.now())
	}
	secrets, err := w.check(ctx, tx, before, row.ID)
	if err != nil {
		return row, err
	}
	if row.Config, err = json.Marshal(w.config); err != nil {
		return row, fmt.Errorf("encode identity source: %w", err)
	}
	row.Name, row.Description = base.Name, base.Description
	changes, err := w.seal(&row, secrets)
	if err != nil {
		return row, err
	}
	if err := w.store(ctx, tx, row, before == nil); err != nil {
		return row, err
	}
	return row, w.record(ctx, tx, before, row, changes)
}

// check finds everything that is wrong and gives the secrets as they will be.
func (w *sourceWrite) check(ctx context.Context, tx *gorm.DB, before *identitySourceRow, id string) (map[string]secret.Text, error) {
	base := w.config.Base()
	kind, ok := w.s.identities.Find(base.Kind)
	if !ok {
		return nil, problem.List{{Field: "kind", Message: fmt.Sprintf("Unknown kind of identity source %q.", base.Kind)}}
	}
	l := w.config.Validate()
	if before != nil && before.Kind != string(base.Kind) {
		l.Add("kind", "The kind of an identity source stays what it is, %s.", before.Kind)
		return nil, l
	}
	if err := w.checkName(ctx, tx, &l, before, id); err != nil {
		return nil, err
	}
	secrets, err := w.s.mergeSecrets(&l, kind, before, w.config, w.given)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if err := w.checkPurposes(ctx, tx, &l, kind, *before); err != nil {
			return nil, err
		}
	}
	if len(l) == 0 {
		l = tryOpen(w.config, secrets)
	}
	return secrets, l.Err()
}

func (w *sourceWrite) checkName(ctx context.Context, tx *gorm.DB, l *problem.List, before *identitySourceRow, id string) error {
	name := w.config.Base().Name
	if l.For("name") != "" {
		return nil
	}
	taken, err := identitySourceNameTaken(ctx, tx, w.project.ID, id, name)
	if err != nil {
		return err
	}
	if taken {
		l.AddTaken("name", identitySourceTaken)
		return nil
	}
	if before == nil || strings.EqualFold(before.Name, name) {
		return nil
	}
	uses, err := w.s.identitySourceUses(ctx, tx, *before)
	if err != nil || len(uses) == 0 {
		return err
	}
	l.Add("name", "Keep the name %s: %s. A policy finds its source by name.", before.Name, namedBy(uses))
	return nil
}

// tryOpen finds what only opening shows, such as a certificate and a key that
// do not belong together. It connects to nothing.
func tryOpen(c identity.Config, secrets map[string]secret.Text) problem.List {
	source, err := c.Open(identity.Deps{Secrets: secrets})
	if source != nil {
		source.Close()
	}
	if l := problem.Of(err); l != nil {
		return l
	}
	if err != nil {
		return problem.List{{Message: fmt.Sprintf("These settings cannot be used: %v.", err)}}
	}
	return nil
}

// mergeSecrets are the secrets that a source has with what was given. A stored
// one stays only as long as it goes where it went.
func (s *Store) mergeSecrets(l *problem.List, kind identity.Kind, before *identitySourceRow, c identity.Config, given map[string]secret.Text) (map[string]secret.Text, error) {
	secrets, moved, err := s.storedSecrets(before, c)
	if err != nil {
		return nil, err
	}
	for _, f := range kind.Secrets {
		text, named := given[f.Name]
		if named {
			secrets[f.Name] = text
		} else if moved && !secrets[f.Name].IsZero() {
			l.Add(f.Name, "%s", enterAgain)
		}
	}
	for _, name := range namesOf(given) {
		if !slices.ContainsFunc(kind.Secrets, func(f identity.SecretField) bool { return f.Name == name }) {
			l.Add(name, "%s has no secret of this name.", kind.Label)
		}
	}
	maps.DeleteFunc(secrets, func(_ string, text secret.Text) bool { return text.IsZero() })
	return secrets, nil
}

// storedSecrets are the secrets as stored, and whether c would send them to an
// address that they were not sent to before.
func (s *Store) storedSecrets(before *identitySourceRow, c identity.Config) (secrets map[string]secret.Text, moved bool, err error) {
	if before == nil {
		return map[string]secret.Text{}, false, nil
	}
	secrets, err = s.openSecrets(*before)
	if err != nil || len(secrets) == 0 {
		return map[string]secret.Text{}, false, err
	}
	old, err := s.identitySource(*before, "", 0)
	if err != nil {
		return nil, false, err
	}
	known := old.Config.Destinations()
	moved = slices.ContainsFunc(c.Destinations(), func(d string) bool { return !slices.Contains(known, d) })
	return secrets, moved, nil
}

// SecretsForTest are the secrets that a source would have if it were saved as c
// with what is given: for trying it before. id is empty for a new source.
// Errors are a problem.List, above all when a stored secret would be sent to a
// new address, and ErrNotFound.
func (s *Store) SecretsForTest(ctx context.Context, projectID, id string, c identity.Config, given map[string]secret.Text) (map[string]secret.Text, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return nil, err
	}
	kind, ok := s.identities.Find(c.Base().Kind)
	if !ok {
		return nil, problem.List{{Field: "kind", Message: fmt.Sprintf("Unknown kind of identity source %q.", c.Base().Kind)}}
	}
	var before *identitySourceRow
	if id != "" {
		row, err := identitySourceByID(ctx, s.db, project.ID, id)
		if err != nil {
			return nil, err
		}
		if row.Kind != string(kind.Name) { // another kind has secrets of another meaning
			return nil, fmt.Errorf("read identity source: %w", ErrNotFound)
		}
		before = &row
	}
	var l problem.List
	secrets, err := s.mergeSecrets(&l, kind, before, c, given)
	if err != nil {
		return nil, err
	}
	return secrets, l.Err()
}

// The words of the audit for what happened to a secret.
const (
	sourceSecretSet       = "set"
	sourceSecretChanged   = "changed"
	sourceSecretUnchanged = "unchanged"
	sourceSecretRemoved   = "removed"
)

// seal puts the secrets into the row, as they were when nothing changed, and
// says what happened to each.
func (w *sourceWrite) seal(row *identitySourceRow, secrets map[string]secret.Text) (map[string]string, error) {
	stored, err := w.s.openSecrets(*row)
	if err != nil {
		return nil, err
	}
	changes := map[string]string{}
	for name := range stored {
		changes[name] = sourceSecretRemoved
	}
	for name, text := range secrets {
		switch {
		case stored[name].IsZero():
			changes[name] = sourceSecretSet
		case stored[name].Equal(text):
			changes[name] = sourceSecretUnchanged
		default:
			changes[name] = sourceSecretChanged
		}
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(changes)), func(c string) bool { return c != sourceSecretUnchanged }) {
		return changes, nil
	}
	row.Secrets, err = w.s.sealSecrets(*row, secrets)
	return changes, err
}

func (w *sourceWrite) store(ctx context.Context, tx *gorm.DB, row identitySourceRow, create bool) error {
	if create {
		return from[identitySourceRow](tx).Create(ctx, &row)
	}
	n, err := from[identitySourceRow](tx).Where("id = ? and version = ?", row.ID, row.Stamp.Version-1). // D17
														Select("name", "description", "config", "secrets", "version", "updated_at", "updated_by").Updates(ctx, row)
	if err == nil && n == 0 {
		err = ErrStale
	}
	return err
}

// sourceRecord is an identity source in the audit. Of secrets it says what
// happened and nothing else.
type sourceRecord struct {
	Source  json.RawMessage   `json:"source"`
	Secrets map[string]string `json:"secrets,omitempty"`
}

func (w *sourceWrite) record(ctx context.Context, tx *gorm.DB, before *identitySourceRow, row identitySourceRow, changes map[string]string) error {
	f := fact{
		action: ActionCreated, kind: KindIdentitySource, id: row.ID, name: row.Name, project: w.project.Name,
		after: sourceRecord{Source: json.RawMessage(row.Config), Secrets: changes},
	}
	if before != nil {
		was, err := w.s.auditedSource(*before)
		if err != nil {
			return err
		}
		f.action, f.before = ActionUpdated, was
	}
	return w.s.record(ctx, tx, w.by, f)
}

// auditedSource is a source as it stands, with the names of its secrets.
func (s *Store) auditedSource(row identitySourceRow) (sourceRecord, error) {
	stored, err := s.openSecrets(row)
	if err != nil {
		return sourceRecord{}, err
	}
	r := sourceRecord{Source: json.RawMessage(row.Config), Secrets: map[string]string{}}
	for name := range stored {
		r.Secrets[name] = sourceSecretSet
	}
	return r, nil
}

// identitySourceAt is the source as it was read at version, or the *StaleError
// that shows what it has become.
func (s *Store) identitySourceAt(ctx context.Context, tx *gorm.DB, project Project, id string, version int) (identitySourceRow, error) {
	row, err := identitySourceByID(ctx, tx, project.ID, id)
	if isNotFound(err) {
		return row, s.missing(ctx, KindIdentitySource, id)
	}
	if err != nil || row.Stamp.Version == version {
		return row, err
	}
	current, err := s.oneIdentitySource(ctx, tx, project.Name, row)
	if err != nil {
		return row, err
	}
	return row, &StaleError{
		Kind: KindIdentitySource, Name: current.Name, Version: current.Version,
		Current: current, By: current.UpdatedBy, At: current.UpdatedAt,
	}
}

// DeleteIdentitySource removes a source as it was read at version. While a
// policy names it, as it is edited or as it is deployed, the error is a
// *SourceInUseError; else those of SaveIdentitySource.
func (s *Store) DeleteIdentitySource(ctx context.Context, by Actor, projectID, id string, version int) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		// First, as a deploy does too: of both one waits and starts afresh.
		if err := raiseAll(ctx, tx); err != nil {
			return err
		}
		return s.deleteIdentitySource(ctx, tx, by, project, id, version)
	})
	if err != nil {
		return fmt.Errorf("delete identity source: %w", err)
	}
	return nil
}

func (s *Store) deleteIdentitySource(ctx context.Context, tx *gorm.DB, by Actor, project Project, id string, version int) error {
	row, err := s.identitySourceAt(ctx, tx, project, id, version)
	if err != nil {
		return err
	}
	uses, err := s.identitySourceUses(ctx, tx, row)
	if err != nil {
		return err
	}
	if len(uses) > 0 {
		return &SourceInUseError{Name: row.Name, Uses: uses}
	}
	was, err := s.auditedSource(row)
	if err != nil {
		return err
	}
	if _, err := from[identitySourceRow](tx).Where("id = ?", row.ID).Delete(ctx); err != nil {
		return err
	}
	return s.record(ctx, tx, by, fact{
		action: ActionDeleted, kind: KindIdentitySource, id: row.ID, name: row.Name, project: project.Name, before: was,
	})
}
