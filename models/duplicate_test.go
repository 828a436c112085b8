package models_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestACopyOfAPolicyHasItsSettingsAndNoPlace(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	name, err := g.FreePolicyName(t.Context(), g.project, "Company")
	if err != nil || name != "Company (Copy)" {
		t.Fatal(name, err)
	}
	made, err := g.DuplicatePolicy(t.Context(), by, g.project, g.global.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	if made.ID == g.global.ID || made.Used != 0 || made.Version != 1 || !made.Global() {
		t.Errorf("the copy is %+v", made)
	}
	made.Config.Base().Name = g.global.Name
	if diff := cmp.Diff(g.global.Config, made.Config); diff != "" {
		t.Errorf("its settings (-want +got):\n%s", diff)
	}
	if name, err = g.FreePolicyName(t.Context(), g.project, "COMPANY"); err != nil || name != "COMPANY (Copy 2)" {
		t.Error(name, err)
	}
	_, err = g.DuplicatePolicy(t.Context(), by, g.project, g.global.ID, "company (copy)")
	wantProblem(t, err, "name")
	_, err = g.DuplicatePolicy(t.Context(), by, g.project, g.orders.ID, "x")
	wantNotFound(t, err)
	other := modelstest.Project(t, g.Store, "Other").ID
	_, err = g.DuplicatePolicy(t.Context(), by, other, g.global.ID, "x")
	wantNotFound(t, err)
}

func TestACopyOfALongNameFits(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	name, err := g.FreePolicyName(t.Context(), g.project, strings.Repeat("ü", problem.MaxName))
	if err != nil || problem.Name(name) != "" || !strings.HasSuffix(name, "ü (Copy)") {
		t.Error(name, err)
	}
}

// shape is what a copy has in common with its original.
func shape(o models.Owner) models.Owner {
	o.ID, o.Name, o.ClientID, o.MakeDefault, o.Route.BasePath, o.Stamp, o.Deployments = "", "", "", false, "", models.Stamp{}, nil
	at := map[string]string{}
	var endpoints []models.Endpoint
	for _, e := range o.Endpoints {
		at[e.ID] = e.Method + e.Path
		e.ID = ""
		endpoints = append(endpoints, e)
	}
	var bindings []models.Binding
	for _, b := range o.Bindings {
		b.ID, b.OwnerID, b.EndpointID = "", "", at[b.EndpointID]
		b.Policy.Used = 0
		if b.Group != nil {
			b.Group = &models.Owner{ID: b.Group.ID}
		}
		if !b.Shared() {
			b.Policy.ID, b.Policy.OwnerID, b.Policy.Stamp = "", "local", models.Stamp{}
		}
		bindings = append(bindings, b)
	}
	o.Endpoints, o.Bindings = endpoints, bindings
	return o
}

func TestACopyOfAProxyIsLikeIt(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	p := modelstest.Proxy(t, g.Store, g.project, "api", func(p *models.Owner) {
		p.Description, p.Route.Hosts, p.Route.Methods = "Of the shop.", []string{"api.test"}, []string{"GET"}
		p.Upstream.Further, p.Upstream.Check = []engine.Address{{URL: "http://127.0.0.1:10"}}, &engine.HealthCheck{Path: "/health"}
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/b", Description: "B"}}
	})
	p = g.bind(t, p, models.NewBinding{Local: jwt("own")})
	p = g.bind(t, p, models.NewBinding{GroupID: g.standard.ID})
	for _, e := range p.Endpoints {
		if _, err := g.AddBinding(t.Context(), by, g.project, p.ID, p.Version, models.NewBinding{
			Scope: policy.Endpoint, EndpointID: e.ID, Pipeline: policy.Request, Local: jwt("of " + e.Path[1:]),
		}); err != nil {
			t.Fatal(err)
		}
		p = modelstest.Reload(t, g.Store, p)
	}
	p = g.bind(t, p, models.NewBinding{PolicyID: g.global.ID})
	// A default that came later is no part of what is copied.
	g.policyGroup(t, models.Owner{Name: "everywhere", Active: true, Pipeline: policy.Request, MakeDefault: true})
	path, err := g.FreeBasePath(t.Context(), p.Route.BasePath)
	if err != nil || path != "/api-copy" {
		t.Fatal(path, err)
	}
	made, key, err := g.DuplicateOwner(t.Context(), by, g.project, p.ID, "api (Copy)", path)
	if err != nil || key.Reveal() == "" {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shape(p), shape(made)); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	if made.ClientID == p.ClientID || made.Route.BasePath != path || made.Bindings[0].Policy.ID == p.Bindings[0].Policy.ID {
		t.Errorf("the copy is %+v", made)
	}
	if diff := cmp.Diff(p.Version, modelstest.Reload(t, g.Store, p).Version); diff != "" {
		t.Errorf("the original was written: %s", diff)
	}
	if path, err = g.FreeBasePath(t.Context(), p.Route.BasePath); err != nil || path != "/api-copy-2" {
		t.Error(path, err)
	}
	if name, err := g.FreeOwnerName(t.Context(), g.project, engine.KindProxy, "api"); err != nil || name != "api (Copy 2)" {
		t.Error(name, err)
	}
	g.deploy(t, made)
}

func TestACopyOfAPolicyGroupIsNoDefault(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	first := g.policyGroup(t, models.Owner{Name: "first", Description: "d", Active: true, Pipeline: policy.Request, Rank: 3, MakeDefault: true})
	first = g.bind(t, first, models.NewBinding{Local: jwt("own")})
	first = g.bind(t, first, models.NewBinding{PolicyID: g.global.ID})
	made, key, err := g.DuplicateOwner(t.Context(), by, g.project, first.ID, "second", "/ignored")
	if err != nil || key.Reveal() == "" || made.MakeDefault || !made.Active {
		t.Fatal(made, err)
	}
	if diff := cmp.Diff(shape(first), shape(made)); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
}

func TestACopyOfAProxyGroupHasTheSameMembers(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	made, key, err := g.DuplicateOwner(t.Context(), by, g.project, g.shop.ID, "Shop 2", "/shop-2")
	if err != nil || key.Reveal() == "" || len(made.Members) != 2 {
		t.Fatal(made, err)
	}
	if diff := cmp.Diff(shape(g.shop), shape(made)); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	g.deploy(t, made)
}

func TestACopyThatCannotBeIsNotMade(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for name, c := range map[string]struct{ id, name, path, field string }{
		"the name of another":      {g.orders.ID, "Stock", "/x", "name"},
		"the base path of another": {g.orders.ID, "x", "/stock", "basePath"},
		"no name":                  {g.orders.ID, "", "/x", "name"},
		"no base path":             {g.shop.ID, "x", "", "basePath"},
		"a policy group's name":    {g.standard.ID, "STANDARD", "", "name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := g.DuplicateOwner(t.Context(), by, g.project, c.id, c.name, c.path)
			wantProblem(t, err, c.field)
		})
	}
	if _, _, err := g.DuplicateOwner(t.Context(), by, modelstest.Project(t, g.Store, "Other").ID, g.orders.ID, "x", "/x"); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
}

