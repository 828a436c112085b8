package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/engine/event"
)

const (
	// eventBuffer is how many events of a kind may wait. It bridges some
	// seconds of a slow database under heavy traffic.
	eventBuffer = 8192
	eventBatch  = 500
	// eventDelay is how long the first event of a batch waits for company.
	eventDelay = 200 * time.Millisecond
	// eventTimeout bounds one try: a server that hangs must not hold up the
	// events until the operating system gives the connection up.
	eventTimeout = 30 * time.Second
	// eventFlush is how long a stop waits for what is buffered.
	eventFlush = 5 * time.Second
	// eventTries is after how many failures in a row the events of a batch are
	// kept one by one: one that can never be kept must not hold up the rest.
	eventTries      = 30
	eventMaxBackoff = 2 * time.Second
)

// newEventsDropped counts events that were lost because whoever takes them is
// slower than the traffic. The label is a table or a target of --events.
func newEventsDropped(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatewright_events_dropped_total",
		Help: "Token requests, security events and refused calls that were not stored or sent on, by where to.",
	}, []string{"sink"})
	r.MustRegister(c)
	return c
}

// eventStore keeps events; models.Store does.
type eventStore interface {
	AddTokenRequests(context.Context, []event.Token) error
	AddSecurityEvents(context.Context, []event.Security) error
}

// eventWriter is the sink that keeps token requests and security events in the
// database. It never makes a request wait: when its buffer is full, events are
// dropped and counted.
type eventWriter struct {
	tokens   *batcher[event.Token]
	security *batcher[event.Security]
}

func newEventWriter(store eventStore, logger *slog.Logger, dropped *prometheus.CounterVec) *eventWriter {
	return &eventWriter{
		tokens:   newBatcher("token_requests", store.AddTokenRequests, logger, dropped),
		security: newBatcher("security_events", store.AddSecurityEvents, logger, dropped),
	}
}

// Access is not kept here: refusals keeps those that were refused.
func (w *eventWriter) Access(event.Access) {}

// Token keeps a token request.
func (w *eventWriter) Token(t event.Token) { w.tokens.add(t) }

// Security keeps a security event.
func (w *eventWriter) Security(e event.Security) { w.security.add(e) }

// Close writes what is buffered. The database must still be there.
func (w *eventWriter) Close() {
	w.tokens.close()
	w.security.close()
}

// batcher collects events and keeps many at once, from a goroutine of its own.
type batcher[T any] struct {
	name    string
	keep    func(context.Context, []T) error
	logger  *slog.Logger
	dropped prometheus.Counter
	// queue holds pointers, as room for all that may wait would take megabytes of a
	// process in which nothing does.
	queue  chan *T
	stop   chan struct{} // closed by close
	done   chan struct{} // closed when all is written
	closed atomic.Bool
	// ctx ends when a stop has waited long enough.
	ctx    context.Context
	cancel context.CancelFunc
}

func newBatcher[T any](name string, keep func(context.Context, []T) error, logger *slog.Logger, dropped *prometheus.CounterVec) *batcher[T] {
	b := &batcher[T]{
		name: name, keep: keep, logger: logger, dropped: dropped.WithLabelValues(name),
		queue: make(chan *T, eventBuffer), stop: make(chan struct{}), done: make(chan struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

func (b *batcher[T]) add(e T) {
	if b.closed.Load() {
		b.dropped.Inc()
		return
	}
	select {
	case b.queue <- &e:
	default:
		b.dropped.Inc()
	}
}

func (b *batcher[T]) close() {
	if b.closed.Swap(true) {
		return
	}
	close(b.stop)
	timer := time.AfterFunc(eventFlush, b.cancel)
	<-b.done
	timer.Stop()
	b.cancel()
}

func (b *batcher[T]) run() {
	defer close(b.done)
	var batch []T
	for {
		batch = b.collect(batch[:0])
		if len(batch) == 0 {
			return // stopped and empty
		}
		b.write(batch)
		clear(batch) // what the events point to goes with them
	}
}

// collect waits for an event and a moment for more. After the stop it takes
// what is there, and nothing when that is nothing.
func (b *batcher[T]) collect(batch []T) []T {
	select {
	case e := <-b.queue:
		batch = append(batch, *e)
	case <-b.stop:
		return b.drain(batch)
	}
	timer := time.NewTimer(eventDelay)
	defer timer.Stop()
	for len(batch) < eventBatch {
		select {
		case e := <-b.queue:
			batch = append(batch, *e)
		case <-timer.C:
			return batch
		case <-b.stop:
			return b.drain(batch)
		}
	}
	return batch
}

func (b *batcher[T]) drain(batch []T) []T {
	for len(batch) < eventBatch {
		select {
		case e := <-b.queue:
			batch = append(batch, *e)
		default:
			return batch
		}
	}
	return batch
}

// write keeps a batch, trying again while the database is away: the buffer
// behind it fills meanwhile, which is its purpose.
func (b *batcher[T]) write(batch []T) {
	wait := eventDelay
	for try := 1; ; try++ {
		err := b.try(batch)
		if err == nil {
			if try > 1 {
				b.logger.Info("events are stored again", "table", b.name)
			}
			return
		}
		if try == 1 && b.ctx.Err() == nil {
			b.logger.Warn("events not stored; trying again", "table", b.name, "events", len(batch), "error", err)
		}
		if try == eventTries || !b.pause(wait) {
			b.writeSingly(batch)
			return
		}
		wait = min(2*wait, eventMaxBackoff)
	}
}

func (b *batcher[T]) try(batch []T) error {
	ctx, cancel := context.WithTimeout(b.ctx, eventTimeout)
	defer cancel()
	return b.keep(ctx, batch)
}

// pause waits, and is false when there is no time any more.
func (b *batcher[T]) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.ctx.Done():
		return false
	}
}

func (b *batcher[T]) writeSingly(batch []T) {
	lost := 0
	for i := range batch {
		if b.ctx.Err() != nil || b.try(batch[i:i+1]) != nil {
			lost++
		}
	}
	if lost > 0 {
		b.dropped.Add(float64(lost))
		b.logger.Error("events lost", "table", b.name, "events", lost)
	}
}
