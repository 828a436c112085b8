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

func TestCreatingAProxyShowsItsSecretOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewProxy("Default"))
	if got := form.One(t, "[autofocus]").Attr("name"); got != "name" {
		t.Errorf("the cursor is in %s", got)
	}

	shown := v.Submit(t, form, "#proxy-form", proxyInput(nil))

	mustStatus(t, shown, http.StatusOK)
	if got := shown.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	p, err := site.Store.Proxy(context.Background(), site.Project.ID, "orders")
	if err != nil {
		t.Fatal(err)
	}
	fresh := copied(t, shown, "Copy the client secret")
	if got := copied(t, shown, "Copy the client id"); got != p.ClientID {
		t.Errorf("client id %s, want %s", got, p.ClientID)
	}
	want := "curl -s -u '" + p.ClientID + ":" + fresh + "' -d grant_type=client_credentials 'http://production.test/auth/jwt'"
	if got := shown.One(t, ".CodeBlock-code").Text(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	neverAgain(t, v, fresh)
}

func TestCreatingByHTMXTakesOverThePage(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator).HTMX()
	shown := v.Post(t, link.NewProxy("Default"), proxyInput(nil))
	mustStatus(t, shown, http.StatusOK)
	got := map[string]string{}
	for _, name := range []string{"Hx-Retarget", "Hx-Reselect", "Hx-Push-Url"} {
		got[name] = shown.Header.Get(name)
	}
	want := map[string]string{"Hx-Retarget": "#main", "Hx-Reselect": "#main", "Hx-Push-Url": link.Proxy("Default", "orders").Page()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEverythingWrongWithAProxyIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "Orders", func(p *models.Owner) { p.Route.BasePath = "/taken" })
	v := site.SignIn(t, handlerstest.Administrator)
	typed := url.Values{
		"name": {"oRDERS"}, "description": {strings.Repeat("ü", 1001)}, "basePath": {"/auth/x"}, "hosts": {"API.example.com:80"},
		"methods": {"GET", "TRACE"}, "upstreamUrl": {"orders.internal"}, "connectTimeout": {"soon"}, "responseTimeout": {"0"},
		"endpoints[0].method": {"GET"}, "endpoints[0].path": {"pets"}, "endpoints[0].description": {"<script>"},
		"endpoints[1].method": {"GET"}, "endpoints[1].path": {"/a/{x}"}, "endpoints[2].method": {"GET"}, "endpoints[2].path": {"/a/{y}"},
		"endpoints[1].description": {""}, "endpoints[2].description": {""},
	}
	answer := v.Post(t, link.NewProxy("Default"), typed)

	mustStatus(t, answer, http.StatusUnprocessableEntity)
	var fields []string
	for _, a := range answer.All("[data-problems] a") {
		fields = append(fields, a.Attr("href"))
	}
	want := []string{"#f-name", "#f-description", "#f-basePath", "#f-hosts", "#f-methods", "#f-upstreamUrl", "#f-connectTimeout", "#f-responseTimeout", "#f-endpoints-0", "#f-endpoints-2"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
	for _, id := range want {
		answer.ByID(t, id[1:]) // every line of the summary leads somewhere
	}
	if got := answer.One(t, "[autofocus]").Attr("name"); got != "name" {
		t.Errorf("the cursor is in %s, want the first wrong field", got)
	}
	kept := handlerstest.Fields(answer.One(t, "#proxy-form"))
	for name, values := range typed {
		if name == "methods" {
			values = []string{"GET"} // TRACE has no box
		}
		if !cmp.Equal(kept[name], values) {
			t.Errorf("%s came back as %q, was %q", name, kept[name], values)
		}
	}
	if answer.Has("main script") {
		t.Error("what was typed became markup")
	}
}

