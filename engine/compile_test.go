package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/token"
)

func TestCompileNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	open := enginetest.Func("policy-open", func(*policy.Exchange) error { return nil })
	types := policy.Set{open, jwtauth.Type()}
	hosted := func(name string, hosts ...string) engine.Proxy {
		p := enginetest.Proxy(name, "/pets", "http://127.0.0.1:1")
		p.Route.Hosts = hosts
		return p
	}
	bound := func(change func(*engine.Bound)) engine.Proxy {
		b := enginetest.BindFunc(t, open)
		change(&b)
		p := enginetest.Proxy("a", "/a", "http://127.0.0.1:1", b)
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/pets/{id}"}}
		return p
	}
	tests := []struct {
		name    string
		proxies []engine.Proxy
		want    []string
	}{
		{"two proxies claim one path", []engine.Proxy{hosted("left"), hosted("right")}, []string{`"left"`, `"right"`, "/pets", "another base path"}},
		{"two proxies claim one path and host", []engine.Proxy{hosted("left", "a.test", "b.test"), hosted("right", "b.test")}, []string{`"left"`, `"right"`, "b.test"}},
		{"two proxies claim one wildcard", []engine.Proxy{hosted("left", "*.test"), hosted("right", "*.test")}, []string{`"left"`, `"right"`}},
		{"two proxies claim one address in two spellings", []engine.Proxy{hosted("left", "::1"), hosted("right", "0:0::1")}, []string{`"left"`, `"right"`}},
		{"every fault is named", []engine.Proxy{hosted("left"), hosted("right"), enginetest.Proxy("third", "/third", "nowhere")}, []string{`"left"`, `"third"`, "upstreamUrl"}},
		{"an unknown policy type", []engine.Proxy{bound(func(b *engine.Bound) { b.Policy = json.RawMessage(`{"type":"policy-none"}`) })}, []string{`"a"`, "policies[0].type", "policy-none"}},
		{"an unknown member of a policy", []engine.Proxy{bound(func(b *engine.Bound) { b.Policy = json.RawMessage(`{"type":"policy-open","colour":1}`) })}, []string{"policies[0].colour"}},
		{"another pipeline", []engine.Proxy{bound(func(b *engine.Bound) { b.Pipeline = policy.Response })}, []string{"policies[0].pipeline"}},
		{"no scope", []engine.Proxy{bound(func(b *engine.Bound) { b.Scope = "" })}, []string{"policies[0].scope"}},
		{"a scope without its endpoint", []engine.Proxy{bound(func(b *engine.Bound) { b.Scope = policy.Endpoint })}, []string{"policies[0].endpoint"}},
		{"an endpoint that the proxy has not", []engine.Proxy{bound(func(b *engine.Bound) {
			b.Scope, b.Endpoint = policy.Endpoint, &engine.APIEndpoint{Method: "POST", Path: "/pets/{id}"}
		})}, []string{"policies[0].endpoint"}},
		{"an endpoint for all endpoints", []engine.Proxy{bound(func(b *engine.Bound) { b.Endpoint = &engine.APIEndpoint{Method: "GET", Path: "/pets/{id}"} })}, []string{"policies[0].endpoint"}},
		{"an algorithm without a key", []engine.Proxy{enginetest.Proxy("a", "/a", "http://127.0.0.1:1", enginetest.Bind(t, jwtPolicy(keys.ES512)))}, []string{`"a"`, "policies[0]", `"Standard"`, "ES512"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := engine.Compile(t.Context(), enginetest.Bundle(t, tt.proxies...), nil, engine.Deps{Types: types})
			if err == nil {
				t.Fatal("it compiles")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %q", err, part)
				}
			}
		})
	}
}

func TestDefinitionIsReadStrictly(t *testing.T) {
	t.Parallel()
	good := string(enginetest.Owner(t, enginetest.Proxy("a", "/a", "http://127.0.0.1:1")).Definition)
	for name, raw := range map[string]string{
		"an unknown member":   strings.Replace(good, `"name"`, `"quota":1,"name"`, 1),
		"a second value":      good + "{}",
		"no value":            "",
		"a member's own type": strings.Replace(good, `"/a"`, "7", 1),
	} {
		o := engine.Owner{ID: "1", Definition: json.RawMessage(raw)}
		if err := engine.Check(nil, enginetest.Bundle(t), o); err == nil {
			t.Errorf("%s: it compiles", name)
		}
	}
}

