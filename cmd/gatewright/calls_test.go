package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/models"
)

// ledger adds up, and refuses as often as it is told to.
type ledger struct {
	mu     sync.Mutex
	refuse int
	counts map[string]int64
}

func (l *ledger) AddCalls(_ context.Context, list []models.CallCount) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse > 0 {
		l.refuse--
		return errors.New("down")
	}
	for _, c := range list {
		if l.counts == nil {
			l.counts = map[string]int64{}
		}
		l.counts[fmt.Sprintf("%s %s/%s/%s/%s", c.Hour.UTC().Format(time.RFC3339), c.Environment, c.Project, c.Group, c.Proxy)] += c.Calls
	}
	return nil
}

func TestCallsAreCountedByAPIAndHour(t *testing.T) {
	t.Parallel()
	l := &ledger{refuse: 1}
	c := newCalls(l, quiet)
	at := time.Date(2026, 1, 2, 3, 59, 59, 0, time.UTC)
	call := event.Access{Time: at, Environment: "production", Project: "Shop", Proxy: "orders"}
	through, later, lost := call, call, event.Access{Time: at, Environment: "production"}
	through.Group, later.Time = "All", at.Add(time.Second)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.Access(call)
				c.Access(lost)
			}
		})
	}
	wg.Wait()
	c.flush() // the database is down; the counts are kept
	c.Access(call)
	c.Access(through)
	c.Access(later)
	c.Close()
	want := map[string]int64{
		"2026-01-02T03:00:00Z production/Shop//orders": 801, "2026-01-02T03:00:00Z production/Shop/All/orders": 1, "2026-01-02T04:00:00Z production/Shop//orders": 1,
	}
	if diff := cmp.Diff(want, l.counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCountingACallAllocatesNothing(t *testing.T) {
	c := newCalls(&ledger{}, quiet)
	defer c.Close()
	call := event.Access{Time: time.Now(), Environment: "production", Project: "Shop", Proxy: "orders"}
	c.Access(call)
	if n := testing.AllocsPerRun(100, func() { c.Access(call) }); n > 0.1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCountingACall(b *testing.B) {
	c := newCalls(&ledger{}, quiet)
	defer c.Close()
	call := event.Access{Time: time.Now(), Environment: "production", Project: "Shop", Proxy: "orders"}
	b.ReportAllocs()
	for b.Loop() {
		c.Access(call)
	}
}

func BenchmarkCountingACallBesideMetrics(b *testing.B) {
	m := newMetrics()
	call := event.Access{Time: time.Now(), Environment: "production", Project: "Shop", Proxy: "orders", Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		m.Access(call)
	}
}
