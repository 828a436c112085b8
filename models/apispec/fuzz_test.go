package apispec_test

import (
	"testing"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models/apispec"
)

// FuzzRead reads whatever comes: what is read fits a proxy, and what is not read
// has problems and nothing else. Its corpus is in testdata/fuzz.
func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, document []byte) {
		s, err := apispec.Read(document)
		if err != nil {
			if len(problem.Of(err)) == 0 {
				t.Fatalf("an error that is no problem: %v", err)
			}
			return
		}
		p := engine.Proxy{Name: s.Name, Route: engine.Route{BasePath: s.BasePath}, Upstream: engine.Upstream{URL: s.Upstream}}
		if s.Upstream == "" {
			p.Upstream.URL = "http://to.be.typed"
		}
		for _, e := range s.Endpoints {
			p.Endpoints = append(p.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
			if msg := problem.Description(e.Description); msg != "" {
				t.Errorf("%s %s: %s", e.Method, e.Path, msg)
			}
		}
		if l := p.Validate(); len(l) > 0 || len(s.Endpoints) == 0 || problem.Description(s.Description) != "" {
			t.Errorf("%d endpoints, description %q, problems %v", len(s.Endpoints), s.Description, l)
		}
		for _, n := range append(s.LeftOut, s.Notes...) {
			if !utf8.ValidString(n) {
				t.Errorf("the note %q is no text", n)
			}
		}
	})
}
