package models_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestAssignmentAddsMembersAndPoliciesAtOnce(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	late := g.policyGroup(t, models.Owner{Name: "Late", Active: true, Pipeline: policy.Request, Rank: 9})
	early := g.policyGroup(t, models.Owner{Name: "Early", Active: true, Pipeline: policy.Request, Rank: 3})
	third := modelstest.Proxy(t, g.Store, g.project, "third")
	a := models.Assignment{
		Proxies: []string{third.ID, g.orders.ID}, Policies: []string{g.global.ID, g.global.ID}, Groups: []string{late.ID, g.standard.ID, early.ID},
	}
	seen, err := g.PreviewAssignment(t.Context(), by, g.project, g.shop.ID, g.shop.Version, a)
	if now := modelstest.Reload(t, g.Store, g.shop); err != nil || !cmp.Equal(now, g.shop) {
		t.Fatalf("the preview changed the group: %+v, %v", now, err)
	}
	after, err := g.AssignToGroup(t.Context(), by, g.project, g.shop.ID, g.shop.Version, a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after.Members, seen.Members); diff != "" || len(seen.Bindings) != len(after.Bindings) {
		t.Errorf("the preview shows something else: %s", diff)
	}
	var members, lane []string
	for _, m := range after.Members {
		members = append(members, m.Name)
	}
	for i, b := range after.Bindings {
		lane = append(lane, b.Name())
		if b.Position != i+1 || b.Pipeline != policy.Request || b.Scope != policy.All {
			t.Errorf("%s is bound as %+v", b.Name(), b)
		}
	}
	if diff := cmp.Diff("stock orders third", strings.Join(members, " ")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("Standard Company Early Late", strings.Join(lane, " ")); diff != "" {
		t.Errorf("groups stand by their rank, and what was there already is not bound again: %s", diff)
	}
	if after.Version != g.shop.Version+1 {
		t.Errorf("version %d after %d: it is one change", after.Version, g.shop.Version)
	}
}

func TestAssignmentIsDoneWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	third := modelstest.Proxy(t, g.Store, g.project, "third")
	local := g.bind(t, g.orders, models.NewBinding{Local: jwt("own")}).Bindings[0].Policy
	elsewhere := modelstest.Project(t, g.Store, "Elsewhere")
	foreign := modelstest.Proxy(t, g.Store, elsewhere.ID, "foreign")
	theirs := modelstest.Policy(t, g.Store, elsewhere.ID, "theirs")
	for name, c := range map[string]struct {
		a     models.Assignment
		field string
	}{
		"a proxy of another project":  {models.Assignment{Proxies: []string{foreign.ID}}, "members"},
		"a proxy that is no id":       {models.Assignment{Proxies: []string{"' or 1=1"}}, "members"},
		"a group as a member":         {models.Assignment{Proxies: []string{g.shop.ID}}, "members"},
		"a policy of another project": {models.Assignment{Proxies: []string{third.ID}, Policies: []string{theirs.ID}}, "policies"},
		"a local policy":              {models.Assignment{Proxies: []string{third.ID}, Policies: []string{local.ID}}, "policies"},
		"a proxy as a policy group":   {models.Assignment{Proxies: []string{third.ID}, Groups: []string{g.orders.ID}}, "groups"},
		"too much at once":            {models.Assignment{Policies: make([]string, models.MaxAssigned+1)}, "policies"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.AssignToGroup(t.Context(), by, g.project, g.shop.ID, g.shop.Version, c.a)
			wantProblem(t, err, c.field)
		})
	}
	t.Run("a stale version", func(t *testing.T) {
		_, err := g.AssignToGroup(t.Context(), by, g.project, g.shop.ID, g.shop.Version-1, models.Assignment{Proxies: []string{third.ID}})
		if stale := new(models.StaleError); !errors.As(err, &stale) || stale.Name != "Shop" {
			t.Error(err)
		}
	})
	t.Run("what is no proxy group", func(t *testing.T) {
		for _, o := range []models.Owner{modelstest.Reload(t, g.Store, g.orders), g.standard} {
			if _, err := g.AssignToGroup(t.Context(), by, g.project, o.ID, o.Version, models.Assignment{Policies: []string{g.global.ID}}); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: %v", o.Name, err)
			}
		}
	})
	if after := modelstest.Reload(t, g.Store, g.shop); after.Version != g.shop.Version || len(after.Members) != 2 || len(after.Bindings) != 1 {
		t.Errorf("something was done: %+v", after)
	}
}

func TestMembersAreFoundAndNamed(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for i := range 5 {
		modelstest.Proxy(t, g.Store, g.project, fmt.Sprintf("part-of-stock-%d", i))
	}
	found, total, err := g.FindMembers(t.Context(), g.project, "STOCK", []string{g.orders.ID, "no id"}, 2)
	if err != nil || total != 6 || len(found) != 2 || found[0].Name != "stock" || found[0].BasePath != "/stock" {
		t.Errorf("%+v %d %v", found, total, err)
	}
	found, total, err = g.FindMembers(t.Context(), g.project, "%", nil, 10)
	if err != nil || total != 0 || len(found) != 0 {
		t.Errorf("a percent sign finds %+v %d %v", found, total, err)
	}
	named, err := g.Members(t.Context(), g.project, []string{g.orders.ID, "gone", g.stock.ID, g.shop.ID})
	var names []string
	for _, m := range named {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"orders", "", "stock", ""}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestAProxyKnowsItsGroupsAndWhereItIsCalledDirectly(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	modelstest.Environment(t, g.Store, "test")
	second := g.proxyGroup(t, models.Owner{Name: "Back office", Route: engine.Route{BasePath: "/back"}, BlockDirectAccess: true, Members: []models.Member{{ID: g.stock.ID}}})
	g.deploy(t, g.shop)
	g.deploy(t, g.stock)
	for _, env := range []string{"production", "test"} {
		if _, err := g.Deploy(t.Context(), by, g.project, second.ID, env, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Undeploy(t.Context(), by, g.project, second.ID, "test"); err != nil {
		t.Fatal(err)
	}
	got, err := g.GroupsOf(t.Context(), g.stock.ID)
	want := []models.Membership{{Name: "Back office", BlockDirectAccess: true, Live: []string{"production"}}, {Name: "Shop", Live: []string{"production"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	direct, err := g.DirectlyCalled(t.Context(), []string{g.stock.ID, g.orders.ID, g.shop.ID})
	if diff := cmp.Diff([]models.Direct{{Environment: "production", Proxies: []string{"stock"}}}, direct); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
