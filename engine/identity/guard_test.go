package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
)

var (
	home    = netip.MustParseAddr("192.0.2.1")
	botnet  = netip.MustParseAddr("203.0.113.9")
	another = netip.MustParseAddr("198.51.100.7")
)

// config is a source without settings of its own.
type config struct{ identity.Common }

func (c *config) Base() *identity.Common                      { return &c.Common }
func (c *config) Normalize()                                  {}
func (c *config) Validate() problem.List                      { return c.Common.Validate() }
func (c *config) Destinations() []string                      { return nil }
func (c *config) Open(identity.Deps) (identity.Source, error) { return nil, nil }

// people is a source that a test answers for. It is safe for concurrent use as
// far as its functions are.
type people struct {
	asked        atomic.Int64
	authenticate func(ctx context.Context, name, password string) (bool, error)
	lookup       func(ctx context.Context, name string) (bool, error)
	closed       atomic.Bool
}

func (p *people) Authenticate(ctx context.Context, name string, password secret.Text) (identity.Identity, bool, error) {
	p.asked.Add(1)
	ok, err := p.authenticate(ctx, name, password.Reveal())
	return identity.Identity{Name: name, Roles: []string{"user"}}, ok, err
}

func (p *people) Lookup(ctx context.Context, name string) (identity.Identity, bool, error) {
	p.asked.Add(1)
	if p.lookup == nil {
		return identity.Identity{}, false, identity.ErrNoLookup
	}
	ok, err := p.lookup(ctx, name)
	return identity.Identity{Name: name}, ok, err
}

func (p *people) Close() { p.closed.Store(true) }

// knowing is a source that knows some passwords by name.
func knowing(passwords map[string]string) *people {
	return &people{authenticate: func(_ context.Context, name, password string) (bool, error) {
		right, ok := passwords[name]
		return ok && right == password, nil
	}}
}

// bench is a guard around a source, with a clock moved by hand and what the
// guard said.
type bench struct {
	*identity.Guard
	mu        sync.Mutex
	at        time.Time
	failing   []error
	recovered int
	slowed    []string
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

func guard(s identity.Source, change ...func(*identity.Common)) *bench {
	c := &config{Common: identity.NewCommon(identity.LDAP)}
	c.Name = "staff"
	for _, f := range change {
		f(&c.Common)
	}
	b := &bench{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Guard = identity.NewGuard(c, s, identity.GuardOptions{
		Now:         b.now,
		OnFailing:   func(err error) { b.mu.Lock(); defer b.mu.Unlock(); b.failing = append(b.failing, err) },
		OnRecovered: func() { b.mu.Lock(); defer b.mu.Unlock(); b.recovered++ },
		OnThrottled: func(name string, from netip.Addr) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.slowed = append(b.slowed, name+" "+from.String())
		},
	})
	return b
}

func (b *bench) login(t *testing.T, name, password string, from netip.Addr) identity.Outcome {
	t.Helper()
	who, o, err := b.Login(t.Context(), name, secret.New(password), from)
	if (err != nil) != (o.Verdict == identity.Broken) {
		t.Errorf("Login(%q): verdict %s with the error %v", name, o.Verdict, err)
	}
	if (who.Name != "") != (o.Verdict == identity.Accepted) {
		t.Errorf("Login(%q): verdict %s with the identity %v", name, o.Verdict, who)
	}
	return o
}

func (b *bench) expect(t *testing.T, want identity.Verdict, name, password string, from netip.Addr) {
	t.Helper()
	if o := b.login(t, name, password, from); o.Verdict != want {
		t.Errorf("login of %s with %s from %s = %s, want %s", name, password, from, o.Verdict, want)
	}
}

var _ identity.Guarded = (*identity.Guard)(nil)

func TestAnEmptyNameOrPasswordIsRefusedWithoutAQuestion(t *testing.T) {
	t.Parallel()
	s := &people{authenticate: func(context.Context, string, string) (bool, error) { return true, nil }}
	b := guard(s)
	b.expect(t, identity.Refused, "", "secret", home)
	b.expect(t, identity.Refused, "ann", "", home)
	if s.asked.Load() != 0 {
		t.Error("the source was asked")
	}
}

func TestAGoodLoginIsRememberedForItsTime(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s)
	for range 3 {
		b.expect(t, identity.Accepted, "ann", "right", home)
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the source was asked %d times, want once", n)
	}
	b.advance(identity.DefaultCache * time.Second)
	b.expect(t, identity.Accepted, "ann", "right", home)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("after its time: asked %d times, want twice", n)
	}
}

