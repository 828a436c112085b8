package models_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// letters is a proxy that runs global policies A to D.
func letters(t *testing.T, s bench) models.Owner {
	t.Helper()
	p := modelstest.Proxy(t, s.Store, s.project, "letters")
	for _, name := range []string{"A", "B", "C", "D"} {
		p = modelstest.Bind(t, s.Store, p, modelstest.Policy(t, s.Store, s.project, name))
	}
	return p
}

func TestMoveBinding(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := letters(t, s)
	for _, tt := range []struct {
		name  string
		which string
		to    int
		want  []string
	}{
		{"down", "A", 3, []string{"1 B", "2 C", "3 A", "4 D"}},
		{"up", "D", 1, []string{"1 D", "2 B", "3 C", "4 A"}},
		{"to where it is", "B", 2, []string{"1 D", "2 B", "3 C", "4 A"}},
		{"to the end", "D", 4, []string{"1 B", "2 C", "3 A", "4 D"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := slices.IndexFunc(p.Bindings, func(b models.Binding) bool { return b.Policy.Name == tt.which })
			if err := s.MoveBinding(t.Context(), by, s.project, p.ID, p.Version, p.Bindings[i].ID, tt.to); err != nil {
				t.Fatal(err)
			}
			p = modelstest.Reload(t, s.Store, p)
			if diff := cmp.Diff(tt.want, lane(p)); diff != "" {
				t.Errorf("lane (-want +got):\n%s", diff)
			}
		})
	}
	for _, position := range []int{0, -1, 5} {
		wantProblem(t, s.MoveBinding(t.Context(), by, s.project, p.ID, p.Version, p.Bindings[0].ID, position), "position")
	}
	wantNotFound(t, s.MoveBinding(t.Context(), by, s.project, p.ID, p.Version, "nothing", 1))
}

func TestOfTwoWhoMoveAtOnceOneWinsAndTheLaneStaysWhole(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := letters(t, s)
	for range 5 {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			b, to := p.Bindings[i], rand.N(4)+1
			wg.Go(func() { errs[i] = s.MoveBinding(t.Context(), by, s.project, p.ID, p.Version, b.ID, to) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, models.ErrStale) {
				t.Fatalf("a loser got %v", err)
			}
		}
		p = modelstest.Reload(t, s.Store, p)
		var positions []int
		for _, b := range p.Bindings {
			positions = append(positions, b.Position)
		}
		if won != 1 || !slices.Equal(positions, []int{1, 2, 3, 4}) {
			t.Fatalf("%d won, positions %v", won, positions)
		}
	}
}

func TestOrderBindings(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := letters(t, s)
	ids := func(order ...int) []string {
		var list []string
		for _, i := range order {
			list = append(list, p.Bindings[i].ID)
		}
		return list
	}
	for name, wrong := range map[string][]string{
		"one is missing": ids(0, 1, 2), "one is there twice": append(ids(0, 1, 2), ids(2)...),
		"one is unknown": append(ids(0, 1, 2), uuid.NewString()), "one is no id": append(ids(0, 1, 2), "x"),
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, s.OrderBindings(t.Context(), by, s.project, p.ID, p.Version, policy.Request, wrong), "ids")
		})
	}
	wantProblem(t, s.OrderBindings(t.Context(), by, s.project, p.ID, p.Version, policy.Response, ids(0, 1, 2, 3)), "ids")
	if err := s.OrderBindings(t.Context(), by, s.project, p.ID, p.Version, policy.Request, ids(3, 1, 0, 2)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 D", "2 B", "3 A", "4 C"}, lane(modelstest.Reload(t, s.Store, p))); diff != "" {
		t.Errorf("lane (-want +got):\n%s", diff)
	}
}

func TestRemoveBinding(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := letters(t, s)
	added, err := s.AddBinding(t.Context(), by, s.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("")})
	if err != nil {
		t.Fatal(err)
	}
	if added.Position != 5 || uuid.Validate(added.Policy.Name) != nil || added.Policy.OwnerID != p.ID || added.Policy.Used != 1 {
		t.Errorf("local policy without a name: %+v", added)
	}
	p = modelstest.Reload(t, s.Store, p)
	global := p.Bindings[1].Policy
	for _, id := range []string{p.Bindings[1].ID, added.ID} {
		if err := s.RemoveBinding(t.Context(), by, s.project, p.ID, p.Version, id); err != nil {
			t.Fatal(err)
		}
		p = modelstest.Reload(t, s.Store, p)
	}
	if diff := cmp.Diff([]string{"1 A", "2 C", "3 D"}, lane(p)); diff != "" {
		t.Errorf("lane (-want +got):\n%s", diff)
	}
	if _, err := s.PolicyByID(t.Context(), s.project, global.ID); err != nil {
		t.Errorf("the global policy is gone: %v", err)
	}
	_, err = s.PolicyByID(t.Context(), s.project, added.Policy.ID)
	wantNotFound(t, err)
}

