package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// proxiesPath is the path of the proxies of a site's project.
var proxiesPath = link.Proxies("Default")

// proxyInput is a form that is right in every field.
func proxyInput(changes url.Values) url.Values {
	form := url.Values{"name": {"orders"}, "basePath": {"/orders"}, "upstreamUrl": {"http://127.0.0.1:9/v1"}}
	for name, values := range changes {
		form[name] = values
	}
	return form
}

// mustContain fails when one of the words is not in text.
func mustContain(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func mustStatus(t *testing.T, p handlerstest.Page, want int) {
	t.Helper()
	if p.Status != want {
		t.Fatalf("status %d, want %d:\n%s", p.Status, want, p.One(t, "body").Text())
	}
}

func TestProxyListShowsWhereEachProxyRuns(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "idle")
	live := modelstest.Proxy(t, site.Store, site.Project.ID, "live")
	modelstest.Deploy(t, site.Store, live, "production")
	stale := modelstest.Proxy(t, site.Store, site.Project.ID, "stale")
	modelstest.Deploy(t, site.Store, stale, "production")
	stale.Upstream.URL = "http://127.0.0.1:10"
	if _, _, err := site.Store.SaveProxy(context.Background(), modelstest.By(), site.Project.ID, stale); err != nil {
		t.Fatal(err)
	}

	v := site.SignIn(t, handlerstest.Administrator)
	narrowed := v.Get(t, proxiesPath+"?state=REDEPLOY_REQUIRED")
	if got := narrowed.Texts("[data-open]"); !cmp.Equal(got, []string{"stale"}) {
		t.Errorf("to be deployed again are %v", got)
	}
	mustContain(t, narrowed.One(t, ".Pager").Text(), "1 proxy in this state")
	mustContain(t, v.Get(t, link.KindProxyGroup.List("Default")+"?state=REDEPLOY_REQUIRED").One(t, "main").Text(), "Nothing has to be deployed again")
	page := v.Get(t, proxiesPath)

	mustStatus(t, page, http.StatusOK)
	var got []string
	for _, row := range page.All("tr[data-row]") {
		got = append(got, row.One(t, "[data-open]").Text()+" "+row.One(t, "[data-label='Base path']").Text()+" "+row.One(t, "[data-label=Deployments]").Text())
	}
	want := []string{"idle /idle Not deployed", "live /live Live r1", "stale /stale Redeploy required r1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProxyListKeepsSearchSortAndPageInTheAddress(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for i := range 52 {
		modelstest.Proxy(t, site.Store, site.Project.ID, fmt.Sprintf("api-%02d", i))
	}
	modelstest.Proxy(t, site.Store, site.Project.ID, "other")
	v := site.SignIn(t, handlerstest.Auditor)
	names := func(query string) []string { return v.Get(t, proxiesPath+query).Texts("[data-open]") }

	t.Run("the second page follows the first", func(t *testing.T) {
		if got := names("?q=api-&page=2"); !cmp.Equal(got, []string{"api-50", "api-51"}) {
			t.Errorf("page 2 is %v", got)
		}
		page := v.Get(t, proxiesPath+"?q=api-")
		next := page.One(t, ".Pager a[rel=next]").Attr("href")
		if got := v.Get(t, next).Texts("[data-open]"); len(got) != 2 {
			t.Errorf("the next page has %v", got)
		}
		mustContain(t, page.One(t, ".Pager").Text(), "1–50", "52")
	})
	t.Run("sorting by name turns round", func(t *testing.T) {
		if got := names("?order=desc"); got[0] != "other" {
			t.Errorf("first is %s, want other", got[0])
		}
	})
	t.Run("an unknown sort and a page that is no number mean the defaults", func(t *testing.T) {
		if got := names("?sort=client_secret_hash&page=x"); got[0] != "api-00" {
			t.Errorf("first is %s, want api-00", got[0])
		}
	})
	t.Run("a page past the last leads back", func(t *testing.T) {
		page := v.Get(t, proxiesPath+"?page=99")
		if got := v.Get(t, page.One(t, ".Pager a[rel=prev]").Attr("href")).Texts("[data-open]"); len(got) == 0 {
			t.Error("the previous page is empty too")
		}
	})
	t.Run("nothing found says so and leads back to all", func(t *testing.T) {
		page := v.Get(t, proxiesPath+"?q="+url.QueryEscape(`<script>x`))
		mustContain(t, page.One(t, ".EmptyState").Text(), `No proxy matches "<script>x"`)
		if page.Has("main script") {
			t.Error("the search became markup")
		}
		if got := page.One(t, ".EmptyState a").Attr("href"); got != proxiesPath {
			t.Errorf("clearing leads to %s", got)
		}
	})
}