func TestAWrongLoginIsRememberedForItsTime(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s)
	b.expect(t, identity.Refused, "ann", "wrong", home)
	b.expect(t, identity.Refused, "ann", "wrong", home)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the source was asked %d times, want once", n)
	}
	b.advance(identity.DefaultNegativeCache * time.Second)
	b.expect(t, identity.Refused, "ann", "wrong", home)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("after its time: asked %d times, want twice", n)
	}
}

func TestNothingIsRememberedWithTimesOfZero(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s, func(c *identity.Common) { c.CacheSeconds, c.NegativeCacheSeconds = 0, 0 })
	for range 2 {
		b.expect(t, identity.Accepted, "ann", "right", home)
		b.expect(t, identity.Refused, "ann", "wrong", home)
	}
	if n := s.asked.Load(); n != 4 {
		t.Errorf("the source was asked %d times, want 4", n)
	}
}

func TestARememberedPasswordIsNoOthers(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right", "bob": "other"})
	b := guard(s)
	b.expect(t, identity.Accepted, "ann", "right", home)
	b.expect(t, identity.Refused, "bob", "right", home)
	b.expect(t, identity.Refused, "annr", "ight", home)
}

func TestEqualLoginsAtOnceAskTheSourceOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := knowing(map[string]string{"ann": "right"})
		answer := s.authenticate
		s.authenticate = func(ctx context.Context, name, password string) (bool, error) {
			time.Sleep(time.Second)
			return answer(ctx, name, password)
		}
		b := guard(s, func(c *identity.Common) { c.CacheSeconds = 0 })
		var accepted atomic.Int64
		var wg sync.WaitGroup
		for i := range 100 {
			from := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			wg.Go(func() {
				if o := b.login(t, "ann", "right", from); o.Verdict == identity.Accepted {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		if n := s.asked.Load(); n != 1 || accepted.Load() != 100 {
			t.Errorf("asked %d times, accepted %d; want 1 and 100", n, accepted.Load())
		}
	})
}

func TestWhoeverAskedFirstMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &people{authenticate: func(ctx context.Context, _, _ string) (bool, error) {
			select {
			case <-time.After(time.Second):
				return true, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}}
		b := guard(s)
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			time.Sleep(100 * time.Millisecond)
			leave()
		}()
		if _, o, err := b.Login(ctx, "ann", secret.New("right"), home); o.Verdict != identity.Broken || !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %s, %v", o.Verdict, err)
		}
		b.expect(t, identity.Accepted, "ann", "right", home)
		if n := s.asked.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		if st := b.Stats(); st.LastError != "" {
			t.Errorf("a caller who left is counted as the source's error %q", st.LastError)
		}
	})
}

func TestASourceThatDoesNotHeedItsTimeoutIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		s := &people{authenticate: func(context.Context, string, string) (bool, error) { <-hang; return true, nil }}
		b := guard(s, func(c *identity.Common) { c.TimeoutMillis, c.MaxConcurrent = 200, 2 })
		began := time.Now()
		b.expect(t, identity.Broken, "ann", "right", home)
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("the answer took %v, want the timeout", took)
		}
		b.expect(t, identity.Broken, "bob", "right", home)
		b.expect(t, identity.Broken, "cid", "right", home) // waits for a place and finds none
		if n := s.asked.Load(); n != 2 {
			t.Errorf("%d calls were left behind, want no more than MaxConcurrent", n)
		}
		close(hang)
		synctest.Wait()
		if o := b.login(t, "ann", "right", home); o.Verdict != identity.Accepted {
			t.Errorf("after the calls came back: %s", o.Verdict)
		}
	})
}

