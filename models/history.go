package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
)

// Revision is what was deployed once. It never changes.
type Revision struct {
	ID string
	// Number counts the deploys of the owner from 1, over all environments.
	Number                               int
	Environment, Digest, Note, CreatedBy string
	CreatedAt                            time.Time
	// Definition is the frozen engine.Proxy, ProxyGroup or PolicyGroup.
	Definition json.RawMessage
	// Live tells that the environment runs it. It stays, as does a pinned one,
	// however old it is.
	Live, Pinned bool
}

// Revisions lists the last revisions of an owner, newest first.
func (s *Store) Revisions(ctx context.Context, ownerID string, limit int) ([]Revision, error) {
	limit, _ = page(1, limit)
	return revisions(ctx, s.db, ownerID, limit, 0)
}

// revisions narrows the list to one number unless that is 0.
func revisions(ctx context.Context, db *gorm.DB, ownerID string, limit, number int) ([]Revision, error) {
	if !isID(ownerID) {
		return nil, nil
	}
	type line struct {
		ID, Environment, Digest, Note, CreatedBy string
		Number                                   int
		CreatedAt                                time.Time
		Definition                               document
		Live, Pinned                             bool
	}
	lines, err := query[line](ctx, db, `select r.id, e.name as environment, r.digest, r.note, r.created_by, r.number, r.created_at, r.definition,
			exists (select from deployments d where d.revision_id = r.id and d.owner_id = r.owner_id and d.environment_id = r.environment_id) as live,
			exists (select from revision_pins n where n.revision_id = r.id) as pinned
		from revisions r join environments e on e.id = r.environment_id where r.owner_id = ? and (? = 0 or r.number = ?)
		order by r.number desc limit ?`, ownerID, number, number, limit)
	if err != nil {
		return nil, fmt.Errorf("list revisions: %w", err)
	}
	list := make([]Revision, len(lines))
	for i, l := range lines {
		list[i] = Revision{
			ID: l.ID, Number: l.Number, Environment: l.Environment, Digest: l.Digest, Note: l.Note, CreatedBy: l.CreatedBy,
			CreatedAt: l.CreatedAt.UTC(), Definition: json.RawMessage(l.Definition), Live: l.Live, Pinned: l.Pinned,
		}
	}
	return list, nil
}

// Revision is one revision of an owner by its number.
func (s *Store) Revision(ctx context.Context, ownerID string, number int) (Revision, error) {
	list, err := revisions(ctx, s.db, ownerID, 1, number)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("revision %d: %w", number, ErrNotFound)
	}
	if err != nil {
		return Revision{}, err
	}
	return list[0], nil
}

type pinRow struct {
	RevisionID string `gorm:"primaryKey"`
	PinnedAt   time.Time
	PinnedBy   string
}

// TableName implements gorm's schema.Tabler.
func (pinRow) TableName() string { return "revision_pins" }

// revisionRecord is a revision in the audit.
type revisionRecord struct {
	Environment string `json:"environment"`
	Digest      string `json:"digest"`
	Note        string `json:"note,omitempty"`
	Pinned      bool   `json:"pinned"`
}

func (r *Revision) audited(pinned bool) revisionRecord {
	return revisionRecord{Environment: r.Environment, Digest: r.Digest, Note: r.Note, Pinned: pinned}
}

// PinRevision keeps a revision from being removed by retention, or no longer.
// Pinning what is pinned changes nothing.
func (s *Store) PinRevision(ctx context.Context, by Actor, projectID, ownerID string, number int, pinned bool) error {
	return s.editRevision(ctx, projectID, ownerID, number, func(tx *gorm.DB, o Owner, r Revision) error {
		if r.Pinned == pinned {
			return nil
		}
		statement, args := "delete from revision_pins where revision_id = ?", []any{r.ID}
		if pinned {
			statement = "insert into revision_pins (revision_id, pinned_at, pinned_by) values (?, ?, ?) on conflict do nothing"
			args = append(args, s.now(), by.Name)
		}
		if _, err := exec(ctx, tx, statement, args...); err != nil {
			return err
		}
		return s.recordRevision(ctx, tx, by, ActionUpdated, o, r, r.audited(r.Pinned), r.audited(pinned))
	})
}

// DeleteRevision removes a revision that does not run, is not pinned and is not
// the newest of its owner, so that no number is ever used twice.
func (s *Store) DeleteRevision(ctx context.Context, by Actor, projectID, ownerID string, number int) error {
	return s.editRevision(ctx, projectID, ownerID, number, func(tx *gorm.DB, o Owner, r Revision) error {
		newest, err := query[int](ctx, tx, "select max(number) from revisions where owner_id = ?", o.ID)
		if err != nil {
			return err
		}
		switch {
		case r.Live:
			return revisionProblem("Revision %d runs in %s; deploy another one or undeploy it first.", number, r.Environment)
		case r.Pinned:
			return revisionProblem("Revision %d is pinned; take the pin off first.", number)
		case number == newest[0]:
			return revisionProblem("Revision %d is the newest; it stays, so that its number is not used again.", number)
		}
		if _, err := exec(ctx, tx, "delete from revisions where id = ?", r.ID); err != nil {
			return err
		}
		return s.recordRevision(ctx, tx, by, ActionDeleted, o, r, r.audited(false), nil)
	})
}

func revisionProblem(format string, args ...any) error {
	var l problem.List
	l.Add("revision", format, args...)
	return l
}

// editRevision runs edit on a revision with its owner locked.
func (s *Store) editRevision(ctx context.Context, projectID, ownerID string, number int, edit func(*gorm.DB, Owner, Revision) error) error {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		row, err := ownerByID(ctx, tx, project.ID, ownerID)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, "select id from owners where id = ? for update", row.ID); err != nil {
			return err
		}
		list, err := revisions(ctx, tx, row.ID, 1, number)
		if err != nil || len(list) == 0 {
			return orNotFound(err)
		}
		return edit(tx, Owner{ID: row.ID, Kind: row.Kind, Name: row.Name, ProjectName: project.Name}, list[0])
	})
	if err != nil {
		return fmt.Errorf("edit revision %d: %w", number, err)
	}
	return nil
}

func (s *Store) recordRevision(ctx context.Context, tx *gorm.DB, by Actor, action string, o Owner, r Revision, before, after any) error {
	return s.record(ctx, tx, by, fact{
		action: action, kind: KindRevision, id: r.ID, name: fmt.Sprintf("%s %d", o.Name, r.Number), project: o.ProjectName, before: before, after: after,
	})
}

// purgeRevisions removes all but the last keep revisions of each owner in each
// environment, what runs and what is pinned. 0 keeps all.
func (s *Store) purgeRevisions(ctx context.Context, keep int) (int, error) {
	if keep == 0 {
		return 0, nil
	}
	return s.purge(ctx, "revisions", `select id from (
			select id, row_number() over (partition by owner_id, environment_id order by number desc) as age from revisions
		) r where age > ? and not exists (select from deployments d where d.revision_id = r.id)
			and not exists (select from revision_pins n where n.revision_id = r.id)`, keep)
}
