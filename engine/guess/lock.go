package guess

import (
	"math"
	"sync"
	"time"
)

// Backoff says how a Lock grows.
type Backoff struct {
	// Free is how many failures have no consequence.
	Free int
	// First is how long the next failure locks; each further one doubles it,
	// up to Longest.
	First, Longest time.Duration
	// Forget is how long it takes until one failure is forgotten. In the long
	// run it is the time between two guesses.
	Forget time.Duration
}

// Lock shuts keys out for longer and longer as their failures go on. Where a
// Throttle lets a steady stream through, a Lock answers a burst of guesses with
// a pause, which is what slows a search through passwords that people choose.
// It is safe for concurrent use.
type Lock[K comparable] struct {
	backoff Backoff
	now     func() time.Time

	mu   sync.Mutex
	keys map[K]failures
}

// failures is how many were left at a moment, and until when they lock.
type failures struct {
	count float64
	at    time.Time
	until time.Time
}

// NewLock makes a lock that shuts nobody out.
func NewLock[K comparable](b Backoff, now func() time.Time) *Lock[K] {
	return &Lock[K]{backoff: b, now: now, keys: map[K]failures{}}
}

// Take counts a failure of k before it is known to be one, so that of many
// guesses at once none slips through. While k is locked it counts nothing and
// reports how long that lasts, in whole seconds.
func (l *Lock[K]) Take(k K) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.current(k)
	if f.until.After(f.at) {
		return wholeSeconds(f.until.Sub(f.at)), false
	}
	f.count++
	if pause := l.pause(f.count); pause > 0 {
		f.until = f.at.Add(pause)
	}
	l.store(k, f)
	return 0, true
}

// Peek is Take without counting.
func (l *Lock[K]) Peek(k K) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.current(k)
	if f.until.After(f.at) {
		return wholeSeconds(f.until.Sub(f.at)), false
	}
	return 0, true
}

// GiveBack takes back a failure that turned out to be none.
func (l *Lock[K]) GiveBack(k K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.current(k)
	f.count = max(f.count-1, 0)
	if l.pause(f.count) == 0 {
		f.until = time.Time{}
	}
	l.store(k, f)
}

func (l *Lock[K]) current(k K) failures {
	now := l.now()
	f := l.keys[k]
	passed := now.Sub(f.at)
	if passed > 0 && f.count > 0 {
		f.count = max(f.count-float64(passed)/float64(l.backoff.Forget), 0)
	}
	f.at = now
	// A clock that was set back must neither make failures of old weigh more nor lock
	// until it is where it was.
	if passed < 0 {
		f.until = f.until.Add(passed)
		l.keys[k] = f
	}
	return f
}

// pause is how long that many failures lock. A failure that is forgotten in part
// still counts whole.
func (l *Lock[K]) pause(count float64) time.Duration {
	over := int(math.Ceil(count)) - l.backoff.Free
	if over <= 0 {
		return 0
	}
	pause := l.backoff.First
	for range over - 1 {
		if pause *= 2; pause >= l.backoff.Longest {
			return l.backoff.Longest
		}
	}
	return pause
}

func (l *Lock[K]) store(k K, f failures) {
	if f.count <= 0 && !f.until.After(f.at) {
		delete(l.keys, k)
		return
	}
	if _, known := l.keys[k]; !known && len(l.keys) >= maxKeys {
		l.evict()
	}
	l.keys[k] = f
}

// evict drops the key with the fewest failures of a few: whoever floods the
// lock with names of their own cannot make it forget the one under attack.
func (l *Lock[K]) evict() {
	var least K
	fewest, seen := -1.0, 0
	for k := range l.keys {
		if f := l.current(k); fewest < 0 || f.count < fewest {
			least, fewest = k, f.count
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	delete(l.keys, least)
}
