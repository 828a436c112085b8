package models_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func orders() models.Owner {
	return models.Owner{
		Kind: engine.KindProxy, Name: "Orders", Description: "All orders.",
		Route: engine.Route{
			BasePath: "/orders", Hosts: []string{"b.example.com", "a.example.com", "::0:1"}, Methods: []string{"POST", "GET"},
		},
		Upstream: engine.Upstream{
			URL: "http://127.0.0.1:9/v1", ConnectTimeout: 100, ResponseTimeout: 200, Weight: engine.DefaultWeight, Choice: engine.RoundRobin,
			Further: []engine.Address{{URL: "http://127.0.0.1:10", Weight: 7}}, Breaker: engine.Breaker{Failures: engine.DefaultFailures, Refuse: true},
			Check: &engine.HealthCheck{Path: "/health", Interval: engine.DefaultCheckInterval, Healthy: 9}, Retry: engine.Retry{Count: 2},
		},
		Endpoints: []models.Endpoint{
			{Method: "GET", Path: "/pets/{id}", Description: "One."}, {Method: "GET", Path: "/pets"},
		},
	}
}

func TestSaveProxy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	saved, key, err := s.SaveProxy(t.Context(), by, s.project, orders())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Proxy(t.Context(), s.project, "oRDERS")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, got); diff != "" {
		t.Errorf("saved and read differ (-saved +read):\n%s", diff)
	}
	want := orders()
	want.Route.Hosts, want.Route.Methods = []string{"::1", "a.example.com", "b.example.com"}, []string{"GET", "POST"}
	want.Upstream.Weight, want.Upstream.Choice, want.Upstream.Breaker.Failures = 0, "", 0 // which are the defaults
	want.Upstream.Check = &engine.HealthCheck{Path: "/health", Healthy: 9}
	want.Deployments = []models.Deployment{{Environment: "production", PublicURL: "http://production.test", State: models.NotDeployed}}
	ignore := cmpopts.IgnoreFields(models.Owner{}, "ID", "ProjectID", "ProjectName", "ClientID", "Stamp")
	if diff := cmp.Diff(want, got, ignore, cmpopts.IgnoreFields(models.Endpoint{}, "ID")); diff != "" {
		t.Errorf("proxy (-want +got):\n%s", diff)
	}
	if uuid.Validate(got.ClientID) != nil || len(key.Reveal()) < 40 || got.Version != 1 {
		t.Errorf("client id %q, secret of %d characters, version %d", got.ClientID, len(key.Reveal()), got.Version)
	}
	t.Run("an update writes every member of the upstream", func(t *testing.T) {
		p := got
		for _, u := range []engine.Upstream{{URL: "http://a.test"}, {URL: "http://a.test", Retry: engine.Retry{Count: 1}}, orders().Upstream.Normal()} {
			p.Upstream = u
			if p, _, err = s.SaveProxy(t.Context(), by, s.project, p); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(u, p.Upstream); diff != "" {
				t.Error(diff)
			}
		}
		got = p
	})
	t.Run("an update keeps the key pair and returns no secret", func(t *testing.T) {
		p := got
		p.Description, p.ClientID = "", "stolen"
		after, key, err := s.SaveProxy(t.Context(), by, s.project, p)
		if err != nil {
			t.Fatal(err)
		}
		if after.ClientID != got.ClientID || !key.IsZero() || after.Description != "" || after.Version != got.Version+1 {
			t.Errorf("got %+v", after)
		}
	})
}

