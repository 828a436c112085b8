package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// workshop is a proxy with two endpoints and the global policy "standard",
// which is not bound yet.
type workshop struct {
	site   *handlerstest.Site
	v      *handlerstest.Visitor
	proxy  models.Owner
	global models.Policy
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{site: handlerstest.New(t)}
	w.proxy = modelstest.Proxy(t, w.site.Store, w.site.Project.ID, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{id}"}, {Method: "POST", Path: "/pets"}}
	})
	w.global = modelstest.Policy(t, w.site.Store, w.site.Project.ID, "standard")
	w.v = w.site.SignIn(t, handlerstest.Administrator)
	return w
}

func (w *workshop) reload(t *testing.T) models.Owner {
	t.Helper()
	w.proxy = modelstest.Reload(t, w.site.Store, w.proxy)
	return w.proxy
}

// add binds a local policy past the console.
func (w *workshop) add(t *testing.T, name, endpoint string) models.Binding {
	t.Helper()
	b := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT(name)}
	if endpoint != "" {
		b.Scope, b.EndpointID = policy.Endpoint, endpoint
	}
	p := w.reload(t)
	added, err := w.site.Store.AddBinding(context.Background(), modelstest.By(), p.ProjectID, p.ID, p.Version, b)
	if err != nil {
		t.Fatal(err)
	}
	w.reload(t)
	return added
}

func (w *workshop) develop(t *testing.T, endpoint string) handlerstest.Page {
	t.Helper()
	path := link.Proxy("Default", "orders").Develop()
	if endpoint != "" {
		path += "?endpoint=" + endpoint
	}
	page := w.v.Get(t, path)
	mustStatus(t, page, http.StatusOK)
	return page
}

func names(p handlerstest.Page, lane string) []string {
	return p.Texts("#lane-" + lane + " .Bound-name")
}

func TestDevelopTabShowsLanesAndWhatCanGoThere(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	page := w.develop(t, "")

	for lane, offers := range map[string][]string{"request": {"policy-auth-jwt", "policy-headers"}, "response": {"policy-headers"}, "error": {"policy-headers"}} {
		mustContain(t, page.One(t, "#lane-"+lane).Text(), "No policy yet.", "Add policy")
		chooser := w.v.Get(t, link.Proxy("Default", "orders").NewBinding()+"?pipeline="+strings.ToUpper(lane))
		for _, typ := range []string{"policy-auth-jwt", "policy-headers"} {
			offered := strings.Contains(chooser.Body, link.Proxy("Default", "orders").NewLocalPolicy(typ)+"?")
			if offered != slices.Contains(offers, typ) {
				t.Errorf("the %s lane offers %s: %v", lane, typ, offered)
			}
		}
	}
	want := []string{"All", "GET /pets/{id}", "POST /pets"}
	if diff := cmp.Diff(want, page.Texts(".Scopes-item")); diff != "" {
		t.Error(diff)
	}
	if got := page.One(t, ".Scopes-item[aria-current]").Text(); got != "All" {
		t.Errorf("%s is current", got)
	}
}

func TestEndpointShowsThePoliciesOfAllFirst(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	endpoint := w.proxy.Endpoints[1].ID
	w.add(t, "own", endpoint)
	w.add(t, "for-all", "")

	page := w.develop(t, endpoint)

	if diff := cmp.Diff([]string{"for-all", "own"}, names(page, "request")); diff != "" {
		t.Error(diff)
	}
	if got := page.Texts("#lane-request .Lane-list .Bound-all"); !cmp.Equal(got, []string{"(All)"}) {
		t.Errorf("marked (All): %v", got)
	}
	if got := page.One(t, ".Scopes-item[aria-current]").Text(); !strings.HasPrefix(got, "POST /pets") {
		t.Errorf("%s is current", got)
	}
	if got := names(w.develop(t, ""), "request"); !cmp.Equal(got, []string{"for-all"}) {
		t.Errorf("under All: %v", got)
	}
	gone := w.v.Get(t, link.Proxy("Default", "orders").Develop()+"?endpoint=nonsense")
	mustStatus(t, gone, http.StatusSeeOther)
	mustContain(t, w.v.Follow(t, gone).One(t, "[data-toasts]").Text(), "That endpoint is gone")
}

