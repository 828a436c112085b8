package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

const groupForm = "#proxy-form"

var newGroup = link.KindProxyGroup.New("Default")

func memberNames(p handlerstest.Page) []string { return p.Texts(".SortList .Bound-name") }

func TestTheListOfProxyGroups(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	list := link.KindProxyGroup.List("Default")
	empty := w.v.Get(t, list)
	mustContain(t, empty.Text(), "No API proxy groups yet")
	if got := empty.One(t, ".EmptyState a").Attr("href"); got != newGroup {
		t.Errorf("the way to begin leads to %s", got)
	}
	auditor := w.site.SignIn(t, handlerstest.Auditor)
	if auditor.Get(t, list).Has("a[href='" + newGroup + "']") {
		t.Error("who may only look is offered to create one")
	}
	e := &estate{workshop: w}
	for i := range 51 {
		e.save(t, models.Owner{Kind: engine.KindProxyGroup, Name: fmt.Sprintf("g%02d", i), Route: engine.Route{BasePath: fmt.Sprintf("/g/%02d", 99-i)}, Members: []models.Member{{ID: w.proxy.ID}}})
	}
	first := w.v.Get(t, list)
	if got := first.Texts("[data-open]"); len(got) != 50 || got[0] != "g00" {
		t.Errorf("the first page begins with %v of %d", got[0], len(got))
	}
	mustContain(t, first.One(t, ".Pager").Text(), "1–50 of 51 proxy groups")
	if got := w.v.Get(t, list+"?page=2").Texts("[data-open]"); !cmp.Equal(got, []string{"g50"}) {
		t.Errorf("the second page: %v", got)
	}
	if got := w.v.Get(t, list+"?sort=basePath").Texts("[data-open]"); got[0] != "g50" {
		t.Errorf("by base path %s comes first", got[0])
	}
	g07, err := w.site.Store.Owner(t.Context(), w.site.Project.ID, engine.KindProxyGroup, "g07")
	if err != nil {
		t.Fatal(err)
	}
	e.bind(t, e.bind(t, g07, models.NewBinding{PolicyID: w.global.ID}), models.NewBinding{Local: modelstest.JWT("own")})
	row := w.v.Get(t, list+"?q=g07").One(t, "tr[data-row]")
	mustContain(t, row.Text(), "g07", "/g/92 1 2 Not deployed", "Assign proxies and policies", "Duplicate")
	mustContain(t, w.v.Get(t, list+"?q=<b>").Text(), `No proxy group matches "<b>"`)
}

func TestAProxyGroupIsWrittenWithoutJavaScript(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	form := e.page(t, newGroup)
	typed := url.Values{"name": {"Office"}, "basePath": {"/office"}, "description": {"kept"}}
	press := func(form handlerstest.Page, name, value string) handlerstest.Page {
		changes := url.Values{name: {value}}
		for k, v := range typed {
			changes[k] = v
		}
		page := e.v.Submit(t, form, groupForm, changes)
		mustStatus(t, page, http.StatusOK)
		return page
	}
	form = press(form, "addMember", e.stock.ID)
	form = press(form, "addMember", e.proxy.ID)
	form = press(form, "addMember", e.proxy.ID) // pressed twice
	if diff := cmp.Diff([]string{"stock", "orders"}, memberNames(form)); diff != "" {
		t.Error(diff)
	}
	if got := form.One(t, groupForm+" [name=description]").Text(); got != "kept" {
		t.Errorf("what was typed came back as %q", got)
	}
	form = press(form, "moveMember", "up:"+e.proxy.ID)
	if diff := cmp.Diff([]string{"orders", "stock"}, memberNames(form)); diff != "" {
		t.Error(diff)
	}
	form = press(form, "removeMember", e.stock.ID)
	typed.Set("memberSearch", "STO")
	form = press(form, "enter", "true") // Enter while there is something to look for
	if diff := cmp.Diff([]string{"stock"}, form.Texts("#members-found .Bound-name")); diff != "" {
		t.Error(diff)
	}
	typed.Set("memberSearch", "")
	made := e.v.Submit(t, form, groupForm, typed)
	mustStatus(t, made, http.StatusOK)
	mustContain(t, made.Text(), "Office was created", "Copy the client secret now", "Open the proxy group")
	office, err := e.site.Store.Owner(t.Context(), e.site.Project.ID, engine.KindProxyGroup, "Office")
	if err != nil || len(office.Members) != 1 || office.Members[0].Name != "orders" || office.Description != "kept" {
		t.Errorf("%+v %v", office, err)
	}
}

func TestEverythingWrongWithAProxyGroupIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	form := e.page(t, newGroup)
	bad := e.v.Submit(t, form, groupForm, url.Values{
		"name": {"orders"}, "basePath": {"/stock"}, "members": {e.stock.ID, "gone"}, "blockDirectAccess": {"true"}, "memberSearch": {"x"},
	})
	mustStatus(t, bad, http.StatusUnprocessableEntity)
	mustContain(t, bad.One(t, "[data-problems]").Text(), "another proxy or proxy group", "/stock is taken", "Members")
	if diff := cmp.Diff([]string{"stock", "A proxy that is gone"}, memberNames(bad)); diff != "" {
		t.Error(diff)
	}
	if !bad.One(t, groupForm+" [name=name]").HasAttr("autofocus") || !bad.One(t, groupForm+" [name=blockDirectAccess]").HasAttr("checked") {
		t.Error("the cursor is not in the first wrong field, or what was ticked is lost")
	}
	for field, path := range map[string]string{"name=orders": link.CheckProxyName("Default"), "basePath=/shop": link.CheckBasePath("Default")} {
		mustContain(t, e.page(t, path+"?"+field).Text(), "taken")
	}
}

func TestAProxyGroupThatSomebodyElseChangedIsShownOnBothSides(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	form := e.page(t, shop.Edit())
	if diff := cmp.Diff([]string{"orders", "stock"}, memberNames(form)); diff != "" {
		t.Error(diff)
	}
	theirs := e.shop
	theirs.Members = theirs.Members[:1]
	e.save(t, theirs)
	mine := url.Values{"members": {e.stock.ID, e.proxy.ID}, "blockDirectAccess": {"true"}}
	late := e.v.Submit(t, form, groupForm, mine)
	mustStatus(t, late, http.StatusConflict)
	mustContain(t, late.One(t, "[data-problems]").Text(), "Shop was changed by tester", "Members orders stock orders", "Block direct access to members Off On")
	saved := e.v.Submit(t, late, groupForm, nil)
	mustStatus(t, saved, http.StatusSeeOther)
	now := modelstest.Reload(t, e.site.Store, e.shop)
	if !now.BlockDirectAccess || len(now.Members) != 2 || now.Members[0].Name != "stock" {
		t.Errorf("%+v", now)
	}
}

func TestBlockingDirectAccessSaysWhomItShutsOut(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	mustContain(t, e.page(t, shop.Edit()).Text(), "No member is deployed by itself")
	modelstest.Environment(t, e.site.Store, "test")
	modelstest.Deploy(t, e.site.Store, e.stock, "production")
	modelstest.Deploy(t, e.site.Store, e.stock, "test")
	modelstest.Deploy(t, e.site.Store, e.reload(t), "test")
	mustContain(t, e.page(t, shop.Edit()).Text(), "Callers of 1 member in production (stock) and 2 members in test (orders, stock) at their own base paths get 403 (ERR-134) from the next deploy of this group there.")
	e.shop.BlockDirectAccess = true
	e.save(t, e.shop)
	mustContain(t, e.page(t, shop.Page()).Text(), "Blocked. Callers of 1 member in production")
}

func TestTheOverviewOfAProxyGroupSaysWhoAnswersWhat(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	rival := modelstest.Proxy(t, e.site.Store, e.site.Project.ID, "rival", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{other}"}, {Method: "GET", Path: "/own"}}
	})
	e.shop.Members = append(e.shop.Members, models.Member{ID: rival.ID})
	e.shop = e.save(t, e.shop)
	page := e.page(t, shop.Page())
	var lines []string
	for _, row := range page.All("table[data-table]")[2].All("tbody tr") {
		lines = append(lines, row.Text())
	}
	want := []string{
		"GET /shop/pets/{id} orders Yes", "POST /shop/pets orders Yes", "Every other path stock Yes",
		"GET /shop/pets/{other} rival orders answers before it", "GET /shop/own rival Yes",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	mustContain(t, page.Text(), "1 endpoint is not reached", e.shop.ClientID, "Rotate client secret", "http://production.test/shop")
	stock := e.page(t, link.Proxy("Default", "stock").Page())
	if got := stock.One(t, "a[href='"+shop.Page()+"']").Text(); got != "Shop" {
		t.Errorf("the proxy names its group %q", got)
	}
	modelstest.Deploy(t, e.site.Store, e.shop, "production")
	mustContain(t, e.page(t, link.Proxy("Default", "stock").Delete()).Text(), "It leaves the proxy group Shop, which goes on with it in production until a redeploy there")
}

