package balance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/engine/balance"
)

// pool has addresses a, b, c ... of these weights, which rest for 10 s after 3
// failures.
func pool(change func(*balance.Options), weights ...int) *balance.Pool {
	o := balance.Options{Failures: 3, Rest: 10 * time.Second}
	for i, w := range weights {
		o.Addresses = append(o.Addresses, balance.Address{Name: string(rune('a' + i)), Weight: w})
	}
	if change != nil {
		change(&o)
	}
	return balance.New(o)
}

// ask makes a call that ends with o, and returns the address's letter, "-" for none.
func ask(p *balance.Pool, o balance.Outcome) string {
	t, ok := p.Pick(0)
	if !ok {
		return "-"
	}
	t.Report(o)
	t.Release()
	return string(rune('a' + t.Address()))
}

func asked(p *balance.Pool, n int, o balance.Outcome) (list string) {
	for range n {
		list += ask(p, o)
	}
	return list
}

// lay lays the address of that letter to rest.
func lay(t testing.TB, p *balance.Pool, letter string) {
	t.Helper()
	for range 1000 {
		if health(p, letter) == balance.Resting {
			return
		}
		try, ok := p.Pick(0)
		if !ok {
			break
		}
		o := balance.Abandoned
		if string(rune('a'+try.Address())) == letter {
			o = balance.NotConnected
		}
		try.Report(o)
		try.Release()
	}
	t.Fatalf("%s does not rest", letter)
}

func health(p *balance.Pool, letter string) balance.Health { return p.States()[letter[0]-'a'].Health }

func TestWeightsAreExactOverARoundAndSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "aaaa"},
		{[]int{7, 7, 7}, "abcabc"},
		{[]int{5, 1, 1}, "aabacaa" + "aabacaa"},
		{[]int{100, 50}, "abaaba"},
		{[]int{1000, 1000, 500}, "abcabab" + "cab"},
	} {
		if got := asked(pool(nil, tt.weights...), len(tt.want), balance.Answered); got != tt.want {
			t.Errorf("weights %v: %s, want %s", tt.weights, got, tt.want)
		}
	}
	weights := make([]int, balance.MaxAddresses)
	for i := range weights {
		weights[i] = balance.MaxWeight - i
	}
	p, counts, total := pool(nil, weights...), make([]int, len(weights)), 0
	for _, w := range weights {
		total += w
	}
	for range total {
		try, _ := p.Pick(0)
		counts[try.Address()]++
	}
	if !slices.Equal(counts, weights) {
		t.Errorf("a round of the largest pool has %v, want %v", counts, weights)
	}
}

func TestTenThousandAtOnceAreCountedExactly(t *testing.T) {
	t.Parallel()
	for _, choice := range []balance.Choice{balance.RoundRobin, balance.LeastConnections} {
		p := pool(func(o *balance.Options) { o.Choice = choice }, 3, 2)
		var counts [2]atomic.Int64
		var all sync.WaitGroup
		for n := range 10_000 {
			all.Go(func() {
				try, ok := p.Pick(0)
				if !ok {
					t.Error("nobody is there")
					return
				}
				counts[try.Address()].Add(1)
				if n%2 == 0 {
					try.Report(balance.Answered)
				} else {
					try.Report(balance.Abandoned)
				}
				try.Release()
			})
		}
		all.Wait()
		if choice == balance.RoundRobin && counts[0].Load() != 6000 {
			t.Errorf("a had %d calls, want 6000", counts[0].Load())
		}
		for _, s := range p.States() {
			if s.Calls != 0 || s.Health != balance.Well {
				t.Errorf("after all calls %+v", s)
			}
		}
	}
}

