package jwtauth

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var errForged = errors.New("forged")

// text is a token as far as the cache is concerned.
func text(i int) string {
	return fmt.Sprintf("eyJhbGciOiJSUzI1NiJ9.e30.%06d-%08x", i, uint32(i)*2654435761)
}

func accept(size int, expires int64) func(string) (*verified, error) {
	return func(string) (*verified, error) { return &verified{size: size, expires: expires}, nil }
}

func refuse(string) (*verified, error) { return nil, errForged }

func newCache() *cache { return &cache{budget: newBudget(1 << 40)} }

// get is what a step does with a token.
func (c *cache) get(token string, now int64, verify func(string) (*verified, error)) (*verified, error) {
	if v := c.find(token, now); v != nil {
		return v, nil
	}
	return c.load(token, now, verify)
}

// content counts what a cache holds, and checks its book-keeping.
func content(t *testing.T, c *cache) (tokens, bytes int) {
	t.Helper()
	shards := &c.store.Load().shards
	for i := range shards {
		sum := 0
		for _, v := range shards[i].tokens {
			sum += v.size
		}
		if sum != shards[i].bytes {
			t.Errorf("shard %d counts %d bytes and holds %d", i, shards[i].bytes, sum)
		}
		if n := len(shards[i].flights); n != 0 {
			t.Errorf("shard %d has %d verifications that never ended", i, n)
		}
		tokens += len(shards[i].tokens)
		bytes += sum
	}
	return tokens, bytes
}