func TestMoreLoginsThanTheQueueHoldsAreBrokenQuickly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &people{authenticate: func(ctx context.Context, _, _ string) (bool, error) {
			time.Sleep(time.Second)
			return true, nil
		}}
		b := guard(s, func(c *identity.Common) { c.MaxConcurrent = 1 })
		var mu sync.Mutex
		verdicts := map[identity.Verdict]int{}
		quick := 0
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				began := time.Now()
				o := b.login(t, fmt.Sprint("user-", i), "right", netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
				mu.Lock()
				defer mu.Unlock()
				verdicts[o.Verdict]++
				if time.Since(began) == 0 {
					quick++
				}
			})
		}
		wg.Wait()
		if quick != 15 || verdicts[identity.Accepted]+verdicts[identity.Broken] != 20 {
			t.Errorf("%d were turned away at once, verdicts %v; want 15", quick, verdicts)
		}
		if len(b.failing) != 0 {
			t.Error("a full queue was taken for a failing source")
		}
	})
}

func TestAPanicInASourceIsBroken(t *testing.T) {
	t.Parallel()
	s := &people{authenticate: func(_ context.Context, _, password string) (bool, error) { panic("driver saw " + password) }}
	b := guard(s)
	_, o, err := b.Login(t.Context(), "ann", secret.New("hunter22"), home)
	if o.Verdict != identity.Broken || err == nil {
		t.Fatalf("verdict %s, %v", o.Verdict, err)
	}
	if strings.Contains(err.Error()+b.Stats().LastError, "hunter22") {
		t.Error("the panic showed the password")
	}
}

// ATTACK: the password reaches a log by way of an error of the source.
func TestAttackAnErrorWithThePasswordInItIsNotPassedOn(t *testing.T) {
	t.Parallel()
	s := &people{authenticate: func(_ context.Context, _, password string) (bool, error) {
		return false, fmt.Errorf("get https://example.com/?password=%s: refused", strings.ReplaceAll(password, " ", "+"))
	}}
	b := guard(s)
	_, _, err := b.Login(t.Context(), "ann", secret.New("hun ter2"), home)
	if err == nil || strings.Contains(err.Error(), "hun") || strings.Contains(b.Stats().LastError, "hun") {
		t.Errorf("error = %v", err)
	}
}

func TestASourceThatFailsIsGivenAPauseAndTriedAgain(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	var broken atomic.Bool
	broken.Store(true)
	s := &people{authenticate: func(context.Context, string, string) (bool, error) {
		if broken.Load() {
			return true, down
		}
		return true, nil
	}}
	b := guard(s)
	for i := range 5 {
		b.expect(t, identity.Broken, fmt.Sprint("user-", i), "right", home)
	}
	if !b.Stats().Open || len(b.failing) != 1 || !errors.Is(b.failing[0], down) {
		t.Fatalf("after five errors in a row: open %v, told %v", b.Stats().Open, b.failing)
	}
	_, _, err := b.Login(t.Context(), "ann", secret.New("right"), home)
	if n := s.asked.Load(); n != 5 || !errors.Is(err, down) {
		t.Errorf("while open: asked %d times, error %v", n, err)
	}

	b.advance(2 * time.Second)
	b.expect(t, identity.Broken, "ann", "right", home) // the one that tries
	b.expect(t, identity.Broken, "ann", "right", home)
	if n := s.asked.Load(); n != 6 || len(b.failing) != 1 {
		t.Errorf("after the first pause: asked %d times, told %d times", n, len(b.failing))
	}

	broken.Store(false)
	b.advance(3 * time.Second)
	b.expect(t, identity.Broken, "ann", "right", home)
	b.advance(time.Second) // the second pause is twice as long
	b.expect(t, identity.Accepted, "ann", "right", home)
	b.expect(t, identity.Accepted, "bob", "right", home)
	if b.Stats().Open || b.recovered != 1 {
		t.Errorf("recovered: open %v, told %d times", b.Stats().Open, b.recovered)
	}
}

func TestOnlyOneCallTriesASourceThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		s := &people{authenticate: func(context.Context, string, string) (bool, error) {
			if slow.Load() {
				time.Sleep(time.Second)
			}
			return false, errors.New("down")
		}}
		b := guard(s)
		for i := range 5 {
			b.login(t, fmt.Sprint("user-", i), "right", home)
		}
		slow.Store(true)
		b.advance(time.Minute)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { b.login(t, fmt.Sprint("other-", i), "right", home) })
		}
		wg.Wait()
		if n := s.asked.Load(); n != 6 {
			t.Errorf("asked %d times, want 5 and one to try", n)
		}
	})
}

func TestASourceThatFailsHalfOfTheTimeIsGivenAPause(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := &people{authenticate: func(context.Context, string, string) (bool, error) {
		if n.Add(1)%2 == 0 {
			return false, errors.New("reset")
		}
		return true, nil
	}}
	b := guard(s)
	for i := range 20 {
		b.login(t, fmt.Sprint("user-", i), "right", home)
	}
	if !b.Stats().Open {
		t.Error("the breaker is closed after 10 errors in 20 calls")
	}
}

func TestWrongPasswordsAreNoFailureOfTheSource(t *testing.T) {
	t.Parallel()
	b := guard(knowing(nil))
	for i := range 40 {
		b.login(t, fmt.Sprint("user-", i), "wrong", home)
	}
	if b.Stats().Open {
		t.Error("wrong passwords opened the breaker")
	}
}

func TestARememberedLoginWorksWhileTheSourceIsDown(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := &people{authenticate: func(context.Context, string, string) (bool, error) {
		if broken.Load() {
			return false, errors.New("down")
		}
		return true, nil
	}}
	b := guard(s)
	b.expect(t, identity.Accepted, "ann", "right", home)
	broken.Store(true)
	for i := range 10 {
		b.login(t, fmt.Sprint("user-", i), "right", another)
	}
	b.expect(t, identity.Accepted, "ann", "right", home)
}

// ATTACK: nothing that is broken may let anybody in, whatever else it says.
func TestAttackAnErrorWithAnIdentityLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := &people{authenticate: func(context.Context, string, string) (bool, error) { return true, errors.New("half") }}
	b := guard(s)
	b.expect(t, identity.Broken, "ann", "right", home)
	b.expect(t, identity.Broken, "ann", "right", home)
}

// ATTACK: a search through passwords.
func TestAttackGuessingAtANameIsLockedForLongerAndLonger(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s)
	for i := range 5 {
		b.expect(t, identity.Refused, "ann", fmt.Sprint("guess-", i), botnet)
	}
	b.expect(t, identity.Refused, "ann", "guess-5", botnet)
	var last time.Duration
	for i := 6; i < 10; i++ {
		o := b.login(t, "ann", fmt.Sprint("guess-", i), botnet)
		if o.Verdict != identity.Throttled || o.Wait <= last {
			t.Fatalf("guess %d = %s with a wait of %v after %v", i, o.Verdict, o.Wait, last)
		}
		last = o.Wait
		b.advance(o.Wait)
		b.expect(t, identity.Refused, "ann", fmt.Sprint("guess-", i), botnet)
	}
	if diff := cmp.Diff([]string{"ann " + botnet.String()}, b.slowed); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// ATTACK: many guesses at once, before the first is known to be wrong.
