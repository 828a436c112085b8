package models_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/models/modelstest"
)

// forgotten names owners of which the database does not know that a part was written,
// found by looking at all parts: policies, policy groups, members and what these have.
const forgotten = `with recursive parts (owner_id, part) as (
		select id, id from owners
		union select p.owner_id, n.part from parts p cross join lateral (
			select m.proxy_id as part from proxy_group_members m where m.group_id = p.part
			union all select b.group_id from policy_bindings b where b.owner_id = p.part and b.group_id is not null) n
	), written as (
		select p.owner_id, x.updated_at from parts p join owners x on x.id = p.part
		union all select p.owner_id, y.updated_at from parts p join policy_bindings b on b.owner_id = p.part join policies y on y.id = b.policy_id
	)
	select coalesce(string_agg(distinct x.name, ', '), '') from written w join owners x on x.id = w.owner_id left join owner_changes c on c.owner_id = x.id
		where c.at is null or c.at < w.updated_at or c.project_id <> x.project_id`

// changing is a project that is changed at random, with a minute between two changes, so
// that no tolerance of clocks hides what was forgotten.
type changing struct {
	bench
	*rand.Rand
	t       *testing.T
	now     time.Time
	kept    archive.Package
	environ []string
}

func TestWhatHasToBeDeployedAgainIsExactlyWhatDiffers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			url := modelstest.Database(t)
			c := &changing{Rand: rand.New(rand.NewPCG(seed, 7)), t: t, now: time.Now().UTC(), environ: []string{"production", "test"}}
			c.Store, c.url = modelstest.Open(t, url, func(o *models.Options) { o.Now = func() time.Time { return c.now } }), url
			for _, e := range c.environ {
				modelstest.Environment(t, c.Store, e)
			}
			c.project = modelstest.Project(t, c.Store, "Shop").ID
			conn := connect(t, url)
			for i := range 4 {
				modelstest.Policy(t, c.Store, c.project, fmt.Sprintf("P%d", i))
				modelstest.Proxy(t, c.Store, c.project, fmt.Sprintf("x%d", i))
			}
			done := map[string]int{}
			for step := range 80 {
				c.now = c.now.Add(time.Minute)
				what, err := c.change()
				if refused := problem.Of(err); err != nil && len(refused) == 0 && !errors.Is(err, models.ErrNotFound) {
					t.Fatalf("step %d, %s: %v", step, what, err)
				}
				if err == nil {
					done[what]++
				}
				if left := scalar[string](t, conn, forgotten); left != "" {
					t.Fatalf("step %d, %s: forgotten are %s", step, what, left)
				}
				c.compare(step, what)
				c.comparePlaces(step, what)
			}
			t.Log(done)
		})
	}
}

