package jwtauth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// valid is a policy with nothing wrong, for tests to spoil.
func valid() *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name = "Orders"
	return c
}

func TestValidateNamesTheFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*jwtauth.Config)
		want  []string // fields with a problem
	}{
		"a complete policy is valid":                  {func(*jwtauth.Config) {}, nil},
		"another type":                                {func(c *jwtauth.Config) { c.Type = "jwt-auth" }, []string{"type"}},
		"no name":                                     {func(c *jwtauth.Config) { c.Name = "" }, []string{"name"}},
		"a name of blanks":                            {func(c *jwtauth.Config) { c.Name = "   " }, []string{"name"}},
		"a name with a leading blank":                 {func(c *jwtauth.Config) { c.Name = " Orders" }, []string{"name"}},
		"a name with a no-break space at its end":     {func(c *jwtauth.Config) { c.Name = "Orders\u00a0" }, []string{"name"}},
		"a name of 255 characters is allowed":         {func(c *jwtauth.Config) { c.Name = strings.Repeat("ü", 255) }, nil},
		"a name of 256 characters":                    {func(c *jwtauth.Config) { c.Name = strings.Repeat("ü", 256) }, []string{"name"}},
		"a name with a slash":                         {func(c *jwtauth.Config) { c.Name = "a/b" }, []string{"name"}},
		"a name with a backslash":                     {func(c *jwtauth.Config) { c.Name = `a\b` }, []string{"name"}},
		"a name of dots":                              {func(c *jwtauth.Config) { c.Name = ".." }, []string{"name"}},
		"a name with a line break":                    {func(c *jwtauth.Config) { c.Name = "a\nb" }, []string{"name"}},
		"a name with a zero byte":                     {func(c *jwtauth.Config) { c.Name = "a\x00b" }, []string{"name"}},
		"a name with a bidirectional override":        {func(c *jwtauth.Config) { c.Name = "a\u202eb" }, []string{"name"}},
		"a name with a zero width space":              {func(c *jwtauth.Config) { c.Name = "a\u200bb" }, []string{"name"}},
		"a name with a line separator":                {func(c *jwtauth.Config) { c.Name = "a\u2028b" }, []string{"name"}},
		"a name of broken UTF-8":                      {func(c *jwtauth.Config) { c.Name = "a\xffb" }, []string{"name"}},
		"a name in another script is allowed":         {func(c *jwtauth.Config) { c.Name = "Sipariş 注文" }, nil},
		"a description of 1000 characters is allowed": {func(c *jwtauth.Config) { c.Description = strings.Repeat("é", 1000) }, nil},
		"a description of 1001 characters":            {func(c *jwtauth.Config) { c.Description = strings.Repeat("é", 1001) }, []string{"description"}},
		"a description with paragraphs is allowed":    {func(c *jwtauth.Config) { c.Description = "One.\r\n\tTwo." }, nil},
		"a description with an escape character":      {func(c *jwtauth.Config) { c.Description = "\x1b[31m" }, []string{"description"}},
		"no grant":                                    {func(c *jwtauth.Config) { c.GrantType = "" }, []string{"grantType"}},
		"a grant that does not exist":                 {func(c *jwtauth.Config) { c.GrantType = "IMPLICIT" }, []string{"grantType"}},
		"PASSWORD without a source":                   {func(c *jwtauth.Config) { c.GrantType = "PASSWORD" }, []string{"authenticationType"}},
		"an unknown kind of source":                   {func(c *jwtauth.Config) { c.GrantType, c.AuthenticationType = "PASSWORD", "FILE" }, []string{"authenticationType"}},
		"a directory without its name":                {func(c *jwtauth.Config) { c.GrantType, c.AuthenticationType = "PASSWORD", "LDAP" }, []string{"identityProviderName"}},
		"the built-in source needs no name":           {func(c *jwtauth.Config) { c.GrantType, c.AuthenticationType = "PASSWORD", "SECRET_MANAGER" }, nil},
		"nothing about tokens where credentials issue them": {func(c *jwtauth.Config) {
			c.ManagedFromThisPolicy, c.Settings = false, issue.Settings{}
		}, nil},
		"refreshes without count and lifetime": {func(c *jwtauth.Config) { c.RefreshTokenAllowed = true },
			[]string{"refreshTokenCount", "refreshTokenExpiresInUnit", "refreshTokenExpiresInAmount"}},
		"authorization without roles":    {withRoles(func(a *jwtauth.Authorization) { a.CredentialRoleNameList = nil }), []string{"authorization.credentialRoleNameList"}},
		"authorization as it should be":  {withRoles(func(*jwtauth.Authorization) {}), nil},
		"a role with a comma":            {withRoles(func(a *jwtauth.Authorization) { a.CredentialRoleNameList[0] = "a,b" }), []string{"authorization.credentialRoleNameList"}},
		"a role twice":                   {withRoles(func(a *jwtauth.Authorization) { a.CredentialRoleNameList = []string{"a", "a"} }), []string{"authorization.credentialRoleNameList"}},
		"a requirement that is neither":  {withRoles(func(a *jwtauth.Authorization) { a.RoleRequirement = "SOME" }), []string{"authorization.roleRequirement"}},
		"roles from an unknown source":   {withRoles(func(a *jwtauth.Authorization) { a.AuthorizationType = "FILE" }), []string{"authorization.authorizationType"}},
		"roles from a nameless database": {withRoles(func(a *jwtauth.Authorization) { a.AuthorizationType = "DATABASE" }), []string{"authorization.authorizationProviderName"}},
		"a bad header for roles":         {withRoles(func(a *jwtauth.Authorization) { a.AddRolesToHeader, a.RolesHeaderName = true, "Cookie" }), []string{"authorization.rolesHeaderName"}},
		"one header for user and roles": {func(c *jwtauth.Config) {
			withRoles(func(a *jwtauth.Authorization) { a.AddRolesToHeader, a.RolesHeaderName = true, "x_user" })(c)
			c.AddUserToHeader, c.UserHeaderName = true, "X-User"
		}, []string{"authorization.rolesHeaderName"}},
		"two rows for one endpoint": {withRows(
			jwtauth.MethodAccess{Endpoint: "/a/{id}", HTTPMethod: "GET", CredentialRoleNameList: []string{"a"}, RoleRequirement: "ANY"},
			jwtauth.MethodAccess{Endpoint: "/a/{key}", HTTPMethod: "GET", CredentialRoleNameList: []string{"b"}, RoleRequirement: "ANY"},
		), []string{"authorization.policyAuthorizationMethodDefList[1].endpoint"}},
		"rows for two methods": {withRows(
			jwtauth.MethodAccess{Endpoint: "/a/{id}", HTTPMethod: "GET", CredentialRoleNameList: []string{"a"}, RoleRequirement: "ANY"},
			jwtauth.MethodAccess{Endpoint: "/a/{id}", HTTPMethod: "PUT", CredentialRoleNameList: []string{"b"}, RoleRequirement: "ALL"},
		), nil},
		"a row that is all wrong": {withRows(jwtauth.MethodAccess{Endpoint: "a b", HTTPMethod: "G T", CredentialRoleNameList: []string{"a b"}}),
			[]string{
				"authorization.policyAuthorizationMethodDefList[0].endpoint", "authorization.policyAuthorizationMethodDefList[0].httpMethod",
				"authorization.policyAuthorizationMethodDefList[0].credentialRoleNameList", "authorization.policyAuthorizationMethodDefList[0].roleRequirement",
			}},
		"authorization that is off is not looked at": {func(c *jwtauth.Config) { c.Authorization.RoleRequirement = "SOME" }, nil},
		"no algorithm":                       {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "" }, []string{"jwtSignatureAlgorithm"}},
		"the algorithm none":                 {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "none" }, []string{"jwtSignatureAlgorithm"}},
		"an algorithm in lower case":         {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = "rs256" }, []string{"jwtSignatureAlgorithm"}},
		"a negative leeway":                  {func(c *jwtauth.Config) { c.LeewaySeconds = -1 }, []string{"leewaySeconds"}},
		"no leeway is allowed":               {func(c *jwtauth.Config) { c.LeewaySeconds = 0 }, nil},
		"a leeway of 300 seconds is allowed": {func(c *jwtauth.Config) { c.LeewaySeconds = 300 }, nil},
		"a leeway of 301 seconds":            {func(c *jwtauth.Config) { c.LeewaySeconds = 301 }, []string{"leewaySeconds"}},
		"a lifetime without amount":          {func(c *jwtauth.Config) { c.TokenExpiresInAmount = 0 }, []string{"tokenExpiresInAmount"}},
		"a negative lifetime":                {func(c *jwtauth.Config) { c.TokenExpiresInAmount = -5 }, []string{"tokenExpiresInAmount"}},
		"a lifetime without unit":            {func(c *jwtauth.Config) { c.TokenExpiresInUnit = "" }, []string{"tokenExpiresInUnit"}},
		"a lifetime in unknown units":        {func(c *jwtauth.Config) { c.TokenExpiresInUnit = "FORTNIGHTS" }, []string{"tokenExpiresInUnit"}},
		"no lifetime where tokens never expire": {func(c *jwtauth.Config) {
			c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
		}, nil},
		"a user header without name":         {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "" }, []string{"userHeaderName"}},
		"a bad header name that is not used": {func(c *jwtauth.Config) { c.UserHeaderName = "a b" }, nil},
		"everything wrong at once": {func(c *jwtauth.Config) {
			*c = jwtauth.Config{Common: policy.Common{Description: "\x00"}, ManagedFromThisPolicy: true, LeewaySeconds: -1, AddUserToHeader: true}
		}, []string{"name", "description", "type", "grantType", "tokenExpiresInUnit", "tokenExpiresInAmount", "jwtSignatureAlgorithm", "leewaySeconds", "userHeaderName"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			tt.spoil(c)
			l := c.Validate()
			if diff := cmp.Diff(tt.want, fields(l)); diff != "" {
				t.Errorf("fields with a problem (-want +got):\n%s\n%v", diff, l)
			}
			for _, p := range l {
				if !strings.HasSuffix(p.Message, ".") {
					t.Errorf("%s: message %q is no sentence", p.Field, p.Message)
				}
			}
		})
	}
}

