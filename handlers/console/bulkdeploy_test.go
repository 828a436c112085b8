package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// changed saves another version of the policy that grouped makes.
func changed(t *testing.T, site *handlerstest.Site, p models.Policy) {
	t.Helper()
	c := modelstest.JWT("standard")
	c.LeewaySeconds = 9
	if _, err := site.Store.SavePolicy(t.Context(), modelstest.By(), site.Project.ID, p.ID, p.Version, c); err != nil {
		t.Fatal(err)
	}
}

func TestBulkDeployIsChosenWatchedAndEnds(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := grouped(t, site)
	changed(t, site, p)
	v := site.SignIn(t, handlerstest.Administrator)
	address := link.NewBulkDeploy("Default", jwt, "standard")
	form := v.Get(t, address)
	wantStatus(t, form, http.StatusOK)
	htmlcheck.Sound(t, form.Node)
	wantText(t, form.One(t, "#bulk-count"), "1 deploy to production, one after the other.")
	wantText(t, form.One(t, "#bulk-effect tbody"), "orders API proxy Redeploy required Compare")
	wantText(t, form.One(t, "#bulk-effect .Button--primary"), "Deploy 1 proxy or group")
	for query, want := range map[string]string{
		"&filter=ALL&kinds=PROXY&kinds=PROXY_GROUP": "2 deploys to production, one after the other.",
		"&filter=ALL":                               "Nothing is chosen.",
		"&filter=LIVE&kinds=PROXY":                  "None of them is in this state in production.",
		"&filter=REDEPLOY&kinds=PROXY_GROUP&note=x": "None of them is in this state in production.",
	} {
		page := v.Get(t, address+query)
		wantStatus(t, page, http.StatusOK)
		wantText(t, page.One(t, "#bulk-count"), want)
		if button := page.One(t, "#bulk-effect .Button--primary"); button.HasAttr("disabled") == strings.HasPrefix(want, "2") {
			t.Errorf("%s: disabled %v", query, button.HasAttr("disabled"))
		}
	}
	started := v.Submit(t, form, "#bulk-form", url.Values{"note": {"Friday"}})
	wantStatus(t, started, http.StatusSeeOther)
	run := v.Follow(t, started)
	for deadline := time.Now().Add(20 * time.Second); len(run.All("#bulk-progress")) > 0 && time.Now().Before(deadline); run = v.Follow(t, started) {
		htmlcheck.Sound(t, run.Node)
	}
	wantStatus(t, run, http.StatusOK)
	htmlcheck.Sound(t, run.Node)
	wantText(t, run.One(t, "h1"), "standard was deployed to production")
	wantText(t, run.One(t, "main"), "1 owner was deployed.")
	wantText(t, run.One(t, "main"), "Friday")
	if got := run.All("section tbody tr"); len(got) == 0 || !strings.HasPrefix(got[len(got)-1].Text(), "orders API proxy Succeeded Revision 2") {
		t.Errorf("results: %v", got)
	}
	// What asks for the progress is told to load the page.
	asking := v.HTMX()
	asking.Header.Set("HX-Target", "bulk-progress")
	if got := asking.Get(t, started.Location()); got.Header.Get("HX-Refresh") != "true" {
		t.Errorf("status %d, HX-Refresh %q", got.Status, got.Header.Get("HX-Refresh"))
	}
	wantText(t, v.Get(t, link.BulkDeploys("Default")).One(t, "tbody"), "standard Friday production Succeeded 1 owner was deployed.")
	auditor := site.SignIn(t, handlerstest.Auditor)
	wantStatus(t, auditor.Get(t, started.Location()), http.StatusOK)
	for _, refused := range []string{"/cancel", "/resume"} {
		wantStatus(t, auditor.Post(t, started.Location()+refused, nil), http.StatusForbidden)
		wantStatus(t, v.Post(t, started.Location()+refused, nil), http.StatusSeeOther)
	}
	wantStatus(t, auditor.Get(t, address), http.StatusForbidden)
	wantStatus(t, auditor.Post(t, link.BulkDeploys("Default"), url.Values{}), http.StatusForbidden)
}

func TestBulkDeployRefusesWithNothingTypedLost(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewBulkDeploy("Default", jwt, "standard"))
	for name, tt := range map[string]struct {
		changes url.Values
		field   string
	}{
		"nothing chosen":              {url.Values{"kinds": nil, "filter": {"ALL"}, "note": {"mine"}}, "kinds"},
		"a filter that is none":       {url.Values{"filter": {"SOME"}, "note": {"mine"}}, "filter"},
		"a description that is long":  {url.Values{"filter": {"ALL"}, "note": {"mine" + strings.Repeat("x", 1001)}}, "note"},
		"an environment that is gone": {url.Values{"filter": {"ALL"}, "environment": {"gone"}, "note": {"mine"}}, "environment"},
		"nothing to deploy":           {url.Values{"filter": {"REDEPLOY"}, "kinds": {"PROXY_GROUP"}, "note": {"mine"}}, ""},
	} {
		page := v.Submit(t, form, "#bulk-form", tt.changes)
		wantStatus(t, page, http.StatusUnprocessableEntity)
		htmlcheck.Sound(t, page.Node)
		if got := page.One(t, "textarea[name=note]").Raw(); !strings.HasPrefix(got, "mine") {
			t.Errorf("%s: the note became %q", name, got)
		}
		if tt.field != "" && len(page.All(`.Problems a[href="#f-`+tt.field+`"]`)) != 1 {
			t.Errorf("%s: no problem of %s", name, tt.field)
		}
	}
	wantStatus(t, v.Get(t, link.NewBulkDeploy("Default", jwt, "nobody")), http.StatusNotFound)
	wantStatus(t, v.Get(t, link.NewGroupBulkDeploy("Default", "nobody")), http.StatusNotFound)
	wantStatus(t, v.Get(t, link.BulkDeploy("Default", "x")), http.StatusNotFound)
}

func TestBulkDeployOfAPolicyGroupOffersTheGroupItself(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.NewGroupBulkDeploy("Default", "Baseline")+"&filter=ALL&kinds=PROXY&kinds=PROXY_GROUP&kinds=POLICY_GROUP")
	wantStatus(t, page, http.StatusOK)
	htmlcheck.Sound(t, page.Node)
	wantText(t, page.One(t, "#f-kinds"), "The policy group itself")
	var names []string
	for _, row := range page.All("#bulk-effect tbody tr") {
		names = append(names, row.Text())
	}
	// The group itself runs nowhere, so that it is not deployed.
	if diff := cmp.Diff([]string{"Shop API proxy group Not deployed First deploy"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
