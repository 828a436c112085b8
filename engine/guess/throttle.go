package guess

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// Rate is a token bucket's size and how long one token takes to come back.
type Rate struct {
	Burst float64
	Every time.Duration
}

// maxKeys bounds the memory of each Throttle and Lock to some megabytes.
const maxKeys = 1 << 16

// evictionSample is how many keys are looked at for the one to forget.
const evictionSample = 16

// Throttle slows the failures of many keys, one token bucket each. It is safe
// for concurrent use.
type Throttle[K comparable] struct {
	rate Rate
	now  func() time.Time
	most int // keys

	mu      sync.Mutex
	buckets map[K]bucket
}

// bucket is what was left at a moment. Full ones need not be kept.
type bucket struct {
	left float64
	at   time.Time
}

// NewThrottle makes a throttle in which every key has a full bucket.
func NewThrottle[K comparable](r Rate, now func() time.Time) *Throttle[K] {
	return &Throttle[K]{rate: r, now: now, most: maxKeys, buckets: map[K]bucket{}}
}

// Take uses one attempt of k. When there is none left, it reports how long
// until there is, in whole seconds.
func (t *Throttle[K]) Take(k K) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current(k)
	if b.left < 1 {
		return t.until(b), false
	}
	b.left--
	t.store(k, b)
	return 0, true
}

// Peek is Take without using the attempt.
func (t *Throttle[K]) Peek(k K) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current(k)
	if b.left < 1 {
		return t.until(b), false
	}
	return 0, true
}

// GiveBack returns an attempt that turned out to be no failure.
func (t *Throttle[K]) GiveBack(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current(k)
	b.left = min(b.left+1, t.rate.Burst)
	t.store(k, b)
}

func (t *Throttle[K]) current(k K) bucket {
	now := t.now()
	b, ok := t.buckets[k]
	if !ok {
		return bucket{left: t.rate.Burst, at: now}
	}
	// A clock that was set back must neither take attempts away nor keep them back
	// until it is where it was.
	passed := now.Sub(b.at)
	b.left, b.at = min(b.left+max(float64(passed), 0)/float64(t.rate.Every), t.rate.Burst), now
	if passed < 0 {
		t.buckets[k] = b
	}
	return b
}

func (t *Throttle[K]) until(b bucket) time.Duration {
	return wholeSeconds(time.Duration((1 - b.left) * float64(t.rate.Every)))
}

// wholeSeconds rounds up to the unit of Retry-After.
func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}

func (t *Throttle[K]) store(k K, b bucket) {
	if b.left >= t.rate.Burst {
		delete(t.buckets, k)
		return
	}
	if _, known := t.buckets[k]; !known && len(t.buckets) >= t.most {
		t.evict()
	}
	t.buckets[k] = b
}

// evict drops the fullest of a few buckets, the one that forgets least. A map
// is walked from a random place, which is what makes it a sample.
func (t *Throttle[K]) evict() {
	var fullest K
	most, seen := -1.0, 0
	for k := range t.buckets {
		if b := t.current(k); b.left > most {
			fullest, most = k, b.left
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	delete(t.buckets, fullest)
}

// Network is the part of an address that one subscriber has: an IPv4 address,
// or the /64 of an IPv6 one, in which anyone can pick addresses at will.
func Network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil { // 64 bits fit every IPv6 address
		return a
	}
	return p.Addr()
}
