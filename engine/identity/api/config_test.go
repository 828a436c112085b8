package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
)

func TestADocumentIsReadOverTheDefaultsAndWrittenTheSame(t *testing.T) {
	t.Parallel()
	kinds := identity.Kinds{api.Kind()}
	c, err := kinds.Decode([]byte(`{"kind": "API", "name": "people", "url": "https://login.example.com/{{username}}", "basicAuth": true}`))
	if err != nil {
		t.Fatal(err)
	}
	want := api.New().(*api.Config)
	want.Name, want.URL, want.BasicAuth = "people", "https://login.example.com/{{username}}", true
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	want.Assertions = []api.Assertion{{Kind: api.JSONPath, Path: "$.ok", Operator: api.Equals, Expected: "true"}}
	want.RefusedStatuses = []int{}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kinds.Decode(raw)
	if diff := cmp.Diff(identity.Config(want), again); err != nil || diff != "" {
		t.Errorf("%v; written and read again (-want +got):\n%s", err, diff)
	}
}

func TestDestinationsAreWhereSecretsGo(t *testing.T) {
	t.Parallel()
	for url, want := range map[string][]string{
		"https://Login.Example.com/a?b":               {"https://login.example.com:443/a?b as login.example.com by the system"},
		"http://login.example.com":                    {"http://login.example.com:80/"},
		"http://login.example.com?x":                  {"http://login.example.com:80/?x"},
		"HTTPS://login.example.com:8443/{{username}}": {"https://login.example.com:8443/{{username}} as login.example.com by the system"},
		"https://[2001:DB8::1]/":                      {"https://[2001:db8::1]:443/ as 2001:db8::1 by the system"},
		"nonsense":                                    {"nonsense"},
	} {
		if diff := cmp.Diff(want, config(url).Destinations()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestWhatIsWrongIsSaidByField(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*api.Config) {
		return func(c *api.Config) { c.Headers = []api.Header{{Name: name, Value: value}} }
	}
	url := func(u string) func(*api.Config) { return func(c *api.Config) { c.URL = u } }
	body := func(b string) func(*api.Config) { return func(c *api.Config) { c.BodyTemplate = b } }
	form := func(b string) func(*api.Config) {
		return func(c *api.Config) { c.BodyType, c.BodyTemplate = api.FormBody, b }
	}
	claim := func(source, name string) func(*api.Config) {
		return func(c *api.Config) { c.Claims = []api.ClaimMapping{{Source: source, Claim: name}} }
	}
	assertion := func(a api.Assertion) func(*api.Config) {
		return func(c *api.Config) { c.Assertions = []api.Assertion{a} }
	}
	const good = "https://login.example.com"
	tests := []struct {
		name  string
		set   func(*api.Config)
		field string // "" for none
		says  string
	}{
		{"good", func(*api.Config) {}, "", ""},
		{"method", func(c *api.Config) { c.Method = "DELETE" }, "method", "GET"},
		{"no address", url(""), "url", "https"},
		{"no scheme", url("login.example.com"), "url", "https"},
		{"another scheme", url("ftp://login.example.com"), "url", "https"},
		{"file", url("file:///etc/passwd"), "url", "https"},
		{"no host", url("https:///x"), "url", "host"},
		{"a host by a variable", url("https://{{username}}.example.com"), "url", "host"},
		{"a port by a variable", url("https://example.com:{{username}}"), "url", "host"},
		{"host beyond ASCII", url("https://exämple.com"), "url", "ASCII"},
		{"a name before the host", url("https://user@example.com"), "url", "Basic"},
		{"a variable before the host", url("https://{{username}}@example.com"), "url", "Basic"},
		{"a backslash in the host", url(`https://example.com\@evil.example`), "url", "Basic"},
		{"port out of range", url("https://example.com:70000"), "url", "port"},
		{"empty port", url("https://example.com:/"), "url", "port"},
		{"fragment", url(good + "/#x"), "url", "#"},
		{"blank", url(good + "/a b"), "url", "Escape"},
		{"broken escape", url(good + "/%zz"), "url", "Escape"},
		{"line break", url(good + "/a\nb"), "url", "Escape"},
		{"two dots", url(good + "/a/../b"), "url", ".."},
		{"two escaped dots", url(good + "/a/%2e%2e/b"), "url", ".."},
		{"password in the path", url(good + "/{{password}}"), "url", "logs"},
		{"password in the query", url(good + "/?p={{ password }}"), "url", "logs"},
		{"secret in the query", url(good + "/?key={{secret}}"), "url", "logs"},
		{"misspelled variable", url(good + "/{{user}}"), "url", "{{username}}"},
		{"too long", url(good + "/" + strings.Repeat("a", 2048)), "url", "Shorten"},
		{"header without name", header("", "x"), "headers[0].name", "name"},
		{"header with a colon", header("A: b", "x"), "headers[0].name", "name"},
		{"own header", header("content-length", "x"), "headers[0].name", "gateway"},
		{"host header", header("Host", "x"), "headers[0].name", "gateway"},
		{"line break in a header", header("X-A", "a\r\nX-Admin: 1"), "headers[0].value", "ASCII"},
		{"claims in a header", header("X-A", "{{claims}}"), "headers[0].value", "body"},
		{"open braces", header("X-A", "{{username"), "headers[0].value", "braces"},
		{"header twice", func(c *api.Config) {
			c.Headers = []api.Header{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}}
		}, "headers[1].name", "already"},
		{"Authorization beside Basic", func(c *api.Config) {
			c.BasicAuth, c.Headers = true, []api.Header{{Name: "authorization", Value: "x"}}
		}, "headers[0].name", "Basic"},
		{"body of a GET", func(c *api.Config) { c.Method = "GET" }, "bodyType", "POST"},
		{"kind of body", func(c *api.Config) { c.BodyType = "YAML" }, "bodyType", "JSON"},
		{"empty body", body(" "), "bodyTemplate", "body"},
		{"not JSON", body(`{"a": "{{password}}{{username}}"`), "bodyTemplate", "JSON"},
		{"variable beside a value", body(`{"a": 1{{password}}, "b": "{{username}}"}`), "bodyTemplate", "JSON"},
		{"variable as a name", body(`{"{{username}}": "{{password}}"}`), "bodyTemplate", "names"},
		{"variable as a bare name", body(`{ {{username}} : "{{password}}"}`), "bodyTemplate", "names"},
		{"variable in a name with a value of one", body(`{"a": "{{username}}", "x{{password}}" : 1}`), "bodyTemplate", "names"},
		{"a value before a plain name", body(`{"a": "{{username}}", "b" : "{{password}}"}`), "", ""},
		{"backslash before a variable", body(`{"a": "\{{username}}", "b": "{{password}}"}`), "bodyTemplate", "backslash"},
		{"half an escape before a variable", body(`{"a": "\u00{{username}}", "b": "{{password}}"}`), "bodyTemplate", "JSON"},
		{"two backslashes before a variable", body(`{"a": "\\{{username}}", "b": "{{password}}"}`), "", ""},
		{"blank in a form", form("user={{username}}& pass={{password}}"), "bodyTemplate", "pairs"},
		{"semicolon in a form", form("user={{username}};pass={{password}}"), "bodyTemplate", "pairs"},
		{"everybody the same", func(c *api.Config) { c.BodyTemplate = `{"pass": "{{password}}"}` }, "-", "{{username}}"},
		{"retries", func(c *api.Config) { c.Retries = 4 }, "retries", "3"},
		{"no certificate", func(c *api.Config) { c.CACertificates = "hello" }, "caCertificates", "PEM"},
		{"a key instead of a certificate", func(c *api.Config) {
			c.ClientCertificate = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		}, "clientCertificate", "private key"},
		{"a broken certificate", func(c *api.Config) {
			c.CACertificates = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
		}, "caCertificates", "cannot be read"},
		{"refused success", func(c *api.Config) { c.RefusedStatuses = []int{200} }, "refusedStatuses[0]", "300"},
		{"refused trouble", func(c *api.Config) { c.RefusedStatuses = []int{401, 429} }, "refusedStatuses[1]", "429"},
		{"kind of assertion", assertion(api.Assertion{Kind: "XPATH"}), "assertions[0].kind", "JSON_PATH"},
		{"operator", assertion(api.Assertion{Kind: api.Status, Operator: api.Exists}), "assertions[0].operator", "EQUALS"},
		{"status of failure", assertion(api.Assertion{Kind: api.Status, Operator: api.Equals, Expected: "404"}), "assertions[0].expected", "200"},
		{"expression", assertion(api.Assertion{Kind: api.Status, Operator: api.Matches, Expected: "("}), "assertions[0].expected", "RE2"},
		{"expression that closes the anchor", assertion(api.Assertion{Kind: api.Status, Operator: api.Matches, Expected: "a)|(b"}), "assertions[0].expected", "RE2"},
		{"header of an assertion", assertion(api.Assertion{Kind: api.HeaderIs, Operator: api.Exists}), "assertions[0].name", "header"},
		{"path of an assertion", assertion(api.Assertion{Kind: api.JSONPath, Path: "ok", Operator: api.Exists}), "assertions[0].path", "JSONPath"},
		{"nothing to contain", assertion(api.Assertion{Kind: api.BodyContains}), "assertions[0].expected", "text"},
		{"path", func(c *api.Config) { c.UsernamePath = "$.[" }, "usernamePath", "JSONPath"},
		{"path that searches twice", func(c *api.Config) { c.RolesPath = "$..a..b" }, "rolesPath", "simpler"},
		{"path with a script", func(c *api.Config) { c.RolesPath = "$[(@.length-1)]" }, "rolesPath", "JSONPath"},
		{"path with two filters", func(c *api.Config) { c.RolesPath = "$[?(@.a == 1)][?(@.b == 1)]" }, "rolesPath", "simpler"},
		{"path with the document in a filter", func(c *api.Config) { c.RolesPath = "$[?(@.a == $.b)]" }, "rolesPath", "simpler"},
		{"path with two unions", func(c *api.Config) { c.RolesPath = "$['a','b']['c','d']" }, "rolesPath", "simpler"},
		{"long path", func(c *api.Config) { c.RolesPath = "$." + strings.Repeat("a", 256) }, "rolesPath", "256"},
		{"separator", func(c *api.Config) { c.RolesPath, c.RolesSeparator = "$.a", "123456789" }, "rolesSeparator", "8"},
		{"claim of the gateway", claim("$.a", "Sub"), "claims[0].claim", "itself"},
		{"claim without name", claim("$.a", ""), "claims[0].claim", "name"},
		{"claim without path", claim("", "a"), "claims[0].source", "JSONPath"},
		{"password and claims", body(`{"a": "{{username}}{{password}}", "b": {{claims}}}`), "-", "either"},
		{"nobody named", func(c *api.Config) { c.BodyType, c.BodyTemplate, c.Method = api.NoBody, "", "GET" }, "-", "{{username}}"},
		{"common part", func(c *api.Config) { c.TimeoutMillis = 1 }, "timeoutMillis", "100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(good)
			tt.set(c)
			c.Normalize()
			checkProblems(t, c.Validate(), tt.field, tt.says)
		})
	}
}