func TestBadFieldsOfAProxy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "first", func(p *models.Owner) { p.Route.BasePath = "/taken" })
	v := site.SignIn(t, handlerstest.Administrator)
	cases := []struct{ name, field, value, says string }{
		{"an upstream that is no URL", "upstreamUrl", "not a url", "begins with http:// or https://"},
		{"an upstream of another scheme", "upstreamUrl", "ftp://x/", "begins with http:// or https://"},
		{"an upstream with a password", "upstreamUrl", "http://u:p@x/", "Remove the user name and password"},
		{"an upstream without a host", "upstreamUrl", "http:///x", "Enter the host"},
		{"no upstream", "upstreamUrl", "", "Enter the address"},
		{"a base path that is taken", "basePath", "/taken", "taken by the proxy \"first\""},
		{"a reserved base path, /auth", "basePath", "/auth", "/auth is reserved"},
		{"a reserved base path in other case", "basePath", "/AUTH/x", "/auth is reserved"},
		{"a reserved base path, /credential", "basePath", "/credential/jwt", "/credential is reserved"},
		{"a reserved base path, /.well-known", "basePath", "/.well-known", "/.well-known is reserved"},
		{"a base path without a slash", "basePath", "orders", "Begin the base path with a slash"},
		{"a base path of a slash", "basePath", "/", "at least one segment"},
		{"a base path with a dot segment", "basePath", "/a/../b", "dot segment"},
		{"a name that is taken in other case", "name", "FIRST", "taken"},
		{"a name with a leading blank", "name", " orders", "Remove the blank"},
		{"a name of 256 characters", "name", strings.Repeat("ğ", 256), "255"},
		{"a name with a slash", "name", "a/b", "Remove the slash"},
		{"no name", "name", "", "Enter a name"},
		{"a timeout that is no number", "connectTimeout", "5s", "Enter milliseconds from 1 to 600000"},
		{"a timeout that is too long", "responseTimeout", "99999999999999999999", "Enter milliseconds from 1 to 600000"},
		{"a negative timeout", "responseTimeout", "-5", "Enter milliseconds from 1 to 600000"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{c.field: {c.value}}))
			mustStatus(t, answer, http.StatusUnprocessableEntity)
			control := answer.One(t, "#proxy-form [name="+c.field+"]")
			if control.Attr("aria-invalid") != "true" || !control.HasAttr("autofocus") {
				t.Errorf("the field is not marked and focused: %s", control.HTML())
			}
			mustContain(t, control.DescribedBy(t, answer.Node), c.says)
			if got := control.Attr("value"); got != c.value {
				t.Errorf("typed %q came back as %q", c.value, got)
			}
		})
	}
	if _, total, err := site.Store.Owners(context.Background(), site.Project.ID, models.OwnerFilter{}); err != nil || total != 1 {
		t.Errorf("%d proxies, %v; want the first one only", total, err)
	}
}

func TestNamesOfAllKindsSurvive(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	names := map[string]string{
		"markup":         `<script>alert(1)<b>`,
		"255 characters": strings.Repeat("ğ", 255),
		"Turkish":        "Sipariş İşleme ıI",
		"an address":     "a?b#c%2Fd e&f",
		"a quote":        `"';--`,
	}
	for what, name := range names {
		t.Run("a name with "+what, func(t *testing.T) {
			base := "/" + strings.ReplaceAll(what, " ", "-")
			shown := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{"name": {name}, "basePath": {base}, "description": {name}}))
			mustStatus(t, shown, http.StatusOK)
			for _, path := range []string{link.Proxy("Default", name).Page(), link.Proxy("Default", name).Develop(), link.Proxy("Default", name).Edit(), link.Proxy("Default", name).Deploy("production")} {
				page := v.Get(t, path)
				mustStatus(t, page, http.StatusOK)
				mustContain(t, page.One(t, "main").Text(), strings.Join(strings.Fields(name), " "))
				if page.Has("main script") {
					t.Error("the name became markup")
				}
			}
			if got := v.Get(t, link.Proxy("Default", name).Edit()).One(t, "#proxy-form [name=name]").Attr("value"); got != name {
				t.Errorf("the form says %q, want %q", got, name)
			}
		})
	}
}