func TestEmptyProxyListOffersTheFirstOne(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	page := site.SignIn(t, handlerstest.Administrator).Get(t, proxiesPath)
	var leads []string
	for _, a := range page.All(".EmptyState a") {
		leads = append(leads, a.Attr("href"))
	}
	if diff := cmp.Diff([]string{link.NewProxy("Default"), link.NewProxyDocument("Default")}, leads); diff != "" {
		t.Errorf("the empty list leads to:\n%s", diff)
	}
	if site.SignIn(t, handlerstest.Auditor).Get(t, proxiesPath).Has(".EmptyState a") {
		t.Error("the auditor is offered to create")
	}
}

func TestAuditorReadsProxiesAndChangesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	p = modelstest.Bind(t, site.Store, p, modelstest.Policy(t, site.Store, site.Project.ID, "standard"))
	modelstest.Deploy(t, site.Store, p, "production")
	v := site.SignIn(t, handlerstest.Auditor)
	own := link.Proxy("Default", "orders").Page()
	binding := link.Proxy("Default", "orders").Binding(p.Bindings[0].ID)

	for _, path := range []string{proxiesPath, own, own + "/develop", own + "/history", binding} {
		t.Run("sees no way to change anything at "+path, func(t *testing.T) {
			page := v.Get(t, path)
			mustStatus(t, page, http.StatusOK)
			for _, form := range page.All("main form[method=post]") {
				t.Errorf("there is a form to %s", form.Attr("action"))
			}
			for _, a := range page.All("main a") {
				href := a.Attr("href")
				for _, word := range []string{"/edit", "/delete", "/deploy/", "/undeploy/", "/secret", "/new", "/remove"} {
					if strings.Contains(href, word) {
						t.Errorf("there is a link to %s", href)
					}
				}
			}
		})
	}
	forbidden := map[string]string{
		link.NewProxy("Default"): "both", own + "/edit": "both", own + "/delete": "both", own + "/secret": "both",
		own + "/deploy/production": "both", own + "/undeploy/production": "both", own + "/bindings/new": "get",
		own + "/bindings": "post", own + "/bindings/order": "post", own + "/bindings/new/policy-auth-jwt": "both",
		binding + "/edit": "both", binding + "/status": "post", binding + "/remove": "both",
		link.CheckBasePath("Default"): "get", link.CheckProxyName("Default"): "get",
	}
	for path, how := range forbidden {
		t.Run("is forbidden "+path, func(t *testing.T) {
			if how != "post" {
				mustStatus(t, v.Get(t, path), http.StatusForbidden)
			}
			if how != "get" {
				mustStatus(t, v.Post(t, path, url.Values{"confirm": {"orders"}, "version": {"2"}, "ownerId": {p.ID}}), http.StatusForbidden)
			}
		})
	}
	if now := modelstest.Reload(t, site.Store, p); now.Version != p.Version || now.Deployments[0].State != models.Live {
		t.Errorf("the proxy is at version %d, %s", now.Version, now.Deployments[0].State)
	}
}

func TestOverviewShowsRouteClientAndDeployments(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) {
		p.Route.Hosts, p.Route.Methods = []string{"api.example.com"}, []string{"GET", "POST"}
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{id}", Description: "One pet"}}
		p.Upstream.ConnectTimeout = 250
	})
	modelstest.Deploy(t, site.Store, p, "production")
	page := site.SignIn(t, handlerstest.Administrator).Get(t, link.Proxy("Default", "orders").Page())

	text := page.One(t, "main").Text()
	mustContain(t, text, "Live", "r1", "by tester", "/orders", "api.example.com", "GET", "POST", "250 ms", "60000 ms (default)", "/pets/{id}", "One pet")
	copies := []string{}
	for _, b := range page.All("main [data-copy]") {
		copies = append(copies, b.Attr("data-copy"))
	}
	for _, want := range []string{p.ClientID, "http://production.test/orders"} {
		if !slices.Contains(copies, want) {
			t.Errorf("%s cannot be copied, only %v", want, copies)
		}
	}
	if got := page.Texts(".Tabs [aria-current=page]"); !cmp.Equal(got, []string{"Overview"}) {
		t.Errorf("the tab is %v", got)
	}
}

