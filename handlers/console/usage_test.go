package console_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// grouped is a policy that orders has bound, and by a policy group the proxy group
// Shop of which orders is a member; orders is live and was called.
func grouped(t *testing.T, site *handlerstest.Site) models.Policy {
	t.Helper()
	p := modelstest.Policy(t, site.Store, site.Project.ID, "standard")
	orders := modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), p)
	group, _, err := site.Store.SavePolicyGroup(t.Context(), modelstest.By(), site.Project.ID, models.Owner{Name: "Baseline", Active: true, Pipeline: policy.Request})
	if err != nil {
		t.Fatal(err)
	}
	bound := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: p.ID}
	if _, err := site.Store.AddBinding(t.Context(), modelstest.By(), site.Project.ID, group.ID, group.Version, bound); err != nil {
		t.Fatal(err)
	}
	shop, _, err := site.Store.SaveProxyGroup(t.Context(), modelstest.By(), site.Project.ID, models.Owner{
		Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: orders.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	bound = models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: group.ID}
	if _, err := site.Store.AddBinding(t.Context(), modelstest.By(), site.Project.ID, shop.ID, shop.Version, bound); err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, site.Store, orders, "production")
	calls := []models.CallCount{{Hour: time.Now().Truncate(time.Hour), Environment: "production", Project: "Default", Proxy: "orders", Group: "Shop", Calls: 1234}}
	if err := site.Store.AddCalls(t.Context(), calls); err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsOf(page handlerstest.Page) (rows []string) {
	for _, row := range page.All("tbody tr") {
		rows = append(rows, row.Text())
	}
	return rows
}

