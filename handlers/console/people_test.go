package console_test

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity/ldaptest"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// member is a signed-in user with exactly these permissions in the site's project.
func member(t *testing.T, site *handlerstest.Site, name string, permissions ...models.Permission) *handlerstest.Visitor {
	t.Helper()
	modelstest.User(t, site.Store, name, models.RoleMember, handlerstest.Password)
	role, err := site.Store.SaveProjectRole(t.Context(), modelstest.By(), models.ProjectRole{Name: "Only " + name, Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	m := models.ProjectMember{UserName: name, Roles: []string{role.Name}}
	if _, err := site.Store.SaveProjectMember(t.Context(), modelstest.By(), site.Project.ID, m, models.AllPermissions()); err != nil {
		t.Fatal(err)
	}
	return site.SignIn(t, name)
}

func TestAUserIsMadeLockedAndDeleted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewUser)
	htmlcheck.Sound(t, form.Node)
	refused := v.Submit(t, form, "#user-form", url.Values{"name": {"ADA"}, "email": {"x"}, "fullName": {"Bob Builder"}})
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	if refused.One(t, "[name=fullName]").Attr("value") != "Bob Builder" || !refused.Has("[name=email][autofocus]") {
		t.Error("what was typed is lost, or the first bad field has no focus")
	}
	made := v.Submit(t, form, "#user-form", url.Values{"name": {"bob"}, "fullName": {"Bob Builder"}})
	mustStatus(t, made, http.StatusOK)
	htmlcheck.Sound(t, made.Node)
	password := made.One(t, ".CopyText code").Text()
	bob := site.Visitor(t)
	mustStatus(t, bob.Post(t, "/sign-in", url.Values{"name": {"bob"}, "password": {password}}), http.StatusSeeOther)
	if p := bob.Get(t, "/"); p.Status != http.StatusOK || !strings.Contains(p.Text(), "You are in no project yet") {
		t.Errorf("a member of nothing is shown %d %s", p.Status, p.Text())
	}

	list := v.Get(t, link.Users+"?q=builder")
	htmlcheck.Sound(t, list.Node)
	if n := len(list.All("tbody tr")); n != 1 {
		t.Errorf("the search finds %d users", n)
	}
	mustStatus(t, v.Submit(t, list, `form[action="/users/bob/lock"]`, nil), http.StatusSeeOther)
	if p := bob.Get(t, "/"); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location(), "/sign-in") {
		t.Errorf("locked, bob is answered %d", p.Status)
	}
	again := site.Visitor(t).Post(t, "/sign-in", url.Values{"name": {"bob"}, "password": {password}})
	if !strings.Contains(again.Text(), "The name or the password is wrong.") {
		t.Errorf("a locked user is told %s", again.Text())
	}
	ask := v.Get(t, link.UserDelete("bob"))
	htmlcheck.Sound(t, ask.Node)
	mustStatus(t, v.Submit(t, ask, ".Confirm", url.Values{"confirm": {"Bob"}}), http.StatusUnprocessableEntity)
	mustStatus(t, v.Submit(t, ask, ".Confirm", url.Values{"confirm": {"bob"}}), http.StatusSeeOther)
	if _, err := site.Store.UserByName(t.Context(), "bob"); err == nil {
		t.Error("bob is still there")
	}
}

func TestASaveOfAUserThatCameTooLateShowsTheOther(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.UserEdit(handlerstest.Auditor))
	mustStatus(t, v.Submit(t, form, "#user-form", url.Values{"fullName": {"First"}}), http.StatusSeeOther)
	late := v.Submit(t, form, "#user-form", url.Values{"fullName": {"Second"}})
	mustStatus(t, late, http.StatusConflict)
	mustStatus(t, v.Submit(t, late, "#user-form", nil), http.StatusSeeOther)
	if u, err := site.Store.UserByName(t.Context(), handlerstest.Auditor); err != nil || u.FullName != "Second" {
		t.Errorf("saved %+v, %v", u, err)
	}
}