// Outcomes of all kinds from many goroutines leave a pool that works.
func TestFlappingFromManySidesLeavesAPoolThatWorks(t *testing.T) {
	t.Parallel()
	p := pool(func(o *balance.Options) { o.Failures, o.Rest = 1, time.Nanosecond }, 1, 1, 1)
	var all sync.WaitGroup
	for n := range 2000 {
		all.Go(func() {
			try, ok := p.Pick(0)
			if !ok {
				t.Error("nobody is called")
				return
			}
			try.Report([]balance.Outcome{balance.Answered, balance.Broken, balance.Abandoned, balance.TimedOut, balance.NotConnected}[n%5])
			try.Release()
		})
	}
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

func TestTheFewestCallsByWeightAreNext(t *testing.T) {
	t.Parallel()
	p := pool(func(o *balance.Options) { o.Choice = balance.LeastConnections }, 2, 1)
	var open []balance.Try
	for range 9 {
		try, _ := p.Pick(0)
		open = append(open, try)
	}
	if s := p.States(); s[0].Calls != 6 || s[1].Calls != 3 {
		t.Errorf("calls under way %+v, want 6 and 3", s)
	}
	for _, try := range open {
		if try.Address() == 1 {
			try.Report(balance.Answered)
			try.Release()
		}
	}
	for range 3 {
		if try, _ := p.Pick(0); try.Address() != 1 {
			t.Error("who has nothing to do is not asked")
		}
	}
}

func TestAnAddressRestsAfterFailuresInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []balance.Change
		p := pool(func(o *balance.Options) { o.OnChange = func(c balance.Change) { changes = append(changes, c) } }, 1, 1)
		fail := func(o balance.Outcome) { // a's, by way of a retry
			try, _ := p.Pick(balance.Set(0).With(1))
			try.Report(o)
			try.Release()
		}
		fail(balance.NotConnected)
		fail(balance.TimedOut)
		fail(balance.Abandoned)   // says nothing
		fail(balance.Unavailable) // is an answer, unless it is said to count
		fail(balance.Broken)
		fail(balance.Broken)
		if health(p, "a") != balance.Well {
			t.Fatal("rests although the failures were not in a row")
		}
		fail(balance.TimedOut)
		want := balance.Change{Address: "a", Health: balance.Resting, Reason: "3 calls in a row failed; the last one got no answer in time."}
		if len(changes) != 1 || changes[0] != want {
			t.Fatalf("changes %+v", changes)
		}
		if got := asked(p, 4, balance.Answered); got != "bbbb" {
			t.Errorf("while a rests %s is asked", got)
		}
		time.Sleep(10 * time.Second)
		// One call tries it, and others do not wait for what becomes of that.
		try, _ := p.Pick(0)
		if got := asked(p, 3, balance.Answered); try.Address() != 0 || got != "bbb" {
			t.Errorf("%d tries, the others asked %s", try.Address(), got)
		}
		try.Report(balance.NotConnected)
		try.Release()
		if got := asked(p, 3, balance.Answered); got != "bbb" {
			t.Errorf("after a failed trial %s", got)
		}
		time.Sleep(10 * time.Second)
		try, _ = p.Pick(0)
		try.Report(balance.Abandoned) // decides nothing: the next one tries
		try.Release()
		if got := ask(p, balance.Answered); got != "a" || health(p, "a") != balance.Well {
			t.Errorf("%s tried it, and it is %s", got, health(p, "a"))
		}
		if got := asked(p, 4, balance.Answered); strings.Count(got, "a") != 2 {
			t.Errorf("after its rest %s", got)
		}
		if len(changes) != 2 || changes[1] != (balance.Change{Address: "a", Health: balance.Well}) || p.States()[0].Rests != 1 {
			t.Errorf("changes %+v, states %+v", changes, p.States())
		}
	})
}

func TestUnavailableCountsWhereThatIsSaid(t *testing.T) {
	t.Parallel()
	p := pool(func(o *balance.Options) { o.Unavailable = true }, 1)
	asked(p, 3, balance.Unavailable)
	if health(p, "a") != balance.Resting {
		t.Error("502, 503 and 504 do not count")
	}
}

