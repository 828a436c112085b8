package console_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/apispec"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

const shelter = `openapi: 3.0.3
info: { title: Shelter, version: "1", description: Pets that look for a home. }
servers: [{ url: https://shelter.example/v1 }]
paths:
  /pets:
    get: { summary: List pets }
    trace: {}
  /pets/{petId}:
    get: { summary: One pet }
    delete: {}
`

// sameEndpoints leaves out their ids.
var sameEndpoints = cmpopts.IgnoreFields(models.Endpoint{}, "ID")

func TestAProxyIsMadeFromADocument(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	list := v.Get(t, link.Proxies("Default"))
	if got := len(list.All("a[href='" + link.NewProxyDocument("Default") + "']")); got != 2 {
		t.Errorf("an empty list leads to it %d times, want beside Create and in the middle", got)
	}
	ask := v.Get(t, link.NewProxyDocument("Default"))
	htmlcheck.Sound(t, ask.Node)

	filled := v.Submit(t, ask, "#document-form", url.Values{"content": {strings.ReplaceAll(shelter, "\n", "\r\n")}})
	mustStatus(t, filled, http.StatusOK)
	htmlcheck.Sound(t, filled.Node)
	mustContain(t, filled.One(t, "#proxy-form .Callout").Text(), "From OpenAPI 3.0.3: 3 endpoints", "TRACE /pets was left out", "nothing is saved yet")
	if _, err := site.Store.Proxy(t.Context(), site.Project.ID, "Shelter"); err == nil {
		t.Error("it was saved before anybody said so")
	}

	mustStatus(t, v.Submit(t, filled, "#proxy-form", nil), http.StatusOK)
	p, err := site.Store.Proxy(t.Context(), site.Project.ID, "Shelter")
	if err != nil {
		t.Fatal(err)
	}
	want := []models.Endpoint{
		{Method: "GET", Path: "/pets", Description: "List pets"}, {Method: "GET", Path: "/pets/{petId}", Description: "One pet"}, {Method: "DELETE", Path: "/pets/{petId}"},
	}
	if diff := cmp.Diff(want, p.Endpoints, sameEndpoints); diff != "" {
		t.Error(diff)
	}
	if p.Route.BasePath != "/v1" || p.Upstream.URL != "https://shelter.example/v1" || p.Description != "Pets that look for a home." {
		t.Errorf("saved as %+v", p)
	}
}

func TestADocumentWhoseNamesAreTakenGetsFreeOnes(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "shelter", func(p *models.Owner) { p.Route.BasePath = "/v1" })
	v := site.SignIn(t, handlerstest.Administrator)
	filled := v.Post(t, link.NewProxyDocument("Default"), url.Values{"content": {shelter}})
	form := handlerstest.Fields(filled.One(t, "#proxy-form"))
	if form.Get("name") != "Shelter (Copy)" || form.Get("basePath") != "/v1-copy" {
		t.Errorf("name %q, base path %q", form.Get("name"), form.Get("basePath"))
	}
	mustContain(t, filled.One(t, "#proxy-form .Callout").Text(), "The name Shelter is taken", "The base path /v1 is taken")
	mustStatus(t, v.Submit(t, filled, "#proxy-form", nil), http.StatusOK)
}

func TestWhatADocumentGaveIsNotLostOnAnError(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	filled := v.Post(t, link.NewProxyDocument("Default"), url.Values{"content": {shelter}})
	wrong := v.Submit(t, filled, "#proxy-form", url.Values{"basePath": {"/auth"}})
	mustStatus(t, wrong, http.StatusUnprocessableEntity)
	want, got := handlerstest.Fields(filled.One(t, "#proxy-form")), handlerstest.Fields(wrong.One(t, "#proxy-form"))
	want.Set("basePath", "/auth")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mustContain(t, wrong.One(t, "#proxy-form .Callout--info").Text(), "TRACE /pets was left out")
}

func TestADocumentIsAFileATextOrAnAddress(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, shelter) }))
	t.Cleanup(api.Close)
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	padding := strings.Repeat("# as large as a document may be\n", (apispec.MaxDocument-len(shelter))/32)
	file := upload(t, site, v, link.NewProxyDocument("Default"), shelter+padding, nil)
	if got := htmlcheck.Parse(t, strings.NewReader(file)).One(t, "[name=name]").Attr("value"); got != "Shelter" {
		t.Errorf("a file gives the name %q", got)
	}
	fetched := v.Post(t, link.NewProxyDocument("Default"), url.Values{"url": {api.URL + "/openapi.yaml"}})
	if got := fetched.One(t, "[name=name]").Attr("value"); got != "Shelter" {
		t.Errorf("an address gives the name %q", got)
	}
}

