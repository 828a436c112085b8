package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// knowing is a cause that explains itself.
type knowing struct{ fault.Explanation }

func (knowing) Error() string                { return "a reason" }
func (k knowing) Explain() fault.Explanation { return k.Explanation }

// refuse records a call of ada's that was refused.
func refuse(t *testing.T, site *handlerstest.Site, changes ...func(*event.Access)) {
	t.Helper()
	a := event.Access{
		Time: site.Clock.Now().Add(-time.Minute), Environment: "production", Project: "Default", Proxy: "orders", Endpoint: "GET /orders/{id}", Policy: "standard",
		Method: "GET", Path: "/orders/7", Client: netip.MustParseAddr("192.0.2.7"), Subject: "ada", Status: 403, Fault: fault.RoleMissing,
		Reason: "a reason", CorrelationID: "call-1",
	}
	for _, change := range changes {
		change(&a)
	}
	if err := site.Store.AddRefusals(t.Context(), []event.Access{a}); err != nil {
		t.Fatal(err)
	}
}

func TestARefusedCallIsExplainedByItsCorrelationID(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	policy := modelstest.Policy(t, site.Store, site.Project.ID, "standard")
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), policy)
	credential(t, site, "ada")
	refuse(t, site, func(a *event.Access) {
		a.Cause = knowing{fault.Explanation{Why: "The policy needs the role ops; the caller has clerk.", Fix: "Give it the role under Credentials, or look at the Keys page."}}
	})
	v := site.SignIn(t, handlerstest.Auditor)
	for _, typed := range []string{"call-1", "  call-1 ", `"call-1"`, "X-Correlation-Id: call-1", `"x-correlation-id": "call-1",`} {
		page := v.Get(t, link.Refused(typed))
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		found := page.One(t, ".Refusal")
		for _, want := range []string{
			"You have not the role that this call needs", "403", "ERR-104", "GET /orders/7", "of ada", "from 192.0.2.7", "to the API orders", "in production",
			"the policy standard refused it", "The policy needs the role ops; the caller has clerk.", "Give it the role under Credentials", "a reason", "GET /orders/{id}",
		} {
			wantText(t, found, want)
		}
		want := []string{
			link.Credentials("Default"), link.Keys("production"), link.Credential("Default", "ada"), link.Proxy("Default", "orders").Page(),
			link.Policy("Default", "policy-auth-jwt", "standard"),
		}
		var got []string
		for _, a := range found.All("a") {
			got = append(got, a.Attr("href"))
			wantStatus(t, v.Get(t, a.Attr("href")), http.StatusOK)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", typed, diff)
		}
	}
}

