package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

var (
	deployOrders   = link.Proxy("Default", "orders").Deploy("production")
	undeployOrders = link.Proxy("Default", "orders").Undeploy("production")
)

// node reports that it runs whatever generation comes.
func node(t *testing.T, site *handlerstest.Site, r models.NodeReport) {
	t.Helper()
	r.Environment, r.Version = "production", "test"
	if r.Generation == 0 {
		r.Generation = 1 << 40
	}
	if err := site.Store.ReportNode(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}

func TestDeployAsksAndSaysWhatWillHappen(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)

	t.Run("without a policy it warns that anyone can call", func(t *testing.T) {
		ask := w.v.Get(t, deployOrders)
		mustContain(t, ask.One(t, "form.Confirm").Text(), "Deploy orders to production?", "Revision 1 goes live", "http://production.test/orders", "No active policy", "Anyone can call this API")
	})
	t.Run("a policy of one endpoint guards only that", func(t *testing.T) {
		w.add(t, "partial", w.proxy.Endpoints[0].ID)
		mustContain(t, w.v.Get(t, deployOrders).One(t, "form.Confirm").Text(), "Anyone can call", "1 active policy: partial (request lane of GET /pets/{id})")
	})
	t.Run("with a policy for all it does not warn", func(t *testing.T) {
		modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
		text := w.v.Get(t, deployOrders).One(t, "form.Confirm").Text()
		mustContain(t, text, "2 active policies")
		if strings.Contains(text, "Anyone can call") {
			t.Error("it warns all the same")
		}
	})
	t.Run("a passive policy does not count", func(t *testing.T) {
		if _, err := w.site.Store.SetPolicyActive(context.Background(), modelstest.By(), w.site.Project.ID, w.global.ID, w.global.Version, false); err != nil {
			t.Fatal(err)
		}
		mustContain(t, w.v.Get(t, deployOrders).One(t, "form.Confirm").Text(), "Anyone can call", "1 passive policy is skipped")
	})
	t.Run("an environment that does not exist is not found", func(t *testing.T) {
		mustStatus(t, w.v.Get(t, link.Proxy("Default", "orders").Deploy("moon")), http.StatusNotFound)
	})
}

func TestDeployShowsWhatEachNodeDid(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	node(t, w.site, models.NodeReport{Node: "gw-1", OK: true})
	node(t, w.site, models.NodeReport{Node: "gw-2", Message: "orders: no key for ES256."})

	outcome := w.v.Submit(t, w.v.Get(t, deployOrders), "form.Confirm", url.Values{"note": {"first <i>"}})

	mustStatus(t, outcome, http.StatusOK)
	mustContain(t, outcome.One(t, "main").Text(), "Revision 1 of orders was deployed to production", "Taken over by 1 of 2 gateway nodes", "Live", "first <i>", "http://production.test/orders")
	var got []string
	for _, row := range outcome.All(".Results-row") {
		got = append(got, row.One(t, ".Results-state").Text()+" "+row.One(t, ".Results-name").Text())
	}
	if diff := cmp.Diff([]string{"Succeeded gw-1 production", "Failed gw-2 production"}, got); diff != "" {
		t.Error(diff)
	}
	results := outcome.One(t, ".Results").Text()
	mustContain(t, results, "no key for ES256", "It keeps running what it ran before")
	if n := len(regexp.MustCompile(`[0-9] m?s\b`).FindAllString(results, -1)); n != 2 {
		t.Errorf("%d nodes say how long they took, want 2: %s", n, results)
	}
	if d := w.reload(t).Deployments[0]; d.State != models.Live || d.Note != "first <i>" {
		t.Errorf("deployed as %+v", d)
	}
}

func TestDeployWithoutNodesSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	outcome := w.v.Submit(t, w.v.Get(t, deployOrders), "form.Confirm", nil)
	mustContain(t, outcome.One(t, "main").Text(), "No gateway node serves production right now", "The change is stored.")
}

func TestDeployRefusesWhatChangedSinceItWasAsked(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	ask := w.v.Get(t, deployOrders)
	w.add(t, "sneaked-in", "")

	again := w.v.Submit(t, ask, "form.Confirm", url.Values{"note": {"mine"}})

	mustStatus(t, again, http.StatusConflict)
	mustContain(t, again.One(t, "form.Confirm").Text(), "has changed since this was asked", "sneaked-in", "mine")
	if d := w.reload(t).Deployments[0]; d.State != models.NotDeployed {
		t.Errorf("it was deployed: %+v", d)
	}
	mustStatus(t, w.v.Submit(t, again, "form.Confirm", nil), http.StatusOK)
}

func TestDeployThatDoesNotCompileChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	rival := modelstest.Proxy(t, w.site.Store, w.site.Project.ID, "rival", func(p *models.Owner) { p.Route.BasePath = "/moving" })
	modelstest.Deploy(t, w.site.Store, rival, "production")
	rival.Route.BasePath = "/elsewhere"
	ctx := context.Background()
	if _, _, err := w.site.Store.SaveProxy(ctx, modelstest.By(), w.site.Project.ID, rival); err != nil {
		t.Fatal(err)
	}
	w.proxy.Route.BasePath = "/moving" // free among drafts, still live in production
	if _, _, err := w.site.Store.SaveProxy(ctx, modelstest.By(), w.site.Project.ID, w.proxy); err != nil {
		t.Fatal(err)
	}

	refused := w.v.Submit(t, w.v.Get(t, deployOrders), "form.Confirm", nil)

	mustStatus(t, refused, http.StatusUnprocessableEntity)
	mustContain(t, refused.One(t, "main").Text(), "orders was not deployed to production", "No revision was made", "Nothing was changed", `"rival" still runs at /moving`)
	if d := w.reload(t).Deployments[0]; d.State != models.NotDeployed {
		t.Errorf("the state is %s", d.State)
	}
}