func TestRolesAndMembersOfAProject(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewProjectRole)
	htmlcheck.Sound(t, form.Node)
	mustStatus(t, v.Submit(t, form, "#role-form", url.Values{"name": {"Releaser"}}), http.StatusUnprocessableEntity)
	mustStatus(t, v.Submit(t, form, "#role-form", url.Values{"name": {"Releaser"}, "permissions": {"API_MANAGEMENT:DEPLOY_UNDEPLOY", "PROJECT_MANAGEMENT:MANAGE"}}), http.StatusSeeOther)
	edit := v.Get(t, link.ProjectRoleEdit("Releaser"))
	if n := len(edit.All("[name=permissions][checked]")); n != 4 {
		t.Errorf("%d boxes are ticked, want what was chosen and what follows from it", n)
	}
	fixed := v.Get(t, link.ProjectRoleEdit("Project Owner"))
	if fixed.Has("[data-save]") || len(fixed.All("[name=permissions]")) != len(fixed.All("[name=permissions][disabled]")) {
		t.Error("the fixed role can be edited")
	}

	modelstest.User(t, site.Store, "bob", models.RoleMember, handlerstest.Password)
	modelstest.User(t, site.Store, "cyd", models.RoleMember, handlerstest.Password)
	members := v.Get(t, link.Members("Default"))
	htmlcheck.Sound(t, members.Node)
	mustStatus(t, v.Submit(t, members, "#member-form", url.Values{"user": {"nobody"}, "roles": {"Releaser"}}), http.StatusUnprocessableEntity)
	mustStatus(t, v.Submit(t, members, "#member-form", url.Values{"user": {"bob"}, "roles": {"Releaser"}}), http.StatusSeeOther)

	bob := site.SignIn(t, "bob")
	if p := bob.Get(t, "/"); p.Location() != link.Dashboard("Default") {
		t.Errorf("bob is led to %q", p.Location())
	}
	page := bob.Get(t, link.Members("Default"))
	if !page.Has(`[name=roles][value="Project Owner"][disabled]`) || page.Has(`[name=roles][value="Releaser"][disabled]`) {
		t.Error("the roles that bob cannot give can be chosen, or those that he can cannot")
	}
	// Attack: the disabled box, sent all the same.
	mustStatus(t, bob.Submit(t, page, "#member-form", url.Values{"user": {"cyd"}, "roles": {"Project Owner"}}), http.StatusUnprocessableEntity)
	own := bob.Get(t, link.MemberEdit("Default", "bob"))
	mustStatus(t, bob.Submit(t, own, ".Confirm", url.Values{"roles": {"Releaser", "API Security"}}), http.StatusUnprocessableEntity)
	mustStatus(t, bob.Submit(t, page, "#member-form", url.Values{"user": {"cyd"}, "roles": {"Releaser"}}), http.StatusSeeOther)
	leave := bob.Submit(t, bob.Get(t, link.MemberRemove("Default", "bob")), ".Confirm", nil)
	if leave.Location() != "/" {
		t.Errorf("having left the project, bob is led to %q", leave.Location())
	}
	mustStatus(t, bob.Get(t, link.Members("Default")), http.StatusForbidden)
}

func TestAMemberIsLedToWhatOpens(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	for permission, want := range map[models.Permission]string{
		models.ViewIdentity: link.Credentials("Default"), models.ViewProject: link.Members("Default"), models.ViewConnections: link.IdentitySources("Default"),
		models.ViewSettings: link.Policies("Default", "policy-auth-jwt"), models.ViewAnalytics: link.PolicyUsage("Default"),
	} {
		v := member(t, site, strings.ToLower(permission.Category()), permission)
		for _, path := range []string{"/", link.Project("Default")} {
			p := v.Get(t, path)
			if p.Location() != want {
				t.Errorf("%s at %s is led to %q, want %q", permission, path, p.Location(), want)
			}
		}
		page := v.Get(t, want)
		mustStatus(t, page, http.StatusOK)
		for _, a := range page.All(".Side a[href]") {
			if there := v.Get(t, a.Attr("href")); there.Status == http.StatusForbidden {
				t.Errorf("%s: the menu leads to %s, which is refused", permission, a.Attr("href"))
			}
		}
	}
}

func TestAProjectIsMadeDescribedAndDeleted(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewProject)
	htmlcheck.Sound(t, form.Node)
	mustStatus(t, v.Submit(t, form, "#project-form", url.Values{"name": {"DEFAULT"}}), http.StatusUnprocessableEntity)
	if p := v.Submit(t, form, "#project-form", url.Values{"name": {"Shop"}}); p.Location() != link.Members("Shop") {
		t.Errorf("a new project leads to %q", p.Location())
	}
	mustStatus(t, v.Submit(t, v.Get(t, link.ProjectEdit("Shop")), ".Confirm", url.Values{"description": {"What sells."}}), http.StatusSeeOther)
	if p := v.Get(t, link.ProjectList); !strings.Contains(p.Text(), "What sells.") {
		t.Error("the list does not say what it is")
	}
	modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	if p := v.Get(t, link.ProjectDelete("Default")); !strings.Contains(p.Text(), "cannot be deleted now") {
		t.Errorf("a project with a proxy: %s", p.Text())
	}
	mustStatus(t, v.Submit(t, v.Get(t, link.ProjectDelete("Shop")), ".Confirm", url.Values{"confirm": {"Shop"}}), http.StatusSeeOther)
	mustStatus(t, v.Get(t, link.Project("Shop")), http.StatusNotFound)
}

