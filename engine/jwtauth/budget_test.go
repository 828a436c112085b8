package jwtauth

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// Whoever may call many APIs could otherwise fill the cache of each.
func TestAttackManyCachesTogetherStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(1 << 20)
	caches := make([]*cache, 300)
	for i := range caches {
		caches[i] = &cache{budget: b}
		for j := range 50 {
			if _, err := caches[i].get(text(j), 100, accept(1000, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	sum := 0
	for _, c := range caches {
		_, bytes := content(t, c)
		sum += bytes
	}
	if spent := int(b.spent.Load()); sum != spent || spent > 1<<20 || spent < 1<<19 {
		t.Errorf("the caches hold %d bytes and %d are counted; want at most %d and not far from it", sum, spent, 1<<20)
	}
}

// A policy that has few tokens keeps them while another one brings thousands.
func TestWhoHoldsMostGivesWayFirst(t *testing.T) {
	t.Parallel()
	b := newBudget(1 << 20)
	few, many := &cache{budget: b}, &cache{budget: b}
	fill := func(c *cache, n int) {
		for i := range n {
			if _, err := c.get(text(i), 100, accept(1000, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(few, 20)
	fill(many, 5000)
	if tokens, _ := content(t, few); tokens != 20 {
		t.Errorf("%d of 20 tokens are left", tokens)
	}
}

func TestWhatAGoneCacheHeldIsPaidBack(t *testing.T) {
	t.Parallel()
	b := newBudget(1 << 20)
	func() {
		c := &cache{budget: b}
		for i := range 100 {
			if _, err := c.get(text(i), 100, accept(1000, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}()
	if spent := b.spent.Load(); spent != 100_000 {
		t.Fatalf("%d bytes are counted", spent)
	}
	for b.spent.Load() != 0 {
		if t.Context().Err() != nil {
			t.Fatal("it is never paid back")
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestGoneCachesAreNotListedForEver(t *testing.T) {
	t.Parallel()
	b := newBudget(1 << 20)
	for range 2000 {
		(&cache{budget: b}).held()
		if rand.IntN(100) == 0 {
			runtime.GC()
		}
	}
	if n := len(b.stores); n > 1000 {
		t.Errorf("%d are listed", n)
	}
}

func TestBudgetUnderRacesKeepsItsBooks(t *testing.T) {
	t.Parallel()
	b := newBudget(64 << 10)
	caches := make([]*cache, 8)
	for i := range caches {
		caches[i] = &cache{budget: b}
	}
	var all sync.WaitGroup
	for i := range caches {
		all.Go(func() {
			for j := range 3000 {
				now := int64(100 + j/100)
				if _, err := caches[(i+j)%len(caches)].get(text(j%500), now, accept(500, now+3)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	sum := 0
	for _, c := range caches {
		_, bytes := content(t, c)
		sum += bytes
	}
	if spent := int(b.spent.Load()); sum != spent || spent > 64<<10 {
		t.Errorf("the caches hold %d bytes and %d are counted, of %d", sum, spent, 64<<10)
	}
}
