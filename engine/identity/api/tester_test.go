package api_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/secret"
)

func report(t *testing.T, s identity.Source, name, password string) identity.Report {
	t.Helper()
	return s.(identity.Tester).Test(t.Context(), name, secret.New(password))
}

// lines are the steps as text, with the port of the service left out.
func lines(r identity.Report, srv *service) []string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, strings.ReplaceAll(fmt.Sprintf("%v %s: %s", s.OK, s.Text, s.Detail), strings.TrimPrefix(srv.URL, "http://"), "HOST"))
	}
	return out
}

func TestATestShowsEveryStep(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, `{"ok": true, "login": "alice", "roles": ["a", "b c"], "mail": "a@example.com"}`))
	c := config(srv.URL)
	c.UsernamePath, c.RolesPath = "$.login", "$.roles"
	c.Claims = []api.ClaimMapping{{"$.mail", "email"}, {"$.phone", "phone"}}
	c.Assertions = []api.Assertion{
		{Kind: api.Status, Operator: api.Equals, Expected: "200"},
		{Kind: api.JSONPath, Path: "$.ok", Operator: api.Equals, Expected: "true"},
	}
	r := report(t, open(t, c), "Alice", "wonder")
	want := []string{
		"true Address 127.0.0.1: may be called",
		"true Connect: HOST",
		"true TLS: None: plain http is allowed, and whoever is on the way reads along.",
		"true Request: The service answered 200 with 78 bytes",
		"true Status: 200",
		"true Assertion: status equals 200: seen: 200",
		"true Assertion: $.ok equals true: seen: true",
		"true User name: alice",
		"false Roles left out: b c: " + identity.RoleProblem("b c"),
		"true Roles: a",
		`true Claim email: "a@example.com"`,
		"true Claim phone: $.phone finds nothing; the claim is left out.",
	}
	if diff := cmp.Diff(want, lines(r, srv)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	id := identity.Identity{Name: "alice", Roles: []string{"a"}, Claims: map[string]any{"email": "a@example.com"}}
	if diff := cmp.Diff(id, r.Identity); !r.Accepted || diff != "" {
		t.Errorf("accepted %v (-want +got):\n%s", r.Accepted, diff)
	}
}

func TestATestShowsWhyNobodyGetsIn(t *testing.T) {
	t.Parallel()
	fails := api.Assertion{Kind: api.JSONPath, Path: "$.ok", Operator: api.Equals, Expected: "true"}
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		user     string
		set      func(*api.Config)
		lastStep string
	}{
		{"refused status", says(401, ""), "alice", nil, "Status: 401 means that the login is refused."},
		{"broken service", says(500, ""), "alice", nil, "Status: the service answered 500: it is in trouble."},
		{"redirect", says(302, ""), "alice", nil, "Status: the service answered 302, a redirect, which is not followed."},
		{"assertion", says(200, `{"ok": false}`), "alice", func(c *api.Config) { c.Assertions = []api.Assertion{fails} }, "Assertion: $.ok equals true: seen: false"},
		{"assertion about nothing", says(200, `{}`), "alice", func(c *api.Config) { c.Assertions = []api.Assertion{fails} }, "Assertion: $.ok equals true: nothing there"},
		{"not JSON", says(200, `<html>`), "alice", func(c *api.Config) { c.Assertions = []api.Assertion{fails} }, "Answer: the JSONPaths cannot be followed: it is not JSON."},
		{"no name", says(200, `{}`), "alice", func(c *api.Config) { c.UsernamePath = "$.name" }, "User name: the answer has 0 user names at the path of the user name, not one."},
		{"unfit name", says(200, `{}`), "a\nb", nil, "Request: {{username}} has control characters or broken UTF-8, so the login is refused without asking."},
		{"large", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("a", 1<<20+1)) }, "alice", nil, "Request: the answer is larger than 1048576 bytes."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(serve(t, tt.answer).URL)
			if tt.set != nil {
				tt.set(c)
			}
			r := report(t, open(t, c), tt.user, "x")
			last := r.Steps[len(r.Steps)-1]
			if got := last.Text + ": " + last.Detail; r.Accepted || r.Identity.Name != "" || last.OK || !strings.HasPrefix(got, strings.TrimSuffix(tt.lastStep, ".")) {
				t.Errorf("accepted %v, identity %+v, last step %v %q; want %q", r.Accepted, r.Identity, last.OK, got, tt.lastStep)
			}
		})
	}
}