func TestCheckGivesTheProblemsByField(t *testing.T) {
	t.Parallel()
	c := jwtPolicy(keys.RS256)
	c.LeewaySeconds = -1
	p := enginetest.Proxy("a", "/a", "http://127.0.0.1:1", enginetest.Bind(t, c))
	err := engine.Check(policy.Set{jwtauth.Type()}, enginetest.Bundle(t), enginetest.Owner(t, p))
	if l := problem.Of(err); l.For("policies[0].leewaySeconds") == "" {
		t.Errorf("Check = %v", err)
	}
	p = enginetest.Proxy("a", "/a", "http://127.0.0.1:1", enginetest.Bind(t, jwtPolicy(keys.RS256)))
	if err := engine.Check(policy.Set{jwtauth.Type()}, enginetest.Bundle(t), enginetest.Owner(t, p)); err != nil {
		t.Errorf("Check of a good owner = %v", err)
	}
}

func TestCompileTakesOverWhatDidNotChange(t *testing.T) {
	t.Parallel()
	other, err := keys.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*engine.Bundle)
		want   int // owners compiled anew, of two
	}{
		{"nothing", func(b *engine.Bundle) { b.Generation++ }, 0},
		{"a revision alone", func(b *engine.Bundle) { b.Owners[0].Revision++ }, 0},
		{"a secret", func(b *engine.Bundle) { b.Owners[0].Client.SecretHash = "new" }, 0},
		{"a client id", func(b *engine.Bundle) { b.Owners[0].Client.ID = "new" }, 1},
		{"a digest", func(b *engine.Bundle) { b.Owners[0].Digest = "new" }, 1},
		{"an owner's id", func(b *engine.Bundle) { b.Owners[0].ID = "new" }, 1},
		{"the keys", func(b *engine.Bundle) { b.Keys = other }, 2},
		{"the public URL", func(b *engine.Bundle) { b.PublicURL = "https://new.example.com" }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			typ := enginetest.Counted("policy-counted", &n)
			bind := enginetest.BindFunc(t, typ)
			b := enginetest.Bundle(t, enginetest.Proxy("a", "/a", "http://127.0.0.1:1", bind), enginetest.Proxy("b", "/b", "http://127.0.0.1:1", bind))
			d := engine.Deps{Types: policy.Set{typ}}
			first, err := engine.Compile(t.Context(), b, nil, d)
			if err != nil {
				t.Fatal(err)
			}
			n = 0
			tt.change(&b)
			if _, err := engine.Compile(t.Context(), b, first, d); err != nil {
				t.Fatal(err)
			}
			if n != tt.want {
				t.Errorf("%d owners compiled, want %d", n, tt.want)
			}
		})
	}
}

func TestSnapshotIsTheTokenServicesDirectory(t *testing.T) {
	t.Parallel()
	b := enginetest.Bundle(t,
		enginetest.Proxy("open", "/open", "http://127.0.0.1:1"),
		enginetest.Proxy("guarded", "/guarded", "http://127.0.0.1:1", enginetest.Bind(t, jwtPolicy(keys.RS256))),
	)
	b.Owners[1].Client.SecretHash = "hash"
	s, err := engine.Compile(t.Context(), b, nil, engine.Deps{Types: policy.Set{jwtauth.Type()}})
	if err != nil {
		t.Fatal(err)
	}
	var d token.Directory = s
	if d.Environment() != "production" || d.Issuer() != enginetest.PublicURL || d.Keys() != enginetest.Keys() {
		t.Errorf("directory of %s, %s", d.Environment(), d.Issuer())
	}
	if _, ok := d.Owner("none"); ok {
		t.Error("an unknown client has an owner")
	}
	if o, ok := d.Owner("open-client"); !ok || o.Settings != nil {
		t.Errorf("open: %+v, %v", o, ok)
	}
	o, ok := d.Owner("guarded-client")
	if !ok || o.Kind != "PROXY" || o.Project != "shop" || o.Name != "guarded" || o.SecretHash != "hash" || o.Settings == nil || o.Settings.Issue.JWTSignatureAlgorithm != keys.RS256 {
		t.Errorf("guarded: %+v, %v", o, ok)
	}
}

func TestCompileEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := engine.Compile(ctx, enginetest.Bundle(t, enginetest.Proxy("a", "/a", "http://127.0.0.1:1")), nil, engine.Deps{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Compile = %v", err)
	}
}
