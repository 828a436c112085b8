package jwtauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jwt"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// asking is a policy for users that asks for roles.
func asking(names ...string) *jwtauth.Config {
	c := forUsers()
	c.Authorization = roles(names...)
	return c
}

func TestRolesDecideWhoMayCallWhat(t *testing.T) {
	t.Parallel()
	rows := []jwtauth.MethodAccess{
		{Endpoint: "/orders/{id}", HTTPMethod: "DELETE", CredentialRoleNameList: []string{"admin", "ops"}, RoleRequirement: jwtauth.AllRoles},
		{Endpoint: "/orders", HTTPMethod: "GET", CredentialRoleNameList: []string{"reader", "admin"}, RoleRequirement: jwtauth.AnyRole},
		{Endpoint: "/gone", HTTPMethod: "GET", CredentialRoleNameList: []string{"nobody"}, RoleRequirement: jwtauth.AnyRole},
	}
	tests := map[string]struct {
		requirement jwtauth.Requirement
		have        string
		endpoint    string // as the proxy spells it
		want        fault.Type
	}{
		"any, and one is there":                      {jwtauth.AnyRole, "clerk", "POST /orders", ""},
		"any, and none is there":                     {jwtauth.AnyRole, "guest", "POST /orders", fault.RoleMissing},
		"any, and no role at all":                    {jwtauth.AnyRole, "", "POST /orders", fault.RoleMissing},
		"any, in another letter case":                {jwtauth.AnyRole, "Clerk", "POST /orders", fault.RoleMissing},
		"any, and one that begins alike":             {jwtauth.AnyRole, "clerk2 cler", "POST /orders", fault.RoleMissing},
		"all, and all are there":                     {jwtauth.AllRoles, "staff x clerk", "POST /orders", ""},
		"all, and one is missing":                    {jwtauth.AllRoles, "clerk", "POST /orders", fault.RoleMissing},
		"an endpoint without row":                    {jwtauth.AnyRole, "clerk", "PUT /orders/{id}", ""},
		"an endpoint that asks for any":              {jwtauth.AnyRole, "clerk reader", "GET /orders", ""},
		"an endpoint whose roles are missing":        {jwtauth.AnyRole, "clerk", "GET /orders", fault.RoleMissing},
		"the endpoint's roles without the policy's":  {jwtauth.AnyRole, "reader admin ops", "GET /orders", fault.RoleMissing},
		"an endpoint that asks for all":              {jwtauth.AnyRole, "clerk admin ops", "DELETE /orders/{id}", ""},
		"an endpoint that asks for all, one missing": {jwtauth.AnyRole, "clerk admin", "DELETE /orders/{id}", fault.RoleMissing},
		"a parameter of another name":                {jwtauth.AnyRole, "clerk admin", "DELETE /orders/{orderId}", fault.RoleMissing},
		"another path":                               {jwtauth.AnyRole, "clerk", "GET /orders/{id}", ""},
		"a proxy without endpoints":                  {jwtauth.AnyRole, "clerk admin ops reader", "", fault.EndpointUnknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := asking("clerk", "staff")
			c.Authorization.RoleRequirement = tt.requirement
			c.Authorization.EnableMethodAccess, c.Authorization.PolicyAuthorizationMethodDefList = true, slices.Clone(rows)
			step := compileIn(t, c, nil)
			for range 2 {
				x := call("Bearer " + sign(t, keys.RS256, as("jane", strings.Fields(tt.have)...)))
				x.EndpointMethod, x.EndpointPath, _ = strings.Cut(tt.endpoint, " ")
				r := rejection(t, step.Do(x))
				if faultOf(r) != tt.want {
					t.Fatalf("Do = %v, want %q", r, tt.want)
				}
				if r != nil && r.Challenge != `Bearer realm="Orders", error="insufficient_scope"` {
					t.Errorf("challenge %q", r.Challenge)
				}
				if r != nil && (x.Identity.Subject != "" || len(x.Set) > 0 || fault.Find(r.Fault).Status != http.StatusForbidden) {
					t.Errorf("a refused call has the identity %+v, headers %v and %v", x.Identity, x.Set, fault.Find(r.Fault))
				}
			}
		})
	}
}