func TestOnesOwnAccount(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v, other := site.SignIn(t, handlerstest.Auditor), site.SignIn(t, handlerstest.Auditor)
	page := v.Get(t, link.Account)
	mustStatus(t, v.Submit(t, page, "#profile-form", url.Values{"email": {"otto"}}), http.StatusUnprocessableEntity)
	// Attack: more than one's own data, sent along.
	mustStatus(t, v.Submit(t, page, "#profile-form", url.Values{"fullName": {"Otto"}, "role": {models.RoleAdministrator}}), http.StatusSeeOther)
	if u, err := site.Store.UserByName(t.Context(), handlerstest.Auditor); err != nil || u.FullName != "Otto" || u.Role != models.RoleAuditor {
		t.Errorf("saved %+v, %v", u, err)
	}

	mustStatus(t, v.Submit(t, page, "#token-form", url.Values{"name": {"ci"}, "scope": {"some"}}), http.StatusUnprocessableEntity)
	mustStatus(t, v.Submit(t, page, "#token-form", url.Values{"name": {"ci"}, "expiresAt": {"soon"}}), http.StatusUnprocessableEntity)
	made := v.Submit(t, page, "#token-form", url.Values{"name": {"ci"}, "scope": {"some"}, "permissions": {"AUDIT:VIEW"}})
	mustStatus(t, made, http.StatusOK)
	value := made.One(t, ".CopyText code").Text()
	u, scope, err := site.Store.RedeemPersonalToken(t.Context(), secret.New(value))
	if err != nil || u.Name != handlerstest.Auditor || len(scope.Permissions) != 1 {
		t.Errorf("redeemed %+v %+v, %v", u, scope, err)
	}
	page = v.Get(t, link.Account)
	if strings.Contains(page.Body, value) {
		t.Error("the value is shown again")
	}
	revoke := regexp.MustCompile(`/account/tokens/[^"]+/revoke`).FindString(page.Body)
	// Attack: somebody else revokes it, and ends the session, knowing the ids.
	end := page.One(t, `form[action*="/account/sessions/"]`).Attr("action")
	stranger := site.SignIn(t, handlerstest.Administrator)
	mustStatus(t, stranger.Get(t, revoke), http.StatusNotFound)
	mustStatus(t, stranger.Post(t, revoke, nil), http.StatusNotFound)
	mustStatus(t, stranger.Post(t, end, nil), http.StatusNotFound)

	mustStatus(t, v.Submit(t, v.Get(t, revoke), ".Confirm", nil), http.StatusSeeOther)
	if _, _, err := site.Store.RedeemPersonalToken(t.Context(), secret.New(value)); err == nil {
		t.Error("the revoked token is good")
	}
	mustStatus(t, v.Post(t, end, nil), http.StatusSeeOther)
	if p := other.Get(t, link.Account); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location(), "/sign-in") {
		t.Errorf("the ended session is answered %d", p.Status)
	}
	mustStatus(t, v.Get(t, link.Account), http.StatusOK)
}

func TestSignInSettings(t *testing.T) {
	t.Parallel()
	server, site := ldaptest.Start(t), handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := v.Get(t, link.SignInSettings)
	htmlcheck.Sound(t, page.Node)
	typed := url.Values{
		"enabled": {"true"}, "url": {server.LDAPS}, "caCertificates": {server.CA}, "bindDn": {ldaptest.BindDN}, "bindPassword": {ldaptest.BindPassword}, "baseDn": {ldaptest.People},
	}
	wrong := url.Values{"enabled": {"true"}, "url": {"https://x"}, "bindPassword": {"secret words"}}
	refused := v.Submit(t, page, "#directory-form", wrong)
	mustStatus(t, refused, http.StatusUnprocessableEntity)
	if strings.Contains(refused.Body, "secret words") || !refused.Has("[name=url][autofocus]") {
		t.Error("the password comes back, or the first bad field has no focus")
	}
	test := func(values url.Values) handlerstest.Page {
		t.Helper()
		form := handlerstest.Fields(page.One(t, "#directory-form"))
		for name, value := range values {
			form[name] = value
		}
		return v.HTMX().Post(t, link.TestDirectory, form)
	}
	with := func(more url.Values) url.Values {
		all := url.Values{}
		for _, part := range []url.Values{typed, more} {
			for name, value := range part {
				all[name] = value
			}
		}
		return all
	}
	if p := test(with(url.Values{"test:name": {"ayse"}, "test:password": {ldaptest.Password}})); !strings.Contains(p.Text(), "ayse can log in") {
		t.Errorf("tested: %s", p.Text())
	}
	mustStatus(t, v.Submit(t, page, "#directory-form", typed), http.StatusSeeOther)
	page = v.Get(t, link.SignInSettings)
	if strings.Contains(page.Body, ldaptest.BindPassword) {
		t.Error("the stored password is on the page")
	}
	// Attack: the stored password, sent elsewhere by the test.
	if p := test(url.Values{"url": {"ldaps://attacker.example"}, "bindPassword": {""}}); !strings.Contains(p.Text(), "Enter it again") {
		t.Errorf("tested elsewhere: %s", p.Text())
	}
	if _, err := site.Store.CreateUser(t.Context(), modelstest.By(), models.User{Name: "ayse", Role: models.RoleMember, LoginType: models.LoginLDAP}, secret.Text{}); err != nil {
		t.Fatal(err)
	}
	signIn := url.Values{"name": {"ayse"}, "password": {ldaptest.Password}}
	mustStatus(t, site.Visitor(t).Post(t, "/sign-in", signIn), http.StatusSeeOther)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	down := site.Visitor(t).Post(t, "/sign-in", signIn)
	if down.Status != http.StatusServiceUnavailable || !strings.Contains(down.Text(), "does not answer") || strings.Contains(down.Text(), "127.0.0.1") {
		t.Errorf("while it is down: %d %s", down.Status, down.Text())
	}
	// Attack: which of these are names, and whose are they?
	for _, name := range []string{handlerstest.Auditor, "nobody"} {
		p := site.Visitor(t).Post(t, "/sign-in", url.Values{"name": {name}, "password": {"wrong password"}})
		if p.Status != down.Status || strings.ReplaceAll(p.Body, name, "ayse") != down.Body {
			t.Errorf("%s is answered %d %s", name, p.Status, p.Text())
		}
	}
}