func TestManyThingsAreAssignedToAGroupAtOnce(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	other := modelstest.Policy(t, e.site.Store, e.site.Project.ID, "other")
	early := e.save(t, models.Owner{Kind: engine.KindPolicyGroup, Name: "Early", Active: true, Pipeline: policy.Request})
	e.standard.Rank = 5
	e.standard = e.save(t, e.standard)
	for i := range 60 {
		modelstest.Proxy(t, e.site.Store, e.site.Project.ID, fmt.Sprintf("part-%02d", i))
	}
	modelstest.Deploy(t, e.site.Store, e.shop, "production")

	page := e.page(t, shop.Assign()+"?q=part")
	if got := len(page.All("[name=proxy]")); got != 50 {
		t.Errorf("%d proxies are listed", got)
	}
	mustContain(t, page.Text(), "10 more are found", "Select all 60")
	page = e.v.Submit(t, page, "#assign", url.Values{"do": {"all-proxies"}})
	mustStatus(t, page, http.StatusOK)
	page = e.v.Submit(t, page, "#assign", url.Values{"do": {"search"}, "q": {""}}) // the ticks outlive another search
	page = e.v.Submit(t, page, "#assign", url.Values{"do": {"preview"}, "policy": {other.ID}, "group": {early.ID, e.standard.ID}})
	mustStatus(t, page, http.StatusOK)
	mustContain(t, page.Text(), "60 API proxies become members", "The group goes on in production as it is deployed and needs a redeploy there.",
		"There already, left as it is: Standard.", "Assign 60 API proxies and 2 policies and policy groups")
	if got := modelstest.Reload(t, e.site.Store, e.shop); got.Version != e.shop.Version {
		t.Error("the preview has changed the group")
	}
	if diff := cmp.Diff([]string{"Early New", "Standard", "other New"}, laneOf(page)); diff != "" {
		t.Error(diff)
	}
	back := e.v.Submit(t, page, "#assign-preview", url.Values{"do": {"back"}})
	if got := len(back.All("[name=proxy][checked]")) + len(back.All("input[type=hidden][name=proxy]")); got != 60 {
		t.Errorf("%d are ticked on the way back", got)
	}
	done := e.v.Submit(t, page, "#assign-preview", url.Values{"do": {"save"}})
	mustStatus(t, done, http.StatusSeeOther)
	mustContain(t, e.v.Follow(t, done).One(t, "[data-toasts]").Text(), "Shop has 62 members and 3 policies and policy groups now. Redeploy to production to make it live.")
	if got := modelstest.Reload(t, e.site.Store, e.shop); len(got.Members) != 62 || got.Members[61].Name != "part-59" || len(got.Bindings) != 3 {
		t.Errorf("%d members, %d bindings", len(got.Members), len(got.Bindings))
	}
	again := e.v.Submit(t, page, "#assign-preview", url.Values{"do": {"save"}})
	mustStatus(t, again, http.StatusConflict)
	mustContain(t, again.Text(), "Shop was changed by ada since you looked", "Nothing would change")
}

// laneOf are the slots of a lane in a preview.
func laneOf(p handlerstest.Page) []string {
	var list []string
	for _, slot := range p.All(".Lane-list .Lane-item") {
		list = append(list, strings.TrimSpace(strings.Join(slot.Texts(".Bound-name"), " ")+" "+strings.Join(slot.Texts(".Badge"), " ")))
	}
	return list
}

func TestAnAssignmentIsRefusedWhole(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	fresh := modelstest.Proxy(t, e.site.Store, e.site.Project.ID, "fresh")
	e.shop.BlockDirectAccess = true
	e.shop = e.save(t, e.shop)
	modelstest.Deploy(t, e.site.Store, fresh, "production")
	ticked := url.Values{"do": {"preview"}, "version": {fmt.Sprint(e.shop.Version)}, "proxy": {fresh.ID}}
	preview := e.v.Post(t, shop.Assign(), ticked)
	mustContain(t, preview.Text(), "Callers of 1 member in production (fresh) at their own base paths get 403 (ERR-134)")
	if err := e.site.Store.DeleteOwner(t.Context(), modelstest.By(), e.site.Project.ID, fresh.ID, fresh.Version); err != nil {
		t.Fatal(err)
	}
	gone := e.v.Submit(t, preview, "#assign-preview", url.Values{"do": {"save"}, "policy": {e.global.ID}})
	mustStatus(t, gone, http.StatusUnprocessableEntity)
	mustContain(t, gone.One(t, "[data-problems]").Text(), "An API proxy of the list is gone")
	if got := modelstest.Reload(t, e.site.Store, e.shop); len(got.Bindings) != 1 || got.Version != e.shop.Version {
		t.Errorf("half of it was done: %+v", got)
	}
	auditor := e.site.SignIn(t, handlerstest.Auditor)
	mustStatus(t, auditor.Post(t, shop.Assign(), url.Values{"do": {"save"}, "version": {fmt.Sprint(e.shop.Version)}, "policy": {e.global.ID}}), http.StatusForbidden)
	mustStatus(t, e.v.Post(t, link.PolicyGroup("Default", "Standard").Page()+"/assign", ticked), http.StatusNotFound)
}