func TestEndpointRowsComeAndGoWithoutJavaScript(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewProxy("Default"))

	one := v.Submit(t, form, "#proxy-form", url.Values{"name": {"half"}, "addEndpoint": {"true"}, "methods": {"GET"}, "hosts": {"a.example.com"}})
	mustStatus(t, one, http.StatusOK)
	if got := one.One(t, "[autofocus]").Attr("name"); got != "endpoints[0].path" {
		t.Errorf("the cursor is in %s", got)
	}
	two := v.Submit(t, one, "#proxy-form", url.Values{"endpoints[0].path": {"/first"}, "addEndpoint": {"true"}})
	if got := len(two.All(".Rows-row")); got != 2 {
		t.Fatalf("%d rows, want 2", got)
	}
	left := v.Submit(t, two, "#proxy-form", url.Values{"endpoints[1].path": {"/second"}, "endpoints[1].method": {"POST"}, "removeEndpoint": {"0"}})
	kept := handlerstest.Fields(left.One(t, "#proxy-form"))
	want := map[string]string{"name": "half", "hosts": "a.example.com", "methods": "GET", "endpoints[0].path": "/second", "endpoints[0].method": "POST"}
	for name, value := range want {
		if kept.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, kept.Get(name), value)
		}
	}
	if left.Has("[data-problems]") {
		t.Error("removing a row reports problems")
	}
	saved := v.Submit(t, left, "#proxy-form", url.Values{"basePath": {"/half"}, "upstreamUrl": {"http://x"}})
	mustStatus(t, saved, http.StatusOK)
	p, err := site.Store.Proxy(context.Background(), site.Project.ID, "half")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Endpoints) != 1 || p.Endpoints[0].Path != "/second" || p.Endpoints[0].Method != "POST" {
		t.Errorf("stored endpoints: %+v", p.Endpoints)
	}
}

func TestPressingEnterSavesAndRemovesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}}
	})
	form := site.SignIn(t, handlerstest.Administrator).Get(t, link.Proxy("Default", "orders").Edit())
	// A browser presses the first submit button of the form (HTML, implicit submission).
	if first := form.All("#proxy-form button[type=submit]")[0]; first.HasAttr("name") {
		t.Errorf("Enter presses %s", first.HTML())
	}
}

func TestSavingAProxyKeepsWhatWasNotTouched(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) {
		p.Route.Hosts, p.Route.Methods = []string{"a.example.com", "b.example.com"}, []string{"GET", "DELETE"}
		p.Upstream.ConnectTimeout, p.Upstream.ResponseTimeout = 100, 2000
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a", Description: "A"}, {Method: "POST", Path: "/b"}}
	})
	modelstest.Deploy(t, site.Store, p, "production")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())

	done := v.Submit(t, form, "#proxy-form", url.Values{"description": {"two\r\nlines"}, "name": {"bestellungen"}})

	mustStatus(t, done, http.StatusSeeOther)
	if got := done.Location(); got != link.Proxy("Default", "bestellungen").Page() {
		t.Errorf("it leads to %s", got)
	}
	mustContain(t, v.Follow(t, done).One(t, "[data-toasts]").Text(), "bestellungen was saved. Redeploy it to production")
	now, err := site.Store.Proxy(context.Background(), site.Project.ID, "bestellungen")
	if err != nil {
		t.Fatal(err)
	}
	type parts struct {
		Description string
		Route       engine.Route
		Upstream    engine.Upstream
		Endpoints   []models.Endpoint
	}
	want := parts{"two\nlines", p.Route, p.Upstream, p.Endpoints}
	if diff := cmp.Diff(want, parts{now.Description, now.Route, now.Upstream, now.Endpoints}); diff != "" {
		t.Error(diff)
	}
}

