package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/keys"
)

// compileGroup makes a snapshot of one proxy group at /g, whose members are
// called m0, m1 and so on.
func compileGroup(t testing.TB, members ...Proxy) *Snapshot {
	t.Helper()
	set, err := keys.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := ProxyGroup{Name: "group", Route: Route{BasePath: "/g"}}
	for i, p := range members {
		p.Name, p.Route.BasePath, p.Upstream.URL = fmt.Sprint("m", i), "/own", "http://127.0.0.1:9"
		g.Members = append(g.Members, Member{ID: p.Name, Proxy: p})
	}
	raw, digest, err := Encode(&g)
	if err != nil {
		t.Fatal(err)
	}
	b := Bundle{Environment: "production", Keys: set, Owners: []Owner{{ID: "g", Kind: KindProxyGroup, Digest: digest, Definition: raw}}}
	s, err := Compile(context.Background(), b, nil, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// with is a member with endpoints, each as "GET /path", limited to methods.
func with(methods string, endpoints ...string) Proxy {
	p := Proxy{Route: Route{Methods: strings.Fields(methods)}}
	for _, e := range endpoints {
		method, path, _ := strings.Cut(e, " ")
		p.Endpoints = append(p.Endpoints, APIEndpoint{method, path})
	}
	return p
}

// said is a route in one line: who answers with which endpoint, or why nobody.
func said(r route) string {
	switch {
	case r.operation != nil:
		return strings.TrimSpace(r.operation.proxy.name + " " + r.operation.name)
	case r.fault == fault.MethodNotAllowed:
		return "405 " + r.allow
	}
	return string(r.fault)
}

func TestMembersShareTheGroupsAddressInTheirOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		members       []Proxy
		request, want string
	}{
		{"the first of two with one endpoint", []Proxy{with("", "GET /a"), with("", "GET /a")}, "GET /a", "m0 GET /a"},
		{"also when parameters are called differently", []Proxy{with("", "GET /{x}"), with("", "GET /{y}")}, "GET /7", "m0 GET /{x}"},
		{"another method of one path", []Proxy{with("", "GET /a"), with("", "POST /a")}, "POST /a", "m1 POST /a"},
		{"a literal of a later member", []Proxy{with("", "GET /{x}"), with("", "GET /a")}, "GET /a", "m1 GET /a"},
		{"a later member deep below a literal of the first", []Proxy{with("", "GET /a/b"), with("", "GET /{x}/c")}, "GET /a/c", "m1 GET /{x}/c"},
		{"HEAD where GET goes", []Proxy{with("", "GET /a")}, "HEAD /a", "m0 GET /a"},
		{"an endpoint for HEAD alone", []Proxy{with("", "GET /a"), with("", "HEAD /a")}, "HEAD /a", "m1 HEAD /a"},
		{"a method that no member has there", []Proxy{with("", "GET /a"), with("", "POST /a"), with("")}, "PUT /a", "405 GET, HEAD, POST"},
		{"what no endpoint takes goes to the first without any", []Proxy{with("", "GET /a"), with(""), with("")}, "PUT /b", "m1"},
		{"the first without endpoints comes after all endpoints", []Proxy{with(""), with("", "GET /a")}, "GET /a", "m1 GET /a"},
		{"nobody without endpoints", []Proxy{with("", "GET /a")}, "GET /b", "API_METHOD_NOTFOUND"},
		{"a member's methods limit its endpoints", []Proxy{with("GET", "GET /a", "POST /a")}, "POST /a", "405 GET, HEAD"},
		{"and leave them to the next", []Proxy{with("GET", "GET /a", "POST /a"), with("", "POST /a")}, "POST /a", "m1 POST /a"},
		{"a member's methods limit the rest", []Proxy{with("GET")}, "POST /a", "405 GET, HEAD"},
		{"HEAD is part of the rest", []Proxy{with("GET"), with("")}, "HEAD /a", "m0"},
		{"and the next takes the other methods", []Proxy{with("GET"), with("POST"), with("")}, "POST /a", "m1"},
		{"and the last one takes all others", []Proxy{with("GET"), with("POST"), with("")}, "PUT /a", "m2"},
		{"nobody comes after one that takes everything", []Proxy{with(""), with("POST")}, "POST /a", "m0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(tt.request, " ")
			if got := said(compileGroup(t, tt.members...).router.route("x", method, "/g"+path)); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.request, got, tt.want)
			}
		})
	}
}