func TestWhatIsWrongWithADocumentStandsBelowIt(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Administrator)
	cases := []struct {
		name  string
		typed url.Values
		field string
		says  string
	}{
		{"nothing", url.Values{}, "file", "Choose a file, paste the document, or enter its address."},
		{"two ways", url.Values{"content": {shelter}, "url": {"https://api.example"}}, "content", "by one way"},
		{"no document", url.Values{"content": {"hello"}}, "content", "not an object"},
		{"a wrong place in it", url.Values{"content": {`{"openapi": "3.1.0", "paths": {"/a": {"get": 1}}}`}}, "content", "paths[/a].get: This is not an object"},
		{"no address", url.Values{"url": {"api.example/openapi.json"}}, "url", "begins with http:// or https://"},
		{"another scheme", url.Values{"url": {"file:///etc/passwd"}}, "url", "begins with http:// or https://"},
		{"an address with a password", url.Values{"url": {"https://u:p@api.example/"}}, "url", "Remove the user name and password"},
	}
	for _, c := range cases {
		for _, page := range []string{link.NewProxyDocument("Default"), link.Proxy("Default", "orders").Document()} {
			t.Run(c.name+" at "+page, func(t *testing.T) {
				answer := v.Post(t, page, c.typed)
				mustStatus(t, answer, http.StatusUnprocessableEntity)
				htmlcheck.Sound(t, answer.Node)
				control := answer.One(t, "#document-form [name="+c.field+"]")
				mustContain(t, answer.ByID(t, control.Attr("aria-describedby")[:len("f-"+c.field+"-error")]).Text(), c.says)
				if !control.Has("[autofocus]") && answer.One(t, "[autofocus]").Attr("name") != c.field {
					t.Errorf("the cursor is in %s", answer.One(t, "[autofocus]").Attr("name"))
				}
				kept := handlerstest.Fields(answer.One(t, "#document-form"))
				for name, values := range c.typed {
					if strings.TrimSpace(kept.Get(name)) != strings.TrimSpace(values[0]) {
						t.Errorf("%s came back as %q", name, kept.Get(name))
					}
				}
			})
		}
	}
}

func TestWhatAnAddressAnswersIsJudged(t *testing.T) {
	t.Parallel()
	var second atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { second.Add(1) }))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/gone", http.NotFound)
	mux.HandleFunc("/on", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 * apispec.MaxDocument / 1024 {
			if _, err := w.Write([]byte(strings.Repeat(" x", 512))); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/secret", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"token": "hunter2"}`) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "openapi")
	})
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it says what the test wants
	secure.StartTLS()
	t.Cleanup(secure.Close)
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, c := range []struct{ name, address, says string }{
		{"not there", api.URL + "/gone", "answers 404"},
		{"a redirect", api.URL + "/on", "leads on to another one, which is not followed"},
		{"nothing", api.URL + "/empty", "answers with nothing"},
		{"more than a document", api.URL + "/long", "more than 1 MiB"},
		{"something else", api.URL + "/secret", "no OpenAPI document"},
		{"half an answer", api.URL + "/cut", "cannot be reached"},
		{"nobody", closed.URL, "cannot be reached"},
		{"a certificate of nobody", secure.URL, "certificate that is not trusted"},
		{"no host", "https://nowhere.invalid/", "host name of the address is not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := v.Post(t, link.NewProxyDocument("Default"), url.Values{"url": {c.address}})
			mustStatus(t, answer, http.StatusUnprocessableEntity)
			mustContain(t, answer.One(t, "[data-problems]").Text(), c.says)
			if strings.Contains(answer.Body, "hunter2") {
				t.Error("what came is shown")
			}
		})
	}
	if second.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestAttackAnAddressBehindTheConsoleIsNotCalled(t *testing.T) {
	t.Parallel()
	var called atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { called.Add(1); fmt.Fprint(w, shelter) }))
	t.Cleanup(inside.Close)
	site := handlerstest.New(t, func(o *handlers.Options) { o.Outgoing = outgoing.Rule{}.Allow })
	v := site.SignIn(t, handlerstest.Administrator)
	port := netip.MustParseAddrPort(strings.TrimPrefix(inside.URL, "http://")).Port()
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "169.254.169.254"} {
		answer := v.Post(t, link.NewProxyDocument("Default"), url.Values{"url": {fmt.Sprintf("http://%s:%d/", host, port)}})
		mustStatus(t, answer, http.StatusUnprocessableEntity)
		mustContain(t, answer.One(t, "[data-problems]").Text(), "may not be called", "address")
	}
	if called.Load() != 0 {
		t.Error("it was called")
	}
}

func TestAttackADocumentThatIsTooLargeNeverLiesOnTheDisk(t *testing.T) {
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	t.Setenv("TMPDIR", "/nonexistent") // where it would be put
	for _, size := range []int{apispec.MaxDocument + 1, 3 * apispec.MaxDocument} {
		body := upload(t, site, v, link.NewProxyDocument("Default"), strings.Repeat("x", size), nil)
		mustContain(t, htmlcheck.Parse(t, strings.NewReader(body)).One(t, "[data-problems]").Text(), "more than 1 MiB")
	}
}