func TestSaveProxyRefuses(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Proxy(t, s.Store, s.project, "orders")
	modelstest.Proxy(t, s.Store, s.project, "hosted", func(p *models.Owner) {
		p.Route = engine.Route{BasePath: "/hosted", Hosts: []string{"a.example.com"}}
	})
	modelstest.Proxy(t, s.Store, modelstest.Project(t, s.Store, "Other").ID, "secret-name")
	tests := []struct {
		name  string
		field string
		edit  func(*models.Owner)
	}{
		{"a name taken in other case", "name", func(p *models.Owner) { p.Name = "ORDERS" }},
		{"a leading blank in the name", "name", func(p *models.Owner) { p.Name = " x" }},
		{"a base path that is taken", "basePath", func(p *models.Owner) { p.Route.BasePath = "/orders" }},
		{"a base path taken in another project", "basePath", func(p *models.Owner) { p.Route.BasePath = "/secret-name" }},
		{"a base path taken on one of the hosts", "basePath", func(p *models.Owner) {
			p.Route = engine.Route{BasePath: "/hosted", Hosts: []string{"b.example.com", "a.example.com"}}
		}},
		{"a reserved base path", "basePath", func(p *models.Owner) { p.Route.BasePath = "/Auth/x" }},
		{"a host with a port", "hosts", func(p *models.Owner) { p.Route.Hosts = []string{"a:1"} }},
		{"a host with a NUL", "hosts", func(p *models.Owner) { p.Route.Hosts = []string{"a\x00"} }},
		{"a method that is none", "methods", func(p *models.Owner) { p.Route.Methods = []string{"FETCH"} }},
		{"an upstream that is no URL", "upstreamUrl", func(p *models.Owner) { p.Upstream.URL = "orders" }},
		{"a negative timeout", "connectTimeout", func(p *models.Owner) { p.Upstream.ConnectTimeout = -1 }},
		{"a further address that is no URL", "further[0].url", func(p *models.Owner) { p.Upstream.Further = []engine.Address{{URL: "orders"}} }},
		{"a health check of nothing", "check.path", func(p *models.Owner) { p.Upstream.Check = &engine.HealthCheck{} }},
		{"a timeout of a day", "responseTimeout", func(p *models.Owner) { p.Upstream.ResponseTimeout = 86_400_000 }},
		{"a description that is too long", "description", func(p *models.Owner) { p.Description = strings.Repeat("x", 1001) }},
		{"an endpoint without a slash", "endpoints[0]", func(p *models.Owner) { p.Endpoints = []models.Endpoint{{Method: "GET", Path: "x"}} }},
		{"an endpoint twice", "endpoints[1]", func(p *models.Owner) {
			p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/{a}"}, {Method: "GET", Path: "/{b}"}}
		}},
		{"a NUL in an endpoint's description", "endpoints[0]", func(p *models.Owner) {
			p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/x", Description: "a\x00b"}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := models.Owner{Name: "new", Route: engine.Route{BasePath: "/new"}, Upstream: engine.Upstream{URL: "http://127.0.0.1:9"}}
			tt.edit(&p)
			_, _, err := s.SaveProxy(t.Context(), by, s.project, p)
			wantProblem(t, err, tt.field)
			if strings.Contains(err.Error(), "secret-name\"") {
				t.Errorf("the name of another project's proxy is told: %v", err)
			}
		})
	}
	t.Run("but not the same path on another host", func(t *testing.T) {
		modelstest.Proxy(t, s.Store, s.project, "hosted-too", func(p *models.Owner) {
			p.Route = engine.Route{BasePath: "/hosted", Hosts: []string{"c.example.com"}}
		})
	})
	t.Run("nor a route that it gave up and takes back", func(t *testing.T) {
		p := modelstest.Proxy(t, s.Store, s.project, "mover")
		for _, path := range []string{"/moved", "/mover"} {
			p.Route.BasePath = path
			saved, _, err := s.SaveProxy(t.Context(), by, s.project, p)
			if err != nil {
				t.Fatal(err)
			}
			p = saved
		}
	})
	t.Run("everything wrong at once", func(t *testing.T) {
		_, _, err := s.SaveProxy(t.Context(), by, s.project, models.Owner{Name: "ORDERS", Route: engine.Route{BasePath: "/orders"}})
		l := problem.Of(err)
		if l.For("name") == "" || l.For("basePath") == "" || l.For("upstreamUrl") == "" {
			t.Errorf("got %v", l)
		}
	})
}