func TestRolesFromASourceThatIsAskedOnCalls(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection refused")
	boss := mobile()
	boss.Name, boss.Roles = "jane", []string{"clerk"}
	left := *boss
	left.Enabled = false
	likeOwner := *boss
	likeOwner.Name = client
	tests := map[string]struct {
		kind   identity.KindName
		source identity.Guarded
		person *identity.Credential
		claims func(*jwt.ClaimSet)
		want   fault.Type
		roles  string
	}{
		"the source knows a role":               {identity.LDAP, people{roles: map[string][]string{"jane": {"clerk", "x"}}}, nil, as("jane"), "", "clerk,x"},
		"the source took the role away":         {identity.LDAP, people{roles: map[string][]string{"jane": {"guest"}}}, nil, as("jane", "clerk"), fault.RoleMissing, ""},
		"the source does not know the user":     {identity.LDAP, people{}, nil, as("jane", "clerk"), fault.RoleMissing, ""},
		"the source is down":                    {identity.Database, people{roles: map[string][]string{"jane": {"clerk"}}, err: broken}, nil, as("jane", "clerk"), fault.RolesUnavailable, ""},
		"the source cannot look up":             {identity.API, people{err: identity.ErrNoLookup}, nil, as("jane", "clerk"), fault.RolesUnavailable, ""},
		"the source is not there":               {identity.API, nil, nil, as("jane", "clerk"), fault.RolesUnavailable, ""},
		"the source gives a role with a comma":  {identity.LDAP, people{roles: map[string][]string{"jane": {"clerk", "a,b"}}}, nil, as("jane"), fault.RolesUnavailable, ""},
		"the secret manager knows a role":       {identity.SecretManager, nil, boss, as("jane"), "", "clerk"},
		"the secret manager's entry is off":     {identity.SecretManager, nil, &left, as("jane", "clerk"), fault.RoleMissing, ""},
		"the secret manager does not know them": {identity.SecretManager, nil, mobile(), as("jane", "clerk"), fault.RoleMissing, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := asking("clerk")
			c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName = tt.kind, "people"
			c.Authorization.AddRolesToHeader, c.Authorization.RolesHeaderName = true, "X-Roles"
			d := directory{sources: map[string]identity.Guarded{}, credentials: map[string]*identity.Credential{}}
			if tt.source != nil {
				d.sources["Default/people"] = tt.source
			}
			if tt.person != nil {
				d.credentials[tt.person.Name] = tt.person
			}
			x := from(sign(t, keys.RS256, tt.claims), d)
			x.Context = context.Background()
			r := rejection(t, compileIn(t, c, nil).Do(x))
			if faultOf(r) != tt.want {
				t.Fatalf("Do = %v, want %q", r, tt.want)
			}
			if tt.want == fault.RolesUnavailable && fault.Find(r.Fault).Status != http.StatusServiceUnavailable {
				t.Errorf("status %d", fault.Find(r.Fault).Status)
			}
			if tt.want != "" {
				return
			}
			if diff := cmp.Diff([]policy.Field{{Name: "X-Roles", Value: tt.roles}}, x.Set); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if strings.Join(x.Identity.Roles, ",") != tt.roles {
				t.Errorf("identity %+v", x.Identity)
			}
		})
	}
}

func TestACredentialNamedLikeAnOwnersClientGivesItNoRoles(t *testing.T) {
	t.Parallel()
	c := valid()
	c.AuthenticationType = identity.SecretManager
	c.Authorization = roles("clerk")
	c.Authorization.AuthorizationType = identity.SecretManager
	namesake := mobile()
	namesake.Name = client
	x := from(sign(t, keys.RS256, nil), directory{credentials: map[string]*identity.Credential{client: namesake}})
	if r := rejection(t, compileIn(t, c, nil).Do(x)); faultOf(r) != fault.RoleMissing {
		t.Errorf("the owner's own client: %v", r)
	}
}

