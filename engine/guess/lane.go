package guess

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrBusy means that a lane's queue is full.
var ErrBusy = errors.New("too many requests are waiting")

// Lane bounds dear work: so many at once, so many waiting, the rest turned
// away. It keeps a flood of such work from taking every processor and all
// memory from everything else. It is safe for concurrent use.
type Lane struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
}

// NewLane makes a lane with that many places to work and to wait.
func NewLane(slots, queue int) *Lane {
	return &Lane{slots: make(chan struct{}, slots), queue: int64(queue)}
}

// Beside is a lane with the same places to work and a queue of its own: who fills the
// one queue turns nobody away from the other.
func (l *Lane) Beside() *Lane { return &Lane{slots: l.slots, queue: l.queue} }

// Enter waits for a slot; every nil needs a Leave. Errors are ErrBusy and that
// of ctx.
func (l *Lane) Enter(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	if l.waiting.Add(1) > l.queue {
		l.waiting.Add(-1)
		return ErrBusy
	}
	defer l.waiting.Add(-1)
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives the slot back.
func (l *Lane) Leave() { <-l.slots }

// Waiting is how many stand in the queue.
func (l *Lane) Waiting() int64 { return l.waiting.Load() }
