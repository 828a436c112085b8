package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

func TestAuditListIsNarrowed(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "orders-jwt")
	modelstest.Policy(t, site.Store, site.Project.ID, "other")
	rewrite(t, site, p, func(c *jwtauth.Config) { c.LeewaySeconds = 5 })
	v := site.SignIn(t, handlerstest.Auditor)
	today := time.Now().UTC().Format(time.DateOnly)
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	cases := []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"by action and kind, newest first", url.Values{"kind": {"POLICY"}, "action": {"CREATED"}}, []string{"other", "orders-jwt"}},
		{"by text", url.Values{"q": {"ORDERS-jwt"}}, []string{"orders-jwt", "orders-jwt"}},
		{"by the id of the object", url.Values{"q": {p.ID}}, []string{"orders-jwt", "orders-jwt"}},
		{"by what changed", url.Values{"q": {"leewaySeconds\": 5"}}, []string{"orders-jwt"}},
		{"by the object's name", url.Values{"object": {"RS-JW"}}, []string{"orders-jwt", "orders-jwt"}},
		{"by the object's id", url.Values{"object": {p.ID}}, []string{"orders-jwt", "orders-jwt"}},
		{"by project", url.Values{"project": {"Default"}, "kind": {"POLICY"}, "action": {"UPDATED"}}, []string{"orders-jwt"}},
		{"by a project without any", url.Values{"project": {"Moon"}}, nil},
		{"by person", url.Values{"actor": {"grace"}}, []string{"orders-jwt"}},
		{"from today", url.Values{"q": {"other"}, "from": {today}}, []string{"other"}},
		{"from tomorrow there is nothing", url.Values{"from": {tomorrow}}, nil},
		{"the last day counts whole", url.Values{"q": {"other"}, "to": {today}}, []string{"other"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page := v.Get(t, link.Audit+"?"+c.query.Encode())
			wantStatus(t, page, http.StatusOK)
			if diff := cmp.Diff(c.want, listOf(t, page)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, wrong := range []url.Values{{"from": {"yesterday"}}, {"to": {"2026-13-01"}}, {"from": {tomorrow}, "to": {today}}} {
		page := v.Get(t, link.Audit+"?"+wrong.Encode())
		wantStatus(t, page, http.StatusUnprocessableEntity)
		if !page.Has("[role=alert]") {
			t.Errorf("%v is not explained", wrong)
		}
	}
}

func TestAuditRecordShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "orders-jwt")
	rewrite(t, site, p, func(c *jwtauth.Config) { c.LeewaySeconds, c.ClearAuth, c.AddUserToHeader = 5, true, true })
	v := site.SignIn(t, handlerstest.Auditor)
	list := v.Get(t, link.Audit+"?kind=POLICY&action=UPDATED")
	record := v.Get(t, list.One(t, "tbody th a").Attr("href"))
	wantStatus(t, record, http.StatusOK)
	var rows []string
	for _, row := range record.All(".Split-main > .Stack > .TableBox tbody tr") {
		rows = append(rows, row.Text())
	}
	want := []string{
		"Clock leeway Token ± Changed 30 seconds 5 seconds", "Clear Authentication Data Token ± Changed No Yes", "Add Client Info to Header Token ± Changed No Yes",
		"Authenticated User Header Name Token + Added – None X-Authenticated-UserId",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	wantText(t, record.All(".Split-main details summary")[0], "fields did not change")
	wantText(t, record.One(t, "aside"), "grace")
}

func TestAuditShowsNoSecret(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := site.SignIn(t, handlerstest.Auditor)
	list := v.Get(t, link.Audit)
	for _, a := range list.All("tbody th a") {
		record := v.Get(t, a.Attr("href"))
		for _, forbidden := range []string{"argon2", "$", handlerstest.Password} {
			if strings.Contains(record.One(t, "main").Text(), forbidden) {
				t.Errorf("%s shows %q", a.Attr("href"), forbidden)
			}
		}
	}
}

func TestPalette(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Policy(t, site.Store, site.Project.ID, "orders <b>jwt")
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	type place struct{ Label, Href, Kind, Hint string }
	find := func(user, query string) []place {
		p := site.SignIn(t, user).Get(t, "/palette?q="+url.QueryEscape(query))
		wantStatus(t, p, http.StatusOK)
		var found []place
		if err := json.Unmarshal([]byte(p.Body), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	want := []place{
		{"orders", "/projects/Default/proxies/orders", "API proxy", "/orders"},
		{"orders <b>jwt", link.Policy("Default", jwt, "orders <b>jwt"), "Policy", "JWT Authentication"},
	}
	if diff := cmp.Diff(want, find(handlerstest.Auditor, "ORDERS")); diff != "" {
		t.Error(diff)
	}
	if got := find(handlerstest.Administrator, "create"); len(got) < 4 || slices.ContainsFunc(got, func(p place) bool { return p.Kind != "Action" }) {
		t.Errorf("an administrator finds %v, want the actions", got)
	}
	if got := find(handlerstest.Auditor, "create"); len(got) != 0 {
		t.Errorf("an auditor finds %v", got)
	}
	if got := find(handlerstest.Auditor, strings.Repeat("x", 5000)); len(got) != 0 {
		t.Errorf("an endless search finds %v", got)
	}
}

func TestPaletteOffersThePagesOfTheProjectThatTheVisitorIsIn(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Project(t, site.Store, "Zoo")
	v := site.SignIn(t, handlerstest.Auditor)
	for project, want := range map[string]string{"Zoo": "Zoo", "Default": "Default", "": "Default", "Nowhere": "Default"} {
		p := v.Get(t, "/palette?q=credentials&project="+project)
		if want := `"href":"` + link.Credentials(want) + `"`; strings.Count(p.Body, `"href"`) != 1 || !strings.Contains(p.Body, want) {
			t.Errorf("in %q: %s, want %s alone", project, p.Body, want)
		}
	}
}

func TestPaletteFindsWhoeverCallsAndWhatSigns(t *testing.T) {
	t.Parallel()
	l := newLocksmith(t)
	credential(t, l.site, "shop <b>client", func(d *models.CredentialDraft) { d.FullName = "The app" })
	role(t, l.site, "shop+buyer")
	if _, err := l.site.Store.SaveIdentitySource(t.Context(), modelstest.By(), l.site.Project.ID, "", 0, modelstest.NewDirectory(identity.LDAP, "Shop staff"), nil); err != nil {
		t.Fatal(err)
	}
	key := l.key(t, models.KeyActive)
	source, client, role := link.IdentitySource("Default", "Shop staff"), link.Credential("Default", "shop <b>client"), link.Roles("Default")+"?q=shop%2Bbuyer"
	signing := link.Key("production", key.ID)
	for query, want := range map[string][]string{
		"SHOP": {"Credential shop <b>client " + client, "Identity source Shop staff " + source, "Role shop+buyer " + role},
		"app":  {"Credential shop <b>client " + client},
		"es25": {"Key ES256 " + signing}, key.Kid[:9]: {"Key ES256 " + signing},
	} {
		p := l.site.SignIn(t, handlerstest.Auditor).Get(t, "/palette?q="+url.QueryEscape(query))
		wantStatus(t, p, http.StatusOK)
		var places []struct{ Label, Href, Kind string }
		if err := json.Unmarshal([]byte(p.Body), &places); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range places {
			got = append(got, f.Kind+" "+f.Label+" "+f.Href)
			if page := l.v.Get(t, f.Href); page.Status != http.StatusOK {
				t.Errorf("%s answers %d", f.Href, page.Status)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Account)
	wantText(t, page.One(t, "aside"), "Auditor")
	t.Run("each password problem stands at its field", func(t *testing.T) {
		cases := []struct {
			name                 string
			current, next, again string
			wrong                []string
		}{
			{"nothing typed", "", "", "", []string{"currentPassword"}},
			{"a wrong one and a short one", "guessed-it", "short", "short", []string{"currentPassword", "newPassword"}},
			{"two different ones", handlerstest.Password, "a long password", "another password", []string{"confirmPassword"}},
			{"the same as before", handlerstest.Password, handlerstest.Password, handlerstest.Password, []string{"newPassword"}},
		}
		for _, c := range cases {
			p := v.Submit(t, page, "#password-form", url.Values{"currentPassword": {c.current}, "newPassword": {c.next}, "confirmPassword": {c.again}})
			wantStatus(t, p, http.StatusUnprocessableEntity)
			var wrong []string
			for _, input := range p.All("#password-form [aria-invalid]") {
				wrong = append(wrong, input.Attr("name"))
				if input.Attr("value") != "" {
					t.Errorf("%s: a password comes back", c.name)
				}
			}
			if diff := cmp.Diff(c.wrong, wrong); diff != "" {
				t.Errorf("%s:\n%s", c.name, diff)
			}
		}
	})
	t.Run("the theme is remembered", func(t *testing.T) {
		p := v.Post(t, "/preferences/theme", url.Values{"theme": {"dark"}, "return": {link.Account}})
		if got := v.Follow(t, p).One(t, "html").Attr("data-theme"); got != "dark" {
			t.Errorf("theme %q, want dark", got)
		}
		wantStatus(t, v.Post(t, "/preferences/theme", url.Values{"theme": {"pink"}}), http.StatusUnprocessableEntity)
	})
}

func TestChoosingAnEnvironment(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Environment(t, site.Store, "test")
	v := site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, "/audit?q=a")
	if got := page.One(t, "[popovertarget=choose-environment] .Chooser-current").Text(); got != "production" {
		t.Errorf("starts with %q, want production", got)
	}
	var form url.Values
	for _, f := range page.All("#choose-environment form") {
		if fields := handlerstest.Fields(f); fields.Get("environment") == "test" {
			form = fields
		}
	}
	p := v.Post(t, link.Environment, form)
	if p.Location() != "/audit?q=a" {
		t.Fatalf("leads to %q (%d), want back", p.Location(), p.Status)
	}
	if got := v.Follow(t, p).One(t, "[popovertarget=choose-environment] .Chooser-current").Text(); got != "test" {
		t.Errorf("shows %q, want test", got)
	}
	wantStatus(t, v.Post(t, link.Environment, url.Values{"environment": {"absent"}}), http.StatusNotFound)
	if p := v.Get(t, link.Environment+"?environment=production"); p.Status != http.StatusNotFound {
		t.Errorf("a link changes the choice: %d", p.Status)
	}
}