func TestAttackGuessesSentAtOnceDoNotSlipThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &people{authenticate: func(context.Context, string, string) (bool, error) {
			time.Sleep(time.Second)
			return false, nil
		}}
		b := guard(s, func(c *identity.Common) { c.MaxConcurrent = 100 })
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { b.login(t, "ann", fmt.Sprint("guess-", i), netip.AddrFrom4([4]byte{10, 0, byte(i), 1})) })
		}
		wg.Wait()
		if n := s.asked.Load(); n != 6 {
			t.Errorf("%d guesses reached the source, want 6", n)
		}
	})
}

// ATTACK: guessing and hanging up before the answer.
func TestAttackWhoeverHangsUpIsCountedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &people{authenticate: func(context.Context, string, string) (bool, error) {
			time.Sleep(time.Second)
			return false, nil
		}}
		b := guard(s)
		for i := range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _, _ = b.Login(ctx, "ann", secret.New(fmt.Sprint("guess-", i)), botnet)
			cancel()
		}
		time.Sleep(2 * time.Second)
		if n := s.asked.Load(); n != 6 {
			t.Errorf("%d guesses reached the source, want 6", n)
		}
	})
}

// ATTACK: one name in many spellings that a directory takes for one.
func TestAttackOtherSpellingsOfANameAreNoFurtherGuesses(t *testing.T) {
	t.Parallel()
	s := knowing(nil)
	b := guard(s)
	for i, name := range []string{"ann lee", "ANN LEE", " ann lee", "ann  lee", "an\u200bn lee", "ａⓝⓝ\u3000ℓeé"} {
		b.expect(t, identity.Refused, name, fmt.Sprint("guess-", i), botnet)
	}
	b.expect(t, identity.Throttled, "ann lEE", "guess", botnet)
}

// ATTACK: the answers tell which names exist.
func TestAttackAnUnknownNameIsAnsweredLikeAKnownOne(t *testing.T) {
	t.Parallel()
	b := guard(knowing(map[string]string{"ann": "right"}))
	answers := map[string][]identity.Outcome{}
	for _, name := range []string{"ann", "nobody"} {
		for i := range 12 {
			answers[name] = append(answers[name], b.login(t, name, fmt.Sprint("guess-", i), botnet))
		}
	}
	if diff := cmp.Diff(answers["ann"], answers["nobody"]); diff != "" {
		t.Errorf("answers differ (-known +unknown):\n%s", diff)
	}
}

// ATTACK: a source that answers faster for unknown names tells which exist.
func TestAttackRefusalsOfUnlikeDurationLookAlike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &people{authenticate: func(_ context.Context, name, _ string) (bool, error) {
			if name == "ann" {
				time.Sleep(7 * time.Millisecond)
			}
			return false, nil
		}}
		b := guard(s)
		took := map[string]time.Duration{}
		for _, name := range []string{"ann", "nobody"} {
			began := time.Now()
			b.expect(t, identity.Refused, name, "wrong", botnet)
			took[name] = time.Since(began)
		}
		if took["ann"] != took["nobody"] {
			t.Errorf("durations differ: %v", took)
		}
	})
}

// ATTACK: the memory of right passwords answers guesses that the lock would not.
func TestAttackALockedNameIsLockedForTheRightPasswordToo(t *testing.T) {
	t.Parallel()
	b := guard(knowing(map[string]string{"ann": "right"}))
	b.expect(t, identity.Accepted, "ann", "right", home)
	for i := range 6 {
		b.expect(t, identity.Refused, "ann", fmt.Sprint("guess-", i), botnet)
	}
	b.expect(t, identity.Throttled, "ann", "wrong", botnet)
	b.expect(t, identity.Throttled, "ann", "right", botnet)
}