func TestCacheIsBoundedInTokens(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 3 * cacheEntries {
		if _, err := c.get(text(i), 100, accept(400, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if tokens, _ := content(t, c); tokens > cacheEntries || tokens < cacheEntries/2 {
		t.Errorf("holds %d tokens, want at most %d and not far from it", tokens, cacheEntries)
	}
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 8000 {
		if _, err := c.get(text(i), 100, accept(8000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, bytes := content(t, c); bytes > cacheBytes || bytes < cacheBytes/2 {
		t.Errorf("holds %d bytes, want at most %d and not far from it", bytes, cacheBytes)
	}
}

func TestATokenLargerThanAShardIsNotKeptForEver(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 200 {
		if _, err := c.get(text(i), 100, accept(cacheBytes, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if tokens, _ := content(t, c); tokens > cacheShards {
		t.Errorf("holds %d tokens, each as large as all may be together", tokens)
	}
}

func TestCacheNeverHoldsWhatWasNotVerified(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range 1000 {
		if _, err := c.get(text(i), 100, refuse); !errors.Is(err, errForged) {
			t.Fatal(err)
		}
	}
	if tokens, bytes := content(t, c); tokens != 0 || bytes != 0 {
		t.Errorf("holds %d forged tokens", tokens)
	}
}

func TestATokenThatIsNoLongerValidIsForgotten(t *testing.T) {
	t.Parallel()
	c := newCache()
	if _, err := c.get(text(1), 100, accept(400, 200)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.get(text(1), 200, refuse); !errors.Is(err, errForged) {
		t.Errorf("at its end: %v, want to be verified again", err)
	}
	if tokens, _ := content(t, c); tokens != 0 {
		t.Errorf("still holds %d tokens", tokens)
	}
}

func TestRoomIsMadeByTokensThatEndedOrAreNotUsed(t *testing.T) {
	t.Parallel()
	const perShard = cacheEntries / cacheShards
	s := shard{tokens: map[string]*verified{}, account: &account{budget: newBudget(1 << 40)}}
	for i := range perShard {
		v := &verified{size: 1, expires: 1000}
		s.add(text(i), v, 100, 0)
	}
	for _, v := range s.tokens {
		v.used.Store(500)
	}
	const ended = perShard / 4
	for i := range ended { // and used last of all
		s.tokens[text(i)].expires = 300
		s.tokens[text(i)].used.Store(900)
	}
	for i := range 3 * ended {
		s.add(text(perShard+i), &verified{size: 1, expires: 1000}, 500, 0)
	}
	left := 0
	for i := range ended {
		if _, there := s.tokens[text(i)]; there {
			left++
		}
	}
	if left > ended/4 { // a sample is eight of 256, so most are met
		t.Errorf("%d of %d tokens that ended long ago are still there after three times as many new ones", left, ended)
	}
}

// A few tokens too many that come in turn, over more than a second, would all be
// forgotten right before they come again if the oldest went.
func TestAFewTokensTooManyAreMostlyStillFound(t *testing.T) {
	t.Parallel()
	c := newCache()
	const tokens, rounds = cacheEntries * 5 / 4, 6
	again := 0
	for i := range tokens * rounds {
		now := int64(100 + i/2000)
		_, err := c.get(text(i%tokens), now, func(string) (*verified, error) {
			if i >= tokens*rounds/2 {
				again++
			}
			return &verified{size: 400}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if share := 2 * float64(again) / (tokens * rounds); share > 0.6 {
		t.Errorf("%.0f%% were verified again, of 20%% that have no place", 100*share)
	}
}

func TestOneTokenIsVerifiedOnceHoweverManyBringIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 50
		c := newCache()
		var verifications atomic.Int32
		release := make(chan struct{})
		verify := func(string) (*verified, error) {
			verifications.Add(1)
			<-release
			return &verified{size: 400}, nil
		}
		var group sync.WaitGroup
		got := make([]*verified, callers)
		for i := range callers {
			group.Go(func() { got[i], _ = c.get(text(1), 100, verify) })
		}
		synctest.Wait() // until one verifies and the others wait for it
		if n := verifications.Load(); n != 1 {
			t.Errorf("%d verifications at once", n)
		}
		close(release)
		group.Wait()
		for _, v := range got {
			if v != got[0] || v == nil {
				t.Fatal("callers got different answers")
			}
		}
	})
}

// ATTACK: somebody behind an address that is slowed for its forgeries brings a token
// at the moment in which its honest holder does from elsewhere.
func TestAttackWhatWasNotLookedAtForOneIsLookedAtForTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		release := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			_, err := c.get(text(1), 100, func(string) (*verified, error) {
				<-release
				return nil, &slowed{}
			})
			var unseen *slowed
			if !errors.As(err, &unseen) {
				t.Errorf("the slowed one: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if v, err := c.get(text(1), 100, accept(400, 0)); v == nil || err != nil {
				t.Errorf("the other: %v, %v", v, err)
			}
		})
		synctest.Wait() // until it waits for the first
		close(release)
		group.Wait()
	})
}

func TestWhoWaitsForAVerificationThatPanicsIsReleased(t *testing.T) {
	t.Parallel()
	c := newCache()
	verifying, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer func() { _ = recover() }()
		_, _ = c.get(text(1), 100, func(string) (*verified, error) {
			close(verifying)
			<-release
			panic("broken")
		})
	})
	<-verifying
	s := c.shard(text(1))
	s.mu.Lock()
	f := s.flights[text(1)]
	s.mu.Unlock()
	close(release)
	group.Wait()
	<-f.done
	if !errors.Is(f.err, errInterrupted) || f.value != nil {
		t.Errorf("waiters get %v, %v", f.value, f.err)
	}
	if _, err := c.get(text(1), 100, accept(1, 0)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	content(t, c)
}

func TestCacheUnderRacesKeepsItsPromises(t *testing.T) {
	t.Parallel()
	c := newCache()
	var now atomic.Int64
	now.Store(1000)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5000 {
				at := now.Add(int64(rand.IntN(2)))
				i := rand.IntN(500)
				verify := accept(400, at+50)
				if i%10 == 0 {
					verify = refuse
				}
				v, err := c.get(text(i), at, verify)
				switch {
				case i%10 == 0 && !errors.Is(err, errForged):
					t.Errorf("forged token %d: %v", i, err)
				case i%10 != 0 && (err != nil || v.expires <= at):
					t.Errorf("token %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
	content(t, c)
}

func TestShortTokensHaveAShardToo(t *testing.T) {
	t.Parallel()
	c := newCache()
	for _, token := range []string{"", "x", "xy", strings.Repeat("x", 9)} {
		if _, err := c.get(token, 100, refuse); !errors.Is(err, errForged) {
			t.Errorf("%q: %v", token, err)
		}
	}
}
