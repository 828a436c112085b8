package models_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func jwt(name string) *jwtauth.Config {
	return modelstest.JWT(name, func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS256 })
}

// groups is a project with two proxies, a global policy, a policy group that
// holds it and a proxy group that holds both proxies and runs the policy group.
type groups struct {
	bench
	orders, stock, standard, shop models.Owner
	global                        models.Policy
}

func newGroups(t *testing.T) groups {
	t.Helper()
	g := groups{bench: newBench(t)}
	g.orders, g.stock = modelstest.Proxy(t, g.Store, g.project, "orders"), modelstest.Proxy(t, g.Store, g.project, "stock")
	var err error
	if g.global, err = g.SavePolicy(t.Context(), by, g.project, "", 0, jwt("Company")); err != nil {
		t.Fatal(err)
	}
	g.standard = g.policyGroup(t, models.Owner{Name: "Standard", Active: true, Pipeline: policy.Request})
	g.standard = g.bind(t, g.standard, models.NewBinding{PolicyID: g.global.ID})
	g.shop = g.proxyGroup(t, models.Owner{
		Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: g.stock.ID}, {ID: g.orders.ID}},
	})
	g.shop = g.bind(t, g.shop, models.NewBinding{GroupID: g.standard.ID})
	return g
}

func (g *groups) policyGroup(t *testing.T, o models.Owner) models.Owner {
	t.Helper()
	saved, key, err := g.SavePolicyGroup(t.Context(), by, g.project, o)
	if err != nil || key.Reveal() == "" && o.ID == "" {
		t.Fatal(key, err)
	}
	return saved
}

func (g *groups) proxyGroup(t *testing.T, o models.Owner) models.Owner {
	t.Helper()
	saved, key, err := g.SaveProxyGroup(t.Context(), by, g.project, o)
	if err != nil || key.Reveal() == "" && o.ID == "" {
		t.Fatal(key, err)
	}
	return saved
}

// bind binds in the request lane for all calls.
func (g *groups) bind(t *testing.T, o models.Owner, b models.NewBinding) models.Owner {
	t.Helper()
	b.Scope, b.Pipeline = policy.All, policy.Request
	if _, err := g.AddBinding(t.Context(), by, g.project, o.ID, o.Version, b); err != nil {
		t.Fatal(err)
	}
	return modelstest.Reload(t, g.Store, o)
}

func (g *groups) deploy(t *testing.T, o models.Owner) {
	t.Helper()
	if _, err := g.Deploy(t.Context(), by, g.project, o.ID, "production", ""); err != nil {
		t.Fatal(err)
	}
}

func (g *groups) state(t *testing.T, o models.Owner) models.DeployState {
	t.Helper()
	return modelstest.Reload(t, g.Store, o).Deployments[0].State
}

func TestGroupIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for kind, want := range map[string]models.Owner{engine.KindProxyGroup: g.shop, engine.KindPolicyGroup: g.standard} {
		got, err := g.Owner(t.Context(), g.project, kind, strings.ToUpper(want.Name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
		list, total, err := g.Owners(t.Context(), g.project, models.OwnerFilter{Kind: kind})
		if err != nil || total != 1 || list[0].Name != want.Name {
			t.Errorf("list of %s: %v, %d, %v", kind, list, total, err)
		}
	}
	if len(g.shop.Members) != 2 || g.shop.Members[0].Name != "stock" || g.shop.Bindings[0].Group.Bindings[0].Policy.ID != g.global.ID {
		t.Errorf("shop %+v", g.shop)
	}
}

func TestGroupIsCheckedWhenSaved(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for name, c := range map[string]struct {
		save  func() error
		field string
	}{
		"a proxy has the group's base path": {g.saving(t, models.Owner{Name: "x", Route: engine.Route{BasePath: g.orders.Route.BasePath}}), "basePath"},
		"a proxy has the group's name":      {g.saving(t, models.Owner{Name: "ORDERS", Route: engine.Route{BasePath: "/x"}}), "name"},
		"a member twice": {g.saving(t, models.Owner{Name: "x", Route: engine.Route{BasePath: "/x"},
			Members: []models.Member{{ID: g.stock.ID}, {ID: g.stock.ID}}}), "members"},
		"a group as a member":    {g.saving(t, models.Owner{Name: "x", Route: engine.Route{BasePath: "/x"}, Members: []models.Member{{ID: g.shop.ID}}}), "members"},
		"a member that is no id": {g.saving(t, models.Owner{Name: "x", Route: engine.Route{BasePath: "/x"}, Members: []models.Member{{ID: "' or 1=1"}}}), "members"},
		"no pipeline": {func() error {
			_, _, err := g.SavePolicyGroup(t.Context(), by, g.project, models.Owner{Name: "x"})
			return err
		}, "pipeline"},
		"an order out of range": {func() error {
			_, _, err := g.SavePolicyGroup(t.Context(), by, g.project, models.Owner{Name: "x", Pipeline: policy.Request, Rank: models.MaxRank + 1})
			return err
		}, "order"},
		"a name of another policy group": {func() error {
			_, _, err := g.SavePolicyGroup(t.Context(), by, g.project, models.Owner{Name: "standard", Pipeline: policy.Request})
			return err
		}, "name"},
		"another pipeline while it is bound": {func() error {
			changed := g.standard
			changed.Pipeline = policy.Response
			_, _, err := g.SavePolicyGroup(t.Context(), by, g.project, changed)
			return err
		}, "pipeline"},
		"a policy group inside another one": {g.binding(t, g.standard, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: g.standard.ID}), "groupId"},
		"a proxy group as a policy group":   {g.binding(t, g.orders, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: g.shop.ID}), "groupId"},
		"a group twice in one lane":         {g.binding(t, g.shop, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: g.standard.ID}), "groupId"},
		"a group in another pipeline":       {g.binding(t, g.orders, models.NewBinding{Scope: policy.All, Pipeline: policy.Error, GroupID: g.standard.ID}), "pipeline"},
		"an endpoint of a proxy group":      {g.binding(t, g.shop, models.NewBinding{Scope: policy.Endpoint, EndpointID: g.shop.ID, Pipeline: policy.Request, PolicyID: g.global.ID}), "scope"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, c.save(), c.field)
		})
	}
}