func TestChoosingAGlobalPolicy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	modelstest.Policy(t, w.site.Store, w.site.Project.ID, "other")
	chooser := w.v.Get(t, w.develop(t, "").One(t, "#lane-request .Lane-head a[aria-label^='Add policy to']").Attr("href"))
	mustStatus(t, chooser, http.StatusOK)

	t.Run("the search narrows the list and keeps the lane", func(t *testing.T) {
		form := chooser.One(t, "form[role=search]")
		query := handlerstest.Fields(form)
		query.Set("q", "oth")
		found := w.v.Get(t, form.Attr("action")+"?"+query.Encode())
		if got := found.Texts("[data-open]"); !cmp.Equal(got, []string{"other"}) {
			t.Errorf("found %v", got)
		}
	})
	t.Run("what is not there is said", func(t *testing.T) {
		none := w.v.Get(t, link.Proxy("Default", "orders").NewBinding()+"?pipeline=REQUEST&q=%3Cscript%3E")
		mustContain(t, none.One(t, "main").Text(), `No global policy matches "<script>".`)
	})
}

func TestAddingAGlobalPolicyTwiceBindsItOnce(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	chooser := w.v.Get(t, link.Proxy("Default", "orders").NewBinding()+"?pipeline=REQUEST")
	added := w.v.Submit(t, chooser, "tr form", nil)
	mustStatus(t, added, http.StatusSeeOther)
	develop := w.v.Follow(t, added)
	mustContain(t, develop.One(t, "[data-toasts]").Text(), "standard was added to the request lane for all endpoints.")
	row := develop.One(t, "#lane-request [data-binding]")
	mustContain(t, row.Text(), "standard", "JWT Authentication", "Global")

	mustStatus(t, w.v.Submit(t, chooser, "tr form", nil), http.StatusSeeOther)

	if got := len(w.reload(t).Bindings); got != 1 {
		t.Errorf("%d bindings, want 1", got)
	}
	again := w.v.Get(t, link.Proxy("Default", "orders").NewBinding()+"?pipeline=REQUEST")
	mustContain(t, again.One(t, "tr[data-row]").Text(), "Already here")
}

func TestPoliciesGoOnlyWhereTheyMay(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	bindings := link.Proxy("Default", "orders").Bindings()
	form := func(pipeline, endpoint string) url.Values {
		return url.Values{"pipeline": {pipeline}, "endpoint": {endpoint}, "policy": {w.global.ID}, "version": {"1"}}
	}
	cases := []struct {
		name string
		form url.Values
		want int
	}{
		{"a JWT policy in the response lane", form("RESPONSE", ""), http.StatusUnprocessableEntity},
		{"a lane that does not exist", form("BACKDOOR", ""), http.StatusNotFound},
		{"an endpoint of nobody", form("REQUEST", "0197-x"), http.StatusNotFound},
		{"a policy that does not exist", url.Values{"pipeline": {"REQUEST"}, "policy": {"x"}, "version": {"1"}}, http.StatusUnprocessableEntity},
	}
	for _, c := range cases {
		t.Run(c.name+" is refused", func(t *testing.T) {
			mustStatus(t, w.v.Post(t, bindings, c.form), c.want)
		})
	}
	mustStatus(t, w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy("policy-auth-jwt")+"?pipeline=ERROR"), http.StatusUnprocessableEntity)
	mustStatus(t, w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy("nonsense")+"?pipeline=REQUEST"), http.StatusNotFound)
	if p := w.reload(t); len(p.Bindings) != 0 || p.Version != 1 {
		t.Errorf("something was bound: %+v", p.Bindings)
	}
}

