package guess_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/guess"
)

// clock is moved by hand.
type clock struct{ at time.Time }

func newClock() *clock                   { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

var backoff = guess.Backoff{Free: 3, First: time.Second, Longest: 8 * time.Second, Forget: time.Hour}

func TestLockPausesLongerWithEveryFailure(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	for i := range 3 {
		if _, ok := l.Take("ann"); !ok {
			t.Fatalf("failure %d had a consequence", i+1)
		}
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 8, 8} {
		if _, ok := l.Take("ann"); !ok {
			t.Fatalf("attempt %d is locked before it was made", i)
		}
		wait, ok := l.Take("ann")
		if ok || wait != want*time.Second {
			t.Fatalf("pause %d = %v, %v; want %v s", i, wait, ok, int(want))
		}
		c.advance(wait)
	}
	if _, ok := l.Take("bob"); !ok {
		t.Error("another key is locked too")
	}
}

func TestLockForgetsFailuresOneByOne(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	for range 4 {
		l.Take("ann")
	}
	if _, ok := l.Peek("ann"); ok {
		t.Fatal("four failures do not lock")
	}
	c.advance(2 * time.Hour)
	for i := range 2 {
		l.Take("ann")
		if _, ok := l.Peek("ann"); (i == 0) != ok {
			t.Fatalf("after two hours, failure %d: free = %v", i+1, ok)
		}
	}
}

func TestLockIsOpenedByWhatTurnsOutToBeNoFailure(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	for range 3 {
		l.Take("ann")
	}
	for range 10 {
		if _, ok := l.Take("ann"); !ok {
			t.Fatal("a right password was locked out")
		}
		l.GiveBack("ann")
	}
}

func TestALockWithAClockSetBackOpensInItsTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	for range 4 {
		l.Take("ann")
	}
	c.advance(-24 * time.Hour)
	wait, ok := l.Peek("ann")
	if ok || wait != time.Second {
		t.Errorf("after the clock was set back it is locked for %v, %v", wait, ok)
	}
	c.advance(wait)
	if _, ok := l.Peek("ann"); !ok {
		t.Error("it stays locked")
	}
}

func TestLockWithAClockSetBackTakesNothingAway(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	l.Take("ann")
	c.advance(-time.Hour)
	for i := range 2 {
		if _, ok := l.Take("ann"); !ok {
			t.Fatalf("failure %d is locked", i+2)
		}
	}
}

// ATTACK: names of the attacker's own push the one under attack out of memory.
func TestAttackAFloodOfKeysDoesNotUnlockTheOneUnderAttack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := guess.NewLock[string](backoff, c.now)
	for range 4 {
		l.Take("ann")
	}
	for i := range 100_000 {
		l.Take(fmt.Sprint("flood-", i))
	}
	if _, ok := l.Peek("ann"); ok {
		t.Error("the flood unlocked the name")
	}
}

func TestThrottleGivesAttemptsBackWithTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	th := guess.NewThrottle[string](guess.Rate{Burst: 2, Every: 10 * time.Second}, c.now)
	for range 2 {
		if _, ok := th.Take("ann"); !ok {
			t.Fatal("an attempt of the burst was refused")
		}
	}
	if wait, ok := th.Take("ann"); ok || wait != 10*time.Second {
		t.Fatalf("third attempt: %v, %v", wait, ok)
	}
	c.advance(10 * time.Second)
	if _, ok := th.Peek("ann"); !ok {
		t.Error("an attempt did not come back")
	}
	th.Take("ann")
	th.GiveBack("ann")
	if _, ok := th.Take("ann"); !ok {
		t.Error("an attempt that was given back is lost")
	}
}

func TestNetworkIsWhatOneSubscriberHas(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := guess.Network(netip.MustParseAddr(from)).String(); got != want {
			t.Errorf("Network(%s) = %s, want %s", from, got, want)
		}
	}
	if guess.Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func TestLaneTurnsAwayWhatItsQueueDoesNotHold(t *testing.T) {
	t.Parallel()
	l := guess.NewLane(1, 0)
	if err := l.Enter(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := l.Enter(context.Background()); !errors.Is(err, guess.ErrBusy) {
		t.Errorf("Enter with a full queue = %v, want ErrBusy", err)
	}
	l.Leave()
	if err := l.Enter(context.Background()); err != nil {
		t.Errorf("Enter after Leave = %v", err)
	}
	if err := l.Beside().Enter(context.Background()); !errors.Is(err, guess.ErrBusy) {
		t.Errorf("Enter beside a lane whose one place is taken = %v, want ErrBusy", err)
	}
	queued := guess.NewLane(0, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := queued.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Enter of one who left = %v", err)
	}
	waits, leave := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() { _ = queued.Enter(waits) })
	for queued.Waiting() == 0 {
		runtime.Gosched()
	}
	if err := queued.Enter(ctx); !errors.Is(err, guess.ErrBusy) {
		t.Errorf("Enter behind a full queue = %v, want ErrBusy", err)
	}
	if err := queued.Beside().Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Enter beside a full queue = %v, want to have waited", err)
	}
	leave()
	gone.Wait()
	if err := queued.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Enter after the queue was full = %v, want to have waited", err)
	}
}
