package engine_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
)

func rule(v condition.Variable, o condition.Operator, value string) condition.Condition {
	return condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &v, DataType: condition.String, Operator: o, Source: condition.FromValue, SecondValue: value,
	}}}
}

var (
	byHeader  = condition.Variable{Type: condition.Header, HeaderName: "X-Environment"}
	byCountry = condition.Variable{Type: condition.Context, ContextValue: condition.ClientCountry}
	byPath    = condition.Variable{Type: condition.Context, ContextValue: condition.RequestPath}
	byAmount  = condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.amount"}
)

// conditional serves /orders behind a JWT policy with a condition.
func conditional(t *testing.T, c condition.Condition, unmet policy.UnmetAction, o engine.Options, change ...func(*jwtauth.Config)) (string, *enginetest.Events) {
	t.Helper()
	p := jwtauth.NewForm()
	p.Name, p.JWTSignatureAlgorithm, p.AddUserToHeader, p.UserHeaderName = "Standard", keys.ES256, true, "X-User"
	p.Condition, p.ConditionUnmetAction = c, unmet
	for _, f := range change {
		f(p)
	}
	events := enginetest.NewEvents()
	o.Types, o.Sink = policy.Set{jwtauth.Type()}, events
	b := enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.Bind(t, p)))
	hash, err := secret.Hash("a good secret")
	if err != nil {
		t.Fatal(err)
	}
	b.Owners[0].Client.SecretHash = hash
	_, server := enginetest.Gateway(t, o, b)
	return server.URL, events
}

func TestASkippedPolicyLetsTheRequestGoOn(t *testing.T) {
	t.Parallel()
	at, _ := conditional(t, rule(byHeader, "EQ", "production"), policy.Skip, engine.Options{})
	if a := get(t, at+"/orders"); a.status != http.StatusOK {
		t.Errorf("unmet: %d %s", a.status, a.body)
	}
	if a := get(t, at+"/orders", "X-Environment", "production"); a.status != http.StatusUnauthorized {
		t.Errorf("met: %d %s", a.status, a.body)
	}
}

// ATTACK: whether the policy applies is the caller's choice here, but its
// identity headers are not.
func TestAttackASkippedPolicyKeepsItsIdentityHeaders(t *testing.T) {
	t.Parallel()
	at, _ := conditional(t, rule(byHeader, "EQ", "production"), policy.Skip, engine.Options{}, func(p *jwtauth.Config) {
		p.Authorization.EnableAuthorization, p.Authorization.AddRolesToHeader, p.Authorization.RolesHeaderName = true, true, "X-Roles"
		p.AuthenticationType = "SECRET_MANAGER"
		p.Authorization.CredentialRoleNameList = []string{"ops"}
	})
	e := arrived(t, get(t, at+"/orders", "X-User", "root", "x_user", "root", "X-Roles", "admin", "X-Other", "kept"))
	if len(e.Headers["X-User"])+len(e.Headers["X_user"])+len(e.Headers["X-Roles"]) > 0 || e.Headers["X-Other"] == nil {
		t.Errorf("arrived: %v", e.Headers)
	}
}

func TestARejectingPolicyRefusesCallsAndTokenRequestsAlike(t *testing.T) {
	t.Parallel()
	at, events := conditional(t, rule(byHeader, "EQ", "production"), policy.Reject, engine.Options{})
	a := get(t, at+"/orders")
	if a.status != http.StatusForbidden || !strings.Contains(a.body, fault.Find(fault.ConditionUnmet).Message) {
		t.Errorf("a call: %d %s", a.status, a.body)
	}
	if a := get(t, at+"/orders", "X-Environment", "production"); a.status != http.StatusUnauthorized {
		t.Errorf("a call that meets it: %d %s", a.status, a.body)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"orders-client"}, "client_secret": {"a good secret"}}.Encode()
	ask := func(fields ...string) answer {
		return send(t, request(t, "POST", at+"/auth/jwt", form, append(fields, "Content-Type", "application/x-www-form-urlencoded")...))
	}
	if a := ask("X-Environment", "production"); a.status != http.StatusOK {
		t.Errorf("a token request that meets it: %d %s", a.status, a.body)
	}
	events.NextToken(t)
	if a := ask(); a.status != http.StatusForbidden || !strings.Contains(a.body, `"access_denied"`) {
		t.Errorf("a token request: %d %s", a.status, a.body)
	}
	if e := events.NextToken(t); e.Fault != fault.ConditionUnmet || e.Owner != "orders" {
		t.Errorf("reported as %s for %s", e.Fault, e.Owner)
	}
}

