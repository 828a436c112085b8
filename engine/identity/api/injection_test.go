package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

var hostileNames = []string{
	"alice", "../admin", "..", ".", "..;", "a/b", `a\b`, "a%2fb", "%2e%2e", "a?admin=1", "a#x", "a&admin=1", "a=b", "a+b", "a b", "a;b", "a,b",
	`a","admin":true,"x":"`, `a\`, `a\"`, "a\r\nX-Admin: 1", "a\nb", "a\x00b", "a:b", "é", "\u2028", "\xff\xfe", "{{password}}", "a}}", "[hidden]", "'", "<b>", " a", "a ", "%", "@evil.example", "//evil.example/",
}

func TestInjectionIntoThePath(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, "{}"))
			c := bare(srv.URL + "/v1/users/{{username}}/check?fixed=1")
			c.BasicAuth = false
			_, ok, err := open(t, c).Lookup(t.Context(), name)
			if err != nil {
				t.Fatalf("a name broke the source: %v", err)
			}
			if !ok {
				if n := len(srv.requests()); n != 0 {
					t.Errorf("refused after %d requests", n)
				}
				return
			}
			r := srv.only(t)
			segments := strings.Split(r.URL.EscapedPath(), "/")
			if len(segments) != 5 || r.URL.RawQuery != "fixed=1" || r.Host != strings.TrimPrefix(srv.URL, "http://") {
				t.Fatalf("the request went to %s%s", r.Host, r.RequestURI)
			}
			if got, err := url.PathUnescape(segments[3]); err != nil || got != name {
				t.Errorf("the service reads %q (%v)", got, err)
			}
			if strings.ContainsAny(segments[3], "/\\;?#&=+ ") {
				t.Errorf("unescaped: %s", segments[3])
			}
		})
	}
}

func TestNamesThatWouldClimbAreRefusedWithoutAsking(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	s := open(t, bare(srv.URL+"/v1/users/{{username}}"))
	for _, name := range []string{"..", ".", "..;x", "../admin", `..\admin`, "a/../b", "a/b", `a\b`} {
		if _, ok, err := s.Lookup(t.Context(), name); ok || err != nil {
			t.Errorf("%q: %v, %v; want refused", name, ok, err)
		}
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestInjectionIntoTheQuery(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, "{}"))
			_, ok, err := open(t, bare(srv.URL+"/check?user={{username}}&fixed=1")).Lookup(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return
			}
			q, err := url.ParseQuery(srv.only(t).URL.RawQuery)
			if err != nil || len(q) != 2 || len(q["user"]) != 1 || q.Get("user") != name || q.Get("fixed") != "1" {
				t.Errorf("the service reads %v (%v)", q, err)
			}
		})
	}
}

func TestInjectionIntoAJSONBody(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, "{}"))
			c := config(srv.URL)
			c.BodyTemplate = `{"quoted": "<{{username}}>", "bare": {{ username }}, "pass": "{{password}}", "admin": false}`
			got, _, err := login(t, open(t, c), name, name)
			if got == "broken" {
				t.Fatal(err)
			}
			if got == "refused" {
				return
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(srv.only(t).body), &body); err != nil {
				t.Fatal(err)
			}
			if len(body) != 4 || body["quoted"] != "<"+name+">" || body["bare"] != name || body["pass"] != name || body["admin"] != false {
				t.Errorf("the service reads %v", body)
			}
		})
	}
}

func TestInjectionIntoAForm(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, "{}"))
			c := config(srv.URL)
			c.BodyType, c.BodyTemplate = api.FormBody, "grant_type=password&username={{username}}&password={{password}}"
			got, _, err := login(t, open(t, c), name, name)
			if got == "broken" {
				t.Fatal(err)
			}
			if got == "refused" {
				return
			}
			r := srv.only(t)
			form, err := url.ParseQuery(r.body)
			if err != nil || len(form) != 3 || len(form["username"]) != 1 || form.Get("username") != name || form.Get("password") != name {
				t.Errorf("the service reads %v (%v)", form, err)
			}
			if ct := r.Header.Get("Content-Type"); ct != "application/x-www-form-urlencoded" {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
}