func TestPolicyUsageReport(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.PolicyUsage("Default"))
	wantStatus(t, page, http.StatusOK)
	htmlcheck.Sound(t, page.Node)
	baseline := "standard JWT Authentication Global Baseline Policy group Wherever the group is bound Request 1 production Not deployed 0"
	orders := "standard JWT Authentication Global orders API proxy All endpoints Request 1 production Live revision 1 1,234 0"
	shop := "standard JWT Authentication Global Shop API proxy group All calls Request by Baseline 1.1 production Not deployed 1,234 0"
	if diff := cmp.Diff([]string{baseline, orders, shop}, rowsOf(page)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for query, want := range map[string][]string{
		"?kind=PROXY": {orders}, "?state=LIVE": {orders}, "?state=REDEPLOY_REQUIRED": nil, "?state=NOT_DEPLOYED&environment=production": {baseline, shop},
		"?reach=local": nil, "?status=passive": nil, "?q=shop": {shop}, "?owner=ORDERS": {orders}, "?group=Baseline": {shop}, "?policy=standard&type=policy-auth-jwt": {baseline, orders, shop},
		"?sort=owner&order=desc": {shop, orders, baseline}, "?sort=calls&order=desc": {orders, shop, baseline}, "?sort=calls": {baseline, orders, shop},
		"?sort=deployed&order=desc": {orders, baseline, shop}, "?sort=tokens": {baseline, orders, shop}, "?sort=scope": {baseline, orders, shop},
	} {
		page := v.Get(t, link.PolicyUsage("Default")+query)
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		if diff := cmp.Diff(want, rowsOf(page)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	chart := v.Get(t, link.PolicyUsage("Default")+"?view=chart")
	wantStatus(t, chart, http.StatusOK)
	htmlcheck.Sound(t, chart.Node)
	wantText(t, chart.One(t, ".Bars-list"), "standard 3 places")
	for _, wrong := range []string{"?state=GONE", "?kind=API", "?environment=nowhere", "?reach=all", "?status=on"} {
		page := v.Get(t, link.PolicyUsage("Default")+wrong)
		wantStatus(t, page, http.StatusUnprocessableEntity)
		htmlcheck.Sound(t, page.Node)
	}
	wantStatus(t, v.Get(t, link.PolicyUsage("Nowhere")), http.StatusNotFound)
}

func TestReportsOfGroups(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	v := site.SignIn(t, handlerstest.Auditor)
	for address, want := range map[string]string{
		link.ProxyGroupUsage("Default"):  "Shop 1 1 production Not deployed 1,234 0",
		link.PolicyGroupUsage("Default"): "Baseline 1 Request 1 production Not deployed 0",
	} {
		page := v.Get(t, address)
		wantStatus(t, page, http.StatusOK)
		htmlcheck.Sound(t, page.Node)
		if diff := cmp.Diff([]string{want}, rowsOf(page)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
		chart := v.Get(t, address+"?view=chart")
		htmlcheck.Sound(t, chart.Node)
		wantText(t, chart.One(t, ".Bars-list"), strings.Fields(want)[0])
		if got := rowsOf(v.Get(t, address+"?state=LIVE")); got != nil {
			t.Errorf("live: %q", got)
		}
		wantStatus(t, v.Get(t, address+"?state=x"), http.StatusUnprocessableEntity)
	}
}

// ATTACK: a name that a spreadsheet would run as a formula.
func TestUsageAsCSVIsWhatTheFilterLeavesAndHarmless(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	evil := modelstest.Policy(t, site.Store, site.Project.ID, "=cmd|x")
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "stock"), evil)
	v := site.SignIn(t, handlerstest.Auditor)
	report := v.Get(t, link.PolicyUsage("Default")+"?owner=stock")
	href := ""
	for _, a := range report.All(".Header-actions a") {
		if strings.Contains(a.Text(), "CSV") {
			href = a.Attr("href")
		}
	}
	for address, want := range map[string][][]string{
		href: {{"policy-auth-jwt", "'=cmd|x", "global", "true", "PROXY", "stock", "ALL", "", "REQUEST", "1", "", "", "production", "NOT_DEPLOYED", "", "0", "0", "false"}},
		link.PolicyUsage("Default") + ".csv?state=LIVE": {
			{"policy-auth-jwt", "standard", "global", "true", "PROXY", "orders", "ALL", "", "REQUEST", "1", "", "", "production", "LIVE", "1", "1234", "0", "false"},
		},
		link.PolicyUsage("Default") + ".csv?group=Baseline": {
			{"policy-auth-jwt", "standard", "global", "true", "PROXY_GROUP", "Shop", "ALL", "", "REQUEST", "1", "Baseline", "1", "production", "NOT_DEPLOYED", "", "1234", "0", "false"},
		},
		link.ProxyGroupUsage("Default") + ".csv":  {{"Shop", "", "1", "1", "production", "NOT_DEPLOYED", "", "1234", "0", "false"}},
		link.PolicyGroupUsage("Default") + ".csv": {{"Baseline", "", "1", "true", "false", "REQUEST", "0", "1", "production", "NOT_DEPLOYED", "", "", "0", "false"}},
	} {
		page := v.Get(t, address)
		wantStatus(t, page, http.StatusOK)
		rows, err := csv.NewReader(strings.NewReader(page.Body)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if diff := cmp.Diff(want, rows[1:]); diff != "" || len(rows[0]) != len(want[0]) {
			t.Errorf("%s: %d columns (-want +got):\n%s", address, len(rows[0]), diff)
		}
	}
	wantStatus(t, v.Get(t, link.PolicyUsage("Default")+".csv?state=x"), http.StatusUnprocessableEntity)
}

func TestThePageOfAPolicyTellsItsUsesApart(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	grouped(t, site)
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Policy("Default", jwt, "standard"))
	htmlcheck.Sound(t, page.Node)
	var tabs []string
	for _, a := range page.All("#usage .Tabs a") {
		tabs = append(tabs, a.Text())
		wantStatus(t, v.Get(t, a.Attr("href")), http.StatusOK)
	}
	if diff := cmp.Diff([]string{"API Proxies Using Policy 1", "API Proxy Groups 1", "Policy Groups 1"}, tabs); diff != "" {
		t.Errorf("tabs (-want +got):\n%s", diff)
	}
	groups := v.Get(t, link.Policy("Default", jwt, "standard")+"?uses=PROXY_GROUP")
	wantText(t, groups.One(t, "#usage tbody"), "Shop API proxy group All calls Request by Baseline 1.1")
}