// withRoles spoils the authorization of a policy whose callers have roles.
func withRoles(spoil func(*jwtauth.Authorization)) func(*jwtauth.Config) {
	return func(c *jwtauth.Config) {
		c.GrantType, c.AuthenticationType = issue.Password, identity.SecretManager
		c.Authorization = jwtauth.Authorization{EnableAuthorization: true, CredentialRoleNameList: []string{"clerk"}, RoleRequirement: jwtauth.AnyRole}
		spoil(&c.Authorization)
	}
}

func withRows(rows ...jwtauth.MethodAccess) func(*jwtauth.Config) {
	return withRoles(func(a *jwtauth.Authorization) {
		a.EnableMethodAccess, a.PolicyAuthorizationMethodDefList = true, rows
	})
}

func fields(l problem.List) []string {
	var names []string
	for _, p := range l {
		names = append(names, p.Field)
	}
	return names
}

func TestHeaderNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "X User", "X:User", "X-User\r\n", "X-Üser", "X\x00", "X\x7f", "x,y", strings.Repeat("x", 101),
		"Authorization", "authorization", "AUTHORIZATION", "Connection", "Content-Length", "content_length", "Content-Type",
		"Host", "Transfer-Encoding", "Transfer_Encoding", "Upgrade", "Cookie", "Te", "Sec-WebSocket-Key", "Sec-Fetch-Site",
		"X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "X-Correlation-Id",
		"Proxy-Authorization", "Accept", "Accept-Encoding", "If-Match", "Access-Control-Allow-Origin", "X-HTTP-Method-Override",
	}
	for _, name := range bad {
		if jwtauth.HeaderNameProblem(name) == "" {
			t.Errorf("%q is accepted as the name of an identity header", name)
		}
	}
	good := []string{"X-Authenticated-UserId", "X-User", "x-user", "Client", "X_Client_Id", "!#$%&'*+-.^_`|~", strings.Repeat("x", 100)}
	for _, name := range good {
		if msg := jwtauth.HeaderNameProblem(name); msg != "" {
			t.Errorf("%q: %s", name, msg)
		}
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		amount int64
		unit   issue.TimeUnit
		want   time.Duration // 0: refused
	}{
		{999, issue.Milliseconds, 0},
		{1000, issue.Milliseconds, time.Second},
		{1001, issue.Milliseconds, 2 * time.Second},
		{100 * 365 * 86400 * 1000, issue.Milliseconds, 100 * 365 * day},
		{100*365*86400*1000 + 1, issue.Milliseconds, 0},
		{1, issue.Seconds, time.Second},
		{100 * 365 * 86400, issue.Seconds, 100 * 365 * day},
		{100*365*86400 + 1, issue.Seconds, 0},
		{15, issue.Minutes, 15 * time.Minute},
		{2, issue.Hours, 2 * time.Hour},
		{7, issue.Days, 7 * day},
		{2, issue.Weeks, 14 * day},
		{1, issue.Months, 30 * day},
		{1, issue.Years, 365 * day},
		{100, issue.Years, 100 * 365 * day},
		{101, issue.Years, 0},
		{300, issue.Years, 0}, // more than a time.Duration holds
		{1 << 62, issue.Years, 0},
		{1 << 62, issue.Milliseconds, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.amount, tt.unit), func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.TokenExpiresInAmount, c.TokenExpiresInUnit = tt.amount, tt.unit
			l := c.Validate()
			if refused := l.For("tokenExpiresInAmount") != ""; refused != (tt.want == 0) {
				t.Fatalf("problems: %v", l)
			}
			if got := c.Lifetime(); tt.want != 0 && got != tt.want {
				t.Errorf("Lifetime = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNormalizeDropsWhatMeansNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ change, want func(*jwtauth.Config) }{
		"a lifetime beside tokens that never expire": {
			func(c *jwtauth.Config) { c.TokenNeverExpires = true },
			func(c *jwtauth.Config) {
				c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = true, 0, ""
			},
		},
		"the name of a header that is not set": {
			func(c *jwtauth.Config) { c.UserHeaderName = "X-User" },
			func(*jwtauth.Config) {},
		},
		"a source that a client's grant does not ask": {
			func(c *jwtauth.Config) { c.AuthenticationType, c.IdentityProviderName = identity.LDAP, "corp" },
			func(*jwtauth.Config) {},
		},
		"clients with credentials keep their source and the address check": {
			func(c *jwtauth.Config) {
				c.AuthenticationType, c.IdentityProviderName, c.CheckClientIPAddress = identity.SecretManager, "x", true
			},
			func(c *jwtauth.Config) { c.AuthenticationType, c.CheckClientIPAddress = identity.SecretManager, true },
		},
		"PASSWORD without a source means the secret manager": {
			func(c *jwtauth.Config) { c.GrantType = issue.Password },
			func(c *jwtauth.Config) { c.GrantType, c.AuthenticationType = issue.Password, identity.SecretManager },
		},
		"a directory has neither addresses nor a regenerator": {
			func(c *jwtauth.Config) {
				c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, "corp"
				c.CheckClientIPAddress, c.JWTRegeneratorAPIName = true, "regen"
			},
			func(c *jwtauth.Config) {
				c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, identity.LDAP, "corp"
			},
		},
		"an API keeps its regenerator": {
			func(c *jwtauth.Config) {
				c.GrantType, c.AuthenticationType, c.IdentityProviderName, c.JWTRegeneratorAPIName = issue.Password, identity.API, "crm", "regen"
			},
			func(c *jwtauth.Config) {
				c.GrantType, c.AuthenticationType, c.IdentityProviderName, c.JWTRegeneratorAPIName = issue.Password, identity.API, "crm", "regen"
			},
		},
		"credentials decide about tokens": {
			func(c *jwtauth.Config) {
				c.ManagedFromThisPolicy, c.SigningKeyName, c.AllowURLParameters, c.CheckClientIPAddress = false, "own", true, true
				c.AuthenticationType, c.JWTRegeneratorAPIName = identity.API, "regen"
			},
			func(c *jwtauth.Config) { c.ManagedFromThisPolicy, c.Settings = false, issue.Settings{} },
		},
		"authorization where callers have no roles": {
			func(c *jwtauth.Config) {
				withRoles(func(*jwtauth.Authorization) {})(c)
				c.GrantType, c.AuthenticationType = issue.ClientCredentials, ""
			},
			func(*jwtauth.Config) {},
		},
		"authorization that is switched off": {
			func(c *jwtauth.Config) {
				withRoles(func(a *jwtauth.Authorization) { a.EnableAuthorization = false })(c)
			},
			func(c *jwtauth.Config) { c.GrantType, c.AuthenticationType = issue.Password, identity.SecretManager },
		},
		"a row without roles, and a method in small letters": {
			withRows(jwtauth.MethodAccess{Endpoint: "/a", HTTPMethod: "get"}, jwtauth.MethodAccess{Endpoint: "/b", HTTPMethod: "get", CredentialRoleNameList: []string{"b"}}),
			withRows(jwtauth.MethodAccess{Endpoint: "/b", HTTPMethod: "GET", CredentialRoleNameList: []string{"b"}, RoleRequirement: "ANY"}),
		},
		"rows while method access is off": {
			func(c *jwtauth.Config) {
				withRows(jwtauth.MethodAccess{Endpoint: "/b", HTTPMethod: "GET", CredentialRoleNameList: []string{"b"}})(c)
				c.Authorization.EnableMethodAccess = false
			},
			withRoles(func(*jwtauth.Authorization) {}),
		},
		"the default header for roles": {
			withRoles(func(a *jwtauth.Authorization) { a.AddRolesToHeader = true; a.RoleRequirement = "" }),
			withRoles(func(a *jwtauth.Authorization) {
				a.AddRolesToHeader, a.RolesHeaderName = true, jwtauth.DefaultRolesHeader
			}),
		},
		"a header without name gets the default": {
			func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "" },
			func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, jwtauth.DefaultUserHeader },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := valid(), valid()
			got.UserHeaderName, want.UserHeaderName = "", ""
			tt.change(got)
			tt.want(want)
			got.Normalize()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("normalised (-want +got):\n%s", diff)
			}
			again := *got
			again.Normalize()
			if diff := cmp.Diff(got, &again); diff != "" {
				t.Errorf("normalised twice (-once +twice):\n%s", diff)
			}
			if l := got.Validate(); len(l) > 0 {
				t.Errorf("what is left is wrong: %v", l)
			}
		})
	}
}