// walk is what a group does, said by asking one member after another.
func walk(members []Proxy, method, path string) string {
	type found struct{ who, method, endpoint, shape string }
	var all []found
	for i, p := range members {
		for _, e := range p.Endpoints {
			if s, ok := match(e.Path, path); ok && permits(p.Route.Methods, e.Method) {
				all = append(all, found{fmt.Sprint("m", i), e.Method, e.Path, s})
			}
		}
	}
	best := ""
	for _, f := range all {
		if best == "" || f.shape < best {
			best = f.shape
		}
	}
	var there []string
	for _, m := range []string{method, map[string]string{"HEAD": "GET"}[method]} {
		for _, f := range all {
			if f.shape == best && f.method == m {
				return f.who + " " + f.method + " " + f.endpoint
			}
		}
	}
	for _, f := range all {
		if f.shape == best {
			there = append(there, f.method)
		}
	}
	if len(there) > 0 {
		return "405 " + allowed(there)
	}
	return walkRest(members, method)
}

func walkRest(members []Proxy, method string) string {
	var there []string
	head := ""
	for i, p := range members {
		who := fmt.Sprint("m", i)
		switch {
		case len(p.Endpoints) > 0:
			continue
		case len(p.Route.Methods) == 0 && head != "":
			return head
		case len(p.Route.Methods) == 0, slices.Contains(p.Route.Methods, method):
			return who
		case head == "" && method == "HEAD" && slices.Contains(p.Route.Methods, "GET"):
			head = who // unless a later one names HEAD
		}
		there = append(there, p.Route.Methods...)
	}
	switch {
	case head != "":
		return head
	case len(there) > 0:
		return "405 " + allowed(there)
	}
	return string(fault.MethodNotFound)
}

// match compares segment by segment. The shape sorts literals before parameters.
func match(template, path string) (shape string, ok bool) {
	want, have := strings.Split(template[1:], "/"), strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(want) != len(have) {
		return "", false
	}
	for i, segment := range want {
		switch {
		case segment == have[i]:
			shape += "a"
		case isParameter(segment) && have[i] != "":
			shape += "b"
		default:
			return "", false
		}
	}
	return shape, true
}

// The one tree of a group answers as its members would one after another.
func TestAGroupsTreeIsAWalkOverItsMembers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	some := func(n int, each func() string) (list []string) {
		for range r.IntN(n + 1) {
			if s := each(); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
		return list
	}
	methods := func() string { return pick("GET", "HEAD", "POST", "PUT") }
	for range 3000 {
		var members []Proxy
		for range 1 + r.IntN(4) {
			var p Proxy
			seen := map[string]bool{}
			for _, e := range some(5, func() string {
				path := ""
				for range r.IntN(4) {
					path += "/" + pick("a", "b", "{x}", "{y}")
				}
				return methods() + " " + path
			}) {
				method, path, _ := strings.Cut(e, " ")
				if path == "" {
					path = "/"
				}
				if key := method + shape(path); !seen[key] {
					seen[key] = true
					p.Endpoints = append(p.Endpoints, APIEndpoint{method, path})
				}
			}
			if r.IntN(2) == 0 {
				p.Route.Methods = some(3, methods)
			}
			members = append(members, p)
		}
		s := compileGroup(t, members...)
		for range 30 {
			path := ""
			for range r.IntN(4) {
				path += "/" + pick("a", "b", "c")
			}
			path += pick("", "", "/")
			method := pick("GET", "HEAD", "POST", "PUT", "DELETE")
			if got, want := said(s.router.route("x", method, "/g"+path)), walk(members, method, path); got != want {
				t.Fatalf("%s %q is answered by %q, a walk finds %q\nin %+v", method, path, got, want, members)
			}
		}
	}
}

// manyMembers is a group of n proxies with three endpoints each.
func manyMembers(t testing.TB, n int) *Snapshot {
	members := make([]Proxy, n)
	for i := range members {
		members[i] = with("", fmt.Sprintf("GET /api-%d/pets/{id}/photos/{photo}", i), fmt.Sprintf("GET /api-%d/pets/{id}", i), fmt.Sprintf("POST /api-%d/pets", i))
	}
	return compileGroup(t, members...)
}

func TestRouteThroughAGroupCostsNoMemory(t *testing.T) {
	s := manyMembers(t, 100)
	if n := testing.AllocsPerRun(100, func() {
		if r := s.router.route("x", "GET", "/g/api-99/pets/7/photos/3"); r.fault != "" {
			t.Fatalf("route = %+v", r)
		}
		if r := s.router.route("x", "GET", "/g/unknown"); r.fault != fault.MethodNotFound {
			t.Fatalf("route = %+v", r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRouteThroughAGroup(b *testing.B) {
	for _, n := range []int{1, 100, MaxMembers} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			s := manyMembers(b, n)
			path := fmt.Sprintf("/g/api-%d/pets/7/photos/3", n-1)
			b.ReportAllocs()
			for b.Loop() {
				if r := s.router.route("x", "GET", path); r.fault != "" {
					b.Fatalf("route = %+v", r)
				}
			}
		})
	}
}
