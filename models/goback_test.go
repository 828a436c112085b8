package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// last is the newest record of an action on a kind.
func (b bench) last(t *testing.T, kind, action string) models.AuditRecord {
	t.Helper()
	list, _, err := b.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: kind, Action: action, PerPage: 1})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d records of %s %s (%v)", len(list), action, kind, err)
	}
	return list[0]
}

// back goes back to a side of a record as whoever has looked at the plan.
func (b bench) back(t *testing.T, r models.AuditRecord, side string) models.Return {
	t.Helper()
	plan, err := b.PlanGoBack(t.Context(), models.Everywhere, r.ID, side)
	if err != nil {
		t.Fatal(err)
	}
	done, err := b.GoBack(t.Context(), by, models.Everywhere, r.ID, side, plan.Version, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sameBut(t, plan.After), sameBut(t, done.After)); diff != "" {
		t.Errorf("the plan said something else (-plan +done):\n%s", diff)
	}
	list, _, err := b.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: r.Kind, PerPage: 1})
	if err != nil || list[0].BackTo != r.ID || list[0].Actor != by.Name {
		t.Errorf("the record names %d and %s, want %d (%v)", list[0].BackTo, list[0].Actor, r.ID, err)
	}
	return done
}

// sameBut is a side without what is new each time.
func sameBut(t *testing.T, raw json.RawMessage) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "version")
	delete(v, "clientId")
	delete(v, "secrets") // says what happened to them
	return v
}

func TestEveryKindGoesBackToAVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Each writes a first version, then a second one.
	for kind, write := range map[string]func(){
		models.KindPolicy: func() {
			p := modelstest.Policy(t, b.Store, b.project, "P")
			c := p.Config.(*jwtauth.Config)
			c.LeewaySeconds, c.Name = 7, "Q"
			_, err := b.SavePolicy(ctx, by, b.project, p.ID, p.Version, c)
			must(err)
		},
		models.KindVariable: func() {
			v, err := b.SaveVariable(ctx, by, b.project, "", 0, condition.Variable{Name: "stage", Type: condition.Header, HeaderName: "X-Stage"})
			must(err)
			_, err = b.SaveVariable(ctx, by, b.project, v.ID, v.Version, condition.Variable{Name: "phase", Type: condition.Header, HeaderName: "X-Phase"})
			must(err)
		},
		models.KindRole: func() {
			r, err := b.SaveRole(ctx, by, b.project, "", 0, "ops", "First")
			must(err)
			_, err = b.SaveRole(ctx, by, b.project, r.ID, r.Version, "ops", "Second")
			must(err)
		},
		models.KindErrorMessage: func() {
			m, err := b.SaveErrorMessage(ctx, by, 0, fault.Message{Type: fault.RoleMissing, Text: "Ask for the role."})
			must(err)
			_, err = b.SaveErrorMessage(ctx, by, m.Version, fault.Message{Type: fault.RoleMissing, Text: "Go away."})
			must(err)
		},
		models.KindSettings: func() {
			m := issue.DefaultManagement()
			m.IncludeScope = !m.IncludeScope
			_, err := b.SaveTokenManagement(ctx, by, 0, m)
			must(err)
		},
		models.KindIdentitySource: func() {
			s := b.source(t, ldap("corp"), bindPassword("first secret"))
			c := ldap("corp")
			c.Description = "Second"
			_, err := b.SaveIdentitySource(ctx, by, b.project, s.ID, s.Version, c, nil)
			must(err)
		},
		models.KindProxyGroup: func() {
			one, two := modelstest.Proxy(t, b.Store, b.project, "one"), modelstest.Proxy(t, b.Store, b.project, "two")
			g, _, err := b.SaveProxyGroup(ctx, by, b.project, models.Owner{Name: "G", Route: one.Route, Members: []models.Member{{ID: one.ID}, {ID: two.ID}}})
			if err != nil { // their base path is taken
				g = models.Owner{Name: "G", Members: []models.Member{{ID: one.ID}, {ID: two.ID}}}
				g.Route.BasePath = "/group"
				g, _, err = b.SaveProxyGroup(ctx, by, b.project, g)
			}
			must(err)
			g.Members, g.BlockDirectAccess = g.Members[1:], true
			_, _, err = b.SaveProxyGroup(ctx, by, b.project, g)
			must(err)
		},
		models.KindPolicyGroup: func() {
			g, _, err := b.SavePolicyGroup(ctx, by, b.project, models.Owner{Name: "Standard", Pipeline: policy.Request, Active: true, Rank: 3})
			must(err)
			g.Active, g.Rank, g.Name = false, 4, "Other"
			_, _, err = b.SavePolicyGroup(ctx, by, b.project, g)
			must(err)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			write()
			changed := b.last(t, kind, models.ActionUpdated)
			first := b.back(t, changed, models.SideBefore)
			if diff := cmp.Diff(sameBut(t, changed.Before), sameBut(t, first.After)); diff != "" {
				t.Errorf("the first version is not back (-was +is):\n%s", diff)
			}
			second := b.back(t, changed, models.SideAfter)
			if diff := cmp.Diff(sameBut(t, changed.After), sameBut(t, second.After)); diff != "" {
				t.Errorf("the second version is not back (-was +is):\n%s", diff)
			}
		})
	}
}

