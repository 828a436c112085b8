package balance

import (
	"slices"
	"strings"
)

// heir is the pool that goes on in the place of another one, and where that one's
// addresses are in it: -1 for nowhere.
type heir struct {
	pool *Pool
	at   []int8
}

// Succeed makes the pool go on where another one of the same API leaves off: with
// what is known of the addresses that both have, by their names, and with the
// calls that are under way there. What becomes of those counts here from now on.
// Nobody may use the pool before, and the other one's checks say nothing any more.
func (p *Pool) Succeed(old *Pool) {
	old.mu.Lock() // always that of the older one first
	defer old.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &heir{pool: p, at: make([]int8, len(old.addresses))}
	for i, was := range old.addresses {
		k := p.find(was.Name)
		if h.at[i] = int8(k); k < 0 {
			continue
		}
		a := p.addresses[k]
		a.counts, a.rests = was.counts, was.rests
		p.learn(a, was, old)
		a.trying = a.resting && was.trying // that call reports here
	}
	p.retries.Store(old.retries.Load())
	p.look()
	old.heir.Store(h)
}

// Learn begins the pool with what another one knows, which goes on itself. Nobody
// may use the pool before.
func (p *Pool) Learn(from *Pool) {
	from.mu.Lock()
	defer from.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, was := range from.addresses {
		if k := p.find(was.Name); k >= 0 {
			p.addresses[k].failures.Store(was.failures.Load())
			p.learn(p.addresses[k], was, from)
		}
	}
	p.look()
}

// find is the number of an address, -1 for none. One that ends with a slash is the
// same without it.
func (p *Pool) find(name string) int {
	name = strings.TrimSuffix(name, "/")
	return slices.IndexFunc(p.addresses, func(a *address) bool { return strings.TrimSuffix(a.Name, "/") == name })
}

// learn takes over what an address is like, as far as it can be that here: where
// nothing checks it, nothing would ever find it well again. It rests no longer
// than is usual here.
func (p *Pool) learn(a, was *address, of *Pool) {
	if p.o.Failures > 0 && was.resting {
		a.resting, a.until = true, min(was.until+of.began.Sub(p.began), p.since()+p.o.Rest)
	}
	if p.o.Check != nil {
		a.down, a.good, a.bad = was.down, was.good, was.bad
	}
	if a.health() == was.health() {
		a.since, a.reason = was.since, was.reason
	}
}

// newest is the pool that has gone on in its place, or itself.
func (p *Pool) newest() *Pool {
	for h := p.heir.Load(); h != nil; h = p.heir.Load() {
		p = h.pool
	}
	return p
}
