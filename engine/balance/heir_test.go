package balance_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
)

// named is pool with addresses of these names.
func named(change func(*balance.Options), names ...string) *balance.Pool {
	return pool(func(o *balance.Options) {
		o.Addresses = nil
		for _, n := range names {
			o.Addresses = append(o.Addresses, balance.Address{Name: n, Weight: 1})
		}
		if change != nil {
			change(o)
		}
	})
}

// begin is a call to the address of that name that goes on.
func begin(t testing.TB, p *balance.Pool, name string) balance.Try {
	t.Helper()
	states := p.States()
	for range 100 {
		try, ok := p.Pick(0)
		if ok && states[try.Address()].Address == name {
			return try
		}
		if ok {
			try.Report(balance.Abandoned)
			try.Release()
		}
	}
	t.Fatalf("%s is not called", name)
	return balance.Try{}
}

func end(try balance.Try, o balance.Outcome) {
	try.Report(o)
	try.Release()
}

func stateOf(t testing.TB, p *balance.Pool, name string) balance.State {
	t.Helper()
	for _, s := range p.States() {
		if s.Address == name {
			return s
		}
	}
	t.Fatalf("no %s in %+v", name, p.States())
	return balance.State{}
}

func TestAnHeirKnowsWhatWasKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := named(nil, "x", "y", "z")
		for range 3 {
			end(begin(t, old, "y"), balance.TimedOut)
		}
		began := time.Now()
		open := begin(t, old, "z")
		time.Sleep(4 * time.Second)
		p := named(nil, "new", "z/", "y") // elsewhere, and x is gone
		p.Succeed(old)
		want := balance.State{
			Address: "y", Health: balance.Resting, Rests: 1, Since: began, Reason: "3 calls in a row failed; the last one got no answer in time.",
		}
		if got := stateOf(t, p, "y"); got != want {
			t.Errorf("y is %+v, want %+v", got, want)
		}
		if s := stateOf(t, p, "z/"); s.Calls != 1 || s.Health != balance.Well {
			t.Errorf("z, where a call is under way, is %+v", s)
		}
		if got := asked(p, 4, balance.Answered); got != "abab" {
			t.Errorf("%s is asked", got)
		}
		end(open, balance.Answered)
		if s := stateOf(t, p, "z/"); s.Calls != 0 {
			t.Errorf("after its end z is %+v", s)
		}
		time.Sleep(6 * time.Second)
		if want.Reason += " Its rest is over: the next call tries it."; stateOf(t, p, "y") != want {
			t.Errorf("after its rest y is %+v", stateOf(t, p, "y"))
		}
		if got := ask(p, balance.Answered); got != "c" || stateOf(t, p, "y").Health != balance.Well {
			t.Errorf("%s was tried, y is %+v", got, stateOf(t, p, "y"))
		}
	})
}

// What became of calls that began before counts where they would have been counted
// otherwise.
func TestOutcomesOfCallsThatBeganBeforeCountForTheHeir(t *testing.T) {
	t.Parallel()
	t.Run("failures in a row", func(t *testing.T) {
		t.Parallel()
		old := named(nil, "x", "y")
		end(begin(t, old, "y"), balance.Broken)
		first, second, gone := begin(t, old, "y"), begin(t, old, "y"), begin(t, old, "x")
		middle := named(nil, "y", "w")
		middle.Succeed(old)
		end(first, balance.Broken)
		p := named(nil, "v", "y") // two deploys while the call goes on
		p.Succeed(middle)
		end(second, balance.Broken)
		end(gone, balance.Broken)
		if s := stateOf(t, p, "y"); s.Health != balance.Resting || s.Calls != 0 {
			t.Errorf("after three failures %+v", s)
		}
		old.CountRetry()
		if p.Retries() != 1 {
			t.Errorf("%d retries", p.Retries())
		}
	})
	t.Run("the one call that tries a resting address", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			old := named(nil, "x", "y")
			for range 3 {
				end(begin(t, old, "y"), balance.Broken)
			}
			time.Sleep(10 * time.Second)
			trial := begin(t, old, "y")
			p := named(nil, "x", "y")
			p.Succeed(old)
			if got := asked(p, 4, balance.Answered); got != "aaaa" {
				t.Errorf("while one tries it %s is asked", got)
			}
			end(trial, balance.Answered)
			if s := stateOf(t, p, "y"); s.Health != balance.Well {
				t.Errorf("after a good trial %+v", s)
			}
		})
	})
}

// An heir by whose rules an address can never be well again does not begin with it.
func TestAnHeirActsByItsOwnRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := make(chan balance.Change, 10)
		checked := func(o *balance.Options) {
			o.OnChange = func(c balance.Change) { down <- c }
			o.Check = &balance.Check{Interval: time.Second, Timeout: time.Second, Healthy: 2, Unhealthy: 2, Probe: func(_ context.Context, i int) error {
				if i == 0 {
					return errors.New("it hangs")
				}
				return nil
			}}
		}
		old := named(checked, "x", "y")
		old.Start()
		<-down
		began := time.Now()
		old.Close()
		for range 3 {
			end(begin(t, old, "y"), balance.Broken)
		}
		<-down
		time.Sleep(time.Second)
		free := named(func(o *balance.Options) { o.Failures = 0 }, "x", "y")
		free.Learn(old)
		for _, s := range free.States() {
			if s.Health != balance.Well || s.Reason != "" || s.Since.Equal(began) {
				t.Errorf("with neither a check nor a rest %+v", s)
			}
		}
		p := named(func(o *balance.Options) { checked(o); o.Rest = time.Second }, "x", "y")
		p.Learn(old)
		if s := stateOf(t, p, "x"); s.Health != balance.Down || !s.Since.Equal(began) || s.Reason != "The health check failed: it hangs." {
			t.Errorf("with a check of its own %+v", s)
		}
		time.Sleep(time.Second)
		if got := ask(p, balance.Answered); got != "b" {
			t.Errorf("%s is tried, although a rest is a second here", got)
		}
		if s := stateOf(t, old, "y"); s.Health != balance.Resting {
			t.Errorf("the one that goes on has %+v", s)
		}
	})
}

// Calls of every outcome go on while one pool after the other takes over: none is
// lost or counted twice, and no address stays one that somebody is trying.
func TestHeirsOfPoolsThatAreInUse(t *testing.T) {
	t.Parallel()
	quick := func(o *balance.Options) { o.Failures, o.Rest = 1, time.Nanosecond }
	p := named(quick, "x", "y", "z")
	var mu sync.RWMutex // of p, as a snapshot is swapped
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for k := range 2000 {
				mu.RLock()
				now := p
				mu.RUnlock()
				try, ok := now.Pick(0)
				if !ok {
					t.Error("nobody is called")
					return
				}
				end(try, []balance.Outcome{balance.Answered, balance.Broken, balance.Abandoned, balance.TimedOut}[(n+k)%4])
			}
		})
	}
	all.Go(func() {
		for k := range 200 {
			next := named(quick, [][]string{{"x", "y", "z"}, {"z", "y", "x"}, {"y", "x", "z"}}[k%3]...)
			next.Succeed(p)
			mu.Lock()
			p = next
			mu.Unlock()
		}
	})
	all.Wait()
	for range 100 {
		ask(p, balance.Answered)
	}
	for _, s := range p.States() {
		if s.Health != balance.Well || s.Calls != 0 {
			t.Errorf("%+v after 100 good calls", s)
		}
	}
}
