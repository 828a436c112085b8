package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// cards are the titles of the cards with their numbers.
func cards(p handlerstest.Page) map[string]string {
	list := map[string]string{}
	for _, c := range p.All(".Attention-card") {
		list[c.All(".Attention-title")[0].Text()] = c.All(".Attention-number")[0].Text()
	}
	return list
}

// trouble makes one of everything that needs attention in a project.
func trouble(t *testing.T, site *handlerstest.Site, project models.Project, mark string) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := modelstest.Policy(t, site.Store, project.ID, mark+"-policy")
	o := modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, project.ID, mark+"-api"), p)
	modelstest.Deploy(t, site.Store, o, "production")
	c := p.Config.(*jwtauth.Config)
	c.LeewaySeconds = 7
	_, err := site.Store.SavePolicy(ctx, modelstest.By(), project.ID, p.ID, p.Version, c)
	must(err)
	_, _, err = site.Store.SaveCredential(ctx, modelstest.By(), project.ID, "", 0, models.CredentialDraft{
		Name: mark + "-credential", Secret: secret.New("a secret phrase"), Enabled: true, Expires: now.Add(5 * 24 * time.Hour), Tokens: models.DefaultCredentialTokens(),
	})
	must(err)
	must(site.Store.AddSecurityEvents(ctx, []event.Security{
		{Time: now.Add(-time.Minute), Kind: event.SourceFailing, Environment: "production", Project: project.Name, Source: "LDAP:" + mark},
		{Time: now.Add(-time.Hour), Kind: event.SourceFailing, Environment: "production", Project: project.Name, Source: "LDAP:well"},
		{Time: now.Add(-time.Minute), Kind: event.SourceRecovered, Environment: "production", Project: project.Name, Source: "LDAP:well"},
	}))
	must(site.Store.AddRefusals(ctx, []event.Access{{Time: now, Environment: "production", Project: project.Name, Proxy: mark + "-api", Status: 403, Fault: fault.RoleMissing}}))
	must(site.Store.AddTokenRequests(ctx, []event.Token{{
		Time: now, Environment: "production", Operation: event.Issue, Project: project.Name, Owner: mark + "-api", Grant: "password", Status: 400, Error: "invalid_grant",
	}}))
}

func TestTheDashboardSaysWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	home := v.Follow(t, v.Get(t, "/"))
	wantText(t, home.One(t, ".Header"), "Nothing in Default needs attention")

	trouble(t, site, site.Project, "mine")
	trouble(t, site, modelstest.Project(t, site.Store, "Secret"), "theirs")
	if err := site.Store.ReportNode(t.Context(), models.NodeReport{Node: "node-1", Environment: "production", Version: "1.2", OK: true}); err != nil {
		t.Fatal(err)
	}
	p := v.Get(t, link.Dashboard("Default"))
	wantStatus(t, p, http.StatusOK)
	for title, want := range map[string]string{
		"Redeploy required": "1 Look", "Credentials that expire": "1 Look", "Identity sources that fail": "1 Look", "Signing keys that end": "0 Fine",
	} {
		if got := cards(p)[title]; got != want {
			t.Errorf("%s: %q, want %q", title, got, want)
		}
	}
	wantText(t, p.One(t, "#refused-calls"), strings.TrimSuffix(fault.Find(fault.RoleMissing).Message, "."))
	wantText(t, p.One(t, "#failed-logins"), "Password")
	wantText(t, p.One(t, "main"), "node-1")
	if strings.Contains(p.Body, "theirs") {
		t.Error("it shows what is of another project")
	}
	for _, a := range p.All("main a") {
		if to := v.Get(t, a.Attr("href")); to.Status != http.StatusOK {
			t.Errorf("%s is answered %d", a.Attr("href"), to.Status)
		}
	}
	wantStatus(t, v.Get(t, link.Dashboard("Default")+"?span=7d"), http.StatusOK)
}

func TestAttackTheDashboardShowsAMemberNothingBeyondItsRights(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	trouble(t, site, site.Project, "mine")
	if err := site.Store.ReportNode(t.Context(), models.NodeReport{Node: "node-1", Environment: "production", OK: true}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		permissions []models.Permission
		cards       int
		charts      bool
	}{
		"builder":  {[]models.Permission{models.ManageAPIs}, 1, false},
		"identity": {[]models.Permission{models.ViewAPIs, models.ViewIdentity}, 2, false},
		"watcher":  {[]models.Permission{models.ViewAPIs, models.ViewMonitoring}, 2, true},
	} {
		u := modelstest.User(t, site.Store, name, models.RoleMember, handlerstest.Password)
		modelstest.Member(t, site.Store, u, site.Project, tt.permissions...)
		p := site.SignIn(t, name).Get(t, link.Dashboard("Default"))
		wantStatus(t, p, http.StatusOK)
		if got := len(cards(p)); got != tt.cards || p.Has("#refused-calls") != tt.charts || strings.Contains(p.Body, "node-1") {
			t.Errorf("%s sees %d cards, charts %t, nodes %t", name, got, p.Has("#refused-calls"), strings.Contains(p.Body, "node-1"))
		}
	}
	u := modelstest.User(t, site.Store, "auditing", models.RoleMember, handlerstest.Password)
	modelstest.Member(t, site.Store, u, site.Project, models.ViewIdentity)
	v := site.SignIn(t, "auditing")
	wantStatus(t, v.Get(t, link.Dashboard("Default")), http.StatusForbidden)
	if to := v.Get(t, link.Project("Default")).Location(); to != link.Credentials("Default") {
		t.Errorf("who may not see the dashboard is led to %q", to)
	}
}