func TestAddBindingRefuses(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/x"}}
	})
	other := modelstest.Proxy(t, s.Store, s.project, "other", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/x"}}
	})
	global := modelstest.Policy(t, s.Store, s.project, "Global")
	foreign := modelstest.Policy(t, s.Store, modelstest.Project(t, s.Store, "Other").ID, "Foreign")
	local, err := s.AddBinding(t.Context(), by, s.project, p.ID, p.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("Local")})
	if err != nil {
		t.Fatal(err)
	}
	p = modelstest.Reload(t, s.Store, p)
	refusing := headers.New()
	refusing.Name, refusing.ConditionUnmetAction = "refusing", policy.Reject
	refusing.Changes = []headers.Change{{Action: policy.RemoveField, Name: "Server"}}
	refusing.Condition.Rules = []condition.Rule{{
		Criteria: condition.Value, First: &condition.Variable{Type: condition.Header, HeaderName: "X-A"}, Operator: "IS_EXISTS",
	}}
	refusing.Normalize()
	kept := *refusing
	kept.Name = "shared"
	shared, err := s.SavePolicy(t.Context(), modelstest.By(), s.project, "", 0, &kept)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, field string
		b           models.NewBinding
	}{
		{"neither policy", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Request}},
		{"both policies", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: global.ID, Local: modelstest.JWT("x")}},
		{"a policy of another project", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: foreign.ID}},
		{"a local policy by its id", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: local.Policy.ID}},
		{"an id that is none", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: "x"}},
		{"no scope", "scope", models.NewBinding{Pipeline: policy.Request, PolicyID: global.ID}},
		{"an unknown pipeline", "pipeline", models.NewBinding{Scope: policy.All, Pipeline: "SIDE", PolicyID: global.ID}},
		{"a pipeline that the type does not run in", "pipeline", models.NewBinding{Scope: policy.All, Pipeline: policy.Response, PolicyID: global.ID}},
		{"a refusal in the response lane", "conditionUnmetAction", models.NewBinding{Scope: policy.All, Pipeline: policy.Response, Local: refusing}},
		{"a global policy that refuses, in the response lane", "policyId", models.NewBinding{Scope: policy.All, Pipeline: policy.Response, PolicyID: shared.ID}},
		{"an endpoint with the scope ALL", "endpointId", models.NewBinding{Scope: policy.All, EndpointID: p.Endpoints[0].ID, Pipeline: policy.Request, PolicyID: global.ID}},
		{"no endpoint", "endpointId", models.NewBinding{Scope: policy.Endpoint, Pipeline: policy.Request, PolicyID: global.ID}},
		{"another proxy's endpoint", "endpointId", models.NewBinding{Scope: policy.Endpoint, EndpointID: other.Endpoints[0].ID, Pipeline: policy.Request, PolicyID: global.ID}},
		{"a local name taken in the proxy, in other case", "name", models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("lOCAL")}},
		{"a bad setting of a local policy", "leewaySeconds", models.NewBinding{
			Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT("x", func(c *jwtauth.Config) { c.LeewaySeconds = -1 }),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.AddBinding(t.Context(), by, s.project, p.ID, p.Version, tt.b)
			wantProblem(t, err, tt.field)
		})
	}
	if after := modelstest.Reload(t, s.Store, p); after.Version != p.Version {
		t.Errorf("refusals raised the version to %d", after.Version)
	}
	t.Run("but not a local name of another proxy, nor a global one", func(t *testing.T) {
		for i, name := range []string{"Local", "Global"} {
			if _, err := s.AddBinding(t.Context(), by, s.project, other.ID, other.Version+i,
				models.NewBinding{Scope: policy.All, Pipeline: policy.Request, Local: modelstest.JWT(name)}); err != nil {
				t.Error(err)
			}
		}
	})
}
