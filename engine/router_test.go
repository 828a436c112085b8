package engine

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/keys"
)

// compileProxies makes a snapshot of proxies without policies.
func compileProxies(t testing.TB, proxies ...Proxy) *Snapshot {
	t.Helper()
	set, err := keys.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := Bundle{Environment: "production", Keys: set}
	for i, p := range proxies {
		p.Name = fmt.Sprintf("proxy-%d", i)
		if p.Upstream.URL == "" {
			p.Upstream.URL = "http://127.0.0.1:9/v1"
		}
		raw, digest, err := Encode(&p)
		if err != nil {
			t.Fatal(err)
		}
		b.Owners = append(b.Owners, Owner{ID: p.Name, Digest: digest, Definition: raw})
	}
	s, err := Compile(context.Background(), b, nil, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(base string, hosts ...string) Proxy { return Proxy{Route: Route{BasePath: base, Hosts: hosts}} }

func TestRouteTakesTheLongestPathThenTheClosestHost(t *testing.T) {
	t.Parallel()
	s := compileProxies(t,
		at("/shop"),                      // 0
		at("/shop/orders"),               // 1
		at("/shop", "api.test"),          // 2
		at("/shop", "*.test"),            // 3
		at("/shop", "*.eu.test"),         // 4
		at("/shop/orders", "admin.test"), // 5
		at("/only", "one.test"),          // 6
		at("/shop", "127.0.0.1"),         // 7
		at("/v6", "0:0:0::1"),            // 8
		at("/a@b"),                       // 9
	)
	tests := []struct {
		name, host, match string
		want              int // -1 for none
	}{
		{"the base path itself", "x", "/shop", 0},
		{"a path below it", "x", "/shop/a/b/c", 0},
		{"a slash at the end", "x", "/shop/", 0},
		{"the longer path wins", "x", "/shop/orders/7", 1},
		{"half a segment is no match", "x", "/shop/ordersX", 0},
		{"half a first segment is no match", "x", "/shopping", -1},
		{"another letter case is no match", "x", "/Shop", -1},
		{"the root is no match", "x", "/", -1},
		{"the exact host wins", "api.test", "/shop", 2},
		{"then the wildcard", "other.test", "/shop", 3},
		{"a wildcard covers more than one label", "a.b.test", "/shop", 3},
		{"the longer wildcard wins", "a.eu.test", "/shop", 4},
		{"a wildcard does not cover its own parent", "test", "/shop", 0},
		{"a wildcard does not cover a name that ends alike", "xeu.test", "/shop", 3},
		{"the longer path wins over the closer host", "api.test", "/shop/orders", 1},
		{"a path of another host falls back to a shorter one", "one.test", "/only", 6},
		{"a path of another host alone is none", "two.test", "/only", -1},
		{"no host at all is any host", "", "/shop", 0},
		{"an address is a host", "127.0.0.1", "/shop", 7},
		{"an address in another spelling is the same", "::1", "/v6", 8},
		{"a decoded character of the base path", "x", "/a@b/c", 9},
		{"ten thousand segments are no match", "x", strings.Repeat("/a", 10_000), -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := s.router.route(tt.host, "GET", tt.match)
			if tt.want < 0 {
				if r.fault != fault.NotFound {
					t.Fatalf("route = %+v, want %s", r, fault.NotFound)
				}
				return
			}
			if want := fmt.Sprintf("proxy-%d", tt.want); r.owner == nil || r.owner.id != want {
				t.Fatalf("route = %+v, want %s", r, want)
			}
		})
	}
}

func TestRouteFindsTheEndpoint(t *testing.T) {
	t.Parallel()
	p := at("/petstore")
	p.Endpoints = []APIEndpoint{
		{"GET", "/"}, {"GET", "/pets"}, {"POST", "/pets"}, {"GET", "/pets/{id}"}, {"DELETE", "/pets/{id}"},
		{"GET", "/pets/mine"}, {"GET", "/pets/{id}/photos/{photo}"}, {"GET", "/pets/mine/secret"},
		{"HEAD", "/heads"}, {"GET", "/heads"}, {"POST", "/a+b@c"},
	}
	s := compileProxies(t, p)
	tests := []struct{ name, method, rest, endpoint, allow string }{
		{"the base path is the template /", "GET", "", "GET /", ""},
		{"so is the base path with a slash", "GET", "/", "GET /", ""},
		{"a literal", "POST", "/pets", "POST /pets", ""},
		{"a parameter", "GET", "/pets/7", "GET /pets/{id}", ""},
		{"a literal wins over a parameter", "GET", "/pets/mine", "GET /pets/mine", ""},
		{"a literal that leads nowhere gives way", "GET", "/pets/mine/photos/1", "GET /pets/{id}/photos/{photo}", ""},
		{"HEAD goes where GET goes", "HEAD", "/pets", "GET /pets", ""},
		{"HEAD has an endpoint of its own", "HEAD", "/heads", "HEAD /heads", ""},
		{"an escaped literal is the literal", "POST", "/a+b@c", "POST /a+b@c", ""},
		{"another method is told what is allowed", "PUT", "/pets", "", "GET, HEAD, POST"},
		{"the path decides before the method", "DELETE", "/pets/mine", "", "GET, HEAD"},
		{"an unknown path is no endpoint", "GET", "/cats", "", ""},
		{"a path that is too long is no endpoint", "GET", "/pets/7/photos/1/2", "", ""},
		{"a path that is too short is no endpoint", "GET", "/pets/7/photos", "", ""},
		{"a slash at the end is another path", "GET", "/pets/", "", ""},
		{"an empty parameter is no value", "GET", "/pets//photos/1", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := s.router.route("x", tt.method, "/petstore"+tt.rest)
			switch {
			case tt.endpoint != "":
				if r.fault != "" || r.operation.name != tt.endpoint {
					t.Errorf("route = %+v, want %s", r, tt.endpoint)
				}
			case tt.allow != "":
				if r.fault != fault.MethodNotAllowed || r.allow != tt.allow {
					t.Errorf("route = %+v, want %s with Allow: %s", r, fault.MethodNotAllowed, tt.allow)
				}
			case r.fault != fault.MethodNotFound:
				t.Errorf("route = %+v, want %s", r, fault.MethodNotFound)
			}
		})
	}
}