func TestNoteOfADeploy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for name, note := range map[string]string{"too long": strings.Repeat("ş", 1001), "with a control character": "a\x07b"} {
		t.Run(name+" is refused and kept", func(t *testing.T) {
			again := w.v.Submit(t, w.v.Get(t, deployOrders), "form.Confirm", url.Values{"note": {note}})
			mustStatus(t, again, http.StatusUnprocessableEntity)
			area := again.One(t, "[name=note]")
			if area.Attr("aria-invalid") != "true" || area.Text() != note {
				t.Errorf("the note came back as %s", area.HTML())
			}
		})
	}
	if got := w.reload(t).Deployments[0].State; got != models.NotDeployed {
		t.Errorf("the state is %s", got)
	}
}

func TestUndeployNeedsTheNameAndStopsTraffic(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	idle := w.v.Get(t, undeployOrders)
	mustStatus(t, idle, http.StatusSeeOther)
	mustContain(t, w.v.Follow(t, idle).One(t, "[data-toasts]").Text(), "orders does not run in production")
	modelstest.Deploy(t, w.site.Store, w.proxy, "production")
	node(t, w.site, models.NodeReport{Node: "gw-1", OK: true})

	ask := w.v.Get(t, undeployOrders)
	mustContain(t, ask.One(t, "form.Confirm").Text(), "Revision 1 stops serving", "http://production.test/orders", "404")
	mustStatus(t, w.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"Orders"}}), http.StatusUnprocessableEntity)
	if got := w.reload(t).Deployments[0].State; got != models.Live {
		t.Fatalf("a wrong name undeployed it: %s", got)
	}
	outcome := w.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"orders"}})
	mustStatus(t, outcome, http.StatusOK)
	mustContain(t, outcome.One(t, "main").Text(), "orders was undeployed from production", "Not deployed", "gw-1")
	if got := w.reload(t).Deployments[0].State; got != models.Undeployed {
		t.Errorf("the state is %s", got)
	}
	mustContain(t, w.v.Get(t, link.Proxy("Default", "orders").Page()).One(t, "main").Text(), "Undeployed", "by ada")
	mustStatus(t, w.v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"orders"}}), http.StatusSeeOther) // pressed twice
}

func TestDeployPopoverShowsEveryEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	modelstest.Environment(t, w.site.Store, "staging")
	modelstest.Deploy(t, w.site.Store, w.proxy, "staging")
	rows := w.develop(t, "").All("#deploy-menu li")
	var got []string
	for _, r := range rows {
		var acts []string
		for _, a := range r.All("a") {
			acts = append(acts, a.Attr("aria-label"))
		}
		got = append(got, r.One(t, ".Deploys-name").Text()+": "+r.One(t, ".Deploys-state").Text()+": "+strings.Join(acts, ", "))
	}
	want := []string{"production: Not deployed: Deploy to production", "staging: Live r1: Redeploy to staging, Undeploy from staging"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRevisionIsPinnedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	node(t, w.site, models.NodeReport{Node: "n1", OK: true})
	at := link.Proxy("Default", "orders")
	for i, pin := range []string{"true", "", ""} {
		ask := w.v.Get(t, deployOrders)
		wantStatus(t, w.v.Submit(t, ask, "form.Confirm", url.Values{"note": {fmt.Sprintf("number %d", i+1)}, "pin": {pin}}), http.StatusOK)
	}
	wantStatus(t, w.v.Get(t, at.DeleteRevision(2)), http.StatusOK)
	history := w.v.Get(t, at.History())
	mustContain(t, history.All("tbody tr")[2].Text(), "number 1", "Pinned", "Take the pin off")
	for number, title := range map[int]string{1: "a pinned one", 3: "the one that runs"} {
		wantStatus(t, w.v.Post(t, at.DeleteRevision(number), nil), http.StatusSeeOther)
		if got, err := w.site.Store.Revision(t.Context(), w.proxy.ID, number); err != nil || got.Number != number {
			t.Errorf("%s was deleted: %v", title, err)
		}
	}
	wantStatus(t, w.v.Post(t, at.DeleteRevision(2), nil), http.StatusSeeOther)
	wantStatus(t, w.v.Get(t, at.DeleteRevision(2)), http.StatusNotFound)
	wantStatus(t, w.v.Post(t, at.Pin(1), url.Values{"pinned": {"perhaps"}}), http.StatusUnprocessableEntity)
	wantStatus(t, w.v.Post(t, at.Pin(1), url.Values{"pinned": {"false"}}), http.StatusSeeOther)
	if got, err := w.site.Store.Revision(t.Context(), w.proxy.ID, 1); err != nil || got.Pinned {
		t.Errorf("still pinned: %v, %v", got.Pinned, err)
	}
}
