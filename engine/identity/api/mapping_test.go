package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
)

func TestTheAnswerBecomesAnIdentity(t *testing.T) {
	t.Parallel()
	const body = `{"user": {"login": "alice", "id": 12345678901234567, "mail": "a@example.com", "ratio": 1.5},
		"roles": ["admin", "user", "admin", " ops ", "two words", "a\"b", 7], "scope": "read write", "csv": "a, b,,c",
		"memberships": [{"name": "x", "on": true}, {"name": "y", "on": false}], "nothing": null, "empty": ""}`
	srv := serve(t, says(200, body))
	tests := []struct {
		name string
		set  func(*api.Config)
		want identity.Identity
	}{
		{"nothing mapped", func(*api.Config) {}, identity.Identity{Name: "Typed"}},
		{"name", func(c *api.Config) { c.UsernamePath = "$.user.login" }, identity.Identity{Name: "alice"}},
		{"name that is a number", func(c *api.Config) { c.UsernamePath = "$.user.id" }, identity.Identity{Name: "12345678901234567"}},
		{"roles of an array, unfit ones left out", func(c *api.Config) { c.RolesPath = "$.roles" },
			identity.Identity{Name: "Typed", Roles: []string{"admin", "user", "ops", "7"}}},
		{"roles of a text", func(c *api.Config) { c.RolesPath = "$.csv" }, identity.Identity{Name: "Typed", Roles: []string{"a", "b", "c"}}},
		{"roles of a text with blanks", func(c *api.Config) { c.RolesPath, c.RolesSeparator = "$.scope", " " },
			identity.Identity{Name: "Typed", Roles: []string{"read", "write"}}},
		{"roles of a filter", func(c *api.Config) { c.RolesPath = "$.memberships[?(@.on == true)].name" },
			identity.Identity{Name: "Typed", Roles: []string{"x"}}},
		{"roles that are not there", func(c *api.Config) { c.RolesPath = "$.groups" }, identity.Identity{Name: "Typed"}},
		{"claims", func(c *api.Config) {
			c.Claims = []api.ClaimMapping{{"$.user.mail", "email"}, {"$.user.id", "account"}, {"$.user.ratio", "ratio"},
				{"$.memberships[*].name", "teams"}, {"$.nothing", "nothing"}, {"$.missing", "missing"}, {"$.empty", "empty"}}
		}, identity.Identity{Name: "Typed", Claims: map[string]any{
			"email": "a@example.com", "account": int64(12345678901234567), "ratio": 1.5, "teams": []any{"x", "y"}, "empty": ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(srv.URL)
			tt.set(c)
			got, id, err := login(t, open(t, c), "Typed", "x")
			if got != "accepted" {
				t.Fatalf("%s (%v)", got, err)
			}
			if diff := cmp.Diff(tt.want, id); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnswerThatCannotBeMappedLetsNobodyIn(t *testing.T) {
	t.Parallel()
	name := func(c *api.Config) { c.UsernamePath = "$.name" }
	rolesOf := func(c *api.Config) { c.RolesPath = "$.roles" }
	claim := func(c *api.Config) { c.Claims = []api.ClaimMapping{{"$.a", "a"}, {"$.b", "b"}, {"$.c", "c"}} }
	tests := []struct {
		name, body string
		set        func(*api.Config)
	}{
		{"no name", `{}`, name}, {"name null", `{"name": null}`, name}, {"empty name", `{"name": ""}`, name},
		{"name with a line break", `{"name": "a\nb"}`, name}, {"name that is an object", `{"name": {"x": 1}}`, name},
		{"name that is true", `{"name": true}`, name}, {"name with blanks around", `{"name": " a "}`, name},
		{"name too long", `{"name": "` + strings.Repeat("a", 256) + `"}`, name},
		{"two names", `[{"name": "a"}, {"name": "b"}]`, func(c *api.Config) { c.UsernamePath = "$[*].name" }},
		{"not JSON", `alice`, name},
		{"too many roles", `{"roles": "` + manyRoles() + `"}`, rolesOf},
		{"a claim too large", `{"a": "` + strings.Repeat("a", 2048) + `"}`, claim},
		{"claims too large together", fmt.Sprintf(`{"a": %q, "b": %q, "c": %q}`, strings.Repeat("a", 2000), strings.Repeat("b", 2000), strings.Repeat("c", 2000)), claim},
		{"whole answer too large", `"` + strings.Repeat("a", 20000) + `"`, func(c *api.Config) { c.WholeResponseClaim = true }},
		{"whole answer not text", "\xff\xfe", func(c *api.Config) { c.WholeResponseClaim = true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(serve(t, says(200, tt.body)).URL)
			tt.set(c)
			got, id, err := login(t, open(t, c), "alice", "x")
			if got != "broken" || id.Name != "" {
				t.Errorf("%s %+v (%v), want broken and nobody", got, id, err)
			}
		})
	}
}

func manyRoles() string {
	var b strings.Builder
	for i := range 501 {
		fmt.Fprintf(&b, "r%d,", i)
	}
	return b.String()
}

func TestTheWholeAnswerGoesIntoTheTokenResponse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]any{
		`{"a": [1, "b"]}`: map[string]any{"a": []any{int64(1), "b"}},
		`welcome`:         "welcome",
		``:                "",
	} {
		c := config(serve(t, says(200, body)).URL)
		c.WholeResponseClaim = true
		got, id, err := login(t, open(t, c), "alice", "x")
		if got != "accepted" {
			t.Fatalf("%s (%v)", got, err)
		}
		if diff := cmp.Diff(map[string]any{"X-ApiResponse": want}, id.Response); diff != "" {
			t.Errorf("response (-want +got):\n%s", diff)
		}
	}
}

func TestLookupAsksWithoutAPassword(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/nobody") {
			says(404, "")(w, r)
			return
		}
		says(200, `{"roles": ["a"]}`)(w, r)
	})
	c := bare(srv.URL + "/users/{{username}}")
	c.RolesPath = "$.roles"
	s := open(t, c)
	id, ok, err := s.Lookup(t.Context(), "alice")
	if diff := cmp.Diff(identity.Identity{Name: "alice", Roles: []string{"a"}}, id); !ok || err != nil || diff != "" {
		t.Errorf("%v, %v\n%s", ok, err, diff)
	}
	if _, ok, err := s.Lookup(t.Context(), "nobody"); ok || err != nil {
		t.Errorf("nobody: %v, %v", ok, err)
	}
	if _, ok, err := s.Lookup(t.Context(), ""); ok || err != nil {
		t.Errorf("empty: %v, %v", ok, err)
	}
}