func TestTheOwnerOfATakenPathIsNamedInItsProject(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	mine := modelstest.Proxy(t, s.Store, s.project, "mine")
	modelstest.Proxy(t, s.Store, s.project, "orders")
	modelstest.Proxy(t, s.Store, modelstest.Project(t, s.Store, "Other").ID, "foreign")
	for _, tt := range []struct {
		title, path, except, want string
	}{
		{"free", "/free", "", ""},
		{"its own", "/mine", mine.ID, ""},
		{"of the same project", "/orders", mine.ID, `the proxy "orders"`},
		{"of another project", "/foreign", mine.ID, "an API of another project"},
		{"asked without a proxy", "/orders", "", "taken by another API"},
		{"reserved", "/auth", "", "reserved"},
	} {
		t.Run(tt.title, func(t *testing.T) {
			got, err := s.BasePathProblem(t.Context(), tt.path, nil, tt.except)
			if err != nil || !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, %v, want %q in it", got, err, tt.want)
			}
		})
	}
}

func TestOfManyWhoClaimAPathAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	const writers = 6
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			_, _, errs[i] = s.SaveProxy(t.Context(), by, s.project, models.Owner{
				Name: fmt.Sprintf("p%d", i), Route: engine.Route{BasePath: "/same"}, Upstream: engine.Upstream{URL: "http://127.0.0.1:9"},
			})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantProblem(t, err, "basePath")
	}
	if won != 1 {
		t.Errorf("%d of %d got the path", won, writers)
	}
}

func TestStaleProxyIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	old := modelstest.Proxy(t, s.Store, s.project, "orders")
	global := modelstest.Policy(t, s.Store, s.project, "P")
	modelstest.Bind(t, s.Store, old, global)
	for name, write := range map[string]func() error{
		"save":   func() error { _, _, err := s.SaveProxy(t.Context(), by, s.project, old); return err },
		"delete": func() error { return s.DeleteOwner(t.Context(), by, s.project, old.ID, old.Version) },
		"rotate": func() error {
			_, err := s.RotateOwnerSecret(t.Context(), by, s.project, old.ID, old.Version)
			return err
		},
		"bind": func() error {
			_, err := s.AddBinding(t.Context(), by, s.project, old.ID, old.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: global.ID})
			return err
		},
		"move": func() error {
			return s.MoveBinding(t.Context(), by, s.project, old.ID, old.Version, uuid.NewString(), 1)
		},
		"order": func() error {
			return s.OrderBindings(t.Context(), by, s.project, old.ID, old.Version, policy.Request, nil)
		},
		"remove": func() error {
			return s.RemoveBinding(t.Context(), by, s.project, old.ID, old.Version, uuid.NewString())
		},
	} {
		t.Run(name, func(t *testing.T) {
			stale := wantStale(t, write())
			current, ok := stale.Current.(models.Owner)
			if !ok || len(current.Bindings) != 1 || stale.Version != 2 {
				t.Errorf("got %+v", stale)
			}
		})
	}
	if err := s.DeleteOwner(t.Context(), models.Actor{Name: "ada"}, s.project, old.ID, 2); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.SaveProxy(t.Context(), by, s.project, old)
	if stale := wantStale(t, err); !stale.Deleted || stale.By != "ada" || stale.Name != "orders" {
		t.Errorf("after a deletion: %+v", stale)
	}
	_, err = s.Deploy(t.Context(), by, s.project, old.ID, "production", "")
	wantStale(t, err)
}

