package jwtauth_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	engine "github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/jwtauth"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

func valid(changes ...func(*engine.Config)) *engine.Config {
	c := engine.NewForm()
	c.Name = "orders"
	for _, change := range changes {
		change(c)
	}
	c.Normalize()
	return c
}

func signIn(kind identity.KindName, name string) func(*engine.Config) {
	return func(c *engine.Config) {
		c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, kind, name
	}
}

func everything(c *engine.Config) {
	signIn(identity.API, "crm")(c)
	c.JWTRegeneratorAPIName, c.SigningKeyName, c.AllowURLParameters, c.SetIdentityToContext = "regen", "own", true, false
	c.ClearAuth, c.AddUserToHeader, c.UserHeaderName, c.LeewaySeconds = true, true, "X-Who", 0
	c.TokenExpiresInAmount, c.TokenExpiresInUnit, c.JWTSignatureAlgorithm = 3, issue.Weeks, keys.EdDSA
	c.RefreshTokenAllowed, c.RefreshTokenCount, c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit, c.RefreshTokenMaxActive = true, 4, 2, issue.Months, 7
	c.Authorization = engine.Authorization{
		EnableAuthorization: true, AddRolesToHeader: true, RolesHeaderName: "X-What", AuthorizationType: identity.LDAP, AuthorizationProviderName: "corp",
		CredentialRoleNameList: []string{"admin", "größe"}, RoleRequirement: engine.AllRoles, EnableMethodAccess: true,
		PolicyAuthorizationMethodDefList: []engine.MethodAccess{
			{Endpoint: "/orders/{id}", HTTPMethod: "DELETE", CredentialRoleNameList: []string{"admin", "ops"}, RoleRequirement: engine.AllRoles},
			{Endpoint: "/orders", HTTPMethod: "GET", CredentialRoleNameList: []string{"reader"}, RoleRequirement: engine.AnyRole},
		},
	}
}

func choices() policies.Choices {
	return policies.Choices{
		Sources: []policies.Source{
			{Kind: identity.LDAP, Name: "corp", Description: "Staff"}, {Kind: identity.LDAP, Name: "guests"},
			{Kind: identity.API, Name: "crm"}, {Kind: identity.API, Name: "regen"}, {Kind: identity.Database, Name: "shop"},
		},
		NewSource: "/new", Roles: []string{"admin", "ops"}, Keys: []policies.SigningKey{{Name: "own", Text: "RS256 in production"}},
	}
}

func in(endpoints ...policies.Endpoint) policies.Choices {
	c := choices()
	c.KeyPair, c.Proxy = "/keys", &policies.Proxy{Name: "shop", Endpoints: endpoints}
	return c
}