// compare holds the lists and the reports of each state against the states that all
// owners have by their digests.
func (c *changing) compare(step int, what string) {
	c.t.Helper()
	for _, kind := range []string{engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup} {
		all := c.all(kind)
		want, got := []string{}, []string{}
		for _, o := range all {
			if slices.ContainsFunc(o.Deployments, func(d models.Deployment) bool { return d.State == models.RedeployRequired }) {
				want = append(want, o.Name)
			}
		}
		list, at, err := c.OutdatedOwners(c.t.Context(), c.project, models.OwnerFilter{Kind: kind, PerPage: 100}, 0)
		if err != nil || at.Next > 0 {
			c.t.Fatal(err, at)
		}
		for _, o := range list {
			got = append(got, o.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Fatalf("step %d, %s: to be deployed again (-want +got):\n%s", step, what, diff)
		}
		for _, state := range []models.DeployState{models.Live, models.RedeployRequired, models.NotDeployed} {
			c.compareReport(step, what, all, models.StateFilter{Environment: c.environ[c.IntN(2)], State: state, PerPage: 100})
		}
	}
}

func (c *changing) compareReport(step int, what string, owners []models.Owner, f models.StateFilter) {
	c.t.Helper()
	want := map[string]bool{}
	for _, o := range owners {
		for _, d := range o.Deployments {
			same := d.State == f.State || f.State == models.NotDeployed && d.State == models.Undeployed
			if policies := slices.Collect(o.Policies()); d.Environment == f.Environment && same && len(policies) > 0 {
				want[o.Name] = true
			}
		}
	}
	got := map[string]bool{}
	list, at, err := c.UsageReport(c.t.Context(), c.project, models.UsageFilter{OwnerKind: kindOf(owners), StateFilter: f})
	if err != nil || at.Next > 0 && f.State != models.NotDeployed {
		c.t.Fatal(err, at)
	}
	for _, p := range list {
		got[p.OwnerName] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Fatalf("step %d, %s: %s in %s (-want +got):\n%s", step, what, f.State, f.Environment, diff)
	}
}

// kindOf is the kind of owners, which is one that nothing has when there are none.
func kindOf(list []models.Owner) string {
	if len(list) == 0 {
		return "none"
	}
	return list[0].Kind
}

// comparePlaces holds the numbers of where policies are bound against their places one
// by one, those by the policy groups that hold them too.
func (c *changing) comparePlaces(step int, what string) {
	c.t.Helper()
	for _, p := range c.policies() {
		c.comparePlacesOf(p, step, what)
	}
}

func (c *changing) comparePlacesOf(p models.Policy, step int, what string) {
	c.t.Helper()
	places, err := c.PolicyUsage(c.t.Context(), p.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, one := range slices.Clone(places) {
		if one.OwnerKind != engine.KindPolicyGroup {
			continue
		}
		more, err := c.PolicyGroupUsage(c.t.Context(), one.OwnerID)
		if err != nil {
			c.t.Fatal(err)
		}
		places = append(places, more...)
	}
	owners, live, environments := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, one := range places {
		owners[one.OwnerID] = true
		for _, e := range one.Live {
			live[one.OwnerID], environments[e] = true, true
		}
	}
	got, err := c.PlacesOf(c.t.Context(), p.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	if got.Places != len(places) || got.Owners != len(owners) || got.Live != len(live) || len(got.First) != min(5, len(owners)) || len(got.FirstLive) != min(5, len(live)) ||
		!slices.Equal(got.Environments, slices.Sorted(maps.Keys(environments))) {
		c.t.Fatalf("step %d, %s: %+v of %d places, %d owners, %d of them live in %v", step, what, got, len(places), len(owners), len(live), environments)
	}
}

// all reads every owner of a kind whole.
func (c *changing) all(kind string) []models.Owner {
	c.t.Helper()
	list, _, err := c.Owners(c.t.Context(), c.project, models.OwnerFilter{Kind: kind, PerPage: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range list {
		list[i] = modelstest.Reload(c.t, c.Store, list[i])
	}
	return list
}

// one is any owner of the kinds; there is none with an id "" that writes find.
func (c *changing) one(kinds ...string) models.Owner {
	var all []models.Owner
	for _, kind := range kinds {
		all = append(all, c.all(kind)...)
	}
	if len(all) == 0 {
		return models.Owner{ID: "none"}
	}
	return all[c.IntN(len(all))]
}

func (c *changing) policy() models.Policy {
	list := c.policies()
	return list[c.IntN(len(list))]
}

func (c *changing) policies() []models.Policy {
	list, _, err := c.Policies(c.t.Context(), c.project, models.PolicyFilter{PerPage: 100})
	if err != nil || len(list) == 0 {
		c.t.Fatal("no policies", err)
	}
	return list
}

// change does one thing that people do, and says what.
func (c *changing) change() (string, error) {
	ctx, name := c.t.Context(), fmt.Sprintf("n%d", c.IntN(1_000_000))
	proxy, group, set := engine.KindProxy, engine.KindProxyGroup, engine.KindPolicyGroup
	switch c.IntN(20) {
	case 0, 1, 2: // one of two, so that it is often edited back
		p := c.policy()
		config := p.Config.(*jwtauth.Config)
		config.TokenExpiresInAmount = 10 + (config.TokenExpiresInAmount+1)%2
		_, err := c.SavePolicy(ctx, by, c.project, p.ID, p.Version, config)
		return "edit of a policy", err
	case 3, 4:
		o := c.one(proxy, group)
		b := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: c.policy().ID}
		if g := c.one(set); c.IntN(2) == 0 {
			b.PolicyID, b.GroupID = "", g.ID
		}
		_, err := c.AddBinding(ctx, by, c.project, o.ID, o.Version, b)
		return "bind", err
	case 5:
		g := c.one(set)
		_, err := c.AddBinding(ctx, by, c.project, g.ID, g.Version, models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: c.policy().ID})
		return "bind in a policy group", err
	case 6:
		o := c.one(proxy, group, set)
		if len(o.Bindings) == 0 {
			return "unbind", models.ErrNotFound
		}
		return "unbind", c.RemoveBinding(ctx, by, c.project, o.ID, o.Version, o.Bindings[c.IntN(len(o.Bindings))].ID)
	case 7:
		o := c.one(proxy)
		o.Upstream.URL = fmt.Sprintf("http://upstream-%d.example", c.IntN(2))
		_, _, err := c.SaveProxy(ctx, by, c.project, o)
		return "edit of a proxy", err
	case 8:
		g := c.one(group)
		if c.IntN(4) == 0 || g.ID == "none" {
			g = models.Owner{Name: name, Route: engine.Route{BasePath: "/" + name}}
		}
		g.Members = nil
		for _, o := range c.all(proxy) {
			if c.IntN(2) == 0 {
				g.Members = append(g.Members, models.Member{ID: o.ID})
			}
		}
		_, _, err := c.SaveProxyGroup(ctx, by, c.project, g)
		return "members of a proxy group", err
	case 9:
		g := c.one(set)
		if c.IntN(3) == 0 || g.ID == "none" {
			g = models.Owner{Name: name, Pipeline: policy.Request, MakeDefault: c.IntN(4) == 0}
		}
		g.Active = c.IntN(2) == 0
		_, _, err := c.SavePolicyGroup(ctx, by, c.project, g)
		return "edit of a policy group", err
	case 10, 11, 12, 13:
		_, err := c.Deploy(ctx, by, c.project, c.one(proxy, group, set).ID, c.environ[c.IntN(2)], "")
		return "deploy", err
	case 14:
		_, err := c.Undeploy(ctx, by, c.project, c.one(proxy, group).ID, c.environ[c.IntN(2)])
		return "undeploy", err
	case 15:
		_, err := c.Rollback(ctx, by, c.project, c.one(proxy, group).ID, c.environ[c.IntN(2)], 1, "")
		return "roll back", err
	case 16:
		if p := c.policy(); c.IntN(3) == 0 {
			_, err := c.DuplicatePolicy(ctx, by, c.project, p.ID, name)
			return "duplicate a policy", err
		}
		p := modelstest.Policy(c.t, c.Store, c.project, name)
		if c.IntN(2) == 0 {
			p = c.policy()
		}
		return "delete a policy", c.DeletePolicy(ctx, by, c.project, p.ID, p.Version)
	case 17:
		o := c.one(proxy, group, set)
		if c.IntN(2) == 0 && o.Kind != proxy {
			return "delete an owner", c.DeleteOwner(ctx, by, c.project, o.ID, o.Version)
		}
		_, _, err := c.DuplicateOwner(ctx, by, c.project, o.ID, name, "/"+name)
		return "duplicate an owner", err
	case 18:
		o := c.one(proxy)
		if len(o.Bindings) == 0 {
			return "localize", models.ErrNotFound
		}
		if b := o.Bindings[0]; b.Group == nil && b.Policy.Global() {
			_, err := c.Localize(ctx, by, c.project, o.ID, o.Version, b.ID, name)
			return "localize", err
		}
		_, err := c.SetLaneActive(ctx, by, c.project, o.ID, o.Version, policy.Request, "", c.IntN(2) == 0, true)
		return "switch a lane", err
	}
	if len(c.kept.Objects) == 0 || c.IntN(3) == 0 {
		c.kept, _ = exported(c.t, c.bench)
		return "export", nil
	}
	imported(c.t, c.bench, c.kept, models.PackageChoices{})
	return "import", nil
}
