package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What the console says of a group must be what calls get: the tree of paths that
// runs is asked about every operation that Endpoints lists.
func TestEndpointsAreWhatTheTreeOfTheGroupGives(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	hidden, shut := 0, 0
	for range 2000 {
		g := anyGroup(r)
		c := compiled{}
		c.route = g.Route
		for i := range g.Members {
			p := &g.Members[i].Proxy
			c.paths.add(p, p.Route.Methods, &lane{}, &backend{id: fmt.Sprint(i)})
		}
		for _, a := range g.Endpoints() {
			method, path := a.Endpoint.Method, strings.ReplaceAll(a.Endpoint.Path, "{a}", "x")
			if method == "" {
				method, path = append(slices.Concat(a.Methods, g.Route.Methods), "DELETE")[0], "/other/path"
			}
			got := c.operation(method, path)
			switch {
			case a.By < 0:
				shut++
				if got.operation != nil && got.operation.proxy.id == fmt.Sprint(a.Member) && got.operation.endpoint == a.Endpoint {
					t.Fatalf("%+v: %+v answers %s %s, said to be shut out", g, got.operation, method, path)
				}
			case got.operation == nil || got.operation.proxy.id != fmt.Sprint(a.By):
				t.Fatalf("%+v: %s %s is answered by %+v, want %d", g, method, path, got, a.By)
			case a.By != a.Member:
				hidden++
			}
		}
	}
	if hidden == 0 || shut == 0 {
		t.Errorf("%d hidden and %d shut out: the groups show nothing", hidden, shut)
	}
}

func anyGroup(r *rand.Rand) *ProxyGroup {
	methods := []string{"GET", "POST", "PUT"}
	some := func() []string {
		if r.IntN(2) == 0 {
			return nil
		}
		return methods[r.IntN(3):][:1]
	}
	g := &ProxyGroup{Route: Route{BasePath: "/g", Methods: some()}}
	for range 1 + r.IntN(4) {
		m := Member{Proxy: Proxy{Route: Route{Methods: some()}}}
		for range r.IntN(3) {
			m.Proxy.Endpoints = append(m.Proxy.Endpoints, APIEndpoint{methods[r.IntN(2)], []string{"/", "/a", "/{a}", "/a/{a}"}[r.IntN(4)]})
		}
		g.Members = append(g.Members, m)
	}
	return g
}
