package models

import (
	"context"
	"sync"
)

// background is work that goes on after the request that began it. The store
// owns it and waits for it.
type background struct {
	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex
	ended   bool
	running sync.WaitGroup
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// start does work, unless all has ended.
func (b *background) start(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.running.Go(func() { work(b.ctx) })
	return true
}

// end takes no more work and waits for what is under way; when ctx ends, that
// is told to stop.
func (b *background) end(ctx context.Context) {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	defer context.AfterFunc(ctx, b.cancel)()
	b.running.Wait()
	b.cancel()
}

// Drain lets work that goes on in the background finish until ctx ends, then
// stops what is left in an orderly way: an import says that it was interrupted.
func (s *Store) Drain(ctx context.Context) { s.background.end(ctx) }