func TestTwoPeopleSavingTheSameProxy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) { p.Description = "as it was" })
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	p.Description, p.Route.Hosts, p.Name = "theirs", []string{"x.example.com"}, "renamed"
	if _, _, err := site.Store.SaveProxy(context.Background(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}

	both := v.Submit(t, form, "#proxy-form", url.Values{"description": {"mine <i>"}})

	mustStatus(t, both, http.StatusConflict)
	mustContain(t, both.One(t, "#proxy-form [role=alert]").Text(), "renamed was changed by tester", "Keep mine", "Discard mine")
	got := map[string][2]string{}
	for _, row := range both.All("#proxy-form tr[data-row]") {
		got[row.One(t, "th").Text()] = [2]string{row.One(t, "[data-label^=Theirs]").Text(), row.One(t, "[data-label^=Yours]").Text()}
	}
	want := map[string][2]string{"Name": {"renamed", "orders"}, "Description": {"theirs", "mine <i>"}, "Hosts": {"x.example.com", "Empty"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	t.Run("discarding shows what is stored", func(t *testing.T) {
		stored := v.Get(t, both.One(t, "#proxy-form [role=alert] a").Attr("href"))
		if got := stored.One(t, "[name=description]").Text(); got != "theirs" {
			t.Errorf("it says %q", got)
		}
	})
	t.Run("keeping saves over theirs", func(t *testing.T) {
		mustStatus(t, v.Submit(t, both, "#proxy-form", nil), http.StatusSeeOther)
		now, err := site.Store.Proxy(context.Background(), site.Project.ID, "orders")
		if err != nil || now.Description != "mine <i>" {
			t.Errorf("stored %q, %v", now.Description, err)
		}
	})
	t.Run("keeping is refused again when they went on changing", func(t *testing.T) {
		mustStatus(t, v.Submit(t, both, "#proxy-form", nil), http.StatusConflict)
	})
}

func TestAProxyDeletedWhileOpenElsewhereCanBeCreatedAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}}
	})
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.Proxy("Default", "orders").Edit())
	if err := site.Store.DeleteOwner(context.Background(), modelstest.By(), site.Project.ID, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}

	gone := v.Submit(t, form, "#proxy-form", url.Values{"description": {"typed"}})

	mustStatus(t, gone, http.StatusConflict)
	mustContain(t, gone.One(t, "#proxy-form").Text(), "orders has been deleted", "tester deleted it", "Create it again")
	if got := gone.One(t, "[name=description]").Text(); got != "typed" {
		t.Errorf("the description came back as %q", got)
	}
	again := v.Submit(t, gone, "#proxy-form", nil)
	mustStatus(t, again, http.StatusOK)
	now := modelstest.Reload(t, site.Store, p)
	if now.ID == p.ID || now.Description != "typed" || len(now.Endpoints) != 1 {
		t.Errorf("created again as %+v", now)
	}
}

func TestLiveChecks(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) { p.Route.Hosts = []string{"a.example.com"} })
	v := site.SignIn(t, handlerstest.Administrator)
	name, base := link.CheckProxyName("Default"), link.CheckBasePath("Default")
	cases := []struct {
		what, path string
		query      url.Values
		ok         bool
		says       string
	}{
		{"a free name", name, url.Values{"name": {"new"}}, true, "Available"},
		{"a taken name", name, url.Values{"name": {"ORDERS"}}, false, "taken"},
		{"the proxy's own name", name, url.Values{"name": {"orders"}, "except": {p.ID}}, true, "Available"},
		{"no name", name, url.Values{"name": {""}}, false, "Enter a name"},
		{"an except that is no id", name, url.Values{"name": {"orders"}, "except": {"'x"}}, false, "taken"},
		{"a free path", base, url.Values{"basePath": {"/new"}}, true, "Available"},
		{"a path that is taken on the same host", base, url.Values{"basePath": {"/orders"}, "hosts": {"a.example.com"}}, false, "taken"},
		{"the same path on another host", base, url.Values{"basePath": {"/orders"}, "hosts": {"b.example.com"}}, true, "Available"},
		{"the proxy's own path", base, url.Values{"basePath": {"/orders"}, "hosts": {"a.example.com"}, "except": {p.ID}}, true, "Available"},
		{"a reserved path", base, url.Values{"basePath": {"/credential"}}, false, "reserved"},
		{"a malformed path", base, url.Values{"basePath": {"/a b"}}, false, "letters, digits"},
		{"bytes that are no text", base, url.Values{"basePath": {"/a\x00\xff"}, "hosts": {"\x00"}}, false, "letters, digits"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			answer := v.Get(t, c.path+"?"+c.query.Encode())
			mustStatus(t, answer, http.StatusOK)
			mustContain(t, answer.Text(), c.says)
			if answer.Has(".Check--success") != c.ok {
				t.Errorf("said %q", answer.Text())
			}
		})
	}
}

func TestProxyFormThatIsTooLarge(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	answer := v.Post(t, link.NewProxy("Default"), proxyInput(url.Values{"description": {strings.Repeat("x", 2<<20)}}))
	mustStatus(t, answer, http.StatusRequestEntityTooLarge)
}
