package models

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// arrival is an object of a package as it will be in the project.
type arrival struct {
	// object has the one form that the project would export.
	object archive.Object
	// secrets can be given with it; kindSecrets are all that its kind has.
	secrets, kindSecrets []PackageSecret
	// save writes it over what was found, or anew where that has no id.
	save func(found stored) error
}

// arrival reads an object strictly and gives it its new name and those of what
// it names. The error is a problem.List.
func (i *incoming) arrival(ctx context.Context, o archive.Object, line PackageLine) (arrival, error) {
	raw, err := plainJSON(o)
	if err != nil {
		return arrival{}, err
	}
	if err := unstorable(raw).Err(); err != nil {
		return arrival{}, err
	}
	switch o := o.(type) {
	case *archive.Variable:
		return i.arriveVariable(ctx, *o, line), nil
	case *archive.Role:
		return i.arriveRole(ctx, *o, line), nil
	case *archive.IdentitySource:
		return i.arriveSource(ctx, *o, line)
	case *archive.Policy:
		return i.arrivePolicy(ctx, *o, line)
	}
	return i.arriveOwner(ctx, o, line)
}

func (i *incoming) arriveVariable(ctx context.Context, o archive.Variable, line PackageLine) arrival {
	o.Name, o.Variable.Name = line.Name, line.Name
	o.Variable.Normalize()
	return arrival{object: &o, save: func(found stored) error {
		row, err := i.s.saveVariable(ctx, i.tx, i.by, i.project, found.ID, found.Version, o.Variable)
		return i.saved(err, archive.KindVariable, stored{ID: row.ID, Name: row.Name})
	}}
}

func (i *incoming) arriveRole(ctx context.Context, o archive.Role, line PackageLine) arrival {
	o.Name = line.Name
	return arrival{object: &o, save: func(found stored) error {
		write := func() (roleRow, error) { return i.s.createRole(ctx, i.tx, i.by, i.project, o.Name, o.Description) }
		if found.ID != "" {
			write = func() (roleRow, error) {
				return i.s.describeRole(ctx, i.tx, i.by, i.project, found.ID, found.Version, o.Name, o.Description)
			}
		}
		row, err := write()
		return i.saved(err, archive.KindRole, stored{ID: row.ID, Name: row.Name})
	}}
}

// saved makes a written object known to those that come after it.
func (i *incoming) saved(err error, kind archive.Kind, x stored) error {
	if err == nil {
		i.there.put(kind, x)
	}
	return err
}

func (i *incoming) arriveSource(ctx context.Context, o archive.IdentitySource, line PackageLine) (arrival, error) {
	config, err := i.s.identities.Decode(o.Definition)
	if err != nil {
		return arrival{}, under("definition", err)
	}
	kind, _ := i.s.identities.Find(config.Base().Kind) // Decode found it
	config.Base().Name, o.Name = line.Name, line.Name
	if o.Definition, err = plainJSON(config); err != nil {
		return arrival{}, err
	}
	given := i.choices[line.Ref.Key()].Secrets
	a := arrival{object: &o, kindSecrets: secretsOf(kind, given)}
	a.secrets = slices.DeleteFunc(slices.Clone(a.kindSecrets), func(s PackageSecret) bool {
		return !s.Given && (line.Exists || !slices.Contains(o.Secrets, s.Field))
	})
	a.save = func(found stored) error {
		w := sourceWrite{s: i.s, by: i.by, project: i.project, config: config, given: given}
		row, err := w.write(ctx, i.tx, found.ID, found.Version)
		i.sources = true
		i.needs.secrets(line, a.secrets)
		return i.saved(err, archive.KindIdentitySource, stored{ID: row.ID, Name: row.Name, Detail: row.Kind})
	}
	return a, nil
}

func secretsOf(kind identity.Kind, given map[string]secret.Text) []PackageSecret {
	list := make([]PackageSecret, len(kind.Secrets))
	for n, f := range kind.Secrets {
		_, ok := given[f.Name]
		list[n] = PackageSecret{Field: f.Name, Label: f.Label, Multiline: f.Multiline, Given: ok}
	}
	return list
}

// under puts problems below a member; any other error stays what it is.
func under(member string, err error) error {
	if l := problem.Of(err); len(l) > 0 {
		var all problem.List
		all.Append(member, l)
		return all
	}
	return err
}

func (i *incoming) arrivePolicy(ctx context.Context, o archive.Policy, line PackageLine) (arrival, error) {
	config, err := i.config(o.Policy)
	if err != nil {
		return arrival{}, under("policy", err)
	}
	config.Base().Name, o.Name = line.Name, line.Name
	if o.Policy, err = policy.Encode(config); err != nil {
		return arrival{}, err
	}
	return arrival{object: &o, save: func(found stored) error {
		row, err := i.savePolicy(ctx, config, nil, found)
		return i.saved(under("policy", err), archive.KindPolicy, stored{ID: row.ID, Name: row.Name, Detail: row.Type})
	}}, nil
}

