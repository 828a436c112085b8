package jwtauth

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of the verified tokens that policies which verify alike remember together.
const (
	cacheEntries = 16384
	cacheBytes   = 16 << 20
	cacheShards  = 64
	// entryOverhead is about what the map and the entry take beside their texts.
	entryOverhead = 640
)

// errInterrupted is what those get who waited for a verification that panicked.
var errInterrupted = errors.New("verification was interrupted")

// cache remembers verified tokens, so that each costs its signature once. The
// key is the whole token, hence a forged one never hits, and a hit needs no
// hash of it. Tokens that were not verified are never kept.
//
// Nothing has to be removed when keys or policies change: they compile the owner anew,
// with caches of its own.
type cache struct {
	leeway int64
	budget *budget
	// store is made at the first token: most of ten thousand proxies are idle.
	store atomic.Pointer[store]
}

// store is what a cache holds, and where it counts in the budget.
type store struct {
	leeway  int64
	account *account
	shards  [cacheShards]shard
}

type shard struct {
	mu      sync.RWMutex
	tokens  map[string]*verified
	account *account
	bytes   int
	flights map[string]*flight
	_       [8]byte // to a cache line, so that readers of two shards do not meet
}

// flight is a verification under way.
type flight struct {
	done  chan struct{}
	value *verified
	err   error
}

// find returns what is remembered of token; nil when that is nothing.
func (c *cache) find(token string, now int64) *verified {
	s := c.shard(token)
	s.mu.RLock()
	v := s.tokens[token]
	s.mu.RUnlock()
	if v == nil || !v.current(now, c.leeway) {
		return nil
	}
	if v.used.Load() != now { // one write a second, not one a call
		v.used.Store(now)
	}
	return v
}

// load verifies a token that find does not know.
func (c *cache) load(token string, now int64, verify func(string) (*verified, error)) (*verified, error) {
	v, err := c.shard(token).load(token, now, c.leeway, verify)
	c.budget.settle(now)
	return v, err
}

// shard picks by bytes of the signature, which are as good as random.
func (c *cache) shard(token string) *shard {
	var sum uint32
	// The last character of a signature may carry few bits.
	for i := max(0, len(token)-6); i < len(token)-1; i++ {
		sum = sum*31 + uint32(token[i])
	}
	return &c.held().shards[sum%cacheShards]
}

func (c *cache) held() *store {
	if s := c.store.Load(); s != nil {
		return s
	}
	made := c.budget.open(c.leeway)
	if c.store.CompareAndSwap(nil, made) {
		return made
	}
	return c.store.Load()
}

// giveWay drops a token of the first shard that has any, from a random one on.
func (s *store) giveWay(now int64) {
	first := rand.IntN(cacheShards)
	for i := range cacheShards {
		if s.shards[(first+i)%cacheShards].giveWay(now, s.leeway) {
			return
		}
	}
}

func (s *shard) load(token string, now, leeway int64, verify func(string) (*verified, error)) (*verified, error) {
	s.mu.Lock()
	// It may have landed since find looked.
	if v := s.tokens[token]; v != nil && v.current(now, leeway) {
		s.mu.Unlock()
		return v, nil
	}
	if f := s.flights[token]; f != nil {
		s.mu.Unlock()
		return f.wait(token, now, leeway, verify)
	}
	f := s.start(token)
	s.mu.Unlock()
	defer func() { s.land(token, f, now, leeway) }()
	f.value, f.err = verify(token)
	return f.value, f.err
}

// wait takes over what another call found, unless the token ended meanwhile, or was
// not looked at for where that call came from.
func (f *flight) wait(token string, now, leeway int64, verify func(string) (*verified, error)) (*verified, error) {
	<-f.done
	var unseen *slowed
	if f.err == nil && !f.value.current(now, leeway) || errors.As(f.err, &unseen) {
		return verify(token)
	}
	return f.value, f.err
}

// start begins a flight; the lock is held.
func (s *shard) start(token string) *flight {
	f := &flight{done: make(chan struct{}), err: errInterrupted}
	if s.flights == nil {
		s.flights = make(map[string]*flight)
		s.tokens = make(map[string]*verified)
	}
	s.flights[token] = f
	return f
}

// land ends a flight, also one that panicked.
func (s *shard) land(token string, f *flight, now, leeway int64) {
	s.mu.Lock()
	delete(s.flights, token)
	s.remove(token)
	if f.err == nil {
		s.add(token, f.value, now, leeway)
	}
	s.mu.Unlock()
	close(f.done)
}

func (s *shard) remove(token string) {
	if v := s.tokens[token]; v != nil {
		s.count(-v.size)
		delete(s.tokens, token)
	}
}

func (s *shard) add(token string, v *verified, now, leeway int64) {
	for len(s.tokens) > 0 && (len(s.tokens) >= cacheEntries/cacheShards || s.bytes+v.size > cacheBytes/cacheShards) {
		s.evict(now, leeway)
	}
	v.used.Store(now)
	s.tokens[strings.Clone(token)] = v // the original lies in the request's memory
	s.count(v.size)
}

func (s *shard) count(bytes int) {
	s.bytes += bytes
	s.account.spend(bytes)
}

// giveWay tells whether there was anything to drop.
func (s *shard) giveWay(now, leeway int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tokens) == 0 {
		return false
	}
	s.evict(now, leeway)
	return true
}

// How many tokens evict looks at for one that has ended, and among how many of them the
// one that was not used for longest goes. Of many it would be the very one that comes
// next where tokens come in turn and are a few too many, and hardly any would be found.
const (
	sampled  = 8
	compared = 2
)

// evict drops one of a few tokens: one that has ended, or else the one of two that was
// not used for longer. A map is walked from a random place, which makes it a sample.
func (s *shard) evict(now, leeway int64) {
	var victim string
	oldest, seen := int64(0), 0
	for token, v := range s.tokens {
		age, ended := v.used.Load(), !v.current(now, leeway)
		if ended || seen == 0 || seen < compared && age < oldest {
			victim, oldest = token, age
		}
		if seen++; ended || seen == sampled {
			break
		}
	}
	s.remove(victim)
}
