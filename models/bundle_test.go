package models_test

import (
	"reflect"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// Whatever happens between two looks, a reader that goes on sees what one sees
// that begins, and shares what it knew.
func TestABundleIsReadOnWhereItWasLeft(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	policy := modelstest.Policy(t, s.Store, s.project, "standard")
	proxies := map[string]models.Owner{}
	for _, name := range []string{"orders", "payments", "returns"} {
		proxies[name] = modelstest.Bind(t, s.Store, modelstest.Proxy(t, s.Store, s.project, name), policy)
		modelstest.Deploy(t, s.Store, proxies[name], "production")
	}
	reader := s.BundleReader("production")
	before := map[string]engine.Owner{}
	for _, step := range []struct {
		name string
		do   func() error
		// read are the owners whose definitions come anew.
		read []string
	}{
		{"the first look", func() error { return nil }, []string{"orders", "payments", "returns"}},
		{"nothing", func() error { return nil }, nil},
		{"a deploy", func() error {
			p := proxies["orders"]
			p.Upstream.URL = "https://elsewhere.example.com"
			p, _, err := s.SaveProxy(t.Context(), by, s.project, p)
			proxies["orders"] = p
			modelstest.Deploy(t, s.Store, p, "production")
			return err
		}, []string{"orders"}},
		{"a new client secret", func() error {
			_, err := s.RotateOwnerSecret(t.Context(), by, s.project, proxies["payments"].ID, proxies["payments"].Version)
			return err
		}, nil},
		{"an undeploy", func() error {
			_, err := s.Undeploy(t.Context(), by, s.project, proxies["returns"].ID, "production")
			return err
		}, nil},
		{"a deploy after that", func() error { modelstest.Deploy(t, s.Store, proxies["returns"], "production"); return nil }, []string{"returns"}},
		{"a rollback", func() error {
			_, err := s.Rollback(t.Context(), by, s.project, proxies["orders"].ID, "production", 1, "")
			return err
		}, []string{"orders"}},
		{"a proxy that goes", func() error {
			p := modelstest.Reload(t, s.Store, proxies["payments"])
			return s.DeleteOwner(t.Context(), by, s.project, p.ID, p.Version)
		}, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := reader.Read(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		want, err := s.Bundle(t.Context(), "production")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Owners, want.Owners) || got.Generation != want.Generation {
			t.Errorf("after %s it runs\n%+v, want\n%+v", step.name, got.Owners, want.Owners)
		}
		anew := map[string]bool{}
		for _, name := range step.read {
			anew[proxies[name].ID] = true
		}
		now := map[string]engine.Owner{}
		for _, o := range got.Owners {
			now[o.ID] = o
			known, ok := before[o.ID]
			if shared := ok && &known.Definition[0] == &o.Definition[0]; shared == anew[o.ID] {
				t.Errorf("after %s the definition of %s is shared: %t", step.name, o.ID, shared)
			}
		}
		before = now
	}
}