func TestASourceOfLoginsNeitherLooksUpNorRegenerates(t *testing.T) {
	t.Parallel()
	srv := serve(t, says(200, "{}"))
	basic := bare(srv.URL)
	basic.BasicAuth = true
	for _, c := range []*api.Config{config(srv.URL), basic} {
		s := open(t, c)
		if _, _, err := s.Lookup(t.Context(), "alice"); !errors.Is(err, identity.ErrNoLookup) {
			t.Errorf("Lookup: %v", err)
		}
		if _, ok := s.(identity.Regenerator); ok {
			t.Error("it is a regenerator")
		}
	}
	if n := len(srv.requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func regenerator(url string) *api.Config {
	c := config(url)
	c.BodyTemplate = `{"user": "{{username}}", "roles": {{roles}}, "list": "{{roles}}", "claims": {{claims}}, "text": "{{claims}}"}`
	return c
}

func TestARegeneratorIsToldWhatTheTokenHeld(t *testing.T) {
	t.Parallel()
	of := identity.Identity{Name: "alice", Roles: []string{"a", "b"}, Claims: map[string]any{"x": `"}`, "n": int64(1)}}
	srv := serve(t, says(200, `{"name": "alice", "roles": ["c"], "level": 9}`))
	c := regenerator(srv.URL)
	c.UsernamePath, c.RolesPath, c.Claims = "$.name", "$.roles", []api.ClaimMapping{{"$.level", "level"}}
	id, ok, err := open(t, c).(identity.Regenerator).Regenerate(t.Context(), of)
	want := identity.Identity{Name: "alice", Roles: []string{"c"}, Claims: map[string]any{"level": int64(9)}}
	if diff := cmp.Diff(want, id); !ok || err != nil || diff != "" {
		t.Errorf("%v, %v\n%s", ok, err, diff)
	}
	const asked = `{"user": "alice", "roles": ["a","b"], "list": "a,b", "claims": {"n":1,"x":"\"}"}, "text": "{\"n\":1,\"x\":\"\\\"}\"}"}`
	if got := srv.only(t).body; got != asked {
		t.Errorf("asked\n%s, want\n%s", got, asked)
	}
	if _, _, err := open(t, c).Lookup(t.Context(), "alice"); !errors.Is(err, identity.ErrNoLookup) {
		t.Errorf("Lookup: %v", err)
	}
}

func TestWhatARegeneratorDoesNotMapStays(t *testing.T) {
	t.Parallel()
	of := identity.Identity{Name: "alice", Roles: []string{"a"}, Claims: map[string]any{"x": "y"}}
	s := open(t, regenerator(serve(t, says(200, `{}`)).URL)).(identity.Regenerator)
	id, ok, err := s.Regenerate(t.Context(), of)
	if diff := cmp.Diff(of, id); !ok || err != nil || diff != "" {
		t.Errorf("%v, %v\n%s", ok, err, diff)
	}
}

func TestARegeneratorMayRefuseButNotChangeTheUser(t *testing.T) {
	t.Parallel()
	of := identity.Identity{Name: "alice"}
	c := regenerator(serve(t, says(403, ``)).URL)
	if _, ok, err := open(t, c).(identity.Regenerator).Regenerate(t.Context(), of); ok || err != nil {
		t.Errorf("403: %v, %v", ok, err)
	}
	c = regenerator(serve(t, says(200, `{"name": "root"}`)).URL)
	c.UsernamePath = "$.name"
	if id, ok, err := open(t, c).(identity.Regenerator).Regenerate(t.Context(), of); ok || err == nil || id.Name != "" {
		t.Errorf("another user: %+v, %v, %v", id, ok, err)
	}
	c = regenerator(serve(t, says(500, ``)).URL)
	if _, ok, err := open(t, c).(identity.Regenerator).Regenerate(t.Context(), of); ok || err == nil {
		t.Errorf("500: %v, %v", ok, err)
	}
}