func TestAClientIsNobodyInADirectoryOfUsers(t *testing.T) {
	t.Parallel()
	c := valid()
	c.AuthenticationType = identity.SecretManager
	c.Authorization = roles("clerk")
	c.Authorization.AuthorizationType, c.Authorization.AuthorizationProviderName = identity.LDAP, "people"
	d := directory{sources: map[string]identity.Guarded{"Default/people": people{roles: map[string][]string{client: {"clerk"}}}}}
	if r := rejection(t, compileIn(t, c, nil).Do(from(sign(t, keys.RS256, nil), d))); faultOf(r) != fault.RoleMissing {
		t.Errorf("a client with the name of a user: %v", r)
	}
}

func TestAllRolesOfTheTokenAreHandedOn(t *testing.T) {
	t.Parallel()
	c := asking("clerk")
	c.AddUserToHeader, c.UserHeaderName = true, "X-User"
	c.Authorization.AddRolesToHeader, c.Authorization.RolesHeaderName = true, "X-Roles"
	step := compileIn(t, c, nil)
	for scope, want := range map[string]string{
		"clerk": "clerk", "clerk a:b/c;d+e": "clerk,a:b/c;d+e", "clerk größe 50%": "clerk,gr%C3%B6%C3%9Fe,50%25",
	} {
		x := call("Bearer " + sign(t, keys.RS256, as("jane", scope)))
		if err := step.Do(x); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]policy.Field{{Name: "X-User", Value: "jane"}, {Name: "X-Roles", Value: want}}, x.Set); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", scope, diff)
		}
		if !slices.Equal(x.Strip, []string{"X-User", "X-Roles"}) || strings.Join(x.Identity.Roles, " ") != scope {
			t.Errorf("%s: removed %v, identity %+v", scope, x.Strip, x.Identity)
		}
	}
}

func TestRolesOfTheCallersOwnWritingNeverArrive(t *testing.T) {
	t.Parallel()
	// A policy that asks for no roles cannot be saved; a step must hold all the
	// same.
	c := asking()
	c.Authorization.AddRolesToHeader, c.Authorization.RolesHeaderName = true, "X-Roles"
	step, err := c.Compile(runtime())
	if err != nil {
		t.Fatal(err)
	}
	x := call("Bearer " + sign(t, keys.RS256, as("jane")))
	x.Header.(http.Header).Set("X-Roles", "admin")
	if err := step.Do(x); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(x.Strip, "X-Roles") || len(x.Set) != 0 {
		t.Errorf("removed %v, set %v", x.Strip, x.Set)
	}
}

func TestTokensInTheQueryWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	good := sign(t, keys.RS256, nil)
	const (
		missing   = fault.TokenMissing
		ambiguous = fault.TokenAmbiguous
		notValid  = fault.TokenNotValid
	)
	tests := map[string]struct {
		fields []string
		query  string
		want   fault.Type
	}{
		"in the query":                      {nil, "a=1&access_token=" + good + "&b=2", ""},
		"alone in the query":                {nil, "access_token=" + good, ""},
		"with encoded dots":                 {nil, "access_token=" + strings.ReplaceAll(good, ".", "%2E"), ""},
		"with an encoded name":              {nil, "%61ccess_token=" + good, ""},
		"in the header":                     {[]string{"Bearer " + good}, "a=1", ""},
		"in both":                           {[]string{"Bearer " + good}, "access_token=" + good, ambiguous},
		"beside another scheme":             {[]string{"Basic dXNlcjpwYXNz"}, "access_token=" + good, ambiguous},
		"beside an empty header":            {[]string{""}, "access_token=" + good, ambiguous},
		"empty beside the header":           {[]string{"Bearer " + good}, "access_token=", ambiguous},
		"twice":                             {nil, "access_token=" + good + "&access_token=" + good, ambiguous},
		"twice in two spellings":            {nil, "access_token=" + good + "&access%5Ftoken=" + good, ambiguous},
		"before a semicolon":                {nil, "access_token=" + good + ";a=1", ambiguous},
		"behind a semicolon":                {nil, "a=1;access_token=" + good, ambiguous},
		"beside a semicolon somewhere else": {nil, "a=1;b=2&access_token=" + good, ""},
		"empty":                             {nil, "access_token=", missing},
		"without a value":                   {nil, "access_token", missing},
		"not at all":                        {nil, "a=1", missing},
		"in another case":                   {nil, "Access_Token=" + good, missing},
		"with a plus":                       {nil, "access_token=" + good + "+", notValid},
		"with a broken escape":              {nil, "access_token=" + good + "%", notValid},
		"very long":                         {nil, "access_token=" + strings.Repeat("a", 30000), notValid},
		"long once decoded":                 {nil, "access_token=" + strings.Repeat("a", 9000) + "%61", notValid},
	}
	c := valid()
	c.AllowURLParameters = true
	step := compileIn(t, c, nil)
	for name, tt := range tests {
		x := call(tt.fields...)
		x.RawQuery = tt.query
		if r := rejection(t, step.Do(x)); faultOf(r) != tt.want {
			t.Errorf("%s: %v, want %q", name, r, tt.want)
		}
	}
}

