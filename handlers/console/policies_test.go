package console_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

const jwt = jwtauth.TypeName

func listOf(t *testing.T, p handlerstest.Page) []string {
	t.Helper()
	return p.Texts("tbody th a")
}

func policyNamed(t *testing.T, site *handlerstest.Site, name string) models.Policy {
	t.Helper()
	p, err := site.Store.Policy(t.Context(), site.Project.ID, jwt, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantStatus(t *testing.T, p handlerstest.Page, status int) {
	t.Helper()
	if p.Status != status {
		t.Fatalf("status %d, want %d: %s", p.Status, status, p.Text())
	}
}

func wantText(t *testing.T, n htmlcheck.Node, text string) {
	t.Helper()
	if got := n.Text(); !strings.Contains(got, text) {
		t.Errorf("%q is not in %q", text, got)
	}
}

func TestPolicyListBeginsWithOneAction(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Get(t, link.Policies("Default", jwt))
	if got, want := p.One(t, "main a.Button--primary").Attr("href"), link.NewPolicy("Default", jwt); got != want {
		t.Errorf("leads to %q, want %q", got, want)
	}
	if auditor := site.SignIn(t, handlerstest.Auditor).Get(t, link.Policies("Default", jwt)); auditor.Has("main a.Button") {
		t.Error("an auditor is offered to create one")
	}
	modelstest.Policy(t, site.Store, site.Project.ID, "only")
	p = v.Get(t, link.Policies("Default", jwt)+"?q=other&sort=-name")
	wantText(t, p.One(t, ".EmptyState"), "No policy matches")
	if got := p.One(t, ".EmptyState a").Attr("href"); got != link.Policies("Default", jwt)+"?sort=-name" {
		t.Errorf("clearing leads to %q", got)
	}
}

func TestPolicyListIsSearchedSortedAndPaged(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	for i := range 60 {
		modelstest.Policy(t, site.Store, site.Project.ID, fmt.Sprintf("team-%02d", i), func(c *jwtauth.Config) {
			c.Active = i%2 == 0
			c.Description = fmt.Sprintf("number %d of 100%%", i)
		})
	}
	base := link.Policies("Default", jwt)
	cases := []struct {
		name, query string
		want        []string
		pager       string
	}{
		{"the first page", "", []string{"team-00", "team-01"}, "1–50 of 60 policies"},
		{"the second page", "?page=2", []string{"team-50", "team-51"}, "51–60 of 60 policies"},
		{"a page after the last is the last", "?page=99", []string{"team-50", "team-51"}, "51–60 of 60 policies"},
		{"backwards", "?sort=-name", []string{"team-59", "team-58"}, "1–50 of 60 policies"},
		{"by a column that there is not", "?sort=;drop", []string{"team-00", "team-01"}, "1–50 of 60 policies"},
		{"a part of a name, whatever the case", "?q=EAM-3", []string{"team-30", "team-31"}, "1–10 of 10 policies"},
		{"a word of the description", "?q=number+7+", []string{"team-07"}, "1–1 of 1 policy"},
		{"a wildcard of the database is only a character", "?q=%25", []string{"team-00", "team-01"}, "1–50 of 60 policies"},
		{"an underscore too", "?q=_", nil, ""},
		{"only passive ones", "?status=passive", []string{"team-01", "team-03"}, "1–30 of 30 policies"},
		{"search, status and order together", "?q=team-1&status=active&sort=-name", []string{"team-18", "team-16"}, "1–5 of 5 policies"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := v.Get(t, base+c.query)
			wantStatus(t, p, http.StatusOK)
			got := listOf(t, p)
			if diff := cmp.Diff(c.want, got[:min(len(got), len(c.want))]); diff != "" {
				t.Error(diff)
			}
			if pager := strings.Join(p.Texts(".Pager-text"), ""); pager != c.pager {
				t.Errorf("pager %q, want %q", pager, c.pager)
			}
		})
	}
	t.Run("the next page keeps the search and the order", func(t *testing.T) {
		p := v.Get(t, base+"?q=team&sort=-name&status=")
		next := p.One(t, ".Pager a[rel=next]").Attr("href")
		if got := listOf(t, v.Get(t, next)); len(got) != 10 || got[0] != "team-09" {
			t.Errorf("%s lists %v", next, got)
		}
	})
}

func TestCreatingAPolicy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.NewPolicy("Default", jwt))
	want := url.Values{
		"active": {"true"}, "name": {""}, "description": {""}, "grantType": {"CLIENT_CREDENTIALS"}, "tokenExpiresInAmount": {"15"},
		"tokenExpiresInUnit": {"MINUTES"}, "jwtSignatureAlgorithm": {"RS256"}, "leewaySeconds": {"30"}, "userHeaderName": {"X-Authenticated-UserId"},
		"managedFromThisPolicy": {"true"}, "setIdentityToContext": {"true"}, "signingKeyName": {""},
		"authenticationType": {"SECRET_MANAGER"}, "identityProviderName.LDAP": {""}, "identityProviderName.DATABASE": {""}, "identityProviderName.API": {""},
		"jwtRegeneratorApiName": {""}, "refreshTokenCount": {"3"}, "refreshTokenExpiresInAmount": {"8"}, "refreshTokenExpiresInUnit": {"HOURS"},
		"refreshTokenMaxActive": {""}, "authorization.authorizationType": {""}, "authorization.authorizationProviderName.LDAP": {""},
		"authorization.authorizationProviderName.DATABASE": {""}, "authorization.authorizationProviderName.API": {""},
		"authorization.credentialRoleNameList": {""}, "authorization.roleRequirement": {"ANY"}, "authorization.rolesHeaderName": {"X-Authenticated-UserRoles"},
		"authorization.policyAuthorizationMethodDefList.rows": {"0"}, "conditionUnmetAction": {"SKIP"},
	}
	starts := handlerstest.Fields(page.One(t, "#policy-form"))
	maps.DeleteFunc(starts, func(name string, _ []string) bool { return strings.HasPrefix(name, "errors.") }) // see TestAnEmptyFormCustomizesNoMessage
	if diff := cmp.Diff(want, starts); diff != "" {
		t.Errorf("an empty form starts with other values (D8):\n%s", diff)
	}
	cases := []struct{ name, policy string }{
		{"Turkish letters", "Üretim_Şifreli_İğdır"}, {"markup", "<script>alert(1)"}, {"the longest name", strings.Repeat("ğ", 255)},
		{"a word of our own addresses", "new"}, {"signs of an address", "50% of a?b#c&d;e+f"}, {"quotes", `"a" 'b'`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := v.Submit(t, page, "#policy-form", url.Values{"name": {c.policy}, "clearAuth": {"true"}})
			wantStatus(t, p, http.StatusSeeOther)
			shown := v.Follow(t, p)
			wantStatus(t, shown, http.StatusOK)
			if got := shown.One(t, "h1").Text(); got != strings.Join(strings.Fields(c.policy), " ") {
				t.Errorf("the page is headed %q, want %q", got, c.policy)
			}
			wantText(t, shown.One(t, "[data-toasts]"), "was created.")
			edit := v.Get(t, link.PolicyEdit("Default", jwt, c.policy))
			if got := edit.One(t, "#policy-form input[name=name]").Attr("value"); got != c.policy {
				t.Errorf("the form holds %q, want %q", got, c.policy)
			}
			if !edit.One(t, "input[name=clearAuth]").HasAttr("checked") {
				t.Error("the ticked box was not kept")
			}
		})
	}
}

