// Package enginetest owns what tests of the gateway share: bundles, keys,
// tokens, policies made of a function, a clock that is moved by hand, a sink
// that remembers, and a running gateway. Its cryptography is the real one.
package enginetest

import (
	"encoding/json"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/echo"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
)

// PublicURL is the issuer of the bundles that Bundle makes.
const PublicURL = "https://api.example.com"

// Keys are one active key of each algorithm that is quick to make: RS256,
// PS256, ES256, EdDSA and HS256. They are made once for all tests.
var Keys = sync.OnceValue(func() *keys.Set {
	var entries []keys.Entry
	for _, alg := range []keys.Algorithm{keys.RS256, keys.PS256, keys.ES256, keys.EdDSA, keys.HS256} {
		entries = append(entries, keys.Entry{Key: newKey(alg), State: keys.Active})
	}
	set, err := keys.NewSet(entries)
	if err != nil {
		panic(err)
	}
	return set
})

func newKey(alg keys.Algorithm) *keys.Key {
	k, err := keys.Generate(alg)
	if err != nil {
		panic(err)
	}
	return k
}

// Proxy is a proxy of the project "shop" without endpoints. Its client id is
// its name with "-client" behind.
func Proxy(name, basePath, upstream string, policies ...engine.Bound) engine.Proxy {
	return engine.Proxy{
		Project: "shop", Name: name, ClientID: name + "-client",
		Route: engine.Route{BasePath: basePath}, Upstream: engine.Upstream{URL: upstream}, Policies: policies,
	}
}

// Owner is p as its first deployed revision.
func Owner(t testing.TB, p engine.Proxy) engine.Owner {
	t.Helper()
	raw, digest, err := engine.Encode(&p)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Owner{ID: "id-" + p.Name, Revision: 1, Digest: digest, Definition: raw, Client: engine.Client{ID: p.ClientID}}
}

// Bundle is a bundle of the environment "production" with Keys.
func Bundle(t testing.TB, proxies ...engine.Proxy) engine.Bundle {
	t.Helper()
	b := engine.Bundle{Environment: "production", PublicURL: PublicURL, Generation: 1, Keys: Keys()}
	for _, p := range proxies {
		b.Owners = append(b.Owners, Owner(t, p))
	}
	return b
}

// Bind binds a policy to all endpoints of a proxy.
func Bind(t testing.TB, c policy.Config) engine.Bound {
	t.Helper()
	raw, err := policy.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Bound{Scope: policy.All, Pipeline: policy.Request, Policy: raw}
}

// Func is a policy type whose policies do what the function does.
func Func(name string, do func(*policy.Exchange) error) policy.Type {
	return policy.Type{
		Name: name, Label: name, Summary: "A policy of a test.", Pipelines: []policy.Pipeline{policy.Request},
		New: func() policy.Config {
			return &function{Common: policy.Common{Type: name, Name: name, Active: true}, do: do}
		},
	}
}

// BindFunc binds a policy of a type that Func made to all endpoints.
func BindFunc(t testing.TB, typ policy.Type) engine.Bound { return Bind(t, typ.New()) }

type function struct {
	policy.Common
	do func(*policy.Exchange) error
}

func (f *function) Base() *policy.Common                        { return &f.Common }
func (f *function) Validate() problem.List                      { return f.Common.Validate() }
func (f *function) Compile(policy.Runtime) (policy.Step, error) { return step{f.do}, nil }

type step struct{ do func(*policy.Exchange) error }

func (s step) Do(x *policy.Exchange) error { return s.do(x) }

// Clock is a clock that stands until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a whole second, now, as tokens count.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Second)} }

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Gateway is a gateway that serves the bundle on a real listener until the
// test ends.
func Gateway(t testing.TB, o engine.Options, b engine.Bundle) (*engine.Gateway, *httptest.Server) {
	t.Helper()
	g := engine.New(o)
	if err := g.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return g, Serve(t, g)
}

// Serve runs a gateway's own server on a real listener until the test ends.
func Serve(t testing.TB, g *engine.Gateway) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(g)
	s.Config = engine.Server(s.Listener.Addr().String(), g)
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(g.CloseSockets)
	return s
}

// Echo is a running upstream that answers with what it was asked.
func Echo(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(echo.Handler())
	t.Cleanup(s.Close)
	return s
}

// Echoed reads an answer of Echo.
func Echoed(t testing.TB, body []byte) echo.Request {
	t.Helper()
	var r echo.Request
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("no answer of the echo upstream: %v in %q", err, body)
	}
	return r
}
