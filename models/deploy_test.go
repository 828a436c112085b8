package models_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func state(t *testing.T, s bench, p models.Owner) models.DeployState {
	t.Helper()
	return modelstest.Reload(t, s.Store, p).Deployments[0].State
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "P")
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), global)
	before, err := s.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Deploy(t.Context(), by, s.project, p.ID, "PRODUCTION", "First.")
	if err != nil {
		t.Fatal(err)
	}
	if want := (models.DeployResult{Environment: "production", Revision: 1, Generation: before + 1}); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
	draft, digest, err := s.Draft(t.Context(), p.ID, "production")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Owner{ID: p.ID, Kind: engine.KindProxy, Revision: 1, Digest: digest, Definition: draft, Client: b.Owners[0].Client}
	if diff := cmp.Diff([]engine.Owner{want}, b.Owners); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	if engine.Digest(b.Owners[0].Definition) != digest {
		t.Error("the stored bytes are not those of the digest")
	}
	if b.Keys.Signing(keys.ES256) == nil || b.PublicURL != "http://production.test" || b.Generation != r.Generation {
		t.Errorf("bundle %+v", b)
	}
	if _, err := engine.Compile(t.Context(), b, nil, engine.Deps{Types: policy.Set{jwtauth.Type()}}); err != nil {
		t.Errorf("what was deployed does not compile: %v", err)
	}
	d := modelstest.Reload(t, s.Store, p).Deployments[0]
	if d.State != models.Live || d.Revision != 1 || d.Note != "First." || d.DeployedBy != "tester" || d.DeployedAt.IsZero() {
		t.Errorf("deployment %+v", d)
	}
}

func TestEditingNeverTouchesTrafficAndEditingBackIsLiveAgain(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "P")
	second := modelstest.Policy(t, s.Store, s.project, "Q")
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), global)
	p = modelstest.Bind(t, s.Store, p, second)
	modelstest.Deploy(t, s.Store, p, "production")
	running, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	savePolicy := func(change func(*jwtauth.Config)) {
		t.Helper()
		now, err := s.PolicyByID(t.Context(), s.project, global.ID)
		if err != nil {
			t.Fatal(err)
		}
		c := now.Config.(*jwtauth.Config)
		change(c)
		if _, err := s.SavePolicy(t.Context(), by, s.project, global.ID, now.Version, c); err != nil {
			t.Fatal(err)
		}
	}
	saveProxy := func(url string) {
		t.Helper()
		now := modelstest.Reload(t, s.Store, p)
		now.Upstream.URL = url
		if _, _, err := s.SaveProxy(t.Context(), by, s.project, now); err != nil {
			t.Fatal(err)
		}
	}
	swap := func() {
		t.Helper()
		now := modelstest.Reload(t, s.Store, p)
		if err := s.MoveBinding(t.Context(), by, s.project, p.ID, now.Version, now.Bindings[0].ID, 2); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name       string
		edit, back func()
	}{
		{"a policy's setting", func() { savePolicy(func(c *jwtauth.Config) { c.ClearAuth = true }) }, func() { savePolicy(func(c *jwtauth.Config) { c.ClearAuth = false }) }},
		{"a policy's status", func() { savePolicy(func(c *jwtauth.Config) { c.Active = false }) }, func() { savePolicy(func(c *jwtauth.Config) { c.Active = true }) }},
		{"the upstream", func() { saveProxy("http://127.0.0.1:10") }, func() { saveProxy("http://127.0.0.1:9") }},
		{"the order", swap, swap},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.edit()
			if got := state(t, s, p); got != models.RedeployRequired {
				t.Errorf("after the edit: %s", got)
			}
			now, err := s.Bundle(t.Context(), "production")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(running.Owners, now.Owners); diff != "" || running.Generation != now.Generation {
				t.Errorf("the edit reached the traffic (-before +after):\n%s", diff)
			}
			tt.back()
			if got := state(t, s, p); got != models.Live {
				t.Errorf("after editing back: %s", got)
			}
		})
	}
}

func TestUndeploy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	_, err := s.Undeploy(t.Context(), by, s.project, p.ID, "production")
	wantNotFound(t, err)
	first := modelstest.Deploy(t, s.Store, p, "production")
	r, err := s.Undeploy(t.Context(), models.Actor{Name: "ada"}, s.project, p.ID, "production")
	if err != nil {
		t.Fatal(err)
	}
	if r.Generation != first.Generation+1 || r.Revision != 1 {
		t.Errorf("got %+v", r)
	}
	d := modelstest.Reload(t, s.Store, p).Deployments[0]
	if d.State != models.Undeployed || d.Revision != 0 || d.DeployedBy != "ada" {
		t.Errorf("deployment %+v", d)
	}
	if b, err := s.Bundle(t.Context(), "production"); err != nil || len(b.Owners) != 0 {
		t.Errorf("bundle %+v, %v", b, err)
	}
	if again := modelstest.Deploy(t, s.Store, p, "production"); again.Revision != 2 || state(t, s, p) != models.Live {
		t.Errorf("deployed again: %+v", again)
	}
	revisions, err := s.Revisions(t.Context(), p.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(revisions) != 2 || !revisions[0].Live || revisions[1].Live || revisions[0].Number != 2 || revisions[0].Digest != revisions[1].Digest {
		t.Errorf("revisions %+v", revisions)
	}
}

