package models_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

var everyKind = []string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup}

func (g *groups) choice(filter models.BulkFilter, kinds ...string) models.BulkChoice {
	return models.BulkChoice{Subject: models.BulkSubject{Kind: models.SubjectPolicy, ID: g.global.ID}, Environment: "production", Kinds: kinds, Filter: filter}
}

func (b bench) startBulk(t *testing.T, c models.BulkChoice) string {
	t.Helper()
	id, err := b.StartBulkDeploy(t.Context(), by, b.project, c, "")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ended waits for a bulk deploy.
func (b bench) ended(t *testing.T, id string) models.BulkDeploy {
	t.Helper()
	for {
		got, err := b.BulkDeploy(t.Context(), b.project, id)
		if err != nil {
			t.Fatal(err)
		}
		if got.State != models.BulkRunning {
			return got
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("still running")
		}
	}
}

func (b bench) results(t *testing.T, id string) (out []string) {
	t.Helper()
	list, err := b.BulkOwners(t.Context(), id, "", 1, 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		out = append(out, fmt.Sprintf("%s %s %s %d %s", o.State, o.Kind, o.Name, o.Revision, o.Detail))
	}
	return out
}

func TestBulkDeployPreviewCountsWhatItWouldDo(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	g.stock = modelstest.Bind(t, g.Store, g.stock, g.global)
	g.deploy(t, g.stock)
	g.deploy(t, g.standard)
	fresh := modelstest.Proxy(t, g.Store, g.project, "fresh")
	modelstest.Bind(t, g.Store, fresh, g.global)
	changed := jwt("Company")
	changed.LeewaySeconds = 9
	var err error
	if g.global, err = g.SavePolicy(t.Context(), by, g.project, g.global.ID, g.global.Version, changed); err != nil {
		t.Fatal(err)
	}
	g.deploy(t, g.shop) // takes the change over, and with it stock's own
	of := map[string]int{engine.KindProxy: 2, engine.KindProxyGroup: 1, engine.KindPolicyGroup: 1}
	for _, tt := range []struct {
		name  string
		c     models.BulkChoice
		names []string
	}{
		{"all proxies", g.choice(models.BulkAll, engine.KindProxy), []string{"fresh", "stock"}},
		{"proxies that want a redeploy", g.choice(models.BulkRedeploy, engine.KindProxy), []string{"stock"}},
		{"everything that wants a redeploy", g.choice(models.BulkRedeploy, everyKind...), []string{"Standard", "stock"}},
		{"everything that is as edited", g.choice(models.BulkLive, everyKind...), []string{"Shop"}},
		{"all of all kinds, members before their groups", g.choice(models.BulkAll, everyKind...), []string{"Standard", "fresh", "stock", "Shop"}},
		{"no kind", g.choice(models.BulkAll), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := g.PreviewBulkDeploy(t.Context(), g.project, tt.c, 50)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, target := range p.Targets {
				names = append(names, target.Name)
			}
			if diff := cmp.Diff(tt.names, names); diff != "" || p.Matching != len(tt.names) || p.Uncompared != 0 {
				t.Errorf("%d matching, %d uncompared (-want +got):\n%s", p.Matching, p.Uncompared, diff)
			}
			if diff := cmp.Diff(of, p.Of); diff != "" {
				t.Errorf("of (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBulkDeployOfAPolicyGroup(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	g.deploy(t, g.standard)
	id := g.startBulk(t, models.BulkChoice{
		Subject: models.BulkSubject{Kind: engine.KindPolicyGroup, ID: g.standard.ID}, Environment: "production", Kinds: everyKind, Filter: models.BulkAll,
	})
	g.ended(t, id)
	if diff := cmp.Diff([]string{"DEPLOYED POLICY_GROUP Standard 2 ", "DEPLOYED PROXY_GROUP Shop 1 "}, g.results(t, id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBulkDeployDeploysEachByItselfAndOneFailureStopsNone(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for _, name := range []string{"a", "b", "c"} {
		modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, name), g.global)
	}
	// Another API runs where b wants to be.
	b, err := g.Proxy(t.Context(), g.project, "b")
	if err != nil {
		t.Fatal(err)
	}
	squatter := modelstest.Proxy(t, g.Store, g.project, "squatter")
	modelstest.Deploy(t, g.Store, squatter, "production")
	squatter = modelstest.Reload(t, g.Store, squatter)
	squatter.Route.BasePath = "/elsewhere"
	if _, _, err := g.SaveProxy(t.Context(), by, g.project, squatter); err != nil {
		t.Fatal(err)
	}
	b.Route.BasePath = "/squatter"
	if _, _, err := g.SaveProxy(t.Context(), by, g.project, b); err != nil {
		t.Fatal(err)
	}
	id, err := g.StartBulkDeploy(t.Context(), by, g.project, g.choice(models.BulkAll, engine.KindProxy), "Friday")
	if err != nil {
		t.Fatal(err)
	}
	got := g.ended(t, id)
	if got.State != models.BulkDone || got.Deployed != 2 || got.Failed != 1 || got.Generation == 0 || got.EndedAt.IsZero() || got.Note != "Friday" {
		t.Errorf("got %+v", got)
	}
	want := []string{
		`FAILED PROXY b 0 basePath: The proxy "squatter" still runs at /squatter in production; deploy or undeploy it first.`,
		"DEPLOYED PROXY a 1 ", "DEPLOYED PROXY c 1 ",
	}
	if diff := cmp.Diff(want, g.results(t, id)); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	a, err := g.Proxy(t.Context(), g.project, "a")
	if err != nil || a.Deployments[0].State != models.Live || a.Deployments[0].Note != "Friday" {
		t.Errorf("%+v, %v", a.Deployments, err)
	}
	if n := scalar[int](t, connect(t, g.url), "select count(*) from audit_records where action = 'DEPLOYED' and object_name in ('a', 'b', 'c')"); n != 2 {
		t.Errorf("%d audit records, want 2", n)
	}
	t.Run("what failed is tried again, the others are left alone", func(t *testing.T) {
		s, err := g.Proxy(t.Context(), g.project, "squatter")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Undeploy(t.Context(), by, g.project, s.ID, "production"); err != nil {
			t.Fatal(err)
		}
		if err := g.ResumeBulkDeploy(t.Context(), by, g.project, id); err != nil {
			t.Fatal(err)
		}
		g.ended(t, id)
		want := []string{"DEPLOYED PROXY a 1 ", "DEPLOYED PROXY b 1 ", "DEPLOYED PROXY c 1 "}
		if diff := cmp.Diff(want, g.results(t, id)); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
	})
	t.Run("an owner is left out that is in another state at its turn", func(t *testing.T) {
		id := g.startBulk(t, g.choice(models.BulkRedeploy, engine.KindProxy))
		got := g.ended(t, id)
		if got.LeftOut != 3 || got.Deployed != 0 || g.results(t, id)[0] != "LEFT_OUT PROXY a 0 Revision 1 already runs what is edited." {
			t.Errorf("%+v %q", got, g.results(t, id))
		}
	})
}

func TestStartBulkDeployRefuses(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	other := modelstest.Project(t, g.Store, "Other")
	for _, tt := range []struct {
		name, field string
		c           models.BulkChoice
		note        string
	}{
		{"no kind", "kinds", g.choice(models.BulkAll), ""},
		{"an unknown kind", "kinds", g.choice(models.BulkAll, "API"), ""},
		{"no filter", "filter", g.choice("", engine.KindProxy), ""},
		{"a note with a NUL", "note", g.choice(models.BulkAll, engine.KindProxy), "a\x00b"},
		{"nothing to deploy", "", g.choice(models.BulkRedeploy, engine.KindProxy), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := g.StartBulkDeploy(t.Context(), by, g.project, tt.c, tt.note)
			wantProblem(t, err, tt.field)
		})
	}
	// ATTACK: somebody deploys by the id of another project's policy or owner.
	_, err := g.StartBulkDeploy(t.Context(), by, other.ID, g.choice(models.BulkAll, everyKind...), "")
	wantNotFound(t, err)
	c := g.choice(models.BulkAll, everyKind...)
	c.Subject = models.BulkSubject{Kind: engine.KindPolicyGroup, ID: g.shop.ID} // is none
	_, err = g.StartBulkDeploy(t.Context(), by, g.project, c, "")
	wantNotFound(t, err)
	id := g.startBulk(t, g.choice(models.BulkAll, engine.KindProxyGroup))
	g.ended(t, id)
	_, err = g.BulkDeploy(t.Context(), other.ID, id)
	wantNotFound(t, err)
	wantNotFound(t, g.CancelBulkDeploy(t.Context(), by, other.ID, id))
	wantNotFound(t, g.ResumeBulkDeploy(t.Context(), by, other.ID, id))
}

func TestTwoBulkDeploysOfTheSameOwnersAreSafe(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for i := range 4 {
		modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, fmt.Sprint("p", i)), g.global)
	}
	ids := make([]string, 2)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i] = g.startBulk(t, g.choice(models.BulkAll, engine.KindProxy)) })
	}
	wg.Wait()
	for _, id := range ids {
		if got := g.ended(t, id); got.Deployed != 4 {
			t.Errorf("got %+v, %q", got, g.results(t, id))
		}
	}
	if n := scalar[int](t, connect(t, g.url), "select count(*) from revisions"); n != 8 {
		t.Errorf("%d revisions, want 8", n)
	}
}

