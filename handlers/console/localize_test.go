package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

func TestAPolicyIsLocalizedWhereItIsBoundAndMadeGlobalAgain(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	other := modelstest.Bind(t, w.site.Store, modelstest.Proxy(t, w.site.Store, w.site.Project.ID, "other"), w.global)
	w.proxy = modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
	b := w.proxy.Bindings[0]
	at := link.Proxy("Default", "orders").BindingLocalize(b.ID)

	// Both ways lead there: the lane, and the policy's own page for each place.
	if !w.develop(t, "").Has("a[href='" + at + "']") {
		t.Error("the lane has no Localize")
	}
	if page := w.v.Get(t, link.Policy("Default", w.global.Type, "standard")); !page.Has("a[href='"+at+"']") || !page.Has("a[href='"+link.Proxy("Default", "other").BindingLocalize(other.Bindings[0].ID)+"']") {
		t.Error("the policy's page does not offer each place")
	}
	ask := w.v.Get(t, at)
	mustContain(t, ask.One(t, "form.Confirm").Text(), "Localize standard?", "request lane", "also where it is bound in 1 other place", "no traffic is touched")
	refused := w.v.Submit(t, ask, "form.Confirm", url.Values{"name": {"a/b"}})
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	if field := refused.One(t, "input[name=name]"); field.Attr("value") != "a/b" || field.Attr("aria-invalid") != "true" {
		t.Errorf("what was typed is lost: %s", field.HTML())
	}
	done := w.v.Submit(t, refused, "form.Confirm", url.Values{"name": {"own"}})
	mustContain(t, w.v.Follow(t, done).Text(), "runs a copy of standard of its own now, own")
	if p := w.reload(t).Bindings[0].Policy; p.Global() || p.Name != "own" {
		t.Errorf("bound is %+v", p)
	}
	if p := modelstest.Reload(t, w.site.Store, other).Bindings[0].Policy; !p.Global() || p.Used != 1 {
		t.Errorf("the other place has %+v", p)
	}
	mustStatus(t, w.v.Get(t, at), http.StatusNotFound) // a local one cannot be localized

	global := link.Proxy("Default", "orders").BindingGlobalize(b.ID)
	taken := w.v.Submit(t, w.v.Get(t, global), "form.Confirm", url.Values{"name": {"STANDARD"}})
	mustStatus(t, taken, http.StatusUnprocessableEntity)
	w.v.Submit(t, taken, "form.Confirm", url.Values{"name": {"shared"}})
	if p := w.reload(t).Bindings[0].Policy; !p.Global() || p.Name != "shared" {
		t.Errorf("bound is %+v", p)
	}
	mustStatus(t, w.v.Get(t, global), http.StatusNotFound)
}

func TestTheCopyGetsANameThatIsFree(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.add(t, "Standard", "")
	w.proxy = modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
	ask := w.v.Get(t, link.Proxy("Default", "orders").BindingLocalize(w.proxy.Bindings[1].ID))
	if name := ask.One(t, "input[name=name]").Attr("value"); name != "standard 2" {
		t.Errorf("the name offered is %q", name)
	}
}

func TestLocalizingTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.proxy = modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
	ask := w.v.Get(t, link.Proxy("Default", "orders").BindingLocalize(w.proxy.Bindings[0].ID))
	w.add(t, "meanwhile", "")
	mustContain(t, w.v.Follow(t, w.v.Submit(t, ask, "form.Confirm", url.Values{"name": {"own"}})).Text(), "Nothing of yours was saved")
	if p := w.reload(t).Bindings[0].Policy; !p.Global() {
		t.Errorf("bound is %+v", p)
	}
}

func TestAuditorsLocalizeNothing(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.proxy = modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
	otto := w.site.SignIn(t, handlerstest.Auditor)
	at := link.Proxy("Default", "orders").BindingLocalize(w.proxy.Bindings[0].ID)
	for _, page := range []string{link.Proxy("Default", "orders").Develop(), link.Policy("Default", w.global.Type, "standard"), link.Proxy("Default", "orders").Binding(w.proxy.Bindings[0].ID)} {
		if otto.Get(t, page).Has("a[href='" + at + "']") {
			t.Errorf("%s offers it", page)
		}
	}
	mustStatus(t, otto.Post(t, at, url.Values{"name": {"own"}, "version": {"1"}}), http.StatusForbidden)
	if !w.reload(t).Bindings[0].Policy.Global() {
		t.Error("it was localized")
	}
}