func TestAConditionThatCannotBeDecidedEndsTheRequest(t *testing.T) {
	t.Parallel()
	number := condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &byHeader, DataType: condition.Numeric, Operator: "GT", Source: condition.FromValue, SecondValue: "5",
	}}}
	date := condition.Condition{Rules: []condition.Rule{{
		Criteria: condition.Value, First: &byHeader, DataType: condition.Date, DateFormat: "yyyy-MM-dd", Operator: "GT", Source: condition.FromValue, SecondValue: "2026-01-01",
	}}}
	tests := map[string]struct {
		c      condition.Condition
		body   string
		want   fault.Type
		status int
	}{
		"no number":      {number, "", fault.ConditionNumber, 400},
		"no date":        {date, "", fault.ConditionDate, 400},
		"a broken body":  {rule(byAmount, "EQ", "1"), "{", fault.ConditionBody, 400},
		"too large":      {rule(byAmount, "EQ", "1"), `{"a":"` + strings.Repeat("x", 2000) + `"}`, fault.TooLarge, 413},
		"too many bytes": {rule(byAmount, "NE", "1"), strings.Repeat(" ", 1001), fault.TooLarge, 413},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := conditional(t, tt.c, policy.Skip, engine.Options{Limits: engine.Limits{ConditionBody: 1000}})
			a := send(t, request(t, "POST", at+"/orders", tt.body, "X-Environment", "soon"))
			if a.status != tt.status || !strings.Contains(a.body, fault.Find(tt.want).Message) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestABodyThatAConditionHasReadArrivesIntact(t *testing.T) {
	t.Parallel()
	at, _ := conditional(t, rule(byAmount, "EQ", "7"), policy.Skip, engine.Options{})
	body := ` {"amount": 8, "text": "` + strings.Repeat("é", 5000) + `"}` + "\n"
	for name, change := range map[string]func(*http.Request){
		"with its length": func(*http.Request) {},
		"in chunks":       func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1 },
		"expecting 100":   func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
	} {
		r := request(t, "POST", at+"/orders", body, "Content-Type", "application/json")
		change(r)
		if e := arrived(t, send(t, r)); e.Body != body || e.Method != "POST" {
			t.Errorf("%s: %d bytes of %d arrived", name, len(e.Body), len(body))
		}
	}
	if a := send(t, request(t, "POST", at+"/orders", `{"amount":7}`)); a.status != http.StatusUnauthorized {
		t.Errorf("a body that meets it: %d", a.status)
	}
	if e := arrived(t, send(t, request(t, "POST", at+"/orders", ""))); e.Body != "" {
		t.Errorf("an empty body arrived as %q", e.Body)
	}
}

func TestACallerWhoLeavesInTheMiddleOfABodyEndsTheRequest(t *testing.T) {
	t.Parallel()
	at, events := conditional(t, rule(byAmount, "EQ", "7"), policy.Skip, engine.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"amount\""); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if e := events.NextAccess(t); e.Fault != fault.BadRequest || e.Result == "SUCCESS" {
		t.Errorf("reported as %s with %s", e.Result, e.Fault)
	}
}

