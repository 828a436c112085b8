package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

// ErrPlanChanged means that the import would not do any more what its preview
// said.
var ErrPlanChanged = errors.New("the credentials have changed since the preview")

// ImportAction is what becomes of a line.
type ImportAction string

// The actions.
const (
	ImportCreate ImportAction = "create"
	ImportUpdate ImportAction = "update"
	ImportSkip   ImportAction = "skip"
	ImportError  ImportAction = "error"
)

// ImportOptions choose what an import does.
type ImportOptions struct {
	// UpdateExisting changes credentials that exist; else they are skipped.
	UpdateExisting bool
}

// ImportLine is one line of a file and what becomes of it.
type ImportLine struct {
	Number int
	Name   string
	Action ImportAction
	// Changes are what an update changes, in words without any secret.
	Changes  []string
	Problems problem.List

	draft    CredentialDraft
	existing Credential
}

// ImportPlan is what an import does. Nothing of it is written.
type ImportPlan struct {
	Lines []ImportLine
	// Digest names exactly what would be done, to what.
	Digest string
}

// Count is how many lines have an action.
func (p *ImportPlan) Count(a ImportAction) int {
	n := 0
	for _, l := range p.Lines {
		if l.Action == a {
			n++
		}
	}
	return n
}

// PlanImport tells what the import of a file of credentials would do, and
// writes nothing. What is wrong with the file as a whole is a problem.List of
// the field file; what is wrong with a line stands there.
func (s *Store) PlanImport(ctx context.Context, projectID string, file []byte, o ImportOptions) (ImportPlan, error) {
	records, err := readImport(file)
	if err != nil {
		return ImportPlan{}, err
	}
	var plan ImportPlan
	err = s.look(ctx, func(tx *gorm.DB) error {
		project, err := s.projectByID(ctx, tx, projectID)
		if err != nil {
			return err
		}
		plan, err = s.plan(ctx, tx, project, records, o)
		return err
	})
	if err != nil {
		return ImportPlan{}, fmt.Errorf("plan import: %w", err)
	}
	return plan, nil
}

func (s *Store) plan(ctx context.Context, tx *gorm.DB, project Project, records []importRecord, o ImportOptions) (ImportPlan, error) {
	k, err := knownTo(ctx, tx, project, records)
	if err != nil {
		return ImportPlan{}, err
	}
	plan := ImportPlan{Lines: make([]ImportLine, len(records))}
	lines := map[string]int{}
	for i := range records {
		r := records[i]
		r.problems = slices.Clone(r.problems)
		if first, ok := lines[strings.ToLower(r.name)]; ok && r.name != "" {
			r.problems.Add("username", "The name stands in line %d already.", first)
		} else {
			lines[strings.ToLower(r.name)] = r.line
		}
		plan.Lines[i] = s.planLine(k, i, r, o)
	}
	plan.Digest = digestOf(plan.Lines)
	return plan, nil
}

// importKnown is what the database knows about the records, by their index.
type importKnown struct {
	existing map[int]Credential
	taken    map[int]string
	roles    map[string]string
}

func knownTo(ctx context.Context, tx *gorm.DB, project Project, records []importRecord) (importKnown, error) {
	k := importKnown{existing: map[int]Credential{}, taken: map[int]string{}}
	names := make([]string, len(records))
	var roles []string
	for i, r := range records {
		if storable(r.name) {
			names[i] = r.name
		}
		roles = append(roles, r.roles...)
	}
	list, err := json.Marshal(names)
	if err != nil {
		return k, fmt.Errorf("encode names: %w", err)
	}
	if err := k.find(ctx, tx, project, string(list)); err != nil {
		return k, err
	}
	slices.Sort(roles)
	k.roles, err = roleIDs(ctx, tx, project.ID, slices.Compact(roles))
	return k, err
}

func (k *importKnown) find(ctx context.Context, tx *gorm.DB, project Project, names string) error {
	type match struct {
		Ord           int
		ID, ProjectID string
	}
	matches, err := query[match](ctx, tx, `with wanted as (select lower(name) as name, ord - 1 as ord from jsonb_array_elements_text(?::jsonb) with ordinality w(name, ord))
		select w.ord, c.id, c.project_id from wanted w join credentials c on lower(c.name) = w.name
		union all select w.ord, '00000000-0000-0000-0000-000000000000', p.project_id from wanted w join api_proxies p on p.client_id = w.name`, names)
	if err != nil {
		return fmt.Errorf("look for credentials: %w", err)
	}
	byID := map[string][]int{}
	for _, m := range matches {
		switch {
		case strings.HasPrefix(m.ID, "00000000"):
			k.taken[m.Ord] = "The name is the client id of an API proxy; choose another one."
		case m.ProjectID != project.ID:
			k.taken[m.Ord] = credentialTaken
		default:
			byID[m.ID] = append(byID[m.ID], m.Ord)
		}
	}
	return k.read(ctx, tx, project, byID)
}