func TestATestShowsTheRuleAndTheCertificate(t *testing.T) {
	t.Parallel()
	p, other := newPKI(t), newPKI(t)
	srv := serveTLS(t, p, tls.NoClientCert)
	c := config(srv.URL)
	c.AllowPlaintext, c.CACertificates = false, p.ca
	r := report(t, open(t, c), "", "")
	if last := r.Steps[len(r.Steps)-1]; last.Text != "TLS" || !last.OK || !strings.Contains(last.Detail, "service") {
		t.Errorf("steps %+v", r.Steps)
	}
	c.CACertificates = other.ca
	r = report(t, open(t, c), "alice", "x")
	if last := r.Steps[len(r.Steps)-1]; last.Text != "TLS" || last.OK || !strings.Contains(last.Detail, "authority") {
		t.Errorf("steps %+v", r.Steps)
	}
	s, err := c.Open(identity.Deps{Allow: outgoing.Rule{}.Allow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r = report(t, s, "alice", "x")
	if first := r.Steps[0]; first.OK || !strings.Contains(first.Detail, outgoing.Setting) {
		t.Errorf("steps %+v", r.Steps)
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestATestWithoutAPasswordLooksUpOrSaysThatItCannot(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, `{"roles": "a"}`))
	r := report(t, open(t, config(srv.URL)), "alice", "")
	if last := r.Steps[len(r.Steps)-1]; last.OK || !strings.Contains(last.Detail, "give a password") || r.Accepted {
		t.Errorf("report %+v", r)
	}
	for _, c := range []*api.Config{bare(srv.URL + "/{{username}}"), regenerator(srv.URL)} {
		c.RolesPath = "$.roles"
		r = report(t, open(t, c), "alice", "")
		if diff := cmp.Diff(identity.Identity{Name: "alice", Roles: []string{"a"}}, r.Identity); diff != "" || r.Accepted {
			t.Errorf("accepted %v, identity (-want +got):\n%s", r.Accepted, diff)
		}
	}
}

// TestAReportHidesWhatAServiceEchoes: services send back what they were asked,
// in every spelling of it.
func TestAReportHidesWhatAServiceEchoes(t *testing.T) {
	t.Parallel()
	const pass, key = `hunt"er&2`, "s3cret/k+y"
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		_, _ = fmt.Fprintf(w, `{"user": %q, "pass": %q, "key": %q, "auth": %q, "list": [%q], "long": %q}`,
			u, p, r.Header.Get("X-Key"), r.Header.Get("Authorization"), "role-"+r.Header.Get("X-Key"), strings.Repeat("a", 155)+p)
	})
	c := bare(srv.URL)
	c.BasicAuth, c.Headers = true, []api.Header{{Name: "X-Key", Value: "{{secret}}"}}
	c.UsernamePath, c.RolesPath, c.WholeResponseClaim = "$.user", "$.list", true
	c.Claims = []api.ClaimMapping{{"$.pass", "pass"}, {"$.auth", "auth"}, {"$.long", "long"}, {"$", "all"}}
	c.Assertions = []api.Assertion{
		{Kind: api.HeaderIs, Name: "X-Echo", Operator: api.Exists}, {Kind: api.JSONPath, Path: "$.pass", Operator: api.Exists},
		{Kind: api.BodyContains, Expected: "user"}, {Kind: api.JSONPath, Path: "$.long", Operator: api.Exists},
	}
	r := report(t, open(t, c, api.SecretField, key), "alice", pass)
	if !r.Accepted {
		t.Fatalf("not accepted: %+v", r.Steps)
	}
	text := fmt.Sprintf("%+v", r)
	for _, hidden := range []string{pass, `hunt\"er`, "hunt", key, "s3cret", base64.StdEncoding.EncodeToString([]byte("alice:" + pass))} {
		if strings.Contains(text, hidden) {
			t.Errorf("the report holds %q: %s", hidden, text)
		}
	}
}

// ATTACK: whoever may test but does not know the stored secret chooses a
// password that cuts into it, so that hiding the password first would leave the
// rest of the secret to be read.
func TestAttackAChosenPasswordUncoversNothingOfTheSecret(t *testing.T) {
	t.Parallel()
	const key = "k3y-of-the-service"
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"key": %q}`, r.Header.Get("X-Key"))
	})
	for _, pass := range []string{"-", "e", "k3y", "service", "xxxxxxxxxxxxxxxxxxxxxxxxk3y", "k3yxxxxxxxxxxxxxxxxxxxxxx"} {
		c := bare(srv.URL)
		c.BasicAuth, c.Headers = true, []api.Header{{Name: "X-Key", Value: "{{password}}{{secret}}"}}
		c.Claims = []api.ClaimMapping{{"$.key", "Q"}}
		r := report(t, open(t, c, api.SecretField, key), "alice", pass)
		if got := r.Identity.Claims["Q"]; !r.Accepted || strings.ReplaceAll(fmt.Sprint(got), "[hidden]", "") != "" {
			t.Errorf("with the password %q the report shows %q", pass, got)
		}
	}
}