func TestWhereCredentialsIssueTokensTheySayWhetherTheQueryIsAllowed(t *testing.T) {
	t.Parallel()
	c := mobile()
	d := directory{credentials: map[string]*identity.Credential{"mobile": c}}
	step := compileIn(t, byCredential(), nil)
	for allowed, want := range map[bool]fault.Type{false: fault.TokenAmbiguous, true: ""} {
		c.Tokens.AllowURLParameters = allowed
		x := from("", d)
		x.Header, x.RawQuery = http.Header{}, "access_token="+sign(t, keys.RS256, ofCredential)
		if r := rejection(t, step.Do(x)); faultOf(r) != want {
			t.Errorf("allowed %v: %v, want %q", allowed, r, want)
		}
	}
}

func TestACookieIsNoCredential(t *testing.T) {
	t.Parallel()
	c := valid()
	c.AllowURLParameters, c.ClearAuth = true, true
	x := call()
	x.Header.(http.Header).Set("Cookie", "access_token="+sign(t, keys.RS256, nil))
	if r := rejection(t, compileIn(t, c, nil).Do(x)); faultOf(r) != fault.TokenMissing {
		t.Errorf("Do = %v", r)
	}
}

func TestAnIdentityThatIsNotSetStillEndsTheSocket(t *testing.T) {
	t.Parallel()
	c := valid()
	c.SetIdentityToContext = false
	c.AddUserToHeader, c.UserHeaderName = true, "X-User"
	x := call("Bearer " + sign(t, keys.RS256, nil))
	if err := compileIn(t, c, nil).Do(x); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policy.Identity{Expires: start.Add(15 * time.Minute)}, x.Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if len(x.Set) != 1 {
		t.Errorf("headers %v", x.Set)
	}
}

func TestTheFirstOfSeveralIdentitiesToEndEndsTheSocket(t *testing.T) {
	t.Parallel()
	forever := valid()
	forever.TokenNeverExpires = true
	quiet := valid()
	quiet.SetIdentityToContext = false
	text := "Bearer " + sign(t, keys.RS256, nil)
	for name, tt := range map[string]struct {
		config *jwtauth.Config
		before time.Time
		want   time.Time
	}{
		"nothing before": {valid(), time.Time{}, start.Add(15 * time.Minute)},
		"an earlier end": {valid(), start.Add(time.Minute), start.Add(time.Minute)},
		"a later end":    {quiet, start.Add(time.Hour), start.Add(15 * time.Minute)},
		"an end before a policy that says nothing": {quiet, start.Add(time.Minute), start.Add(time.Minute)},
	} {
		x := call(text)
		x.Identity = policy.Identity{Subject: "first", Expires: tt.before}
		if err := compileIn(t, tt.config, nil).Do(x); err != nil {
			t.Fatal(err)
		}
		if !x.Identity.Expires.Equal(tt.want) {
			t.Errorf("%s: ends %s, want %s", name, x.Identity.Expires, tt.want)
		}
		if want := map[bool]string{true: client, false: "first"}[tt.config.SetIdentityToContext]; x.Identity.Subject != want {
			t.Errorf("%s: identity of %s, want %s", name, x.Identity.Subject, want)
		}
	}
	x := call("Bearer " + sign(t, keys.RS256, func(c *jwt.ClaimSet) { c.Expires = 0 }))
	x.Identity.Expires = start.Add(time.Minute)
	if err := compileIn(t, forever, nil).Do(x); err != nil || !x.Identity.Expires.Equal(start.Add(time.Minute)) {
		t.Errorf("a token for ever after one that ends: %v, %s", err, x.Identity.Expires)
	}
}