func TestEndpointsKeepTheirBindings(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "pets", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/b"}, {Method: "GET", Path: "/c"}}
	})
	for i := range 3 {
		if _, err := s.AddBinding(t.Context(), by, s.project, p.ID, p.Version+i, models.NewBinding{
			Scope: policy.Endpoint, EndpointID: p.Endpoints[i].ID, Pipeline: policy.Request, Local: modelstest.JWT("L" + p.Endpoints[i].Path[1:]),
		}); err != nil {
			t.Fatal(err)
		}
	}
	p = modelstest.Reload(t, s.Store, p)
	a, b := p.Endpoints[0], p.Endpoints[1]
	// a and b trade places, by id; c goes; d is new.
	p.Endpoints = []models.Endpoint{
		{ID: b.ID, Method: "GET", Path: "/a"}, {ID: a.ID, Method: "GET", Path: "/b"}, {Method: "GET", Path: "/d"},
	}
	p, _, err := s.SaveProxy(t.Context(), by, s.project, p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Endpoints[0].ID != b.ID || p.Endpoints[1].ID != a.ID {
		t.Errorf("endpoints lost their ids: %+v", p.Endpoints)
	}
	if diff := cmp.Diff([]string{"1 Lb", "1 La"}, lane(p)); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	t.Run("the local policy of a removed endpoint is deleted", func(t *testing.T) {
		if n := scalar[int](t, connect(t, s.url), "select count(*) from policies"); n != 2 {
			t.Errorf("%d policies are left, want 2", n)
		}
	})
	t.Run("without ids the operation tells", func(t *testing.T) {
		for i := range p.Endpoints {
			p.Endpoints[i].ID = ""
		}
		if p, _, err = s.SaveProxy(t.Context(), by, s.project, p); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1 Lb", "1 La"}, lane(p)); diff != "" {
			t.Errorf("bindings (-want +got):\n%s", diff)
		}
	})
	t.Run("the id of another proxy's endpoint is not taken over", func(t *testing.T) {
		thief := modelstest.Proxy(t, s.Store, s.project, "thief", func(x *models.Owner) {
			x.Endpoints = []models.Endpoint{{ID: b.ID, Method: "GET", Path: "/x"}}
		})
		if thief.Endpoints[0].ID == b.ID {
			t.Error("it was")
		}
	})
}

func TestProxies(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "P")
	for _, name := range []string{"beta", "Alpha", "gamma"} {
		p := modelstest.Proxy(t, s.Store, s.project, name, func(p *models.Owner) {
			p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/x"}}
			p.Route.BasePath = map[string]string{"beta": "/z", "Alpha": "/y", "gamma": "/x"}[name]
		})
		p = modelstest.Bind(t, s.Store, p, global)
		if name != "gamma" {
			modelstest.Deploy(t, s.Store, p, "production")
		}
	}
	if _, err := s.SetPolicyActive(t.Context(), by, s.project, global.ID, 1, false); err != nil {
		t.Fatal(err)
	}
	beta, err := s.Proxy(t.Context(), s.project, "beta")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, beta, "production")
	list, total, err := s.Owners(t.Context(), s.project, models.OwnerFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		got = append(got, fmt.Sprintf("%s %s %d", p.Name, p.Deployments[0].State, p.Deployments[0].Revision))
		if p.Endpoints != nil || p.Bindings != nil {
			t.Errorf("%s carries its parts", p.Name)
		}
	}
	want := []string{"Alpha REDEPLOY_REQUIRED 1", "beta LIVE 2", "gamma NOT_DEPLOYED 0"}
	if diff := cmp.Diff(want, got); diff != "" || total != 3 {
		t.Errorf("total %d (-want +got):\n%s", total, diff)
	}
	for _, f := range []models.OwnerFilter{{Query: "ALPH"}, {Sort: "basePath", Desc: true, PerPage: 1, Page: 1}, {Sort: "updated", PerPage: 1}} {
		if list, _, err := s.Owners(t.Context(), s.project, f); err != nil || len(list) != 1 {
			t.Errorf("%+v: %d, %v", f, len(list), err)
		}
	}
}