// ATTACK: shutting a user out by guessing at the name.
func TestAttackGuessesFromElsewhereDoNotShutOutWhoLoggedInBefore(t *testing.T) {
	t.Parallel()
	b := guard(knowing(map[string]string{"ann": "right"}))
	b.expect(t, identity.Accepted, "ann", "right", home)
	for i := range 6 {
		b.expect(t, identity.Refused, "ann", fmt.Sprint("guess-", i), botnet)
	}
	b.expect(t, identity.Throttled, "ann", "guess", botnet)
	b.expect(t, identity.Accepted, "ann", "right", home) // remembered
	b.advance(identity.DefaultCache * time.Second)
	for i := range 6 { // keep the name locked
		b.login(t, "ann", fmt.Sprint("more-", i), botnet)
		b.advance(time.Second)
	}
	b.expect(t, identity.Accepted, "ann", "right", home) // asked anew
}

// ATTACK: one password at many names.
func TestAttackSprayingFromOneAddressIsSlowed(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s, func(c *identity.Common) { c.CacheSeconds = 3600 })
	b.expect(t, identity.Accepted, "ann", "right", botnet)
	for i := range 60 {
		b.expect(t, identity.Refused, fmt.Sprint("user-", i), "Summer2026", botnet)
	}
	b.expect(t, identity.Throttled, "user-60", "Summer2026", botnet)
	b.expect(t, identity.Accepted, "ann", "right", botnet) // a neighbour who is remembered
	b.expect(t, identity.Refused, "user-60", "Summer2026", another)
	b.advance(time.Second)
	b.expect(t, identity.Refused, "user-61", "Summer2026", botnet)
}

// ATTACK: from another address of the same IPv6 network each time.
func TestAttackAddressesOfOneNetworkAreOneAddress(t *testing.T) {
	t.Parallel()
	b := guard(knowing(nil))
	throttled := 0
	for i := range 70 {
		from := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		if o := b.login(t, fmt.Sprint("user-", i), "wrong", from); o.Verdict == identity.Throttled {
			throttled++
		}
	}
	if throttled != 10 {
		t.Errorf("%d of 70 were slowed, want 10", throttled)
	}
}

func TestAWrongPairThatComesAgainIsNoNewGuess(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s)
	for range 50 { // a client that tries yesterday's password first, each time twice
		b.expect(t, identity.Refused, "ann", "yesterday", home)
		b.expect(t, identity.Refused, "ann", "yesterday", home)
		b.expect(t, identity.Accepted, "ann", "right", home)
		b.advance(10 * time.Second)
	}
	if n := s.asked.Load(); n < 50 {
		t.Errorf("asked %d times: the test did not reach past the memory", n)
	}
}

func TestErrorsOfTheSourceAreNoGuesses(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := &people{authenticate: func(context.Context, string, string) (bool, error) {
		if n.Add(1)%3 != 0 { // not often enough for the breaker
			return true, nil
		}
		return false, errors.New("reset")
	}}
	b := guard(s)
	for i := range 40 {
		if o := b.login(t, "ann", fmt.Sprint("password-", i), home); o.Verdict == identity.Throttled {
			t.Fatalf("login %d was slowed", i)
		}
	}
}