func TestAPolicyFormKeepsWhatWasTypedAndSaysEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	modelstest.Policy(t, site.Store, site.Project.ID, "Taken")
	page := v.Get(t, link.NewPolicy("Default", jwt))
	typed := url.Values{
		"name": {"TAKEN"}, "description": {strings.Repeat("ş", 1001)}, "tokenExpiresInAmount": {"1x5"}, "leewaySeconds": {"9999"},
		"addUserToHeader": {"true"}, "userHeaderName": {"Host"}, "clearAuth": {"true"}, "active": nil,
	}
	p := v.Submit(t, page, "#policy-form", typed)
	wantStatus(t, p, http.StatusUnprocessableEntity)
	fields := []string{"name", "description", "tokenExpiresInAmount", "leewaySeconds", "userHeaderName"}
	var linked []string
	for _, a := range p.All("[data-problems] a") {
		linked = append(linked, strings.TrimPrefix(a.Attr("href"), "#f-"))
	}
	if diff := cmp.Diff(fields, linked); diff != "" {
		t.Errorf("the summary names other fields, or in another order than the form:\n%s", diff)
	}
	for _, field := range fields {
		control := p.One(t, "#policy-form [name="+field+"]")
		if control.Attr("aria-invalid") != "true" || control.DescribedBy(t, p.Node) == "" {
			t.Errorf("%s is not marked: %s", field, control.HTML())
		}
	}
	if got := p.All("[autofocus]"); len(got) != 1 || got[0].Attr("name") != "name" {
		t.Errorf("the cursor goes to %d fields, want the first wrong one", len(got))
	}
	sent := handlerstest.Fields(p.One(t, "#policy-form"))
	for name, want := range typed {
		if diff := cmp.Diff([]string(want), sent[name]); diff != "" && len(want) > 0 {
			t.Errorf("%s came back changed:\n%s", name, diff)
		}
	}
	if _, ticked := sent["active"]; ticked {
		t.Error("the box that was unticked is ticked again")
	}
	wantText(t, p.One(t, "[data-changes]"), "Not saved")
}

