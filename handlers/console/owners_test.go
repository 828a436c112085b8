package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// estate is a workshop with a second proxy, the policy group "Standard", which
// holds the global policy, and the proxy group "Shop" over both proxies, which
// runs the policy group.
type estate struct {
	*workshop
	stock, standard, shop models.Owner
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{workshop: newWorkshop(t)}
	e.stock = modelstest.Proxy(t, e.site.Store, e.site.Project.ID, "stock")
	e.standard = e.save(t, models.Owner{Kind: engine.KindPolicyGroup, Name: "Standard", Active: true, Pipeline: policy.Request})
	e.standard = e.bind(t, e.standard, models.NewBinding{PolicyID: e.global.ID})
	e.shop = e.save(t, models.Owner{
		Kind: engine.KindProxyGroup, Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: e.proxy.ID}, {ID: e.stock.ID}},
	})
	e.shop = e.bind(t, e.shop, models.NewBinding{GroupID: e.standard.ID})
	return e
}

func (e *estate) save(t *testing.T, o models.Owner) models.Owner {
	t.Helper()
	save := map[string]func() error{
		engine.KindProxyGroup: func() (err error) {
			o, _, err = e.site.Store.SaveProxyGroup(t.Context(), modelstest.By(), e.site.Project.ID, o)
			return err
		},
		engine.KindPolicyGroup: func() (err error) {
			o, _, err = e.site.Store.SavePolicyGroup(t.Context(), modelstest.By(), e.site.Project.ID, o)
			return err
		},
	}[o.Kind]
	if err := save(); err != nil {
		t.Fatal(err)
	}
	return o
}

// bind binds in the request lane for all calls.
func (e *estate) bind(t *testing.T, o models.Owner, b models.NewBinding) models.Owner {
	t.Helper()
	b.Scope, b.Pipeline = policy.All, policy.Request
	if _, err := e.site.Store.AddBinding(t.Context(), modelstest.By(), e.site.Project.ID, o.ID, o.Version, b); err != nil {
		t.Fatal(err)
	}
	return modelstest.Reload(t, e.site.Store, o)
}

var (
	shop     = link.ProxyGroup("Default", "Shop")
	standard = link.PolicyGroup("Default", "Standard")
)

func (e *estate) page(t *testing.T, path string) handlerstest.Page {
	t.Helper()
	page := e.v.Get(t, path)
	mustStatus(t, page, http.StatusOK)
	return page
}

func TestTheLanesOfAGroupAreThoseOfItsKind(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for name, c := range map[string]struct {
		at     link.Owner
		lanes  []string
		names  []string
		behind string
	}{
		"a proxy group has three lanes and no endpoints":   {shop, []string{"Request lane", "Response lane", "Error lane"}, []string{"Standard", "standard"}, "2 API proxies"},
		"a policy group has the lane of its pipeline only": {standard, []string{"Request lane"}, []string{"standard"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			page := e.page(t, c.at.Develop())
			if diff := cmp.Diff(c.lanes, page.Texts(".Lane-title")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.names, names(page, "request")); diff != "" {
				t.Error(diff)
			}
			if page.Has(".Scopes") {
				t.Error("endpoints are offered")
			}
			if got := strings.Join(page.Texts(".Lanes-end-text"), ""); got != c.behind {
				t.Errorf("behind the lanes: %q", got)
			}
		})
	}
}

func TestABoundPolicyGroupIsOneSlotWithItsPoliciesInside(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	slot := e.page(t, shop.Develop()).One(t, ".Bound[data-binding='"+e.shop.Bindings[0].ID+"']")
	if got := slot.One(t, ".Bound-text .Bound-name").Attr("href"); got != standard.Page() {
		t.Errorf("the slot leads to %s", got)
	}
	if got := slot.One(t, ".Bound-inside .Bound-name").Attr("href"); got != standard.Binding(e.standard.Bindings[0].ID) {
		t.Errorf("the policy inside leads to %s", got)
	}
	mustContain(t, slot.Text(), "Policy group", "Remove")
	for _, word := range []string{"Localize", "Add as global", "Deactivate", "Edit"} {
		if strings.Contains(slot.Text(), word) {
			t.Errorf("the slot offers %s", word)
		}
	}
	off := modelstest.Reload(t, e.site.Store, e.standard)
	off.Active = false
	e.save(t, off)
	if !e.page(t, shop.Develop()).Has(".Bound--passive") {
		t.Error("a group that is switched off looks as if it ran")
	}
	for _, path := range []string{"/edit", "/localize", "/globalize"} {
		mustStatus(t, e.v.Get(t, shop.Binding(e.shop.Bindings[0].ID)+path), http.StatusNotFound)
	}
	mustStatus(t, e.v.Post(t, shop.BindingStatus(e.shop.Bindings[0].ID), url.Values{"active": {"false"}}), http.StatusNotFound)
	if to := e.v.Get(t, shop.Binding(e.shop.Bindings[0].ID)).Location(); to != standard.Page() {
		t.Errorf("its page is at %q", to)
	}
}