func checkProblems(t *testing.T, l problem.List, field, says string) {
	t.Helper()
	if field == "" {
		if len(l) > 0 {
			t.Errorf("problems %v, want none", l)
		}
		return
	}
	if got := l.For(strings.TrimPrefix(field, "-")); !strings.Contains(got, says) || got == "" {
		t.Errorf("problems %v; want one of %q that says %q", l, field, says)
	}
}

func TestNormalizeDropsWhatMeansNothing(t *testing.T) {
	t.Parallel()
	c := config(" https://login.example.com ")
	c.Method, c.BodyType, c.RetryPost = "GET", api.NoBody, true
	c.RolesSeparator, c.RefusedStatuses = ";", []int{404, 401, 404}
	c.Assertions = []api.Assertion{{Kind: api.BodyContains, Name: "x", Path: "$", Expected: "y"}, {Kind: api.HeaderIs, Name: "x", Path: "$", Operator: api.Exists, Expected: "y"}}
	c.Normalize()
	want := config("https://login.example.com")
	want.Method, want.BodyType, want.BodyTemplate, want.RefusedStatuses = "GET", api.NoBody, "", []int{401, 404}
	want.Assertions = []api.Assertion{{Kind: api.BodyContains, Operator: api.Contains, Expected: "y"}, {Kind: api.HeaderIs, Name: "x", Operator: api.Exists}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("normalized (-want +got):\n%s", diff)
	}
}
