package apiops_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// thing is something that two people write: its address, two bodies that replace
// it, and how the console would save it as it was read at a version.
type thing struct {
	name, path, first, second string
	save                      func(version int) error
}

// things are one of each kind, on a site of its own.
func things(t *testing.T, c *client) []thing {
	t.Helper()
	s, ctx, by, project := c.site.Store, t.Context(), modelstest.By(), c.site.Project.ID
	for path, body := range map[string]string{
		providers: corp, credentialRoles: `{"name":"reader"}`, variables: `{"name":"tenant","type":"HEADER","headerName":"X"}`, credentialsAt: `{"username":"app"}`,
		users: `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`, roles: `{"name":"Reader","permissions":["API_MANAGEMENT:VIEW"]}`,
	} {
		c.send(t, http.MethodPost, path, body).want(t, http.StatusOK)
	}
	c.send(t, http.MethodPost, members, `{"username":"otto","roleNameList":["Reader"]}`).want(t, http.StatusOK)
	find := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	source, err := s.IdentitySource(ctx, project, "corp")
	find(err)
	app, err := s.Credential(ctx, project, "app")
	find(err)
	reader, err := s.Role(ctx, project, "reader")
	find(err)
	tenant, err := s.Variable(ctx, project, "tenant")
	find(err)
	ayse, err := s.UserByName(ctx, "ayse")
	find(err)
	role, err := s.ProjectRole(ctx, "Reader")
	find(err)
	otto, err := s.UserByName(ctx, "otto")
	find(err)
	return []thing{
		{"an identity source", providers + "corp/", `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://one.example","description":"1"}}`, `{"identityProvider":{"kind":"DIRECTORY","server":"ldaps://one.example","description":"2"}}`, func(v int) error {
			d := modelstest.NewDirectory("DIRECTORY", "corp")
			d.Description = "console"
			_, err := s.SaveIdentitySource(ctx, by, project, source.ID, v, d, nil)
			return err
		}},
		{"a credential", credentialsAt + "app/", `{"description":"1"}`, `{"description":"2"}`, func(v int) error {
			d := app.Draft()
			d.Description = "console"
			_, _, err := s.SaveCredential(ctx, by, project, app.ID, v, d)
			return err
		}},
		{"a credential role", credentialRoles + "reader/", `{"description":"1"}`, `{"description":"2"}`, func(v int) error {
			_, err := s.SaveRole(ctx, by, project, reader.ID, v, "reader", "console")
			return err
		}},
		{"a variable", variables + "tenant/", `{"type":"HEADER","headerName":"One"}`, `{"type":"HEADER","headerName":"Two"}`, func(v int) error {
			_, err := s.SaveVariable(ctx, by, project, tenant.ID, v, condition.Variable{Name: "tenant", Type: condition.Header, HeaderName: "Console"})
			return err
		}},
		{"an error message", errorMessages + "APIPROXY_NOTFOUND/", `{"customizedMessage":"1"}`, `{"customizedMessage":"2"}`, func(v int) error {
			_, err := s.SaveErrorMessage(ctx, by, v, fault.Message{Type: fault.NotFound, Text: "console"})
			return err
		}},
		{"token management", tokenManagement, `{"refreshGraceSeconds":1}`, `{"refreshGraceSeconds":2}`, func(v int) error {
			m := issue.DefaultManagement()
			m.RefreshGraceSeconds = 3
			_, err := s.SaveTokenManagement(ctx, by, v, m)
			return err
		}},
		{"retention", tokenManagement + "retention/", `{"loginDays":1}`, `{"loginDays":2}`, func(v int) error {
			r := models.DefaultRetention()
			r.LoginDays = 3
			_, err := s.SaveRetention(ctx, by, v, r)
			return err
		}},
		{"a user", users + "ayse/", `{"role":"MEMBER","fullName":"One"}`, `{"role":"MEMBER","fullName":"Two"}`, func(v int) error {
			u := ayse
			u.FullName, u.Version = "Console", v
			_, err := s.SaveUser(ctx, by, u)
			return err
		}},
		{"a role of projects", roles + "Reader/", `{"description":"1","permissions":["API_MANAGEMENT:VIEW"]}`, `{"description":"2","permissions":["API_MANAGEMENT:VIEW"]}`, func(v int) error {
			r := role
			r.Description, r.Version = "console", v
			_, err := s.SaveProjectRole(ctx, by, r)
			return err
		}},
		{"a member", members + "otto/", `{"roleNameList":["API Tester"]}`, `{"roleNameList":["API Developer"]}`, func(v int) error {
			_, err := s.SaveProjectMember(ctx, by, project, models.ProjectMember{UserID: otto.ID, Roles: []string{"API Manager"}, Stamp: models.Stamp{Version: v}}, models.AllPermissions())
			return err
		}},
	}
}

