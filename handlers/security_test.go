package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// hostile is a name that is markup, an attribute's end and a script at once.
const hostile = `"><script>alert(1)<img src=x onerror=alert(2)>'`

// full is a site with something on every page, all of it called hostile.
func full(t *testing.T) (site *handlerstest.Site, pages []string) {
	t.Helper()
	site = handlerstest.New(t)
	p := modelstest.Policy(t, site.Store, site.Project.ID, hostile, func(c *jwtauth.Config) { c.Description = hostile })
	proxy := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(x *models.Owner) { x.Description = hostile })
	proxy = modelstest.Bind(t, site.Store, proxy, p)
	group, _, err := site.Store.SavePolicyGroup(t.Context(), modelstest.By(), site.Project.ID, models.Owner{Name: hostile, Description: hostile, Active: true, Pipeline: policy.Request})
	if err != nil {
		t.Fatal(err)
	}
	_, err = site.Store.AddBinding(t.Context(), modelstest.By(), site.Project.ID, proxy.ID, proxy.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, GroupID: group.ID})
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, site.Store, proxy, "production")
	held := link.PolicyGroup("Default", hostile)
	return site, []string{
		link.KindPolicyGroup.List("Default"), link.KindPolicyGroup.List("Default") + "?pipeline=" + url.QueryEscape(hostile) + "&q=" + url.QueryEscape(hostile), link.KindPolicyGroup.New("Default"),
		held.Page(), held.Edit(), held.Status() + "?return=" + url.QueryEscape("javascript:alert(1)"), held.Delete(), held.Duplicate(), held.Develop(),
		link.Proxy("Default", "orders").NewBinding() + "?pipeline=REQUEST", link.Proxy("Default", "orders").SwitchBindings() + "?pipeline=REQUEST&active=false", link.Proxy("Default", "orders").Duplicate(),
		"/account", "/audit", "/audit?q=" + url.QueryEscape(hostile), "/audit/1", "/audit?from=" + url.QueryEscape(hostile),
		link.Policies("Default", p.Type), link.Policies("Default", p.Type) + "?q=" + url.QueryEscape(hostile) + "&sort=" + url.QueryEscape(hostile),
		link.Policy("Default", p.Type, hostile), link.PolicyEdit("Default", p.Type, hostile), link.PolicyDelete("Default", p.Type, hostile),
		link.PolicyDuplicate("Default", p.Type, hostile),
		link.Proxies("Default"), link.Proxy("Default", "orders").Page(), link.Proxy("Default", "orders").Develop(), link.Proxy("Default", "orders").History(),
		link.Proxy("Default", "orders").Edit(), link.Proxy("Default", "orders").Delete(), link.NewProxy("Default"),
		"/sign-in?return=" + url.QueryEscape("/"+hostile), "/nope?" + url.QueryEscape(hostile),
	}
}

func TestNoPageRunsWhatSomebodyTyped(t *testing.T) {
	t.Parallel()
	site, pages := full(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, path := range pages {
		t.Run(path, func(t *testing.T) {
			checkInert(t, v.Get(t, path))
		})
	}
	t.Run("the sign-in page", func(t *testing.T) {
		checkInert(t, site.Visitor(t).Get(t, "/sign-in?return="+url.QueryEscape("/"+hostile)))
	})
	t.Run("a form that is refused", func(t *testing.T) {
		p := v.Post(t, newPolicy, url.Values{"name": {hostile}, "leewaySeconds": {hostile}, "jwtSignatureAlgorithm": {hostile}, "userHeaderName": {hostile}})
		if p.Status != http.StatusUnprocessableEntity {
			t.Errorf("status %d, want 422", p.Status)
		}
		checkInert(t, p)
	})
	t.Run("the check of a name", func(t *testing.T) {
		checkInert(t, v.Get(t, link.CheckPolicyName("Default")+"?name="+url.QueryEscape(hostile)))
	})
}

// checkInert finds everything that the content policy would have to stop.
func checkInert(t *testing.T, p handlerstest.Page) {
	t.Helper()
	for _, script := range p.All("script") {
		if !strings.HasPrefix(script.Attr("src"), "/assets/") || script.Text() != "" {
			t.Errorf("inline or foreign script: %s", script.HTML())
		}
	}
	if p.Has("style") || p.Has("[style]") || p.Has("base") || p.Has("iframe") || p.Has("img[src=x]") {
		t.Error("the page has a style of its own, or an element that nobody put there")
	}
	for _, e := range p.All("*") {
		for name, value := range e.Attrs() {
			if strings.HasPrefix(name, "on") || strings.HasPrefix(name, "hx-on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:") {
				t.Errorf("%s=%q on %s", name, value, e.Tag())
			}
		}
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	site, pages := full(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, path := range append(pages, "/palette?q=a", "/assets/absent.css") {
		p := v.Get(t, path)
		for name, part := range map[string]string{
			"Content-Security-Policy": "script-src 'self'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "X-Correlation-Id": "",
		} {
			if got := p.Header.Get(name); got == "" || !strings.Contains(got, part) {
				t.Errorf("%s: %s is %q, want %q in it", path, name, got, part)
			}
		}
		if csp := p.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") {
			t.Errorf("%s: content policy %q", path, csp)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") && p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept by caches", path)
		}
	}
}

func TestTLSIsDemandedOnlyWhereItIsServed(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		site := handlerstest.New(t, func(o *handlers.Options) { o.SecureCookies = secure })
		if got := site.Visitor(t).Get(t, "/sign-in").Header.Get("Strict-Transport-Security"); (got != "") != secure {
			t.Errorf("secure %v: Strict-Transport-Security %q", secure, got)
		}
	}
}

func TestFormsFromAnotherSiteAreRefused(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	cases := []struct {
		name, header, value string
		status              int
	}{
		{"the browser says cross-site", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		{"the browser says same-site: a neighbour's subdomain", "Sec-Fetch-Site", "same-site", http.StatusForbidden},
		{"an old browser says another origin", "Origin", "https://evil.example", http.StatusForbidden},
		{"a sandboxed frame has no origin", "Origin", "null", http.StatusForbidden},
		{"our own page", "Sec-Fetch-Site", "same-origin", http.StatusSeeOther},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := site.SignIn(t, handlerstest.Administrator)
			v.Header.Set(c.header, c.value)
			if p := v.Post(t, "/preferences/theme", url.Values{"theme": {"dark"}, "return": {"/account"}}); p.Status != c.status {
				t.Errorf("status %d, want %d", p.Status, c.status)
			}
		})
	}
}

func TestACorrelationIdFromOutsideMustBeHarmless(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for id, kept := range map[string]bool{"abcdefgh-1234": true, "short": false, "with blank here": false, strings.Repeat("a", 65): false, "<script>alert(1)": false} {
		v := site.Visitor(t)
		v.Header.Set("X-Correlation-Id", id)
		if got := v.Get(t, "/sign-in").Header.Get("X-Correlation-Id"); (got == id) != kept || got == "" {
			t.Errorf("%q becomes %q", id, got)
		}
	}
}
