package identity

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

// flights makes one question of many equal ones at the same time.
type flights[K comparable, V any] struct {
	mu    sync.Mutex
	under map[K]*flight[V]
}

// flight is a question under way; its answer stands once done is closed.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newFlights[K comparable, V any]() *flights[K, V] {
	return &flights[K, V]{under: map[K]*flight[V]{}}
}

// do waits for the answer to k: that of the question under way, or of ask. The
// question goes on when whoever asked first has left, as others may wait for it
// and what it gives is remembered.
func (f *flights[K, V]) do(ctx context.Context, k K, ask func(context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	q, there := f.under[k]
	if !there {
		q = &flight[V]{done: make(chan struct{})}
		f.under[k] = q
		go func() {
			q.value, q.err = ask(context.WithoutCancel(ctx))
			f.mu.Lock()
			delete(f.under, k)
			f.mu.Unlock()
			close(q.done)
		}()
	}
	f.mu.Unlock()
	return q.wait(ctx)
}

// alone asks without sharing the answer.
func alone[V any](ctx context.Context, ask func(context.Context) (V, error)) (V, error) {
	q := &flight[V]{done: make(chan struct{})}
	go func() {
		q.value, q.err = ask(context.WithoutCancel(ctx))
		close(q.done)
	}()
	return q.wait(ctx)
}

func (q *flight[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-q.done:
		return q.value, q.err
	case <-ctx.Done():
		var none V
		return none, fmt.Errorf("ask the identity source: %w", ctx.Err())
	}
}

// call asks the source within its limits: not while the breaker is open, not
// more at once than its lane has room for, and no longer than its timeout.
func (g *Guard) call(ctx context.Context, password secret.Text, ask func(context.Context) (lookup, error)) (lookup, error) {
	round, err := g.brake.begin()
	if err != nil {
		return lookup{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.config.Base().Timeout())
	defer cancel()
	if err := g.lane.Enter(ctx); err != nil {
		g.brake.abandon(round)
		return lookup{}, fmt.Errorf("wait for the identity source: %w", err)
	}
	asked := watched(ctx)
	l, err := g.run(ctx, ask)
	err = withoutPassword(err, password)
	asked(err)
	g.settle(round, err)
	return l, err
}

// settle reports a result. That a source cannot look people up is no failure;
// trouble with one user's entry is one, but says nothing of the others: nobody
// shall open the breaker by what stands in an entry of his own.
func (g *Guard) settle(round int, err error) {
	if errors.Is(err, ErrNoLookup) {
		err = nil
	}
	if err != nil {
		g.stats.failed(err)
	}
	var one interface{ OneUser() bool }
	if errors.As(err, &one) && one.OneUser() {
		err = nil
	}
	g.brake.done(round, err)
}

// run waits for the source, but no longer than ctx: a source that does not heed
// it is left behind. Its place in the lane stays taken until it returns, so
// only so many can be left behind.
func (g *Guard) run(ctx context.Context, ask func(context.Context) (lookup, error)) (lookup, error) {
	type result struct {
		lookup lookup
		err    error
	}
	answer := make(chan result, 1)
	began := time.Now()
	go func() {
		defer g.lane.Leave()
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{err: panicked(p)}
			}
			answer <- r
		}()
		r.err = errors.New("the identity source gave up") // should it end this goroutine
		r.lookup, r.err = ask(ctx)
	}()
	select {
	case r := <-answer:
		g.stats.took(time.Since(began))
		return r.lookup.orNobody(r.err), r.err
	case <-ctx.Done():
		g.stats.took(time.Since(began))
		return lookup{}, fmt.Errorf("the identity source did not answer in time: %w", ctx.Err())
	}
}

// orNobody makes sure that an error lets nobody in.
func (l lookup) orNobody(err error) lookup {
	if err != nil || !l.known {
		return lookup{}
	}
	return l
}

// panicked does not show the value unless it is the runtime's: a driver may
// panic with what it was given, which is a password.
func panicked(value any) error {
	if err, ok := value.(runtime.Error); ok {
		return fmt.Errorf("the identity source panicked: %w", err)
	}
	return fmt.Errorf("the identity source panicked with a %T", value)
}

// withoutPassword replaces an error that shows the password, as that of a URL
// would in which it stands.
func withoutPassword(err error, password secret.Text) error {
	if err == nil || password.IsZero() {
		return err
	}
	text, plain := err.Error(), password.Reveal()
	for _, form := range []string{plain, url.QueryEscape(plain), url.PathEscape(plain)} {
		if strings.Contains(text, form) {
			return errors.New("the identity source failed; its message is left out because it holds the password")
		}
	}
	return err
}

// blurStep is what refusals are rounded up to, in time.
const blurStep = 25 * time.Millisecond

// blur starts the clock of a refusal; what it returns waits until a whole number
// of steps has passed. A source takes care itself that an unknown name and a
// wrong password last alike; this hides what little is left of a difference.
func blur() (hold func()) {
	began := time.Now()
	return func() { time.Sleep(blurStep - time.Since(began)%blurStep) }
}