func versionOf(t *testing.T, a answer) int {
	t.Helper()
	v, err := strconv.Atoi(strings.Trim(a.Header.Get("ETag"), `"`))
	if err != nil {
		t.Fatalf("the ETag is %q", a.Header.Get("ETag"))
	}
	return v
}

func TestTheConsoleAndTheAPILoseNothingToEachOther(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, x := range things(t, c) {
		t.Run(x.name, func(t *testing.T) {
			read := c.get(t, x.path).want(t, http.StatusOK)
			if err := x.save(versionOf(t, read)); err != nil {
				t.Fatalf("the console saves first: %v", err)
			}
			a := c.do(t, call{method: http.MethodPut, path: x.path, body: x.first, header: map[string]string{"If-Match": read.Header.Get("ETag")}})
			if a.Status != http.StatusPreconditionFailed {
				t.Errorf("the API overwrites what the console saved: %d", a.Status)
			}
			now := c.get(t, x.path)
			if a.Header.Get("ETag") != now.Header.Get("ETag") {
				t.Errorf("the refusal names the version %s, it is %s", a.Header.Get("ETag"), now.Header.Get("ETag"))
			}
			c.do(t, call{method: http.MethodPut, path: x.path, body: x.first, header: map[string]string{"If-Match": now.Header.Get("ETag")}}).want(t, http.StatusOK)
			var stale *models.StaleError
			if err := x.save(versionOf(t, now)); !errors.As(err, &stale) && !errors.Is(err, models.ErrStale) {
				t.Errorf("the console overwrites what the API saved: %v", err)
			}
		})
	}
}

func TestOfTwoWritersOfTheAPIOneWins(t *testing.T) {
	t.Parallel()
	c := begin(t)
	for _, x := range things(t, c) {
		t.Run(x.name, func(t *testing.T) {
			for range 3 {
				oneWins(t, c, x)
			}
		})
	}
}

// oneWins lets two writers go at once who have read the same.
func oneWins(t *testing.T, c *client, x thing) {
	t.Helper()
	tag := c.get(t, x.path).want(t, http.StatusOK).Header.Get("ETag")
	answers := make([]answer, 2)
	var both sync.WaitGroup
	for i, body := range []string{x.first, x.second} {
		both.Go(func() {
			answers[i] = c.do(t, call{method: http.MethodPut, path: x.path, body: body, header: map[string]string{"If-Match": tag}})
		})
	}
	both.Wait()
	won := 0
	for _, a := range answers {
		switch a.Status {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed, http.StatusConflict:
		default:
			t.Errorf("a writer is answered %d: %s", a.Status, a.Body)
		}
	}
	if won != 1 {
		t.Errorf("%d writers have won", won)
	}
}

