package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

// newest is the address of the newest record of an action on a kind.
func newest(t *testing.T, site *handlerstest.Site, kind, action string) string {
	t.Helper()
	list, _, err := site.Store.Audit(t.Context(), models.Everywhere, models.AuditFilter{Kind: kind, Action: action, PerPage: 1})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d records (%v)", len(list), err)
	}
	return link.AuditRecord(strconv.FormatInt(list[0].ID, 10))
}

const (
	goBackLink  = ".Header a[href*='/go-back/']"
	confirmForm = "form.Confirm"
)

func TestAPolicyGoesBackToAVersionAfterItsNameWasTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "orders-jwt")
	rewrite(t, site, p, func(c *jwtauth.Config) { c.LeewaySeconds = 5 })
	rewrite(t, site, policyNamed(t, site, p.Name), func(c *jwtauth.Config) { c.LeewaySeconds = 9 })
	record := newest(t, site, models.KindPolicy, models.ActionUpdated)
	if site.SignIn(t, handlerstest.Auditor).Get(t, record).Has(goBackLink) {
		t.Error("an auditor is offered to write")
	}
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, v.Get(t, record).One(t, goBackLink).Attr("href"))
	wantStatus(t, ask, http.StatusOK)
	wantText(t, ask.All(".Confirm-changes tbody tr")[0], "Clock leeway Token ± Changed 9 seconds 5 seconds")

	wrong := v.Submit(t, ask, confirmForm, url.Values{"confirm": {"orders"}})
	wantStatus(t, wrong, http.StatusUnprocessableEntity)
	stale := v.Submit(t, ask, confirmForm, url.Values{"confirm": {"orders-jwt"}, "version": {"2"}})
	wantStatus(t, stale, http.StatusConflict)
	done := v.Submit(t, wrong, confirmForm, url.Values{"confirm": {"orders-jwt"}})
	wantStatus(t, done, http.StatusSeeOther)
	made := v.Follow(t, done)
	wantText(t, made.One(t, ".Split-main .Callout"), "record "+strings.TrimPrefix(record, "/audit/"))
	now, err := site.Store.Policy(t.Context(), site.Project.ID, jwt, "orders-jwt")
	if err != nil || now.Config.(*jwtauth.Config).LeewaySeconds != 5 {
		t.Errorf("the policy is %+v (%v)", now.Config, err)
	}
	again := v.Get(t, ask.One(t, confirmForm).Attr("action"))
	wantText(t, again.One(t, "main"), "Nothing would change")
}

func TestADeletedProxyComesBackWithAKeyPairThatIsShownOnce(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	if err := site.Store.DeleteOwner(t.Context(), modelstest.By(), site.Project.ID, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	record := v.Get(t, newest(t, site, models.KindProxy, models.ActionDeleted))
	ask := v.Get(t, record.One(t, goBackLink).Attr("href"))
	wantText(t, ask.One(t, ".Confirm-effects"), "new key pair")
	done := v.Submit(t, ask, confirmForm, url.Values{"confirm": {"orders"}})
	wantStatus(t, done, http.StatusOK)
	wantText(t, done.One(t, "main"), "Copy the client secret now")
	if done.Header.Get("Cache-Control") != "no-store" {
		t.Error("the secret may be kept by a cache")
	}
	if _, err := site.Store.Proxy(t.Context(), site.Project.ID, "orders"); err != nil {
		t.Error(err)
	}
}

func TestADeletedSourceAsksForItsSecrets(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	s, err := site.Store.SaveIdentitySource(t.Context(), modelstest.By(), site.Project.ID, "", 0, modelstest.NewDirectory(identity.LDAP, "corp"),
		map[string]secret.Text{"bindPassword": secret.New("the first secret")})
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Store.DeleteIdentitySource(t.Context(), modelstest.By(), site.Project.ID, s.ID, s.Version); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	ask := v.Get(t, v.Get(t, newest(t, site, models.KindIdentitySource, models.ActionDeleted)).One(t, goBackLink).Attr("href"))
	done := v.Submit(t, ask, confirmForm, url.Values{"confirm": {"corp"}, "secret:bindPassword": {"the second secret"}})
	wantStatus(t, done, http.StatusSeeOther)
	if s, err = site.Store.IdentitySource(t.Context(), site.Project.ID, "corp"); err != nil || len(s.Secrets) != 1 {
		t.Errorf("it has the secrets %v (%v)", s.Secrets, err)
	}
}

func TestAttackAVersionComesBackOnlyForWhoMayWriteItAndSeesIt(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	other := modelstest.Project(t, site.Store, "Other")
	p := modelstest.Policy(t, site.Store, site.Project.ID, "orders-jwt")
	rewrite(t, site, p, func(c *jwtauth.Config) { c.LeewaySeconds = 5 })
	id := strings.TrimPrefix(newest(t, site, models.KindPolicy, models.ActionUpdated), "/audit/")
	member := func(name string, of models.Project, permissions ...models.Permission) *handlerstest.Visitor {
		u := modelstest.User(t, site.Store, name, models.RoleMember, handlerstest.Password)
		modelstest.Member(t, site.Store, u, of, permissions...)
		return site.SignIn(t, name)
	}
	here := link.GoBack("Default", "settings", id, "before")
	for _, tt := range []struct {
		name, at string
		who      *handlerstest.Visitor
		want     int
	}{
		{"who may write and see it", here, member("both", site.Project, models.ManageSettings, models.ViewAudit), http.StatusOK},
		{"who may write and sees no audit", here, member("writer", site.Project, models.ManageSettings), http.StatusNotFound},
		{"who sees the audit and may write other things", here, member("reader", site.Project, models.ViewAudit, models.ManageAPIs), http.StatusForbidden},
		{"by the right to write other things", link.GoBack("Default", "apis", id, "before"), member("apis", site.Project, models.ViewAudit, models.ManageAPIs), http.StatusNotFound},
		{"from another project", link.GoBack("Other", "settings", id, "before"), member("elsewhere", other, models.ManageSettings, models.ViewAudit), http.StatusNotFound},
		{"as what belongs to no project", link.GoBack("", "", id, "before"), site.SignIn(t, handlerstest.Administrator), http.StatusNotFound},
		{"a side that is none", link.GoBack("Default", "settings", id, "beside"), site.SignIn(t, handlerstest.Administrator), http.StatusOK},
	} {
		if p := tt.who.Get(t, tt.at); p.Status != tt.want {
			t.Errorf("%s: answered %d, want %d", tt.name, p.Status, tt.want)
		}
		if tt.want != http.StatusOK {
			if p := tt.who.Post(t, tt.at, url.Values{"confirm": {"orders-jwt"}, "version": {"2"}}); p.Status != tt.want {
				t.Errorf("%s: the form is answered %d, want %d", tt.name, p.Status, tt.want)
			}
		}
	}
}