// What the form shows and what it sends back must be one and the same policy.
func TestWritingAndReadingGivesTheSamePolicy(t *testing.T) {
	t.Parallel()
	cases := map[string]*engine.Config{
		"a new one":                        valid(),
		"never expires":                    valid(func(c *engine.Config) { c.TokenNeverExpires = true }),
		"everything on":                    valid(everything),
		"access is managed by credentials": valid(everything, func(c *engine.Config) { c.ManagedFromThisPolicy = false }),
		"clients with credentials": valid(func(c *engine.Config) {
			c.AuthenticationType, c.CheckClientIPAddress = identity.SecretManager, true
		}),
		"users of the secret manager": valid(signIn(identity.SecretManager, ""), func(c *engine.Config) { c.CheckClientIPAddress = true }),
		"users of LDAP":               valid(signIn(identity.LDAP, "corp")),
		"users of a database":         valid(signIn(identity.Database, "shop")),
		"roles of the secret manager": valid(signIn(identity.LDAP, "corp"), func(c *engine.Config) {
			c.Authorization = engine.Authorization{EnableAuthorization: true, AuthorizationType: identity.SecretManager, CredentialRoleNameList: []string{"a"}}
		}),
		"passive, with a description": valid(func(c *engine.Config) { c.Active, c.Description = false, "two\nlines" }),
	}
	form := jwtauth.Form{}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := policies.Read(form, engine.TypeName, policies.Write(form, want))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// page is the form with its summary and its dialogs, as the console draws it.
func page(form jwtauth.Form, f policies.Fields) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		summary := ui.ProblemSummary(f.Problems, policies.LabelsOf(form, f.Problems...))
		for _, part := range []templ.Component{summary, form.Fields(f), form.Beside(f)} {
			if err := part.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// follow is v with the texts of the controls that are drawn.
func follow(v policies.Values, doc htmlcheck.Node) policies.Values {
	out := maps.Clone(v)
	for _, n := range doc.All("input[name]") {
		if typ := n.Attr("type"); typ == "text" || typ == "hidden" {
			out[n.Attr("name")] = n.Attr("value")
		}
	}
	return out
}

// A field that the form forgets to draw would be reset by every save.
func TestEveryFieldThatIsWrittenIsDrawnOnce(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	for name, c := range map[string]policies.Choices{"with choices": choices(), "with nothing to choose": {}} {
		v := form.Write(valid(everything))
		doc := htmlcheck.Render(t, form.Fields(policies.Fields{Values: v, Choices: c}))
		for field := range v {
			drawn := doc.All(`[name="` + field + `"]`)
			if field == "grantType" {
				drawn = drawn[:len(drawn)/2] // two cards
			}
			if len(drawn) != 1 {
				t.Errorf("%s: %s is drawn %d times, want once", name, field, len(drawn))
			}
		}
		if got := len(doc.All("[name=jwtSignatureAlgorithm] option[data-text]")); got != len(keys.Algorithms()) {
			t.Errorf("%s: %d algorithms say what they cost, want all %d", name, got, len(keys.Algorithms()))
		}
	}
}

func TestThePageIsSound(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	for name, f := range map[string]policies.Fields{
		"a global policy":           {Values: policies.Write(form, valid(everything)), Choices: choices()},
		"an empty one":              {Values: policies.Write(form, valid())},
		"one of a proxy":            {Values: policies.Write(form, valid(everything)), Choices: in(policies.Endpoint{Method: "GET", Path: "/orders"})},
		"a proxy without endpoints": {Values: policies.Write(form, valid(signIn(identity.LDAP, "corp"))), Choices: in()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			htmlcheck.Sound(t, htmlcheck.Render(t, page(form, f)))
		})
	}
}

// What is chosen and gone must not be replaced by whatever is the first of a list.
func TestWhatIsGoneStaysChosen(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	doc := htmlcheck.Render(t, form.Fields(policies.Fields{Values: policies.Write(form, valid(everything))}))
	for name, want := range map[string]string{
		"identityProviderName.API": "crm", "jwtRegeneratorApiName": "regen", "signingKeyName": "own",
		"authorization.authorizationProviderName.LDAP": "corp",
	} {
		if got := doc.One(t, `[name="`+name+`"] option[selected]`).Attr("value"); got != want {
			t.Errorf("%s: %q is chosen, want %q", name, got, want)
		}
	}
}

func TestARegeneratorIsAnAPI(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	doc := htmlcheck.Render(t, form.Fields(policies.Fields{Values: policies.Write(form, valid(signIn(identity.API, "crm"))), Choices: choices()}))
	var names []string
	for _, o := range doc.All("[name=jwtRegeneratorApiName] option") {
		names = append(names, o.Attr("value"))
	}
	if diff := cmp.Diff([]string{"", "crm", "regen"}, names); diff != "" {
		t.Error(diff)
	}
}

// Trying another kind of source must not lose the name that was chosen for the first.
func TestEachKindOfSourceKeepsItsOwnName(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid(signIn(identity.LDAP, "corp")))
	v["identityProviderName.DATABASE"] = "shop"
	for kind, want := range map[string]string{"LDAP": "corp", "DATABASE": "shop", "SECRET_MANAGER": ""} {
		v["authenticationType"] = kind
		c, problems := policies.Read(form, engine.TypeName, v)
		if got := c.(*engine.Config).IdentityProviderName; got != want || len(problems) > 0 {
			t.Errorf("%s: %q (%v), want %q", kind, got, problems, want)
		}
	}
}