func TestFieldsThatDoNotMatterDoNotStandInTheWay(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := v.Submit(t, v.Get(t, link.NewPolicy("Default", jwt)), "#policy-form", url.Values{
		"name": {"forever"}, "tokenNeverExpires": {"true"}, "tokenExpiresInAmount": {"x"}, "userHeaderName": {"\x01"},
	})
	wantStatus(t, p, http.StatusSeeOther)
	shown := v.Follow(t, p)
	wantText(t, shown.Node, "Never expires")
	wantText(t, shown.One(t, "aside"), "A stolen token works for ever")
}

func TestAnHTMXFormIsAnsweredForHTMX(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator).HTMX()
	page := v.Get(t, link.NewPolicy("Default", jwt))
	bad := v.Submit(t, page, "#policy-form", nil)
	wantStatus(t, bad, http.StatusUnprocessableEntity)
	bad.One(t, "#policy-form [data-problems]")
	good := v.Submit(t, page, "#policy-form", url.Values{"name": {"a b"}})
	if good.Status != http.StatusNoContent || good.Header.Get("HX-Redirect") != link.Policy("Default", jwt, "a b") || good.Body != "" {
		t.Errorf("status %d, HX-Redirect %q, body %q", good.Status, good.Header.Get("HX-Redirect"), good.Body)
	}
}

func TestPolicyNameCheck(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	taken := modelstest.Policy(t, site.Store, site.Project.ID, "Production_JWTAuth")
	cases := []struct {
		name, typed, except string
		free                bool
	}{
		{"a name that is free", "Another", "", true},
		{"a name that is taken", "Production_JWTAuth", "", false},
		{"in another letter case", "PRODUCTION_jwtauth", "", false},
		{"its own name", "production_JWTAuth", taken.ID, true},
		{"nothing", "", "", false},
		{"a blank at the start", " Another", "", false},
		{"a slash", "a/b", "", false},
		{"too long", strings.Repeat("a", 256), "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := v.Get(t, link.CheckPolicyName("Default")+"?"+url.Values{"name": {c.typed}, "except": {c.except}}.Encode())
			wantStatus(t, p, http.StatusOK)
			if p.Has(".Check--success") != c.free || p.Has(".Check--danger") == c.free || p.Text() == "" {
				t.Errorf("says %q, want free: %v", p.Text(), c.free)
			}
		})
	}
}

func TestAdviceFollowsWhatIsTyped(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.NewPolicy("Default", jwt))
	fields := handlerstest.Fields(page.One(t, "#policy-form"))
	fields.Set("jwtSignatureAlgorithm", "HS256")
	fields.Set("leewaySeconds", "nonsense")
	p := v.Post(t, page.One(t, "#policy-advice").Attr("hx-post"), fields)
	wantStatus(t, p, http.StatusOK)
	wantText(t, p.Node, "one secret does both")
}