// The guide's "geographically restricted access".
func TestTheCountryComesFromADatabaseOrATrustedProxy(t *testing.T) {
	t.Parallel()
	known := func(a netip.Addr) string {
		if a.IsLoopback() {
			return "TR"
		}
		return "DE"
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	tests := map[string]struct {
		o      engine.Options
		fields []string
		want   int
	}{
		"by the database":                 {engine.Options{Country: known}, nil, 401},
		"by nobody":                       {engine.Options{}, nil, 403},
		"a header of anybody":             {engine.Options{CountryHeader: "cf-ipcountry"}, []string{"CF-IPCountry", "TR"}, 403},
		"a header of a trusted proxy":     {engine.Options{CountryHeader: "cf-ipcountry", TrustedProxies: loopback}, []string{"CF-IPCountry", "TR"}, 401},
		"it goes before the database":     {engine.Options{CountryHeader: "CF-IPCountry", TrustedProxies: loopback, Country: known}, []string{"CF-IPCountry", "FR"}, 403},
		"unless it does not know":         {engine.Options{CountryHeader: "CF-IPCountry", TrustedProxies: loopback, Country: known}, []string{"CF-IPCountry", "XX"}, 401},
		"the address behind the proxy":    {engine.Options{TrustedProxies: loopback, Country: known}, []string{"X-Forwarded-For", "192.0.2.1"}, 403},
		"two headers are none":            {engine.Options{CountryHeader: "CF-IPCountry", TrustedProxies: loopback}, []string{"CF-IPCountry", "TR", "CF-IPCountry", "FR"}, 403},
		"a header that was not agreed on": {engine.Options{TrustedProxies: loopback}, []string{"CF-IPCountry", "TR"}, 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := conditional(t, rule(byCountry, "IN", "TR#AZ"), policy.Reject, tt.o)
			if a := get(t, at+"/orders", tt.fields...); a.status != tt.want {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.want)
			}
		})
	}
}

// ATTACK: conditions see the path that routes and the upstream see.
func TestAttackNoSpellingOfAPathAvoidsARule(t *testing.T) {
	t.Parallel()
	at, _ := conditional(t, rule(byPath, "MATCHES_PATH", "/orders/admin/*"), policy.Skip, engine.Options{})
	for _, path := range []string{"/orders/admin", "/orders/admin/", "/orders/admin/x", "/orders/%61dmin/x", "/orders/%61%64min", "/orders/admin/x?y=/orders/open"} {
		if a := get(t, at+path); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, path := range []string{"/orders//admin/x", "/orders/./admin/x", "/orders/x/../admin/x", "/orders/admin%2fx", "/orders/admin;x=1"} {
		conn := strings.TrimPrefix(at, "http://")
		c, err := net.Dial("tcp", conn)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		all, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(all), "HTTP/1.1 400") {
			t.Errorf("%s: %.40s", path, all)
		}
	}
	if a := get(t, at+"/orders/open"); a.status != http.StatusOK {
		t.Errorf("another path: %d", a.status)
	}
}

func TestAConditionOnTheUserFollowsTheEarlierPolicy(t *testing.T) {
	t.Parallel()
	first := enginetest.Func("first", func(x *policy.Exchange) error {
		name := x.Header.Values("X-Name")[0]
		x.Identity = policy.Identity{Subject: name, FullName: "of " + name, Email: name + "@example.com", Roles: []string{"ops"}}
		return nil
	})
	second := enginetest.Func("second", func(*policy.Exchange) error {
		return &policy.Rejection{Fault: fault.RoleMissing}
	})
	c := second.New()
	is := func(name condition.ContextName, value string) condition.Rule {
		return condition.Rule{
			Criteria: condition.Value, First: &condition.Variable{Type: condition.Context, ContextValue: name}, DataType: condition.String,
			Operator: "EQ", Source: condition.FromValue, SecondValue: value,
		}
	}
	c.Base().Condition = condition.Condition{Rules: []condition.Rule{
		is("REQUEST_REMOTE_USER", "leo"), is("CREDENTIAL_FULLNAME", "of leo"), is("CREDENTIAL_EMAIL", "leo@example.com"), is(condition.CallerRoles, "ops"),
	}}
	b := enginetest.Bundle(t, enginetest.Proxy("orders", "/orders", enginetest.Echo(t).URL, enginetest.BindFunc(t, first), enginetest.Bind(t, c)))
	_, server := enginetest.Gateway(t, engine.Options{Types: policy.Set{first, second}}, b)
	for name, want := range map[string]int{"mia": 200, "leo": 403} {
		if a := get(t, server.URL+"/orders", "X-Name", name); a.status != want {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}
