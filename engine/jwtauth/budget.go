package jwtauth

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// What all verified tokens of the process may take together: this many bytes, or
// less where the memory limit is small. Without it ten thousand policies could each fill
// what one may have, and the gateway would refuse calls for want of memory.
const (
	budgetBytes = 256 << 20
	budgetShare = 4 // of the memory limit, one part in four
)

// processBudget is one for all policies, as memory is. The first policy makes it: by
// then the process has its limit.
var processBudget = sync.OnceValue(func() *budget {
	return newBudget(min(budgetBytes, debug.SetMemoryLimit(-1)/budgetShare))
})

// budget bounds what caches hold together. When it is spent, those that hold most
// give way first.
type budget struct {
	limit int64
	spent atomic.Int64

	mu     sync.Mutex
	stores []weak.Pointer[store]
}

func newBudget(limit int64) *budget { return &budget{limit: limit} }

// account is what one store has spent. It outlives the store, to be paid back.
type account struct {
	budget *budget
	bytes  atomic.Int64
}

func (a *account) spend(bytes int) {
	a.bytes.Add(int64(bytes))
	a.budget.spent.Add(int64(bytes))
}

// open makes a store that counts. What it holds is paid back when nobody uses it
// any more, because its policy was deployed anew or has gone.
func (b *budget) open(leeway int64) *store {
	s := &store{leeway: leeway, account: &account{budget: b}}
	for i := range s.shards {
		s.shards[i].account = s.account
	}
	runtime.AddCleanup(s, func(a *account) { a.spend(-int(a.bytes.Load())) }, s.account)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.stores) == cap(b.stores) {
		b.stores = slices.DeleteFunc(b.stores, func(p weak.Pointer[store]) bool { return p.Value() == nil })
	}
	b.stores = append(b.stores, weak.Make(s))
	return s
}

// settle makes room until the budget is kept. No lock of a shard may be held. The
// tries are bounded: what one call leaves the next one takes up.
func (b *budget) settle(now int64) {
	for range 64 {
		if b.spent.Load() <= b.limit {
			return
		}
		if s := b.heaviest(); s != nil {
			s.giveWay(now)
		}
	}
}

// heaviest is that of a few neighbours which holds most; nil when none holds anything.
func (b *budget) heaviest() *store {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found *store
	for i, first := 0, rand.IntN(max(1, len(b.stores))); i < min(4, len(b.stores)); i++ {
		s := b.stores[(first+i)%len(b.stores)].Value()
		if s != nil && s.account.bytes.Load() > 0 && (found == nil || s.account.bytes.Load() > found.account.bytes.Load()) {
			found = s
		}
	}
	return found
}