func TestAHeadersPolicyIsWrittenWithPlainForms(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	form := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy("policy-headers")+"?pipeline=RESPONSE")
	mustStatus(t, form, http.StatusOK)
	form = w.v.Submit(t, form, "#policy-form", url.Values{"name": {"hide"}, "changes[0].name": {"Server"}, "changes[0].action": {"REMOVE"}, "change": {"changes.add"}})
	mustStatus(t, form, http.StatusOK)
	bad := w.v.Submit(t, form, "#policy-form", url.Values{"changes[1].name": {"Host"}, "changes[1].value": {"kept"}, "change": {}})
	mustStatus(t, bad, http.StatusUnprocessableEntity)
	mustContain(t, bad.One(t, "[data-problems]").Text(), "Header", "belongs to HTTP")
	done := w.v.Submit(t, bad, "#policy-form", url.Values{"changes[1].name": {"X-Powered-By"}})
	mustStatus(t, done, http.StatusSeeOther)
	mustContain(t, w.v.Follow(t, done).One(t, "#lane-response [data-binding]").Text(), "hide", "Headers")
	b := w.reload(t).Bindings[0]
	mustContain(t, w.v.Get(t, link.Proxy("Default", "orders").Binding(b.ID)).One(t, "main").Text(), "Remove Server", `Set X-Powered-By to "kept"`)

	edit := w.v.Get(t, link.Proxy("Default", "orders").BindingEdit(b.ID))
	moved := w.v.Submit(t, edit, "#policy-form", url.Values{"change": {"changes.down:0"}})
	mustStatus(t, w.v.Submit(t, moved, "#policy-form", url.Values{"change": {}}), http.StatusSeeOther)
	mustContain(t, w.v.Get(t, link.Proxy("Default", "orders").Binding(b.ID)).One(t, "main").Text(), "Change 2 Remove Server")
	stale := w.v.Submit(t, edit, "#policy-form", nil)
	mustStatus(t, stale, http.StatusConflict)
	mustContain(t, stale.One(t, "#policy-form").Text(), "Change 1", "Remove Server", `Set X-Powered-By to "kept"`)
}

