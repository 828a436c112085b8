package handlers_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/token"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// happened logs one of everything in a project. Whatever it leaves behind has the
// mark in it.
func happened(t *testing.T, site *handlerstest.Site, project models.Project, mark string) {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	modelstest.Policy(t, site.Store, project.ID, mark+"-policy")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	client := netip.MustParseAddr("192.0.2.7")
	must(site.Store.AddTokenRequests(ctx, []event.Token{{
		Time: now, Environment: "production", Operation: event.Issue, Project: project.Name, Owner: mark + "-api", Grant: "password", Username: mark + "-user",
		Source: "LDAP:" + mark, Client: client, Status: 400, Error: "invalid_grant", Reason: mark + " reason", CorrelationID: mark + "-correlation",
	}}))
	must(site.Store.AddSecurityEvents(ctx, []event.Security{{
		Time: now, Kind: event.ForgedToken, Environment: "production", Project: project.Name, Owner: mark + "-api", Subject: mark + "-user", Detail: mark + " detail", CorrelationID: mark + "-correlation",
	}}))
	must(site.Store.AddRefusals(ctx, []event.Access{{
		Time: now, Environment: "production", Project: project.Name, Proxy: mark + "-api", Path: "/" + mark, Method: "GET", Client: client, Status: 401, Fault: fault.TokenMissing, CorrelationID: mark + "-correlation",
	}}))
	f := token.Family{
		Environment: "production", Project: project.Name, OwnerID: "o", Owner: mark + "-api", Policy: "p", ClientID: "c", Subject: mark + "-user", User: true,
		Grant: "password", Client: client, StartedAt: now, ExpiresAt: now.Add(time.Hour), MaxRefreshes: 3,
	}
	_, _ = rand.Read(f.ID[:]) // never fails
	must(site.Store.StartFamily(ctx, f))
}

// logPages are the pages of logs outside of projects that show lists.
var logPages = []string{
	link.Audit, link.AuditCSV, link.TokenRequests, link.TokenRequestsCSV, link.SecurityEvents, link.SecurityEventsCSV, link.Refusals, link.Logins,
}

func TestAttackAMemberSeesNothingThatWasLoggedOfOtherProjects(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	other := modelstest.Project(t, site.Store, "Secret")
	happened(t, site, site.Project, "mine")
	happened(t, site, other, "theirs")
	mia := modelstest.User(t, site.Store, "mia", models.RoleMember, handlerstest.Password)
	modelstest.Member(t, site.Store, mia, site.Project, models.ViewAudit, models.ViewMonitoring)
	modelstest.Member(t, site.Store, mia, other, models.ViewAPIs) // sees it, and no logs of it
	v := site.SignIn(t, "mia")
	for _, page := range logPages {
		for _, query := range []url.Values{
			{}, {"project": {"Secret"}}, {"q": {"theirs"}}, {"id": {"theirs-correlation"}}, {"object": {"theirs-policy"}}, {"owner": {"theirs-api"}},
			{"who": {"theirs-user"}}, {"by": {"source"}}, {"by": {"reason"}}, {"proxy": {"theirs-api"}}, {"source": {"LDAP:theirs"}}, {"address": {"192.0.2.7"}},
		} {
			p := v.Get(t, page+"?"+query.Encode())
			if p.Status != http.StatusOK {
				t.Errorf("%s?%s is answered %d", page, query.Encode(), p.Status)
			}
			shown := strings.ReplaceAll(p.Body, query.Encode(), "")
			for _, typed := range query { // what was typed comes back
				shown = strings.ReplaceAll(shown, typed[0], "")
			}
			if strings.Contains(shown, "theirs") {
				t.Errorf("%s?%s shows what is of another project", page, query.Encode())
			}
		}
		if p := v.Get(t, page); !strings.Contains(p.Body, "mine") {
			t.Errorf("%s does not show what is of her project:\n%s", page, p.Text())
		}
	}
	if p := v.Get(t, link.Audit); strings.Contains(p.Body, handlerstest.Auditor) {
		t.Error("the list names users who have done nothing in her project")
	}
}

func TestAttackARecordOfAnotherProjectIsNotFoundByItsNumber(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	other := modelstest.Project(t, site.Store, "Secret")
	happened(t, site, site.Project, "mine")
	happened(t, site, other, "theirs")
	mia := modelstest.User(t, site.Store, "mia", models.RoleMember, handlerstest.Password)
	modelstest.Member(t, site.Store, mia, site.Project, models.ViewAudit, models.ViewMonitoring)
	v, all := site.SignIn(t, "mia"), site.SignIn(t, handlerstest.Auditor)
	for _, list := range []string{link.Audit + "?kind=POLICY", link.TokenRequests, link.SecurityEvents} {
		seen := 0
		for _, a := range all.Get(t, list).All("tbody th a") {
			p, theirs := v.Get(t, a.Attr("href")), all.Get(t, a.Attr("href"))
			if theirs.Status != http.StatusOK {
				t.Fatalf("the auditor is answered %d", theirs.Status)
			}
			if mine := strings.Contains(theirs.Body, "mine"); mine != (p.Status == http.StatusOK) || !mine && p.Status != http.StatusNotFound {
				t.Errorf("%s is answered %d; of her project: %t", a.Attr("href"), p.Status, mine)
			}
			if p.Status == http.StatusOK {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("%s led to %d records of hers, want 1", list, seen)
		}
	}
}

func TestPagesOfLogsOpenToMembersByWhatAnyProjectGives(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for name, tt := range map[string]struct {
		permissions       []models.Permission
		audit, monitoring int
	}{
		"nobody":  {nil, http.StatusForbidden, http.StatusForbidden},
		"builder": {[]models.Permission{models.ManageAPIs}, http.StatusForbidden, http.StatusForbidden},
		"looker":  {[]models.Permission{models.ViewMonitoring}, http.StatusForbidden, http.StatusOK},
		"reader":  {[]models.Permission{models.ViewAudit}, http.StatusOK, http.StatusForbidden},
	} {
		u := modelstest.User(t, site.Store, name, models.RoleMember, handlerstest.Password)
		if tt.permissions != nil {
			modelstest.Member(t, site.Store, u, site.Project, tt.permissions...)
		}
		v := site.SignIn(t, name)
		for _, page := range logPages {
			want := tt.monitoring
			if strings.HasPrefix(page, link.Audit) {
				want = tt.audit
			}
			if p := v.Get(t, page); p.Status != want {
				t.Errorf("%s is answered %d at %s, want %d", name, p.Status, page, want)
			}
		}
		home := v.Get(t, link.Account)
		if got := home.Has("nav a[href='" + link.Audit + "']"); got != (tt.audit == http.StatusOK) {
			t.Errorf("the menu of %s has the audit: %t", name, got)
		}
		for _, page := range []string{link.Environments, link.TokenManagement, link.RevokeTokens} {
			if p := v.Get(t, page); p.Status != http.StatusForbidden {
				t.Errorf("%s is answered %d at %s", name, p.Status, page)
			}
		}
	}
}

// Who sees what of the logs is decided in one place; a handler that says
// "everything" by itself would go round it.
func TestNoHandlerSaysThatEverythingIsSeen(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || path == filepath.Join("visit", "visit.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "models.Everywhere") || strings.Contains(string(text), "models.OnlyIn") {
			t.Errorf("%s says itself what is seen", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