func TestProblemsOfTheForm(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	rows := "authorization.policyAuthorizationMethodDefList"
	withAccess := valid(everything)
	cases := map[string]struct {
		from   *engine.Config
		change func(policies.Values)
		want   []string
	}{
		"nothing":                          {valid(), func(policies.Values) {}, nil},
		"users without a source":           {valid(signIn(identity.LDAP, "corp")), func(v policies.Values) { v["authenticationType"] = "" }, []string{"authenticationType"}},
		"a kind without a source":          {valid(signIn(identity.LDAP, "corp")), func(v policies.Values) { v["authenticationType"] = "DATABASE" }, []string{"identityProviderName"}},
		"a letter as leeway":               {valid(), func(v policies.Values) { v["leewaySeconds"] = "x" }, []string{"leewaySeconds"}},
		"a header without name":            {valid(), func(v policies.Values) { v.Tick("addUserToHeader", true); v["userHeaderName"] = " " }, []string{"userHeaderName"}},
		"a hidden letter":                  {valid(), func(v policies.Values) { v.Tick("tokenNeverExpires", true); v["tokenExpiresInAmount"] = "x" }, nil},
		"what credentials decide":          {valid(), func(v policies.Values) { v.Tick("managedFromThisPolicy", false); v["tokenExpiresInAmount"] = "x" }, nil},
		"no roles":                         {withAccess, func(v policies.Values) { v["authorization.credentialRoleNameList"] = " , " }, []string{"authorization.credentialRoleNameList"}},
		"a role of two words":              {withAccess, func(v policies.Values) { v["authorization.credentialRoleNameList"] = "Domain Users" }, []string{"authorization.credentialRoleNameList"}},
		"a row without roles":              {withAccess, func(v policies.Values) { v[rows+"[0].credentialRoleNameList"] = "" }, []string{rows}},
		"an endpoint of the proxy without": {withAccess, func(v policies.Values) { v[rows+"[0].credentialRoleNameList"] = ""; v.Tick(rows+"[0].listed", true) }, nil},
		"a path that is none": {withAccess, func(v policies.Values) {
			v[rows+"[0].credentialRoleNameList"], v[rows+"[0].endpoint"], v[rows+"[1].endpoint"] = "", "", "orders"
		}, []string{rows + "[0].endpoint"}},
		"roles where nobody has any": {valid(), func(v policies.Values) { v.Tick("authorization.enableAuthorization", true) }, nil},
		"too many rows":              {withAccess, func(v policies.Values) { v[rows+".rows"] = "99999999999" }, nil},
		"no number of rows":          {withAccess, func(v policies.Values) { v[rows+".rows"] = "x" }, nil},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := policies.Write(form, tt.from)
			tt.change(v)
			_, problems := policies.Read(form, engine.TypeName, v)
			var fields []string
			for _, p := range problems {
				fields = append(fields, p.Field)
			}
			if diff := cmp.Diff(tt.want, fields); diff != "" {
				t.Errorf("%s\n%v", diff, problems)
			}
			// Whatever the summary names must be there to go to.
			doc := htmlcheck.Render(t, page(form, policies.Fields{Values: v, Problems: problems, Choices: choices()}))
			for _, a := range doc.All("[data-problems] a") {
				doc.One(t, a.Attr("href"))
			}
			if len(doc.All("li")) < 100 { // it takes its time
				htmlcheck.Sound(t, doc)
			}
		})
	}
}

func TestTheTableFollowsTheEndpointsOfTheProxy(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	rows := "authorization.policyAuthorizationMethodDefList"
	v := policies.Write(form, valid(everything)) // DELETE /orders/{id}, GET /orders
	c := in(policies.Endpoint{Method: "POST", Path: "/orders"}, policies.Endpoint{Method: "DELETE", Path: "/orders/{order}"})
	problems := problem.List{{Field: rows + "[0].credentialRoleNameList", Message: "Wrong."}}
	doc := htmlcheck.Render(t, form.Fields(policies.Fields{Values: v, Choices: c, Problems: problems}))
	var got []string
	for i := range 3 {
		prefix := rows + "[" + string(rune('0'+i)) + "]"
		value := func(field string) string { return doc.One(t, `[name="`+prefix+"."+field+`"]`).Attr("value") }
		got = append(got, value("httpMethod")+" "+value("endpoint")+": "+value("credentialRoleNameList"))
	}
	want := []string{"POST /orders: ", "DELETE /orders/{order}: admin, ops", "GET /orders: reader"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text := doc.One(t, ".Endpoints").Text()
	if strings.Count(text, "No such endpoint") != 1 {
		t.Errorf("the row that is gone is not marked: %s", text)
	}
	// The first row that is saved is the second that is drawn.
	if at := doc.One(t, `[name="`+rows+`[1].credentialRoleNameList"]`); at.Attr("aria-invalid") != "true" {
		t.Error("the problem stands at another row")
	}
	back, wrong := policies.Read(form, engine.TypeName, follow(v, doc))
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	list := back.(*engine.Config).Authorization.PolicyAuthorizationMethodDefList
	if len(list) != 2 || list[0].Endpoint != "/orders/{order}" || !slices.Equal(list[0].CredentialRoleNameList, []string{"admin", "ops"}) {
		t.Errorf("read %+v", list)
	}
}

func TestARowIsAddedByAButton(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid(everything))
	if form.Change(v, "") || form.Change(v, "x+") {
		t.Error("another button changed the form")
	}
	if !form.Change(v, jwtauth.AddRow) {
		t.Fatal("the button does nothing")
	}
	doc := htmlcheck.Render(t, form.Fields(policies.Fields{Values: v}))
	doc.One(t, `[name="authorization.policyAuthorizationMethodDefList[2].endpoint"]`)
	doc.One(t, `button[name=change][value="`+jwtauth.AddRow+`"]`)
	if got, problems := policies.Read(form, engine.TypeName, v); len(problems) > 0 || len(got.(*engine.Config).Authorization.PolicyAuthorizationMethodDefList) != 2 {
		t.Errorf("an empty row counts: %v", problems)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, typed, want string }{
		{"letters", "15x", "Enter a whole number, such as 15."},
		{"nothing", "", "Enter a whole number, such as 15."},
		{"a fraction", "1.5", "Enter a whole number, such as 15."},
		{"zero", "0", "Enter how long a token lives, 1 or more."},
		{"more than a machine word", "99999999999999999999", "Enter at most 52560000 minutes, which is a hundred years."},
		{"blanks around it", " 15 ", ""},
	}
	form := jwtauth.Form{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := policies.Write(form, valid())
			v["tokenExpiresInAmount"] = c.typed
			_, problems := policies.Read(form, engine.TypeName, v)
			if got := problems.For("tokenExpiresInAmount"); got != c.want || len(problems) > 1 {
				t.Errorf("says %q (%d problems), want %q", got, len(problems), c.want)
			}
		})
	}
}