func (k *importKnown) read(ctx context.Context, tx *gorm.DB, project Project, byID map[string][]int) error {
	ids := make([]string, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := from[credentialRow](tx).Where("id in ?", ids).Find(ctx)
	if err != nil {
		return fmt.Errorf("read credentials: %w", err)
	}
	list, err := credentials(ctx, tx, project.Name, rows)
	if err != nil {
		return err
	}
	for _, c := range list {
		for _, i := range byID[c.ID] {
			k.existing[i] = c
		}
	}
	return nil
}

// planLine decides about one line. The rules are those of every credential.
func (s *Store) planLine(k importKnown, i int, r importRecord, o ImportOptions) ImportLine {
	line := ImportLine{Number: r.line, Name: r.name, Action: ImportCreate}
	existing, exists := k.existing[i]
	line.draft = CredentialDraft{Name: r.name, Enabled: true, Tokens: StartingCredentialTokens()}
	if exists {
		line.existing, line.draft, line.Action = existing, existing.Draft(), ImportUpdate
	}
	before := line.draft
	before.normalize()
	r.apply(&line.draft)
	line.draft.normalize()
	line.Problems = append(r.problems, line.draft.validate()...)
	if msg := k.taken[i]; msg != "" && line.Problems.For("username") == "" {
		line.Problems.Add("username", "%s", msg)
	}
	if !exists && r.password.IsZero() && line.Problems.For("password") == "" {
		line.Problems.Add("password", "Enter a secret of at least %d characters.", MinCredentialSecret)
	}
	if r.roles != nil { // those that it has already exist
		checkRoleNames(&line.Problems, "roles", line.draft.Roles, k.roles)
	}
	if e := line.draft.Expires; !e.IsZero() && !e.After(s.now()) && !e.Equal(before.Expires) {
		line.Problems.Add("expireDate", "Choose a moment in the future.")
	}
	line.decide(before, exists, o)
	return line
}

func (l *ImportLine) decide(before CredentialDraft, exists bool, o ImportOptions) {
	if len(l.Problems) > 0 {
		l.Action = ImportError
		return
	}
	if !exists {
		return
	}
	l.Name = before.Name
	if !o.UpdateExisting {
		l.Action, l.Changes = ImportSkip, []string{"exists already"}
		return
	}
	if l.Changes = changedFields(before, l.draft); len(l.Changes) == 0 {
		l.Action, l.Changes = ImportSkip, []string{"nothing to change"}
	}
}

// changedFields names what is different, in the order of the columns.
func changedFields(before, after CredentialDraft) []string {
	var list []string
	add := func(name string, differ bool) {
		if differ {
			list = append(list, name)
		}
	}
	add("secret", !after.Secret.IsZero())
	add("full name", before.FullName != after.FullName)
	add("email", before.Email != after.Email)
	add("description", before.Description != after.Description)
	add("enabled", before.Enabled != after.Enabled)
	add("expiry", !before.Expires.Equal(after.Expires))
	add("roles", !slices.Equal(before.Roles, after.Roles))
	return list
}

func digestOf(lines []ImportLine) string {
	h := sha256.New()
	for _, l := range lines {
		fmt.Fprintf(h, "%d %s %q %s %d %q %q\n", l.Number, l.Action, l.Name, l.existing.ID, l.existing.Version, l.Changes, l.Problems)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// importKept is how long a file waits for its import.
const importKept = 30 * time.Minute

type importRow struct {
	ID        string `gorm:"primaryKey"`
	ProjectID string
	Content   []byte
	CreatedAt time.Time `gorm:"autoCreateTime:false"`
	CreatedBy string
}

// TableName implements gorm's schema.Tabler.
func (importRow) TableName() string { return "credential_imports" }

// place is what the content is sealed for.
func (r importRow) place() string { return "credential_imports/" + r.ID + "/content" }

// KeepImport keeps a file between its preview and its import, sealed, so that
// its secrets need not go back to the browser. It is forgotten after half an
// hour. The id is only good for the same person and project.
func (s *Store) KeepImport(ctx context.Context, by Actor, projectID string, file []byte) (string, error) {
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return "", err
	}
	row := importRow{ID: newID(), ProjectID: project.ID, CreatedAt: s.now(), CreatedBy: by.Name}
	if row.Content, err = s.sealer.Seal(file, row.place()); err != nil {
		return "", fmt.Errorf("keep import: %w", err)
	}
	err = s.write(ctx, func(tx *gorm.DB) error {
		if _, err := from[importRow](tx).Where("created_at < ? or created_by = ?", s.now().Add(-importKept), by.Name).Delete(ctx); err != nil {
			return err
		}
		return from[importRow](tx).Create(ctx, &row)
	})
	if err != nil {
		return "", fmt.Errorf("keep import: %w", err)
	}
	return row.ID, nil
}

// KeptImport is a file that was kept, or ErrNotFound.
func (s *Store) KeptImport(ctx context.Context, by Actor, projectID, id string) ([]byte, error) {
	if !isID(id) || !isID(projectID) {
		return nil, fmt.Errorf("read import: %w", ErrNotFound)
	}
	row, err := found(from[importRow](s.db).
		Where("id = ? and project_id = ? and created_by = ? and created_at >= ?", id, projectID, by.Name, s.now().Add(-importKept)).Take(ctx))
	if err != nil {
		return nil, fmt.Errorf("read import: %w", err)
	}
	file, err := s.sealer.Open(row.Content, row.place())
	if err != nil {
		return nil, fmt.Errorf("open import: %w", err)
	}
	return file, nil
}

// DropImport forgets a file that was kept.
func (s *Store) DropImport(ctx context.Context, by Actor, id string) error {
	if !isID(id) {
		return nil
	}
	if _, err := from[importRow](s.db).Where("id = ? and created_by = ?", id, by.Name).Delete(ctx); err != nil {
		return fmt.Errorf("forget import: %w", err)
	}
	return nil
}

// ApplyImport does what the plan with that digest said, in one transaction or
// not at all. When it would do anything else by now it does nothing and
// returns ErrPlanChanged with the plan as it is now; lines in error are a
// problem.List. Hashing a thousand secrets takes some twenty seconds.
func (s *Store) ApplyImport(ctx context.Context, by Actor, projectID string, file []byte, o ImportOptions, digest string) (ImportPlan, error) {
	plan, err := s.PlanImport(ctx, projectID, file, o)
	if err != nil {
		return plan, err
	}
	if plan.Digest != digest {
		return plan, ErrPlanChanged
	}
	if n := plan.Count(ImportError); n > 0 {
		return plan, fileProblem("Correct the lines in error first: %d of %d.", n, len(plan.Lines))
	}
	hashes, err := hashAll(ctx, plan.Lines)
	if err != nil {
		return plan, fmt.Errorf("apply import: %w", err)
	}
	project, err := s.projectByID(ctx, s.db, projectID)
	if err != nil {
		return plan, err
	}
	records, err := readImport(file)
	if err != nil {
		return plan, err
	}
	err = s.writeCredentials(ctx, by, func(tx *gorm.DB) ([]string, error) {
		again, err := s.plan(ctx, tx, project, records, o)
		if err == nil && again.Digest != digest {
			err = ErrPlanChanged
		}
		if err != nil {
			return nil, err
		}
		return s.applyLines(ctx, tx, by, project, again.Lines, hashes)
	})
	if err != nil {
		return plan, fmt.Errorf("apply import: %w", credentialRace(err))
	}
	return plan, nil
}

// applyLines returns the ids of what it wrote.
func (s *Store) applyLines(ctx context.Context, tx *gorm.DB, by Actor, project Project, lines []ImportLine, hashes map[int]string) ([]string, error) {
	var ids []string
	for _, l := range lines {
		if l.Action != ImportCreate && l.Action != ImportUpdate {
			continue
		}
		w := credentialWrite{s: s, by: by, project: project, draft: l.draft, hash: hashes[l.Number]}
		c, err := w.write(ctx, tx, l.existing.ID, l.existing.Version)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.Number, err)
		}
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// hashAll hashes the secrets of lines that are written, by line. There are as
// many at work as processors, so that whoever signs in meanwhile waits for one
// of them and not for a thousand.
func hashAll(ctx context.Context, lines []ImportLine) (map[int]string, error) {
	out := make([]string, len(lines))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range lines {
		if l.Action != ImportCreate && l.Action != ImportUpdate || l.draft.Secret.IsZero() {
			continue
		}
		g.Go(func() (err error) {
			out[i], err = secret.HashContext(ctx, l.draft.Secret.Reveal())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	hashes := map[int]string{}
	for i, l := range lines {
		if out[i] != "" {
			hashes[l.Number] = out[i]
		}
	}
	return hashes, nil
}