// guardedShelter is a proxy with a policy at each of three endpoints.
func guardedShelter(t *testing.T, site *handlerstest.Site) models.Owner {
	t.Helper()
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "shelter", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{
			{Method: "GET", Path: "/pets", Description: "List pets"}, {Method: "GET", Path: "/pets/{id}", Description: "By id"}, {Method: "GET", Path: "/old"},
		}
	})
	for i, name := range []string{"pets-jwt", "pet-jwt", "old-jwt"} {
		global := modelstest.Policy(t, site.Store, site.Project.ID, name)
		b := models.NewBinding{Scope: policy.Endpoint, EndpointID: p.Endpoints[i].ID, Pipeline: policy.Request, PolicyID: global.ID}
		if _, err := site.Store.AddBinding(t.Context(), modelstest.By(), p.ProjectID, p.ID, p.Version, b); err != nil {
			t.Fatal(err)
		}
		p = modelstest.Reload(t, site.Store, p)
	}
	return p
}

func TestEndpointsAreUpdatedFromADocument(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := guardedShelter(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	at := link.Proxy("Default", "shelter")
	if !v.Get(t, at.Page()).Has("a[href='" + at.Document() + "']") {
		t.Error("the overview does not lead to it")
	}
	ask := v.Get(t, at.Document())
	htmlcheck.Sound(t, ask.Node)
	filled := v.Submit(t, ask, "#document-form", url.Values{"content": {shelter}})
	mustStatus(t, filled, http.StatusOK)
	htmlcheck.Sound(t, filled.Node)
	mustContain(t, filled.One(t, ".Callout--warning").Text(), "1 policy goes with the endpoints that are removed", "GET /old: old-jwt")
	mustContain(t, filled.One(t, "#proxy-form").Text(), "1 added, 1 changed, 1 removed, 1 unchanged")
	table := filled.One(t, "#proxy-form table").Text()
	mustContain(t, table, "/old", "Removed", "1 policy is removed with it: old-jwt", "Was GET /pets/{id}", "Changed", "Added", "DELETE")

	mustStatus(t, v.Submit(t, filled, "#proxy-form", nil), http.StatusSeeOther)
	saved := modelstest.Reload(t, site.Store, p)
	want := []models.Endpoint{
		{Method: "GET", Path: "/pets", Description: "List pets"}, {Method: "GET", Path: "/pets/{petId}", Description: "One pet"}, {Method: "DELETE", Path: "/pets/{petId}"},
	}
	if diff := cmp.Diff(want, saved.Endpoints, sameEndpoints); diff != "" {
		t.Error(diff)
	}
	var bound []string
	for _, b := range saved.Bindings {
		bound = append(bound, b.Policy.Name)
	}
	if diff := cmp.Diff([]string{"pets-jwt", "pet-jwt"}, bound); diff != "" {
		t.Errorf("bound after the update:\n%s", diff)
	}
	if saved.Route.BasePath != "/shelter" || saved.Upstream.URL != p.Upstream.URL {
		t.Errorf("route and upstream became %s, %s", saved.Route.BasePath, saved.Upstream.URL)
	}
}

func TestEndpointsThatADocumentHasNotCanBeKept(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	guardedShelter(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	filled := v.Post(t, link.Proxy("Default", "shelter").Document(), url.Values{"content": {shelter}, "keep": {"true"}})
	mustContain(t, filled.One(t, "#proxy-form").Text(), "1 added, 1 changed, 0 removed, 2 unchanged")
	if filled.Has(".Callout--warning") {
		t.Error("it warns of policies that nothing happens to")
	}
}

func TestTheSameDocumentChangesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	mustStatus(t, v.Submit(t, v.Post(t, link.NewProxyDocument("Default"), url.Values{"content": {shelter}}), "#proxy-form", nil), http.StatusOK)
	p, err := site.Store.Proxy(t.Context(), site.Project.ID, "Shelter")
	if err != nil {
		t.Fatal(err)
	}
	p.Endpoints[2].Description = "What the document does not say"
	if _, _, err := site.Store.SaveProxy(t.Context(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	again := v.Post(t, link.Proxy("Default", "Shelter").Document(), url.Values{"content": {shelter}})
	mustContain(t, again.One(t, "#proxy-form").Text(), "The document has the same endpoints")
}

func TestADocumentDoesNotOverwriteWhatSomebodyElseSaved(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := guardedShelter(t, site)
	v := site.SignIn(t, handlerstest.Administrator)
	filled := v.Post(t, link.Proxy("Default", "shelter").Document(), url.Values{"content": {shelter}})
	p.Endpoints = append(p.Endpoints, models.Endpoint{Method: "PUT", Path: "/new"})
	if _, _, err := site.Store.SaveProxy(t.Context(), modelstest.By(), site.Project.ID, p); err != nil {
		t.Fatal(err)
	}
	stale := v.Submit(t, filled, "#proxy-form", nil)
	mustStatus(t, stale, http.StatusConflict)
	mustContain(t, stale.One(t, "#proxy-form").Text(), "was changed by", "PUT /new", "1 added, 1 changed, 2 removed, 1 unchanged")
}