func TestSingularUnitsAreRead(t *testing.T) {
	t.Parallel()
	for _, unit := range issue.TimeUnits() {
		c := valid()
		c.TokenExpiresInAmount, c.TokenExpiresInUnit = 1000, unit[:len(unit)-1]
		c.Normalize()
		if c.TokenExpiresInUnit != unit {
			t.Errorf("%s became %s, want %s", unit[:len(unit)-1], c.TokenExpiresInUnit, unit)
		}
	}
	c := valid()
	c.TokenExpiresInUnit = "FORTNIGHT"
	c.Normalize()
	if c.TokenExpiresInUnit != "FORTNIGHT" {
		t.Errorf("an unknown unit became %s; it should be kept for its message", c.TokenExpiresInUnit)
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	want := &jwtauth.Config{
		Common:                policy.Common{Type: "policy-auth-jwt", Active: true},
		ManagedFromThisPolicy: true, Settings: issue.Settings{GrantType: "PASSWORD", TokenNeverExpires: true},
		LeewaySeconds: 30, SetIdentityToContext: true,
	}
	if diff := cmp.Diff(want, jwtauth.New()); diff != "" {
		t.Errorf("New (-want +got):\n%s", diff)
	}
	form := jwtauth.NewForm()
	if form.GrantType != issue.ClientCredentials || form.TokenNeverExpires || form.Lifetime() != 15*time.Minute || form.JWTSignatureAlgorithm != keys.RS256 {
		t.Errorf("the form starts with %+v, want RS256 tokens of 15 minutes (D8)", form)
	}
}

func TestAdviceNeverBlocksAndAlwaysOffersAWayOut(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*jwtauth.Config)
		want   []string // field and level
	}{
		"tokens that never expire":    {func(c *jwtauth.Config) { c.TokenNeverExpires = true }, []string{"tokenNeverExpires warning"}},
		"a lifetime of a day is fine": {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 24, "HOURS" }, nil},
		"a lifetime above a day":      {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 2, "DAYS" }, []string{"tokenExpiresInAmount warning"}},
		"a lifetime below a minute":   {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 59, "SECONDS" }, []string{"tokenExpiresInAmount note"}},
		"a lifetime without sense":    {func(c *jwtauth.Config) { c.TokenExpiresInAmount, c.TokenExpiresInUnit = 1<<62, "YEARS" }, nil},
		"a shared secret":             {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS512 }, []string{"jwtSignatureAlgorithm warning"}},
		"an uncommon algorithm":       {func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.EdDSA }, []string{"jwtSignatureAlgorithm note"}},
		"a long leeway":               {func(c *jwtauth.Config) { c.LeewaySeconds = 120 }, []string{"leewaySeconds note"}},
		"the token reaches the API":   {func(c *jwtauth.Config) { c.ClearAuth = false }, []string{"clearAuth note"}},
		"the default header": {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "x-authenticated-userid" },
			[]string{"userHeaderName note"}},
		"an underscore in the header": {func(c *jwtauth.Config) { c.AddUserToHeader, c.UserHeaderName = true, "X_User" },
			[]string{"userHeaderName note"}},
		"a user's password in a machine": {func(c *jwtauth.Config) { signIn(c, identity.LDAP); c.Authorization = roles("clerk") }, []string{"grantType note"}},
		"no roles are asked": {func(c *jwtauth.Config) { signIn(c, identity.LDAP) },
			[]string{"grantType note", "authorization.enableAuthorization note"}},
		"refreshes": {func(c *jwtauth.Config) {
			signIn(c, identity.LDAP)
			c.Authorization = roles("clerk")
			refresh(c, 3, 24)
			c.RefreshTokenMaxActive = 5
		},
			[]string{"grantType note", "refreshTokenAllowed note"}},
		"very many refreshes": {func(c *jwtauth.Config) { refresh(c, 11, 24) }, []string{"refreshTokenCount warning"}},
		"ten refreshes":       {func(c *jwtauth.Config) { refresh(c, 10, 24) }, nil},
		"refresh tokens of eight days": {func(c *jwtauth.Config) { refresh(c, 3, 8*24) },
			[]string{"refreshTokenExpiresInAmount warning"}},
		"refresh tokens that end before their access token": {func(c *jwtauth.Config) {
			refresh(c, 3, 1)
			c.TokenExpiresInAmount, c.TokenExpiresInUnit = 2, "HOURS"
		}, []string{"refreshTokenExpiresInAmount warning"}},
		"users with any number of logins": {func(c *jwtauth.Config) { signIn(c, identity.LDAP); c.Authorization = roles("clerk"); refresh(c, 3, 24) },
			[]string{"grantType note", "refreshTokenMaxActive note", "refreshTokenAllowed note"}},
		"an API that refreshes without a regenerator": {func(c *jwtauth.Config) {
			signIn(c, identity.API)
			c.Authorization = roles("clerk")
			refresh(c, 3, 24)
			c.RefreshTokenMaxActive = 5
		}, []string{"grantType note", "jwtRegeneratorApiName note", "refreshTokenAllowed note"}},
		"tokens in addresses": {func(c *jwtauth.Config) { c.AllowURLParameters = true }, []string{"allowUrlParameters warning"}},
		"the default header for roles": {func(c *jwtauth.Config) {
			c.AuthenticationType, c.Authorization = identity.SecretManager, roles("clerk")
			c.Authorization.AddRolesToHeader, c.Authorization.RolesHeaderName = true, "X-authenticated-userroles"
		}, []string{"authorization.rolesHeaderName note"}},
		"an underscore in the header for roles": {func(c *jwtauth.Config) {
			c.AuthenticationType, c.Authorization = identity.SecretManager, roles("clerk")
			c.Authorization.AddRolesToHeader, c.Authorization.RolesHeaderName = true, "X_Roles"
		}, []string{"authorization.rolesHeaderName note"}},
		"very many roles": {func(c *jwtauth.Config) {
			c.AuthenticationType, c.Authorization = identity.SecretManager, roles(strings.Fields(strings.Repeat("r ", 21))...)
		}, []string{"authorization.credentialRoleNameList note"}},
		"roles that are read on calls": {func(c *jwtauth.Config) {
			c.AuthenticationType, c.Authorization = identity.SecretManager, roles("clerk")
			c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName = identity.LDAP, "corp"
		}, []string{"authorization.authorizationType note"}},
		"what credentials decide is not the policy's to be advised on": {func(c *jwtauth.Config) {
			c.ManagedFromThisPolicy, c.TokenNeverExpires, c.AllowURLParameters, c.JWTSignatureAlgorithm = false, true, true, keys.HS256
		}, nil},
		"nothing to say": {func(*jwtauth.Config) {}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := valid()
			c.ClearAuth = true
			tt.change(c)
			var got []string
			for _, a := range jwtauth.Advise(c) {
				got = append(got, a.Field+" "+string(a.Level))
				if a.Text == "" || a.Instead == "" {
					t.Errorf("%s: advice without reason or way out: %+v", a.Field, a)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
		})
	}
}

