package token

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
)

// errBusy means that the lane's queue is full.
var errBusy = errors.New("too many requests are waiting")

// lane bounds expensive work: so many at once, so many waiting, the rest turned
// away. It keeps a flood of token requests from taking every processor and all
// memory from the calls being proxied.
type lane struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
}

func newLane(slots, queue int) *lane {
	return &lane{slots: make(chan struct{}, slots), queue: int64(queue)}
}

// newHashingLane leaves half of the processors to the proxied calls. One check
// takes about 45 ms and 19 MiB, so the last in the queue waits some seconds.
func newHashingLane() *lane { return newLane(max(1, runtime.GOMAXPROCS(0)/2), 64) }

// newSigningLane uses all processors: even with RSA a signature takes only
// about a millisecond.
func newSigningLane() *lane { return newLane(runtime.GOMAXPROCS(0), 512) }

// enter waits for a slot; every nil needs a leave. Errors are errBusy and that
// of ctx.
func (l *lane) enter(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	if l.waiting.Add(1) > l.queue {
		l.waiting.Add(-1)
		return errBusy
	}
	defer l.waiting.Add(-1)
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lane) leave() { <-l.slots }
