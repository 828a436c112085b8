package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// importKept is how long a file waits for its import, and an import that has
// ended for whoever began it.
const importKept = 30 * time.Minute

// ImportState is where a kept import stands.
type ImportState string

// The states. A run can begin in all but ImportRunning and ImportDone.
const (
	ImportKept    ImportState = "KEPT" // nobody confirmed it yet
	ImportRunning ImportState = "RUNNING"
	ImportDone    ImportState = "DONE"
	// ImportChanged: nothing was written, as it would not do any more what its
	// preview said.
	ImportChanged ImportState = "CHANGED"
	// ImportFailed: nothing was written, for a reason.
	ImportFailed ImportState = "FAILED"
	// ImportInterrupted: the process ended, and nothing was written.
	ImportInterrupted ImportState = "INTERRUPTED"
)

// Import is a file on its way from its preview to its end.
type Import struct {
	ID string
	// Project is a name.
	Project string
	State   ImportState
	Options ImportOptions
	// Digest is that of the plan that was confirmed last, with what it does.
	Digest                  string
	Creates, Updates, Skips int
	// Hashed counts the secrets that are, of ToHash.
	Hashed, ToHash int
	// Reason says why it failed.
	Reason string
}

// Writing tells that all secrets are hashed and the transaction is under way.
func (i *Import) Writing() bool { return i.State == ImportRunning && i.Hashed == i.ToHash }

type importRow struct {
	ID             string `gorm:"primaryKey"`
	ProjectID      string
	Content        []byte
	CreatedAt      time.Time `gorm:"autoCreateTime:false"`
	CreatedBy      string
	UpdateExisting bool
	State          string
	Run            int
	Digest         string
	Hashed, ToHash int
	Creates        int
	Updates        int
	Skips          int
	Reason         string
	AliveUntil     time.Time
}

// TableName implements gorm's schema.Tabler.
func (importRow) TableName() string { return "credential_imports" }

// place is what the content is sealed for.
func (r importRow) place() string { return "credential_imports/" + r.ID + "/content" }

// KeepImport keeps a file between its preview and its import, sealed, so that
// its secrets need not go back to the browser. It takes the place of the one
// that the same person kept before, unless that is being imported. The id is
// only good for the same person and project.
func (s *Store) KeepImport(ctx context.Context, by Actor, projectID string, file []byte, o ImportOptions) (string, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	id := newID()
	content, err := s.sealer.Seal(file, importRow{ID: id}.place())
	if err != nil {
		return "", fmt.Errorf("keep import: %w", err)
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		if _, err := exec(ctx, tx, "delete from credential_imports where created_by = ? and (state <> 'RUNNING' or alive_until < now())", by.Name); err != nil {
			return err
		}
		_, err := exec(ctx, tx, "insert into credential_imports (id, project_id, content, created_at, created_by, update_existing) values (?, ?, ?, ?, ?, ?)",
			id, project.ID, content, s.now(), by.Name, o.UpdateExisting)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep import: %w", err)
	}
	return id, nil
}

// keptImports reads imports without their files; conditions and order follow.
// A run whose node has fallen silent counts as interrupted.
const keptImports = `select i.id, p.name as project, i.update_existing, i.digest, i.creates, i.updates, i.skips, i.hashed, i.to_hash, i.reason,
		case when i.state = 'RUNNING' and i.alive_until < now() then 'INTERRUPTED' else i.state end as state
	from credential_imports i join projects p on p.id = i.project_id
	where i.created_by = ? and i.alive_until >= now() - make_interval(secs => ?)`

func (s *Store) keptImports(ctx context.Context, by Actor, where string, args ...any) ([]Import, error) {
	type line struct {
		ID, Project, Digest, Reason, State      string
		UpdateExisting                          bool
		Creates, Updates, Skips, Hashed, ToHash int
	}
	lines, err := query[line](ctx, s.db, keptImports+where, append([]any{by.Name, importKept.Seconds()}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read import: %w", err)
	}
	list := make([]Import, len(lines))
	for i, l := range lines {
		list[i] = Import{
			ID: l.ID, Project: l.Project, State: ImportState(l.State), Options: ImportOptions{UpdateExisting: l.UpdateExisting}, Digest: l.Digest,
			Creates: l.Creates, Updates: l.Updates, Skips: l.Skips, Hashed: l.Hashed, ToHash: l.ToHash, Reason: l.Reason,
		}
	}
	return list, nil
}

// Import tells how far an import is, or ErrNotFound. Any node can.
func (s *Store) Import(ctx context.Context, by Actor, projectID, id string) (Import, error) {
	if !isID(id) || !isID(projectID) {
		return Import{}, fmt.Errorf("read import: %w", ErrNotFound)
	}
	list, err := s.keptImports(ctx, by, " and i.id = ? and i.project_id = ?", id, projectID)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read import: %w", ErrNotFound)
	}
	if err != nil {
		return Import{}, err
	}
	return list[0], nil
}

// LastImport is the import that somebody began last, in any project, or
// ErrNotFound.
func (s *Store) LastImport(ctx context.Context, by Actor) (Import, error) {
	list, err := s.keptImports(ctx, by, " and i.state <> 'KEPT' order by i.state = 'RUNNING' desc, i.alive_until desc limit 1")
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("read import: %w", ErrNotFound)
	}
	if err != nil {
		return Import{}, err
	}
	return list[0], nil
}

// KeptPlan is what an import that is not done would do now.
func (s *Store) KeptPlan(ctx context.Context, by Actor, projectID, id string) (Import, ImportPlan, error) {
	i, file, err := s.keptFile(ctx, by, projectID, id)
	if err != nil {
		return i, ImportPlan{}, err
	}
	plan, err := s.PlanImport(ctx, projectID, file, i.Options)
	return i, plan, err
}

func (s *Store) keptFile(ctx context.Context, by Actor, projectID, id string) (Import, []byte, error) {
	i, err := s.Import(ctx, by, projectID, id)
	if err != nil {
		return i, nil, err
	}
	row, err := found(from[importRow](s.db).Where("id = ? and state <> 'DONE'", id).Take(ctx))
	if err != nil {
		return i, nil, fmt.Errorf("read import: %w", err)
	}
	file, err := s.sealer.Open(row.Content, row.place())
	if err != nil {
		return i, nil, fmt.Errorf("open import: %w", err)
	}
	return i, file, nil
}

// forgetImports removes what nobody came back to.
func (s *Store) forgetImports(ctx context.Context) error {
	if _, err := exec(ctx, s.db, "delete from credential_imports where alive_until < now() - make_interval(secs => ?)", importKept.Seconds()); err != nil {
		return fmt.Errorf("forget imports: %w", err)
	}
	return nil
}