func TestWhereAllRest(t *testing.T) {
	t.Parallel()
	t.Run("they are called nevertheless, and the first that answers is well", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := pool(nil, 1, 1)
			lay(t, p, "a")
			lay(t, p, "b")
			if got := asked(p, 4, balance.Broken); strings.Count(got, "a") != 2 || strings.Count(got, "b") != 2 {
				t.Errorf("%s is asked", got)
			}
			got := ask(p, balance.Answered)
			if health(p, got) != balance.Well || asked(p, 3, balance.Answered) != strings.Repeat(got, 3) {
				t.Errorf("%s has answered: %+v", got, p.States())
			}
		})
	})
	t.Run("they are not called where that is refused, until one may be tried", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := pool(func(o *balance.Options) { o.Refuse = true }, 1)
			asked(p, 3, balance.TimedOut)
			if got := asked(p, 2, balance.Answered); got != "--" || p.Wait() != 10*time.Second {
				t.Errorf("%s is asked, wait %s", got, p.Wait())
			}
			time.Sleep(10 * time.Second)
			try, ok := p.Pick(0)
			if !ok || ask(p, balance.Answered) != "-" || p.Wait() != time.Second {
				t.Error("not exactly one tries it")
			}
			try.Report(balance.Answered)
			try.Release()
			if got := asked(p, 2, balance.Answered); got != "aa" {
				t.Errorf("then %s", got)
			}
		})
	})
}

func TestATryGoesToAnotherAddressWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for _, choice := range []balance.Choice{balance.RoundRobin, balance.LeastConnections} {
		p := pool(func(o *balance.Options) { o.Choice = choice }, 1, 1, 1)
		var tried balance.Set
		for range 3 {
			try, ok := p.Pick(tried)
			if !ok || tried.Has(try.Address()) {
				t.Fatalf("%d was tried", try.Address())
			}
			tried = tried.With(try.Address())
		}
		if _, ok := p.Pick(tried); !ok {
			t.Error("nobody is left")
		}
	}
}

func TestHealthChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ill atomic.Uint64 // of those that fail, as a set
		var checks atomic.Int64
		changes := make(chan balance.Change, 100)
		p := pool(func(o *balance.Options) {
			o.OnChange = func(c balance.Change) { changes <- c }
			o.Check = &balance.Check{Interval: 5 * time.Second, Timeout: time.Second, Healthy: 2, Unhealthy: 3, Probe: func(ctx context.Context, i int) error {
				checks.Add(1)
				if balance.Set(ill.Load()).Has(i) {
					<-ctx.Done()
					return errors.New("it hangs")
				}
				return nil
			}}
		}, 1, 1)
		p.Start()
		p.Start() // once is enough
		time.Sleep(time.Minute)
		if n := checks.Load(); n < 22 || n > 26 {
			t.Errorf("%d checks of 2 addresses in a minute", n)
		}
		ill.Store(uint64(balance.Set(0).With(0)))
		c := <-changes
		if want := (balance.Change{Address: "a", Health: balance.Down, Reason: "The health check failed: it hangs."}); c != want {
			t.Errorf("change %+v", c)
		}
		if got := asked(p, 3, balance.Answered); got != "bbb" {
			t.Errorf("while a is down %s", got)
		}
		// One that rested as it went down has not to be tried when it comes back.
		ill.Store(0)
		open := begin(t, p, "b")
		<-changes
		end(open, balance.Answered)
		began := asked(p, 8, balance.Answered)
		ill.Store(uint64(balance.Set(0).With(0)))
		for range 3 {
			end(begin(t, p, "a"), balance.Broken)
		}
		<-changes
		<-changes
		time.Sleep(time.Second)
		ill.Store(0)
		if c := <-changes; c != (balance.Change{Address: "a", Health: balance.Well}) || strings.Count(asked(p, 8, balance.Answered), "a") != 4 || strings.Count(began, "a") != 4 {
			t.Errorf("after its return %+v, %+v", c, p.States())
		}
		ill.Store(uint64(balance.Set(0).With(0)))
		<-changes
		// The other one rests: it is called nevertheless, and who is down is not.
		if got := asked(p, 6, balance.Broken); got != "bbbbbb" {
			t.Errorf("with b at rest %s", got)
		}
		<-changes
		ill.Store(uint64(balance.Set(0).With(0).With(1)))
		<-changes
		if got := asked(p, 2, balance.Answered); got != "--" || p.Wait() != 5*time.Second {
			t.Errorf("with all down %s, wait %s", got, p.Wait())
		}
		ill.Store(0)
		<-changes
		<-changes
		if got := asked(p, 8, balance.Answered); !strings.Contains(got, "a") || !strings.Contains(got, "b") {
			t.Errorf("after all recovered %s", got)
		}
		p.Close()
		n := checks.Load()
		time.Sleep(time.Hour)
		if checks.Load() != n {
			t.Error("a closed pool checks on")
		}
		if ask(p, balance.Answered) == "-" {
			t.Error("calls that have a closed pool still cannot end with it")
		}
	}) // which fails while a goroutine is left
}

