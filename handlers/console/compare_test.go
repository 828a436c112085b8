package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// edited is a proxy that runs revision 2 and is edited since: another base path,
// a policy with another leeway, one more policy.
func edited(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t)
	w.proxy = modelstest.Bind(t, w.site.Store, w.reload(t), w.global)
	modelstest.Deploy(t, w.site.Store, w.proxy, "production")
	modelstest.Deploy(t, w.site.Store, w.proxy, "production")
	config := w.global.Config.(*jwtauth.Config)
	config.LeewaySeconds = 77
	if _, err := w.site.Store.SavePolicy(t.Context(), modelstest.By(), w.site.Project.ID, w.global.ID, w.global.Version, config); err != nil {
		t.Fatal(err)
	}
	w.add(t, `<b>"second"`, w.reload(t).Endpoints[0].ID)
	p := w.reload(t)
	p.Route.BasePath = "/moved"
	if _, _, err := w.site.Store.SaveProxy(t.Context(), modelstest.By(), w.site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	w.reload(t)
	return w
}

func TestWhatIsEditedIsHeldAgainstWhatRunsInWords(t *testing.T) {
	t.Parallel()
	w := edited(t)
	page := w.v.Get(t, link.Proxy("Default", "orders").Compare())
	mustStatus(t, page, http.StatusOK)
	mustContain(t, page.One(t, "main").Text(), "From what runs in production (revision 2) to what is edited", "3 parts differ",
		"Base path", "/orders", "/moved", "standard", "Clock leeway", "30 seconds", "77 seconds", `<b>"second" is added: request lane of GET /pets/{id}`)
	if same := w.v.Get(t, link.Proxy("Default", "orders").Compare()+"?from=1&to=2"); !same.Has("main") {
		t.Error("no page")
	} else {
		mustContain(t, same.One(t, "main").Text(), "From revision 1 to revision 2", "Both say the same.")
	}
	for _, query := range []string{"?from=9", "?to=x", "?environment=nowhere&to=draft", "?from=-1"} {
		mustStatus(t, w.v.Get(t, link.Proxy("Default", "orders").Compare()+query), http.StatusNotFound)
	}
	modelstest.Environment(t, w.site.Store, "test")
	mustContain(t, w.v.Get(t, link.Proxy("Default", "orders").Compare()+"?environment=test").Text(), "does not run in test")
	// The same stands in the question before a deploy.
	ask := w.v.Get(t, link.Proxy("Default", "orders").Deploy("production"))
	mustContain(t, ask.One(t, "form.Confirm").Text(), "What changes", "/moved", "77 seconds")
}

func TestRollBack(t *testing.T) {
	t.Parallel()
	w := edited(t)
	modelstest.Deploy(t, w.site.Store, w.proxy, "production") // revision 3, what is edited
	at := link.Proxy("Default", "orders").Rollback("production", 1)
	history := w.v.Get(t, link.Proxy("Default", "orders").History())
	if !history.Has("a[href='"+at+"']") || history.Has("a[href='"+link.Proxy("Default", "orders").Rollback("production", 3)+"']") {
		t.Error("the history offers a rollback to what runs, or none to what ran")
	}
	ask := w.v.Get(t, at)
	mustContain(t, ask.One(t, "form.Confirm").Text(), "Roll orders back to revision 1 in production?", "Revision 4 takes over from revision 3", "/moved", "/orders", "stay as they are edited")
	long := make([]byte, 1001)
	for i := range long {
		long[i] = 'x'
	}
	refused := w.v.Submit(t, ask, "form.Confirm", url.Values{"note": {string(long)}})
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	outcome := w.v.Submit(t, refused, "form.Confirm", url.Values{"note": {""}})
	mustStatus(t, outcome, http.StatusOK)
	mustContain(t, outcome.Text(), "Revision 4 of orders was deployed to production")
	r, err := w.site.Store.Revision(t.Context(), w.proxy.ID, 4)
	if err != nil || !r.Live || r.Note != "Rollback to revision 1." {
		t.Errorf("%+v %v", r, err)
	}
	if p := w.reload(t); p.Deployments[0].State != models.RedeployRequired {
		t.Errorf("state %s", p.Deployments[0].State)
	}
	// Asked before somebody else deployed: nothing happens, the question is asked again.
	late := w.v.Submit(t, ask, "form.Confirm", url.Values{})
	mustStatus(t, late, http.StatusConflict)
	mustContain(t, late.Text(), "Something else runs now")
	for _, path := range []string{link.Proxy("Default", "orders").Rollback("production", 9), link.Proxy("Default", "orders").Rollback("nowhere", 1)} {
		mustStatus(t, w.v.Get(t, path), http.StatusNotFound)
	}
	mustStatus(t, w.v.Submit(t, w.v.Get(t, link.Proxy("Default", "orders").Rollback("production", 4)), "form.Confirm", url.Values{}), http.StatusUnprocessableEntity)
	otto := w.site.SignIn(t, handlerstest.Auditor)
	mustStatus(t, otto.Post(t, at, url.Values{"running": {"4"}}), http.StatusForbidden)
	mustStatus(t, otto.Get(t, link.Proxy("Default", "orders").Compare()), http.StatusOK)
}