func TestABulkDeployWhoseProcessStopsSaysSoAndIsGoneOnWith(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for i := range 3 {
		modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, fmt.Sprint("p", i)), g.global)
	}
	stopping := modelstest.Open(t, g.url)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	stopping.Drain(ended)
	id, err := stopping.StartBulkDeploy(t.Context(), by, g.project, g.choice(models.BulkAll, engine.KindProxy), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.ended(t, id); got.State != models.BulkInterrupted || got.Waiting != 3 {
		t.Errorf("got %+v", got)
	}
	if err := g.ResumeBulkDeploy(t.Context(), by, g.project, id); err != nil {
		t.Fatal(err)
	}
	if got := g.ended(t, id); got.State != models.BulkDone || got.Deployed != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestACrashInTheMiddleShowsAsInterruptedWithWhatWasDone(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, "p0"), g.global)
	id := g.startBulk(t, g.choice(models.BulkAll, engine.KindProxy, engine.KindProxyGroup))
	g.ended(t, id)
	conn := connect(t, g.url)
	// As it stands when the process was killed during the second owner.
	for _, sql := range []string{
		"update bulk_deploys set state = 'RUNNING', ended_at = null, alive_until = now() - interval '1 second'",
		"update bulk_deploy_owners set state = 'WAITING', revision = 0, ended_at = null where position = 2",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	got, err := g.BulkDeploy(t.Context(), g.project, id)
	if err != nil || got.State != models.BulkInterrupted || got.Deployed != 1 || got.Waiting != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := g.ResumeBulkDeploy(t.Context(), by, g.project, id); err != nil {
		t.Fatal(err)
	}
	if got := g.ended(t, id); got.State != models.BulkDone || got.Deployed != 2 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"DEPLOYED PROXY p0 1 ", "DEPLOYED PROXY_GROUP Shop 2 "}, g.results(t, id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCancellingABulkDeployEndsItBeforeItsNextOwner(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, "p0"), g.global)
	// Somebody else's deploy holds the environment, so that the first owner waits.
	conn := connect(t, g.url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select * from environments for no key update"); err != nil {
		t.Fatal(err)
	}
	id := g.startBulk(t, g.choice(models.BulkAll, engine.KindProxy, engine.KindProxyGroup))
	if err := g.CancelBulkDeploy(t.Context(), models.Actor{Name: "otto"}, g.project, id); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := g.ended(t, id)
	if got.State != models.BulkCancelled || got.CancelledBy != "otto" || got.Waiting == 0 {
		t.Errorf("got %+v", got)
	}
}