func TestDuplicatingAPolicy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	long := strings.Repeat("ğ", 255)
	for original, offered := range map[string]string{"orders": "orders (Copy)", long: long[:2*248] + " (Copy)"} {
		modelstest.Policy(t, site.Store, site.Project.ID, original, func(c *jwtauth.Config) { c.LeewaySeconds = 7 })
		p := v.Get(t, link.PolicyDuplicate("Default", jwt, original))
		wantStatus(t, p, http.StatusOK)
		if got := p.One(t, "input[name=name]").Attr("value"); got != offered {
			t.Errorf("offers %q, want %q", got, offered)
		}
		wantStatus(t, v.Submit(t, p, "form.Confirm", nil), http.StatusSeeOther)
		if got := policyNamed(t, site, offered).Config.(*jwtauth.Config).LeewaySeconds; got != 7 {
			t.Errorf("the copy has a leeway of %d, want 7", got)
		}
	}
	wantStatus(t, v.Get(t, link.PolicyDuplicate("Default", jwt, "absent")), http.StatusNotFound)
}

// rewrite saves a policy behind the visitor's back.
func rewrite(t *testing.T, site *handlerstest.Site, p models.Policy, edit func(*jwtauth.Config)) {
	t.Helper()
	c := policyNamed(t, site, p.Name).Config.(*jwtauth.Config)
	edit(c)
	if _, err := site.Store.SavePolicy(t.Context(), models.Actor{Name: "grace"}, site.Project.ID, p.ID, p.Version, c); err != nil {
		t.Fatal(err)
	}
}

func TestAStaleSaveShowsBothSides(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "shared")
	page := v.Get(t, link.PolicyEdit("Default", jwt, "shared"))
	rewrite(t, site, p, func(c *jwtauth.Config) { c.Name, c.LeewaySeconds = "shared", 99 })
	both := v.Submit(t, page, "#policy-form", url.Values{"leewaySeconds": {"11"}, "description": {"mine <b>"}})
	wantStatus(t, both, http.StatusConflict)
	panel := both.One(t, "#policy-form [data-problems]")
	wantText(t, panel, "shared was changed by grace")
	var rows []string
	for _, row := range panel.All("tbody tr") {
		rows = append(rows, row.Text())
	}
	if diff := cmp.Diff([]string{"Description – None mine <b>", "Clock leeway 99 seconds 11 seconds"}, rows); diff != "" {
		t.Error(diff)
	}
	if got := both.One(t, "#policy-form input[name=leewaySeconds]").Attr("value"); got != "11" {
		t.Errorf("the form holds %q, want what was typed", got)
	}
	t.Run("discarding shows theirs", func(t *testing.T) {
		theirs := v.Get(t, panel.One(t, "a[data-discard]").Attr("href"))
		if got := theirs.One(t, "#policy-form input[name=leewaySeconds]").Attr("value"); got != "99" {
			t.Errorf("holds %q, want 99", got)
		}
	})
	t.Run("keeping saves over theirs", func(t *testing.T) {
		wantStatus(t, v.Submit(t, both, "#policy-form", nil), http.StatusSeeOther)
		if got := policyNamed(t, site, "shared").Config.(*jwtauth.Config).LeewaySeconds; got != 11 {
			t.Errorf("leeway %d, want 11", got)
		}
	})
	t.Run("but not over a third change that was never shown", func(t *testing.T) {
		again := v.Submit(t, both, "#policy-form", url.Values{"leewaySeconds": {"12"}})
		wantStatus(t, again, http.StatusConflict)
		wantText(t, again.One(t, "[data-problems]"), "was changed by ada")
	})
}

func TestAStaleSaveFindsAPolicyThatWasRenamed(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "before")
	page := v.Get(t, link.PolicyEdit("Default", jwt, "before"))
	rewrite(t, site, p, func(c *jwtauth.Config) { c.Name = "after" })
	both := v.Submit(t, page, "#policy-form", url.Values{"description": {"mine"}})
	wantStatus(t, both, http.StatusConflict)
	wantText(t, both.One(t, "[data-problems]"), "Name after before")
	wantStatus(t, v.Submit(t, both, "#policy-form", nil), http.StatusSeeOther)
	if got := policyNamed(t, site, "before"); got.ID != p.ID || got.Description != "mine" {
		t.Errorf("saved is %q of %s, want the same policy", got.Description, got.ID)
	}
}

