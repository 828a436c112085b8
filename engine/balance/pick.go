package balance

import (
	"fmt"
	"time"
)

// Try is a call to one address. Report and Release are each called once, in this
// order.
type Try struct {
	pool *Pool
	at   uint8
	kind kind
}

// kind tells an ordinary try from those that decide about a resting address.
type kind uint8

const (
	ordinary   kind = iota
	trial           // the one call that tries an address after its rest
	regardless      // one of many while no address is well
)

// Address is the number of the address, as in Options.
func (t Try) Address() int { return int(t.at) }

// Pick chooses an address, one that was not tried where there is another. False
// means that none may be called now; Wait tells for how long.
func (p *Pool) Pick(tried Set) (Try, bool) {
	if wake := p.wake.Load(); wake != never && tried == 0 && int64(p.since()) >= wake {
		if t, ok := p.try(); ok {
			return t, true
		}
	}
	v := p.view.Load()
	if len(v.members) == 0 {
		return Try{}, false
	}
	t := Try{pool: p, at: p.choose(v, tried)}
	if v.regardless {
		t.kind = regardless
	}
	p.addresses[t.at].calls.Add(1)
	return t, true
}

func (p *Pool) since() time.Duration { return p.o.Now().Sub(p.began) }

func (p *Pool) choose(v *view, tried Set) uint8 {
	turn := p.turn.Add(1) - 1
	list := v.order
	if p.o.Choice == LeastConnections {
		if i, ok := p.least(v.members, turn, tried); ok {
			return i
		}
	}
	for k := range uint64(len(list)) {
		if i := list[(turn+k)%uint64(len(list))]; !tried.Has(int(i)) {
			return i
		}
	}
	return list[turn%uint64(len(list))] // all were tried: the next one again
}

// least has the fewest calls for its weight. It begins with another one each
// time, so that those that are level take turns.
func (p *Pool) least(members []uint8, turn uint64, tried Set) (best uint8, ok bool) {
	var calls, weight int64
	for k := range uint64(len(members)) {
		i := members[(turn+k)%uint64(len(members))]
		if tried.Has(int(i)) {
			continue
		}
		a := p.addresses[i]
		n, w := a.calls.Load()+1, int64(a.Weight)
		if !ok || n*weight < calls*w {
			best, calls, weight, ok = i, n, w, true
		}
	}
	return best, ok
}

// try hands out the address whose rest is over for longest, once.
func (p *Pool) try() (Try, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, first := p.since(), -1
	for i, a := range p.addresses {
		if a.resting && !a.trying && !a.down && a.until <= now && (first < 0 || a.until < p.addresses[first].until) {
			first = i
		}
	}
	if first < 0 {
		return Try{}, false
	}
	p.addresses[first].trying = true
	p.addresses[first].calls.Add(1)
	p.look()
	return Try{p, uint8(first), trial}, true
}

// Release ends the call: what it had of the address is free.
func (t Try) Release() { t.pool.addresses[t.at].calls.Add(-1) }

// Report tells what became of the call as soon as that is known: when the header of
// the answer has arrived, or will not. Where another pool has gone on meanwhile, it
// is told.
func (t Try) Report(o Outcome) {
	for !t.report(o) {
		heir := t.pool.heir.Load()
		if heir.at[t.at] < 0 {
			return // nobody knows the address any more
		}
		t.pool, t.at = heir.pool, uint8(heir.at[t.at])
	}
}

// report is false where another pool has gone on in the place of this one.
func (t Try) report(o Outcome) bool {
	p, a := t.pool, t.pool.addresses[t.at]
	if p.heir.Load() != nil {
		return false
	}
	failed := p.failed(o)
	switch {
	case t.kind != ordinary:
		return p.settle(t, o, failed)
	case o == Abandoned:
	case failed && p.o.Failures > 0:
		if a.failures.Add(1) >= int64(p.o.Failures) {
			p.rest(a, o) // has another pool just gone on, the next failure does that there: it has been counted
		}
	case !failed && a.failures.Load() != 0: // a load is cheaper than a store
		a.failures.Store(0)
	}
	return true
}

// failed tells whether the outcome speaks against the address.
func (p *Pool) failed(o Outcome) bool {
	return o == NotConnected || o == TimedOut || o == Broken || o == Unavailable && p.o.Unavailable
}

func (p *Pool) rest(a *address, o Outcome) {
	p.change(a, func() string {
		if !a.resting { // else a call that had begun before it rested
			a.resting, a.until = true, p.since()+p.o.Rest
			a.rests++
		}
		return fmt.Sprintf("%d calls in a row failed; the last one %s.", p.o.Failures, o)
	})
}

// settle decides about an address that was tried while it rested.
func (p *Pool) settle(t Try, o Outcome, failed bool) bool {
	a := p.addresses[t.at]
	return p.change(a, func() string {
		if t.kind == trial {
			a.trying = false
		}
		switch {
		case o == Abandoned || !a.resting:
		case failed:
			a.until = p.since() + p.o.Rest
		default:
			a.resting = false
			a.failures.Store(0)
		}
		return "The call that tried it " + o.String() + "."
	})
}

// change makes a change to an address under the lock and tells of it. It is false,
// and nothing is changed, where another pool has gone on in the place of this one.
func (p *Pool) change(a *address, make func() (reason string)) bool {
	p.mu.Lock()
	if p.heir.Load() != nil {
		p.mu.Unlock()
		return false
	}
	before := a.health()
	reason := make()
	now := a.health()
	p.look()
	if now == Well {
		reason = ""
	}
	if now != before {
		a.since, a.reason = p.o.Now(), reason
	}
	p.mu.Unlock()
	if now != before {
		p.o.OnChange(Change{a.Name, now, reason})
	}
	return true
}

func (a *address) health() Health {
	switch {
	case a.down:
		return Down
	case a.resting:
		return Resting
	}
	return Well
}

// Wait is after what time a refused call may come again: when the next address may
// be tried, or is checked. It is a second at least.
func (p *Pool) Wait() time.Duration {
	wait := time.Duration(never)
	if wake := p.wake.Load(); wake != never {
		wait = time.Duration(wake) - p.since()
	}
	if p.o.Check != nil {
		wait = min(wait, p.o.Check.Interval)
	}
	if wait == never { // the one that rests is being tried
		wait = 0
	}
	return max(wait, time.Second)
}
