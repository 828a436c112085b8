package handlers

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttle slows guessing of passwords. It counts failures only, by name and
// address together, by address, and more generously by name alone: somebody
// who guesses from elsewhere cannot lock a person out quickly, and a botnet
// still cannot guess fast.
type throttle struct {
	mu      sync.Mutex
	now     func() time.Time
	buckets map[string]*rate.Limiter
}

const maxBuckets = 50_000

// allowance is a burst of failures and the time until the next one is free.
type allowance struct {
	burst int
	every time.Duration
}

var (
	pairAllowance    = allowance{5, 30 * time.Second}
	addressAllowance = allowance{30, 10 * time.Second}
	nameAllowance    = allowance{50, 20 * time.Second}
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, buckets: map[string]*rate.Limiter{}}
}

// Wait is how long the next attempt has to wait; zero means go on.
func (t *throttle) Wait(name, address string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var longest time.Duration
	now := t.now()
	for key, a := range keysOf(name, address) {
		if l := t.buckets[key]; l != nil {
			if missing := 1 - l.TokensAt(now); missing > 0 {
				longest = max(longest, time.Duration(missing*float64(a.every)))
			}
		}
	}
	return longest
}

// Failed counts a wrong password.
func (t *throttle) Failed(name, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.buckets) > maxBuckets {
		t.forget(now)
	}
	for key, a := range keysOf(name, address) {
		l := t.buckets[key]
		if l == nil {
			l = rate.NewLimiter(rate.Every(a.every), a.burst)
			t.buckets[key] = l
		}
		l.AllowN(now, 1)
	}
}

// Succeeded forgives the pair its failures.
func (t *throttle) Succeeded(name, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.buckets, "p "+strings.ToLower(name)+" "+address)
}

// forget drops the buckets that are full again: they say nothing any more.
// When all say something, the table starts anew rather than grow.
func (t *throttle) forget(now time.Time) {
	for key, l := range t.buckets {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(t.buckets, key)
		}
	}
	if len(t.buckets) > maxBuckets {
		clear(t.buckets)
	}
}

func keysOf(name, address string) map[string]allowance {
	name = strings.ToLower(name)
	return map[string]allowance{
		"p " + name + " " + address: pairAllowance,
		"a " + address:              addressAllowance,
		"n " + name:                 nameAllowance,
	}
}
