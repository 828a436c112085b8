package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// samples stand for the parameters of addresses. What they name does not
// exist, so that no test changes anything by asking.
var samples = strings.NewReplacer(
	":project", "Default", ":type", "policy-auth-jwt", ":policy", "absent", ":proxy", "absent", ":group", "absent", ":environment", "production",
	":binding", "absent", ":error", "POLICY_AUTH_JWT_NOT_VALID", ":id", "999999", ":page", "list",
)

func ask(t *testing.T, v *handlerstest.Visitor, r handlers.Route) handlerstest.Page {
	t.Helper()
	if r.Method == http.MethodPost {
		return v.Post(t, samples.Replace(r.Path), url.Values{})
	}
	return v.Get(t, samples.Replace(r.Path))
}

func refusesStranger(t *testing.T, stranger *handlerstest.Visitor, r handlers.Route) {
	t.Helper()
	p := ask(t, stranger, r)
	if r.Method == http.MethodPost {
		if p.Status != http.StatusUnauthorized || !p.Has("form#sign-in") {
			t.Errorf("%s: a stranger's form is answered %d, want 401 with the sign-in form", r.Path, p.Status)
		}
		return
	}
	want := "/sign-in?" + url.Values{"return": {samples.Replace(r.Path)}}.Encode()
	if p.Status != http.StatusSeeOther || p.Location() != want {
		t.Errorf("%s: a stranger is answered %d to %q, want 303 to %q", r.Path, p.Status, p.Location(), want)
	}
	if p := ask(t, stranger.HTMX(), r); p.Status != http.StatusUnauthorized {
		t.Errorf("%s: a stranger's htmx request is answered %d, want 401", r.Path, p.Status)
	}
}

// A route added without a right would be open or dead; both are mistakes.
func TestEveryRouteNamesAKnownRight(t *testing.T) {
	t.Parallel()
	for _, r := range handlers.RouteTable() {
		switch r.Right {
		case visit.Public:
			if !strings.HasPrefix(r.Path, "/sign-") {
				t.Errorf("%s %s is public", r.Method, r.Path)
			}
		case visit.SignedIn, visit.ViewSystem, visit.ManageSystem, visit.Exchange, visit.Member:
		default:
			if !slices.Contains(models.AllPermissions(), r.Right) {
				t.Errorf("%s %s has the right %q", r.Method, r.Path, r.Right)
			}
		}
	}
}

func TestReadingNeverNeedsThePost(t *testing.T) {
	t.Parallel()
	// They try a condition on what they are sent, which may be long, and keep nothing.
	testers := []string{
		"/projects/:project/check/policy-conditions/:type", "/projects/:project/policies/:type/:policy",
		"/projects/:project/proxies/:proxy/bindings/of/:binding", "/projects/:project/proxy-groups/:group/bindings/of/:binding",
		"/projects/:project/policy-groups/:group/bindings/of/:binding",
	}
	for _, r := range handlers.RouteTable() {
		if r.Method == http.MethodPost && !slices.Contains(testers, r.Path) && r.Right.Action() == models.ActionView {
			t.Errorf("POST %s changes something with the right to look", r.Path)
		}
	}
}

func TestAGeneratedPasswordIsChangedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	_, err := site.Store.CreateUser(t.Context(), modelstest.By(),
		models.User{Name: "fresh", Role: models.RoleAdministrator, MustChangePassword: true}, secret.New(handlerstest.Password))
	if err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, "fresh")
	if p := v.Get(t, "/projects/Default/proxies"); p.Status != http.StatusSeeOther || p.Location() != "/account" {
		t.Errorf("a page answers %d to %q, want 303 to /account", p.Status, p.Location())
	}
	if p := v.Post(t, "/projects/Default/new/proxies", url.Values{"name": {"x"}}); p.Status != http.StatusForbidden {
		t.Errorf("a form answers %d, want 403", p.Status)
	}
	p := v.Post(t, "/account/password", url.Values{
		"currentPassword": {handlerstest.Password}, "newPassword": {"another long password"}, "confirmPassword": {"another long password"},
	})
	if p.Status != http.StatusSeeOther {
		t.Fatalf("changing it answers %d: %s", p.Status, p.Text())
	}
	if p := v.Get(t, "/projects/Default/proxies"); p.Status != http.StatusOK {
		t.Errorf("afterwards a page answers %d, want 200", p.Status)
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for _, path := range []string{
		"/nope", "/projects/absent", "/projects/Default/policies/absent-type", "/projects/Default/policies/policy-auth-jwt/absent",
		"/projects/Default/proxies/absent", "/audit/abc", "/audit/-1", "/audit/99999999999999999999", "/projects/%00/proxies", "/projects/%ff/proxies",
		"/projects/Default/policies/policy-auth-jwt/%00", "/gallery/absent", "/projects/Default/proxies/",
	} {
		t.Run(path, func(t *testing.T) {
			p := v.Get(t, path)
			if p.Status != http.StatusNotFound {
				t.Errorf("status %d, want 404", p.Status)
			}
			if got := p.One(t, "h1").Text(); got != "Not found" {
				t.Errorf("heading %q, want %q", got, "Not found")
			}
		})
	}
}

func TestAFormThatIsTooLargeIsRefusedAsSuch(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Post(t, "/projects/Default/new/policies/policy-auth-jwt", url.Values{"name": {strings.Repeat("a", 2<<20)}})
	if p.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", p.Status)
	}
}

func TestADatabaseThatIsGoneShowsAPageWithItsId(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	site.Store.Close()
	v.Header.Set("X-Correlation-Id", "correlation-0001")
	p := v.Get(t, "/projects/Default/proxies")
	if p.Status != http.StatusInternalServerError || p.One(t, ".Failure-id code").Text() != "correlation-0001" {
		t.Errorf("status %d, want 500 with the correlation id: %s", p.Status, p.Text())
	}
	if strings.Contains(p.Body, "closed") || strings.Contains(p.Body, "sql") {
		t.Errorf("the page tells of the inside: %s", p.Text())
	}
}
