package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// IdentitySourceUse is a policy that names an identity source.
type IdentitySourceUse struct {
	// PolicyID, Policy and Type are the policy's. The id is empty when only what
	// is deployed still names the source.
	PolicyID, Policy, Type string
	// Proxy is the API proxy of a local policy, and the one that is deployed
	// where only that names the source; "" for a global policy.
	Proxy string
	// Fields are the members that name it.
	Fields []string
	// Purposes are what it wants of the source, in order.
	Purposes []policy.Purpose
	// Environments are where it is deployed so, in order.
	Environments []string
}

// SourceInUseError refuses to delete a source that policies name.
type SourceInUseError struct {
	Name string
	Uses []IdentitySourceUse
}

// Error is for the log.
func (e *SourceInUseError) Error() string {
	return fmt.Sprintf("identity source %q is in use: %s", e.Name, namedBy(e.Uses))
}

// namedBy says which policies name a source.
func namedBy(uses []IdentitySourceUse) string {
	const most = 5
	var names []string
	for _, u := range uses {
		name := u.Policy
		switch {
		case u.PolicyID == "":
			name += " (as deployed with " + u.Proxy + ")"
		case u.Proxy != "":
			name += " (of " + u.Proxy + ")"
		}
		names = append(names, name)
	}
	more := ""
	if len(names) > most {
		more = " and " + strconv.Itoa(len(names)-most) + " more"
		names = names[:most]
	}
	if len(uses) == 1 {
		return "the policy " + names[0] + " names it"
	}
	return "the policies " + strings.Join(names, ", ") + more + " name it"
}

// IdentitySourceUses lists the policies that name a source, as they are edited
// and as they are deployed, by name.
func (s *Store) IdentitySourceUses(ctx context.Context, projectID, id string) ([]IdentitySourceUse, error) {
	var list []IdentitySourceUse
	err := s.look(ctx, func(tx *gorm.DB) error {
		row, err := identitySourceByID(ctx, tx, projectID, id)
		if err != nil {
			return err
		}
		list, err = s.identitySourceUses(ctx, tx, row)
		return err
	})
	return list, err
}

func (s *Store) identitySourceUses(ctx context.Context, tx *gorm.DB, row identitySourceRow) ([]IdentitySourceUse, error) {
	list, err := s.draftUses(ctx, tx, row)
	if err != nil {
		return nil, err
	}
	return s.addLiveUses(ctx, tx, row, list)
}

// draftUses are the policies that name a source as they are edited.
func (s *Store) draftUses(ctx context.Context, tx *gorm.DB, row identitySourceRow) ([]IdentitySourceUse, error) {
	type line struct {
		PolicyID, Policy, Type, Proxy, Fields string
		Config                                document
	}
	lines, err := query[line](ctx, tx, `select l.id as policy_id, l.name as policy, l.type, coalesce(x.name, '') as proxy, l.config,
			string_agg(u.field, ' ' order by u.field) as fields
		from policy_identity_sources u join policies l on l.id = u.policy_id left join owners x on x.id = l.owner_id
		where u.source_id = ? group by l.id, x.name order by lower(l.name), l.id`, row.ID)
	if err != nil {
		return nil, fmt.Errorf("list uses of identity source: %w", err)
	}
	list := make([]IdentitySourceUse, len(lines))
	for i, l := range lines {
		list[i] = IdentitySourceUse{PolicyID: l.PolicyID, Policy: l.Policy, Type: l.Type, Proxy: l.Proxy, Fields: strings.Fields(l.Fields)}
		c, err := s.readPolicy(json.RawMessage(l.Config))
		if err != nil {
			return nil, fmt.Errorf("read policy %s: %w", l.PolicyID, err)
		}
		for _, r := range references(c) {
			if slices.Contains(list[i].Fields, r.Field) {
				list[i].wants(r.Purpose)
			}
		}
	}
	return list, nil
}

// liveLine is a deployed revision that may name a source.
type liveLine struct {
	Kind, Proxy, Environment string
	Definition               document
}