func signIn(c *jwtauth.Config, kind identity.KindName) {
	c.GrantType, c.AuthenticationType, c.IdentityProviderName = issue.Password, kind, "corp"
}

func roles(names ...string) jwtauth.Authorization {
	return jwtauth.Authorization{EnableAuthorization: true, CredentialRoleNameList: names, RoleRequirement: jwtauth.AnyRole}
}

func refresh(c *jwtauth.Config, count int, hours int64) {
	c.RefreshTokenAllowed, c.RefreshTokenCount = true, count
	c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit = hours, issue.Hours
}

func TestASourceThatEnvironmentsShareIsWarnedOf(t *testing.T) {
	t.Parallel()
	if a, ok := jwtauth.AdviseShared("corp", []string{"production"}); ok {
		t.Errorf("one environment: %+v", a)
	}
	a, ok := jwtauth.AdviseShared("corp", []string{"production", "test"})
	if !ok || !strings.Contains(a.Text, "corp") || !strings.Contains(a.Text, "production, test") || a.Instead == "" {
		t.Errorf("two environments: %+v, %v", a, ok)
	}
}

func TestBodiesOfTheManagementAPIAreRead(t *testing.T) {
	t.Parallel()
	set := policy.Set{jwtauth.Type()}
	for name, tt := range map[string]struct {
		body string
		want func(*jwtauth.Config)
	}{
		"a body that names no source": {
			`{"type":"policy-auth-jwt","name":"n","tokenNeverExpires":false,"tokenExpiresInAmount":3600,"tokenExpiresInUnit":"SECONDS",
			"refreshTokenAllowed":true,"refreshTokenCount":5,"refreshTokenExpiresInAmount":86400,"refreshTokenExpiresInUnit":"SECOND",
			"allowUrlParameters":false,"managedFromThisPolicy":true,"grantType":"PASSWORD","jwtSignatureAlgorithm":"HS256"}`,
			func(c *jwtauth.Config) {
				c.AuthenticationType, c.JWTSignatureAlgorithm = identity.SecretManager, keys.HS256
				c.TokenNeverExpires, c.TokenExpiresInAmount, c.TokenExpiresInUnit = false, 3600, issue.Seconds
				c.RefreshTokenAllowed, c.RefreshTokenCount, c.RefreshTokenExpiresInAmount, c.RefreshTokenExpiresInUnit = true, 5, 86400, issue.Seconds
			},
		},
		"the least that can be said": {
			`{"type":"policy-auth-jwt","name":"n","jwtSignatureAlgorithm":"RS256"}`,
			func(c *jwtauth.Config) {
				c.AuthenticationType, c.JWTSignatureAlgorithm = identity.SecretManager, keys.RS256
			},
		},
		"nothing where nothing is meant": {
			`{"type":"policy-auth-jwt","name":"n","managedFromThisPolicy":false,"identityProviderName":null,"jwtRegeneratorApiName":null,
			"authorization":{"enableAuthorization":true,"credentialRoleNameList":["a"],"authorizationType":null}}`,
			func(c *jwtauth.Config) {
				c.ManagedFromThisPolicy, c.Settings, c.Authorization = false, issue.Settings{}, roles("a")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := set.Decode([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			want := jwtauth.New()
			want.Name = "n"
			tt.want(want)
			if diff := cmp.Diff(policy.Config(want), got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			text, err := policy.Encode(got)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := set.Decode(text); err != nil || cmp.Diff(got, back) != "" {
				t.Errorf("what was written reads as %v (%v)", cmp.Diff(got, back), err)
			}
		})
	}
}

func TestTypeBelongsInTheRequestLane(t *testing.T) {
	t.Parallel()
	typ := jwtauth.Type()
	if !slices.Equal(typ.Pipelines, []policy.Pipeline{policy.Request}) || typ.Allows(policy.Response) {
		t.Errorf("pipelines = %v", typ.Pipelines)
	}
	if c, ok := typ.New().(*jwtauth.Config); !ok || c.Base().Type != typ.Name {
		t.Errorf("New = %#v", typ.New())
	}
}