func TestAPolicyDeletedWhileItsFormIsOpenCanBeCreatedAgain(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "gone")
	page := v.Get(t, link.PolicyEdit("Default", jwt, "gone"))
	if err := site.Store.DeletePolicy(t.Context(), models.Actor{Name: "grace"}, site.Project.ID, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	kept := v.Submit(t, page, "#policy-form", url.Values{"description": {"worth keeping"}})
	wantStatus(t, kept, http.StatusConflict)
	wantText(t, kept.One(t, "[data-problems]"), "gone was deleted by grace")
	wantText(t, kept.One(t, "[data-save]"), "Create it again")
	wantStatus(t, v.Submit(t, kept, "#policy-form", nil), http.StatusSeeOther)
	if got := policyNamed(t, site, "gone"); got.ID == p.ID || got.Description != "worth keeping" {
		t.Errorf("there is %s with %q", got.ID, got.Description)
	}
}

// The pages of global policies must not be a way around the rules of local ones.
func TestALocalPolicyIsNotAtHomeAmongGlobalOnes(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	proxy := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	modelstest.Policy(t, site.Store, site.Project.ID, "global")
	b, err := site.Store.AddBinding(t.Context(), modelstest.By(), site.Project.ID, proxy.ID, proxy.Version,
		models.NewBinding{Scope: "ALL", Pipeline: "REQUEST", Local: modelstest.JWT("local")})
	if err != nil {
		t.Fatal(err)
	}
	hidden := url.Values{"policyId": {b.Policy.ID}, "version": {strconv.Itoa(b.Policy.Version)}}
	edit := v.Get(t, link.PolicyEdit("Default", jwt, "global"))
	wantStatus(t, v.Submit(t, edit, "#policy-form", hidden), http.StatusForbidden)
	for _, path := range []string{link.PolicyStatus("Default", jwt, "global"), link.PolicyDelete("Default", jwt, "global")} {
		form := url.Values{"policyId": hidden["policyId"], "version": hidden["version"], "active": {"false"}}
		wantStatus(t, v.Post(t, path, form), http.StatusForbidden)
	}
	wantStatus(t, v.Get(t, link.Policy("Default", jwt, "local")), http.StatusNotFound)
}

func TestSwitchingAPolicy(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	modelstest.Policy(t, site.Store, site.Project.ID, "orders")
	list := link.Policies("Default", jwt) + "?q=ord"
	form := func(p handlerstest.Page) url.Values {
		values := handlerstest.Fields(p.One(t, "form.SwitchForm"))
		button := p.One(t, "button[role=switch]")
		values.Set(button.Attr("name"), button.Attr("value"))
		return values
	}
	path := link.PolicyStatus("Default", jwt, "orders")
	before := v.Get(t, list)
	t.Run("without JavaScript it leads back to the list as it was", func(t *testing.T) {
		p := v.Post(t, path, form(before))
		if p.Status != http.StatusSeeOther || p.Location() != list {
			t.Fatalf("status %d to %q, want 303 to %q", p.Status, p.Location(), list)
		}
		wantText(t, v.Follow(t, p).One(t, "[data-toasts]"), "orders is passive now.")
	})
	t.Run("a switch that is no longer current changes nothing and shows how it is", func(t *testing.T) {
		p := v.Post(t, path, form(before))
		wantStatus(t, p, http.StatusConflict)
		wantText(t, p.One(t, "[data-toasts]"), "It is passive.")
		if got := p.One(t, "button[role=switch]").Attr("aria-checked"); got != "false" {
			t.Errorf("the switch shows %q, want false", got)
		}
	})
	t.Run("with htmx the row comes back", func(t *testing.T) {
		p := v.HTMX().Post(t, path, form(v.Get(t, list)))
		wantStatus(t, p, http.StatusOK)
		if !strings.HasPrefix(strings.TrimSpace(p.Body), "<tr") || !strings.Contains(p.Body, `aria-checked="true"`) || !strings.Contains(p.Body, "orders is active now.") {
			t.Errorf("answers %s", p.Body)
		}
	})
	t.Run("with htmx a stale switch brings the true row and says why", func(t *testing.T) {
		p := v.HTMX().Post(t, path, form(before))
		wantStatus(t, p, http.StatusConflict)
		if !strings.HasPrefix(strings.TrimSpace(p.Body), "<tr") || !strings.Contains(p.Body, "was changed by ada in the meantime") {
			t.Errorf("answers %s", p.Body)
		}
	})
	t.Run("what is neither on nor off is refused", func(t *testing.T) {
		values := form(v.Get(t, list))
		values.Set("active", "perhaps")
		wantStatus(t, v.Post(t, path, values), http.StatusUnprocessableEntity)
	})
}