func (g *groups) saving(t *testing.T, o models.Owner) func() error {
	return func() error { _, _, err := g.SaveProxyGroup(t.Context(), by, g.project, o); return err }
}

func (g *groups) binding(t *testing.T, o models.Owner, b models.NewBinding) func() error {
	return func() error { _, err := g.AddBinding(t.Context(), by, g.project, o.ID, o.Version, b); return err }
}

func TestGroupIsDeployedWithWhatItHolds(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for _, o := range []models.Owner{g.shop, g.standard} {
		g.deploy(t, o)
		if g.state(t, o) != models.Live {
			t.Errorf("%s is %s", o.Name, g.state(t, o))
		}
	}
	b, err := g.Bundle(t.Context(), "production")
	if err != nil || len(b.Owners) != 2 || b.Keys.Signing(keys.HS256) == nil {
		t.Fatal(b.Owners, err)
	}
	if _, err := engine.Compile(t.Context(), b, nil, engine.Deps{Types: policy.Set{jwtauth.Type()}}); err != nil {
		t.Error(err)
	}
	changed := g.stock
	changed.Upstream.URL = "http://other.test"
	if _, _, err := g.SaveProxy(t.Context(), by, g.project, changed); err != nil {
		t.Fatal(err)
	}
	if g.state(t, g.shop) != models.RedeployRequired || g.state(t, g.standard) != models.Live {
		t.Errorf("after an edit of a member: %s, %s", g.state(t, g.shop), g.state(t, g.standard))
	}
	g.deploy(t, g.shop)
	if _, err := g.SetPolicyActive(t.Context(), by, g.project, g.global.ID, g.global.Version, false); err != nil {
		t.Fatal(err)
	}
	if g.state(t, g.shop) != models.RedeployRequired || g.state(t, g.standard) != models.RedeployRequired {
		t.Errorf("after an edit of a policy of the policy group: %s, %s", g.state(t, g.shop), g.state(t, g.standard))
	}
	if _, err := g.Rollback(t.Context(), by, g.project, g.shop.ID, "production", 1, "back"); err != nil {
		t.Error(err)
	}
}

func TestGroupThatGoesLeavesWhatItWasPartOf(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	second := g.policyGroup(t, models.Owner{Name: "Second", Pipeline: policy.Request, Rank: 1})
	g.shop = g.bind(t, g.shop, models.NewBinding{GroupID: second.ID})
	if err := g.DeleteOwner(t.Context(), by, g.project, g.standard.ID, g.standard.Version); err != nil {
		t.Fatal(err)
	}
	if err := g.DeleteOwner(t.Context(), by, g.project, g.stock.ID, g.stock.Version); err != nil {
		t.Fatal(err)
	}
	after := modelstest.Reload(t, g.Store, g.shop)
	if len(after.Bindings) != 1 || after.Bindings[0].Position != 1 || len(after.Members) != 1 || after.Members[0].ID != g.orders.ID {
		t.Errorf("shop %+v", after)
	}
	if after.Version != g.shop.Version+2 {
		t.Errorf("version %d after %d: a stale editor would not notice", after.Version, g.shop.Version)
	}
	if _, err := g.PolicyByID(t.Context(), g.project, g.global.ID); err != nil {
		t.Errorf("the global policy of the group: %v", err)
	}
	if err := g.DeleteOwner(t.Context(), by, g.project, g.shop.ID, after.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Owner(t.Context(), g.project, engine.KindProxyGroup, "Shop"); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
}

func TestNewProxyGetsTheDefaultGroupsByRank(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for name, rank := range map[string]int{"late": 20, "early": 10} {
		g.policyGroup(t, models.Owner{Name: name, Active: true, Pipeline: policy.Request, Rank: rank, MakeDefault: true})
	}
	p := modelstest.Proxy(t, g.Store, g.project, "new")
	p = g.bind(t, p, models.NewBinding{PolicyID: g.global.ID})
	p = g.bind(t, p, models.NewBinding{GroupID: g.standard.ID})
	var names []string
	for _, b := range p.Bindings {
		names = append(names, b.Name())
	}
	if got := strings.Join(names, " "); got != "Standard early late Company" {
		t.Errorf("the lane is %q: groups by rank, where the first of a higher one stands", got)
	}
}