func TestALineBreakCountsOnce(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid())
	v["description"] = "a\r\nb"
	c, _ := policies.Read(form, engine.TypeName, v)
	if got := c.Base().Description; got != "a\nb" {
		t.Errorf("description %q", got)
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	say := func(changes ...func(*engine.Config)) map[string]string {
		words := map[string]string{}
		for _, s := range form.Settings(policies.Write(form, valid(changes...))) {
			if _, twice := words[s.Label]; twice {
				t.Errorf("%s is said twice", s.Label)
			}
			words[s.Label] = s.Text
		}
		return words
	}
	for name, tt := range map[string]struct{ got, want map[string]string }{
		"a plain policy": {say(func(c *engine.Config) { c.TokenExpiresInAmount = 1 }), map[string]string{
			"Manage From This Policy": "Yes", "Grant Type": "Client credentials", "Clients with credentials of their own": "No",
			"Token Expires In": "1 minute", "Refresh Token Allowed": "No", "JWT Signature Algorithm": "RS256", "Allow URL Parameters": "No",
			"Signing key": "The environment's", "Clock leeway": "30 seconds", "Clear Authentication Data": "No",
			"Set Resolved Identity to Context": "Yes", "Add Client Info to Header": "No",
		}},
		"one that leaves it to credentials": {say(func(c *engine.Config) { c.ManagedFromThisPolicy = false }), map[string]string{
			"Manage From This Policy": "No", "Clock leeway": "30 seconds", "Clear Authentication Data": "No",
			"Set Resolved Identity to Context": "Yes", "Add Client Info to Header": "No", "Authorization": "SUSPENDED",
		}},
		"everything": {say(everything), map[string]string{
			"Manage From This Policy": "Yes", "Grant Type": "Password", "Identity/Role/Group Service": "API: crm", "JWT Regenerator Service API": "regen",
			"Token Expires In": "3 weeks", "Refresh Token Allowed": "Yes", "Refresh Token Count": "4", "Refresh Token Expires In": "2 months",
			"Refreshable logins at once": "7", "JWT Signature Algorithm": "EdDSA", "Allow URL Parameters": "Yes", "Signing key": "own",
			"Clock leeway": "0 seconds", "Clear Authentication Data": "Yes", "Set Resolved Identity to Context": "No",
			"Add Client Info to Header": "Yes", "Authenticated User Header Name": "X-Who", "Authorization": "ENABLED",
			"Roles/Groups": "All of admin, größe", "Roles come from": "LDAP: corp", "Add Roles To Header": "Yes", "Roles Header Name": "X-What",
			"Enable Role/Group Based Method Access": "Yes", "DELETE /orders/{id}": "All of admin, ops", "GET /orders": "reader",
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestASharedSourceIsWarnedOfFirst(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	c := choices()
	c.Sources[0].Environments = []string{"production", "test"}
	advice := form.Advice(valid(signIn(identity.LDAP, "corp")), c)
	if len(advice) == 0 || advice[0].Label != "Identity/Role/Group Service" || !advice[0].Warning {
		t.Errorf("advice %+v", advice)
	}
	for _, a := range form.Advice(valid(signIn(identity.LDAP, "guests")), c) {
		if a.Field == "identityProviderName" {
			t.Errorf("another source is warned of: %+v", a)
		}
	}
}

func TestTheKeyIsOfferedInAProxyOnly(t *testing.T) {
	t.Parallel()
	form := jwtauth.Form{}
	v := policies.Write(form, valid())
	if n := len(htmlcheck.Render(t, form.Fields(policies.Fields{Values: v, Choices: choices()})).All(`a[href="/keys"]`)); n != 0 {
		t.Errorf("a global policy shows %d keys", n)
	}
	htmlcheck.Render(t, form.Fields(policies.Fields{Values: v, Choices: in()})).One(t, `a[href="/keys"]`)
}
