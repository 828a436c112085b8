package console

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/identity/ldap"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/conditions"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
)

// sourcesOffered is how many identity sources a form lists; a project has a
// handful.
const sourcesOffered = 500

// choices are what the forms of policies in a project offer. Config is the
// policy that is shown.
func (c *Console) choices(ctx context.Context, project models.Project, config policy.Config) (policies.Choices, error) {
	out := policies.Choices{NewSource: link.NewIdentitySource(project.Name), Now: c.now()}
	sources, _, err := c.store.IdentitySources(ctx, project.ID, models.IdentitySourceFilter{PerPage: sourcesOffered})
	if err != nil {
		return out, err
	}
	for _, s := range sources {
		offer := policies.Source{
			Kind: s.Kind, Name: s.Name, Description: s.Description,
			Detail: signsInBy(s), Edit: link.IdentitySourceEdit(project.Name, s.Name), Test: link.IdentitySourceEdit(project.Name, s.Name) + "#test-report",
		}
		if offer.Environments, err = c.sharedBy(ctx, s, config); err != nil {
			return out, err
		}
		out.Sources = append(out.Sources, offer)
	}
	if out.Roles, err = c.store.RoleNames(ctx, project.ID); err != nil {
		return out, err
	}
	if err = c.offerVariables(ctx, project, &out); err != nil {
		return out, err
	}
	if err = c.offerEnvironments(ctx, config.Base().Condition, &out); err != nil {
		return out, err
	}
	out.Keys, err = c.namedKeys(ctx, project)
	return out, err
}

// offerVariables adds the project's variables, whose names compare without
// case (D17).
func (c *Console) offerVariables(ctx context.Context, project models.Project, out *policies.Choices) error {
	out.Project = project.Name
	all, err := c.store.Variables(ctx, project.ID)
	if err != nil {
		return err
	}
	for _, v := range all {
		out.Variables = append(out.Variables, v.Definition.Name)
	}
	out.Variable = func(name string) (condition.Variable, bool) {
		i := slices.IndexFunc(all, func(v models.Variable) bool { return strings.EqualFold(v.Definition.Name, name) })
		if i < 0 {
			return condition.Variable{}, false
		}
		return all[i].Definition, true
	}
	return nil
}

// offerEnvironments adds what a condition can be tried with, when it means
// something else in each environment: the one chosen on top comes first.
func (c *Console) offerEnvironments(ctx context.Context, cond condition.Condition, out *policies.Choices) error {
	if !conditions.NamesEnvironment(cond) {
		return nil
	}
	all, err := visit.From(ctx).Environments(ctx, c.store)
	if err != nil {
		return err
	}
	for _, e := range all {
		values, err := c.store.EnvironmentVariables(ctx, e.Name)
		if err != nil {
			return err
		}
		offer := conditions.Environment{Name: e.Name, Values: map[string]string{}}
		for _, v := range values {
			offer.Values[v.Name] = v.Value
		}
		if e.Name == visit.From(ctx).Environment(ctx) {
			out.Environments = slices.Insert(out.Environments, 0, offer)
			continue
		}
		out.Environments = append(out.Environments, offer)
	}
	return nil
}

// signsInBy says how a directory checks a password, which tells two of them
// apart.
func signsInBy(s models.IdentitySource) string {
	c, ok := s.Config.(*ldap.Config)
	switch {
	case !ok:
		return ""
	case c.AuthMode == ldap.Simple:
		return "Simple"
	}
	return "Advanced"
}

// sharedBy are the environments in which the source that a policy names is in
// use; of the others nobody asks.
func (c *Console) sharedBy(ctx context.Context, s models.IdentitySource, config policy.Config) ([]string, error) {
	if jwt, ok := config.(*jwtauth.Config); !ok || jwt.IdentityProviderName != s.Name {
		return nil, nil
	}
	uses, err := c.store.IdentitySourceUses(ctx, s.ProjectID, s.ID)
	if errors.Is(err, models.ErrNotFound) { // deleted this moment
		return nil, nil
	}
	var all []string
	for _, u := range uses {
		all = append(all, u.Environments...)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

// namedKeys are the entries of the project's key store, each with what it can
// sign and where.
func (c *Console) namedKeys(ctx context.Context, project models.Project) ([]policies.SigningKey, error) {
	environments, err := visit.From(ctx).Environments(ctx, c.store)
	if err != nil {
		return nil, err
	}
	var list []policies.SigningKey
	for _, e := range environments {
		all, err := c.store.Keys(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		for _, k := range all {
			if k.ProjectID == project.ID && k.State == models.KeyActive {
				list = addKey(list, k)
			}
		}
	}
	slices.SortFunc(list, func(a, b policies.SigningKey) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return list, nil
}

func addKey(list []policies.SigningKey, k models.Key) []policies.SigningKey {
	text := string(k.Algorithm) + " in " + k.Environment
	i := slices.IndexFunc(list, func(have policies.SigningKey) bool { return strings.EqualFold(have.Name, k.Name) })
	if i < 0 {
		return append(list, policies.SigningKey{Name: k.Name, Text: text})
	}
	list[i].Text += ", " + text
	return list
}

// endpointsOf is the proxy in which a form stands; a group has none of its own.
func endpointsOf(o models.Owner) *policies.Proxy {
	if o.Kind != engine.KindProxy {
		return nil
	}
	proxy := &policies.Proxy{Name: o.Name}
	for _, e := range o.Endpoints {
		proxy.Endpoints = append(proxy.Endpoints, policies.Endpoint{Method: e.Method, Path: e.Path})
	}
	return proxy
}