func TestARefusedCallThroughAGroupLeadsToBoth(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	ctx, s, id := t.Context(), site.Store, site.Project.ID
	proxy := modelstest.Proxy(t, s, id, "orders")
	group, _, err := s.SaveProxyGroup(ctx, modelstest.By(), id, models.Owner{Name: "shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: proxy.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Bind(t, s, group, modelstest.Policy(t, s, id, "standard"))
	refuse(t, site, func(a *event.Access) { a.Group = "shop" })
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Refused("call-1"))
	htmlcheck.Sound(t, page.Node)
	found := page.One(t, ".Refusal")
	wantText(t, found, "through the API proxy group shop")
	for _, href := range []string{link.OwnerOf("Default", engine.KindProxyGroup, "shop").Page(), link.Proxy("Default", "orders").Page(), link.Policy("Default", "policy-auth-jwt", "standard")} {
		if !found.Has(`a[href="` + href + `"]`) {
			t.Errorf("it does not lead to %s", href)
		}
	}
	list := v.Get(t, link.Refusals+"?proxy=SHO")
	wantText(t, list.One(t, "table"), "through shop")
}

func TestWhatIsGoneIsNamedAndNotLinked(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	refuse(t, site, func(a *event.Access) { a.Environment, a.Project = "gone", "Gone" })
	refuse(t, site, func(a *event.Access) { a.CorrelationID = "call-2" })
	v := site.SignIn(t, handlerstest.Auditor)
	for _, id := range []string{"call-1", "call-2"} {
		found := v.Get(t, link.Refused(id)).One(t, ".Refusal")
		wantText(t, found, "to the API orders")
		for _, a := range found.All("a") {
			wantStatus(t, v.Get(t, a.Attr("href")), http.StatusOK)
		}
	}
}

func TestATokenRequestIsExplainedByItsRowAndReason(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	credential(t, site, "bob")
	logged(t, site, refusal, func(e *event.Token) { e.Fault, e.Reason = fault.CredentialSecret, "the password is wrong" })
	logged(t, site, refusal, func(e *event.Token) { e.CorrelationID, e.Reason = "corr-3", "the database was away" })
	logged(t, site)
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Refused("corr-2"))
	htmlcheck.Sound(t, page.Node)
	found := page.One(t, ".Refusal")
	for _, want := range []string{
		"The token request of bob from 192.0.2.7 to the API orders", "The credential exists, but the password is wrong.", "make a new one on the credential's page",
		"ERR-123", "invalid_grant", "the policy standard refused it",
	} {
		wantText(t, found, want)
	}
	if found.Has("a[href='"+link.Credential("Default", "bob")+"']") == false || !found.Has("a[href^='/token-requests/']") {
		t.Error("neither the credential nor the request is linked")
	}
	wantText(t, v.Get(t, link.Refused("corr-3")).One(t, ".Refusal"), "The database was away.")
	wantText(t, v.Get(t, link.Refused("corr-1")).One(t, ".Refusal"), "This token request was not refused.")

	// The request's own page leads here, if it was refused.
	var pages []string
	for _, a := range v.Get(t, link.TokenRequests).All("tbody th a") {
		pages = append(pages, fmt.Sprint(v.Get(t, a.Attr("href")).Has("a[href^='"+link.Refusals+"?id=']")))
	}
	slices.Sort(pages)
	if got := strings.Join(pages, " "); got != "false true true" {
		t.Errorf("pages that lead to an explanation: %s", got)
	}
}

func TestNothingFoundSaysWhatThatCanMean(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Refused("no-such-id"))
	wantStatus(t, page, http.StatusOK)
	htmlcheck.Sound(t, page.Node)
	for _, want := range []string{"Nothing is recorded under no-such-id", "typo", "API itself refused it", "for 7 days, token requests for 30 days", "flood"} {
		wantText(t, page.One(t, "#answer"), want)
	}
	if got := page.One(t, "#lookup-id").Attr("value"); got != "no-such-id" {
		t.Errorf("what was typed is %q now", got)
	}
}

func TestAnIDOfManyCallsShowsTheNewest(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for i := range 8 {
		refuse(t, site, func(a *event.Access) { a.Path = fmt.Sprint("/orders/", i) })
	}
	page := site.SignIn(t, handlerstest.Auditor).Get(t, link.Refused("call-1"))
	htmlcheck.Sound(t, page.Node)
	if n := len(page.All(".Refusal")); n != 5 {
		t.Errorf("%d are explained", n)
	}
	wantText(t, page.All(".Refusal")[0], "/orders/7")
	wantText(t, page.One(t, "#answer"), "There is more with this id")
}

// ATTACK: who is refused writes into the operator's page.
func TestHostileRefusalsAreInert(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	const script = `<script>alert(1)</script>"'><img src=x onerror=alert(1)> javascript:alert(1)`
	refuse(t, site, func(a *event.Access) {
		a.Environment, a.Project, a.Proxy, a.Endpoint, a.Policy, a.Method, a.Path, a.Subject, a.Reason = script, script, script, script, script, script, "javascript:alert(1)", script, script
		a.CorrelationID = script
		a.Cause = knowing{fault.Explanation{Why: script, Fix: script + " Audit"}}
	})
	v := site.SignIn(t, handlerstest.Auditor)
	for _, path := range []string{link.Refusals, link.Refused(script), link.Refused(`"><script>alert(2)</script>`), link.Refusals + "?" + url.Values{"proxy": {script}, "environment": {script}}.Encode()} {
		page := v.Get(t, path)
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		if page.Has("main script, main img, main [onerror]") {
			t.Errorf("%s runs what a caller sent", path)
		}
	}
}