// local is a policy of the owner's own.
func (b bench) local(t *testing.T, p models.Owner, endpoint string, leeway int) models.Owner {
	t.Helper()
	c := modelstest.JWT("own", func(c *jwtauth.Config) { c.LeewaySeconds = leeway })
	n := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: c}
	if endpoint != "" {
		n.Scope, n.EndpointID = policy.Endpoint, endpoint
	}
	if _, err := b.AddBinding(t.Context(), by, b.project, p.ID, p.Version, n); err != nil {
		t.Fatal(err)
	}
	return modelstest.Reload(t, b.Store, p)
}

func TestAProxyGoesBackWithItsEndpointsItsLanesAndItsLocalPolicies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	p, _, err := b.SaveProxy(ctx, by, b.project, orders())
	if err != nil {
		t.Fatal(err)
	}
	p = modelstest.Bind(t, b.Store, p, modelstest.Policy(t, b.Store, b.project, "A"))
	p = modelstest.Bind(t, b.Store, p, modelstest.Policy(t, b.Store, b.project, "B"))
	p = b.local(t, p, p.Endpoints[0].ID, 7)
	modelstest.Deploy(t, b.Store, p, "production")
	then := modelstest.Reload(t, b.Store, p)

	// Everything changes: the route, the endpoints, the order, the local policy goes.
	changed := then
	changed.Name, changed.Description, changed.Endpoints = "Orders2", "Less.", then.Endpoints[1:]
	changed.Route.BasePath = "/elsewhere"
	changed, _, err = b.SaveProxy(ctx, by, b.project, changed)
	if err != nil {
		t.Fatal(err)
	}
	r := b.last(t, models.KindProxy, models.ActionUpdated)
	if err := b.MoveBinding(ctx, by, b.project, p.ID, changed.Version, then.Bindings[1].ID, 1); err != nil {
		t.Fatal(err)
	}
	done := b.back(t, r, models.SideBefore)
	if done.KeyPair != nil {
		t.Error("a proxy that was there got another key pair")
	}
	now, err := b.Proxy(ctx, b.project, "Orders")
	if err != nil {
		t.Fatal(err)
	}
	if now.ID != then.ID || now.ClientID != then.ClientID || now.CreatedAt != then.CreatedAt || now.Version <= then.Version {
		t.Errorf("it is %+v, was %+v", now, then)
	}
	names := func(o models.Owner) (list []string) {
		for _, x := range o.Bindings {
			list = append(list, fmt.Sprintf("%s %s %d", x.Name(), x.Scope, x.Position))
		}
		return list
	}
	if diff := cmp.Diff(names(then), names(now)); diff != "" {
		t.Errorf("lanes (-then +now):\n%s", diff)
	}
	if got := now.Bindings[2].Policy.Config.(*jwtauth.Config).LeewaySeconds; got != 7 {
		t.Errorf("the local policy has a leeway of %d, want 7", got)
	}
	if now.Deployments[0].State != models.Live {
		t.Errorf("what runs is what is edited again, but it is %s", now.Deployments[0].State)
	}
}

