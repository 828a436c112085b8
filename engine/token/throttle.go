package token

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// rate is a token bucket's size and how long one token takes to come back.
type rate struct {
	burst float64
	every time.Duration
}

// The rates of failed client checks. One client id allows 14,400 guesses a day,
// nothing against a generated secret of 256 bits. The address allows more, as
// many clients may share one behind a NAT or a load balancer.
var (
	perClient  = rate{burst: 10, every: 6 * time.Second}
	perAddress = rate{burst: 60, every: time.Second}
)

// maxBuckets bounds each throttle's memory to some megabytes.
const maxBuckets = 1 << 16

// throttle slows the failures of many keys, one bucket each.
type throttle[K comparable] struct {
	rate rate
	now  func() time.Time

	mu      sync.Mutex
	buckets map[K]bucket
}

// bucket is what was left at a moment. Full ones need not be kept.
type bucket struct {
	left float64
	at   time.Time
}

func newThrottle[K comparable](r rate, now func() time.Time) *throttle[K] {
	return &throttle[K]{rate: r, now: now, buckets: map[K]bucket{}}
}

// take uses one attempt of k. When there is none left, it reports how long
// until there is.
func (t *throttle[K]) take(k K) (wait time.Duration, ok bool) {
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

// peek is take without using the attempt.
func (t *throttle[K]) peek(k K) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current(k)
	if b.left < 1 {
		return t.until(b), false
	}
	return 0, true
}

// giveBack returns an attempt that turned out to be no failure.
func (t *throttle[K]) giveBack(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.current(k)
	b.left = min(b.left+1, t.rate.burst)
	t.store(k, b)
}

func (t *throttle[K]) current(k K) bucket {
	now := t.now()
	b, ok := t.buckets[k]
	if !ok {
		return bucket{left: t.rate.burst, at: now}
	}
	// A clock that was set back must not take attempts away.
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(b.left+float64(passed)/float64(t.rate.every), t.rate.burst)
	}
	b.at = now
	return b
}

// until is rounded up to whole seconds, the unit of Retry-After.
func (t *throttle[K]) until(b bucket) time.Duration {
	wait := time.Duration((1 - b.left) * float64(t.rate.every))
	return time.Duration(math.Ceil(wait.Seconds())) * time.Second
}

func (t *throttle[K]) store(k K, b bucket) {
	if b.left >= t.rate.burst {
		delete(t.buckets, k)
		return
	}
	if _, known := t.buckets[k]; !known && len(t.buckets) >= maxBuckets {
		t.evict()
	}
	t.buckets[k] = b
}

// evict drops the fullest of a few buckets, the one that forgets least. A map
// is walked from a random place, which is what makes it a sample.
func (t *throttle[K]) evict() {
	var fullest K
	most, seen := -1.0, 0
	for k := range t.buckets {
		if b := t.current(k); b.left > most {
			fullest, most = k, b.left
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(t.buckets, fullest)
}

// network is the part of an address that one subscriber has: an IPv4 address,
// or the /64 of an IPv6 one, in which anyone can pick addresses at will.
func network(a netip.Addr) netip.Addr {
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
