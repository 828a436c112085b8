package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/models"
)

// callFlush is how often counts of calls are written, and callTimeout bounds one
// try.
const (
	callFlush   = 5 * time.Second
	callTimeout = 5 * time.Second
)

// callStore keeps counts of calls; models.Store does.
type callStore interface {
	AddCalls(context.Context, []models.CallCount) error
}

// callKey is what calls are counted by: names of what is deployed, and so no more
// of them than that, whatever callers send.
type callKey struct {
	environment, project, group, proxy string
	hour                               int64 // since 1970
}

// calls is the sink that counts calls by API and hour for the reports of usage.
// It never makes a call wait for the database: it counts in memory, and a
// goroutine of its own adds that up there.
type calls struct {
	store  callStore
	logger *slog.Logger
	mu     sync.RWMutex
	counts map[callKey]*atomic.Int64
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

func newCalls(store callStore, logger *slog.Logger) *calls {
	c := &calls{store: store, logger: logger, counts: map[callKey]*atomic.Int64{}, stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

// Access counts a call that found an API.
func (c *calls) Access(a event.Access) {
	if a.Proxy == "" && a.Group == "" {
		return
	}
	key := callKey{a.Environment, a.Project, a.Group, a.Proxy, a.Time.Unix() / 3600}
	// Counted under the lock, so that none is added to counts that are taken away.
	c.mu.RLock()
	n := c.counts[key]
	if n != nil {
		n.Add(1)
	}
	c.mu.RUnlock()
	if n == nil {
		c.add(key, 1)
	}
}

func (c *calls) add(key callKey, calls int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts[key]
	if n == nil {
		n = new(atomic.Int64)
		c.counts[key] = n
	}
	n.Add(calls)
}

// Token is not counted here: token requests have figures of their own.
func (*calls) Token(event.Token) {}

// Security is not counted here.
func (*calls) Security(event.Security) {}

// Close writes what is counted. The database must still be there.
func (c *calls) Close() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

func (c *calls) run() {
	defer close(c.done)
	tick := time.NewTicker(callFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.flush()
		case <-c.stop:
			c.flush()
			return
		}
	}
}

// flush adds up in the database what was counted since the last time. What it
// does not take is counted on: there are no more counts than APIs and hours.
func (c *calls) flush() {
	c.mu.Lock()
	taken := c.counts
	c.counts = make(map[callKey]*atomic.Int64, len(taken))
	c.mu.Unlock()
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := c.store.AddCalls(ctx, callCounts(taken))
	if err == nil {
		return
	}
	c.logger.Warn("counts of calls not stored; trying again", "counts", len(taken), "error", err)
	for key, n := range taken {
		c.add(key, n.Load())
	}
}

func callCounts(taken map[callKey]*atomic.Int64) []models.CallCount {
	list := make([]models.CallCount, 0, len(taken))
	for key, n := range taken {
		list = append(list, models.CallCount{
			Hour: time.Unix(key.hour*3600, 0), Environment: key.environment, Project: key.project, Group: key.group, Proxy: key.proxy, Calls: n.Load(),
		})
	}
	return list
}