func TestMakingAPolicyGlobalTakesTheRightToGlobalPolicies(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders")
	v := member(t, site, "builder", models.ManageAPIs)
	form := v.Get(t, "/projects/Default/proxies/orders/bindings/new/policy-auth-jwt?pipeline=REQUEST")
	mustStatus(t, form, http.StatusOK)
	if form.Has("[name=asGlobal]") {
		t.Error("the form offers it")
	}
	mustStatus(t, v.Submit(t, form, "#policy-form", url.Values{"name": {"x"}, "asGlobal": {"true"}}), http.StatusForbidden)
	mustStatus(t, v.Submit(t, form, "#policy-form", url.Values{"name": {"x"}}), http.StatusSeeOther)
	b := modelstest.Reload(t, site.Store, p).Bindings[0]
	globalize := link.Proxy("Default", "orders").BindingGlobalize(b.ID)
	if strings.Contains(v.Get(t, link.Proxy("Default", "orders").Develop()).Body, "/globalize") {
		t.Error("the lane offers it")
	}
	mustStatus(t, v.Get(t, globalize), http.StatusForbidden)
	mustStatus(t, v.Post(t, globalize, url.Values{"name": {"x"}}), http.StatusForbidden)
}

func TestPackagesAreAskedKindByKind(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	id := site.Project.ID
	modelstest.Bind(t, site.Store, modelstest.Proxy(t, site.Store, id, "orders"), modelstest.Policy(t, site.Store, id, "Company"))
	v := member(t, site, "exporter", models.ExportAPIs, models.ManageAPIs)
	choose := v.Get(t, link.ExportObjects("Default"))
	if choose.Has("option[value="+string(archive.KindPolicy)+"]") || !choose.Has("option[value=API_PROXY]") {
		t.Error("kinds are offered that may not be exported, or the others are not")
	}
	review := v.Get(t, link.ExportObject("Default", "API_PROXY", "orders"))
	mustStatus(t, review, http.StatusOK)
	alone := v.Submit(t, review, "#export-form", nil)
	if p, err := archive.Read([]byte(alone.Body)); err != nil || len(p.Objects) != 1 {
		t.Errorf("exported %d objects, %v", len(p.Objects), err)
	}
	// Attack: the dependency that the page left out, and the whole project.
	forced := v.Submit(t, review, "#export-form", url.Values{"dependency": {string(archive.KindPolicy) + "/Company"}})
	if forced.Status == http.StatusOK || !strings.Contains(forced.Text(), "You may not export global policies") {
		t.Errorf("forced: %d %s", forced.Status, forced.Text())
	}
	mustStatus(t, v.Get(t, link.ExportReview("Default")+"?all=true"), http.StatusForbidden)

	whole, err := site.Store.Export(t.Context(), id, models.ExportSelection{All: true})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := archive.Write(&file, whole); err != nil {
		t.Fatal(err)
	}
	answer, _ := sent(t, site, v, file.Bytes(), "")
	plan := v.Get(t, answer.Header.Get("Location"))
	if !strings.Contains(plan.Text(), "You may not import global policies into this project.") || strings.Contains(plan.Text(), "You may not import API proxies") {
		t.Errorf("the plan says %s", plan.Text())
	}
	apply := v.Post(t, answer.Header.Get("Location")+"/apply", url.Values{"digest": {"x"}})
	mustStatus(t, apply, http.StatusConflict)
}
