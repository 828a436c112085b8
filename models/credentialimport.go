package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/problem"
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

// writes tells whether the line changes anything.
func (l *ImportLine) writes() bool { return l.Action == ImportCreate || l.Action == ImportUpdate }

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
		Ord                 int
		Kind, ID, ProjectID string
	}
	matches, err := query[match](ctx, tx, `with wanted as (select lower(name) as name, ord - 1 as ord from jsonb_array_elements_text(?::jsonb) with ordinality w(name, ord))
		select w.ord, n.kind, n.owner as id, c.project_id from wanted w join client_names n on n.name = w.name left join credentials c on c.id = n.owner`, names)
	if err != nil {
		return fmt.Errorf("look for credentials: %w", err)
	}
	byID := map[string][]int{}
	for _, m := range matches {
		switch {
		case m.Kind == KindProxy:
			k.taken[m.Ord] = ownerHasName
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