func TestALocalPolicyLivesWithItsProxy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	endpoint := w.proxy.Endpoints[0].ID
	form := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy("policy-auth-jwt")+"?pipeline=REQUEST&endpoint="+endpoint)
	mustStatus(t, form, http.StatusOK)

	bad := w.v.Submit(t, form, "#policy-form", url.Values{"name": {" x"}, "description": {"kept"}, "tokenExpiresInAmount": {"soon"}})
	mustStatus(t, bad, http.StatusUnprocessableEntity)
	if got := len(bad.All("[data-problems] li")); got != 2 {
		t.Errorf("%d problems are said, want both", got)
	}
	if got := bad.One(t, "#policy-form [name=tokenExpiresInAmount]").Attr("value"); got != "soon" {
		t.Errorf("the amount came back as %q", got)
	}
	done := w.v.Submit(t, bad, "#policy-form", url.Values{"name": {"<b>own"}, "tokenExpiresInAmount": {"5"}})
	mustStatus(t, done, http.StatusSeeOther)
	develop := w.v.Follow(t, done)
	mustContain(t, develop.One(t, "[data-toasts]").Text(), "<b>own was added to the request lane of GET /pets/{id}.")
	mustContain(t, develop.One(t, "#lane-request [data-binding]").Text(), "<b>own", "Local")

	b := w.reload(t).Bindings[0]
	if b.EndpointID != endpoint || b.Policy.OwnerID != w.proxy.ID || b.Policy.Description != "kept" {
		t.Errorf("bound as %+v", b)
	}

	t.Run("its page shows its settings", func(t *testing.T) {
		page := w.v.Get(t, link.Proxy("Default", "orders").Binding(b.ID))
		mustContain(t, page.One(t, "main").Text(), "Local", "Active", "5 minutes", "request lane of GET /pets/{id}, position 1")
	})
	t.Run("it is edited in its place", func(t *testing.T) {
		edit := w.v.Get(t, link.Proxy("Default", "orders").BindingEdit(b.ID))
		mustStatus(t, w.v.Submit(t, edit, "#policy-form", url.Values{"name": {"renamed"}}), http.StatusSeeOther)
		if got := w.reload(t).Bindings[0].Policy.Name; got != "renamed" {
			t.Errorf("it is called %s", got)
		}
		t.Run("and a second save of the old form shows both sides", func(t *testing.T) {
			both := w.v.Submit(t, edit, "#policy-form", url.Values{"name": {"mine"}})
			mustStatus(t, both, http.StatusConflict)
			mustContain(t, both.One(t, "#policy-form").Text(), "changed by ada", "Keep mine", "renamed", "mine")
			mustStatus(t, w.v.Submit(t, both, "#policy-form", nil), http.StatusSeeOther)
			if got := w.reload(t).Bindings[0].Policy.Name; got != "mine" {
				t.Errorf("it is called %s", got)
			}
		})
	})
	t.Run("it is switched passive and says so in a word", func(t *testing.T) {
		page := w.develop(t, endpoint)
		status := link.Proxy("Default", "orders").BindingStatus(b.ID)
		done := w.v.Submit(t, page, "form[action='"+status+"']", nil)
		mustContain(t, w.v.Follow(t, done).One(t, "#lane-request .Bound--passive").Text(), "Passive")
		if w.reload(t).Bindings[0].Policy.Active {
			t.Error("it is still active")
		}
	})
	t.Run("its name is no global one", func(t *testing.T) {
		mustStatus(t, w.v.Get(t, link.Policy("Default", "policy-auth-jwt", "mine")), http.StatusNotFound)
	})
	t.Run("removing deletes it", func(t *testing.T) {
		ask := w.v.Get(t, link.Proxy("Default", "orders").BindingRemove(b.ID))
		mustContain(t, ask.One(t, "form.Confirm").Text(), "belongs to this proxy alone and is deleted", "no traffic is touched")
		done := w.v.Submit(t, ask, "form.Confirm", nil)
		mustContain(t, w.v.Follow(t, done).One(t, "[data-toasts]").Text(), "removed from the request lane of GET /pets/{id} and deleted")
		if _, err := w.site.Store.PolicyByID(context.Background(), w.site.Project.ID, b.Policy.ID); err == nil {
			t.Error("the policy is still there")
		}
	})
}

func TestALocalPolicyTypedWhileTheProxyChangedIsKept(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	form := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy("policy-auth-jwt")+"?pipeline=REQUEST")
	w.add(t, "first", "")

	late := w.v.Submit(t, form, "#policy-form", url.Values{"name": {"typed"}, "description": {"long work"}})

	mustStatus(t, late, http.StatusConflict)
	mustContain(t, late.One(t, "[data-problems]").Text(), "orders was changed by tester while you were writing")
	mustStatus(t, w.v.Submit(t, late, "#policy-form", nil), http.StatusSeeOther)
	if got := names(w.develop(t, ""), "request"); !cmp.Equal(got, []string{"first", "typed"}) {
		t.Errorf("the lane has %v", got)
	}
}

func TestAGlobalPolicyIsNotEditedInsideAProxy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	p := modelstest.Bind(t, w.site.Store, w.proxy, w.global)
	b := p.Bindings[0]
	page := w.v.Get(t, link.Proxy("Default", "orders").Binding(b.ID))
	mustContain(t, page.One(t, "main").Text(), "Global", "Open the global policy")
	mustStatus(t, w.v.Get(t, link.Proxy("Default", "orders").BindingEdit(b.ID)), http.StatusNotFound)
	mustStatus(t, w.v.Post(t, link.Proxy("Default", "orders").BindingStatus(b.ID), url.Values{"active": {"false"}, "policyVersion": {"1"}}), http.StatusNotFound)

	ask := w.v.Get(t, link.Proxy("Default", "orders").BindingRemove(b.ID))
	mustContain(t, ask.One(t, "form.Confirm").Text(), "detached here and kept")
	mustStatus(t, w.v.Submit(t, ask, "form.Confirm", nil), http.StatusSeeOther)
	kept, err := w.site.Store.PolicyByID(context.Background(), w.site.Project.ID, w.global.ID)
	if err != nil || !kept.Active {
		t.Errorf("the global policy is %+v, %v", kept, err)
	}
}

