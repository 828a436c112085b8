package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// balanced is an upstream of which every field of the form says something.
var balanced = engine.Upstream{
	URL: "http://a.test/v1", Weight: 3, Further: []engine.Address{{URL: "http://b.test/v1", Weight: 7}, {URL: "http://c.test"}},
	Choice: engine.LeastConnections, Breaker: engine.Breaker{Failures: 2, Rest: 3000, Unavailable: true, Refuse: true},
	Check: &engine.HealthCheck{Path: "/health", Interval: 500, Timeout: 400, From: 204, To: 299, Healthy: 4, Unhealthy: 6},
	Retry: engine.Retry{Count: 2, Unavailable: true},
}

func TestAddressesComeAndGoWithoutJavaScript(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewProxy("Default"))
	if form.Has("[name=weight]") || form.Has("[name=choice]") || form.One(t, ".Advanced").HasAttr("open") {
		t.Error("one address asks for a weight, or for what most can leave alone")
	}
	one := v.Submit(t, form, "#proxy-form", proxyInput(url.Values{"addAddress": {"true"}}))
	mustStatus(t, one, http.StatusOK)
	if got := one.One(t, "[autofocus]").Attr("name"); got != "further[0].url" {
		t.Errorf("the cursor is in %s", got)
	}
	two := v.Submit(t, one, "#proxy-form", url.Values{"further[0].url": {"http://b.test"}, "weight": {"5"}, "addAddress": {"true"}})
	left := v.Submit(t, two, "#proxy-form", url.Values{"further[1].url": {" http://c.test "}, "further[1].weight": {"7"}, "removeAddress": {"0"}})
	if len(left.All(".Rows--addresses .Rows-row")) != 1 || left.Has("[data-problems]") {
		t.Fatal("removing an address leaves something else")
	}
	blank := v.Submit(t, left, "#proxy-form", url.Values{"addAddress": {"true"}}) // and is never filled in
	mustStatus(t, v.Submit(t, blank, "#proxy-form", nil), http.StatusOK)
	p, err := site.Store.Proxy(context.Background(), site.Project.ID, "orders")
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Upstream{URL: p.Upstream.URL, Weight: 5, Further: []engine.Address{{URL: "http://c.test", Weight: 7}}}
	if diff := cmp.Diff(want, p.Upstream); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFieldOfAnUpstreamIsKept(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) { p.Upstream = balanced })
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	if !form.One(t, ".Advanced").HasAttr("open") {
		t.Error("what is set is hidden")
	}
	mustStatus(t, v.Submit(t, form, "#proxy-form", url.Values{"description": {"changed"}}), http.StatusSeeOther)
	now := modelstest.Reload(t, site.Store, p)
	if diff := cmp.Diff(balanced, now.Upstream); diff != "" || now.Description != "changed" {
		t.Error(diff)
	}
	page := v.Get(t, link.Proxy("Default", "orders").Page())
	mustContain(t, page.One(t, "main").Text(), "Weight 7", "Weight 100", "Fewest calls under way", "3000 ms after 2 failures in a row", "Calls are refused with 503",
		"GET /health", "500 ms, for at most 400 ms", "204 to 299", "6 failed checks", "4 good checks", "2, of calls that may be made twice")
	mustContain(t, v.Get(t, link.Proxies("Default")).One(t, "main table").Text(), "http://a.test/v1 and 2 more")

	// All of it can be taken away again.
	form = v.Get(t, link.Proxy("Default", "orders").Edit())
	none := handlerstest.Fields(form.One(t, "#proxy-form"))
	for name := range none {
		if strings.HasPrefix(name, "further") || strings.HasPrefix(name, "breaker") || strings.HasPrefix(name, "check") || strings.HasPrefix(name, "retry") || name == "weight" || name == "choice" {
			none.Del(name)
		}
	}
	mustStatus(t, v.Post(t, link.Proxy("Default", "orders").Edit(), none), http.StatusSeeOther)
	if diff := cmp.Diff(engine.Upstream{URL: balanced.URL}, modelstest.Reload(t, site.Store, p).Upstream); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongWithAnUpstreamIsSaidAtItsField(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	typed := proxyInput(url.Values{
		"weight": {"much"}, "further[0].url": {"orders"}, "further[0].weight": {"0"}, "choice": {"RANDOM"},
		"breaker.failures": {"0"}, "breaker.rest": {"a while"}, "check.enabled": {"true"}, "check.path": {"health"}, "check.interval": {"1"},
		"check.timeout": {"-1"}, "check.from": {"99"}, "check.to": {"600"}, "check.healthy": {"0"}, "check.unhealthy": {"x"}, "retry.count": {"6"},
	})
	answer := v.Post(t, link.NewProxy("Default"), typed)
	mustStatus(t, answer, http.StatusUnprocessableEntity)
	for _, field := range []string{
		"weight", "further[0].url", "further[0].weight", "choice", "breaker.failures", "breaker.rest", "check.path", "check.interval", "check.timeout",
		"check.from", "check.to", "check.healthy", "check.unhealthy", "retry.count",
	} {
		control := answer.One(t, `#proxy-form [name="`+field+`"]`)
		if control.Attr("aria-invalid") != "true" || field != "choice" && control.Attr("value") != typed.Get(field) {
			t.Errorf("%s: %s", field, control.HTML())
		}
	}
	if got := answer.One(t, "[autofocus]").Attr("name"); got != "weight" || !answer.One(t, ".Advanced").HasAttr("open") {
		t.Errorf("the cursor is in %s", got)
	}
	for _, a := range answer.All("[data-problems] a") {
		answer.ByID(t, a.Attr("href")[1:]) // every line of the summary leads somewhere
		if text := a.Text(); strings.Contains(text, "further[") || strings.Contains(text, "check.") {
			t.Errorf("a field is called as programs do: %s", text)
		}
	}
}

func TestBothSidesOfAnUpstreamAreCompared(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	p.Upstream.Retry.Count = 3
	if _, _, err := site.Store.SaveProxy(context.Background(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	both := v.Submit(t, form, "#proxy-form", url.Values{"breaker.refuse": {"true"}})
	mustStatus(t, both, http.StatusConflict)
	row := both.One(t, "#proxy-form tr[data-row]")
	mustContain(t, row.One(t, "[data-label^=Theirs]").Text(), "Retries: 3")
	mustContain(t, row.One(t, "[data-label^=Yours]").Text(), "Calls are refused with 503")
}