func TestTheListOfRefusalsIsNarrowedAndPaged(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for i := range 60 {
		refuse(t, site, func(a *event.Access) {
			a.CorrelationID = fmt.Sprint("id-", i)
			if i == 0 {
				a.Proxy, a.Fault, a.Status, a.Client, a.Environment = "pay", fault.TokenNotValid, 401, netip.MustParseAddr("198.51.100.1"), "test"
			}
		})
	}
	v := site.SignIn(t, handlerstest.Auditor)
	for query, want := range map[string]int{
		"": 25, "proxy=PAY": 1, "code=ERR-044": 1, "code=ERR-104": 25, "address=198.51.100.0%2F24": 1, "environment=test": 1, "environment=test&code=ERR-104": 0, "code=ERR-002": 0,
	} {
		page := v.Get(t, link.Refusals+"?"+query)
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		if n := len(page.All("main tbody tr")); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
	}
	for _, query := range []string{"code=ERR-999", "address=here"} {
		page := v.Get(t, link.Refusals+"?id=id-0&"+query)
		wantStatus(t, page, http.StatusUnprocessableEntity)
		if !page.Has("[role=alert]") || !page.Has(".Refusal") {
			t.Errorf("%s is not explained, or hides the answer", query)
		}
	}
	page, seen := v.Get(t, link.Refusals), 0
	for rel := ""; ; rel = "next" {
		if rel != "" {
			next := page.All(".Pager a[rel=next]")
			if len(next) == 0 {
				break
			}
			page = v.Get(t, next[0].Attr("href"))
		}
		seen += len(page.All("main tbody tr"))
	}
	if seen != 60 {
		t.Errorf("paged through %d", seen)
	}
	wantText(t, v.Get(t, page.All("tbody th a")[0].Attr("href")).One(t, ".Refusal"), "GET /orders/7")
}

func TestThePaletteOffersToExplainWhatLooksLikeAnID(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	for typed, want := range map[string]bool{
		"53c9f38601a5f2d852b294bb7a25939a": true, "0196c2f4-7b1e-7c55-9a54-2f6b8e0d4a11": true, "X-Correlation-Id: 53c9f38601a5f2d852b294bb7a25939a": true,
		"orders": false, "orders-partner-jwt-policy": false, "12345": false, "a b 1234567890123456": false, strings.Repeat("1", 65): false, "": false,
	} {
		var places []struct{ Label, Href string }
		if err := json.Unmarshal([]byte(v.Get(t, "/palette?q="+url.QueryEscape(typed)).Body), &places); err != nil {
			t.Fatal(err)
		}
		offered := false
		for _, p := range places {
			offered = offered || strings.HasPrefix(p.Href, link.Refusals+"?id=")
		}
		if offered != want {
			t.Errorf("%q: offered %v, want %v", typed, offered, want)
		}
	}
}

func TestRefusalsAreForThoseWhoMayAudit(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	page := site.Visitor(t).Get(t, link.Refused("call-1"))
	if page.Status != http.StatusSeeOther || !strings.HasPrefix(page.Location(), "/sign-in") {
		t.Errorf("status %d to %q", page.Status, page.Location())
	}
	for _, who := range []string{handlerstest.Administrator, handlerstest.Auditor} {
		v := site.SignIn(t, who)
		wantStatus(t, v.Get(t, link.Refusals), http.StatusOK)
		if !v.Get(t, link.Refusals).Has(".Side a[href='" + link.Refusals + "'][aria-current=page]") {
			t.Error("the menu does not lead here")
		}
	}
}
