package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models/archive"
)

// needs collects what imported objects need that no package holds.
type needs struct {
	// keys are the names of signing keys, values those of ${NAME}s.
	keys, values map[string]bool
	// empty are sentences about secrets.
	empty []string
}

func newNeeds() needs { return needs{keys: map[string]bool{}, values: map[string]bool{}} }

func (n *needs) policy(c policy.Config) {
	if raw, err := policy.Encode(c); err == nil {
		if s, err := signerOf(raw); err == nil && s.SigningKeyName != "" {
			n.keys[s.SigningKeyName] = true
		}
	}
	n.add(c.Base().Custom.EnvironmentNames())
	eachCondition(c.Base(), func(_ string, on bool, c *condition.Condition) {
		if !on {
			return
		}
		c.Walk(func(_ string, r *condition.Rule) { n.add(condition.EnvironmentNames(r.SecondValue)) })
	})
}

func (n *needs) templates(b *fault.Bodies) { n.add(b.EnvironmentNames()) }

func (n *needs) add(names []string) {
	for _, name := range names {
		n.values[name] = true
	}
}

func (n *needs) secrets(line PackageLine, list []PackageSecret) {
	for _, s := range list {
		if !s.Given {
			n.empty = append(n.empty, fmt.Sprintf("The identity source %q has no %s yet.", line.Name, strings.ToLower(s.Label)))
		}
	}
}

// unresolved are sentences about what is missing now that everything is written.
func (i *incoming) unresolved(ctx context.Context, p archive.Package) ([]string, error) {
	list := i.needs.empty
	list = append(list, i.missingRoles(p)...)
	all, err := environments(ctx, i.tx)
	if err != nil {
		return nil, err
	}
	type key struct{ EnvironmentID, Name string }
	keys, err := query[key](ctx, i.tx, "select environment_id, lower(name) as name from environment_keys where project_id = ? and state = ?", i.project.ID, KeyActive)
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	values, err := from[environmentVariableRow](i.tx).Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("list environment variables: %w", err)
	}
	for _, e := range all {
		for _, name := range slices.Sorted(maps.Keys(i.needs.keys)) {
			if !slices.Contains(keys, key{e.ID, strings.ToLower(name)}) {
				list = append(list, fmt.Sprintf("%s has no active signing key %q.", e.Name, name))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(i.needs.values)) {
			has := func(v environmentVariableRow) bool { return v.EnvironmentID == e.ID && v.Name == name }
			if !slices.ContainsFunc(values, has) {
				list = append(list, fmt.Sprintf("%s has no variable %s.", e.Name, name))
			}
		}
	}
	return list, nil
}

// missingRoles are roles of the project that was exported which this one has
// not. Other roles in policies may be those of a directory.
func (i *incoming) missingRoles(p archive.Package) []string {
	missing := map[string]bool{}
	for _, o := range p.Objects {
		for _, d := range o.Base().Dependencies {
			name := i.now(d.Kind, d.Name)
			if _, ok := i.there.find(d.Kind, name); d.Kind == archive.KindRole && !ok {
				missing[name] = true
			}
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		list = append(list, fmt.Sprintf("The project has no role %q, which a policy asks for.", name))
	}
	return list
}

// PackageNotes are sentences about what a package names and does not hold, for
// whoever makes it: secrets and signing keys.
func (s *Store) PackageNotes(p archive.Package) []string {
	var list []string
	keys := newNeeds()
	for _, o := range p.Objects {
		if source, ok := o.(*archive.IdentitySource); ok && len(source.Secrets) > 0 {
			list = append(list, fmt.Sprintf("The secrets of %s stay here (%s); an import asks for them.", source.Ref(), strings.Join(source.Secrets, ", ")))
		}
		if global, ok := o.(*archive.Policy); ok {
			keys.read(s, global.Policy)
		}
		for _, b := range bindingsOf(o) {
			keys.read(s, b.Policy)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys.keys)) {
		list = append(list, fmt.Sprintf("The signing key %q stays here; add one of that name where the package is imported.", name))
	}
	return list
}

// read is policy for one that may not be there.
func (n *needs) read(s *Store, raw []byte) {
	if c, err := s.types.Decode(raw); err == nil {
		n.policy(c)
	}
}
