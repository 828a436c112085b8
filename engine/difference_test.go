package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/keys"
)

// city is a bundle in which everything goes on changing.
type city struct {
	t      *testing.T
	r      *rand.Rand
	b      Bundle
	people int
}

func (c *city) proxy(id int) Proxy {
	p := Proxy{
		Project: "city", Name: fmt.Sprint("p", id), ClientID: fmt.Sprint("client-", id),
		Route:    Route{BasePath: strings.Repeat("/deep", c.r.IntN(3)) + fmt.Sprint("/p", id)},
		Upstream: Upstream{URL: fmt.Sprintf("http://127.0.0.1:%d", 1000+c.r.IntN(20)), ConnectTimeout: 1000 * (1 + c.r.IntN(3))},
	}
	if c.r.IntN(4) == 0 {
		p.Route = Route{BasePath: "/shared", Hosts: []string{fmt.Sprintf("h%d.test", id), fmt.Sprintf("*.w%d.test", id)}}
	}
	if c.r.IntN(12) == 0 {
		p.Route = Route{BasePath: fmt.Sprint("/p", 1+id/2)} // which may be another's
	}
	if c.r.IntN(4) == 0 {
		p.Upstream.Further = []Address{{URL: "http://127.0.0.1:2000", Weight: 1}}
	}
	return p
}

func (c *city) owner(id int) Owner {
	o := Owner{ID: fmt.Sprintf("%03d", id), Kind: KindProxy, Revision: c.r.IntN(1000), Client: Client{ID: fmt.Sprint("client-", id)}}
	var definition any = c.proxy(id)
	switch id % 10 {
	case 8:
		g := ProxyGroup{Project: "city", Name: fmt.Sprint("g", id), ClientID: o.Client.ID, Route: Route{BasePath: fmt.Sprint("/g", id)}, BlockDirectAccess: c.r.IntN(2) == 0}
		for i := range 1 + c.r.IntN(3) {
			g.Members = append(g.Members, Member{ID: fmt.Sprintf("%03d", 10*i), Proxy: c.proxy(10 * i)})
		}
		o.Kind, definition = KindProxyGroup, g
	case 9:
		o.Kind, definition = KindPolicyGroup, PolicyGroup{ID: o.ID, Project: "city", Name: fmt.Sprint("q", id), ClientID: o.Client.ID, Active: true, Pipeline: "REQUEST"}
	}
	raw, err := json.Marshal(definition)
	if err != nil {
		c.t.Fatal(err)
	}
	o.Definition, o.Digest = raw, Digest(raw)
	return o
}

// turn changes a few things; the list stays in order, as it is read.
func (c *city) turn() {
	c.b.Generation++
	owners := map[string]Owner{}
	for _, o := range c.b.Owners {
		owners[o.ID] = o
	}
	for range 1 + c.r.IntN(3) {
		id := c.r.IntN(60)
		o, there := owners[fmt.Sprintf("%03d", id)]
		switch c.r.IntN(6) {
		case 0:
			delete(owners, o.ID)
		case 1:
			o.Client.SecretHash = fmt.Sprint("hash", c.r.Int())
		case 2:
			o.Client.ID = fmt.Sprintf("client-%d-%d", id, c.r.IntN(3))
		case 3:
			o.Revision++
		default:
			o, there = c.owner(id), true
		}
		if _, kept := owners[o.ID]; there && (kept || o.Digest != "") {
			owners[o.ID] = o
		}
	}
	c.b.Owners = slices.SortedFunc(maps.Values(owners), func(a, b Owner) int { return strings.Compare(a.ID, b.ID) })
	c.credentials()
	if c.r.IntN(20) == 0 {
		c.b.PublicURL = fmt.Sprint("https://city", c.r.IntN(3), ".test")
	}
}

func (c *city) credentials() {
	list := slices.Clone(c.b.Credentials)
	if i := c.r.IntN(len(list) + 1); i == len(list) || c.r.IntN(3) == 0 {
		c.people++
		list = slices.Insert(list, i, &identity.Credential{Name: fmt.Sprint("person", c.people)})
	} else if c.r.IntN(2) == 0 {
		list = slices.Delete(list, i, i+1)
	} else {
		list[i] = &identity.Credential{Name: list[i].Name, Enabled: c.r.IntN(2) == 0}
	}
	c.b.Credentials = list
}