func TestPoliciesAreBoundToEveryKindOfOwner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   link.Owner
		noun string
		want []string
	}{
		"a proxy group":  {shop, "proxy group", []string{"own", "Standard", "standard", "other"}},
		"a policy group": {standard, "policy group", []string{"own", "standard", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEstate(t)
			other := modelstest.Policy(t, e.site.Store, e.site.Project.ID, "other")
			chooser := e.page(t, e.page(t, c.at.Develop()).One(t, "#lane-request .Lane-head a[aria-label^='Add policy to']").Attr("href"))
			mustContain(t, chooser.Text(), "Belongs to this "+c.noun+" alone")
			if grouped := strings.Contains(chooser.Text(), "Select a policy group"); grouped != (c.at == shop) {
				t.Errorf("policy groups are offered: %v", grouped)
			}
			mustStatus(t, e.choose(t, chooser, "policy", other.ID), http.StatusSeeOther)

			form := e.page(t, c.at.NewLocalPolicy(jwt)+"?pipeline=REQUEST")
			mustContain(t, form.One(t, "main").Text(), "It belongs to this "+c.noun+" alone", "Show API Key")
			mustStatus(t, e.v.Submit(t, form, "#policy-form", url.Values{"name": {"own"}}), http.StatusSeeOther)

			page := e.page(t, c.at.Develop())
			own := modelstest.Reload(t, e.site.Store, e.ownerAt(c.at))
			last := own.Bindings[len(own.Bindings)-1]
			for range len(own.Bindings) - 1 {
				mustStatus(t, e.v.Post(t, c.at.OrderBindings(), sortForm(t, page, url.Values{"move": {"up:" + last.ID}})), http.StatusSeeOther)
				page = e.page(t, c.at.Develop())
			}
			if diff := cmp.Diff(c.want, names(page, "request")); diff != "" {
				t.Error(diff)
			}
			mustStatus(t, e.v.Submit(t, e.page(t, c.at.BindingRemove(last.ID)), "form.Confirm", nil), http.StatusSeeOther)
			if diff := cmp.Diff(c.want[1:], names(e.page(t, c.at.Develop()), "request")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// choose presses the button that adds a policy or a policy group.
func (e *estate) choose(t *testing.T, chooser handlerstest.Page, kind, id string) handlerstest.Page {
	t.Helper()
	for _, form := range chooser.All("tr form") {
		if fields := handlerstest.Fields(form); fields.Get(kind) == id {
			return e.v.Post(t, form.Attr("action"), fields)
		}
	}
	t.Fatalf("nothing adds the %s %s: %s", kind, id, chooser.Text())
	return handlerstest.Page{}
}

func (e *estate) ownerAt(at link.Owner) models.Owner {
	if at == shop {
		return e.shop
	}
	return e.standard
}

func TestAPolicyGroupIsBoundAndDetached(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	orders := link.Proxy("Default", "orders")
	chooser := e.page(t, orders.NewBinding()+"?pipeline=REQUEST&endpoint="+e.proxy.Endpoints[0].ID)
	done := e.choose(t, chooser, "group", e.standard.ID)
	mustContain(t, e.v.Follow(t, done).Text(), "Standard was added to the request lane of GET /pets/{id}.")
	bound := e.reload(t).Bindings[0]
	ask := e.page(t, orders.BindingRemove(bound.ID))
	mustContain(t, ask.Text(), "It is detached here and kept with its 1 policy", "Remove policy group")
	mustContain(t, e.v.Follow(t, e.v.Submit(t, ask, "form.Confirm", nil)).Text(), "Standard was detached from the request lane of GET /pets/{id}.")
	if len(e.reload(t).Bindings) != 0 {
		t.Error("it is bound still")
	}
	late := e.v.Submit(t, ask, "form.Confirm", nil)
	mustStatus(t, late, http.StatusNotFound)
}

func TestGroupsAreDeployedComparedAndTakenBack(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	ask := e.page(t, shop.Deploy("production"))
	mustContain(t, ask.Text(), "Clients call", "/shop", "2 members: orders, stock", "1 active policy: standard (request lane for all endpoints)")
	mustContain(t, e.v.Submit(t, ask, "form.Confirm", nil).Text(), "Revision 1 of Shop was deployed to production", "Back to the proxy group")
	ask = e.page(t, standard.Deploy("production"))
	mustContain(t, ask.Text(), "its key pair can ask for tokens", "1 active policy: standard (request lane)")
	mustContain(t, e.v.Submit(t, ask, "form.Confirm", nil).Text(), "Revision 1 of Standard was deployed to production")

	config := e.global.Config.(*jwtauth.Config)
	config.LeewaySeconds = 77
	if _, err := e.site.Store.SavePolicy(t.Context(), modelstest.By(), e.site.Project.ID, e.global.ID, e.global.Version, config); err != nil {
		t.Fatal(err)
	}
	stock := modelstest.Reload(t, e.site.Store, e.stock)
	stock.Upstream.URL = "http://other.test"
	if _, _, err := e.site.Store.SaveProxy(t.Context(), modelstest.By(), e.site.Project.ID, stock); err != nil {
		t.Fatal(err)
	}
	third := modelstest.Proxy(t, e.site.Store, e.site.Project.ID, "third")
	changed := modelstest.Reload(t, e.site.Store, e.shop)
	changed.BlockDirectAccess, changed.Route.BasePath = true, "/store"
	changed.Members = []models.Member{{ID: e.stock.ID}, {ID: e.proxy.ID}, {ID: third.ID}}
	e.save(t, changed)

	page := e.page(t, shop.Compare())
	mustContain(t, page.One(t, "main").Text(), "Base path", "/store", "Calls at their own addresses", "Answered", "Refused",
		"Order of the members: orders moves behind stock", "orders, stock", "stock, orders, third", "Member third is added", "Member stock", "http://other.test",
		"Standard: standard", "77 seconds")
	mustContain(t, e.page(t, shop.Page()+"/deploy/production").Text(), "What changes", "Member third is added")
	mustContain(t, e.page(t, standard.Compare()).One(t, "main").Text(), "1 part differs", "standard", "77 seconds")
	for _, at := range []link.Owner{shop, standard} {
		mustContain(t, e.page(t, at.History()).Text(), "Revision 1", "Live")
		mustContain(t, e.v.Submit(t, e.page(t, at.Deploy("production")), "form.Confirm", nil).Text(), "Revision 2 of "+at.Name)
		mustContain(t, e.v.Submit(t, e.page(t, at.Rollback("production", 1)), "form.Confirm", nil).Text(), "Revision 3 of "+at.Name)
		out := e.v.Submit(t, e.page(t, at.Undeploy("production")), "form.Confirm", url.Values{"confirm": {at.Name}})
		mustContain(t, out.Text(), at.Name+" was undeployed from production")
	}
}

func TestTheSecretOfAGroupIsRotatedAndTheGroupDeleted(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for _, at := range []link.Owner{shop, standard} {
		fresh := e.v.Submit(t, e.page(t, at.Secret()), "form.Confirm", url.Values{"confirm": {at.Name}})
		mustStatus(t, fresh, http.StatusOK)
		mustContain(t, fresh.Text(), "New client secret", e.ownerAt(at).ClientID)
		ask := e.page(t, at.Delete())
		mustContain(t, ask.Text(), "Delete "+map[link.Kind]string{link.KindProxyGroup: "proxy group", link.KindPolicyGroup: "policy group"}[at.Kind]+" "+at.Name+"?")
		gone := e.v.Submit(t, ask, "form.Confirm", nil)
		if gone.Location() != at.Kind.List("Default") {
			t.Errorf("%s leads to %q: %s", at.Name, gone.Location(), gone.Text())
		}
		mustStatus(t, e.v.Get(t, at.Develop()), http.StatusNotFound)
	}
	if n := len(modelstest.Reload(t, e.site.Store, e.stock).Bindings); n != 0 {
		t.Errorf("%d bindings", n)
	}
}

// A name is looked for among the owners of the kind that the address says.
func TestAnOwnerIsFoundUnderItsOwnKindOnly(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for path, want := range map[string]string{link.Proxy("Default", "Shop").Page(): shop.Page(), link.Proxy("Default", "shop").Develop(): shop.Develop()} {
		if to := e.v.Get(t, path).Location(); to != want {
			t.Errorf("%s leads to %q, want the group of that name", path, to)
		}
	}
	for _, at := range []link.Owner{link.ProxyGroup("Default", "orders"), link.PolicyGroup("Default", "Shop"), link.ProxyGroup("Default", "Standard")} {
		mustStatus(t, e.v.Get(t, at.Develop()), http.StatusNotFound)
		mustStatus(t, e.v.Get(t, at.Page()+"/history"), http.StatusNotFound)
		mustStatus(t, e.v.Post(t, at.Delete(), url.Values{"ownerId": {e.shop.ID}, "version": {"2"}}), http.StatusNotFound)
	}
}