func TestRouteKeepsToTheMethodsOfTheProxy(t *testing.T) {
	t.Parallel()
	p := at("/a")
	p.Route.Methods = []string{"POST", "GET"}
	s := compileProxies(t, p)
	for _, m := range []string{"GET", "POST", "HEAD"} {
		if r := s.router.route("x", m, "/a/b"); r.fault != "" {
			t.Errorf("%s: %+v", m, r)
		}
	}
	if r := s.router.route("x", "DELETE", "/a/b"); r.fault != fault.MethodNotAllowed || r.allow != "GET, HEAD, POST" {
		t.Errorf("DELETE: %+v", r)
	}
}

func manyProxies(n int) []Proxy {
	list := make([]Proxy, n)
	for i := range list {
		list[i] = at(fmt.Sprintf("/team-%d/api-%d", i%7, i))
		list[i].Endpoints = []APIEndpoint{{"GET", "/pets/{id}/photos/{photo}"}, {"GET", "/pets/{id}"}, {"POST", "/pets"}}
	}
	return list
}

func TestRouteCostsNoMemory(t *testing.T) {
	s := compileProxies(t, manyProxies(100)...)
	if n := testing.AllocsPerRun(100, func() {
		if r := s.router.route("api.test", "GET", "/team-1/api-99/pets/7/photos/3"); r.fault != "" {
			t.Fatalf("route = %+v", r)
		}
		if r := s.router.route("api.test", "GET", "/team-1/unknown/pets/7"); r.fault != fault.NotFound {
			t.Fatalf("route = %+v", r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("proxies=%d", n), func(b *testing.B) {
			s := compileProxies(b, manyProxies(n)...)
			path := fmt.Sprintf("/team-%d/api-%d/pets/7/photos/3", (n-1)%7, n-1)
			b.ReportAllocs()
			for b.Loop() {
				if r := s.router.route("api.test", "GET", path); r.fault != "" {
					b.Fatalf("route = %+v", r)
				}
			}
		})
	}
}

func BenchmarkTarget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseTarget("/team-1/api-99/pets/7/photos/3?size=large"); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzRoute holds for any request: nothing panics; the normal form is its own
// normal form; what the API is asked for lies below its base path, is what
// was routed, and is read by a URL parser as what was routed.
func FuzzRoute(f *testing.F) {
	for _, uri := range []string{
		"/shop/orders/7?a=b", "/shop/../x", "/shop/%2e%2e/x", "/shop//x", "/shop/%2fx", "/shop;a/x", "/shop/a%40b", "/shop/%E2%82%AC",
		"http://api.test/shop/%7Euser", "*", "/shop/\\..\\x", "/shop/%252e/x", "/shop/x%3F/../y", "/%73hop/pets", "/shop/é|{}", "/shop/a%2Bb",
	} {
		f.Add("GET", "API.test:80", uri)
	}
	f.Add("DELETE", "[::1]:80", "/shop/pets/1")
	endpoint := at("/shop/pets")
	endpoint.Endpoints = []APIEndpoint{{"GET", "/"}, {"GET", "/{id}"}, {"GET", "/mine"}, {"DELETE", "/{id}/a@b"}}
	root := at("/root", "*.test")
	root.Upstream.URL = "http://127.0.0.1:9"
	s := compileProxies(f, at("/shop"), endpoint, root, at("/shop", "api.test"))
	f.Fuzz(func(t *testing.T, method, host, uri string) {
		name, port, err := normalHost(host)
		if err != nil || checkMethod(method) != nil {
			return
		}
		if again, _, err := normalHost(forwardedHost(host, name, port)); err != nil || again != name {
			t.Errorf("host %q is %q, then %q, %v", host, name, again, err)
		}
		a, err := parseTarget(uri)
		if err != nil {
			return
		}
		checkNormal(t, a)
		r := s.router.route(name, method, a.match)
		if r.fault != "" {
			return
		}
		rest := a.path[segmentsEnd(a.path, r.owner.segments):]
		checkBelow(t, r, r.operation.proxy.upstream.path(rest), a.match)
	})
}

func checkNormal(t *testing.T, a target) {
	t.Helper()
	again, err := parseTarget(a.path)
	if err != nil || again.path != a.path || again.match != a.match {
		t.Errorf("the normal form %q becomes %+v, %v", a.path, again, err)
	}
	if clean := path.Clean(a.match); clean != a.match && clean+"/" != a.match {
		t.Errorf("%q is not clean", a.match)
	}
	if strings.ContainsAny(a.match, "\\;%\x00\r\n") {
		t.Errorf("%q holds an ambiguous byte", a.match)
	}
}

func checkBelow(t *testing.T, r route, sent, match string) {
	t.Helper()
	u, err := url.ParseRequestURI(sent)
	if err != nil {
		t.Fatalf("the API is asked for %q: %v", sent, err)
	}
	if u.EscapedPath() != sent {
		t.Errorf("%q is sent as %q", sent, u.EscapedPath())
	}
	base := r.operation.proxy.upstream.base
	want := base + strings.TrimPrefix(match, r.owner.route.BasePath)
	if want == "" {
		want = "/"
	}
	if u.Path != want {
		t.Errorf("the API reads %q, routed was %q", u.Path, want)
	}
	if clean := path.Clean(u.Path); clean != base && !strings.HasPrefix(clean, base+"/") {
		t.Errorf("%q leaves the base path %q", sent, base)
	}
}
