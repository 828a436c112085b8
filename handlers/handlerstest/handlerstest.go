// Package handlerstest owns a console that runs for a test: the real handler on a real listener with a database of the
// test's own, and a visitor with cookies who walks through it.
package handlerstest

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/handlers"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
)

// Password is that of every user that a Site makes.
const Password = "correct horse battery staple"

// The users of a Site by name.
const (
	Administrator = "ada"
	Auditor       = "otto"
)

// Site is a running console.
type Site struct {
	URL   string
	Store *models.Store
	// Database is the store's, for what time alone does to it.
	Database string
	Project  models.Project
	Clock    *Clock
	handler  http.Handler
}

// Clock is the console's time, moved by hand.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// New starts a console with the project Default, the environment production, an administrator and an auditor. It ends
// with the test.
func New(t testing.TB, changes ...func(*handlers.Options)) *Site {
	t.Helper()
	// The database stamps rows with its store's clock, which runs; so does this one until it is moved.
	database := modelstest.Database(t)
	s := &Site{Store: modelstest.Open(t, database), Database: database, Clock: &Clock{now: time.Now()}}
	modelstest.Environment(t, s.Store, "production")
	s.Project = modelstest.Project(t, s.Store, "Default")
	modelstest.User(t, s.Store, Administrator, models.RoleAdministrator, Password)
	modelstest.User(t, s.Store, Auditor, models.RoleAuditor, Password)
	o := handlers.Options{
		Store: s.Store, Types: policy.Set{jwtauth.Type(), headers.Type()}, Identities: modelstest.Kinds(), Logger: slog.New(slog.DiscardHandler), Now: s.Clock.Now, Dev: true,
	}
	for _, change := range changes {
		change(&o)
	}
	s.handler = handlers.New(o)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Visitor is a browser: it keeps cookies and does not follow redirects by itself, so that a test sees them.
type Visitor struct {
	site   *Site
	Client *http.Client
	// Header goes along with every request, such as HX-Request.
	Header http.Header
}

// Visitor is somebody who has not signed in.
func (s *Site) Visitor(t testing.TB) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Visitor{site: s, Client: &http.Client{Jar: jar, CheckRedirect: stay}, Header: http.Header{}}
}

// SignIn is a visitor who has signed in by the form.
func (s *Site) SignIn(t testing.TB, name string) *Visitor {
	t.Helper()
	v := s.Visitor(t)
	p := v.Post(t, "/sign-in", url.Values{"name": {name}, "password": {Password}})
	if p.Status != http.StatusSeeOther {
		t.Fatalf("sign in as %s: status %d, want 303:\n%s", name, p.Status, p.Body)
	}
	return v
}

// HTMX is the same visitor where JavaScript runs: requests say that they come from htmx.
func (v *Visitor) HTMX() *Visitor {
	with := *v
	with.Header = v.Header.Clone()
	with.Header.Set("HX-Request", "true")
	return &with
}

// Page is an answer.
type Page struct {
	htmlcheck.Node
	Status int
	Header http.Header
	Body   string
}

// Location is where the answer leads: by a redirect, or by what htmx follows.
func (p Page) Location() string {
	if to := p.Header.Get("HX-Redirect"); to != "" {
		return to
	}
	return p.Header.Get("Location")
}

// Get asks for a page.
func (v *Visitor) Get(t testing.TB, path string) Page {
	t.Helper()
	return v.do(t, http.MethodGet, path, nil)
}

// Post sends a form.
func (v *Visitor) Post(t testing.TB, path string, form url.Values) Page {
	t.Helper()
	return v.do(t, http.MethodPost, path, form)
}

// Follow goes where an answer leads.
func (v *Visitor) Follow(t testing.TB, p Page) Page {
	t.Helper()
	to := p.Location()
	if to == "" {
		t.Fatalf("status %d leads nowhere:\n%s", p.Status, p.Body)
	}
	return v.Get(t, to)
}

// Submit sends the form of a page as a browser would, with what is in it and the changes. An empty change unticks a box
// or empties a field.
func (v *Visitor) Submit(t testing.TB, p Page, selector string, changes url.Values) Page {
	t.Helper()
	form := p.One(t, selector)
	values := Fields(form)
	for name, value := range changes {
		values[name] = value
	}
	return v.Post(t, form.Attr("action"), values)
}

// Fields are what a form would send without a button being named.
func Fields(form htmlcheck.Node) url.Values {
	values := url.Values{}
	for _, input := range form.All("input[name]") {
		switch kind := input.Attr("type"); {
		case input.HasAttr("disabled"):
		case (kind == "checkbox" || kind == "radio") && !input.HasAttr("checked"):
		default:
			values.Add(input.Attr("name"), input.Attr("value"))
		}
	}
	for _, area := range form.All("textarea[name]") {
		values.Add(area.Attr("name"), area.Raw())
	}
	for _, choice := range form.All("select[name]") {
		for _, option := range choice.All("option[selected]") {
			values.Add(choice.Attr("name"), option.Attr("value"))
		}
	}
	return values
}

func (v *Visitor) do(t testing.TB, method, path string, form url.Values) Page {
	t.Helper()
	p := v.Raw(t, method, path, form)
	p.Node = htmlcheck.Parse(t, strings.NewReader(p.Body))
	return p
}

// Raw is an answer that was not parsed, as for a measurement.
func (v *Visitor) Raw(t testing.TB, method, path string, form url.Values) Page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.site.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range v.Header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := v.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Page{Status: answer.StatusCode, Header: answer.Header, Body: string(body)}
}