func TestHistoryListsRevisionsAndMarksTheLiveOne(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Auditor)
	mustContain(t, v.Get(t, link.Proxy("Default", "orders").History()).One(t, "main").Text(), "Never deployed")
	for _, note := range []string{"first", "second <b>"} {
		if _, err := site.Store.Deploy(context.Background(), modelstest.By(), site.Project.ID, p.ID, "production", note); err != nil {
			t.Fatal(err)
		}
	}
	rows := v.Get(t, link.Proxy("Default", "orders").History()).All("tr[data-row]")
	if len(rows) != 2 {
		t.Fatalf("%d revisions are shown, want 2", len(rows))
	}
	mustContain(t, rows[0].Text(), "Revision 2", "production", "Live", "by tester", "second <b>")
	mustContain(t, rows[1].Text(), "Revision 1", "Replaced", "first")
}

func TestDeletingALiveProxyNeedsItsName(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	p = modelstest.Bind(t, site.Store, p, modelstest.Policy(t, site.Store, site.Project.ID, "standard"))
	modelstest.Deploy(t, site.Store, p, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, link.Proxy("Default", "orders").Delete())

	mustContain(t, ask.One(t, "form.Confirm").Text(), "It is live in production", "1 global policy is detached and kept", "Type orders to go on")
	for _, wrong := range []string{"", "order", "orders "} {
		again := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {wrong}})
		mustStatus(t, again, http.StatusUnprocessableEntity)
		if got := again.One(t, "[name=confirm]").Attr("value"); got != wrong {
			t.Errorf("typed %q came back as %q", wrong, got)
		}
	}
	modelstest.Reload(t, site.Store, p) // it is still there
	done := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"orders"}})
	mustStatus(t, done, http.StatusSeeOther)
	list := v.Follow(t, done)
	mustContain(t, list.One(t, "[data-toasts]").Text(), "orders was deleted.")
	mustStatus(t, v.Get(t, link.Proxy("Default", "orders").Page()), http.StatusNotFound)
}

func TestDeletingNeverTakesAnotherProxyOfTheSameName(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	old := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, link.Proxy("Default", "orders").Delete())
	if err := site.Store.DeleteOwner(context.Background(), modelstest.By(), site.Project.ID, old.ID, old.Version); err != nil {
		t.Fatal(err)
	}
	fresh := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")

	answer := v.Submit(t, ask, "form.Confirm", nil)

	mustStatus(t, answer, http.StatusConflict)
	modelstest.Reload(t, site.Store, fresh)
}

func TestDeletingAfterSomebodyElseSavedIsRefused(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, link.Proxy("Default", "orders").Delete())
	p.Description = "changed"
	if _, _, err := site.Store.SaveProxy(context.Background(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	answer := v.Submit(t, ask, "form.Confirm", nil)
	mustStatus(t, answer, http.StatusConflict)
	mustContain(t, answer.One(t, "main").Text(), "changed by tester")
}

func TestRotatingTheSecretShowsItOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	modelstest.Deploy(t, site.Store, p, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, link.Proxy("Default", "orders").Secret())
	mustContain(t, ask.One(t, "form.Confirm").Text(), "0 live access tokens of the present secret that the log knows of are worthless at once", "Every client has to be given the new one")
	mustStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"ORDERS"}}), http.StatusUnprocessableEntity)

	shown := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"orders"}})

	mustStatus(t, shown, http.StatusOK)
	if got := shown.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	mustContain(t, shown.One(t, "main").Text(), p.ClientID, "New client secret")
	fresh := copied(t, shown, "Copy the client secret")
	neverAgain(t, v, fresh)
	if now := modelstest.Reload(t, site.Store, p); now.ClientID != p.ClientID {
		t.Error("the client id changed")
	}
}

// copied is what the copy button of the given label copies.
func copied(t *testing.T, p handlerstest.Page, label string) string {
	t.Helper()
	return p.One(t, "[data-copy][aria-label='"+label+"']").Attr("data-copy")
}

// neverAgain asks for every page of the proxy orders and looks for the secret.
func neverAgain(t *testing.T, v *handlerstest.Visitor, secret string) {
	t.Helper()
	if len(secret) < 40 {
		t.Fatalf("the secret %q is too short to be one", secret)
	}
	own := link.Proxy("Default", "orders").Page()
	for _, path := range []string{
		proxiesPath, own, own + "/develop", own + "/history", own + "/edit", own + "/secret", own + "/delete",
		own + "/deploy/production", "/audit", "/palette?q=orders",
	} {
		if page := v.Get(t, path); strings.Contains(page.Body, secret) {
			t.Errorf("the secret is in %s", path)
		}
	}
}