func TestInjectionIntoAHeader(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, "{}"))
			c := bare(srv.URL)
			c.Headers = []api.Header{{Name: "X-User", Value: "{{username}}"}, {Name: "X-Pass", Value: "{{password}}"}}
			got, _, err := login(t, open(t, c), name, "fine")
			if got == "broken" {
				t.Fatal(err)
			}
			if got == "refused" {
				if n := len(srv.requests()); n != 0 {
					t.Errorf("refused after %d requests", n)
				}
				return
			}
			h := srv.only(t).Header
			if len(h["X-User"]) != 1 || h.Get("X-User") != name || h.Get("X-Admin") != "" {
				t.Errorf("the service reads %v", h)
			}
		})
	}
}

func TestHeaderSplittingIsRefusedInNameAndPassword(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	c := bare(srv.URL)
	c.Headers = []api.Header{{Name: "X-User", Value: "{{username}}"}, {Name: "X-Pass", Value: "{{password}}"}}
	s := open(t, c)
	for _, evil := range []string{"a\r\nX-Admin: 1", "a\nb", "a\rb", "a\x00", "a\x7f", "é", " a"} {
		for _, pair := range [][2]string{{evil, "fine"}, {"fine", evil}} {
			if got, _, err := login(t, s, pair[0], pair[1]); got != "refused" {
				t.Errorf("%q: %s (%v)", pair, got, err)
			}
		}
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestBasicAuthenticationIsReadAsItWasTyped(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(200, `{"name": "somebody"}`))
			c := bare(srv.URL)
			c.BasicAuth, c.UsernamePath = true, "$.name" // names with blanks around them are sent too
			got, _, err := login(t, open(t, c), name, "p:w é")
			if got == "broken" {
				t.Fatal(err)
			}
			if (got == "refused") != (strings.Contains(name, ":") || strings.ContainsAny(name, "\r\n\x00") || !utf8.ValidString(name)) {
				t.Errorf("%s", got)
			}
			if got == "refused" {
				return
			}
			if u, p, ok := srv.only(t).BasicAuth(); !ok || u != name || p != "p:w é" {
				t.Errorf("the service reads %q %q", u, p)
			}
		})
	}
}

func TestEmptyNamesAndPasswordsAreNotSent(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	s := open(t, config(srv.URL))
	for _, pair := range [][2]string{{"", "x"}, {"alice", ""}, {"", ""}, {strings.Repeat("a", 1025), "x"}, {"alice", strings.Repeat("a", 4097)}} {
		if got, _, err := login(t, s, pair[0], pair[1]); got != "refused" {
			t.Errorf("%s (%v), want refused", got, err)
		}
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// TestATypedNameIsNoSecondNameByItsBlanks: a service that trims would give one
// user several names in tokens, of which revoking one leaves the others.
func TestATypedNameIsNoSecondNameByItsBlanks(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, `{"name": "alice"}`))
	c := config(srv.URL)
	for _, name := range []string{" alice", "alice ", "alice\u00a0"} {
		if got, id, err := login(t, open(t, c), name, "x"); got != "refused" {
			t.Errorf("%q is %s as %q (%v)", name, got, id.Name, err)
		}
	}
	c.UsernamePath = "$.name"
	if got, id, err := login(t, open(t, c), "alice ", "x"); got != "accepted" || id.Name != "alice" {
		t.Errorf("where the service says the name: %s as %q (%v)", got, id.Name, err)
	}
}

// TestASourceWithoutAPasswordLogsNobodyIn: a service that is not told the
// password answers the same for every one of them.
func TestASourceWithoutAPasswordLogsNobodyIn(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	c := bare(srv.URL + "/users/{{username}}")
	if c.ChecksPassword() {
		t.Error("ChecksPassword is true")
	}
	if got, _, err := login(t, open(t, c), "alice", "whatever"); got != "broken" || err != api.ErrNoPassword {
		t.Errorf("%s (%v)", got, err)
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestTheSecretIsSentAndChecked(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	c := config(srv.URL)
	c.Headers = []api.Header{{Name: "Authorization", Value: "Bearer {{secret}}"}}
	if got, _, err := login(t, open(t, c, api.SecretField, "k3y"), "alice", "x"); got != "accepted" {
		t.Fatalf("%s (%v)", got, err)
	}
	if got := srv.only(t).Header.Get("Authorization"); got != "Bearer k3y" {
		t.Errorf("Authorization %q", got)
	}
	for _, bad := range []string{"", "k3y\nX-Admin: 1", "schlüssel"} {
		_, err := c.Open(identity.Deps{Secrets: map[string]secret.Text{api.SecretField: secret.New(bad)}})
		if problem.Of(err).For(api.SecretField) == "" || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}