func TestOrderingALane(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	for _, name := range []string{"a", "b", "c"} {
		w.add(t, name, "")
	}
	order := func() []string { return names(w.develop(t, ""), "request") }

	t.Run("a button moves one step without JavaScript", func(t *testing.T) {
		page := w.develop(t, "")
		down := page.One(t, "button[aria-label='Move a down']").Attr("value")
		done := w.v.Post(t, link.Proxy("Default", "orders").OrderBindings(), sortForm(t, page, url.Values{"move": {down}}))
		mustStatus(t, done, http.StatusSeeOther)
		if got := order(); !cmp.Equal(got, []string{"b", "a", "c"}) {
			t.Errorf("the order is %v", got)
		}
	})
	t.Run("a whole order is taken as it is", func(t *testing.T) {
		page := w.develop(t, "")
		form := sortForm(t, page, nil)
		ids := form["order"]
		form["order"] = []string{ids[2], ids[1], ids[0]}
		mustStatus(t, w.v.Post(t, link.Proxy("Default", "orders").OrderBindings(), form), http.StatusSeeOther)
		if got := order(); !cmp.Equal(got, []string{"c", "a", "b"}) {
			t.Errorf("the order is %v", got)
		}
	})
	t.Run("an order that was read before somebody else's change is refused in words", func(t *testing.T) {
		page := w.develop(t, "")
		w.add(t, "d", "")
		done := w.v.Post(t, link.Proxy("Default", "orders").OrderBindings(), sortForm(t, page, nil))
		mustContain(t, w.v.Follow(t, done).One(t, "[data-toasts]").Text(), "changed by tester in the meantime")
		if got := order(); !cmp.Equal(got, []string{"c", "a", "b", "d"}) {
			t.Errorf("the order is %v", got)
		}
	})
	for name, form := range map[string]url.Values{
		"half of the lane":        {"pipeline": {"REQUEST"}, "order": {w.reload(t).Bindings[0].ID}},
		"one policy twice":        {"pipeline": {"REQUEST"}, "order": {w.proxy.Bindings[0].ID, w.proxy.Bindings[0].ID}},
		"a move of nobody":        {"pipeline": {"REQUEST"}, "move": {"up:x"}},
		"a move in no direction":  {"pipeline": {"REQUEST"}, "order": {"x"}, "move": {"sideways:x"}},
		"policies of another way": {"pipeline": {"ERROR"}, "order": {w.proxy.Bindings[0].ID}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			form.Set("version", "99")
			page := w.develop(t, "")
			form.Set("version", handlerstest.Fields(page.One(t, "#order-request")).Get("version"))
			mustStatus(t, w.v.Post(t, link.Proxy("Default", "orders").OrderBindings(), form), http.StatusUnprocessableEntity)
		})
	}
}

// sortForm is the form of the request lane with the inputs that stand outside
// of it.
func sortForm(t *testing.T, page handlerstest.Page, changes url.Values) url.Values {
	t.Helper()
	form := handlerstest.Fields(page.One(t, "#order-request"))
	for _, input := range page.All("input[form=order-request]") {
		form.Add(input.Attr("name"), input.Attr("value"))
	}
	for name, values := range changes {
		form[name] = values
	}
	return form
}

func TestDevelopTabSaysWhatIsNotLive(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	modelstest.Deploy(t, w.site.Store, w.proxy, "production")
	if text := w.develop(t, "").One(t, "main").Text(); strings.Contains(text, "Not live yet") {
		t.Error("it says that it is not live right after the deploy")
	}
	w.add(t, "late", "")
	page := w.develop(t, "")
	mustContain(t, page.One(t, ".Callout").Text(), "Not live yet: redeploy production", "since revision 1")
	if got := page.One(t, ".Callout a").Attr("href"); got != link.Proxy("Default", "orders").Deploy("production") {
		t.Errorf("the notice leads to %s", got)
	}
}