func TestFindRemembersAndAsksOnce(t *testing.T) {
	t.Parallel()
	s := &people{lookup: func(_ context.Context, name string) (bool, error) { return name == "ann", nil }}
	b := guard(s)
	for range 3 {
		if who, ok, err := b.Find(t.Context(), "ann"); err != nil || !ok || who.Name != "ann" {
			t.Fatalf("Find(ann) = %v, %v, %v", who, ok, err)
		}
		if who, ok, err := b.Find(t.Context(), "bob"); err != nil || ok || who.Name != "" {
			t.Fatalf("Find(bob) = %v, %v, %v", who, ok, err)
		}
	}
	if _, ok, err := b.Find(t.Context(), ""); ok || err != nil {
		t.Errorf("Find of nobody = %v, %v", ok, err)
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	b.advance(identity.DefaultCache * time.Second)
	_, _, _ = b.Find(t.Context(), "ann")
	if n := s.asked.Load(); n != 3 {
		t.Errorf("after its time: asked %d times, want 3", n)
	}
}

func TestASourceWithoutLookupIsNoFailingSource(t *testing.T) {
	t.Parallel()
	b := guard(&people{})
	for range 10 {
		if _, _, err := b.Find(t.Context(), "ann"); !errors.Is(err, identity.ErrNoLookup) {
			t.Fatalf("Find = %v", err)
		}
	}
	if b.Stats().Open || b.Stats().LastError != "" {
		t.Errorf("stats = %+v", b.Stats())
	}
}

// service is a source that makes identities anew.
type service struct {
	people
	regenerate func(identity.Identity) (identity.Identity, bool, error)
}

func (s *service) Regenerate(_ context.Context, of identity.Identity) (identity.Identity, bool, error) {
	s.asked.Add(1)
	return s.regenerate(of)
}

func TestRegenerateAsksEachTime(t *testing.T) {
	t.Parallel()
	s := &service{regenerate: func(of identity.Identity) (identity.Identity, bool, error) {
		of.Roles = []string{"new"}
		return of, of.Name == "ann", nil
	}}
	b := guard(s)
	for range 2 {
		if who, ok, err := b.Regenerate(t.Context(), identity.Identity{Name: "ann"}); err != nil || !ok || who.Roles[0] != "new" {
			t.Fatalf("Regenerate = %v, %v, %v", who, ok, err)
		}
	}
	if who, ok, err := b.Regenerate(t.Context(), identity.Identity{Name: "bob"}); ok || err != nil || who.Name != "" {
		t.Errorf("of one who is refused = %v, %v, %v", who, ok, err)
	}
	if n := s.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	if _, _, err := guard(&people{}).Regenerate(t.Context(), identity.Identity{Name: "ann"}); !errors.Is(err, identity.ErrNoRegenerate) {
		t.Errorf("of a source that cannot = %v", err)
	}
}

func TestAClosedSourceIsBroken(t *testing.T) {
	t.Parallel()
	s := knowing(map[string]string{"ann": "right"})
	b := guard(s)
	b.Close()
	b.Close()
	if !s.closed.Load() {
		t.Error("the source is open")
	}
	b.expect(t, identity.Broken, "ann", "right", home)
	if s.asked.Load() != 0 {
		t.Error("a closed source was asked")
	}
}

func TestStatsCountWhatHappened(t *testing.T) {
	t.Parallel()
	b := guard(knowing(map[string]string{"ann": "right"}))
	b.expect(t, identity.Accepted, "ann", "right", home)
	b.expect(t, identity.Accepted, "ann", "right", home)
	b.expect(t, identity.Refused, "ann", "wrong", home)
	got := b.Stats()
	if got.Latency <= 0 {
		t.Error("no latency")
	}
	got.Latency = 0
	if diff := cmp.Diff(identity.Stats{Calls: 2, Accepted: 2, Refused: 1, CacheHits: 1}, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// The memory stays bounded, and many users at once lose nothing.
func TestManyUsersAtOnceGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	s := &people{authenticate: func(_ context.Context, name, password string) (bool, error) { return password == "of "+name, nil }}
	b := guard(s, func(c *identity.Common) { c.MaxConcurrent = 1000 })
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 1000 {
				name := fmt.Sprint("user-", i)
				from := netip.AddrFrom4([4]byte{10, byte(w), byte(i >> 8), byte(i)})
				who, o, err := b.Login(t.Context(), name, secret.New("of "+name), from)
				if o.Verdict != identity.Accepted || who.Name != name {
					t.Errorf("%s got %v as %q: %v", name, o, who.Name, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkLoginFromMemory(b *testing.B) {
	g := guard(knowing(map[string]string{"ann": "right"}))
	password := secret.New("right")
	b.ReportAllocs()
	for b.Loop() {
		if _, o, _ := g.Login(b.Context(), "ann", password, home); o.Verdict != identity.Accepted {
			b.Fatal(o)
		}
	}
}
