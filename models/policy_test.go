package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

var by = modelstest.By()

// bench is a store with a project and an environment.
type bench struct {
	*models.Store
	project string
	url     string
}

func newBench(t *testing.T) bench {
	t.Helper()
	url := modelstest.Database(t)
	s := modelstest.Open(t, url)
	modelstest.Environment(t, s, "production")
	return bench{Store: s, project: modelstest.Project(t, s, "Shop").ID, url: url}
}

// wantProblem asks for a problem of that field and no other.
func wantProblem(t *testing.T, err error, field string) {
	t.Helper()
	l := problem.Of(err)
	if len(l) != 1 || l[0].Field != field || l[0].Message == "" {
		t.Errorf("got %v, want one problem of %q", err, field)
	}
}

func wantStale(t *testing.T, err error) *models.StaleError {
	t.Helper()
	var stale *models.StaleError
	if !errors.As(err, &stale) || !errors.Is(err, models.ErrStale) {
		t.Fatalf("got %v, want a StaleError", err)
	}
	return stale
}

func wantNotFound(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, models.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestSavePolicy(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	c := modelstest.JWT("Standard", func(c *jwtauth.Config) { c.Description, c.Active = "For all.", false })
	saved, err := s.SavePolicy(t.Context(), by, s.project, "", 0, c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Policy(t.Context(), s.project, jwtauth.TypeName, "sTANDARD")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(saved, got); diff != "" {
		t.Errorf("saved and read differ (-saved +read):\n%s", diff)
	}
	if diff := cmp.Diff(policy.Config(c), got.Config); diff != "" {
		t.Errorf("configuration (-written +read):\n%s", diff)
	}
	if got.Active || got.Version != 1 || got.CreatedBy != "tester" || !got.Global() || got.ProjectName != "Shop" {
		t.Errorf("got %+v", got)
	}
	t.Run("an emptied description and a switched status are written", func(t *testing.T) {
		c := modelstest.JWT("Renamed")
		next, err := s.SavePolicy(t.Context(), models.Actor{Name: "other"}, s.project, got.ID, got.Version, c)
		if err != nil {
			t.Fatal(err)
		}
		if next.Description != "" || !next.Active || next.Name != "Renamed" || next.Version != 2 || next.UpdatedBy != "other" || next.CreatedBy != "tester" {
			t.Errorf("got %+v", next)
		}
	})
}

func TestSavePolicyRefuses(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	first := modelstest.Policy(t, s.Store, s.project, "Taken")
	second := modelstest.Policy(t, s.Store, s.project, "Second")
	create := func(c policy.Config) error {
		_, err := s.SavePolicy(t.Context(), by, s.project, "", 0, c)
		return err
	}
	t.Run("a name that is taken in another case", func(t *testing.T) {
		wantProblem(t, create(modelstest.JWT("tAKEN")), "name")
	})
	t.Run("a rename to a taken name", func(t *testing.T) {
		_, err := s.SavePolicy(t.Context(), by, s.project, second.ID, second.Version, modelstest.JWT("taken"))
		wantProblem(t, err, "name")
	})
	t.Run("everything wrong at once", func(t *testing.T) {
		l := problem.Of(create(modelstest.JWT("TAKEN", func(c *jwtauth.Config) { c.LeewaySeconds = -1 })))
		if l.For("name") == "" || l.For("leewaySeconds") == "" || len(l) != 2 {
			t.Errorf("got %v", l)
		}
	})
	t.Run("a leading blank", func(t *testing.T) { wantProblem(t, create(modelstest.JWT(" x")), "name") })
	t.Run("a type that nobody knows", func(t *testing.T) {
		wantProblem(t, create(modelstest.JWT("x", func(c *jwtauth.Config) { c.Type = "policy-none" })), "type")
	})
	t.Run("an id that is none", func(t *testing.T) {
		_, err := s.SavePolicy(t.Context(), by, s.project, "' or true --", 1, modelstest.JWT("x"))
		wantNotFound(t, err)
	})
	t.Run("an id of another project", func(t *testing.T) {
		other := modelstest.Project(t, s.Store, "Other")
		_, err := s.SavePolicy(t.Context(), by, other.ID, first.ID, first.Version, modelstest.JWT("x"))
		wantNotFound(t, err)
	})
	t.Run("a project that is not there", func(t *testing.T) {
		_, err := s.SavePolicy(t.Context(), by, first.ID, "", 0, modelstest.JWT("x"))
		wantNotFound(t, err)
	})
	if _, n, err := s.Policies(t.Context(), s.project, models.PolicyFilter{}); err != nil || n != 2 {
		t.Errorf("%d policies after nothing but refusals, want 2 (%v)", n, err)
	}
	t.Run("but not its own name in another case", func(t *testing.T) {
		if _, err := s.SavePolicy(t.Context(), by, s.project, first.ID, first.Version, modelstest.JWT("TAKEN")); err != nil {
			t.Error(err)
		}
	})
	t.Run("nor a name of another project", func(t *testing.T) {
		other := modelstest.Project(t, s.Store, "Third")
		modelstest.Policy(t, s.Store, other.ID, "Taken")
	})
}

func TestStalePolicyIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Policy(t, s.Store, s.project, "P")
	if _, err := s.SavePolicy(t.Context(), models.Actor{Name: "ada"}, s.project, p.ID, 1, modelstest.JWT("By Ada")); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() error{
		"save": func() error {
			_, err := s.SavePolicy(t.Context(), by, s.project, p.ID, 1, modelstest.JWT("Mine"))
			return err
		},
		"switch": func() error {
			_, err := s.SetPolicyActive(t.Context(), by, s.project, p.ID, 1, false)
			return err
		},
		"delete": func() error { return s.DeletePolicy(t.Context(), by, s.project, p.ID, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			stale := wantStale(t, write())
			current, ok := stale.Current.(models.Policy)
			if !ok || current.Name != "By Ada" || stale.By != "ada" || stale.Version != 2 || stale.Deleted {
				t.Errorf("got %+v", stale)
			}
		})
	}
	if err := s.DeletePolicy(t.Context(), models.Actor{Name: "ada"}, s.project, p.ID, 2); err != nil {
		t.Fatal(err)
	}
	t.Run("after a deletion", func(t *testing.T) {
		_, err := s.SavePolicy(t.Context(), by, s.project, p.ID, 2, modelstest.JWT("Mine"))
		stale := wantStale(t, err)
		if !stale.Deleted || stale.By != "ada" || stale.Name != "By Ada" || stale.Current != nil {
			t.Errorf("got %+v", stale)
		}
	})
}

func TestOfManyWhoSaveAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Policy(t, s.Store, s.project, "P")
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			_, errs[i] = s.SavePolicy(t.Context(), by, s.project, p.ID, 1, modelstest.JWT(fmt.Sprintf("By %d", i)))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, models.ErrStale) {
			t.Errorf("a loser got %v, want ErrStale", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won", won, writers)
	}
}

func TestOfManyWhoTakeANameAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		name := []string{"Same", "sAME"}[i%2]
		wg.Go(func() { _, errs[i] = s.SavePolicy(t.Context(), by, s.project, "", 0, modelstest.JWT(name)) })
	}
	wg.Wait()
	if slices.IndexFunc(errs, func(err error) bool { return err == nil }) < 0 {
		t.Fatalf("nobody got the name: %v", errs)
	}
	for _, err := range errs {
		if err != nil {
			wantProblem(t, err, "name")
		}
	}
	if _, n, err := s.Policies(t.Context(), s.project, models.PolicyFilter{}); err != nil || n != 1 {
		t.Errorf("%d policies, want 1 (%v)", n, err)
	}
}

func TestSetPolicyActive(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Policy(t, s.Store, s.project, "P", func(c *jwtauth.Config) { c.ClearAuth = true })
	off, err := s.SetPolicyActive(t.Context(), by, s.project, p.ID, p.Version, false)
	if err != nil {
		t.Fatal(err)
	}
	if off.Active || off.Config.Base().Active || off.Version != 2 || !off.Config.(*jwtauth.Config).ClearAuth {
		t.Errorf("got %+v", off)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for _, name := range []string{"beta", "Alpha", "100%", "a_b"} {
		modelstest.Policy(t, s.Store, s.project, name, func(c *jwtauth.Config) { c.Active = name != "beta" })
	}
	proxy := modelstest.Proxy(t, s.Store, s.project, "orders")
	alpha, err := s.Policy(t.Context(), s.project, jwtauth.TypeName, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Bind(t, s.Store, proxy, alpha)
	modelstest.Policy(t, s.Store, modelstest.Project(t, s.Store, "Other").ID, "elsewhere")

	tests := []struct {
		name   string
		filter models.PolicyFilter
		want   []string
		total  int
	}{
		{"all, by name without case", models.PolicyFilter{}, []string{"100%", "a_b", "Alpha", "beta"}, 4},
		{"downwards", models.PolicyFilter{Sort: "name", Desc: true}, []string{"beta", "Alpha", "a_b", "100%"}, 4},
		{"by use", models.PolicyFilter{Sort: "used", Desc: true, PerPage: 1}, []string{"Alpha"}, 4},
		{"by status", models.PolicyFilter{Sort: "status", PerPage: 1}, []string{"beta"}, 4},
		{"by change", models.PolicyFilter{Sort: "updated", PerPage: 1}, []string{"beta"}, 4},
		{"passive ones", models.PolicyFilter{Status: "passive"}, []string{"beta"}, 1},
		{"active ones", models.PolicyFilter{Status: "active"}, []string{"100%", "a_b", "Alpha"}, 3},
		{"a search without case", models.PolicyFilter{Query: "LPH"}, []string{"Alpha"}, 1},
		{"a percent sign is a character", models.PolicyFilter{Query: "%"}, []string{"100%"}, 1},
		{"so is an underscore", models.PolicyFilter{Query: "_"}, []string{"a_b"}, 1},
		{"and a backslash", models.PolicyFilter{Query: `\`}, nil, 0},
		{"the second page", models.PolicyFilter{Page: 2, PerPage: 3}, []string{"beta"}, 4},
		{"a page past the last", models.PolicyFilter{Page: 9}, nil, 4},
		{"nonsense for a page", models.PolicyFilter{Page: -3, PerPage: -1}, []string{"100%", "a_b", "Alpha", "beta"}, 4},
		{"a sort that is no column", models.PolicyFilter{Sort: "name; drop table policies"}, []string{"100%", "a_b", "Alpha", "beta"}, 4},
		{"another type", models.PolicyFilter{Type: "policy-other"}, nil, 0},
		{"a search that the database cannot hold", models.PolicyFilter{Query: "\x00\xff"}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, total, err := s.Policies(t.Context(), s.project, tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range rows {
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
				t.Errorf("total %d, want %d; names (-want +got):\n%s", total, tt.total, diff)
			}
		})
	}
}

func TestNamesThatTheDatabaseCannotHoldAreNotFound(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for _, name := range []string{"a\x00b", "\xff\xfe"} {
		_, err := s.Policy(t.Context(), s.project, jwtauth.TypeName, name)
		wantNotFound(t, err)
		_, err = s.Policy(t.Context(), s.project, name, "x")
		wantNotFound(t, err)
		_, err = s.PolicyByID(t.Context(), s.project, name)
		wantNotFound(t, err)
		_, err = s.Proxy(t.Context(), s.project, name)
		wantNotFound(t, err)
		_, err = s.Project(t.Context(), name)
		wantNotFound(t, err)
		_, err = s.Environment(t.Context(), name)
		wantNotFound(t, err)
		_, err = s.UserByName(t.Context(), name)
		wantNotFound(t, err)
	}
}

func TestPolicyNameProblem(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p := modelstest.Policy(t, s.Store, s.project, "Taken")
	for _, tt := range []struct {
		title, name, except string
		free                bool
	}{
		{"a free name", "Free", "", true},
		{"a taken name in other case", "tAKEN", "", false},
		{"its own name", "TAKEN", p.ID, true},
		{"a leading blank", " Free", "", false},
		{"no name", "", "", false},
	} {
		t.Run(tt.title, func(t *testing.T) {
			msg, err := s.PolicyNameProblem(t.Context(), s.project, tt.name, tt.except)
			if err != nil || (msg == "") != tt.free {
				t.Errorf("got %q, %v", msg, err)
			}
		})
	}
}

func TestDeletePolicyDetachesItAndClosesTheLanes(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	a, b, c := modelstest.Policy(t, s.Store, s.project, "A"), modelstest.Policy(t, s.Store, s.project, "B"), modelstest.Policy(t, s.Store, s.project, "C")
	proxy := modelstest.Proxy(t, s.Store, s.project, "orders")
	other := modelstest.Proxy(t, s.Store, s.project, "other")
	for _, p := range []models.Policy{a, b, c, b} {
		proxy = modelstest.Bind(t, s.Store, proxy, p)
	}
	if err := s.DeletePolicy(t.Context(), by, s.project, b.ID, b.Version); err != nil {
		t.Fatal(err)
	}
	after := modelstest.Reload(t, s.Store, proxy)
	if diff := cmp.Diff([]string{"1 A", "2 C"}, lane(after)); diff != "" {
		t.Errorf("lane (-want +got):\n%s", diff)
	}
	if after.Version != proxy.Version+1 {
		t.Errorf("the proxy stays at version %d: an editor would write an order that no longer is", after.Version)
	}
	if now := modelstest.Reload(t, s.Store, other); now.Version != other.Version {
		t.Error("a proxy without the policy got a new version")
	}
	_, err := s.PolicyByID(t.Context(), s.project, b.ID)
	wantNotFound(t, err)
}

// lane is position and policy of every binding.
func lane(p models.Owner) []string {
	var got []string
	for _, b := range p.Bindings {
		got = append(got, fmt.Sprintf("%d %s", b.Position, b.Policy.Name))
	}
	return got
}

func TestBindingAndDeletingAPolicyAtOnceLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	for i := range 10 {
		p := modelstest.Policy(t, s.Store, s.project, fmt.Sprintf("P%d", i))
		proxy := modelstest.Proxy(t, s.Store, s.project, fmt.Sprintf("x%d", i))
		var wg sync.WaitGroup
		var bound, deleted error
		wg.Go(func() {
			_, bound = s.AddBinding(t.Context(), by, s.project, proxy.ID, proxy.Version,
				models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: p.ID})
		})
		wg.Go(func() { deleted = s.DeletePolicy(t.Context(), by, s.project, p.ID, p.Version) })
		wg.Wait()
		if deleted != nil {
			t.Fatalf("delete: %v", deleted)
		}
		if bound != nil && problem.Of(bound).For("policyId") == "" {
			t.Fatalf("bind: %v", bound)
		}
		if left := modelstest.Reload(t, s.Store, proxy).Bindings; len(left) != 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
}

// The binding commits after the deletion has looked for bindings.
func TestABindingMadeDuringADeletionIsDetachedToo(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	p, proxy := modelstest.Policy(t, s.Store, s.project, "P"), modelstest.Proxy(t, s.Store, s.project, "orders")
	conn := connect(t, s.url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `insert into policy_bindings (id, owner_id, scope, pipeline, position, policy_id)
		values (gen_random_uuid(), $1, 'ALL', 'REQUEST', 1, $2)`, proxy.ID, p.ID); err != nil {
		t.Fatal(err)
	}
	deleted := make(chan error)
	go func() { deleted <- s.DeletePolicy(t.Context(), by, s.project, p.ID, p.Version) }()
	watching := connect(t, s.url)
	for scalar[int](t, watching, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
	if left := modelstest.Reload(t, s.Store, proxy).Bindings; len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPolicyUsage(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	modelstest.Environment(t, s.Store, "test")
	p := modelstest.Policy(t, s.Store, s.project, "P")
	proxy := modelstest.Proxy(t, s.Store, s.project, "orders", func(p *models.Owner) {
		p.Endpoints = []models.Endpoint{{Method: "GET", Path: "/pets/{id}"}}
	})
	proxy = modelstest.Bind(t, s.Store, proxy, p)
	second, err := s.AddBinding(t.Context(), by, s.project, proxy.ID, proxy.Version, models.NewBinding{
		Scope: policy.Endpoint, EndpointID: proxy.Endpoints[0].ID, Pipeline: policy.Request, PolicyID: p.ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Deploy(t, s.Store, proxy, "test")
	got, err := s.PolicyUsage(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []models.Usage{
		{OwnerID: proxy.ID, OwnerKind: engine.KindProxy, OwnerName: "orders", BindingID: proxy.Bindings[0].ID, Scope: policy.All, Pipeline: policy.Request, Position: 1, Live: []string{"test"}},
		{OwnerID: proxy.ID, OwnerKind: engine.KindProxy, OwnerName: "orders", BindingID: second.ID, Scope: policy.Endpoint, Endpoint: "GET /pets/{id}", Pipeline: policy.Request, Position: 1, Live: []string{"test"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

// The console promises a page within 50 ms of server time with 10,000 policies;
// this guards the number of statements and that an index carries the list.
func TestListOfTenThousandPolicies(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	template := modelstest.Policy(t, s.Store, s.project, "policy-0")
	conn := connect(t, s.url)
	if _, err := conn.Exec(t.Context(), `insert into policies (id, project_id, type, name, description, active, config, version, created_at, created_by, updated_at, updated_by)
		select gen_random_uuid(), project_id, type, 'policy-' || n, description, active, config || jsonb_build_object('name', 'policy-' || n), 1, created_at, created_by, updated_at, updated_by
		from policies, generate_series(1, 9999) n where id = $1`, template.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "analyze policies"); err != nil {
		t.Fatal(err)
	}
	counted, n := models.Counting(s.Store)
	for _, f := range []models.PolicyFilter{{Type: jwtauth.TypeName}, {Query: "999"}, {Sort: "used", Desc: true}, {Page: 400}} {
		n.Store(0)
		begin := time.Now()
		_, total, err := counted.Policies(t.Context(), s.project, f)
		if err != nil || total == 0 {
			t.Fatalf("%+v: %d, %v", f, total, err)
		}
		t.Logf("%+v took %v", f, time.Since(begin))
		if n.Load() > 4 {
			t.Errorf("%+v took %d statements", f, n.Load())
		}
	}
	var plan []string
	rows, err := conn.Query(t.Context(), `explain select * from policies where project_id = $1 and owner_id is null and type = $2
		order by lower(name), lower(name), id limit 25`, s.project, jwtauth.TypeName)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if !strings.Contains(strings.Join(plan, "\n"), "Index Scan") {
		t.Errorf("the list is not read from its index:\n%s", strings.Join(plan, "\n"))
	}
}
