package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/link"
)

const methodRows = "authorization.policyAuthorizationMethodDefList"

// source stores an identity source past the console.
func source(t *testing.T, site *handlerstest.Site, kind identity.KindName, name string) {
	t.Helper()
	_, err := site.Store.SaveIdentitySource(context.Background(), modelstest.By(), site.Project.ID, "", 0, modelstest.NewDirectory(kind, name), nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPolicyForUsersOfADirectory(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	source(t, site, identity.LDAP, "corp")
	source(t, site, identity.API, "crm")
	if _, err := site.Store.SaveRole(context.Background(), modelstest.By(), site.Project.ID, "", 0, "clerk", ""); err != nil {
		t.Fatal(err)
	}
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.NewPolicy("Default", jwtauth.TypeName))
	wantStatus(t, form, http.StatusOK)
	if got := form.Texts(`[name="identityProviderName.LDAP"] option`); !slices.Equal(got, []string{"Choose one", "corp"}) {
		t.Errorf("sources of LDAP: %v", got)
	}
	form.One(t, `[data-suggestion=clerk]`)
	form.One(t, `#f-identityProviderName-dialog tr[data-kind=API][data-name=crm]`)

	typed := url.Values{
		"name": {"Users"}, "grantType": {"PASSWORD"}, "authenticationType": {"LDAP"}, "authorization.enableAuthorization": {"true"},
		"authorization.credentialRoleNameList": {"clerk, staff"}, "authorization.enableMethodAccess": {"true"},
	}
	t.Run("a kind without a source says what is missing", func(t *testing.T) {
		wrong := v.Submit(t, form, "#policy-form", typed)
		wantStatus(t, wrong, http.StatusUnprocessableEntity)
		if got := wrong.Texts("[data-problems] a"); !slices.Equal(got, []string{"Identity/Role/Group Service"}) {
			t.Errorf("problems with %v", got)
		}
	})
	typed.Set("identityProviderName.LDAP", "corp")
	more := url.Values{"change": {methodRows + "+"}}
	for name, value := range typed {
		more[name] = value
	}
	grown := v.Submit(t, form, "#policy-form", more)
	wantStatus(t, grown, http.StatusOK)
	grown.One(t, `#policy-form [name="`+methodRows+`[0].endpoint"]`)
	if got := grown.One(t, "#policy-form [name=name]").Attr("value"); got != "Users" {
		t.Errorf("adding a row lost the name: %q", got)
	}
	saved := v.Submit(t, grown, "#policy-form", url.Values{
		methodRows + "[0].httpMethod": {"DELETE"}, methodRows + "[0].endpoint": {"/orders/{id}"},
		methodRows + "[0].credentialRoleNameList": {"boss"}, methodRows + "[0].roleRequirement": {"ALL"},
	})
	wantStatus(t, saved, http.StatusSeeOther)
	config, ok := policyNamed(t, site, "Users").Config.(*jwtauth.Config)
	if !ok {
		t.Fatal("no JWT policy")
	}
	if config.GrantType != issue.Password || config.AuthenticationType != identity.LDAP || config.IdentityProviderName != "corp" {
		t.Errorf("saved %s %s %s", config.GrantType, config.AuthenticationType, config.IdentityProviderName)
	}
	want := jwtauth.Authorization{
		EnableAuthorization: true, CredentialRoleNameList: []string{"clerk", "staff"}, RoleRequirement: jwtauth.AnyRole, EnableMethodAccess: true,
		PolicyAuthorizationMethodDefList: []jwtauth.MethodAccess{
			{Endpoint: "/orders/{id}", HTTPMethod: "DELETE", CredentialRoleNameList: []string{"boss"}, RoleRequirement: jwtauth.AllRoles},
		},
	}
	if diff := cmp.Diff(want, config.Authorization); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
	view := v.Follow(t, saved)
	for _, text := range []string{"LDAP: corp", "Any of clerk, staff", "DELETE /orders/{id}", "boss", "ENABLED"} {
		wantText(t, view.One(t, "main"), text)
	}
}

func TestAddingARowToAPolicyThatExistsSavesNothing(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	p := modelstest.Policy(t, site.Store, site.Project.ID, "standard")
	v := site.SignIn(t, handlerstest.Administrator)
	form := v.Get(t, link.PolicyEdit("Default", jwtauth.TypeName, "standard"))
	grown := v.Submit(t, form, "#policy-form", url.Values{"change": {methodRows + "+"}, "description": {"typed"}})
	wantStatus(t, grown, http.StatusOK)
	grown.One(t, `#policy-form [name="`+methodRows+`[0].endpoint"]`)
	wantText(t, grown.One(t, "#policy-form [name=description]"), "typed")
	if now := policyNamed(t, site, "standard"); now.Version != p.Version {
		t.Errorf("version %d became %d", p.Version, now.Version)
	}
	wantStatus(t, v.Submit(t, grown, "#policy-form", nil), http.StatusSeeOther)
}

func TestALocalPolicyFollowsTheEndpointsOfItsProxy(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	form := w.v.Get(t, link.Proxy("Default", "orders").NewLocalPolicy(jwtauth.TypeName)+"?pipeline=REQUEST")
	mustStatus(t, form, http.StatusOK)
	if got := form.One(t, `[href="`+link.Proxy("Default", "orders").Page()+`"][target=_blank]`).Text(); got != "Show API Key" {
		t.Errorf("the key is behind %q", got)
	}
	done := w.v.Submit(t, form, "#policy-form", url.Values{
		"name": {"own"}, "grantType": {"PASSWORD"}, "authorization.enableAuthorization": {"true"},
		"authorization.credentialRoleNameList": {"clerk"}, "authorization.enableMethodAccess": {"true"},
		methodRows + "[1].credentialRoleNameList": {"writer"},
	})
	mustStatus(t, done, http.StatusSeeOther)
	b := w.reload(t).Bindings[0]
	config, _ := b.Policy.Config.(*jwtauth.Config)
	want := []jwtauth.MethodAccess{{Endpoint: "/pets", HTTPMethod: "POST", CredentialRoleNameList: []string{"writer"}, RoleRequirement: jwtauth.AnyRole}}
	if diff := cmp.Diff(want, config.Authorization.PolicyAuthorizationMethodDefList); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}

	p := w.reload(t)
	p.Endpoints[1].Path = "/animals"
	if _, _, err := w.site.Store.SaveProxy(context.Background(), modelstest.By(), p.ProjectID, p); err != nil {
		t.Fatal(err)
	}
	edit := w.v.Get(t, link.Proxy("Default", "orders").BindingEdit(b.ID))
	mustStatus(t, edit, http.StatusOK)
	mustContain(t, edit.One(t, ".Endpoints").Text(), "/pets/{id}", "/animals", "No such endpoint")
}