func newCity(t *testing.T, seed uint64) *city {
	set, err := keys.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &city{t: t, r: rand.New(rand.NewPCG(seed, 0)), b: Bundle{Environment: "city", PublicURL: "https://city0.test", Keys: set}}
}

// seen is all that a snapshot answers with.
func seen(s *Snapshot) map[string]any {
	all := map[string]any{"owners": s.owners.size, "clients": s.clients.size, "credentials": s.credentials.size, "sites": s.router.sites.size, "issuer": s.issuer}
	for i, o := range s.lines {
		byID, _ := s.owners.get(o.id)
		byClient, _ := s.clients.get(o.client.ID)
		all[fmt.Sprint("line ", i)] = []any{o.id, o.kind, o.revision, o.client, o.origin, o.groups, o.blocked, byID == o, byClient == o}
		for _, host := range append([]string{"", "h1.test"}, o.hosts...) {
			host = strings.Replace(host, "*", "a", 1)
			if to := s.router.find(host, o.route.BasePath+"/x"); to != nil {
				all[fmt.Sprintf("call of %s at %q", o.route.BasePath, host)] = to.id
			}
		}
	}
	for i, p := range s.people {
		now, _ := s.credentials.get(p.Name)
		all[fmt.Sprint("person ", i)] = []any{p, now == p}
	}
	return all
}

// Whatever is deployed, undeployed and moved, the snapshot that goes on from the
// one before is the one made of nothing, also where the bundle does not compile,
// and no connection pool is kept that nothing uses.
func TestASnapshotThatGoesOnIsTheOneMadeOfNothing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := newCity(t, seed)
	g := New(Options{})
	t.Cleanup(func() { g.balancers.closeAll() })
	refused := 0
	for turn := range 1000 {
		c.turn()
		afresh := New(Options{})
		want, got := afresh.Apply(t.Context(), c.b), g.Apply(t.Context(), c.b)
		if fmt.Sprint(message(want)) != fmt.Sprint(message(got)) {
			t.Fatalf("turn %d: %v, want %v", turn, got, want)
		}
		if want != nil {
			refused++
			continue
		}
		if got, want := seen(g.snapshot.Load()), seen(afresh.snapshot.Load()); !reflect.DeepEqual(got, want) {
			t.Fatalf("turn %d: it answers\n%v, want\n%v", turn, got, want)
		}
		if got, want := pools(g), pools(afresh); !reflect.DeepEqual(got, want) {
			t.Fatalf("turn %d: it keeps %v, want %v", turn, got, want)
		}
		afresh.balancers.closeAll()
	}
	if t.Logf("%d bundles did not compile", refused); refused == 0 || refused > 990 {
		t.Error("that says little")
	}
}

// message leaves the time out.
func message(err error) any {
	if e, ok := err.(*ApplyError); ok {
		return e.Err
	}
	return err
}

func pools(g *Gateway) map[string]int {
	return map[string]int{
		"transports": len(g.transports.all), "pools": len(g.transports.pools), "balancers": len(g.balancers.all),
		"used": len(g.transports.used), "pooled": len(g.transports.pooled), "balancers used": len(g.balancers.used),
	}
}

// Among very many, a deploy of one copies little.
func TestAnIndexSharesWhatDidNotChange(t *testing.T) {
	t.Parallel()
	var x index[int]
	want := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	for turn := range 3000 {
		before := x
		e := x.edit(1)
		key := fmt.Sprint(r.IntN(2000))
		had, there := want[key]
		if r.IntN(4) > 0 {
			e.set(key, turn)
			want[key] = turn
		} else {
			e.remove(key)
			delete(want, key)
		}
		x = e.done()
		if v, ok := before.get(key); v != had || ok != there {
			t.Fatalf("turn %d changed what was there before: %d", turn, v)
		}
		copied := 0
		for i := range x.shards {
			if len(before.shards) == len(x.shards) && reflect.ValueOf(x.shards[i]).Pointer() != reflect.ValueOf(before.shards[i]).Pointer() {
				copied++
			}
		}
		if copied > 1 || x.size != len(want) {
			t.Fatalf("turn %d: copied %d shards, has %d keys, want %d", turn, copied, x.size, len(want))
		}
	}
	for key, v := range want {
		if got, ok := x.get(key); !ok || got != v {
			t.Errorf("%s: %d, want %d", key, got, v)
		}
	}
}