// addLiveUses says where the uses are deployed, and adds what only a deployed
// revision still names. A revision knows a source by its name alone, so the
// database picks those that hold it anywhere and their policies are read here.
func (s *Store) addLiveUses(ctx context.Context, tx *gorm.DB, row identitySourceRow, list []IdentitySourceUse) ([]IdentitySourceUse, error) {
	written, err := inJSON(row.Name)
	if err != nil {
		return nil, err
	}
	lines, err := query[liveLine](ctx, tx, `select x.kind, x.name as proxy, e.name as environment, r.definition
		from deployments d join revisions r on r.id = d.revision_id join environments e on e.id = d.environment_id join owners x on x.id = d.owner_id
		where x.project_id = ? and position(lower(?) in lower(r.definition::text)) > 0
		order by lower(x.name), lower(e.name)`, row.ProjectID, written)
	if err != nil {
		return nil, fmt.Errorf("list deployed uses of identity source: %w", err)
	}
	for _, l := range lines {
		bound, err := s.deployedReferences(l, row)
		if err != nil {
			return nil, err
		}
		for _, u := range bound {
			list = addLiveUse(list, u, l.Environment)
		}
	}
	return list, nil
}

// inJSON is a text as it stands in a definition.
func inJSON(text string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // as policy.Encode and engine.Encode write
	if err := e.Encode(text); err != nil {
		return "", fmt.Errorf("write %q as JSON: %w", text, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// deployedReferences are the policies of a deployed owner that name the source.
func (s *Store) deployedReferences(l liveLine, row identitySourceRow) ([]IdentitySourceUse, error) {
	d, err := readDefinition(l.Kind, json.RawMessage(l.Definition))
	if err != nil {
		return nil, fmt.Errorf("read what is deployed of %s: %w", l.Proxy, err)
	}
	var list []IdentitySourceUse
	for _, raw := range d.policies {
		c, err := s.readPolicy(raw)
		if err != nil {
			return nil, fmt.Errorf("read what is deployed of %s: %w", l.Proxy, err)
		}
		u := IdentitySourceUse{Policy: c.Base().Name, Type: c.Base().Type, Proxy: l.Proxy}
		for _, r := range references(c) {
			if string(r.Kind) == row.Kind && strings.EqualFold(r.Name, row.Name) {
				u.Fields = append(u.Fields, r.Field)
				u.wants(r.Purpose)
			}
		}
		if len(u.Fields) > 0 {
			list = append(list, u)
		}
	}
	return list, nil
}

// wants notes a purpose once.
func (u *IdentitySourceUse) wants(why policy.Purpose) {
	if !slices.Contains(u.Purposes, why) {
		u.Purposes = append(u.Purposes, why)
		slices.Sort(u.Purposes)
	}
}

// readPolicy reads a policy without judging it.
func (s *Store) readPolicy(raw json.RawMessage) (policy.Config, error) {
	var common policy.Common
	if err := json.Unmarshal(raw, &common); err != nil {
		return nil, err
	}
	t, ok := s.types.Find(common.Type)
	if !ok {
		return nil, fmt.Errorf("policy type %q is not known to this version", common.Type)
	}
	c := t.New()
	return c, json.Unmarshal(raw, c)
}

// addLiveUse finds the policy that was deployed among those that are edited: a
// local one of that proxy first, then a global one.
func addLiveUse(list []IdentitySourceUse, u IdentitySourceUse, environment string) []IdentitySourceUse {
	same := func(proxy string) func(IdentitySourceUse) bool {
		return func(o IdentitySourceUse) bool {
			return o.Proxy == proxy && o.Type == u.Type && strings.EqualFold(o.Policy, u.Policy)
		}
	}
	i := slices.IndexFunc(list, same(u.Proxy))
	if i < 0 {
		i = slices.IndexFunc(list, same(""))
	}
	if i < 0 {
		i, list = len(list), append(list, u)
	}
	for _, why := range u.Purposes {
		list[i].wants(why)
	}
	if !slices.Contains(list[i].Environments, environment) {
		list[i].Environments = append(list[i].Environments, environment)
		slices.Sort(list[i].Environments)
	}
	return list
}

func references(c policy.Config) []policy.Reference {
	if r, ok := c.(policy.Referrer); ok {
		return r.References()
	}
	return nil
}

// checkReferences finds the sources that a policy names, by field. One that
// does not exist, or is of another kind, is a problem of its field.
func (s *Store) checkReferences(ctx context.Context, tx *gorm.DB, l *problem.List, projectID string, c policy.Config) (map[string]string, error) {
	type line struct {
		ID     string
		Config document
	}
	sources := map[string]string{}
	for _, r := range references(c) {
		if !storable(r.Name) {
			l.Add(r.Field, "%s", noSource(r))
			continue
		}
		found, err := query[line](ctx, tx, "select id, config from identity_sources where project_id = ? and kind = ? and lower(name) = lower(?)",
			projectID, string(r.Kind), r.Name)
		if err != nil {
			return nil, fmt.Errorf("look for an identity source: %w", err)
		}
		if len(found) == 0 {
			l.Add(r.Field, "%s", noSource(r))
			continue
		}
		if msg := s.unfitFor(r.Purpose, found[0].Config); msg != "" {
			l.Add(r.Field, "%s", msg)
		}
		sources[r.Field] = found[0].ID
	}
	return sources, nil
}

// unfitFor says why a source cannot do what a policy wants of it, or "". What
// cannot be read any more is told where it is edited.
func (s *Store) unfitFor(why policy.Purpose, raw document) string {
	config, err := s.identities.Decode(raw)
	if err != nil {
		return ""
	}
	checker, ok := config.(identity.PasswordChecker)
	switch {
	case !ok || checker.ChecksPassword() == (why == policy.Login):
		return ""
	case why == policy.Login:
		return "This source is never given the password, so it logs nobody in; choose one that is, or use {{password}} or HTTP Basic in its request."
	}
	return "This source needs the user's password, which is not known here; choose one whose request does without."
}

// checkPurposes keeps a source able to do what policies want of it. Without this,
// a save that takes the password out of a request would at once shut everybody out
// whom a policy logs in by it.
func (w *sourceWrite) checkPurposes(ctx context.Context, tx *gorm.DB, l *problem.List, kind identity.Kind, before identitySourceRow) error {
	was := kind.New()
	if err := json.Unmarshal(before.Config, was); err != nil {
		return fmt.Errorf("read identity source %s: %w", before.ID, err)
	}
	old, ok := was.(identity.PasswordChecker)
	if !ok || old.ChecksPassword() == w.config.(identity.PasswordChecker).ChecksPassword() {
		return nil
	}
	uses, err := w.s.identitySourceUses(ctx, tx, before)
	if err != nil {
		return err
	}
	lost, message := policy.LookUp, "Keep the password out of the request: %s, to ask about users whose password is not known."
	if old.ChecksPassword() {
		lost, message = policy.Login, "Keep the password in the request: %s, to log users in."
	}
	uses = slices.DeleteFunc(uses, func(u IdentitySourceUse) bool { return !slices.Contains(u.Purposes, lost) })
	if len(uses) > 0 {
		l.Add("", message, namedBy(uses))
	}
	return nil
}

func noSource(r policy.Reference) string {
	return fmt.Sprintf("The project has no identity source of kind %s called %q; choose one that exists, or create it first.", r.Kind, r.Name)
}

// keepReferences writes down which sources a policy names. The foreign key
// keeps a source from being deleted at the same time.
func keepReferences(ctx context.Context, tx *gorm.DB, policyID string, sources map[string]string) error {
	if _, err := exec(ctx, tx, "delete from policy_identity_sources where policy_id = ?", policyID); err != nil {
		return fmt.Errorf("note identity sources of policy: %w", err)
	}
	for _, field := range namesOf(sources) {
		row := policySourceRow{PolicyID: policyID, Field: field, SourceID: sources[field]}
		if err := from[policySourceRow](tx).Create(ctx, &row); err != nil {
			return fmt.Errorf("note identity sources of policy: %w", err)
		}
	}
	return nil
}