func TestWhileAnotherBulkDeployRunsADeployGetsItsTurn(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	for i := range 20 {
		modelstest.Bind(t, g.Store, modelstest.Proxy(t, g.Store, g.project, fmt.Sprint("p", i)), g.global)
	}
	id := g.startBulk(t, g.choice(models.BulkAll, engine.KindProxy))
	if _, err := g.Deploy(t.Context(), by, g.project, g.orders.ID, "production", ""); err != nil {
		t.Fatal(err)
	}
	got, err := g.BulkDeploy(t.Context(), g.project, id)
	if err != nil || got.Waiting == 0 {
		t.Errorf("the deploy waited for all of it: %+v, %v", got, err)
	}
	g.ended(t, id)
}

func TestALocalPolicyCannotBeDeployedInBulk(t *testing.T) {
	t.Parallel()
	g := newGroups(t)
	b, err := g.AddBinding(t.Context(), by, g.project, g.orders.ID, g.orders.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: jwt("Own")})
	if err != nil {
		t.Fatal(err)
	}
	c := g.choice(models.BulkAll, engine.KindProxy)
	c.Subject.ID = b.Policy.ID
	_, err = g.StartBulkDeploy(t.Context(), by, g.project, c, "")
	wantNotFound(t, err)
}

// ATTACK: somebody looks at a policy and takes it live; while the first API waits for
// another deploy the policy is changed. What nobody has looked at must not go live.
func TestAttackABulkDeployTakesOnlyLiveWhatWasSeen(t *testing.T) {
	t.Parallel()
	for name, about := range map[string]struct {
		choice func(g *groups) models.BulkChoice
		change func(t *testing.T, g *groups)
	}{
		"a policy": {
			func(g *groups) models.BulkChoice { return g.choice(models.BulkAll, engine.KindProxy) },
			func(t *testing.T, g *groups) {
				c := jwt("Company")
				c.Description = "changed"
				if _, err := g.SavePolicy(t.Context(), by, g.project, g.global.ID, g.global.Version, c); err != nil {
					t.Fatal(err)
				}
			},
		},
		"a policy group": {
			func(g *groups) models.BulkChoice {
				c := g.choice(models.BulkAll, engine.KindProxyGroup)
				c.Subject = models.BulkSubject{Kind: engine.KindPolicyGroup, ID: g.standard.ID}
				return c
			},
			func(t *testing.T, g *groups) {
				o := modelstest.Reload(t, g.Store, g.standard)
				o.Description = "changed"
				g.policyGroup(t, o)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroups(t)
			modelstest.Bind(t, g.Store, g.orders, g.global)
			conn := connect(t, g.url)
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "update environments set generation = generation + 1"); err != nil {
				t.Fatal(err)
			}
			id, err := g.StartBulkDeploy(t.Context(), by, g.project, about.choice(&g), "", func(...int) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			other := connect(t, g.url)
			for scalar[int](t, other, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			about.change(t, &g)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := g.ended(t, id); got.Deployed != 0 || got.Failed != 1 || !strings.Contains(g.results(t, id)[0], "was changed after the bulk deploy began") {
				t.Errorf("%+v, %q", got, g.results(t, id))
			}
			if n := scalar[int](t, other, "select count(*) from revisions"); n != 0 {
				t.Errorf("%d revisions were made", n)
			}
			// Who goes on with it takes the policy as it is.
			if err := g.ResumeBulkDeploy(t.Context(), by, g.project, id); err != nil {
				t.Fatal(err)
			}
			if got := g.ended(t, id); got.Deployed != 1 {
				t.Errorf("%+v, %q", got, g.results(t, id))
			}
			_, err = g.StartBulkDeploy(t.Context(), by, g.project, about.choice(&g), "", func(versions ...int) error {
				if len(versions) == 0 || versions[0] < 2 {
					t.Errorf("asked for the versions %v", versions)
				}
				return errNotSeen
			})
			if !errors.Is(err, errNotSeen) || scalar[int](t, other, "select count(*) from bulk_deploys") != 1 {
				t.Errorf("not what was seen, and %v", err)
			}
		})
	}
}
