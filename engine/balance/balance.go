// Package balance owns the choice among the addresses of one API: who is asked
// next, who rests after failures, who is down by its health check, and which
// calls may be tried again. It knows no HTTP: it hands out the number of an
// address and is told what became of the call.
package balance

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxAddresses and MaxWeight bound a pool, and with it the length of a round.
const (
	MaxAddresses = 32
	MaxWeight    = 1000
)

// Choice is how an address is chosen among those that are well.
type Choice uint8

// The choices: in turn by weight, or the fewest calls under way by weight.
const (
	RoundRobin Choice = iota
	LeastConnections
)

// Address is one of those that a pool chooses among.
type Address struct {
	Name   string // for reports
	Weight int    // from 1 to MaxWeight
}

// Options describe a pool. At least one address is needed.
type Options struct {
	Addresses []Address
	Choice    Choice
	// Failures is after how many failures in a row an address rests, for Rest; 0
	// lets it never rest. Then one call tries it, and decides whether it goes on
	// resting.
	Failures int
	Rest     time.Duration
	// Unavailable counts answers with 502, 503 and 504 as failures.
	Unavailable bool
	// Refuse calls nobody while every address rests. Otherwise they are called
	// nevertheless, as nginx does: a guess that all are bad is more likely wrong
	// than right. Who is down by its health check is never called.
	Refuse bool
	// Check asks addresses whether they are well; nil asks none.
	Check *Check
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// OnChange is told of every change of a state, by the goroutine that caused it.
	OnChange func(Change)
}

// Check is an active health check. An address is well until Unhealthy checks in a
// row fail, then down until Healthy ones in a row succeed.
type Check struct {
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int
	// Probe asks the address of that number. It ends with its context.
	Probe func(ctx context.Context, address int) error
}

// Health is the state of an address.
type Health uint8

// The states: called, resting after failures of calls, down by its health check.
const (
	Well Health = iota
	Resting
	Down
)

// String is the word for logs and metrics.
func (h Health) String() string { return [...]string{"well", "resting", "down"}[h] }

// Change is a new state of an address.
type Change struct {
	Address string
	Health  Health
	Reason  string // one sentence; "" when it is well again
}

// Outcome is what became of a call.
type Outcome uint8

// The outcomes. NotConnected means that nothing of the call was sent. Abandoned
// says nothing about the address: the caller left, or was at fault.
const (
	Answered Outcome = iota
	Unavailable
	NotConnected
	TimedOut
	Broken
	Abandoned
)

// String completes "the last one".
func (o Outcome) String() string {
	return [...]string{"was answered", "was answered with 502, 503 or 504", "found no connection", "got no answer in time", "lost its connection", "was given up"}[o]
}

// Set is a set of addresses of a pool, by number.
type Set uint64

// With is the set and i.
func (s Set) With(i int) Set { return s | 1<<i }

// Has tells whether i is in it.
func (s Set) Has(i int) bool { return s>>i&1 == 1 }

// Pool chooses among the addresses of one API. It is safe for concurrent use;
// no call that finds all well waits for another one, or for memory.
type Pool struct {
	o         Options
	addresses []*address
	began     time.Time
	turn      atomic.Uint64
	view      atomic.Pointer[view]
	// wake is when, since began, the next resting address may be tried; never when
	// none waits for that.
	wake    atomic.Int64
	retries atomic.Uint64
	heir    atomic.Pointer[heir] // nil until another pool goes on in its place

	mu       sync.Mutex // held while a state changes
	stop     context.CancelFunc
	checking sync.WaitGroup
}

const never = math.MaxInt64

// address is the state of one. The plain fields are the lock's.
type address struct {
	Address
	*counts

	resting, trying bool
	until           time.Duration // since the pool began
	down            bool
	good, bad       int // checks in a row
	rests           uint64
	since           time.Time // of its health
	reason          string
}

// counts are those that calls make without a lock. The pool that goes on in the
// place of another one has the same.
type counts struct {
	calls    atomic.Int64 // under way
	failures atomic.Int64 // in a row
}

// view is what calls choose from for as long as no state changes.
type view struct {
	order   []uint8 // of one round, each as often as its weight says
	members []uint8 // each once
	// regardless tells that none is well, and those here are called nevertheless.
	regardless bool
}

// New makes a pool whose addresses are all well. Start begins the health check.
func New(o Options) *Pool {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnChange == nil {
		o.OnChange = func(Change) {}
	}
	p := &Pool{o: o, began: o.Now()}
	for _, a := range o.Addresses {
		p.addresses = append(p.addresses, &address{Address: a, counts: new(counts), since: p.began})
	}
	p.look()
	return p
}

// look makes the time to wake anew, and the view where other addresses are in it:
// a round can be long.
func (p *Pool) look() {
	v := &view{members: p.those(func(a *address) bool { return !a.resting && !a.down })}
	if len(v.members) == 0 && !p.o.Refuse {
		v.regardless = true
		v.members = p.those(func(a *address) bool { return !a.down })
	}
	if old := p.view.Load(); old == nil || old.regardless != v.regardless || !slices.Equal(old.members, v.members) {
		v.order = p.round(v.members)
		p.view.Store(v)
	}
	wake := time.Duration(never)
	for _, a := range p.addresses {
		if a.resting && !a.trying && !a.down && !v.regardless {
			wake = min(wake, a.until)
		}
	}
	p.wake.Store(int64(wake))
}

func (p *Pool) those(fit func(*address) bool) []uint8 {
	var list []uint8
	for i, a := range p.addresses {
		if fit(a) {
			list = append(list, uint8(i))
		}
	}
	return list
}

// round is an order in which each is there by its weight and as evenly spread as
// can be: nginx's smooth weighted round robin, written out.
func (p *Pool) round(members []uint8) []uint8 {
	divisor, total := 0, 0
	for _, i := range members {
		divisor = gcd(p.addresses[i].Weight, divisor)
		total += p.addresses[i].Weight
	}
	if total == 0 {
		return nil
	}
	credit := make([]int, len(members))
	order := make([]uint8, total/divisor)
	for turn := range order {
		best := 0
		for k, i := range members {
			credit[k] += p.addresses[i].Weight
			if credit[k] > credit[best] {
				best = k
			}
		}
		credit[best] -= total
		order[turn] = members[best]
	}
	return order
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
