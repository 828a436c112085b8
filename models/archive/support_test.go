package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models/archive"
)

func common(kind archive.Kind, name string, dependencies ...archive.Ref) archive.Common {
	return archive.Common{Kind: kind, Name: name, Dependencies: dependencies}
}

func jwt(name string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"type":"policy-auth-jwt","name":%q,"description":"if a < b & c > d","active":true}`, name))
}

// sample has one object of each kind.
func sample() archive.Package {
	orders := archive.Ref{Kind: archive.KindPolicy, Name: "Orders JWT"}
	staff := archive.Ref{Kind: archive.KindIdentitySource, Name: "Staff"}
	return archive.Package{Project: "default", Objects: []archive.Object{
		&archive.Variable{
			Common:   common(archive.KindVariable, "Environment"),
			Variable: condition.Variable{Name: "Environment", Type: condition.Header, HeaderName: "X-Environment"},
		},
		&archive.Role{Common: common(archive.KindRole, "orders:read"), Description: "May read orders."},
		&archive.IdentitySource{
			Common:     common(archive.KindIdentitySource, "Staff"),
			Definition: json.RawMessage(`{"kind":"LDAP","name":"Staff","url":"ldaps://ldap.example.com"}`),
			Secrets:    []string{"bindPassword"},
		},
		&archive.Policy{Common: common(archive.KindPolicy, "Orders JWT", staff, archive.Ref{Kind: archive.KindRole, Name: "orders:read"}), Policy: jwt("Orders JWT")},
		&archive.PolicyGroup{
			Common: common(archive.KindPolicyGroup, "Baseline", orders), Active: true, Pipeline: policy.Request, Order: 1, MakeDefault: true,
			Policies: []archive.Slot{{Global: "Orders JWT"}, {Policy: jwt("Own")}},
		},
		&archive.Proxy{
			Common: common(archive.KindProxy, "Orders", orders), Description: "Orders & returns",
			Route:          engine.Route{BasePath: "/orders", Hosts: []string{"api.example.com"}, Methods: []string{"GET", "POST"}},
			Upstream:       engine.Upstream{URL: "https://orders.internal:8443", ConnectTimeout: 2000},
			ErrorTemplates: &fault.Bodies{JSON: fault.Body{Enabled: true, Text: `{"m":"<#message#>"}`}},
			Endpoints:      []archive.Endpoint{{Method: "GET", Path: "/{id}", Description: "One order"}},
			Bindings: []archive.Binding{
				{Scope: policy.All, Pipeline: policy.Request, Global: "Orders JWT"},
				{Scope: policy.Endpoint, Endpoint: "GET /{id}", Pipeline: policy.Request, Policy: jwt("Local")},
			},
		},
		&archive.ProxyGroup{
			Common: common(archive.KindProxyGroup, "Shop", archive.Ref{Kind: archive.KindProxy, Name: "Orders"}, archive.Ref{Kind: archive.KindPolicyGroup, Name: "Baseline"}),
			Route:  engine.Route{BasePath: "/shop"}, BlockDirectAccess: true, Members: []string{"Orders"},
			Bindings: []archive.Binding{{Scope: policy.All, Pipeline: policy.Request, Group: "Baseline"}},
		},
	}}
}

// written is the bytes of a package.
func written(t testing.TB, p archive.Package) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Write(&b, p); err != nil {
		t.Fatalf("write: %v", err)
	}
	return b.Bytes()
}

func read(t testing.TB, raw []byte) archive.Package {
	t.Helper()
	p, err := archive.Read(raw)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return p
}

// entry is a file of a ZIP that is made by hand.
type entry struct {
	name, text string
	change     func(*zip.FileHeader)
}

// zipped packs entries as they are, whatever they are.
func zipped(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o644)
		if e.change != nil {
			e.change(h)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil && e.text != "" {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unzipped is what a ZIP holds, in its order.
func unzipped(t testing.TB, raw []byte) []entry {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, entry{name: f.Name, text: string(text)})
	}
	return list
}

// dice makes packages out of few names, so that names are often alike once
// they are file names.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func list[T any](d dice, most int, one func() T) []T {
	var l []T
	for range d.IntN(most + 1) {
		l = append(l, one())
	}
	return l
}

func (d dice) text() string {
	return pick(d, "", "plain", "<b>&amp;</b>", "a \"quoted\" \\ text", "two\nlines", "größe\u2028日本", "{\"json\":[1,2]}")
}

func (d dice) name() string {
	return pick(d, "orders", "Orders JWT", "orders-jwt", "orders jwt", "größe", "grösse", "日本", "nul", "COM1.v2", "a.b_c", "..x", "x.json", "r/w", "a:b") +
		pick(d, "", "", "", fmt.Sprint(d.IntN(30)))
}

func (d dice) ref() archive.Ref {
	return archive.Ref{Kind: pick(d, archive.Kinds()...), Name: d.name()}
}

func (d dice) policy(name string) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{"type": "policy-auth-jwt", "name": name, "description": d.text(), "nested": map[string]any{"list": []int{}, "n": d.IntN(9)}})
	return raw
}

func (d dice) binding(endpoints []archive.Endpoint) archive.Binding {
	b := archive.Binding{Scope: policy.All, Pipeline: pick(d, policy.Request, policy.Response, policy.Error)}
	if len(endpoints) > 0 && d.IntN(2) == 0 {
		b.Scope, b.Endpoint = policy.Endpoint, pick(d, endpoints...).String()
	}
	switch d.IntN(3) {
	case 0:
		b.Global = d.name()
	case 1:
		b.Group = d.name()
	default:
		b.Policy = d.policy(d.name())
	}
	return b
}

func (d dice) route() engine.Route {
	return engine.Route{BasePath: "/" + pick(d, "a", "b/c"), Hosts: list(d, 2, func() string { return "api.example.com" }), Methods: list(d, 2, func() string { return "GET" })}
}

func (d dice) upstream() engine.Upstream {
	u := engine.Upstream{URL: "http://up", ResponseTimeout: d.IntN(2), Breaker: engine.Breaker{Rest: d.IntN(2)}, Retry: engine.Retry{Count: d.IntN(2)}}
	u.Further = list(d, 2, func() engine.Address { return engine.Address{URL: "http://" + d.text(), Weight: d.IntN(2)} })
	u.Check = pick(d, nil, &engine.HealthCheck{}, &engine.HealthCheck{Path: "/health", To: d.IntN(2)})
	return u
}

func (d dice) templates() *fault.Bodies {
	return pick(d, nil, &fault.Bodies{}, &fault.Bodies{XML: fault.Body{Enabled: true, Text: d.text()}, Upstream: true})
}

func (d dice) object(base archive.Common) archive.Object {
	switch base.Kind {
	case archive.KindVariable:
		return &archive.Variable{Common: base, Variable: condition.Variable{Name: base.Name, Description: d.text(), Type: condition.Header, HeaderName: "X-A"}}
	case archive.KindRole:
		return &archive.Role{Common: base, Description: d.text()}
	case archive.KindIdentitySource:
		return &archive.IdentitySource{Common: base, Definition: d.policy(base.Name), Secrets: pick(d, nil, []string{"bindPassword"}, []string{"password", "token"})}
	case archive.KindPolicy:
		return &archive.Policy{Common: base, Policy: d.policy(base.Name)}
	case archive.KindPolicyGroup:
		return &archive.PolicyGroup{
			Common: base, Description: d.text(), Active: d.IntN(2) == 0, Pipeline: policy.Error, Order: d.IntN(5), MakeDefault: d.IntN(2) == 0,
			Policies: list(d, 3, func() archive.Slot {
				return pick(d, archive.Slot{Global: d.name()}, archive.Slot{Policy: d.policy("own")})
			}),
		}
	case archive.KindProxy:
		endpoints := pick(d, nil, []archive.Endpoint{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/{b}", Description: d.text()}})
		return &archive.Proxy{
			Common: base, Description: d.text(), Route: d.route(), Upstream: d.upstream(),
			ErrorTemplates: d.templates(), Endpoints: endpoints, Bindings: list(d, 4, func() archive.Binding { return d.binding(endpoints) }),
		}
	}
	return &archive.ProxyGroup{
		Common: base, Description: d.text(), Route: d.route(), BlockDirectAccess: d.IntN(2) == 0, ErrorTemplates: d.templates(),
		Members: list(d, 3, d.name), Bindings: list(d, 3, func() archive.Binding { return d.binding(nil) }),
	}
}

func (d dice) archive() archive.Package {
	p := archive.Package{Project: pick(d, "", "default", "größe & co")}
	seen := map[archive.Ref]bool{}
	for range 1 + d.IntN(25) {
		ref := d.ref()
		if !seen[ref.Key()] {
			p.Objects = append(p.Objects, d.object(common(ref.Kind, ref.Name, list(d, 3, d.ref)...)))
		}
		seen[ref.Key()] = true
	}
	return p
}
