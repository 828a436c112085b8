// Package tally counts calls and how long they took, by any kind: without a lock and
// without an allocation for kinds that were there before.
package tally

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of the histograms of calls.
var Bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Spread counts durations; the last count is of those over all bounds.
type Spread struct {
	Counts [len(Bounds) + 1]uint64
	Sum    uint64 // nanoseconds
}

func (s *Spread) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	atomic.AddUint64(&s.Counts[i], 1)
	atomic.AddUint64(&s.Sum, uint64(max(d, 0)))
}

// Total is how many there were.
func (s *Spread) Total() (n uint64) {
	for _, c := range s.Counts {
		n += c
	}
	return n
}

// Into adds what is counted to a sum of several.
func (s *Spread) Into(sum *Spread) {
	for i := range s.Counts {
		sum.Counts[i] += atomic.LoadUint64(&s.Counts[i])
	}
	sum.Sum += atomic.LoadUint64(&s.Sum)
}

// shards is a power of two: so many calls count at once without meeting.
var shards = func() uint32 {
	n := uint32(1)
	for n < uint32(min(runtime.GOMAXPROCS(0), 16)) {
		n *= 2
	}
	return n
}()

// part is what one shard has counted of one kind of call.
type part struct {
	whole, upstream Spread
	_               [48]byte // to whole cache lines, so that two shards do not meet
}

// Tally counts one kind of call. Its parts are made when they are first used:
// most of ten thousand APIs are idle.
type Tally struct{ parts []atomic.Pointer[part] }

func newTally() *Tally { return &Tally{make([]atomic.Pointer[part], shards)} }

// Add counts a call; upstream is 0 for one that did not reach its API.
func (t *Tally) Add(whole, upstream time.Duration) {
	at := &t.parts[rand.Uint32()&(shards-1)]
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

// Read is what was counted.
func (t *Tally) Read() (whole, upstream Spread) {
	for i := range t.parts {
		if p := t.parts[i].Load(); p != nil {
			p.whole.Into(&whole)
			p.upstream.Into(&upstream)
		}
	}
	return whole, upstream
}

// Map finds a tally by its key, without a lock for those that were there
// before. As with sync.Map, whose keys would cost an allocation a call, new ones
// go to a second map that takes the first one's place when it was asked often.
type Map[K comparable] struct {
	known  atomic.Pointer[map[K]*Tally]
	mu     sync.Mutex
	all    map[K]*Tally // nil: the same as known
	misses int
	fresh  bool // some were made since the last Drop
}

// Of is the tally of a kind.
func (m *Map[K]) Of(key K) *Tally {
	if known := m.known.Load(); known != nil {
		if t := (*known)[key]; t != nil {
			return t
		}
	}
	return m.slow(key)
}

func (m *Map[K]) slow(key K) *Tally {
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
func (m *Map[K]) copied() map[K]*Tally {
	if known := m.known.Load(); known != nil {
		return maps.Clone(*known)
	}
	return make(map[K]*Tally)
}

// Drop forgets what counts no more. A call that ends just then may go with it.
func (m *Map[K]) Drop(gone func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all
	if all == nil {
		all = m.copied()
	}
	maps.DeleteFunc(all, func(k K, _ *Tally) bool { return gone(k) })
	m.known.Store(&all)
	m.all, m.misses, m.fresh = nil, 0, false
}

// HasFresh tells whether some were made since the last Drop.
func (m *Map[K]) HasFresh() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fresh
}

// Each calls with every tally there is.
func (m *Map[K]) Each(f func(K, *Tally)) {
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