// inUse is a policy on two proxies, one of them live.
func inUse(t *testing.T, site *handlerstest.Site) models.Policy {
	t.Helper()
	p := modelstest.Policy(t, site.Store, site.Project.ID, "orders-jwt")
	live := modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), p)
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "drafts"), p)
	modelstest.Deploy(t, site.Store, live, "production")
	return p
}

func TestAPolicyInUseSaysWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	inUse(t, site)
	page := v.Get(t, link.Policy("Default", jwt, "orders-jwt"))
	var rows []string
	for _, row := range page.All("#usage tbody tr") {
		rows = append(rows, row.Text())
	}
	if diff := cmp.Diff([]string{
		"drafts API proxy All endpoints Request 1 production Not deployed Localize",
		"orders API proxy All endpoints Request 1 production Live revision 1 0 calls 0 live tokens Localize",
	}, rows); diff != "" {
		t.Error(diff)
	}
	edit := v.Get(t, link.PolicyEdit("Default", jwt, "orders-jwt"))
	wantText(t, edit.One(t, "aside"), "2 API proxies use it")
	saved := v.Follow(t, v.Submit(t, edit, "#policy-form", url.Values{"leewaySeconds": {"5"}}))
	wantText(t, saved.One(t, "[data-toasts]"), "orders-jwt was saved. 1 proxy needs a redeploy to take it over.")
	if got := saved.One(t, "[data-toasts] a").Attr("href"); got != link.NewBulkDeploy("Default", jwt, "orders-jwt") {
		t.Errorf("the message leads to %s", got)
	}
}

func TestAPolicyThatAGroupRunsAsThatOfAMemberSaysThatItIsNotOnlyProxies(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	inUse(t, site)
	drafts, err := site.Store.Proxy(t.Context(), site.Project.ID, "drafts")
	if err != nil {
		t.Fatal(err)
	}
	shop, _, err := site.Store.SaveProxyGroup(t.Context(), modelstest.By(), site.Project.ID, models.Owner{
		Name: "Shop", Route: engine.Route{BasePath: "/shop"}, Members: []models.Member{{ID: drafts.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, site.Store, shop, "production")
	edit := v.Get(t, link.PolicyEdit("Default", jwt, "orders-jwt"))
	wantText(t, edit.One(t, "aside"), "2 API proxies use it")
	saved := v.Follow(t, v.Submit(t, edit, "#policy-form", url.Values{"leewaySeconds": {"5"}}))
	wantText(t, saved.One(t, "[data-toasts]"), "orders-jwt was saved. 2 APIs and groups need a redeploy to take it over.")
	unused := modelstest.Policy(t, site.Store, site.Project.ID, "unused")
	wantText(t, v.Get(t, link.PolicyDelete("Default", jwt, unused.Name)).One(t, ".Confirm-effects"), "Nothing uses it: no API proxy and no group.")
}

func TestDeletingAPolicyInUseAsksForItsName(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	p := inUse(t, site)
	ask := v.Get(t, link.PolicyDelete("Default", jwt, "orders-jwt"))
	effects := ask.One(t, ".Confirm-effects")
	wantText(t, effects, "It is removed from 2 API proxies: drafts, orders.")
	wantText(t, effects, "1 of them is live in production.")
	for _, typed := range []string{"", "orders", "ORDERS-JWT"} {
		wantStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {typed}}), http.StatusUnprocessableEntity)
	}
	if _, err := site.Store.SetPolicyActive(t.Context(), models.Actor{Name: "grace"}, site.Project.ID, p.ID, p.Version, false); err != nil {
		t.Fatal(err)
	}
	stale := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"orders-jwt"}})
	wantStatus(t, stale, http.StatusConflict)
	wantText(t, stale.One(t, "form.Confirm"), "changed by grace since you opened this page")
	deleted := v.Submit(t, stale, "form.Confirm", url.Values{"confirm": {"orders-jwt"}})
	wantStatus(t, deleted, http.StatusSeeOther)
	wantText(t, v.Follow(t, deleted).One(t, "[data-toasts]"), "orders-jwt was deleted and removed from 2 API proxies. 1 proxy needs a redeploy")
	wantStatus(t, v.Submit(t, stale, "form.Confirm", url.Values{"confirm": {"orders-jwt"}}), http.StatusNotFound)
}