func TestQueriesDoNotGrowWithTheNumberOfRows(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "P")
	counted, n := models.Counting(s.Store)
	count := func(what string, read func() error) int64 {
		n.Store(0)
		if err := read(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return n.Load()
	}
	reads := map[string]func() error{
		"Proxies":     func() error { _, _, err := counted.Owners(t.Context(), s.project, models.OwnerFilter{}); return err },
		"Proxy":       func() error { _, err := counted.Proxy(t.Context(), s.project, "x0"); return err },
		"Policies":    func() error { _, _, err := counted.Policies(t.Context(), s.project, models.PolicyFilter{}); return err },
		"PolicyUsage": func() error { _, err := counted.PolicyUsage(t.Context(), global.ID); return err },
		"Bundle":      func() error { _, err := counted.Bundle(t.Context(), "production"); return err },
		"Audit": func() error {
			_, _, err := counted.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
			return err
		},
	}
	var one map[string]int64
	for i := range 6 {
		p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, fmt.Sprintf("x%d", i)), global)
		modelstest.Deploy(t, s.Store, p, "production")
		now := map[string]int64{}
		for what, read := range reads {
			now[what] = count(what, read)
		}
		if one == nil {
			one = now
		}
		if diff := cmp.Diff(one, now); diff != "" {
			t.Fatalf("statements with one proxy and with %d (-one +%d):\n%s", i+1, i+1, diff)
		}
	}
	t.Log(one)
}

func TestDeleteProxyLeavesNothingBehindAndUndeploys(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/x"}}
	}), modelstest.Policy(t, s.Store, s.project, "Global"))
	if _, err := s.AddBinding(t.Context(), by, s.project, p.ID, p.Version, models.NewBinding{
		Scope: policy.Endpoint, EndpointID: p.Endpoints[0].ID, Pipeline: policy.Request, Local: modelstest.JWT("Local"),
	}); err != nil {
		t.Fatal(err)
	}
	live := modelstest.Deploy(t, s.Store, p, "production")
	p = modelstest.Reload(t, s.Store, p)
	if err := s.DeleteOwner(t.Context(), by, s.project, p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, s.url)
	for _, table := range []string{"owners", "owner_routes", "api_proxy_endpoints", "policy_bindings", "revisions", "deployments"} {
		if n := scalar[int](t, conn, "select count(*) from "+table); n != 0 {
			t.Errorf("%s keeps %d rows", table, n)
		}
	}
	if n := scalar[int](t, conn, "select count(*) from policies"); n != 1 {
		t.Errorf("%d policies are left, want the global one", n)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil || len(b.Owners) != 0 || b.Generation <= live.Generation {
		t.Errorf("bundle %+v, %v", b, err)
	}
	_, err = s.Proxy(t.Context(), s.project, "orders")
	wantNotFound(t, err)
}

func TestRotateProxySecretTakesEffectAtSave(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p, old, err := s.SaveProxy(t.Context(), by, s.project, orders())
	if err != nil {
		t.Fatal(err)
	}
	live := modelstest.Deploy(t, s.Store, p, "production")
	next, err := s.RotateOwnerSecret(t.Context(), by, s.project, p.ID, p.Version)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	hash := b.Owners[0].Client.SecretHash
	if ok, err := secret.Verify(hash, next.Reveal()); err != nil || !ok {
		t.Errorf("the new secret does not verify: %v", err)
	}
	if ok, _ := secret.Verify(hash, old.Reveal()); ok {
		t.Error("the old secret still verifies")
	}
	if b.Generation != live.Generation+1 || b.Owners[0].Revision != 1 {
		t.Errorf("generation %d after %d, revision %d", b.Generation, live.Generation, b.Owners[0].Revision)
	}
	if after := modelstest.Reload(t, s.Store, p); after.Deployments[0].State != models.Live {
		t.Errorf("a new secret asks for a deploy: %s", after.Deployments[0].State)
	}
}