func TestWhatDoesNotCompileIsNotStored(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), modelstest.Policy(t, s.Store, s.project, "P"))
	first := modelstest.Deploy(t, s.Store, p, "production")
	conn := connect(t, s.url)
	// As if a later version had come to refuse the value.
	if _, err := conn.Exec(t.Context(), `update policies set config = config || '{"leewaySeconds": 9999}'`); err != nil {
		t.Fatal(err)
	}
	_, err := s.Deploy(t.Context(), by, s.project, p.ID, "production", "")
	if l := problem.Of(err); len(l) != 1 || !strings.HasSuffix(l[0].Field, "leewaySeconds") {
		t.Errorf("got %v", err)
	}
	if g, err := s.Generation(t.Context(), "production"); err != nil || g != first.Generation {
		t.Errorf("generation %d, want %d (%v)", g, first.Generation, err)
	}
	if n := scalar[int](t, conn, "select count(*) from revisions"); n != 1 {
		t.Errorf("%d revisions", n)
	}
}

func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	other := modelstest.Project(t, s.Store, "Other")
	deploy := func(project, proxy, environment string) error {
		_, err := s.Deploy(t.Context(), by, project, proxy, environment, "")
		return err
	}
	wantNotFound(t, deploy(s.project, p.ID, "nowhere"))
	wantNotFound(t, deploy(s.project, "x", "production"))
	wantNotFound(t, deploy(other.ID, p.ID, "production"))
	wantNotFound(t, deploy("x", p.ID, "production"))
	_, err := s.Deploy(t.Context(), by, s.project, p.ID, "production", strings.Repeat("x", 1001))
	wantProblem(t, err, "note")

	t.Run("a path that another proxy still runs at", func(t *testing.T) {
		modelstest.Deploy(t, s.Store, p, "production")
		p.Route.BasePath = "/moved"
		if p, _, err = s.SaveProxy(t.Context(), by, s.project, p); err != nil {
			t.Fatal(err)
		}
		taker := modelstest.Proxy(t, s.Store, s.project, "taker", func(p *models.Owner) { p.Route.BasePath = "/orders" })
		err := deploy(s.project, taker.ID, "production")
		wantProblem(t, err, "basePath")
		if !strings.Contains(err.Error(), `"orders"`) {
			t.Errorf("the rival is not named: %v", err)
		}
		foreign := modelstest.Proxy(t, s.Store, other.ID, "x", func(p *models.Owner) {
			p.Route = engine.Route{BasePath: "/orders", Hosts: []string{"a.example.com"}}
		})
		if err := deploy(other.ID, foreign.ID, "production"); err != nil {
			t.Errorf("the same path on a host of its own: %v", err)
		}
		modelstest.Deploy(t, s.Store, p, "production")
		if err := deploy(s.project, taker.ID, "production"); err != nil {
			t.Errorf("after the other moved away: %v", err)
		}
	})
}

func TestDeploysAtOnceAllCount(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "P")
	const proxies, each = 3, 3
	var list []models.Owner
	for i := range proxies {
		list = append(list, modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, fmt.Sprintf("p%d", i)), global))
	}
	before, err := s.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var generations []int64
	for _, p := range list {
		for range each {
			wg.Go(func() {
				r, err := s.Deploy(t.Context(), by, s.project, p.ID, "production", "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				generations = append(generations, r.Generation)
			})
		}
	}
	wg.Wait()
	slices.Sort(generations)
	for i, g := range generations {
		if g != before+int64(i)+1 {
			t.Fatalf("generations %v after %d: one was lost or given twice", generations, before)
		}
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Owners) != proxies || b.Owners[0].Revision != each {
		t.Errorf("%d owners, revision %d", len(b.Owners), b.Owners[0].Revision)
	}
	if n := scalar[int](t, connect(t, s.url), "select count(*) from environment_keys"); n != 1 {
		t.Errorf("%d keys for one algorithm", n)
	}
}

func TestDeployMakesTheKeysThatPoliciesNameAndKeepsThem(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	p := modelstest.Proxy(t, s.Store, s.project, "orders")
	for _, alg := range []keys.Algorithm{keys.ES256, keys.HS256, keys.EdDSA} {
		p = modelstest.Bind(t, s.Store, p, modelstest.Policy(t, s.Store, s.project, string(alg), func(c *jwtauth.Config) {
			c.JWTSignatureAlgorithm, c.Active = alg, alg != keys.EdDSA
		}))
	}
	set := func(environment string) *keys.Set {
		t.Helper()
		b, err := s.Bundle(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		return b.Keys
	}
	modelstest.Deploy(t, s.Store, p, "production")
	first := set("production")
	if first.Signing(keys.ES256) == nil || first.Signing(keys.HS256) == nil {
		t.Error("a key is missing")
	}
	if first.Signing(keys.EdDSA) != nil {
		t.Error("a passive policy got a key")
	}
	modelstest.Deploy(t, s.Store, p, "production")
	if set("production").Digest() != first.Digest() {
		t.Error("the second deploy changed the keys")
	}
	modelstest.Deploy(t, s.Store, p, "test")
	if set("test").Signing(keys.ES256).ID == first.Signing(keys.ES256).ID {
		t.Error("two environments share a key")
	}
}

func TestRevisionsAreImmutable(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Deploy(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "orders"), "production")
	if _, err := connect(t, s.url).Exec(t.Context(), `update revisions set definition = '{}'`); err == nil {
		t.Error("a revision was changed")
	}
}

func TestDefinitionNamesNoSecretAndNoIDs(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p, key, err := s.SaveProxy(t.Context(), by, s.project, orders())
	if err != nil {
		t.Fatal(err)
	}
	raw, _, err := s.Draft(t.Context(), p.ID, "production")
	if err != nil {
		t.Fatal(err)
	}
	var d engine.Proxy
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	if d.ClientID != p.ClientID || strings.Contains(string(raw), key.Reveal()) || strings.Contains(string(raw), "argon2") || strings.Contains(string(raw), p.Endpoints[0].ID) {
		t.Errorf("definition %s", raw)
	}
	_, _, err = s.Draft(t.Context(), "x", "production")
	if !errors.Is(err, models.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
