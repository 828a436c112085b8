package models_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// redeploys are the proxies whose draft is not what runs.
func redeploys(t *testing.T, s bench, proxies ...models.Owner) []string {
	t.Helper()
	var names []string
	for _, p := range proxies {
		for _, d := range modelstest.Reload(t, s.Store, p).Deployments {
			if d.State == models.RedeployRequired {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func TestLocalizeChangesOnePlaceOnly(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "Standard", func(c *jwtauth.Config) { c.LeewaySeconds = 7 })
	one := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "one"), global)
	two := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "two"), global)
	for _, p := range []models.Owner{one, two} {
		modelstest.Deploy(t, s.Store, p, "production")
	}
	b, err := s.Localize(t.Context(), by, s.project, one.ID, one.Version, one.Bindings[0].ID, "Standard")
	if err != nil {
		t.Fatal(err)
	}
	local := b.Policy
	if local.Global() || local.ID == global.ID || local.Name != "Standard" || local.Config.(*jwtauth.Config).LeewaySeconds != 7 || b.Position != 1 {
		t.Errorf("the copy is %+v", local)
	}
	config := local.Config.(*jwtauth.Config)
	config.LeewaySeconds = 9
	if _, err := s.SavePolicy(t.Context(), by, s.project, local.ID, local.Version, config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one"}, redeploys(t, s, one, two)); diff != "" {
		t.Errorf("to be redeployed (-want +got):\n%s", diff)
	}
	kept, err := s.PolicyByID(t.Context(), s.project, global.ID)
	if err != nil || kept.Version != global.Version || kept.Used != 1 || kept.Config.(*jwtauth.Config).LeewaySeconds != 7 {
		t.Errorf("the global one is %+v, %v", kept, err)
	}
	// And the other way: a change of the global one reaches the other place alone.
	changed := kept.Config.(*jwtauth.Config)
	changed.LeewaySeconds = 11
	if _, err := s.SavePolicy(t.Context(), by, s.project, global.ID, kept.Version, changed); err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, modelstest.Reload(t, s.Store, one), "production")
	if diff := cmp.Diff([]string{"two"}, redeploys(t, s, one, two)); diff != "" {
		t.Errorf("to be redeployed (-want +got):\n%s", diff)
	}
}

func TestLocalizeIsRefused(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	global := modelstest.Policy(t, s.Store, s.project, "Standard")
	p := modelstest.Bind(t, s.Store, modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "one"), global), modelstest.Policy(t, s.Store, s.project, "Second"))
	first, second := p.Bindings[0].ID, p.Bindings[1].ID
	localize := func(version int, id, name string) error {
		_, err := s.Localize(t.Context(), by, s.project, p.ID, version, id, name)
		return err
	}
	wantProblem(t, localize(p.Version, first, ""), "name")
	wantNotFound(t, localize(p.Version, "nothing", "a"))
	wantStale(t, localize(p.Version-1, first, "a"))
	if err := localize(p.Version, first, "own"); err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, s.Store, p)
	wantProblem(t, localize(p.Version, first, "own"), "") // is local already
	wantProblem(t, localize(p.Version, second, "OWN"), "name")
}

func TestAPolicyBecomesGlobalAndKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	taken := modelstest.Policy(t, s.Store, s.project, "Standard")
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "one"), taken)
	b, err := s.Localize(t.Context(), by, s.project, p.ID, p.Version, p.Bindings[0].ID, "own")
	if err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, s.Store, p)
	modelstest.Deploy(t, s.Store, p, "production")
	_, err = s.Globalize(t.Context(), by, s.project, p.ID, p.Version, b.ID, "standard")
	wantProblem(t, err, "name")
	after, err := s.Globalize(t.Context(), by, s.project, p.ID, p.Version, b.ID, "Shared")
	if err != nil {
		t.Fatal(err)
	}
	if g := after.Policy; !g.Global() || g.ID != b.Policy.ID || g.Name != "Shared" || g.Config.Base().Name != "Shared" || g.Version != b.Policy.Version+1 {
		t.Errorf("the global one is %+v", g)
	}
	found, err := s.Policy(t.Context(), s.project, jwtauth.TypeName, "shared")
	if err != nil || found.ID != b.Policy.ID || found.Used != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	p = modelstest.Reload(t, s.Store, p)
	_, err = s.Globalize(t.Context(), by, s.project, p.ID, p.Version, b.ID, "Again")
	wantProblem(t, err, "")
}

func TestOfTwoWhoLocalizeAtOnceOneIsLate(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, "one"), modelstest.Policy(t, s.Store, s.project, "Standard"))
	errs := make(chan error, 2)
	for _, name := range []string{"a", "b"} {
		go func() {
			_, err := s.Localize(t.Context(), by, s.project, p.ID, p.Version, p.Bindings[0].ID, name)
			errs <- err
		}()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) || !errors.Is(errors.Join(first, second), models.ErrStale) {
		t.Errorf("%v and %v", first, second)
	}
}
