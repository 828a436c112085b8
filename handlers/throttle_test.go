package handlers

import (
	"fmt"
	"testing"
	"time"
)

// hands is a clock that a test moves.
type hands struct{ now time.Time }

func (h *hands) Now() time.Time { return h.now }

func failing(t *throttle, n int, name, address string) {
	for range n {
		t.Failed(name, address)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		before  func(*throttle)
		waits   bool
		whoName string
		whoFrom string
	}{
		{"nothing has failed", func(*throttle) {}, false, "ada", "10.0.0.1"},
		{"four failures are free", func(t *throttle) { failing(t, 4, "ada", "10.0.0.1") }, false, "ada", "10.0.0.1"},
		{"the sixth attempt waits", func(t *throttle) { failing(t, 5, "ada", "10.0.0.1") }, true, "ada", "10.0.0.1"},
		{"another spelling of the name is the same name", func(t *throttle) { failing(t, 5, "ADA", "10.0.0.1") }, true, "ada", "10.0.0.1"},
		{"somebody elsewhere is not locked out", func(t *throttle) { failing(t, 5, "ada", "10.0.0.1") }, false, "ada", "10.0.0.2"},
		{"another person there is not locked out", func(t *throttle) { failing(t, 5, "ada", "10.0.0.1") }, false, "otto", "10.0.0.1"},
		{"an address that tries many names waits", func(t *throttle) {
			for i := range 30 {
				t.Failed(fmt.Sprint("user", i), "10.0.0.1")
			}
		}, true, "unseen", "10.0.0.1"},
		{"a name tried from many addresses waits", func(t *throttle) {
			for i := range 50 {
				t.Failed("ada", fmt.Sprint("10.0.1.", i))
			}
		}, true, "ada", "10.9.9.9"},
		{"a success forgives the pair", func(t *throttle) {
			failing(t, 5, "ada", "10.0.0.1")
			t.Succeeded("Ada", "10.0.0.1")
		}, false, "ada", "10.0.0.1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			th := newThrottle((&hands{time.Unix(1_800_000_000, 0)}).Now)
			c.before(th)
			if wait := th.Wait(c.whoName, c.whoFrom); (wait > 0) != c.waits {
				t.Errorf("waits %v, want to wait: %v", wait, c.waits)
			}
		})
	}
}

func TestThrottleLetsGoAfterTheTimeItNamed(t *testing.T) {
	t.Parallel()
	clock := &hands{time.Unix(1_800_000_000, 0)}
	th := newThrottle(clock.Now)
	failing(th, 5, "ada", "10.0.0.1")
	wait := th.Wait("ada", "10.0.0.1")
	if wait <= 0 || wait > pairAllowance.every {
		t.Fatalf("waits %v, want at most %v", wait, pairAllowance.every)
	}
	clock.now = clock.now.Add(wait + time.Millisecond)
	if again := th.Wait("ada", "10.0.0.1"); again != 0 {
		t.Errorf("still waits %v", again)
	}
}

// Somebody who invents names must not make us remember them all.
func TestThrottleRemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	clock := &hands{time.Unix(1_800_000_000, 0)}
	th := newThrottle(clock.Now)
	for i := range maxBuckets {
		th.Failed(fmt.Sprint("user", i), fmt.Sprint("address", i))
	}
	if len(th.buckets) > maxBuckets+3 {
		t.Errorf("remembers %d, want at most %d", len(th.buckets), maxBuckets+3)
	}
}