func TestDeletingAnUnusedPolicyTakesOneAnswer(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	modelstest.Policy(t, site.Store, site.Project.ID, "unused")
	ask := v.Get(t, link.PolicyDelete("Default", jwt, "unused"))
	if ask.Has("input[name=confirm]") {
		t.Error("asks for the name of a policy that nobody uses")
	}
	wantStatus(t, v.Submit(t, ask, "form.Confirm", nil), http.StatusSeeOther)
	wantStatus(t, v.Get(t, link.Policy("Default", jwt, "unused")), http.StatusNotFound)
}

func TestBulkActionsReportExactlyWhatHappened(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	var values []string
	for _, name := range []string{"a", "b", "c", "d"} {
		p := modelstest.Policy(t, site.Store, site.Project.ID, name, func(c *jwtauth.Config) { c.Active = name != "b" })
		values = append(values, fmt.Sprintf("%s:%d", p.ID, p.Version))
	}
	rewrite(t, site, policyNamed(t, site, "c"), func(c *jwtauth.Config) { c.LeewaySeconds = 1 })
	d := policyNamed(t, site, "d")
	if err := site.Store.DeletePolicy(t.Context(), modelstest.By(), site.Project.ID, d.ID, d.Version); err != nil {
		t.Fatal(err)
	}
	path := link.BulkPolicies("Default", jwt)
	said := func(p handlerstest.Page) string {
		wantStatus(t, p, http.StatusSeeOther)
		return v.Follow(t, p).One(t, "[data-toasts]").Text()
	}
	want := "1 policy was deactivated. 1 policy was so already. 1 policy was changed by somebody else in the meantime and left alone: c. 1 policy had been deleted before."
	if got := said(v.Post(t, path, url.Values{"do": {"deactivate"}, "policy": values})); !strings.Contains(got, want) {
		t.Errorf("says %q, want %q", got, want)
	}
	if got := said(v.Post(t, path, url.Values{"do": {"activate"}})); !strings.Contains(got, "Nothing was changed.") {
		t.Errorf("with nothing ticked says %q", got)
	}
	wantStatus(t, v.Post(t, path, url.Values{"do": {"explode"}, "policy": values}), http.StatusUnprocessableEntity)
	wantStatus(t, v.Post(t, path, url.Values{"do": {"activate"}, "policy": make([]string, 51)}), http.StatusUnprocessableEntity)
}

func TestBulkDeletionAsksFirstAndForAPhraseWhenInUse(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	used, free := inUse(t, site), modelstest.Policy(t, site.Store, site.Project.ID, "free")
	values := []string{fmt.Sprintf("%s:%d", used.ID, used.Version), fmt.Sprintf("%s:%d", free.ID, free.Version)}
	ask := v.Post(t, link.BulkPolicies("Default", jwt), url.Values{"do": {"delete"}, "policy": values})
	wantStatus(t, ask, http.StatusOK)
	wantText(t, ask.One(t, ".Confirm-effects"), "It is removed from 2 API proxies")
	wantStatus(t, v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"yes"}}), http.StatusUnprocessableEntity)
	done := v.Submit(t, ask, "form.Confirm", url.Values{"confirm": {"delete 2 policies"}})
	wantStatus(t, done, http.StatusSeeOther)
	wantText(t, v.Follow(t, done).One(t, "[data-toasts]"), "2 policies were deleted.")
}