// What is done to a part of something, or takes it away, heeds If-Match, too.
func TestEveryWriteHeedsIfMatch(t *testing.T) {
	t.Parallel()
	c := begin(t)
	list := things(t, c)
	modelstest.Proxy(t, c.site.Store, c.site.Project.ID, "shop")
	for _, step := range []struct{ method, path, body string }{
		{http.MethodPatch, credentialsAt + "app/", `{"password":"a new secret"}`},
		{http.MethodPatch, credentialsAt + "app/status/", `{"enabled":false}`},
		{http.MethodPost, credentialsAt + "app/secret/", ""},
		{http.MethodPut, credentialsAt + "app/token/", `{}`},
		{http.MethodDelete, credentialsAt + "app/token/", ""},
		{http.MethodPut, credentialsAt + "app/access/", `{"credentialAccessList":[{"name":"shop"}]}`},
		{http.MethodPatch, credentialsAt + "app/access/", `{"credentialAccessList":[{"name":"shop"}]}`},
		{http.MethodDelete, credentialsAt + "app/access/", `{"credentialAccessList":[{"name":"shop"}]}`},
		{http.MethodDelete, errorMessages + "APIPROXY_NOTFOUND/", ""},
	} {
		c.do(t, call{method: step.method, path: step.path, body: step.body, header: map[string]string{"If-Match": `"4711"`}}).want(t, http.StatusPreconditionFailed)
	}
	for _, x := range list {
		if !strings.Contains(x.path, tokenManagement) && !strings.Contains(x.path, errorMessages) {
			c.do(t, call{method: http.MethodDelete, path: x.path, header: map[string]string{"If-Match": `"4711"`}}).want(t, http.StatusPreconditionFailed)
		}
	}
	for path, body := range map[string]string{ // where there is nothing yet, there is no version
		providers: strings.Replace(corp, "corp", "corp2", 1), credentialsAt: `{"username":"app2"}`, credentialRoles: `{"name":"reader2"}`, variables: `{"name":"tenant2","type":"HEADER","headerName":"X"}`,
		users: `{"username":"ayse2","password":"correct horse battery","role":"MEMBER"}`, roles: `{"name":"Reader2","permissions":["API_MANAGEMENT:VIEW"]}`, members: `{"username":"ada","roleNameList":["Reader"]}`,
	} {
		c.do(t, call{method: http.MethodPost, path: path, body: body, header: map[string]string{"If-Match": `"4711"`}}).want(t, http.StatusPreconditionFailed)
	}
}

// ATTACK: two lists of the same length with grants of the same version are not
// the same access.
func TestAttackAccessThatWasReplacedIsNotWhatWasRead(t *testing.T) {
	t.Parallel()
	c := begin(t)
	things(t, c)
	modelstest.Proxy(t, c.site.Store, c.site.Project.ID, "shop")
	modelstest.Proxy(t, c.site.Store, c.site.Project.ID, "depot")
	at := credentialsAt + "app/access/"
	read := c.send(t, http.MethodPut, at, `{"credentialAccessList":[{"name":"shop"}]}`).want(t, http.StatusOK)
	c.send(t, http.MethodDelete, at+"?name=shop", "").want(t, http.StatusOK)
	c.send(t, http.MethodPut, at, `{"credentialAccessList":[{"name":"shop"}]}`).want(t, http.StatusOK)
	c.do(t, call{method: http.MethodPut, path: at, body: `{"credentialAccessList":[{"name":"depot"}]}`, header: map[string]string{"If-Match": read.Header.Get("ETag")}}).want(t, http.StatusPreconditionFailed)
	// The store says so, too, when somebody is faster after the look.
	app, err := c.site.Store.Credential(t.Context(), c.site.Project.ID, "app")
	if err != nil {
		t.Fatal(err)
	}
	var stale *models.StaleError
	_, err = c.site.Store.EditAccess(t.Context(), modelstest.By(), c.site.Project.ID, app.ID, nil, models.AccessAdd, []models.AccessEntry{{Name: "depot", Kind: "PROXY"}})
	if !errors.As(err, &stale) {
		t.Errorf("EditAccess with an old list: %v", err)
	}
}