// savePolicy writes a policy as the console does; owner is that of a new local
// one.
func (i *incoming) savePolicy(ctx context.Context, config policy.Config, owner *string, found stored) (policyRow, error) {
	i.needs.policy(config)
	if found.ID == "" {
		return i.s.createPolicy(ctx, i.tx, i.by, i.project, owner, config)
	}
	return i.s.updatePolicy(ctx, i.tx, i.by, i.project, found.ID, found.Version, func(*policyRow) (policy.Config, error) { return config, nil })
}

// config reads a policy. What it names follows renamed objects of the package.
func (i *incoming) config(raw json.RawMessage) (policy.Config, error) {
	c, err := i.s.types.Decode(raw)
	if err != nil || len(i.names) == 0 {
		return c, err
	}
	eachCondition(c.Base(), func(_ string, _ bool, c *condition.Condition) {
		c.Walk(func(_ string, r *condition.Rule) { i.renameVariables(r.First, r.Second) })
	})
	if raw, err = policy.Encode(c); err != nil {
		return nil, err
	}
	tree, err := treeOf(raw)
	if err != nil {
		return nil, err
	}
	for _, r := range references(c) {
		setMember(tree, strings.Split(r.Field, "."), i.now(archive.KindIdentitySource, r.Name))
	}
	i.renameRoles(tree)
	if raw, err = plainJSON(tree); err != nil {
		return nil, err
	}
	return i.s.types.Decode(raw)
}

// now is the name that what the package calls name has in the project.
func (i *incoming) now(kind archive.Kind, name string) string {
	if to, ok := i.names[archive.Ref{Kind: kind, Name: name}.Key()]; ok {
		return to
	}
	return name
}

func (i *incoming) renameVariables(list ...*condition.Variable) {
	for _, v := range list {
		if v != nil && v.Reference() {
			v.Name = i.now(archive.KindVariable, v.Name)
		}
	}
}

// renameRoles works on the two places of rolesOf.
func (i *incoming) renameRoles(tree map[string]any) {
	authorization, _ := tree["authorization"].(map[string]any)
	rows, _ := authorization["policyAuthorizationMethodDefList"].([]any)
	for _, place := range append(rows, authorization) {
		row, _ := place.(map[string]any)
		names, _ := row["credentialRoleNameList"].([]any)
		for n := range names {
			if name, ok := names[n].(string); ok {
				names[n] = i.now(archive.KindRole, name)
			}
		}
	}
}

// treeOf is a JSON object with its numbers as they are written.
func treeOf(raw []byte) (map[string]any, error) {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return tree, nil
}

func setMember(tree map[string]any, path []string, value string) {
	for _, name := range path[:len(path)-1] {
		tree, _ = tree[name].(map[string]any)
	}
	if tree != nil {
		tree[path[len(path)-1]] = value
	}
}

// namedBy is what an object names, in the names of the package.
func (i *incoming) namedBy(o archive.Object) []archive.Ref {
	var refs []archive.Ref
	policies := func(raw json.RawMessage) {
		if c, err := i.s.types.Decode(raw); err == nil {
			refs = append(refs, namedIn(c, raw)...)
		}
	}
	switch o := o.(type) {
	case *archive.Policy:
		policies(o.Policy)
	default:
		for _, b := range bindingsOf(o) {
			switch {
			case b.Global != "":
				refs = append(refs, archive.Ref{Kind: archive.KindPolicy, Name: b.Global})
			case b.Group != "":
				refs = append(refs, archive.Ref{Kind: archive.KindPolicyGroup, Name: b.Group})
			default:
				policies(b.Policy)
			}
		}
	}
	if g, ok := o.(*archive.ProxyGroup); ok {
		for _, name := range g.Members {
			refs = append(refs, archive.Ref{Kind: archive.KindProxy, Name: name})
		}
	}
	return refs
}

// bindingsOf are those of an owner; the policies of a policy group stand in its
// only lane.
func bindingsOf(o archive.Object) []archive.Binding {
	switch o := o.(type) {
	case *archive.Proxy:
		return o.Bindings
	case *archive.ProxyGroup:
		return o.Bindings
	case *archive.PolicyGroup:
		list := make([]archive.Binding, len(o.Policies))
		for n, slot := range o.Policies {
			list[n] = archive.Binding{Scope: policy.All, Pipeline: o.Pipeline, Global: slot.Global, Policy: slot.Policy}
		}
		return list
	}
	return nil
}

// templatesUnder is what the error templates of an owner become when it is
// saved.
func templatesUnder(b *fault.Bodies) *fault.Bodies {
	o := Owner{ErrorTemplates: b}
	o.normalizeTemplates()
	return o.ErrorTemplates
}
