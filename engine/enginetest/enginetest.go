// Package enginetest owns what tests of the gateway share: bundles, keys,
// tokens, policies made of a function, a clock that is moved by hand, a sink
// that remembers, and a running gateway. Its cryptography is the real one.
package enginetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/echo"
	_ "github.com/gatewright/gatewright/engine/enginetest/calls"
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

// ProxyGroup is a proxy group of the project "shop". Its client id is its name
// with "-client" behind, its members' ids are those that Owner gives them.
func ProxyGroup(name, basePath string, members ...engine.Proxy) engine.ProxyGroup {
	g := engine.ProxyGroup{Project: "shop", Name: name, ClientID: name + "-client", Route: engine.Route{BasePath: basePath}}
	for _, p := range members {
		g.Members = append(g.Members, engine.Member{ID: "id-" + p.Name, Proxy: p})
	}
	return g
}

// PolicyGroup is an active policy group of the project "shop". Its client id is
// its name with "-client" behind.
func PolicyGroup(t testing.TB, name string, policies ...policy.Config) engine.PolicyGroup {
	t.Helper()
	g := engine.PolicyGroup{
		ID: "id-" + name, Project: "shop", Name: name, ClientID: name + "-client", Active: true, Pipeline: policy.Request,
	}
	for _, c := range policies {
		g.Policies = append(g.Policies, Bind(t, c).Policy)
	}
	return g
}

// BindGroup binds a policy group to all endpoints.
func BindGroup(g engine.PolicyGroup) engine.Bound {
	return engine.Bound{Scope: policy.All, Pipeline: g.Pipeline, Group: &g}
}

// Owner is a proxy, a proxy group or a policy group as its first deployed
// revision.
func Owner[D engine.Proxy | engine.ProxyGroup | engine.PolicyGroup](t testing.TB, definition D) engine.Owner {
	t.Helper()
	o := engine.Owner{Revision: 1}
	var err error
	switch d := any(definition).(type) {
	case engine.Proxy:
		o.ID, o.Client.ID = "id-"+d.Name, d.ClientID
		o.Definition, o.Digest, err = engine.Encode(&d)
	case engine.ProxyGroup:
		o.ID, o.Client.ID, o.Kind = "id-"+d.Name, d.ClientID, engine.KindProxyGroup
		o.Definition, o.Digest, err = engine.Encode(&d)
	case engine.PolicyGroup:
		o.ID, o.Client.ID, o.Kind = d.ID, d.ClientID, engine.KindPolicyGroup
		o.Definition, o.Digest, err = engine.Encode(&d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
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

// Bind binds a policy to all endpoints of a proxy, in the request pipeline.
func Bind(t testing.TB, c policy.Config) engine.Bound {
	t.Helper()
	return BindIn(t, policy.Request, c)
}

// BindIn binds a policy to all endpoints of a proxy.
func BindIn(t testing.TB, p policy.Pipeline, c policy.Config) engine.Bound {
	t.Helper()
	raw, err := policy.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Bound{Scope: policy.All, Pipeline: p, Policy: raw}
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

// Counted is a policy type that counts how many policies of it are compiled.
func Counted(name string, n *int) policy.Type {
	typ := Func(name, func(*policy.Exchange) error { return nil })
	typ.New = func() policy.Config {
		return &function{Common: policy.Common{Type: name, Name: name, Active: true}, do: func(*policy.Exchange) error { return nil }, compiled: n}
	}
	return typ
}

// BindFunc binds a policy of a type that Func made to all endpoints.
func BindFunc(t testing.TB, typ policy.Type) engine.Bound { return Bind(t, typ.New()) }

type function struct {
	policy.Common
	do       func(*policy.Exchange) error
	compiled *int
}

func (f *function) Base() *policy.Common   { return &f.Common }
func (f *function) Validate() problem.List { return f.Common.Validate() }

func (f *function) Compile(policy.Runtime) (policy.Step, error) {
	if f.compiled != nil {
		*f.compiled++
	}
	return step{f.do}, nil
}

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

// Serve runs a gateway's own server on a real listener until the test ends. It speaks
// HTTP/1.1, over TLS where that is the test's way.
func Serve(t testing.TB, g *engine.Gateway) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(g)
	s.Config = engine.Server(s.Listener.Addr().String(), g)
	if SecureGateway(t) {
		s.Listener, s.TLS = engine.ListenTLS(s.Listener, s.Config, g, TLS("http/1.1")), TLS()
		s.URL = "https://" + s.Listener.Addr().String()
		go func() { _ = s.Config.Serve(s.Listener) }()
	} else {
		s.Listener = engine.Listen(s.Listener, s.Config, g)
		s.Start()
	}
	t.Cleanup(s.Close)
	t.Cleanup(g.CloseSockets)
	return s
}

// Echo is a running upstream that answers with what it was asked.
func Echo(t testing.TB) *httptest.Server {
	t.Helper()
	return Upstream(t, echo.Handler())
}

// Upstream is a running API, over TLS where that is the test's way.
func Upstream(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if SecureUpstream(t) {
		s.TLS = TLS("http/1.1")
		s.StartTLS()
	} else {
		s.Start()
	}
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

// Marks is a policy type whose policies write their names down, one after another
// in the upstream's header X-Order, and what makes such policies.
func Marks() (policy.Type, func(name string, change ...func(*policy.Common)) policy.Config) {
	typ := policy.Type{Name: "policy-mark", Label: "Mark", Summary: "A policy of a test.", Pipelines: []policy.Pipeline{policy.Request}}
	typ.New = func() policy.Config { return &mark{policy.Common{Type: typ.Name, Active: true}} }
	return typ, func(name string, change ...func(*policy.Common)) policy.Config {
		m := &mark{policy.Common{Type: typ.Name, Name: name, Active: true}}
		for _, f := range change {
			f(&m.Common)
		}
		return m
	}
}

type mark struct{ policy.Common }

func (m *mark) Base() *policy.Common   { return &m.Common }
func (m *mark) Validate() problem.List { return m.Common.Validate() }

// Compile implements policy.Config.
func (m *mark) Compile(policy.Runtime) (policy.Step, error) {
	return step{m.write}, nil
}

func (m *mark) write(x *policy.Exchange) error {
	for i, f := range x.Set {
		if f.Name == "X-Order" {
			x.Set[i].Value += " " + m.Name
			return nil
		}
	}
	x.SetHeader("X-Order", m.Name)
	return nil
}
