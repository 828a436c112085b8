package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// BenchmarkProxy is a whole call, from the server's handler to a real
// upstream in this process, whose own work is counted too.
func BenchmarkProxy(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1024)) }))
	defer upstream.Close()
	proxies := []engine.Proxy{enginetest.Proxy("open", "/open", upstream.URL)}
	credentials := map[string]string{"open": ""}
	for _, alg := range []keys.Algorithm{keys.HS256, keys.RS256, keys.ES256} {
		proxies = append(proxies, enginetest.Proxy(string(alg), "/"+string(alg), upstream.URL, enginetest.Bind(b, jwtPolicy(alg))))
		credentials[string(alg)] = "Bearer " + enginetest.Token(b, alg, enginetest.Claims(string(alg), time.Now()))
	}
	g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
	if err := g.Apply(b.Context(), enginetest.Bundle(b, proxies...)); err != nil {
		b.Fatal(err)
	}
	for _, p := range proxies {
		b.Run(p.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if status := call(g, p.Route.BasePath+"/pets/7", credentials[p.Name]); status != 200 {
					b.Fatalf("status %d", status)
				}
			}
		})
	}
}

// BenchmarkGroup is a whole call through a proxy group with a JWT policy, to the
// last of its members.
func BenchmarkGroup(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1024)) }))
	defer upstream.Close()
	credential := "Bearer " + enginetest.Token(b, keys.HS256, enginetest.Claims("all", time.Now()))
	for _, n := range []int{1, 100, engine.MaxMembers} {
		var members []engine.Proxy
		for i := range n {
			p := enginetest.Proxy(fmt.Sprint("api-", i), fmt.Sprint("/api-", i), upstream.URL)
			p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: fmt.Sprintf("/api-%d/pets/{id}", i)}}
			members = append(members, p)
		}
		group := enginetest.ProxyGroup("all", "/all", members...)
		group.Policies = []engine.Bound{enginetest.Bind(b, jwtPolicy(keys.HS256))}
		bundle := enginetest.Bundle(b)
		bundle.Owners = []engine.Owner{enginetest.Owner(b, group)}
		g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
		if err := g.Apply(b.Context(), bundle); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if status := call(g, fmt.Sprintf("/all/api-%d/pets/7", n-1), credential); status != 200 {
					b.Fatalf("status %d", status)
				}
			}
		})
	}
}

// BenchmarkApply is the deploy of one proxy among many.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("proxies=%d", n), func(b *testing.B) {
			var proxies []engine.Proxy
			for i := range n {
				proxies = append(proxies, enginetest.Proxy(fmt.Sprint("proxy-", i), fmt.Sprint("/api-", i), "http://127.0.0.1:9", enginetest.Bind(b, jwtPolicy(keys.HS256))))
			}
			bundle := enginetest.Bundle(b, proxies...)
			g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
			apply := func(digest string) {
				bundle.Owners[0].Digest = digest
				if err := g.Apply(b.Context(), bundle); err != nil {
					b.Fatal(err)
				}
			}
			apply("first")
			for i := 0; b.Loop(); i++ {
				apply(fmt.Sprint(i))
			}
		})
	}
}

// BenchmarkRefusal is a call without a token, from the server's handler on: what
// a flood of them costs, and what one's own words add.
func BenchmarkRefusal(b *testing.B) {
	rules := make([]fault.Rule, 3)
	for i := range rules {
		rules[i] = fault.Rule{Name: fmt.Sprint(i), Condition: rule(byHeader, "EQ", fmt.Sprint(i)), Text: `{"rule":"#FAULTCODE#"}`}
	}
	whole := fault.Template{Build: true, Text: `{"id":"#CORRELATIONID#","path":"#{request.uri}","code":"#FAULTCODE#","message":"#FAULTMESSAGE#"}`}
	for _, tt := range []struct {
		name string
		row  fault.Message
	}{
		{"standard", fault.Message{}}, {"fields", fault.Message{Code: "MY-1", Text: "Log in."}},
		{"template", fault.Message{Template: whole}}, {"third of three rules", fault.Message{Rules: rules}},
	} {
		p := jwtPolicy(keys.HS256)
		if tt.row.Changes() {
			tt.row.Type = fault.TokenMissing
			p.Messages = []fault.Message{tt.row}
		}
		p.Normalize()
		g := engine.New(engine.Options{Types: policy.Set{jwtauth.Type()}})
		if err := g.Apply(b.Context(), enginetest.Bundle(b, enginetest.Proxy("orders", "/orders", "http://127.0.0.1:9", enginetest.Bind(b, p)))); err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/orders/7", nil)
		r.Header.Set("X-Environment", "2")
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				if g.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
					b.Fatalf("status %d", w.Code)
				}
			}
		})
	}
}
