package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
	"github.com/gatewright/gatewright/engine/wire"
)

// balancerKey is what makes a pool the same one in the next snapshot.
type balancerKey struct{ id, project, proxy, upstream string }

// balancers keeps what is known of addresses, outside of any snapshot: a deploy
// that changes what is said of an upstream forgets none that is still there.
type balancers struct {
	now func() time.Time
	log *slog.Logger

	mu  sync.Mutex
	all map[balancerKey]*balance.Pool
	// used tells how many backends of the snapshot that runs use one, asked which
	// ones may be of no use.
	used  map[*balance.Pool]int
	asked []balancerKey
	// fresh are those that no snapshot has begun to use.
	fresh map[balancerKey]bool
}

func newBalancers(now func() time.Time, log *slog.Logger) *balancers {
	return &balancers{now: now, log: log, all: make(map[balancerKey]*balance.Pool), used: make(map[*balance.Pool]int), fresh: make(map[balancerKey]bool)}
}

// address is one that a call can be sent to.
type address struct {
	upstream
	pool *wire.Pool // as that of the backend
}

func addressOf(u upstream, t *transports) address { return address{u, t.pool(&u)} }

// open gives the backend its pool, if it needs one. The pool checks nothing until
// its snapshot runs.
func (p *balancers) open(environment string, b *backend, project string, u Upstream, t *transports) error {
	if p == nil || u.Plain() {
		return nil
	}
	raw, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode upstream: %w", err)
	}
	u = u.Whole()
	for _, a := range u.Addresses() {
		one := u
		one.URL = a.URL
		b.addresses = append(b.addresses, addressOf(newUpstream(one), t))
		if b.addresses[len(b.addresses)-1].pool == nil {
			b.pool = nil // all of them are asked in one way
		}
	}
	b.retries = balance.Retries{Count: u.Retry.Count, Unavailable: u.Retry.Unavailable}
	key := balancerKey{b.id, project, b.name, string(raw)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[key] == nil {
		p.all[key], p.fresh[key] = balance.New(p.options(environment, key, b, u)), true
		p.asked = append(p.asked, key)
	}
	b.balancer, b.key = p.all[key], key
	return nil
}

// options are those of a whole upstream.
func (p *balancers) options(environment string, key balancerKey, b *backend, u Upstream) balance.Options {
	o := balance.Options{
		Failures: u.Breaker.Failures, Rest: ms(u.Breaker.Rest), Unavailable: u.Breaker.Unavailable, Refuse: u.Breaker.Refuse, Now: p.now,
		OnChange: func(c balance.Change) { p.tell(environment, key, c) },
	}
	if u.Choice == LeastConnections {
		o.Choice = balance.LeastConnections
	}
	if len(u.Further) == 0 && !u.Breaker.Refuse {
		o.Failures = 0 // who is called anyway need not rest
	}
	for _, a := range u.Addresses() {
		o.Addresses = append(o.Addresses, balance.Address{Name: a.URL, Weight: a.Weight})
	}
	if c := u.Check; c != nil {
		addresses, by := b.addresses, b.transport
		o.Check = &balance.Check{
			Interval: ms(c.Interval), Timeout: ms(c.Timeout), Healthy: c.Healthy, Unhealthy: c.Unhealthy,
			Probe: func(ctx context.Context, i int) error { return addresses[i].check(ctx, by, c) },
		}
	}
	return o
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// tell logs a change of an address.
func (p *balancers) tell(environment string, key balancerKey, c balance.Change) {
	level, what := slog.LevelWarn, "an address of an API is not called"
	if c.Health == balance.Well {
		level, what = slog.LevelInfo, "an address of an API is called again"
	}
	p.log.Log(context.Background(), level, what, "environment", environment, "project", key.project, "proxy", key.proxy,
		"address", c.Address, "state", c.Health.String(), "reason", c.Reason)
}

// succeed makes the pools that the snapshot begins with go on where others of the
// same API leave off: those that the snapshot does not use any more, else one that
// it goes on with, as of a group that has an older version of the API. It is
// called before any call can use the snapshot.
func (p *balancers) succeed(s *Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fresh) == 0 {
		return
	}
	uses := p.usedBy(s)
	leaving, staying := map[string]*balance.Pool{}, map[string]*balance.Pool{}
	for key, pool := range p.all {
		switch {
		case p.fresh[key]:
		case uses(pool):
			staying[key.id] = pool
		default:
			leaving[key.id] = pool
		}
	}
	for key := range p.fresh {
		pool := p.all[key]
		if !uses(pool) {
			continue
		}
		if old := leaving[key.id]; old != nil {
			pool.Succeed(old)
			delete(leaving, key.id)
		} else if other := staying[key.id]; other != nil {
			pool.Learn(other)
		}
		staying[key.id] = pool
	}
}

