package main

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// tallyBounds are the upper bounds of the histograms of calls.
var tallyBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// spread counts durations; the last count is of those over all bounds.
type spread struct {
	counts [len(tallyBounds) + 1]uint64
	sum    uint64 // nanoseconds
}

func (s *spread) add(d time.Duration) {
	i := 0
	for i < len(tallyBounds) && d > tallyBounds[i] {
		i++
	}
	atomic.AddUint64(&s.counts[i], 1)
	atomic.AddUint64(&s.sum, uint64(max(d, 0)))
}

// into adds what is counted to a sum of several.
func (s *spread) into(sum *spread) {
	for i := range s.counts {
		sum.counts[i] += atomic.LoadUint64(&s.counts[i])
	}
	sum.sum += atomic.LoadUint64(&s.sum)
}

// tallyShards is a power of two: so many calls count at once without meeting.
var tallyShards = func() uint32 {
	n := uint32(1)
	for n < uint32(min(runtime.GOMAXPROCS(0), 16)) {
		n *= 2
	}
	return n
}()

// part is what one shard has counted of one kind of call.
type part struct {
	whole, upstream spread
	_               [48]byte // to whole cache lines, so that two shards do not meet
}

// tally counts one kind of call. Its parts are made when they are first used:
// most of ten thousand APIs are idle.
type tally struct{ parts []atomic.Pointer[part] }

func newTally() *tally { return &tally{make([]atomic.Pointer[part], tallyShards)} }

func (t *tally) add(whole, upstream time.Duration) {
	at := &t.parts[rand.Uint32()&(tallyShards-1)]
	p := at.Load()
	if p == nil {
		at.CompareAndSwap(nil, new(part))
		p = at.Load()
	}
	p.whole.add(whole)
	if upstream > 0 {
		p.upstream.add(upstream)
	}
}

func (t *tally) read() (whole, upstream spread) {
	for i := range t.parts {
		if p := t.parts[i].Load(); p != nil {
			p.whole.into(&whole)
			p.upstream.into(&upstream)
		}
	}
	return whole, upstream
}

// tallies finds a tally by its key, without a lock for those that were there
// before. As with sync.Map, whose keys would cost an allocation a call, new ones
// go to a second map that takes the first one's place when it was asked often.
type tallies[K comparable] struct {
	known  atomic.Pointer[map[K]*tally]
	mu     sync.Mutex
	all    map[K]*tally // nil: the same as known
	misses int
	fresh  bool // some were made since the last drop
}

func (m *tallies[K]) of(key K) *tally {
	if known := m.known.Load(); known != nil {
		if t := (*known)[key]; t != nil {
			return t
		}
	}
	return m.slow(key)
}

func (m *tallies[K]) slow(key K) *tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = m.copied()
	}
	t := m.all[key]
	if t == nil {
		t = newTally()
		m.all[key], m.fresh = t, true
	}
	if m.misses++; m.misses > len(m.all) {
		all := m.all
		m.known.Store(&all)
		m.all, m.misses = nil, 0
	}
	return t
}

// copied is a map that may be written to; the lock is held.
func (m *tallies[K]) copied() map[K]*tally {
	if known := m.known.Load(); known != nil {
		return maps.Clone(*known)
	}
	return make(map[K]*tally)
}

// drop forgets what counts no more. A call that ends just then may go with it.
func (m *tallies[K]) drop(gone func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all
	if all == nil {
		all = m.copied()
	}
	maps.DeleteFunc(all, func(k K, _ *tally) bool { return gone(k) })
	m.known.Store(&all)
	m.all, m.misses, m.fresh = nil, 0, false
}

// hasFresh tells whether some were made since the last drop.
func (m *tallies[K]) hasFresh() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fresh
}

// each calls with every tally there is.
func (m *tallies[K]) each(f func(K, *tally)) {
	m.mu.Lock()
	all := maps.Clone(m.all)
	if all == nil {
		all = m.copied()
	}
	m.mu.Unlock()
	for k, t := range all {
		f(k, t)
	}
}