func TestWhatWasDeletedComesBackAsANewObject(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	p := modelstest.Proxy(t, b.Store, b.project, "orders")
	p = b.local(t, p, "", 9)
	if err := b.DeleteOwner(ctx, by, b.project, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	r := b.last(t, models.KindProxy, models.ActionDeleted)
	plan, err := b.PlanGoBack(ctx, models.Everywhere, r.ID, models.SideBefore)
	if err != nil || plan.Exists || plan.Version != 0 || plan.Name != "orders" {
		t.Fatalf("plan %+v (%v)", plan, err)
	}
	done := b.back(t, r, models.SideBefore)
	now, err := b.Proxy(ctx, b.project, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if now.ID == p.ID || now.ClientID == p.ClientID || len(now.Bindings) != 1 {
		t.Errorf("it is %+v", now)
	}
	if done.KeyPair == nil || done.KeyPair.ClientID != now.ClientID || done.KeyPair.Secret.IsZero() {
		t.Errorf("the key pair is %+v", done.KeyPair)
	}

	g := modelstest.Policy(t, b.Store, b.project, "P")
	if err := b.DeletePolicy(ctx, by, b.project, g.ID, g.Version); err != nil {
		t.Fatal(err)
	}
	b.back(t, b.last(t, models.KindPolicy, models.ActionDeleted), models.SideBefore)
	if _, err := b.Policy(ctx, b.project, jwtauth.TypeName, "P"); err != nil {
		t.Error(err)
	}
}

func TestASourceKeepsItsSecretsAndAsksForThoseItHasNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	s := b.source(t, ldap("corp"), bindPassword("the first"))
	c := ldap("corp")
	c.Description = "Second"
	s, err := b.SaveIdentitySource(ctx, by, b.project, s.ID, s.Version, c, bindPassword("the second"))
	if err != nil {
		t.Fatal(err)
	}
	b.back(t, b.last(t, models.KindIdentitySource, models.ActionUpdated), models.SideBefore)
	kept, err := b.SecretsForTest(ctx, b.project, s.ID, ldap("corp"), nil)
	if err != nil || kept["bindPassword"].Reveal() != "the second" {
		t.Errorf("the secret is %q (%v), want the one that it had", kept["bindPassword"].Reveal(), err)
	}

	s, err = b.IdentitySource(ctx, b.project, "corp")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteIdentitySource(ctx, by, b.project, s.ID, s.Version); err != nil {
		t.Fatal(err)
	}
	r := b.last(t, models.KindIdentitySource, models.ActionDeleted)
	plan, err := b.PlanGoBack(ctx, models.Everywhere, r.ID, models.SideBefore)
	if len(plan.Secrets) == 0 || plan.Secrets[0].Field != "bindPassword" {
		t.Fatalf("it asks for %v (%v)", plan.Secrets, err)
	}
	if _, err := b.GoBack(ctx, by, models.Everywhere, r.ID, models.SideBefore, 0, map[string]secret.Text{"bindPassword": secret.New("the third")}); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotComeBackSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	p := modelstest.Policy(t, b.Store, b.project, "P")
	api := modelstest.Bind(t, b.Store, modelstest.Proxy(t, b.Store, b.project, "orders"), p)
	bound := b.last(t, models.KindProxy, models.ActionUpdated)
	if err := b.DeletePolicy(ctx, by, b.project, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	deleted := b.last(t, models.KindPolicy, models.ActionDeleted)

	t.Run("a policy that is gone", func(t *testing.T) {
		_, err := b.PlanGoBack(ctx, models.Everywhere, bound.ID, models.SideAfter)
		wantProblem(t, err, "bindings[0].global")
	})
	t.Run("a name that is taken", func(t *testing.T) {
		modelstest.Policy(t, b.Store, b.project, "p")
		_, err := b.PlanGoBack(ctx, models.Everywhere, deleted.ID, models.SideBefore)
		wantProblem(t, err, "policy.name")
		_, err = b.GoBack(ctx, by, models.Everywhere, deleted.ID, models.SideBefore, 0, nil)
		wantProblem(t, err, "policy.name")
	})
	t.Run("somebody was faster", func(t *testing.T) {
		_, err := b.GoBack(ctx, by, models.Everywhere, bound.ID, models.SideBefore, api.Version-1, nil)
		wantStale(t, err)
	})
	t.Run("a record of another project", func(t *testing.T) {
		_, err := b.PlanGoBack(ctx, models.OnlyIn("Other"), deleted.ID, models.SideBefore)
		wantNotFound(t, err)
		_, err = b.GoBack(ctx, by, models.OnlyIn("Other"), deleted.ID, models.SideBefore, 0, nil)
		wantNotFound(t, err)
	})
	t.Run("a side without a version", func(t *testing.T) {
		_, err := b.PlanGoBack(ctx, models.Everywhere, deleted.ID, models.SideAfter)
		wantProblem(t, err, "")
	})
	t.Run("a record from before local policies were recorded with their owner", func(t *testing.T) {
		id := scalar[int64](t, connect(t, b.url), `insert into audit_records (at, actor, client, correlation_id, action, kind, object_id, object_name, project, before)
			values (now(), '', '', '', 'DELETED', 'PROXY', $1, 'orders', 'Shop', '{"name": "orders", "policies": [{"policy": "own", "global": false}]}') returning id`, api.ID)
		_, err := b.PlanGoBack(ctx, models.Everywhere, id, models.SideBefore)
		wantProblem(t, err, "")
		if !strings.Contains(err.Error(), "local policies") {
			t.Errorf("it says %v", err)
		}
	})
	t.Run("a local policy by itself", func(t *testing.T) {
		with := b.local(t, modelstest.Reload(t, b.Store, api), "", 5)
		at := slices.IndexFunc(with.Bindings, func(x models.Binding) bool { return !x.Shared() })
		if err := b.RemoveBinding(ctx, by, b.project, with.ID, with.Version, with.Bindings[at].ID); err != nil {
			t.Fatal(err)
		}
		_, err := b.PlanGoBack(ctx, models.Everywhere, b.last(t, models.KindPolicy, models.ActionDeleted).ID, models.SideBefore)
		wantProblem(t, err, "")
	})
}

func TestAPlanOfGoingBackWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := modelstest.Policy(t, b.Store, b.project, "P")
	if err := b.DeletePolicy(t.Context(), by, b.project, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	r := b.last(t, models.KindPolicy, models.ActionDeleted)
	conn := connect(t, b.url)
	before := scalar[int](t, conn, "select count(*) from audit_records")
	if _, err := b.PlanGoBack(t.Context(), models.Everywhere, r.ID, models.SideBefore); err != nil {
		t.Fatal(err)
	}
	if after := scalar[int](t, conn, "select count(*) from audit_records"); after != before {
		t.Errorf("%d records, had %d", after, before)
	}
	if _, err := b.Policy(t.Context(), b.project, jwtauth.TypeName, "P"); err == nil {
		t.Error("the policy is there")
	}
}
