package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/problem"
)

func TestGoodProxyHasNoProblems(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*engine.Proxy){
		"the least":              func(*engine.Proxy) {},
		"a deep base path":       func(p *engine.Proxy) { p.Route.BasePath = "/team/orders/v1.2_~-a" },
		"a path like a reserved": func(p *engine.Proxy) { p.Route.BasePath = "/authors" },
		"hosts": func(p *engine.Proxy) {
			p.Route.Hosts = []string{"api.test", "*.api.test", "127.0.0.1", "::1", "localhost"}
		},
		"methods":                 func(p *engine.Proxy) { p.Route.Methods = engine.Methods() },
		"an upstream with a path": func(p *engine.Proxy) { p.Upstream.URL = "https://orders.internal:8443/v1/" },
		"an upstream by address":  func(p *engine.Proxy) { p.Upstream.URL = "http://[::1]:80" },
		"timeouts":                func(p *engine.Proxy) { p.Upstream.ConnectTimeout, p.Upstream.ResponseTimeout = 1, engine.MaxTimeout },
		"endpoints": func(p *engine.Proxy) {
			p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/"}, {Method: "GET", Path: "/a/{b}"}, {Method: "PUT", Path: "/a/{b}"}, {Method: "GET", Path: "/a/b"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9")
			change(&p)
			if l := p.Validate(); len(l) > 0 {
				t.Errorf("problems %v", l)
			}
		})
	}
}

func TestProblemsOfAProxyNameTheirField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field  string
		values []string
		set    func(*engine.Proxy, string)
	}{
		{"name", []string{"", " orders", "a/b"}, func(p *engine.Proxy, v string) { p.Name = v }},
		{"basePath", []string{
			"", "orders", "/", "/orders/", "//orders", "/a//b", "/a/./b", "/..", "/a b", "/a%20b", "/a;b", "/{id}", `/a\b`, "/é", "/auth", "/auth/x",
			"/Credential", "/.well-known/a", "/" + strings.Repeat("a", 512),
		}, func(p *engine.Proxy, v string) { p.Route.BasePath = v }},
		{"hosts", []string{
			"", "*", "*.", "API.test", "api.test:80", "http://api.test", "a..b", "api.test.", "a.*.test", "-a b", "fe80::1%eth0", "*.::1", strings.Repeat("a", 64),
		}, func(p *engine.Proxy, v string) { p.Route.Hosts = []string{v} }},
		{"methods", []string{"", "get", "TRACE", "CONNECT", "ALL"}, func(p *engine.Proxy, v string) { p.Route.Methods = []string{v} }},
		{"upstreamUrl", []string{
			"", "orders.internal", "orders.internal:80", "ftp://x", "http://", "http:///a", "http://user:pw@x", "http://x?a=b", "http://x?", "http://x#a", "http://x:", "http://x:0",
			"http://x:70000", "http://x:port", "http://x/../a", "http://x//a", "http://x/a//", "http://x//", "http://x/a%2fb", "http://x/a;b", "mailto:a@b", "http://x y", "://",
		}, func(p *engine.Proxy, v string) { p.Upstream.URL = v }},
		{"endpoints[0]", []string{
			"GET", "GET pets", "get /pets", "TRACE /pets", "GET /pets/", "GET //", "GET /a//b", "GET /..", "GET /{}", "GET /{a/b}", "GET /a{b}", "GET /{a}b", "GET /a?b", "GET /a%20b",
			"GET /" + strings.Repeat("a", 512),
		}, func(p *engine.Proxy, v string) {
			method, path, _ := strings.Cut(v, " ")
			p.Endpoints = []engine.APIEndpoint{{Method: method, Path: path}}
		}},
		{"connectTimeout", []string{"-1", "600001"}, func(p *engine.Proxy, v string) { fmt.Sscan(v, &p.Upstream.ConnectTimeout) }},
		{"responseTimeout", []string{"-1", "600001"}, func(p *engine.Proxy, v string) { fmt.Sscan(v, &p.Upstream.ResponseTimeout) }},
	}
	for _, tt := range tests {
		for _, value := range tt.values {
			t.Run(tt.field+" "+value, func(t *testing.T) {
				t.Parallel()
				p := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9")
				tt.set(&p, value)
				checkOnly(t, p.Validate(), tt.field)
			})
		}
	}
}

func checkOnly(t *testing.T, l problem.List, field string) {
	t.Helper()
	if l.For(field) == "" {
		t.Errorf("problems %v", l)
	}
	for _, p := range l {
		if p.Field != field {
			t.Errorf("a problem of %s: %s", p.Field, p.Message)
		}
		if !strings.HasSuffix(p.Message, ".") {
			t.Errorf("no sentence: %q", p.Message)
		}
	}
}

func TestWhatAProxySaysTwiceIsAProblem(t *testing.T) {
	t.Parallel()
	p := enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9")
	p.Route.Hosts = []string{"a.test", "b.test", "a.test"}
	checkOnly(t, p.Validate(), "hosts")
	p.Route.Hosts = nil
	p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/{a}/x"}, {Method: "GET", Path: "/{b}/x"}}
	checkOnly(t, p.Validate(), "endpoints[1]")
	p.Endpoints = make([]engine.APIEndpoint, engine.MaxEndpoints+1)
	checkOnly(t, p.Validate(), "endpoints")
}

func TestEqualProxiesHaveOneDigest(t *testing.T) {
	t.Parallel()
	p := enginetest.Proxy("orders & <more>", "/orders", "http://127.0.0.1:9")
	raw, digest, err := engine.Encode(&p)
	if err != nil || !strings.Contains(string(raw), "orders & <more>") || engine.Digest(raw) != digest {
		t.Fatalf("Encode = %s, %s, %v", raw, digest, err)
	}
	same := p
	if _, again, _ := engine.Encode(&same); again != digest {
		t.Errorf("digests %s and %s", digest, again)
	}
	same.Route.BasePath = "/other"
	if _, other, _ := engine.Encode(&same); other == digest {
		t.Errorf("another proxy has the digest %s", other)
	}
}