func TestAPoolThatNeverBeganCloses(t *testing.T) {
	t.Parallel()
	pool(nil, 1).Close()
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	r, all := balance.Retries{Count: 2}, balance.Retries{Count: 2, Unavailable: true}
	for _, tt := range []struct {
		what    string
		rules   balance.Retries
		method  string
		read    bool
		outcome balance.Outcome
		made    int
		want    bool
	}{
		{"no connection", r, "GET", false, balance.NotConnected, 1, true},
		{"the last one", r, "GET", false, balance.NotConnected, 2, true},
		{"one too many", r, "GET", false, balance.NotConnected, 3, false},
		{"none are wanted", balance.Retries{}, "GET", false, balance.NotConnected, 1, false},
		{"a PUT whose body is whole", r, "PUT", false, balance.NotConnected, 1, true},
		{"a PUT whose body has begun", r, "PUT", true, balance.NotConnected, 1, false},
		{"a POST", r, "POST", false, balance.NotConnected, 1, false},
		{"a PATCH", all, "PATCH", false, balance.Unavailable, 1, false},
		{"a 503", r, "GET", false, balance.Unavailable, 1, false},
		{"a 503 where that is wanted", all, "DELETE", false, balance.Unavailable, 1, true},
		{"a timeout", all, "GET", false, balance.TimedOut, 1, false},
		{"a broken connection", all, "GET", false, balance.Broken, 1, false},
		{"an answer", all, "GET", false, balance.Answered, 1, false},
	} {
		if got := tt.rules.Allow(tt.method, tt.read, tt.outcome, tt.made); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}

// TestACallCostsNoMemory is the rule that BenchmarkPick measures.
func TestACallCostsNoMemory(t *testing.T) {
	for name, p := range benchmarked() {
		if n := testing.AllocsPerRun(1000, func() { call(p) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func benchmarked() map[string]*balance.Pool {
	least := func(o *balance.Options) { o.Choice = balance.LeastConnections }
	return map[string]*balance.Pool{
		"1":        pool(nil, 1),
		"3":        pool(nil, 3, 2, 1),
		"32":       pool(nil, slices.Repeat([]int{7, 3}, 16)...),
		"3 least":  pool(least, 3, 2, 1),
		"32 least": pool(least, slices.Repeat([]int{7, 3}, 16)...),
	}
}

func BenchmarkPick(b *testing.B) {
	for name, p := range benchmarked() {
		b.Run(fmt.Sprintf("addresses=%s", name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call(p)
			}
		})
	}
}

func call(p *balance.Pool) {
	t, _ := p.Pick(0)
	t.Report(balance.Answered)
	t.Release()
}