func TestAPolicyMadeInPlaceCanBeGlobal(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	p := g.bind(t, g.orders, models.NewBinding{Local: jwt("for all"), AsGlobal: true})
	made := p.Bindings[0].Policy
	if !made.Global() || made.Used != 1 {
		t.Errorf("it is %+v", made)
	}
	_, err := g.AddBinding(t.Context(), by, g.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: jwt(""), AsGlobal: true})
	wantProblem(t, err, "name")
	_, err = g.AddBinding(t.Context(), by, g.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: jwt("COMPANY"), AsGlobal: true})
	wantProblem(t, err, "name")
}

func TestPolicyGroupsAreCountedAndFound(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	empty := g.policyGroup(t, models.Owner{Name: "Errors", Pipeline: policy.Error, Rank: 1})
	g.bind(t, g.orders, models.NewBinding{GroupID: g.standard.ID})
	counts, err := g.GroupCounts(t.Context(), []string{g.standard.ID, empty.ID})
	want := map[string]models.GroupCount{g.standard.ID: {Policies: 1, Places: 2}, empty.ID: {}}
	if diff := cmp.Diff(want, counts); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	g.deploy(t, g.shop)
	places, err := g.PolicyGroupUsage(t.Context(), g.standard.ID)
	if err != nil || len(places) != 2 || places[0].OwnerName != "orders" || places[1].OwnerKind != engine.KindProxyGroup || len(places[0].Live) != 0 || len(places[1].Live) != 1 {
		t.Error(places, err)
	}
	list, total, err := g.Owners(t.Context(), g.project, models.OwnerFilter{Kind: engine.KindPolicyGroup, Pipeline: policy.Error})
	if err != nil || total != 1 || list[0].Name != "Errors" {
		t.Error(list, err)
	}
	list, _, err = g.Owners(t.Context(), g.project, models.OwnerFilter{Kind: engine.KindPolicyGroup, Sort: "order", Desc: true})
	if err != nil || list[0].Name != "Errors" {
		t.Error(list, err)
	}
}