// usedBy tells which pools a snapshot uses that goes on from the one that runs.
func (p *balancers) usedBy(s *Snapshot) func(*balance.Pool) bool {
	more := make(map[*balance.Pool]int)
	for b := range backendsOf(s.come) {
		more[b.balancer]++
	}
	for b := range backendsOf(s.gone) {
		more[b.balancer]--
	}
	return func(pool *balance.Pool) bool { return p.used[pool]+more[pool] > 0 }
}

// keep starts the pools that a snapshot uses from now on, and forgets those that
// nothing uses any more. Calls under way on those end as they would have.
func (p *balancers) keep(s *Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range backendsOf(s.come) {
		if b.balancer != nil {
			p.used[b.balancer]++
			b.balancer.Start()
		}
	}
	for b := range backendsOf(s.gone) {
		if b.balancer == nil {
			continue
		}
		if p.used[b.balancer]--; p.used[b.balancer] == 0 {
			p.asked = append(p.asked, b.key)
		}
	}
	p.dropUnused()
}

// drop forgets the pools of what did not compile.
func (p *balancers) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropUnused()
}

func (p *balancers) dropUnused() {
	clear(p.fresh)
	for _, key := range p.asked {
		pool := p.all[key]
		if pool == nil || p.used[pool] > 0 {
			continue
		}
		delete(p.all, key)
		delete(p.used, pool)
		go pool.Close() // a check under way takes a moment
	}
	p.asked = nil
}

// closeAll ends all checks and waits for them.
func (p *balancers) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pool := range p.all {
		pool.Close()
	}
}

// check asks an address whether it is well.
func (u *upstream) check(ctx context.Context, by http.RoundTripper, c *HealthCheck) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.scheme+"://"+u.host+c.Path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "Gatewright health check")
	res, err := by.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxCheckBody) // so that the connection can be used again
	if res.StatusCode < c.From || res.StatusCode > c.To {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}

const maxCheckBody = 64 << 10

// UpstreamState is what the addresses of a proxy do and have done.
type UpstreamState struct {
	ID, Project, Proxy string
	Retries            uint64
	Addresses          []balance.State
}

// Upstreams tells of every proxy that has several addresses, or whose address is
// watched, in the order of their names. One that is also a member of a group, as
// it was at another time, is told of once: with the worst that is known.
func (g *Gateway) Upstreams() []UpstreamState {
	g.balancers.mu.Lock()
	defer g.balancers.mu.Unlock()
	byName := make(map[[2]string]*UpstreamState, len(g.balancers.all))
	var list []*UpstreamState
	for key, pool := range g.balancers.all {
		if g.balancers.fresh[key] {
			continue // the one whose place it takes is told of
		}
		name := [2]string{key.project, key.proxy}
		if byName[name] == nil {
			byName[name] = &UpstreamState{ID: key.id, Project: key.project, Proxy: key.proxy}
			list = append(list, byName[name])
		}
		byName[name].add(pool)
	}
	slices.SortFunc(list, func(a, b *UpstreamState) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Proxy, b.Proxy))
	})
	states := make([]UpstreamState, len(list))
	for i, s := range list {
		states[i] = *s
	}
	return states
}

func (s *UpstreamState) add(p *balance.Pool) {
	s.Retries += p.Retries()
	for _, more := range p.States() {
		i := slices.IndexFunc(s.Addresses, func(a balance.State) bool { return a.Address == more.Address })
		if i < 0 {
			s.Addresses = append(s.Addresses, more)
			continue
		}
		a := &s.Addresses[i]
		a.Calls, a.Rests = a.Calls+more.Calls, a.Rests+more.Rests
		if more.Health > a.Health {
			a.Health, a.Since, a.Reason = more.Health, more.Since, more.Reason
		}
	}
}
